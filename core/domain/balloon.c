/* SPDX-License-Identifier: MIT */
/*
 * Ballooning in place (balloon.h): checks, marks in the memmap (absent.c), and
 * the change of the tables, one for a batch of extents, so that a batch costs
 * one shootdown.
 *
 * Tables are set aside before; of what a change does not need, some stays for the
 * next and the rest goes back to the page pool.
 */
#include <taproot/arch.h>
#include <taproot/balloon.h>
#include <taproot/domain.h>
#include <taproot/errno.h>

/* A page in the middle of a 1 GiB leaf needs two tables; so does the way down to an empty place. */
#define TABLES_PER_EXTENT 3u

struct batch {
	struct memmap_change change[BALLOON_BATCH];
	unsigned count;
};

/* Neighbours, in either direction, are one change. */
static void batch_add(struct batch *b, uint64_t a, uint64_t size)
{
	struct memmap_change *last = b->count ? &b->change[b->count - 1] : NULL;

	if (last && last->end.v == a) {
		last->end = gpa(a + size);
	} else if (last && last->start.v == a + size) {
		last->start = gpa(a);
	} else {
		b->change[b->count++] =
			(struct memmap_change){gpa(a), gpa(a + size), MEM_RAM, MEM_RAM};
	}
}

/* The extent's address; false: it is not aligned, or outside the address space. */
static bool extent_place(const struct domain *d, uint64_t pfn, unsigned order, uint64_t *a)
{
	uint64_t pages = 1ull << order;

	if (pfn % pages || pfn >= d->memmap.limit / PAGE_SIZE) {
		return false;
	}
	*a = pfn * PAGE_SIZE;
	return pages * PAGE_SIZE <= d->memmap.limit - *a;
}

/* Is all of [a, a + size) RAM, and given back or not, as asked? */
static bool all_ram(const struct domain *d, uint64_t a, uint64_t size, bool absent)
{
	for (uint64_t at = a; at < a + size;) {
		const struct mem_range *r = memmap_find(&d->memmap, gpa(at));

		if (!r || r->type != MEM_RAM) {
			return false;
		}
		at = r->end.v;
	}
	return memmap_absent_all(&d->memmap, gpa(a), size, absent);
}

static bool out_one(struct domain *d, struct batch *b, uint64_t a, uint64_t size, bool keep)
{
	if (!all_ram(d, a, size, false) || memmap_absent_prepare(&d->memmap, gpa(a), size)) {
		return false;
	}
	memmap_absent_set(&d->memmap, gpa(a), size, keep);
	batch_add(b, a, size);
	return true;
}

static void finish(struct domain *d, const struct batch *b)
{
	if (b->count) {
		arch_memmap_changed(d, b->change, b->count);
	}
	arch_memmap_settle(d);
}

unsigned balloon_out(struct domain *d, const uint64_t *pfn, unsigned count, unsigned order)
{
	struct batch b;
	unsigned done;
	uint64_t a;
	bool keep;

	if (order > BALLOON_ORDER_MAX) {
		return 0;
	}
	count = MIN(count, BALLOON_BATCH);
	b.count = 0;
	lock_acquire(&d->mem_lock);
	keep = arch_memmap_prepare(d, TABLES_PER_EXTENT * count) != 0;
	for (done = 0; done < count; done++) {
		if (!extent_place(d, pfn[done], order, &a) ||
		    event_uses(d, gpa(a), PAGE_SIZE << order) ||
		    !out_one(d, &b, a, PAGE_SIZE << order, keep)) {
			break;
		}
	}
	finish(d, &b);
	lock_release(&d->mem_lock);
	return done;
}

unsigned balloon_in(struct domain *d, const uint64_t *pfn, unsigned count, unsigned order)
{
	struct batch b;
	unsigned done = 0;
	uint64_t a;

	if (order > BALLOON_ORDER_MAX) {
		return 0;
	}
	count = MIN(count, BALLOON_BATCH);
	b.count = 0;
	lock_acquire(&d->mem_lock);
	if (arch_memmap_prepare(d, TABLES_PER_EXTENT * count)) {
		count = 0;
	}
	for (; done < count; done++) {
		if (!extent_place(d, pfn[done], order, &a) ||
		    !all_ram(d, a, PAGE_SIZE << order, true)) {
			break;
		}
		memmap_absent_clear(&d->memmap, gpa(a), PAGE_SIZE << order);
		batch_add(&b, a, PAGE_SIZE << order);
	}
	finish(d, &b);
	lock_release(&d->mem_lock);
	return done;
}

int balloon_in_all(struct domain *d)
{
	uint64_t pfn[BALLOON_BATCH];
	gpa_t a = gpa(0);
	unsigned count = 0;

	lock_acquire(&d->mem_lock);
	for (; count < BALLOON_BATCH && memmap_absent_next(&d->memmap, &a); count++) {
		pfn[count] = a.v / PAGE_SIZE;
		a.v += PAGE_SIZE;
	}
	lock_release(&d->mem_lock);
	if (count == 0) {
		return 0;
	}
	return balloon_in(d, pfn, count, 0) == count ? -EAGAIN : -ENOMEM;
}

uint64_t balloon_pages_max(struct domain *d)
{
	uint64_t bytes = 0;

	lock_acquire(&d->mem_lock);
	for (unsigned i = 0; i < d->memmap.count; i++) {
		const struct mem_range *r = &d->memmap.range[i];

		bytes += r->type == MEM_RAM ? r->end.v - r->start.v : 0;
	}
	lock_release(&d->mem_lock);
	return bytes / PAGE_SIZE;
}

uint64_t balloon_pages(struct domain *d)
{
	return balloon_pages_max(d) - __atomic_load_n(&d->memmap.absent_pages, __ATOMIC_RELAXED);
}
