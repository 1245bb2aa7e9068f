/* SPDX-License-Identifier: MIT */
/*
 * What follows a memmap: the nested tables of a domain's processors and the
 * tables of its devices. A change of the map is complete at once; the tables
 * are derived from it again in pieces of bounded work, the first within the
 * access that made the change, the others between interrupts, before the vCPU
 * that made the change executes its next instruction (vcpu.behind).
 *
 * The ranges that are still to be followed are kept in a list. A piece derives
 * them from the map as it is then, so changes that come in between, from
 * whichever vCPU, need no order: the last piece is always right. Meanwhile
 * other vCPUs, and devices, find in such a range what was there before, or
 * what is there now; for the hardware domain both are the machine's memory
 * at that address, which decodes what its registers say. A page that is mapped
 * only now and touched before its turn is mapped by the fault.
 *
 * Not left for later: pages that become trapped or denied, as nobody shall
 * reach them behind their handler's back, a page that was opened by touching
 * it, and ranges that somebody derives again on purpose (RAM given back, a
 * page that was dropped).
 *
 * When nothing is left for tables, what should be mapped is not: processors
 * map it at a fault, if they can; devices do not reach it. It is tried again when
 * pages are free.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>
#include <taproot/string.h>

#include "memmap_internal.h"

/* None of these is large: an ECAM window of 256 MiB is 128 entries if all of it was mapped. */
static bool at_once(const struct memmap_change *c)
{
	return c->from == c->to || c->to == MEM_TRAP || c->to == MEM_DENY || c->to == MEM_OPEN;
}

static uint64_t distance(const struct memmap_lag *l, uint64_t start, uint64_t end)
{
	return end < l->start ? l->start - end : start > l->end ? start - l->end : 0;
}

static struct memmap_lag *lag_nearest(struct memmap *m, uint64_t start, uint64_t end)
{
	struct memmap_lag *nearest = &m->lag[0];

	for (unsigned i = 1; i < m->lag_count; i++) {
		if (distance(&m->lag[i], start, end) < distance(nearest, start, end)) {
			nearest = &m->lag[i];
		}
	}
	return nearest;
}

/* A range that lags behind. When the list is full the nearest becomes more than it has to be. */
static void lag_add(struct memmap *m, uint64_t start, uint64_t end)
{
	struct memmap_lag *l = m->lag;

	while (l < m->lag + m->lag_count && distance(l, start, end)) {
		l++;
	}
	if (l == m->lag + MEMMAP_LAGS_MAX) {
		l = lag_nearest(m, start, end);
	} else if (l == m->lag + m->lag_count) {
		m->lag_count++;
		*l = (struct memmap_lag){start, end};
	}
	l->start = MIN(l->start, start);
	l->end = MAX(l->end, end);
}

static void lag_remove_first(struct memmap *m)
{
	m->lag_count--;
	memmove(&m->lag[0], &m->lag[1], m->lag_count * sizeof(m->lag[0]));
}

/* Tables set aside are used up. A superpage that could not be split is gone as a whole. */
static void starve(struct domain *d, uint64_t start, uint64_t end)
{
	lag_add(&d->memmap, ALIGN_DOWN(start, GIB), ALIGN_UP(end, GIB));
	d->memmap.starved = true;
	__atomic_store_n(&d->refill, true, __ATOMIC_RELAXED);
}

static void give_up(struct domain *d, uint64_t start, uint64_t end)
{
	struct memmap_lag *missed = &d->memmap.missed;

	if (missed->end == 0) {
		log_guest("d%u: no memory for tables of [%#lx, %#lx) and what may follow: out of "
			  "devices' reach",
			  d->id, start, end);
		*missed = (struct memmap_lag){start, end};
	}
	missed->start = MIN(missed->start, start);
	missed->end = MAX(missed->end, end);
}

/* False: some of it was left to the list. */
static bool sync_now(struct domain *d, gpa_t start, gpa_t end)
{
	bool all = true;

	while (start.v < end.v) {
		unsigned work = d->memmap.piece;
		uint64_t from = start.v;

		if (arch_memmap_sync(d, &start, end, &work)) {
			starve(d, from, start.v);
			all = false;
		}
	}
	return all;
}

/* One piece of the list. `last`: what lacks tables now will get no more. */
static void piece(struct domain *d, bool last)
{
	struct memmap *m = &d->memmap;
	unsigned work = m->piece;

	while (m->lag_count && work) {
		struct memmap_lag *l = &m->lag[0];
		gpa_t at = gpa(l->start);
		int rc = arch_memmap_sync(d, &at, gpa(l->end), &work);

		if (rc && !last) {
			starve(d, l->start, at.v);
			return;
		}
		if (rc) {
			give_up(d, l->start, at.v);
		}
		last = false;
		m->starved = false;
		l->start = at.v;
		if (l->start >= l->end) {
			lag_remove_first(m);
		}
	}
}

/* Not on a trap path; mem_lock is held. Is anything left? */
static bool go_on(struct domain *d)
{
	struct memmap *m = &d->memmap;
	bool scarce;

	if (m->lag_count == 0) {
		return false;
	}
	/* The last eighth of the pages is for others. */
	scarce = page_free_count() <= page_total_count() / 8 || arch_memmap_prepare(d, 0);
	piece(d, m->starved || scarce);
	arch_memmap_flush(d);
	arch_memmap_settle(d);
	return m->lag_count != 0;
}

/* What is left is the running vCPU's to do; without one it is done here. */
static void leave_rest(struct domain *d)
{
	if (d->memmap.lag_count && !domain_defer(d)) {
		while (go_on(d)) {
		}
	}
}

/* Who adds nothing to the list does not wait for it. */
void memmap_follow(struct domain *d, const struct memmap_change *changes, unsigned count)
{
	struct memmap *m = &d->memmap;
	bool added = false;

	for (unsigned i = 0; i < count; i++) {
		const struct memmap_change *c = &changes[i];

		if (!at_once(c)) {
			lag_add(m, c->start.v, c->end.v);
			added = true;
		} else if (!sync_now(d, c->start, c->end)) {
			added = true;
		}
	}
	if (added && !m->starved) {
		piece(d, false);
	}
	arch_memmap_flush(d);
	if (added) {
		leave_rest(d);
	}
}

bool memmap_follow_on(struct domain *d)
{
	bool more;

	lock_acquire(&d->mem_lock);
	more = go_on(d);
	lock_release(&d->mem_lock);
	return more;
}

void memmap_follow_missed(struct domain *d)
{
	struct memmap *m = &d->memmap;

	lock_acquire(&d->mem_lock);
	if (m->missed.end && page_free_count() > page_total_count() / 4) {
		lag_add(m, m->missed.start, m->missed.end);
		m->missed = (struct memmap_lag){0, 0};
		leave_rest(d);
	}
	lock_release(&d->mem_lock);
}

bool memmap_is_followed(const struct memmap *m)
{
	return m->lag_count == 0 && m->missed.end == 0;
}
