/* SPDX-License-Identifier: MIT */
/*
 * Nested tables derived from a memmap. This is the only place that says which
 * type of memory is mapped and how: the hardware domain's memmap is identity
 * (memmap.h), so a mapping needs no other input.
 *
 * A changed range is widened to the superpages that contain its ends when all
 * of such a superpage is mapped alike: that is how superpages form again
 * after a trapped page or a small BAR went away.
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

/* Does all of [start, end) have this kind? */
static bool uniform(const struct nested *n, const struct memmap *m, uint64_t start, uint64_t end,
		    enum kind kind)
{
	const struct mem_range *r = memmap_find(m, gpa(start));

	if (!r || end > reach(n, m)) {
		return false;
	}
	for (; r->end.v < end; r++) {
		if (kind_of(r) != kind) {
			return false;
		}
	}
	return kind_of(r) == kind;
}

/* Widen [*start, *end), of this kind, over the superpages of `size` at its ends. */
static void widen(const struct nested *n, const struct memmap *m, uint64_t size, enum kind kind,
		  uint64_t *start, uint64_t *end)
{
	uint64_t low = ALIGN_DOWN(*start, size);
	uint64_t high = ALIGN_UP(*end, size);

	if (low < *start && uniform(n, m, low, MIN(low + size, *start), kind) &&
	    (low + size <= *end || uniform(n, m, *end, low + size, kind))) {
		*start = low;
		*end = MAX(*end, low + size);
	}
	if (high > *end && high - size >= *start && uniform(n, m, high - size, high, kind)) {
		*end = high;
	}
}

static int sync_run(struct nested *n, const struct memmap *m, uint64_t start, uint64_t end,
		    enum kind kind)
{
	if (kind == KIND_NONE) {
		return nested_unmap(n, gpa(start), end - start);
	}
	widen(n, m, 2 * MIB, kind, &start, &end);
	if (n->format.has_1g) {
		widen(n, m, GIB, kind, &start, &end);
	}
	return nested_map(n, gpa(start), hpa(start), end - start,
			  kind == KIND_WB ? NESTED_WB : NESTED_UC, true, NULL);
}

int nested_sync(struct nested *n, const struct memmap *m, gpa_t start, gpa_t end)
{
	uint64_t limit = reach(n, m);
	uint64_t at = ALIGN_DOWN(start.v, PAGE_SIZE);
	uint64_t stop = end.v >= limit ? limit : ALIGN_UP(end.v, PAGE_SIZE);
	const struct mem_range *r = memmap_find(m, gpa(at));
	int result = 0;

	while (at < stop) {
		enum kind kind = kind_of(r);
		uint64_t run = at;
		int rc;

		/* The array covers the address space up to the limit, so r stays inside it. */
		while (at < stop && kind_of(r) == kind) {
			at = MIN(stop, r->end.v);
			r++;
			if (at == limit) {
				break;
			}
		}
		rc = sync_run(n, m, run, at, kind);
		if (rc) {
			result = rc;
		}
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
