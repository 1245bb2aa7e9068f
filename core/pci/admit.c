/* SPDX-License-Identifier: MIT */
/*
 * Functions of the machine: how one is found and taken into the index. At
 * boot memory comes from the allocators; a function that appears later, at its
 * first access on a trap path, takes what was set aside, and is refused with
 * a line in the log when that is used up.
 *
 * Deliberately not supported: taking a function out again (hot removal); its
 * registers read as the machine's all ones. Virtual functions do not answer
 * with a vendor id (SR-IOV 1.1 3.4.1.1): they stay outside the index, and their
 * registers go through unseen.
 */
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>
#include <taproot/record.h>

#include "pci_internal.h"

bool pci_identity_present(uint32_t identity)
{
	uint32_t vendor = identity & 0xffff;

	return vendor != PCI_VENDOR_NONE && vendor != PCI_VENDOR_NOT_READY && vendor != 0;
}

static struct pci_function *function_take(struct pci_root *root)
{
	struct pci_function *f = root->spare_function;

	if (root->booting) {
		return heap_alloc(sizeof(*f));
	}
	if (f) {
		root->spare_function = f->next;
		root->spare_function_count--;
		f->next = NULL;
	}
	return f;
}

/* Map what decodes already. */
static void admit_map(struct pci_function *f)
{
	struct pci_effects effects;

	effects.count = 0;
	bar_follow(f, &effects);
	map_apply(f, &effects);
}

/* The recording gets the function as it is now: sizes known, messages off, nothing mapped. */
static void admit_record(const struct pci_function *f)
{
	uint64_t sizes[PCI_BARS_MAX];

	if (record_on) {
		for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
			sizes[i] = f->bar[i].size;
		}
		record_function(f->root->domain, f->sbdf, sizes, PCI_BARS_MAX);
	}
}

struct pci_function *pci_admit(struct pci_root *root, sbdf_t sbdf, uint32_t identity)
{
	struct pci_slot *slot = pci_slot_make(root, sbdf);
	struct pci_function *f = slot ? function_take(root) : NULL;

	if (!f) {
		root->refused_count++;
		log_guest("pci: " SBDF_FMT
			  " (%04x:%04x) is refused: nothing left for another function",
			  SBDF_ARGS(sbdf), identity & 0xffff, identity >> 16);
		return NULL;
	}
	f->root = root;
	f->sbdf = sbdf;
	f->identity = identity;
	header_admit(f);
	admit_record(f);
	f->next = root->functions;
	root->functions = f;
	root->function_count++;
	root->domain->refill = true;
	admit_map(f);
	pci_slot_publish(slot, &pci_passthrough_ops, f);
	return f;
}

/* Somebody may have admitted it while we waited for the lock. */
static bool admit_absent(struct pci_root *root, sbdf_t sbdf, uint32_t identity)
{
	struct pci_slot *slot;
	bool there;

	lock_acquire(&root->domain->pci_lock);
	slot = pci_slot_find(root, sbdf);
	there = slot && slot->ops;
	if (!there) {
		there = pci_admit(root, sbdf, identity) != NULL;
	}
	lock_release(&root->domain->pci_lock);
	return there;
}

enum verdict pci_access_absent(struct pci_root *root, struct pci_access *a)
{
	uint32_t identity;

	if (!root->domain->hardware) {
		a->value = (uint32_t)ones(a->len);
		return VERDICT_REJECT;
	}
	identity = arch_pci_read(a->sbdf, PCI_REG_VENDOR, 4);
	if (!pci_identity_present(identity)) {
		/* Nothing, not ready yet, or a virtual function: the machine knows. */
		if (a->write) {
			return VERDICT_PERFORM;
		}
		a->value = (a->reg & ~3u) == PCI_REG_VENDOR
				   ? access_extract(a, identity)
				   : arch_pci_read(a->sbdf, a->reg, a->len);
		return VERDICT_PERFORM;
	}
	if (!admit_absent(root, a->sbdf, identity)) {
		a->value = (uint32_t)ones(a->len);
		return VERDICT_REJECT;
	}
	if (a->write) {
		return VERDICT_DONE; /* the caller finds it in the index now */
	}
	return pci_slot_read(pci_slot_find(root, a->sbdf), a);
}

/* ---- what is set aside ---- */

static int refill_functions(struct pci_root *root)
{
	while (root->spare_function_count < PCI_SPARE_FUNCTIONS) {
		struct pci_function *f = heap_alloc(sizeof(*f));

		if (!f) {
			return -ENOMEM;
		}
		if (arch_iomap_init(&f->msix.region[0].window, MSIX_TABLE_PAGES + MSIX_PBA_PAGES) ||
		    arch_iomap_init(&f->msix.region[1].window, MSIX_PBA_PAGES)) {
			heap_free(f);
			return -ENOMEM;
		}
		f->next = root->spare_function;
		root->spare_function = f;
		root->spare_function_count++;
	}
	return 0;
}

int pci_root_refill(struct pci_root *root)
{
	int rc;

	lock_acquire(&root->domain->pci_lock);
	rc = refill_functions(root);
	while (rc == 0 && root->spare_bus_count < PCI_SPARE_BUSES) {
		struct pci_bus *bus = page_alloc();

		if (bus) {
			root->spare_bus[root->spare_bus_count++] = bus;
		} else {
			rc = -ENOMEM;
		}
	}
	/* Entries in use are never given back, so a used-up block is left to its users. */
	if (rc == 0 && root->spare_entry_count < PCI_SPARE_ENTRIES / 2) {
		struct msix_entry *block = heap_alloc(PCI_SPARE_ENTRIES * sizeof(*block));

		if (block) {
			root->spare_entry = block;
			root->spare_entry_count = PCI_SPARE_ENTRIES;
		} else {
			rc = -ENOMEM;
		}
	}
	lock_release(&root->domain->pci_lock);
	return rc;
}
