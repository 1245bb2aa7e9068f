// SPDX-License-Identifier: MIT
/*
 * The boot memory map and the plan for who goes where in it. Pure functions,
 * also built hosted: firmware maps come unsorted, overlapping, unaligned or
 * wrapping around (ACPI 6.5 15.4 leaves much open), and moving tens of
 * megabytes before paging is set up is no place for surprises.
 *
 * Not considered: NUMA, hotplug memory, areas above 4 GiB for ourselves
 * (application processors start below).
 */
#include <taproot/errno.h>
#include <taproot/memmap.h>
#include <taproot/string.h>
#include "boot.h"

#define LIMIT_4G (4 * GIB)

/* Of two types for one page the higher rank wins. */
static unsigned type_rank(uint32_t type)
{
	switch (type) {
	case E820_RAM:
		return 0;
	case E820_ACPI:
		return 2;
	case E820_NVS:
		return 3;
	case E820_UNUSABLE:
		return 4;
	default:
		return 1;
	}
}

/* Whole pages, no wrap-around, a type that we know; size 0: nothing is left. */
static void entry_normalize(struct e820_entry *e)
{
	uint64_t end = e->start + e->size;

	if (end < e->start) {
		end = UINT64_MAX;
	}
	if (e->type == E820_RAM) {
		e->start = e->start > PAGE_MASK ? PAGE_MASK : ALIGN_UP(e->start, PAGE_SIZE);
		end = ALIGN_DOWN(end, PAGE_SIZE);
	} else {
		e->start = ALIGN_DOWN(e->start, PAGE_SIZE);
		end = end > PAGE_MASK ? PAGE_MASK : ALIGN_UP(end, PAGE_SIZE);
		if (type_rank(e->type) == 1) {
			e->type = E820_RESERVED;
		}
	}
	e->size = end > e->start ? end - e->start : 0;
}

static void entry_remove(struct e820_entry *map, unsigned *count, unsigned i)
{
	memmove(&map[i], &map[i + 1], (*count - i - 1) * sizeof(*map));
	(*count)--;
}

/* Put `e` at its place by start address. */
static int entry_insert(struct e820_entry *map, unsigned *count, unsigned capacity,
			struct e820_entry e)
{
	unsigned i = *count;

	if (*count == capacity) {
		return -ENOSPC;
	}
	while (i > 0 && map[i - 1].start > e.start) {
		map[i] = map[i - 1];
		i--;
	}
	map[i] = e;
	(*count)++;
	return 0;
}

static void map_sort(struct e820_entry *map, unsigned count)
{
	unsigned sorted = 0;

	for (unsigned i = 0; i < count; i++) {
		struct e820_entry e = map[i];

		/* Room is there: sorted <= i. */
		(void)entry_insert(map, &sorted, count, e);
	}
}

/*
 * Entries i and i + 1 overlap: cut the weaker one. What the weaker one has
 * beyond the stronger one's end becomes an entry of its own, at its place.
 */
static int resolve_pair(struct e820_entry *map, unsigned *count, unsigned capacity, unsigned i)
{
	struct e820_entry a = map[i];
	struct e820_entry b = map[i + 1];
	uint64_t a_end = a.start + a.size;
	uint64_t b_end = b.start + b.size;

	if (type_rank(a.type) >= type_rank(b.type)) {
		/* b keeps what is beyond a. */
		entry_remove(map, count, i + 1);
		if (b_end > a_end) {
			b.size = b_end - a_end;
			b.start = a_end;
			return entry_insert(map, count, capacity, b);
		}
		return 0;
	}
	/* a keeps what is before and beyond b. */
	map[i].size = b.start - a.start;
	if (map[i].size == 0) {
		entry_remove(map, count, i);
	}
	if (a_end > b_end) {
		a.start = b_end;
		a.size = a_end - b_end;
		return entry_insert(map, count, capacity, a);
	}
	return 0;
}

int bootmap_sanitize(struct e820_entry *map, unsigned count, unsigned capacity)
{
	unsigned i = 0;

	while (i < count) {
		entry_normalize(&map[i]);
		if (map[i].size == 0) {
			entry_remove(map, &count, i);
		} else {
			i++;
		}
	}
	map_sort(map, count);
	/* After a cut the pair before may meet the pieces: step back. */
	for (i = 0; i + 1 < count;) {
		if (map[i].start + map[i].size > map[i + 1].start) {
			int rc = resolve_pair(map, &count, capacity, i);

			if (rc < 0) {
				return rc;
			}
			i = i ? i - 1 : 0;
		} else {
			i++;
		}
	}
	for (i = 0; i + 1 < count;) {
		if (map[i].type == map[i + 1].type &&
		    map[i].start + map[i].size == map[i + 1].start) {
			map[i].size += map[i + 1].size;
			entry_remove(map, &count, i + 1);
		} else {
			i++;
		}
	}
	return (int)count;
}

