/* SPDX-License-Identifier: MIT */
/*
 * Memory of hosted domains, as tests set it up: each domain has stretches of
 * RAM over buffers of the test, and its vCPUs run without paging, so a linear
 * address is the guest physical one. Pages can be taken away or made
 * read-only for copies, as a guest's page tables do it.
 */
#ifndef TAPROOT_HOST_GUEST_H
#define TAPROOT_HOST_GUEST_H

#include <taproot/types.h>

#define HOST_GUEST_STRETCHES 8
#define HOST_GUEST_TRAPS     16

/*
 * Page-aligned [start, start + size) of the domain is RAM over `buffer` from
 * now on, in its memmap too. False: no room, not aligned, or not possible there.
 */
bool host_guest_add_ram(struct domain *d, uint64_t start, void *buffer, size_t size);

enum host_guest_access { HOST_GUEST_NONE, HOST_GUEST_READ_ONLY, HOST_GUEST_ALL };
/* What copies by linear address find in the pages of [start, start + size); no effect on arch_guest_ram(). */
void host_guest_set_access(struct domain *d, uint64_t start, uint64_t size,
			   enum host_guest_access access);

void host_tsc_offset_set(struct vcpu *v, uint64_t offset);

/* Called when a copy by linear address fails, before the caller hears of it; NULL: nothing. */
extern void (*host_guest_fault)(struct vcpu *v, uint64_t linear);

/* Calls of arch_domain_flush(). */
extern unsigned host_flush_count;

/* For host_reset(). */
void host_guest_reset(void);

#endif
