/* SPDX-License-Identifier: MIT */
/*
 * The machine's functions at boot: from the first bus of every segment through
 * the secondary buses of bridges (Bridge 1.2 3.2.5.3, 3.2.5.4), then over
 * the buses that no bridge claims, because further host bridges have root
 * buses that only AML names. Segment 0 without an ECAM window is scanned
 * through the ports.
 *
 * Deliberately not supported: ARI numbering (PCIe 6.0 7.8.8); functions above 7
 * are admitted at their first access.
 */
#include <taproot/errno.h>
#include <taproot/log.h>
#include <taproot/record.h>

#include "pci_internal.h"

/* Buses of the segment being scanned. */
struct scan {
	struct pci_root *root;
	unsigned segment;
	uint64_t reached[4]; /* a window, or the ports, reach it */
	uint64_t queued[4];  /* it is in the queue, or was */
	uint64_t behind[4];  /* a bridge forwards to it, so it is no root bus */
	uint8_t queue[256];  /* buses to be scanned */
	unsigned head, tail;
};

static bool bus_test(const uint64_t *set, unsigned bus)
{
	return set[bus / 64] >> (bus % 64) & 1;
}

static void bus_add(uint64_t *set, unsigned bus)
{
	set[bus / 64] |= 1ull << (bus % 64);
}

/* Every bus is queued once at most. */
static void scan_queue(struct scan *s, unsigned bus)
{
	if (bus_test(s->reached, bus) && !bus_test(s->queued, bus)) {
		bus_add(s->queued, bus);
		s->queue[s->tail++] = (uint8_t)bus;
	}
}

static void scan_bridge(struct scan *s, const struct pci_function *f)
{
	unsigned secondary = arch_pci_read(f->sbdf, PCI_REG_SECONDARY, 1);
	unsigned subordinate = arch_pci_read(f->sbdf, PCI_REG_SUBORDINATE, 1);

	if (secondary == 0 || secondary <= sbdf_bus(f->sbdf)) {
		return; /* not set up by firmware, or leading back */
	}
	scan_queue(s, secondary);
	for (unsigned bus = secondary; bus <= subordinate; bus++) {
		bus_add(s->behind, bus);
	}
}

/* One function, if it is there. */
static bool scan_function(struct scan *s, sbdf_t sbdf, bool *multi)
{
	uint32_t identity = arch_pci_read(sbdf, PCI_REG_VENDOR, 4);
	struct pci_slot *slot = pci_slot_find(s->root, sbdf);
	struct pci_function *f;

	if (!pci_identity_present(identity)) {
		return false;
	}
	*multi = arch_pci_read(sbdf, PCI_REG_HEADER_TYPE, 1) & PCI_HEADER_MULTI;
	if (slot && slot->ops) {
		return true; /* hidden or claimed */
	}
	f = pci_admit(s->root, sbdf, identity);
	if (f && f->layout == PCI_HEADER_BRIDGE) {
		scan_bridge(s, f);
	}
	return true;
}

static void scan_bus(struct scan *s, unsigned bus)
{
	for (unsigned dev = 0; dev < PCI_DEVICES_PER_BUS; dev++) {
		bool multi = false;

		if (!scan_function(s, sbdf_make(s->segment, bus, dev, 0), &multi) || !multi) {
			continue;
		}
		for (unsigned fn = 1; fn < PCI_FUNCTIONS_PER_DEV; fn++) {
			bool ignored;

			(void)scan_function(s, sbdf_make(s->segment, bus, dev, fn), &ignored);
		}
	}
}

static void scan_queued(struct scan *s)
{
	while (s->head < s->tail) {
		scan_bus(s, s->queue[s->head++]);
	}
}

static void scan_segment(struct scan *s)
{
	/* The lowest bus is a root bus; through bridges from it come those behind it. */
	for (unsigned bus = 0; bus < 256; bus++) {
		if (bus_test(s->reached, bus) && !bus_test(s->behind, bus)) {
			scan_queue(s, bus);
			scan_queued(s);
		}
	}
}

/* The buses of a segment that the windows, or the ports, reach. */
static bool scan_reach(struct scan *s)
{
	bool any = false;

	for (unsigned i = 0; i < s->root->ecam_count; i++) {
		const struct pci_window *w = &s->root->ecam[i].window;

		for (unsigned bus = w->bus_first; w->segment == s->segment && bus <= w->bus_last;
		     bus++) {
			bus_add(s->reached, bus);
			any = true;
		}
	}
	for (unsigned bus = 0; s->segment == 0 && !any && bus < 256; bus++) {
		bus_add(s->reached, bus);
	}
	return any || s->segment == 0;
}

int pci_root_enumerate(struct pci_root *root)
{
	int rc;

	if (!root->domain->hardware) {
		return -EINVAL;
	}
	if (record_on) {
		record_machine(root->domain);
	}
	for (unsigned n = 0; n < PCI_SEGMENTS_MAX; n++) {
		struct scan scan = {.root = root, .segment = n};

		if (root->segment[n] && scan_reach(&scan)) {
			lock_acquire(&root->domain->pci_lock);
			scan_segment(&scan);
			lock_release(&root->domain->pci_lock);
		}
	}
	root->booting = false;
	rc = pci_root_refill(root);
	if (record_on) {
		record_ready(root->domain);
	}
	log_info("pci: %u functions, %u BARs mapped, %u waiting, %u refused", root->function_count,
		 root->mapped_count, root->pending_count, root->refused_count);
	return rc;
}
