/* SPDX-License-Identifier: MIT */
/*
 * Interrupt remapping, vendor-neutral: an entry for each source that is bound
 * to a vector. The device is programmed with the entry's number once; a move
 * to another processor or vector changes the entry alone, so nothing has to
 * be masked and no half-written message can go out.
 *
 * An entry accepts its requester only (VT-d 4.1 9.10, SVT): the function, or
 * for those behind a bridge that changes ids the bridge's bus. A level pin is
 * programmed at every change all the same, because the IO-APIC matches the
 * vector of an EOI with its own (VT-d 4.1 5.1.5.1).
 *
 * The messages of one MSI capability differ in the low bits of their data, by
 * which the unit finds their entries in one block: it is taken as a whole, the
 * sources in it are bound one by one.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/irq.h>
#include <taproot/log.h>

#include "iommu_internal.h"

/* A bit an entry, set: in use. The lock guards it; count 0: no remapping. */
static struct {
	struct lock lock;
	uint64_t *used;
	unsigned count;
	unsigned next;
	unsigned used_count;
	bool wide;
	/* The device asked for last, because a device has many sources. */
	sbdf_t last;
	struct remap_entry last_entry;
} remap;

int iommu_remap_start(unsigned count, bool wide)
{
	remap.used = heap_alloc(count / 8);
	if (!remap.used) {
		return -ENOMEM;
	}
	remap.wide = wide;
	remap.last = SBDF_NONE;
	remap.next = 0;
	remap.used_count = 0;
	remap.count = count;
	return 0;
}

bool iommu_remaps(void)
{
	return remap.count != 0;
}

bool iommu_remaps_wide(void)
{
	return remap.count != 0 && remap.wide;
}

unsigned remap_used(void)
{
	return remap.used_count;
}

void remap_forget_device(void)
{
	lock_acquire(&remap.lock);
	remap.last = SBDF_NONE;
	lock_release(&remap.lock);
}

/* `count` entries, a power of two up to 32, aligned to it. */
static int entry_alloc(unsigned count)
{
	uint64_t mask = ones(8) >> (64 - count);
	unsigned first = (unsigned)ALIGN_UP(remap.next, count);
	int found = -ENOSPC;

	lock_acquire(&remap.lock);
	for (unsigned n = 0; n < remap.count; n += count) {
		unsigned i = (first + n) % remap.count;

		if (!(remap.used[i / 64] >> (i % 64) & mask)) {
			remap.used[i / 64] |= mask << (i % 64);
			remap.used_count += count;
			remap.next = i + count;
			found = (int)i;
			break;
		}
	}
	lock_release(&remap.lock);
	return found;
}

static void entry_free(unsigned i, unsigned count)
{
	uint64_t mask = ones(8) >> (64 - count);

	lock_acquire(&remap.lock);
	remap.used[i / 64] &= ~(mask << (i % 64));
	remap.used_count -= count;
	lock_release(&remap.lock);
}

sbdf_t remap_ioapic_requester(unsigned ioapic)
{
	return remap.count ? iommu.ops->ioapic_requester(ioapic) : SBDF_NONE;
}

/* Whose interrupts an entry of a device takes. */
static void device_requester(sbdf_t s, struct remap_entry *e)
{
	sbdf_t alias[REQUESTER_ALIASES_MAX];
	unsigned count;

	lock_acquire(&remap.lock);
	if (remap.last.v != s.v) {
		sbdf_t outer;

		count = requester_aliases(s, alias);
		outer = alias[count - 1];
		remap.last = s;
		remap.last_entry.requester = (uint16_t)outer.v;
		remap.last_entry.verify =
			count > 1 && sbdf_bus(outer) == sbdf_bus(s) ? REMAP_BUS : REMAP_REQUESTER;
	}
	e->requester = remap.last_entry.requester;
	e->verify = remap.last_entry.verify;
	lock_release(&remap.lock);
}

static void set_requester(struct irq_source *src, struct remap_entry *e)
{
	sbdf_t s = src->requester;

	if (src->kind == IRQ_PIN) {
		const struct irq_pin *pin = container_of(src, struct irq_pin, src);

		s = remap_ioapic_requester(pin->ioapic);
	}
	if (s.v == SBDF_NONE.v) {
		e->verify = REMAP_ANYBODY;
		return;
	}
	if (src->kind == IRQ_MSI || src->kind == IRQ_MSIX) {
		device_requester(s, e);
		return;
	}
	e->verify = REMAP_REQUESTER;
	e->requester = (uint16_t)s.v;
}

int remap_bind(struct irq_source *src)
{
	struct remap_entry e = {.cpu = src->cpu, .vector = src->vector, .level = src->level};
	bool fresh = src->remap == 0;

	if (!remap.count) {
		return 0;
	}
	if (fresh) {
		int entry = entry_alloc(1);

		if (entry < 0) {
			return entry;
		}
		src->remap = (uint32_t)entry + 1;
		set_requester(src, &e);
		src->remap_verify = e.verify;
		src->remap_requester = e.requester;
	}
	e.verify = src->remap_verify;
	e.requester = src->remap_requester;
	iommu.ops->entry_set(src->remap - 1, &e);
	return !fresh && remap_in_place(src);
}

bool remap_in_place(const struct irq_source *src)
{
	return src->remap && (src->kind == IRQ_MSI || src->kind == IRQ_MSIX);
}

void remap_release(struct irq_source *src)
{
	if (src->remap) {
		iommu.ops->entry_set(src->remap - 1, NULL);
		if (!src->remap_block) {
			entry_free(src->remap - 1, 1);
			src->remap = 0;
		}
	}
}

/* ---- blocks ---- */

bool remap_has_blocks(void)
{
	return remap.count && iommu.ops->entry_block;
}

int remap_block_take(struct irq_source *const src[], unsigned count)
{
	int first = remap_has_blocks() ? entry_alloc(count) : -ENODEV;
	struct remap_entry e = {.vector = 0};

	for (unsigned i = 0; first >= 0 && i < count; i++) {
		set_requester(src[i], &e);
		src[i]->remap = (uint32_t)first + i + 1;
		src[i]->remap_verify = e.verify;
		src[i]->remap_requester = e.requester;
		src[i]->remap_block = true;
	}
	return MIN(first, 0);
}

void remap_block_release(struct irq_source *const src[], unsigned count)
{
	entry_free(src[0]->remap - 1, count);
	for (unsigned i = 0; i < count; i++) {
		src[i]->remap = 0;
		src[i]->remap_block = false;
	}
}

void remap_message(const struct irq_source *src, uint64_t *addr, uint32_t *data)
{
	if (src->remap_block) {
		iommu.ops->entry_block(src->remap - 1, addr, data);
	} else if (src->remap) {
		iommu.ops->entry_message(src->remap - 1, addr, data);
	} else {
		arch_msi_message(src->cpu, src->vector, addr, data);
	}
}

uint64_t remap_pin_entry(const struct irq_source *src)
{
	return src->remap ? iommu.ops->entry_pin(src->remap - 1, src->vector)
			  : arch_ioapic_entry(src->cpu, src->vector);
}
