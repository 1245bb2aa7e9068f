// SPDX-License-Identifier: MIT
/*
 * Physical memory as the core sees it: direct map, boot-time views of
 * firmware tables, windows on device memory.
 *
 * A window that is pointed elsewhere leaves stale translations in other
 * processors' TLBs. They are not interrupted for it: every move raises a
 * generation, and a processor that has not seen it reloads CR3 before its
 * next access through any window. The caller's lock orders the two.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/lock.h>
#include <taproot/panic.h>
#include "cpu.h"
#include "paging.h"
#include "x86.h"

#define VIEWS_MAX    256
#define VIEW_LEN_MAX (64 * MIB)

extern char image_start[], image_end[];

static struct lock map_lock; /* the addresses given out, and the tables below them */
static uint64_t iomap_next = IOMAP_BASE;
static uint64_t iomap_generation;

struct view {
	uint64_t start, end; /* physical, pages */
	uint64_t va;
};

static struct view views[VIEWS_MAX];
static unsigned view_count;
static uint64_t view_next = VIEW_BASE;

void *arch_hpa_to_va(hpa_t a)
{
	return (void *)(DIRECT_BASE + a.v);
}

hpa_t arch_va_to_hpa(const void *va)
{
	uint64_t v = (uint64_t)va;

	if (v >= (uint64_t)image_start && v < (uint64_t)image_end) {
		return hpa(v - (uint64_t)image_start + image_hpa);
	}
	if (v >= DIRECT_BASE && v < IOMAP_BASE) {
		return hpa(v - DIRECT_BASE);
	}
	v = paging_translate(v);
	ASSERT(v != UINT64_MAX);
	return hpa(v);
}

/* ---- views ---- */

static bool in_direct_map(uint64_t start, uint64_t end)
{
	for (uint64_t a = start; a < end; a += PAGE_SIZE) {
		if (paging_translate(DIRECT_BASE + a) == UINT64_MAX) {
			return false;
		}
	}
	return true;
}

static const struct view *view_find(uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < view_count; i++) {
		if (views[i].start <= start && end <= views[i].end) {
			return &views[i];
		}
	}
	return NULL;
}

const void *arch_phys_view(hpa_t a, size_t len)
{
	uint64_t start = a.v & PAGE_MASK;
	uint64_t end = ALIGN_UP(a.v + len, PAGE_SIZE);
	const struct view *v;

	if (len == 0 || len > VIEW_LEN_MAX || end <= start ||
	    end > 1ull << cpu_features.phys_bits) {
		return NULL;
	}
	if (in_direct_map(start, end)) {
		return arch_hpa_to_va(a);
	}
	v = view_find(start, end);
	if (!v) {
		struct view *new = &views[view_count];

		if (view_count == VIEWS_MAX || end - start > VIEW_END - view_next ||
		    paging_map(view_next, start, end - start, PAGE_RO) < 0) {
			return NULL;
		}
		*new = (struct view){start, end, view_next};
		view_next += end - start;
		view_count++;
		v = new;
	}
	return (const void *)(v->va + (a.v - v->start));
}

/* ---- windows ---- */

int arch_iomap_init(struct iomap *map, uint32_t pages)
{
	uint64_t va;
	int rc = 0;

	lock_acquire(&map_lock);
	va = iomap_next;
	if (pages == 0 || pages > (IOMAP_END - va) / PAGE_SIZE) {
		rc = -ENOSPC;
	}
	for (uint32_t i = 0; rc == 0 && i < pages; i++) {
		/* No attributes: the tables are made, the entry is not present. */
		rc = paging_map(va + i * PAGE_SIZE, 0, PAGE_SIZE, 0);
	}
	if (rc == 0) {
		iomap_next = va + pages * PAGE_SIZE;
		*map = (struct iomap){(void *)va, pages, hpa(UINT64_MAX)};
	}
	lock_release(&map_lock);
	return rc;
}

/* A window for good, by large pages: ECAM. NULL: out of memory. */
volatile void *iomap_fixed(hpa_t a, uint64_t size)
{
	uint64_t va;
	int rc;

	lock_acquire(&map_lock);
	va = ALIGN_UP(iomap_next, 2 * MIB) + (a.v & (2 * MIB - 1));
	rc = size > IOMAP_END - va ? -ENOSPC : paging_map(va, a.v, size, PAGE_UC);
	if (rc == 0) {
		iomap_next = ALIGN_UP(va + size, 2 * MIB);
	}
	lock_release(&map_lock);
	return rc == 0 ? (volatile void *)va : NULL;
}

void arch_iomap_set(struct iomap *map, hpa_t base)
{
	uint64_t va = (uint64_t)map->va;
	bool moved = map->base.v != UINT64_MAX;

	if (map->base.v == base.v) {
		return;
	}
	ASSERT(base.v == UINT64_MAX || base.v % PAGE_SIZE == 0);
	for (uint32_t i = 0; i < map->pages; i++) {
		uint64_t *e = paging_entry(va + i * PAGE_SIZE);

		ASSERT(e);
		*(volatile uint64_t *)e =
			base.v == UINT64_MAX ? 0 : (base.v + i * PAGE_SIZE) | PAGE_UC;
		if (moved) {
			invlpg(va + i * PAGE_SIZE);
		}
	}
	map->base = base;
	if (moved) {
		__atomic_add_fetch(&iomap_generation, 1, __ATOMIC_RELEASE);
	}
}

void iomap_sync(void)
{
	uint64_t now = __atomic_load_n(&iomap_generation, __ATOMIC_ACQUIRE);
	struct pcpu *p = this_cpu();

	if (p->iomap_seen != now) {
		write_cr3(read_cr3());
		p->iomap_seen = now;
	}
}

uint64_t arch_iomap_read(const struct iomap *map, uint32_t offset, unsigned len)
{
	volatile char *p = (volatile char *)map->va + offset;

	iomap_sync();
	switch (len) {
	case 1:
		return *(volatile uint8_t *)p;
	case 2:
		return *(volatile uint16_t *)p;
	case 4:
		return *(volatile uint32_t *)p;
	default:
		return *(volatile uint64_t *)p;
	}
}

void arch_iomap_write(const struct iomap *map, uint32_t offset, unsigned len, uint64_t value)
{
	volatile char *p = (volatile char *)map->va + offset;

	iomap_sync();
	switch (len) {
	case 1:
		*(volatile uint8_t *)p = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)p = (uint16_t)value;
		break;
	case 4:
		*(volatile uint32_t *)p = (uint32_t)value;
		break;
	default:
		*(volatile uint64_t *)p = value;
		break;
	}
}
