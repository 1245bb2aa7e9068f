/* SPDX-License-Identifier: MIT */
/*
 * Nested tables derived from a memmap. This is the only place that says which
 * type of memory is mapped and how: the hardware domain's memmap is identity
 * (memmap.h), so a mapping needs no other input.
 *
 * A changed range is widened to the superpages that contain its ends when all
 * of such a superpage is mapped alike: that is how superpages form again
 * after a trapped page or a small BAR went away. RAM that was given back is
 * left out of runs (memmap.h).
 */
#include <taproot/errno.h>
#include <taproot/nested.h>

enum kind { KIND_NONE, KIND_WB, KIND_UC };

static enum kind kind_of(const struct mem_range *r)
{
	switch (r->type) {
	case MEM_RAM:
	case MEM_ACPI:
	case MEM_NVS:
		return KIND_WB;
	case MEM_LOW:
	case MEM_MMIO:
	case MEM_OPEN:
		return KIND_UC;
	default:
		return KIND_NONE;
	}
}

bool nested_maps(enum mem_type type)
{
	return kind_of(&(struct mem_range){.type = (uint8_t)type}) != KIND_NONE;
}

/* Where tables and memmap both end: 4 levels reach 48 bits, whatever the processor can address. */
static uint64_t reach(const struct nested *n, const struct memmap *m)
{
	return MIN(m->limit, PAGE_SIZE << (9 * n->format.levels));
}

/* A stretch of one kind, and the ranges that hold its first and last byte. */
struct run {
	uint64_t start, end;
	enum kind kind;
	const struct memmap *m;
	const struct mem_range *first, *last;
};

/* Is no RAM of [a, end) given back? */
static bool all_there(const struct run *run, uint64_t a, uint64_t end)
{
	bool unmapped;

	return run->kind != KIND_WB || a >= end ||
	       (memmap_unmapped_run(run->m, a, end, &unmapped) == end && !unmapped);
}

/* Take the ranges before the run into it, as far down as `low`, if they are of its kind. */
static bool grow_down(struct run *run, uint64_t low)
{
	const struct mem_range *r = run->first;

	while (r->start.v > low && kind_of(r - 1) == run->kind) {
		r--;
	}
	if (r->start.v > low) {
		return false;
	}
	run->first = r;
	run->start = low;
	return true;
}

static bool grow_up(struct run *run, uint64_t high)
{
	const struct mem_range *r = run->last;

	while (r->end.v < high && kind_of(r + 1) == run->kind) {
		r++;
	}
	if (r->end.v < high) {
		return false;
	}
	run->last = r;
	run->end = high;
	return true;
}

/*
 * Widen the run over the superpages of `size` at its ends, each if all of it is of the run's kind.
 * An end that does not even fill a superpage of `step`, the next smaller size, stays.
 */
static void widen(struct run *run, uint64_t size, uint64_t step, uint64_t limit)
{
	uint64_t low = run->start % step ? run->start : ALIGN_DOWN(run->start, size);
	uint64_t high = run->end % step ? run->end : ALIGN_UP(run->end, size);
	struct run down = *run;

	/* A superpage that begins before the run may also end behind it. */
	if (low < run->start && low + size <= limit && grow_down(&down, low) &&
	    (low + size <= run->end || grow_up(&down, low + size)) &&
	    all_there(run, down.start, run->start) && all_there(run, run->end, down.end)) {
		*run = down;
	}
	if (high > run->end && high <= limit && high - size >= run->start &&
	    all_there(run, run->end, high)) {
		(void)grow_up(run, high);
	}
}

static int sync_run(struct nested *n, struct run *run, uint64_t limit)
{
	if (run->kind == KIND_NONE) {
		return nested_unmap(n, gpa(run->start), run->end - run->start);
	}
	widen(run, 2 * MIB, PAGE_SIZE, limit);
	if (n->format.has_1g) {
		widen(run, GIB, 2 * MIB, limit);
	}
	return nested_map(n, gpa(run->start), hpa(run->start), run->end - run->start,
			  run->kind == KIND_WB ? NESTED_WB : NESTED_UC, true, NULL);
}

/* RAM that was given back is a run of its own, and so is what lies between. */
static void around_absent(struct run *run)
{
	bool unmapped = false;

	if (run->kind == KIND_WB) {
		run->end = memmap_unmapped_run(run->m, run->start, run->end, &unmapped);
	}
	if (unmapped) {
		run->kind = KIND_NONE;
	}
}