uint64_t bootmap_ram(const struct e820_entry *map, unsigned count)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < count; i++) {
		sum += map[i].type == E820_RAM ? map[i].size : 0;
	}
	return sum;
}

/* The busy range that [start, start + size) meets, or NULL. */
static const struct boot_range *meets(const struct boot_range *busy, unsigned count, uint64_t start,
				      uint64_t size)
{
	for (unsigned i = 0; i < count; i++) {
		if (busy[i].size && start < busy[i].start + busy[i].size &&
		    busy[i].start < start + size) {
			return &busy[i];
		}
	}
	return NULL;
}

/* The same within one range of RAM. */
static int place_in(const struct e820_entry *e, uint64_t size, uint64_t align, uint64_t limit,
		    const struct boot_range *busy, unsigned busy_count, uint64_t *start)
{
	uint64_t top = MIN(e->start + e->size, limit);

	for (;;) {
		const struct boot_range *b;
		uint64_t s;

		if (top < size) {
			return -ENOSPC;
		}
		s = ALIGN_DOWN(top - size, align);
		if (s < e->start) {
			return -ENOSPC;
		}
		b = meets(busy, busy_count, s, size);
		if (!b) {
			*start = s;
			return 0;
		}
		top = b->start; /* lower than before: b begins below s + size */
	}
}

int bootmap_place(const struct e820_entry *map, unsigned count, uint64_t size, uint64_t align,
		  uint64_t limit, const struct boot_range *busy, unsigned busy_count,
		  uint64_t *start)
{
	for (unsigned i = count; i > 0; i--) {
		if (map[i - 1].type == E820_RAM &&
		    place_in(&map[i - 1], size, align, limit, busy, busy_count, start) == 0) {
			return 0;
		}
	}
	return -ENOSPC;
}

bool bootmap_is_ram(const struct e820_entry *map, unsigned count, uint64_t start, uint64_t size)
{
	for (unsigned i = 0; i < count; i++) {
		if (map[i].type == E820_RAM && start >= map[i].start &&
		    start - map[i].start <= map[i].size &&
		    size <= map[i].size - (start - map[i].start)) {
			return true;
		}
	}
	return false;
}

/* The module that lies highest and has not been planned yet. */
static unsigned next_module(const struct boot_info *info, unsigned planned)
{
	unsigned best = BOOT_MODULES_MAX;

	for (unsigned i = 0; i < info->module_count; i++) {
		if (!(planned & 1u << i) && (best == BOOT_MODULES_MAX ||
					     info->module[i].start > info->module[best].start)) {
			best = i;
		}
	}
	return best;
}

int bootmap_plan_modules(const struct boot_info *info, struct boot_range image,
			 struct boot_move moves[BOOT_MODULES_MAX], unsigned *count)
{
	/* Low memory, the image, the area, and each module's old or new place. */
	struct boot_range busy[3 + BOOT_MODULES_MAX] = {
		{0, MIB},
		image,
		{info->area_start, info->area_size},
	};
	unsigned planned = 0;

	for (unsigned i = 0; i < info->module_count; i++) {
		busy[3 + i] = (struct boot_range){info->module[i].start, info->module[i].size};
	}
	for (*count = 0; *count < info->module_count; (*count)++) {
		unsigned m = next_module(info, planned);
		uint64_t size = info->module[m].size;
		uint64_t to;
		int rc;

		busy[3 + m].size = 0; /* a move may overlap itself */
		rc = bootmap_place(info->map, info->map_count, ALIGN_UP(size, PAGE_SIZE), PAGE_SIZE,
				   LIMIT_4G, busy, ARRAY_SIZE(busy), &to);
		if (rc < 0) {
			return rc;
		}
		busy[3 + m] = (struct boot_range){to, ALIGN_UP(size, PAGE_SIZE)};
		moves[*count] = (struct boot_move){m, info->module[m].start, to, size};
		planned |= 1u << m;
	}
	return 0;
}
