/* SPDX-License-Identifier: MIT */
/*
 * Transactions on a memmap: a pure check of all steps in their order, a commit
 * that cannot fail, and the list of what the commit changed.
 *
 * The check carries no copy of the map: a claim is alive at step i when the
 * map or an earlier step made it and no step in between released it, and claims
 * alive at the same time never share their start. So it costs the square of
 * the number of steps, which is small (a BAR with its trapped pages).
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/memmap.h>
#include <taproot/panic.h>
#include <taproot/string.h>

#include "memmap_internal.h"

static uint64_t step_end(const struct memmap_step *s)
{
	return s->start.v + s->size;
}

static bool step_valid(const struct memmap *m, const struct memmap_step *s)
{
	if (s->start.v % PAGE_SIZE || s->size % PAGE_SIZE || s->size == 0) {
		return false;
	}
	if (s->start.v >= m->limit || s->size > m->limit - s->start.v) {
		return false;
	}
	if (s->kind != MEMMAP_CLAIM) {
		return s->kind == MEMMAP_RELEASE;
	}
	return s->type == MEM_MMIO || s->type == MEM_DENY || (s->type == MEM_TRAP && s->ops);
}

static bool base_claimable(uint8_t base)
{
	return base == MEM_HOLE || base == MEM_RESERVED || base == MEM_LOW;
}

/* Is the claim that starts at `start` released by one of the steps [from, to)? */
static bool released(const struct memmap_step *steps, unsigned from, unsigned to, gpa_t start)
{
	for (unsigned i = from; i < to; i++) {
		if (steps[i].kind == MEMMAP_RELEASE && steps[i].start.v == start.v) {
			return true;
		}
	}
	return false;
}

static int check_claim(const struct memmap *m, const struct memmap_step *steps, unsigned i,
		       struct mem_range *conflict)
{
	const struct memmap_step *s = &steps[i];
	unsigned n = memmap_index(m, s->start.v);

	for (; n < m->count && m->range[n].start.v < step_end(s); n++) {
		const struct mem_range *r = &m->range[n];

		if (!base_claimable(r->base) ||
		    (memmap_is_claim(r) && !released(steps, 0, i, r->claim))) {
			*conflict = *r;
			return -EBUSY;
		}
	}
	for (unsigned j = 0; j < i; j++) {
		const struct memmap_step *t = &steps[j];

		if (t->kind == MEMMAP_CLAIM && t->start.v < step_end(s) &&
		    s->start.v < step_end(t) && !released(steps, j + 1, i, t->start)) {
			*conflict = (struct mem_range){
				.start = t->start,
				.end = gpa(step_end(t)),
				.type = t->type,
				.owner = t->owner,
				.claim = t->start,
				.ops = t->ops,
				.ctx = t->ctx,
			};
			return -EBUSY;
		}
	}
	return 0;
}

/* Does the map have a claim of exactly this start, size and owner? */
static bool map_has_claim(const struct memmap *m, const struct memmap_step *s)
{
	unsigned n = memmap_index(m, s->start.v);

	for (; n < m->count && m->range[n].start.v < step_end(s); n++) {
		const struct mem_range *r = &m->range[n];

		if (!memmap_is_claim(r) || r->claim.v != s->start.v || r->owner.v != s->owner.v ||
		    r->end.v > step_end(s)) {
			return false;
		}
	}
	return n == m->count || !memmap_is_claim(&m->range[n]) ||
	       m->range[n].claim.v != s->start.v;
}

static int check_release(const struct memmap *m, const struct memmap_step *steps, unsigned i)
{
	const struct memmap_step *s = &steps[i];

	if (map_has_claim(m, s) && !released(steps, 0, i, s->start)) {
		return 0;
	}
	for (unsigned j = 0; j < i; j++) {
		const struct memmap_step *t = &steps[j];

		if (t->kind == MEMMAP_CLAIM && t->start.v == s->start.v && t->size == s->size &&
		    t->owner.v == s->owner.v && !released(steps, j + 1, i, s->start)) {
			return 0;
		}
	}
	return -ENOENT;
}

int memmap_check(const struct memmap *m, const struct memmap_step *steps, unsigned count,
		 struct mem_range *conflict)
{
	struct mem_range ignored;
	unsigned claims = 0;

