/* SPDX-License-Identifier: MIT */
/*
 * What the root complex can be asked: windows, figures, BARs, and a listing
 * for the log. Nothing here changes anything.
 */
#include <taproot/log.h>

#include "pci_internal.h"

bool pci_root_window(const struct pci_root *root, unsigned index, struct pci_window *w)
{
	if (index >= root->ecam_count) {
		return false;
	}
	*w = root->ecam[index].window;
	return true;
}

bool pci_function_at(const struct pci_root *root, unsigned index, sbdf_t *sbdf)
{
	const struct pci_function *f = root->functions;

	while (f && index--) {
		f = f->next;
	}
	if (!f) {
		return false;
	}
	*sbdf = f->sbdf;
	return true;
}

void pci_root_stats(const struct pci_root *root, struct pci_root_stats *stats)
{
	uint32_t entries = 0;

	for (unsigned i = 0; i < PCI_SPARE_BLOCKS; i++) {
		entries += root->spare_block[i].count;
	}
	*stats = (struct pci_root_stats){
		.functions = root->function_count,
		.refused = root->refused_count,
		.bars_mapped = root->mapped_count,
		.bars_pending = root->pending_count,
		.spare_functions = root->spare_function_count,
		.spare_entries = entries,
	};
}

bool pci_bar_info(struct pci_root *root, sbdf_t sbdf, unsigned index, struct pci_bar_info *info)
{
	const struct pci_slot *slot = pci_slot_find(root, sbdf);
	const struct pci_function *f;
	const struct pci_bar *b;

	if (!slot || slot->ops != &pci_passthrough_ops || index >= PCI_BARS_MAX) {
		return false;
	}
	f = slot->ctx;
	b = &f->bar[index];
	if (!b->size) {
		return false;
	}
	*info = (struct pci_bar_info){
		.address = bar_address(b),
		.size = b->size,
		.memory = bar_is_memory(b),
		.mapped = b->state == BAR_MAPPED,
		.pending = b->state == BAR_PENDING,
	};
	return true;
}

static void log_function(const struct pci_function *f)
{
	static const char *const state[] = {"off", "mapped", "not mapped"};

	log_info("pci: " SBDF_FMT " %04x:%04x class %04x command %04x%s%s", SBDF_ARGS(f->sbdf),
		 f->identity & 0xffff, f->identity >> 16, f->class_code, f->command,
		 f->msi.offset ? " MSI" : "", f->msix.offset ? " MSI-X" : "");
	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		const struct pci_bar *b = &f->bar[i];

		if (b->size) {
			log_info("pci:   BAR %u [%#lx, +%#lx) %s", i, bar_address(b), b->size,
				 bar_is_memory(b) ? state[b->state] : "I/O");
		}
	}
	if (f->msix.offset) {
		log_info("pci:   MSI-X %u entries at BAR %u + %#x, pending bits at BAR %u + %#x",
			 f->msix.count, f->msix.table_bar, f->msix.table, f->msix.pba_bar,
			 f->msix.pba);
	}
}

void pci_root_log(struct pci_root *root)
{
	struct pci_root_stats stats;

	lock_acquire(&root->domain->pci_lock);
	pci_root_stats(root, &stats);
	log_info("pci: %u functions, %u BARs mapped, %u waiting, %u spare functions, %u spare "
		 "entries",
		 stats.functions, stats.bars_mapped, stats.bars_pending, stats.spare_functions,
		 stats.spare_entries);
	for (unsigned i = 0; i < root->ecam_count; i++) {
		const struct pci_window *w = &root->ecam[i].window;

		log_info("pci: segment %u buses %u-%u by ECAM at %#lx", w->segment, w->bus_first,
			 w->bus_last, w->bus0.v);
	}
	for (const struct pci_function *f = root->functions; f; f = f->next) {
		log_function(f);
	}
	lock_release(&root->domain->pci_lock);
}
