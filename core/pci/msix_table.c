/* SPDX-License-Identifier: MIT */
/*
 * Accesses to the trapped pages of MSI-X (PCI 3.0 6.8.2.1 to 6.8.2.10): table
 * entries come from our memory, while the function is there; pending bits come
 * from the machine, and registers that share the page go through to the device
 * at their natural sizes.
 *
 * Software shall use aligned dwords and quadwords for the table (6.8.2);
 * reads of any size are answered, other writes are ignored.
 */
#include <taproot/record.h>

#include "pci_internal.h"

/* The largest naturally aligned piece, up to a quadword. */
static unsigned piece(uint64_t offset, unsigned left)
{
	unsigned n = 8;

	while (n > left || (offset & (n - 1))) {
		n /= 2;
	}
	return n;
}

/* Offset in the table, if this piece of the region lies there. */
static bool in_table(const struct msix_region *r, uint64_t bar_offset, uint32_t *at)
{
	const struct pci_msix *m = &r->function->msix;
	uint64_t offset = bar_offset - m->table;

	*at = (uint32_t)offset;
	return r->bar == m->table_bar && offset < m->count * MSIX_ENTRY_SIZE;
}

static bool in_pba(const struct msix_region *r, uint64_t bar_offset)
{
	const struct pci_msix *m = &r->function->msix;

	return r->bar == m->pba_bar && bar_offset - m->pba < msix_pba_size(m);
}

static uint64_t table_read(const struct msix_region *r, uint32_t at, unsigned len)
{
	const struct msix_entry *entry = &r->function->msix.entry[at / MSIX_ENTRY_SIZE];
	unsigned field = at % MSIX_ENTRY_SIZE & ~3u;
	uint64_t value = msix_entry_read(entry, field);

	if (len == 8) {
		value |= (uint64_t)msix_entry_read(entry, field + 4) << 32;
	}
	return value >> (at % 4 * 8) & ones(len);
}

/* Decide a write to the table: the shadow follows; an effect when the source has to. */
static void table_write(const struct msix_region *r, uint32_t at, unsigned len, uint64_t value,
			struct pci_effects *e)
{
	struct pci_function *f = r->function;
	unsigned index = at / MSIX_ENTRY_SIZE;
	struct msix_entry *entry = &f->msix.entry[index];
	uint32_t before = entry->control;

	if (len < 4) {
		return;
	}
	msix_entry_write(entry, at % MSIX_ENTRY_SIZE, (uint32_t)value);
	if (len == 8) {
		msix_entry_write(entry, at % MSIX_ENTRY_SIZE + 4, (uint32_t)(value >> 32));
	}
	if (msix_enabled(f) && !(before & entry->control & MSIX_ENTRY_MASKED)) {
		pci_effect_add(e, PCI_EFFECT_MSIX_ENTRY, r->bar, index, entry->address);
	}
}

/* The claim that led here may be gone, and the region another function's, with fewer pages. */
static bool in_region(const struct msix_region *r, uint64_t offset)
{
	return r->mapped && offset < r->pages * PAGE_SIZE;
}

static uint64_t region_read_piece(struct msix_region *r, uint64_t offset, unsigned len)
{
	uint64_t bar_offset = r->offset + offset;
	enum verdict verdict = VERDICT_REJECT;
	uint64_t value = ones(len);
	uint32_t at;

	if (in_region(r, offset) && in_table(r, bar_offset, &at)) {
		if (reset_answers(r->function)) {
			verdict = VERDICT_DONE;
			value = table_read(r, at, len);
		}
	} else if (in_region(r, offset)) {
		verdict = VERDICT_PERFORM;
		value = arch_iomap_read(&r->window, (uint32_t)offset, len);
	}
	if (record_on) {
		record_msix(r->function->root->domain, r->function->sbdf, r->bar, bar_offset, len,
			    false, value, verdict, NULL);
	}
	return value;
}

static void region_write_piece(struct msix_region *r, uint64_t offset, unsigned len, uint64_t value)
{
	uint64_t bar_offset = r->offset + offset;
	enum verdict verdict = VERDICT_REJECT;
	struct pci_effects effects;
	uint32_t at;

	effects.count = 0;
	if (in_region(r, offset) && in_table(r, bar_offset, &at)) {
		verdict = VERDICT_DONE;
		table_write(r, at, len, value, &effects);
		if (effects.count) {
			effects.effect[0].result =
				msix_apply_entry(r->function, effects.effect[0].index);
		}
	} else if (in_region(r, offset) && in_pba(r, bar_offset)) {
		verdict = VERDICT_DONE; /* read-only (6.8.2.10) */
	} else if (in_region(r, offset)) {
		verdict = VERDICT_PERFORM;
		arch_iomap_write(&r->window, (uint32_t)offset, len, value);
	}
	if (record_on) {
		record_msix(r->function->root->domain, r->function->sbdf, r->bar, bar_offset, len,
			    true, value, verdict, &effects);
	}
}

/* Is it one piece, as it should be (6.8.2)? */
static bool is_whole(uint64_t offset, unsigned len)
{
	return (offset & (len - 1)) == 0;
}

static COLD uint64_t region_read_pieces(struct msix_region *r, uint64_t offset, unsigned len)
{
	uint64_t value = 0;

	for (unsigned at = 0, n; at < len; at += n) {
		n = piece(offset + at, len - at);
		value |= region_read_piece(r, offset + at, n) << (8 * at);
	}
	return value;
}

static uint64_t region_read(void *ctx, uint64_t offset, unsigned len)
{
	struct msix_region *r = ctx;
	struct lock *lock = &r->function->root->domain->pci_lock;
	uint64_t value;

	lock_acquire(lock);
	reset_look(r->function);
	value = is_whole(offset, len) ? region_read_piece(r, offset, len)
				      : region_read_pieces(r, offset, len);
	lock_release(lock);
	return value;
}

static COLD void region_write_pieces(struct msix_region *r, uint64_t offset, unsigned len,
				     uint64_t value)
{
	for (unsigned at = 0, n; at < len; at += n) {
		n = piece(offset + at, len - at);
		region_write_piece(r, offset + at, n, value >> (8 * at) & ones(n));
	}
}

static void region_write(void *ctx, uint64_t offset, unsigned len, uint64_t value)
{
	struct msix_region *r = ctx;
	struct lock *lock = &r->function->root->domain->pci_lock;

	lock_acquire(lock);
	reset_look(r->function);
	if (is_whole(offset, len)) {
		region_write_piece(r, offset, len, value & ones(len));
	} else {
		region_write_pieces(r, offset, len, value);
	}
	lock_release(lock);
}

const struct mmio_ops msix_table_ops = {
	.name = "MSI-X",
	.read = region_read,
	.write = region_write,
};
