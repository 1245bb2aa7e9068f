/* SPDX-License-Identifier: MIT */
/*
 * What the hardware domain reports of its PCI buses, beyond functions that come
 * and go (admit.c): ECAM windows that it knows from AML (PCI Firmware 3.2
 * 4.1.2), and resets by ways that configuration space does not show.
 *
 * A new window must be free in the memory map and, on segment 0, show the
 * same functions as mechanism #1. It is served from then on and never taken
 * back. What was found before by mechanism #1 is not looked at again: its
 * extended capabilities stay undecoded (doc/caveats.md).
 */
#include <taproot/errno.h>
#include <taproot/log.h>

#include "pci_internal.h"

#define DEVICES 32u

/* A window of the root that shares buses with `w`. */
static const struct pci_window *overlapping(const struct pci_root *root, const struct pci_window *w)
{
	for (unsigned i = 0; i < root->ecam_count; i++) {
		const struct pci_window *have = &root->ecam[i].window;

		if (have->segment == w->segment && have->bus_first <= w->bus_last &&
		    w->bus_first <= have->bus_last) {
			return have;
		}
	}
	return NULL;
}

/* Does the window show what mechanism #1 shows on its first bus? pci_lock is held. */
static bool plausible(struct pci_root *root, const struct pci_window *w)
{
	if (w->segment != 0) {
		return true;
	}
	if (root->probe.pages == 0 && arch_iomap_init(&root->probe, 1)) {
		return false;
	}
	for (unsigned i = 0; i < DEVICES; i++) {
		sbdf_t s = sbdf_make(0, w->bus_first, i, 0);

		arch_iomap_set(&root->probe,
			       hpa(w->bus0.v + ((uint64_t)s.v << PCI_ECAM_DEVFN_SHIFT)));
		if (arch_iomap_read(&root->probe, PCI_REG_VENDOR, 4) !=
		    arch_pci_read(s, PCI_REG_VENDOR, 4)) {
			return false;
		}
	}
	return true;
}

static int window_add(struct pci_root *root, const struct pci_window *w)
{
	uint64_t first = w->bus0.v + ((uint64_t)w->bus_first << PCI_ECAM_BUS_SHIFT);
	uint64_t size = (uint64_t)(w->bus_last - w->bus_first + 1) << PCI_ECAM_BUS_SHIFT;
	struct pci_ecam *ecam = &root->ecam[root->ecam_count];
	int rc = root_add_segment(root, w->segment);

	if (rc) {
		return rc;
	}
	ecam->root = root;
	ecam->window = *w;
	ecam->first = sbdf_make(w->segment, w->bus_first, 0, 0);
	rc = ioreq_claim_mmio(root->domain, gpa(first), size, &pci_ecam_ops, ecam);
	if (rc) {
		return rc;
	}
	rc = plausible(root, w) ? arch_pci_add_ecam(w->segment, w->bus_first, w->bus_last, w->bus0)
				: -ENODEV;
	if (rc == 0) {
		root->ecam_count++;
	} else if (ioreq_release_mmio(root->domain, gpa(first), size)) {
		log_error("pci: the window at %#lx cannot be given back", first);
	}
	return rc;
}

int pci_window_report(struct pci_root *root, const struct pci_window *w, bool reserved)
{
	const char *said = reserved ? "" : " as not reserved";
	const struct pci_window *have;
	int rc;

	lock_acquire(&root->domain->pci_lock);
	have = overlapping(root, w);
	if (have && (have->bus0.v != w->bus0.v || w->bus_first < have->bus_first ||
		     w->bus_last > have->bus_last)) {
		rc = -EEXIST;
	} else if (!reserved) {
		rc = have ? -EOPNOTSUPP : -ENODEV;
	} else if (have) {
		rc = 0;
	} else if (pci_window_fault(root, w)) {
		rc = -EINVAL;
	} else {
		rc = window_add(root, w);
	}
	lock_release(&root->domain->pci_lock);
	if (rc) {
		log_guest("pci: ECAM window of segment %u, buses %u-%u, bus 0 at %#lx, reported%s: "
			  "refused (error %d)",
			  w->segment, w->bus_first, w->bus_last, w->bus0.v, said, rc);
	} else if (!have) {
		log_info("pci: ECAM window of segment %u, buses %u-%u, bus 0 at %#lx, reported: "
			 "served",
			 w->segment, w->bus_first, w->bus_last, w->bus0.v);
	}
	return rc;
}

int pci_reset_report(struct pci_root *root, sbdf_t s)
{
	struct pci_slot *slot = pci_slot_find(root, s);
	int rc = -ENODEV;

	lock_acquire(&root->domain->pci_lock);
	if (slot && slot->ops == &pci_passthrough_ops) {
		reset_mark_absent(slot->ctx);
		reset_look(slot->ctx);
		rc = 0;
	}
	lock_release(&root->domain->pci_lock);
	return rc;
}
