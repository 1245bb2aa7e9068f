/* SPDX-License-Identifier: MIT */
/*
 * Memory of the hosted machine, as tests set it up. A hosted physical address
 * is the program's own address, unless it lies in a window: a stretch of
 * physical addresses that a buffer of the test stands for.
 */
#ifndef TAPROOT_HOST_MEM_H
#define TAPROOT_HOST_MEM_H

#include <taproot/memmap.h>
#include <taproot/nested.h>

#define HOST_CHANGES_MAX 256

/* Physical [start, start + size) is `buffer` from now on. False: no room, or it meets another window. */
bool host_mem_add_window(uint64_t start, void *buffer, size_t size);
/* Forget all windows, recorded changes and attached tables. */
void host_mem_reset(void);

/* What arch_memmap_changed() was told since the last host_changes_clear(). */
struct host_change {
	struct domain *domain;
	struct memmap_change change;
};
extern struct host_change host_change[HOST_CHANGES_MAX];
extern unsigned host_change_count; /* may exceed HOST_CHANGES_MAX: the rest was not kept */
extern unsigned host_change_calls;
void host_changes_clear(void);

/* Pages that every attached table keeps for trap paths, and that arch_memmap_prepare() leaves free. */
#define HOST_RESERVE_PAGES 48u
extern size_t host_pool_keep;

/* Keep `n` in step with the domain's memmap; its reserve is refilled when used up. */
bool host_nested_attach(struct domain *d, struct nested *n);

#endif
