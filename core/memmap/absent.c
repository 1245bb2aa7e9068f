/* SPDX-License-Identifier: MIT */
/*
 * RAM that a domain has given back: one bit a page, in parts of 64 MiB that
 * exist only where something was given back. The page keeps its type in the
 * memmap and its place: it returns there or not at all.
 *
 * A page given back is not mapped, which takes a table of 4 KiB leaves for its
 * 2 MiB. A region of that size for which there was no table is `kept`: its pages
 * count as given back, but stay mapped. They still are the domain's own.
 *
 * Parts are made under mem_lock and never freed, so readers need no lock.
 * Deliberately not supported: RAM above 16 TiB; it is never given back.
 */
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/memmap.h>
#include <taproot/panic.h>

#include "memmap_internal.h"

#define WORD_BITS    64u
#define WORD_SIZE    (WORD_BITS * PAGE_SIZE)
#define REGION_SIZE  (2 * MIB)
#define REGION_WORDS (unsigned)(REGION_SIZE / WORD_SIZE)
#define PART_SIZE    (64 * MIB)
#define PART_WORDS   (unsigned)(PART_SIZE / WORD_SIZE)
#define FANOUT       512u
#define PARTS_SIZE   (FANOUT * PART_SIZE)
/* Pages of the hypervisor that are not taken for this. */
#define POOL_KEEP 32u

struct absent_part {
	uint64_t word[PART_WORDS];
	uint32_t kept; /* regions that stay mapped */
	uint32_t count;
};

/* Two levels of pointers; each a page. */
struct absent_parts {
	struct absent_part *part[FANOUT];
};

struct memmap_absent {
	struct absent_parts *parts[FANOUT];
};

static struct absent_part *part_find(const struct memmap *m, uint64_t a)
{
	struct memmap_absent *root = __atomic_load_n(&m->absent, __ATOMIC_ACQUIRE);
	struct absent_parts *parts;

	if (!root || a / PARTS_SIZE >= FANOUT) {
		return NULL;
	}
	parts = __atomic_load_n(&root->parts[a / PARTS_SIZE], __ATOMIC_ACQUIRE);
	return parts ? __atomic_load_n(&parts->part[a / PART_SIZE % FANOUT], __ATOMIC_ACQUIRE)
		     : NULL;
}

static unsigned word_of(uint64_t a)
{
	return (unsigned)(a % PART_SIZE / WORD_SIZE);
}

static uint64_t bit_of(uint64_t a)
{
	return 1ull << (a / PAGE_SIZE % WORD_BITS);
}

/* The end of [a, end)'s part in the word at `a`. */
static uint64_t word_end(uint64_t a, uint64_t end)
{
	return MIN(end, ALIGN_DOWN(a, WORD_SIZE) + WORD_SIZE);
}

/* The pages [a, end) of one word. */
static uint64_t bits_of(uint64_t a, uint64_t end)
{
	return UINT64_MAX >> (WORD_BITS - (end - a) / PAGE_SIZE) << (a / PAGE_SIZE % WORD_BITS);
}

static uint32_t region_of(uint64_t a)
{
	return 1u << (a % PART_SIZE / REGION_SIZE);
}

static int part_make(struct memmap *m, uint64_t a)
{
	struct memmap_absent *root = m->absent;
	struct absent_parts *parts;
	struct absent_part *part;

	_Static_assert(sizeof(*root) == PAGE_SIZE && sizeof(*parts) == PAGE_SIZE, "pages");
	if (a / PARTS_SIZE >= FANOUT) {
		return -ENOSPC;
	}
	if (page_free_count() < POOL_KEEP) {
		return -ENOMEM;
	}
	if (!root) {
		root = page_alloc();
		if (!root) {
			return -ENOMEM;
		}
		__atomic_store_n(&m->absent, root, __ATOMIC_RELEASE);
	}
	parts = root->parts[a / PARTS_SIZE];
	if (!parts) {
		parts = page_alloc();
		if (!parts) {
			return -ENOMEM;
		}
		__atomic_store_n(&root->parts[a / PARTS_SIZE], parts, __ATOMIC_RELEASE);
	}
	part = heap_alloc(sizeof(*part));
	if (!part) {
		return -ENOMEM;
	}
	__atomic_store_n(&parts->part[a / PART_SIZE % FANOUT], part, __ATOMIC_RELEASE);
	return 0;
}

int memmap_absent_prepare(struct memmap *m, gpa_t a, uint64_t size)
{
	for (uint64_t at = ALIGN_DOWN(a.v, PART_SIZE); at < a.v + size; at += PART_SIZE) {
		int rc = part_find(m, at) ? 0 : part_make(m, at);

		if (rc) {
			return rc;
		}
	}
	return 0;
}

bool memmap_is_absent(const struct memmap *m, gpa_t a)
{
	const struct absent_part *p = part_find(m, a.v);

	return p && (__atomic_load_n(&p->word[word_of(a.v)], __ATOMIC_ACQUIRE) & bit_of(a.v));
}

