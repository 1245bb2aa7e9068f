/* SPDX-License-Identifier: MIT */
/*
 * The capability list (PCI 3.0 6.7): walked once, at admission, with every
 * pointer suspected. A list that loops, leaves configuration space or points
 * into the header ends there, with a line in the log; what came before counts.
 *
 * The same for the list of extended capabilities (PCIe 6.0 7.6.3), which
 * begins at 100h without a pointer. An empty first header means an empty list.
 *
 * Capabilities that are hidden (hide.c) are walked like the others, and what is
 * shown is linked around them. A fault behind a hidden one ends the domain's
 * list too.
 */
#include <taproot/log.h>

#include "pci_internal.h"

static void cap_admit_one(struct pci_function *f, unsigned id, unsigned offset)
{
	switch (id) {
	case PCI_CAPID_PM:
		if (!f->pm && header_set_concern(f, offset + PM_REG_CSR, 4, CONCERN_PM)) {
			f->pm = (uint8_t)offset;
			reset_read_state(f);
		}
		break;
	case PCI_CAPID_MSI:
		msi_admit(f, offset);
		break;
	case PCI_CAPID_MSIX:
		msix_admit(f, offset);
		break;
	case PCI_CAPID_EXPRESS:
		bridge_admit_express(f, offset);
		if (!f->express && offset + EXP_REG_DEVCTL < PCI_CONFIG_SIZE &&
		    (arch_pci_read(f->sbdf, offset + EXP_REG_DEVCAP, 4) & EXP_DEVCAP_FLR) &&
		    header_set_concern(f, offset + EXP_REG_DEVCTL, 4, CONCERN_EXPRESS)) {
			f->express = (uint8_t)offset;
		}
		break;
	case PCI_CAPID_AF:
		if (!f->af && offset + AF_REG_CONTROL < PCI_CONFIG_SIZE &&
		    (arch_pci_read(f->sbdf, offset + AF_REG_CAP, 1) & AF_CAP_FLR) &&
		    header_set_concern(f, offset + AF_REG_CONTROL, 4, CONCERN_AF)) {
			f->af = (uint8_t)offset;
		}
		break;
	default:
		break;
	}
}

/* What the domain finds in the list: `from` is the pointer that leads on from what is shown so far.
 */
struct shown {
	unsigned from;
	bool skipped; /* it leads to something hidden */
};

static void show(struct pci_function *f, struct shown *s, unsigned next)
{
	unsigned shift = s->from % 4 * 8;

	if (s->skipped) {
		hide_link(f, s->from & ~3u, 0xffu << shift, next << shift);
	}
	s->skipped = false;
	s->from = next + 1;
}

/* NULL, or what is wrong with a pointer that leads to `offset`. */
static const char *cap_fault(struct pci_function *f, uint64_t seen, unsigned offset)
{
	if (offset < PCI_REG_DEVICE_SPECIFIC) {
		return "points into the header";
	}
	if (seen & (1ull << (offset / 4))) {
		return "closes a loop";
	}
	return arch_pci_read(f->sbdf, offset, 1) == 0xff ? "leads to nothing" : NULL;
}

void cap_admit(struct pci_function *f)
{
	struct shown shown = {.from = PCI_REG_CAP_POINTER};
	unsigned from = PCI_REG_CAP_POINTER;
	unsigned pointer;
	uint64_t seen = 0;

	if (!(arch_pci_read(f->sbdf, PCI_REG_STATUS, 2) & PCI_STS_CAPABILITIES)) {
		return;
	}
	while ((pointer = arch_pci_read(f->sbdf, from, 1)) != 0) {
		unsigned offset = pointer & PCI_CAP_POINTER_MASK;
		const char *fault = cap_fault(f, seen, offset);
		unsigned id;

		if (pointer != offset) {
			log_notice("pci: " SBDF_FMT ": capability pointer %#x at %#x is misaligned",
				   SBDF_ARGS(f->sbdf), pointer, from);
		}
		if (fault) {
			log_notice("pci: " SBDF_FMT ": capability pointer %#x at %#x %s; list ends",
				   SBDF_ARGS(f->sbdf), pointer, from, fault);
			break;
		}
		id = arch_pci_read(f->sbdf, offset, 1);
		seen |= 1ull << (offset / 4);
		if (hide_cap(f, false, id, offset)) {
			shown.skipped = true;
		} else {
			show(f, &shown, offset);
			cap_admit_one(f, id, offset);
		}
		from = offset + 1;
	}
	show(f, &shown, 0);
}

/* ---- extended ---- */

static void cap_admit_extended_one(struct pci_function *f, unsigned id, unsigned offset)
{
	/* A virtual function has none of them (SR-IOV 1.1 3.7). */
	if (f->pf) {
		return;
	}
	switch (id) {
	case PCI_EXTCAPID_SRIOV:
		sriov_admit(f, offset);
		break;
	case PCI_EXTCAPID_REBAR:
		rebar_admit(f, offset);
		break;
	case PCI_EXTCAPID_VF_REBAR:
		rebar_note_vf(f, offset);
		break;
	default:
		break;
	}
}

static const char *cap_extended_fault(const uint64_t *seen, unsigned pointer, unsigned place)
{
	if (pointer < PCI_EXTCAP_FIRST) {
		return "points below 100h";
	}
	return seen[place / 64] >> (place % 64) & 1 ? "closes a loop" : NULL;
}

/*
 * As show(), but pointers are 12 bits of the header at shown->from. It is 100h at first: when that
 * one is hidden its registers read zero, and this pointer makes it a null capability.
 */
static void show_extended(struct pci_function *f, struct shown *s, unsigned next)
{
	if (s->skipped) {
		hide_link(f, s->from, PCI_EXTCAP_NEXT_MASK, next << PCI_EXTCAP_NEXT_SHIFT);
	}
	s->skipped = false;
	s->from = next;
}

void cap_admit_extended(struct pci_function *f)
{
	uint64_t seen[(PCI_CONFIG_EXT_SIZE - PCI_CONFIG_SIZE) / 4 / 64] = {0};
	struct shown shown = {.from = PCI_EXTCAP_FIRST};
	unsigned from = PCI_EXTCAP_FIRST;
	unsigned pointer = PCI_EXTCAP_FIRST;

	while (pointer) {
		unsigned offset = pointer & ~3u;
		unsigned place = (offset - PCI_EXTCAP_FIRST) / 4;
		const char *fault = cap_extended_fault(seen, pointer, place);
		uint32_t header;

		if (fault) {
			log_notice("pci: " SBDF_FMT ": extended capability pointer %#x at %#x %s; "
				   "list ends",
				   SBDF_ARGS(f->sbdf), pointer, from, fault);
			break;
		}
		header = arch_pci_read(f->sbdf, offset, 4);
		if (header == 0 || header == 0xffffffffu) {
			break; /* an empty list, or no extended registers at all */
		}
		seen[place / 64] |= 1ull << (place % 64);
		if (hide_cap(f, true, PCI_EXTCAP_ID(header), offset)) {
			shown.skipped = true;
		} else {
			show_extended(f, &shown, offset);
			cap_admit_extended_one(f, PCI_EXTCAP_ID(header), offset);
		}
		from = offset;
		pointer = PCI_EXTCAP_NEXT(header);
	}
	show_extended(f, &shown, 0);
	rebar_admit_vf(f);
}