	for (unsigned i = 0; i < count; i++) {
		int rc;

		if (!step_valid(m, &steps[i])) {
			return -EINVAL;
		}
		if (steps[i].kind == MEMMAP_CLAIM) {
			rc = check_claim(m, steps, i, conflict ? conflict : &ignored);
			claims++;
		} else {
			rc = check_release(m, steps, i);
		}
		if (rc) {
			return rc;
		}
	}
	/* A claim cuts at most at its two ends; a release cuts nowhere. */
	if (claims > m->capacity / 2 || !memmap_has_room(m, 2 * claims)) {
		return -ENOSPC;
	}
	return 0;
}

static void commit_step(struct memmap *m, const struct memmap_step *s)
{
	bool claim = s->kind == MEMMAP_CLAIM;
	unsigned n;

	if (claim) {
		memmap_make_room(m, 2);
	}
	n = claim ? memmap_split(m, s->start.v) : memmap_index(m, s->start.v);
	m->recent = n;
	if (claim && m->range[n].end.v != step_end(s) && step_end(s) < m->limit) {
		memmap_split(m, step_end(s));
	}
	for (; n < m->count && m->range[n].start.v < step_end(s); n++) {
		struct mem_range *r = &m->range[n];
		uint8_t from = r->type;

		ASSERT(memmap_is_claim(r) != claim);
		r->type = claim ? s->type : r->base;
		r->owner = claim ? s->owner : SBDF_NONE;
		r->claim = claim ? s->start : gpa(0);
		r->ops = claim && s->type == MEM_TRAP ? s->ops : NULL;
		r->ctx = claim && s->type == MEM_TRAP ? s->ctx : NULL;
		memmap_note(m, r->start.v, r->end.v, from, r->type);
	}
}

void memmap_commit(struct memmap *m, const struct memmap_step *steps, unsigned count)
{
	memmap_edit_begin(m);
	for (unsigned i = 0; i < count; i++) {
		commit_step(m, &steps[i]);
	}
	memmap_edit_end(m);
	memmap_tell(m);
}

/* Put an empty entry at `at`. When there is no room, tell what is there and begin anew: returns 0 then. */
static unsigned change_insert(struct memmap *m, unsigned at)
{
	if (m->change_count == MEMMAP_CHANGES_MAX) {
		memmap_tell(m);
		at = 0;
	}
	memmove(&m->change[at + 1], &m->change[at],
		(m->change_count - at) * sizeof(m->change[0]));
	m->change_count++;
	return at;
}

void memmap_note(struct memmap *m, uint64_t start, uint64_t end, uint8_t from, uint8_t to)
{
	unsigned at = 0;

	while (start < end) {
		struct memmap_change *c = &m->change[at];
		uint64_t stop = end;

		if (at < m->change_count && c->end.v <= start) {
			at++;
			continue;
		}
		if (at < m->change_count && c->start.v <= start && start < c->end.v &&
		    (c->start.v < start || c->end.v > end)) {
			/* Cut the older change at an edge of the newer one. */
			uint64_t cut = c->start.v < start ? start : end;
			struct memmap_change old = *c;

			if (m->change_count == MEMMAP_CHANGES_MAX) {
				memmap_tell(m);
				at = 0;
				continue;
			}
			at = change_insert(m, at);
			m->change[at] = old;
			m->change[at].end = gpa(cut);
			m->change[at + 1].start = gpa(cut);
			continue;
		}
		if (at < m->change_count && c->start.v == start) {
			c->to = to;
			start = c->end.v;
			continue;
		}
		if (at < m->change_count && c->start.v < end) {
			stop = c->start.v;
		}
		at = change_insert(m, at);
		m->change[at] = (struct memmap_change){gpa(start), gpa(stop), from, to};
		start = stop;
	}
}

void memmap_tell(struct memmap *m)
{
	unsigned out = 0;

	for (unsigned i = 0; i < m->change_count; i++) {
		const struct memmap_change *c = &m->change[i];
		struct memmap_change *last = out ? &m->change[out - 1] : NULL;

		if (c->from == c->to) {
			continue;
		}
		if (last && last->end.v == c->start.v && last->from == c->from &&
		    last->to == c->to) {
			last->end = c->end;
		} else {
			m->change[out++] = *c;
		}
	}
	m->change_count = 0;
	if (out && m->domain) {
		arch_memmap_changed(m->domain, m->change, out);
	}
}
