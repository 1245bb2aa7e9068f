/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own memory: a pool of zeroed 4 KiB pages and, on top of
 * it, a heap for objects. Both are for boot and for hypercalls; a trap path
 * uses what was set aside for it (page_reserve(), pools of a module).
 */
#ifndef TAPROOT_HEAP_H
#define TAPROOT_HEAP_H

#include <taproot/types.h>

/* Hand the page-aligned area [base, base + size) to the allocators. Once. */
void heap_init(void *base, size_t size);

/* One zeroed page, page aligned, or NULL. */
void *page_alloc(void) MUST_CHECK;
/* `count` contiguous zeroed pages aligned to `count` rounded up to a power of two, or NULL. */
void *page_alloc_many(unsigned count) MUST_CHECK;
void page_free(void *page);
void page_free_many(void *page, unsigned count);

/* Pages free now and altogether. */
size_t page_free_count(void);
size_t page_total_count(void);

/* Zeroed memory aligned to 16 bytes, or NULL. Up to 1 MiB a piece. */
void *heap_alloc(size_t size) MUST_CHECK;
void heap_free(void *p);

#endif
