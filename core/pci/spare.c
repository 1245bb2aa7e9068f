/* SPDX-License-Identifier: MIT */
/*
 * What is set aside for functions that appear after boot, as nothing is
 * allocated on a trap path: structs with their windows, tables of buses, and
 * MSI-X entries in pieces. What a dropped function had comes back here.
 *
 * Memory of a struct or an entry stays one: a reader without a lock, or an
 * interrupt under way, finds an old or a new function there, never other data.
 */
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/string.h>

#include "pci_internal.h"

/* ---- functions ---- */

struct pci_function *spare_function_take(struct pci_root *root)
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

/* Room for the largest table, and for pending bits somewhere else. */
static bool windows_suffice(const struct pci_function *f)
{
	return f->msix.region[0].window.pages >= MSIX_TABLE_PAGES + MSIX_PBA_PAGES &&
	       f->msix.region[1].window.pages >= MSIX_PBA_PAGES;
}

void spare_function_clean(struct pci_function *f)
{
	char *rest = (char *)f + offsetof(struct pci_function, next);
	struct msix_entry *entry = f->msix.entry;
	uint16_t room = f->msix.room;

	memset(rest, 0, (size_t)((char *)&f->msix.region[0] - rest));
	for (unsigned i = 0; i < 2; i++) {
		struct msix_region *r = &f->msix.region[i];

		r->first = 0;
		r->pages = 0;
		r->bar = 0;
		r->mapped = false;
		r->offset = 0;
	}
	f->msix.entry = entry;
	f->msix.room = room;
}

void spare_function_put(struct pci_root *root, struct pci_function *f)
{
	if (f->msix.entry) {
		spare_entries_put(root, f->msix.entry, f->msix.room);
		f->msix.entry = NULL;
		f->msix.room = 0;
	}
	spare_function_clean(f);
	f->root = root;
	if (windows_suffice(f)) {
		f->next = root->spare_function;
		root->spare_function = f;
		root->spare_function_count++;
	} else {
		f->next = root->worn_function;
		root->worn_function = f;
	}
}

/* Windows as large as they may have to be. Those of a function from boot are as large as it needed;
 * their addresses are lost with the exchange, once a function. */
static int make_windows(struct pci_function *f)
{
	struct msix_region *r = f->msix.region;

	if (r[0].window.pages < MSIX_TABLE_PAGES + MSIX_PBA_PAGES &&
	    arch_iomap_init(&r[0].window, MSIX_TABLE_PAGES + MSIX_PBA_PAGES)) {
		return -ENOMEM;
	}
	if (r[1].window.pages < MSIX_PBA_PAGES && arch_iomap_init(&r[1].window, MSIX_PBA_PAGES)) {
		return -ENOMEM;
	}
	return 0;
}

struct pci_function *spare_function_make(void)
{
	struct pci_function *f = heap_alloc(sizeof(*f));

	if (f && make_windows(f)) {
		heap_free(f);
		f = NULL;
	}
	return f;
}

static int refill_functions(struct pci_root *root)
{
	while (root->spare_function_count < PCI_SPARE_FUNCTIONS) {
		struct pci_function *f = root->worn_function;

		if (f) {
			root->worn_function = f->next;
		} else {
			f = heap_alloc(sizeof(*f));
		}
		if (!f || make_windows(f)) {
			if (f) {
				f->next = root->worn_function;
				root->worn_function = f;
			}
			return -ENOMEM;
		}
		spare_function_put(root, f);
	}
	return 0;
}

/* ---- entries ---- */

struct msix_entry *spare_entries_take(struct pci_root *root, uint32_t count)
{
	unsigned best = PCI_SPARE_BLOCKS;

	if (root->booting) {
		return heap_alloc(count * sizeof(struct msix_entry));
	}
	for (unsigned i = 0; i < PCI_SPARE_BLOCKS; i++) {
		if (root->spare_block[i].count >= count &&
		    (best == PCI_SPARE_BLOCKS ||
		     root->spare_block[i].count < root->spare_block[best].count)) {
			best = i;
		}
	}
	if (best == PCI_SPARE_BLOCKS) {
		return NULL;
	}
	root->spare_block[best].count -= count;
	return root->spare_block[best].entry + root->spare_block[best].count;
}

/* The smallest piece makes room when there are too many. */
void spare_entries_put(struct pci_root *root, struct msix_entry *entry, uint32_t count)
{
	unsigned smallest = 0;

	for (unsigned i = 1; i < PCI_SPARE_BLOCKS; i++) {
		if (root->spare_block[i].count < root->spare_block[smallest].count) {
			smallest = i;
		}
	}
	if (root->spare_block[smallest].count < count) {
		root->spare_block[smallest].entry = entry;
		root->spare_block[smallest].count = count;
	}
}

static int refill_entries(struct pci_root *root)
{
	struct msix_entry *entry;

	for (unsigned i = 0; i < PCI_SPARE_BLOCKS; i++) {
		if (root->spare_block[i].count >= PCI_SPARE_ENTRIES) {
			return 0;
		}
	}
	entry = heap_alloc(PCI_SPARE_ENTRIES * sizeof(*entry));
	if (!entry) {
		return -ENOMEM;
	}
	spare_entries_put(root, entry, PCI_SPARE_ENTRIES);
	return 0;
}

int pci_root_refill(struct pci_root *root)
{
	int rc;

	lock_acquire(&root->domain->pci_lock);
	/* Otherwise it is a vCPU's, in pieces. */
	while (!arch_vcpu_current(root->domain) && sriov_go_on(root)) {
	}
	rc = refill_functions(root);
	while (rc == 0 && root->spare_bus_count < PCI_SPARE_BUSES) {
		struct pci_bus *bus = page_alloc();

		if (bus) {
			root->spare_bus[root->spare_bus_count++] = bus;
		} else {
			rc = -ENOMEM;
		}
	}
	if (rc == 0) {
		rc = refill_entries(root);
	}
	lock_release(&root->domain->pci_lock);
	return rc;
}

bool pci_root_go_on(struct pci_root *root)
{
	bool more;

	lock_acquire(&root->domain->pci_lock);
	more = sriov_go_on(root);
	lock_release(&root->domain->pci_lock);
	return more;
}