/* What the pages of the word at `a` are to be: a set bit is a page that is not mapped. */
static uint64_t unmapped_word(const struct absent_part *p, uint64_t a)
{
	if (__atomic_load_n(&p->kept, __ATOMIC_ACQUIRE) & region_of(a)) {
		return 0;
	}
	return __atomic_load_n(&p->word[word_of(a)], __ATOMIC_ACQUIRE);
}

bool memmap_is_unmapped(const struct memmap *m, gpa_t a)
{
	const struct absent_part *p = part_find(m, a.v);

	return p && (unmapped_word(p, a.v) & bit_of(a.v));
}

uint64_t memmap_unmapped_run(const struct memmap *m, uint64_t a, uint64_t end, bool *unmapped)
{
	uint64_t at = a;

	*unmapped = memmap_is_unmapped(m, gpa(a));
	if (m->absent_pages == 0) {
		return end;
	}
	while (at < end) {
		const struct absent_part *p = part_find(m, at);
		uint64_t word = p ? unmapped_word(p, at) : 0;
		uint64_t step = PAGE_SIZE;

		if (!p || p->count == 0) {
			step = PART_SIZE;
		} else if (word == 0 || word == UINT64_MAX) {
			step = WORD_SIZE;
		}
		if (((word & bit_of(at)) != 0) != *unmapped) {
			return at;
		}
		at = ALIGN_DOWN(at, step) + step;
	}
	return end;
}

static bool region_empty(const struct absent_part *p, uint64_t a)
{
	unsigned first = word_of(ALIGN_DOWN(a, REGION_SIZE));

	for (unsigned i = first; i < first + REGION_WORDS; i++) {
		if (p->word[i]) {
			return false;
		}
	}
	return true;
}

bool memmap_absent_all(const struct memmap *m, gpa_t a, uint64_t size, bool absent)
{
	uint64_t end = a.v + size, next;

	for (uint64_t at = a.v; at < end; at = next) {
		const struct absent_part *p = part_find(m, at);
		uint64_t bits;

		next = word_end(at, end);
		bits = bits_of(at, next);
		if (((p ? p->word[word_of(at)] : 0) & bits) != (absent ? bits : 0)) {
			return false;
		}
	}
	return true;
}

/* The pages [a, end) of one word. */
static void set_word(struct memmap *m, uint64_t a, uint64_t end, bool keep)
{
	struct absent_part *p = part_find(m, a);
	uint64_t bits = bits_of(a, end);

	ASSERT(p && !(p->word[word_of(a)] & bits));
	if (keep && region_empty(p, a)) {
		__atomic_fetch_or(&p->kept, region_of(a), __ATOMIC_RELEASE);
	}
	__atomic_fetch_or(&p->word[word_of(a)], bits, __ATOMIC_RELEASE);
	p->count += (uint32_t)((end - a) / PAGE_SIZE);
}

static void clear_word(struct memmap *m, uint64_t a, uint64_t end)
{
	struct absent_part *p = part_find(m, a);
	uint64_t bits = bits_of(a, end);

	ASSERT(p && (p->word[word_of(a)] & bits) == bits);
	__atomic_fetch_and(&p->word[word_of(a)], ~bits, __ATOMIC_RELEASE);
	p->count -= (uint32_t)((end - a) / PAGE_SIZE);
	if (region_empty(p, a)) {
		__atomic_fetch_and(&p->kept, ~region_of(a), __ATOMIC_RELEASE);
	}
}

void memmap_absent_set(struct memmap *m, gpa_t a, uint64_t size, bool keep)
{
	uint64_t end = a.v + size, next;

	memmap_edit_begin(m);
	m->absent_pages += size / PAGE_SIZE;
	for (uint64_t at = a.v; at < end; at = next) {
		next = word_end(at, end);
		set_word(m, at, next, keep);
	}
	memmap_edit_end(m);
}

void memmap_absent_clear(struct memmap *m, gpa_t a, uint64_t size)
{
	uint64_t end = a.v + size, next;

	memmap_edit_begin(m);
	for (uint64_t at = a.v; at < end; at = next) {
		next = word_end(at, end);
		clear_word(m, at, next);
	}
	m->absent_pages -= size / PAGE_SIZE;
	memmap_edit_end(m);
}

bool memmap_absent_next(const struct memmap *m, gpa_t *a)
{
	while (m->absent_pages && a->v < m->limit && a->v / PARTS_SIZE < FANOUT) {
		const struct absent_part *p = part_find(m, a->v);
		uint64_t step = !p || p->count == 0 ? PART_SIZE : PAGE_SIZE;

		if (memmap_is_absent(m, *a)) {
			return true;
		}
		a->v = ALIGN_DOWN(a->v, step) + step;
	}
	return false;
}
