/* SPDX-License-Identifier: MIT */
/*
 * The array of ranges behind a memmap: look-up, base types, and the editing
 * that transactions (transaction.c) are made of.
 *
 * The array always covers [0, limit) in order, without gaps. Equal neighbours
 * are joined lazily (memmap.h says why), so a boundary may outlive the claim
 * that made it; memmap_make_room() takes such boundaries out.
 *
 * Deliberately not supported: growing the array. Its size is chosen at domain
 * creation, and exhaustion is an error that every caller handles.
 */
#include <taproot/errno.h>
#include <taproot/memmap.h>
#include <taproot/panic.h>
#include <taproot/string.h>

#include "memmap_internal.h"

void memmap_init(struct memmap *m, struct domain *d, struct mem_range *storage, unsigned capacity,
		 uint64_t limit)
{
	ASSERT(capacity > 0 && limit > 0 && limit % PAGE_SIZE == 0);
	memset(m, 0, sizeof(*m));
	m->domain = d;
	m->range = storage;
	m->capacity = capacity;
	m->limit = limit;
	m->piece = MEMMAP_PIECE;
	m->count = 1;
	m->range[0] = (struct mem_range){
		.start = gpa(0),
		.end = gpa(limit),
		.type = MEM_HOLE,
		.base = MEM_HOLE,
		.owner = SBDF_NONE,
	};
}

unsigned memmap_index(const struct memmap *m, uint64_t a)
{
	unsigned i = __atomic_load_n(&m->recent, __ATOMIC_RELAXED);
	unsigned size = __atomic_load_n(&m->count, __ATOMIC_RELAXED);
	unsigned low = 0;

	if (i < size && m->range[i].start.v <= a && a < m->range[i].end.v) {
		return i;
	}
	/* The answer lies in [low, low + size). */
	while (size > 1) {
		unsigned half = size / 2;

		if (m->range[low + half].start.v <= a) {
			low += half;
		}
		size -= half;
	}
	return low;
}

const struct mem_range *memmap_find(const struct memmap *m, gpa_t a)
{
	if (a.v >= m->limit) {
		return NULL;
	}
	return &m->range[memmap_index(m, a.v)];
}

/*
 * The array stays one, and `count` below its capacity: a reading that meets an
 * edit finds nonsense, but inside the array.
 */
bool memmap_lookup(const struct memmap *m, gpa_t a, struct mem_range *out)
{
	uint64_t generation;

	if (a.v >= m->limit) {
		return false;
	}
	do {
		generation = memmap_read_begin(m);
		*out = m->range[memmap_index(m, a.v)];
	} while (!memmap_unchanged(m, generation));
	return true;
}

void memmap_edit_begin(struct memmap *m)
{
	__atomic_store_n(&m->generation, m->generation + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void memmap_edit_end(struct memmap *m)
{
	__atomic_store_n(&m->generation, m->generation + 1, __ATOMIC_RELEASE);
}

bool memmap_is_claim(const struct mem_range *r)
{
	return r->type != r->base && r->type != MEM_OPEN;
}

static bool same(const struct mem_range *a, const struct mem_range *b)
{
	if (a->type != b->type || a->base != b->base) {
		return false;
	}
	return !memmap_is_claim(a) || a->claim.v == b->claim.v;
}

bool memmap_has_room(const struct memmap *m, unsigned more)
{
	unsigned joined = 1;

	if (more <= m->capacity - m->count) {
		return true;
	}
	for (unsigned i = 1; i < m->count; i++) {
		joined += !same(&m->range[i - 1], &m->range[i]);
	}
	return more <= m->capacity - joined;
}

void memmap_make_room(struct memmap *m, unsigned more)
{
	unsigned out = 0;

	if (more <= m->capacity - m->count) {
		return;
	}
	for (unsigned i = 1; i < m->count; i++) {
		if (same(&m->range[out], &m->range[i])) {
			m->range[out].end = m->range[i].end;
		} else {
			m->range[++out] = m->range[i];
		}
	}
	m->count = out + 1;
}

unsigned memmap_split(struct memmap *m, uint64_t a)
{
	unsigned i = memmap_index(m, a);
	struct mem_range *r = &m->range[i];

	if (r->start.v == a) {
		return i;
	}
	ASSERT(m->count < m->capacity);
	memmove(r + 1, r, (m->count - i) * sizeof(*r));
	m->count++;
	r[0].end = gpa(a);
	r[1].start = gpa(a);
	return i + 1;
}

int memmap_set_base(struct memmap *m, gpa_t start, gpa_t end, enum mem_type type)
{
	unsigned first, i;

	if (start.v % PAGE_SIZE || end.v % PAGE_SIZE || start.v >= end.v || end.v > m->limit ||
	    type == MEM_MMIO || type == MEM_TRAP || type == MEM_OPEN || type >= MEM_TYPE_COUNT) {
		return -EINVAL;
	}
	for (i = memmap_index(m, start.v); i < m->count && m->range[i].start.v < end.v; i++) {
		if (memmap_is_claim(&m->range[i])) {
			return -EBUSY;
		}
	}
	if (!memmap_has_room(m, 2)) {
		return -ENOSPC;
	}
	memmap_edit_begin(m);
	memmap_make_room(m, 2);
	first = memmap_split(m, start.v);
	i = end.v == m->limit ? m->count : memmap_split(m, end.v);
	memmove(&m->range[first + 1], &m->range[i], (m->count - i) * sizeof(m->range[0]));
	m->count -= i - first - 1;
	m->range[first] = (struct mem_range){
		.start = start,
		.end = end,
		.type = type,
		.base = type,
		.owner = SBDF_NONE,
	};
	memmap_make_room(m, m->capacity);
	memmap_edit_end(m);
	return 0;
}

int memmap_open(struct memmap *m, gpa_t a)
{
	uint64_t page = ALIGN_DOWN(a.v, PAGE_SIZE);
	struct mem_range *r;
	uint8_t from;

	if (page >= m->limit) {
		return -EINVAL;
	}
	from = m->range[memmap_index(m, page)].type;
	if (from != MEM_HOLE && from != MEM_RESERVED) {
		return -EBUSY;
	}
	/* A quarter of the room stays for claims. Neighbours that are open alike are one range. */
	if (!memmap_has_room(m, m->capacity / 4 + 2)) {
		return -ENOSPC;
	}
	memmap_edit_begin(m);
	memmap_make_room(m, 2);
	if (page + PAGE_SIZE < m->limit) {
		memmap_split(m, page + PAGE_SIZE);
	}
	r = &m->range[memmap_split(m, page)];
	r->type = MEM_OPEN;
	memmap_edit_end(m);
	memmap_note(m, page, page + PAGE_SIZE, from, MEM_OPEN);
	memmap_tell(m);
	return 0;
}
