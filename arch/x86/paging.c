// SPDX-License-Identifier: MIT
/*
 * Our own page tables (APMv2 5.3.3, SDM 3A 4.5): W^X everywhere, the image's
 * code and constants read-only in the direct map too, guard pages between
 * stacks, no identity mapping left over from boot.
 *
 * Not supported: 5 levels, global pages, freeing tables.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/panic.h>
#include <taproot/string.h>
#include "cpu.h"
#include "paging.h"
#include "x86.h"

extern char image_start[], text_start[], text_end[], rodata_start[], rodata_end[], image_end[];

uint64_t paging_cr3;
uint64_t image_hpa;

static uint64_t pool_next, pool_end;

static void *direct(uint64_t a)
{
	return (void *)(DIRECT_BASE + a);
}

void paging_pool_init(uint64_t start, uint64_t end)
{
	pool_next = start;
	pool_end = end;
}

uint64_t paging_pool_close(void)
{
	uint64_t next = pool_next;

	pool_next = pool_end = 0;
	return next;
}

static uint64_t *table_alloc(void)
{
	uint64_t *t;

	if (!pool_end) {
		return page_alloc();
	}
	if (pool_next == pool_end) {
		return NULL;
	}
	t = direct(pool_next);
	pool_next += PAGE_SIZE;
	memset(t, 0, PAGE_SIZE);
	return t;
}

static unsigned table_index(uint64_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * level) & 511;
}

/* The entry for `va` at `level` (0: 4 KiB); tables on the way are made. */
static uint64_t *entry_make(uint64_t *root, uint64_t va, unsigned level)
{
	uint64_t *t = root;

	for (unsigned l = 3; l > level; l--) {
		uint64_t *e = &t[table_index(va, l)];

		if (!(*e & PTE_P)) {
			uint64_t *next = table_alloc();

			if (!next) {
				return NULL;
			}
			*e = ((uint64_t)next - DIRECT_BASE) | PTE_P | PTE_W | PTE_A;
		}
		ASSERT(!(*e & PTE_PS));
		t = direct(*e & PTE_ADDRESS);
	}
	return &t[table_index(va, level)];
}

static unsigned largest_level(uint64_t va, uint64_t a, uint64_t size)
{
	unsigned level = cpu_features.gib_pages ? 2 : 1;

	while (level &&
	       (((va | a) & ((PAGE_SIZE << (9 * level)) - 1)) || size < PAGE_SIZE << (9 * level))) {
		level--;
	}
	return level;
}

int paging_map_in(uint64_t *root, uint64_t va, uint64_t a, uint64_t size, uint64_t attributes)
{
	while (size) {
		unsigned level = largest_level(va, a, size);
		uint64_t step = PAGE_SIZE << (9 * level);
		uint64_t *e = entry_make(root, va, level);

		if (!e) {
			return -ENOMEM;
		}
		*e = a | attributes | (level ? PTE_PS : 0);
		va += step;
		a += step;
		size -= step;
	}
	return 0;
}

int paging_map(uint64_t va, uint64_t a, uint64_t size, uint64_t attributes)
{
	return paging_map_in(direct(paging_cr3), va, a, size, attributes);
}

/* The entry that ends the walk for `va`; *level says where. NULL: not mapped. */
static uint64_t *walk(uint64_t va, unsigned *level)
{
	uint64_t *t = direct(read_cr3() & PTE_ADDRESS);

	for (*level = 3;; (*level)--) {
		uint64_t *e = &t[table_index(va, *level)];

		if (*level == 0 || (*e & PTE_P && *level < 3 && *e & PTE_PS)) {
			return e;
		}
		if (!(*e & PTE_P)) {
			return NULL;
		}
		t = direct(*e & PTE_ADDRESS);
	}
}

uint64_t *paging_entry(uint64_t va)
{
	unsigned level;
	uint64_t *e = walk(va, &level);

	return e && level == 0 ? e : NULL;
}

uint64_t paging_translate(uint64_t va)
{
	unsigned level;
	uint64_t *e = walk(va, &level);
	uint64_t mask;

	if (!e || !(*e & PTE_P)) {
		return UINT64_MAX;
	}
	mask = (PAGE_SIZE << (9 * level)) - 1;
	return (*e & PTE_ADDRESS & ~mask) | (va & mask);
}

static void map_or_refuse(uint64_t va, uint64_t a, uint64_t size, uint64_t attributes)
{
	if (paging_map(va, a, size, attributes) < 0) {
		refuse("the page pool is too small for the page tables of this machine's memory");
	}
}

/* [start, end) into the direct map; our code and constants there are read-only. */
static void map_direct(uint64_t start, uint64_t end, uint64_t image)
{
	uint64_t ro_start = image + (uint64_t)(text_start - image_start);
	uint64_t ro_end = image + (uint64_t)(rodata_end - image_start);

	if (ro_start < end && start < ro_end) {
		ro_start = MAX(start, ro_start);
		ro_end = MIN(end, ro_end);
		map_or_refuse(DIRECT_BASE + start, start, ro_start - start, PAGE_RW);
		map_or_refuse(DIRECT_BASE + ro_start, ro_start, ro_end - ro_start, PAGE_RO);
		start = ro_end;
	}
	map_or_refuse(DIRECT_BASE + start, start, end - start, PAGE_RW);
}

static void map_image(const char *start, const char *end, uint64_t image, uint64_t attributes)
{
	map_or_refuse((uint64_t)start, image + (uint64_t)(start - image_start),
		      ALIGN_UP((uint64_t)(end - start), PAGE_SIZE), attributes);
}

void paging_build(const struct boot_info *info, uint64_t image)
{
	uint64_t *root = table_alloc();

	ASSERT(root);
	paging_cr3 = (uint64_t)root - DIRECT_BASE;
	/* Everything in the first MiB: firmware's tables and the trampoline are there. */
	map_direct(0, MIB, image);
	for (unsigned i = 0; i < info->map_count; i++) {
		const struct e820_entry *e = &info->map[i];
		uint64_t start = MAX(e->start, MIB);
		uint64_t end = MIN(e->start + e->size, 1ull << cpu_features.phys_bits);

		if (start < end &&
		    (e->type == E820_RAM || e->type == E820_ACPI || e->type == E820_NVS)) {
			map_direct(start, end, image);
		}
	}
	map_image(text_start, text_end, image, PAGE_RX);
	map_image(rodata_start, rodata_end, image, PAGE_RO);
	map_image(rodata_end, image_end, image, PAGE_RW);
}

static int stack_part(unsigned cpu, uint64_t offset, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += PAGE_SIZE) {
		void *page = page_alloc();

		if (!page || paging_map(STACK_BASE + (uint64_t)cpu * STACK_SLOT + offset + i,
					(uint64_t)page - DIRECT_BASE, PAGE_SIZE, PAGE_RW) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

int stack_map(unsigned cpu)
{
	if (stack_part(cpu, STACK_MAIN, STACK_MAIN_SZ) < 0 ||
	    stack_part(cpu, STACK_NMI, STACK_IST_SZ) < 0 ||
	    stack_part(cpu, STACK_DF, STACK_IST_SZ) < 0 ||
	    stack_part(cpu, STACK_MC, STACK_IST_SZ) < 0) {
		return -ENOMEM;
	}
	return 0;
}