/* What a run costs besides its entries. */
#define RUN_WORK 64u

/* Where a run from `at` on is cut: `work` of the largest leaves further at most. */
static uint64_t cut(const struct nested *n, uint64_t at, unsigned work)
{
	uint64_t size = n->format.only_4k ? PAGE_SIZE : n->format.has_1g ? GIB : 2 * MIB;

	/* Whole tables, so that no superpage is cut, whatever the other tables' format is. */
	for (size *= 512; work >= 1024; work /= 2) {
		size *= 2;
	}
	return ALIGN_DOWN(at, size) + size;
}

/* To there nothing is mapped, and nothing costs anything. */
static uint64_t next_mapped(const struct nested *n, uint64_t at)
{
	struct nested_leaf leaf;

	return nested_next(n, gpa(at), &leaf) ? leaf.gpa.v : UINT64_MAX;
}

int nested_sync_part(struct nested *n, const struct memmap *m, gpa_t *start, gpa_t end,
		     unsigned work)
{
	uint64_t limit = reach(n, m);
	uint64_t at = ALIGN_DOWN(start->v, PAGE_SIZE);
	uint64_t stop = end.v >= limit ? limit : ALIGN_UP(end.v, PAGE_SIZE);
	const struct mem_range *r = memmap_find(m, gpa(at));
	uint64_t enough = n->work + work;
	int result = 0;

	while (at < stop && n->work < enough) {
		struct run run = {.start = at, .kind = kind_of(r), .m = m, .first = r};
		uint64_t high = MIN(stop, cut(n, at, work));
		int rc;

		if (run.kind == KIND_NONE && high < stop) {
			high = MAX(high, MIN(stop, next_mapped(n, at)));
		}

		/* The array covers the address space up to the limit, so r stays inside it. */
		while (r->end.v < high && kind_of(r + 1) == run.kind) {
			r++;
		}
		run.last = r;
		run.end = MIN(high, r->end.v);
		around_absent(&run);
		at = run.end;
		n->work += RUN_WORK;
		rc = sync_run(n, &run, limit);
		result = rc ? rc : result;
		if (at == r->end.v) {
			r++;
		}
	}
	*start = at < stop ? gpa(at) : end;
	return result;
}

int nested_sync(struct nested *n, const struct memmap *m, gpa_t start, gpa_t end)
{
	int result = 0;

	while (start.v < end.v) {
		int rc = nested_sync_part(n, m, &start, end, UINT32_MAX);

		result = rc ? rc : result;
	}
	return result;
}

static bool leaf_is(const struct nested *n, const struct nested_leaf *leaf, enum kind kind)
{
	enum nested_cache cache = kind == KIND_WB ? NESTED_WB : NESTED_UC;
	uint64_t bits = n->format.leaf_bits | n->format.cache_bits[cache];

	if (leaf->size > PAGE_SIZE) {
		bits |= n->format.large_bit;
	}
	return leaf->gpa.v == leaf->hpa.v && leaf->bits == bits;
}

bool nested_matches(const struct nested *n, const struct memmap *m, gpa_t *where)
{
	const struct mem_range *r = m->range;
	struct nested_leaf leaf;
	uint64_t at = 0;

	while (at < reach(n, m)) {
		bool mapped = nested_next(n, gpa(at), &leaf);
		bool here = mapped && leaf.gpa.v <= at;
		enum kind kind = kind_of(r);
		uint64_t stop = MIN(r->end.v, reach(n, m));
		bool unmapped = false;

		if (r->type == MEM_RAM) {
			stop = memmap_unmapped_run(m, at, stop, &unmapped);
		}
		if (unmapped) {
			kind = KIND_NONE;
		}
		*where = gpa(at);
		if (here != (kind != KIND_NONE) || (here && !leaf_is(n, &leaf, kind))) {
			return false;
		}
		if (mapped) {
			stop = MIN(stop, here ? leaf.gpa.v + leaf.size : leaf.gpa.v);
		}
		at = stop;
		if (at == r->end.v) {
			r++;
		}
	}
	*where = gpa(at);
	return !nested_next(n, gpa(at), &leaf);
}
