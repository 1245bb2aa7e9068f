/* SPDX-License-Identifier: MIT */
/*
 * Ownership of the machine's RAM by extents: a sorted array, neighbours of the
 * same owner joined. A machine has a handful of them, so look-ups are linear
 * over a few cache lines; counts of shared frames come with grants (later).
 */
#include <taproot/errno.h>
#include <taproot/frames.h>
#include <taproot/panic.h>
#include <taproot/string.h>

struct frames machine_frames;

void frames_init(struct frames *f, struct frame_extent *storage, unsigned capacity)
{
	f->extent = storage;
	f->count = 0;
	f->capacity = capacity;
}

static bool aligned(hpa_t start, hpa_t end)
{
	return start.v % PAGE_SIZE == 0 && end.v % PAGE_SIZE == 0 && start.v < end.v;
}

/* The first extent that ends above `a`. */
static unsigned first_above(const struct frames *f, uint64_t a)
{
	unsigned i = 0;

	while (i < f->count && f->extent[i].end <= a) {
		i++;
	}
	return i;
}

static void insert_at(struct frames *f, unsigned i)
{
	ASSERT(f->count < f->capacity);
	memmove(&f->extent[i + 1], &f->extent[i], (f->count - i) * sizeof(f->extent[0]));
	f->count++;
}

static void join(struct frames *f)
{
	unsigned out = 0;

	for (unsigned i = 1; i < f->count; i++) {
		struct frame_extent *last = &f->extent[out];

		if (last->end == f->extent[i].start && last->owner == f->extent[i].owner) {
			last->end = f->extent[i].end;
		} else {
			f->extent[++out] = f->extent[i];
		}
	}
	f->count = f->count ? out + 1 : 0;
}

int frames_add(struct frames *f, hpa_t start, hpa_t end)
{
	unsigned i = first_above(f, start.v);

	if (!aligned(start, end)) {
		return -EINVAL;
	}
	if (i < f->count && f->extent[i].start < end.v) {
		return -EBUSY;
	}
	/* Growing a neighbour needs no room. */
	if (i > 0 && f->extent[i - 1].end == start.v && f->extent[i - 1].owner == FRAMES_FREE) {
		f->extent[i - 1].end = end.v;
	} else if (f->count == f->capacity) {
		return -ENOSPC;
	} else {
		insert_at(f, i);
		f->extent[i] = (struct frame_extent){start.v, end.v, FRAMES_FREE};
	}
	join(f);
	return 0;
}

/* Make sure that an extent begins at `a`, which lies in one; there is room. */
static void cut(struct frames *f, uint64_t a)
{
	unsigned i = first_above(f, a);

	if (i == f->count || f->extent[i].start >= a) {
		return;
	}
	insert_at(f, i);
	f->extent[i].end = a;
	f->extent[i + 1].start = a;
}

int frames_assign(struct frames *f, hpa_t start, hpa_t end, uint16_t from, uint16_t to)
{
	uint64_t at = start.v;
	unsigned need = 0;

	if (!aligned(start, end)) {
		return -EINVAL;
	}
	for (unsigned i = first_above(f, at); at < end.v; i++) {
		const struct frame_extent *e = &f->extent[i];

		if (i == f->count || e->start > at || e->owner != from) {
			return -EPERM;
		}
		need += e->start < start.v;
		need += e->end > end.v;
		at = e->end;
	}
	if (need > f->capacity - f->count) {
		return -ENOSPC;
	}
	cut(f, start.v);
	cut(f, end.v);
	for (unsigned i = first_above(f, start.v); i < f->count && f->extent[i].start < end.v;
	     i++) {
		f->extent[i].owner = to;
	}
	join(f);
	return 0;
}

int frames_owner(const struct frames *f, hpa_t a)
{
	unsigned i = first_above(f, a.v);

	if (i == f->count || f->extent[i].start > a.v) {
		return -ENOENT;
	}
	return f->extent[i].owner;
}

uint64_t frames_owned(const struct frames *f, uint16_t owner)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < f->count; i++) {
		if (f->extent[i].owner == owner) {
			bytes += f->extent[i].end - f->extent[i].start;
		}
	}
	return bytes;
}

int frames_find_top(const struct frames *f, uint16_t owner, uint64_t size, uint64_t align,
		    uint64_t limit, hpa_t *start)
{
	ASSERT(align && (align & (align - 1)) == 0);
	for (unsigned i = f->count; i-- > 0;) {
		const struct frame_extent *e = &f->extent[i];
		uint64_t end = MIN(e->end, limit);
		uint64_t place;

		if (e->owner != owner || end <= e->start || end - e->start < size) {
			continue;
		}
		place = ALIGN_DOWN(end - size, align);
		if (place >= e->start) {
			*start = hpa(place);
			return 0;
		}
	}
	return -ENOSPC;
}
