/* SPDX-License-Identifier: MIT */
/*
 * The capability list (PCI 3.0 6.7): walked once, at admission, with every
 * pointer suspected. A list that loops, leaves configuration space or points
 * into the header ends there, with a line in the log; what came before counts.
 *
 * The same for the list of extended capabilities (PCIe 6.0 7.6.3), which
 * begins at 100h without a pointer. An empty first header means an empty list.
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

void cap_admit(struct pci_function *f)
{
	uint64_t seen = 0;
	unsigned from = PCI_REG_CAP_POINTER;
	unsigned pointer;

	if (!(arch_pci_read(f->sbdf, PCI_REG_STATUS, 2) & PCI_STS_CAPABILITIES)) {
		return;
	}
	while ((pointer = arch_pci_read(f->sbdf, from, 1)) != 0) {
		unsigned offset = pointer & PCI_CAP_POINTER_MASK;
		const char *fault = NULL;
		unsigned id = arch_pci_read(f->sbdf, offset, 1);

		if (pointer != offset) {
			log_notice("pci: " SBDF_FMT ": capability pointer %#x at %#x is misaligned",
				   SBDF_ARGS(f->sbdf), pointer, from);
		}
		if (offset < PCI_REG_DEVICE_SPECIFIC) {
			fault = "points into the header";
		} else if (seen & (1ull << (offset / 4))) {
			fault = "closes a loop";
		} else if (id == 0xff) {
			fault = "leads to nothing";
		}
		if (fault) {
			log_notice("pci: " SBDF_FMT ": capability pointer %#x at %#x %s; list ends",
				   SBDF_ARGS(f->sbdf), pointer, from, fault);
			return;
		}
		seen |= 1ull << (offset / 4);
		cap_admit_one(f, id, offset);
		from = offset + 1;
	}
}

/* ---- extended ---- */

static void cap_admit_extended_one(struct pci_function *f, unsigned id, unsigned offset)
{
	if (id == PCI_EXTCAPID_SRIOV) {
		sriov_admit(f, offset);
	} else if (id == PCI_EXTCAPID_REBAR) {
		rebar_admit(f, offset);
	}
}

void cap_admit_extended(struct pci_function *f)
{
	uint64_t seen[(PCI_CONFIG_EXT_SIZE - PCI_CONFIG_SIZE) / 4 / 64] = {0};
	unsigned from = PCI_EXTCAP_FIRST;
	unsigned pointer = PCI_EXTCAP_FIRST;

	while (pointer) {
		unsigned offset = pointer & ~3u;
		unsigned place = (offset - PCI_EXTCAP_FIRST) / 4;
		const char *fault = NULL;
		uint32_t header;

		if (pointer < PCI_EXTCAP_FIRST) {
			fault = "points below 100h";
		} else if (seen[place / 64] >> (place % 64) & 1) {
			fault = "closes a loop";
		}
		if (fault) {
			log_notice("pci: " SBDF_FMT ": extended capability pointer %#x at %#x %s; "
				   "list ends",
				   SBDF_ARGS(f->sbdf), pointer, from, fault);
			return;
		}
		header = arch_pci_read(f->sbdf, offset, 4);
		if (header == 0 || header == 0xffffffffu) {
			return; /* an empty list, or no extended registers at all */
		}
		seen[place / 64] |= 1ull << (place % 64);
		cap_admit_extended_one(f, PCI_EXTCAP_ID(header), offset);
		from = offset;
		pointer = PCI_EXTCAP_NEXT(header);
	}
}
