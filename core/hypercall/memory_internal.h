/* SPDX-License-Identifier: MIT */
/* What the files behind memory_op share. */
#ifndef TAPROOT_HYPERCALL_MEMORY_INTERNAL_H
#define TAPROOT_HYPERCALL_MEMORY_INTERNAL_H

#include <abi/xen.h>
#include <taproot/hypercall.h>
#include <xen/memory.h>

/* The command without its progress, and its progress (xen/memory.h of the Xen ABI, MEMOP_*). */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK     ((1u << MEMOP_EXTENT_SHIFT) - 1)
/* The highest progress that the command can carry. */
#define MEMOP_EXTENTS_MAX (UINT64_MAX >> MEMOP_EXTENT_SHIFT)

static inline uint64_t memory_progress(const struct hypercall *h)
{
	return h->arg[0] >> MEMOP_EXTENT_SHIFT;
}

/* The operation is executed again, and goes on behind `progress`. */
static inline int64_t memory_again(struct hypercall *h, uint64_t progress)
{
	h->arg[0] = (h->arg[0] & MEMOP_CMD_MASK) | progress << MEMOP_EXTENT_SHIFT;
	h->again = true;
	return 0;
}

/* The domain whose memory a call changes: the caller's own, or what the privilege hook allows. */
static inline MUST_CHECK int memory_target(const struct hypercall *h, uint16_t id,
					   struct domain **out)
{
	if (id == DOMID_SELF || id == h->v->domain->id) {
		*out = h->v->domain;
		return 0;
	}
	return hypercall_target(h->v, id, RIGHT_CONTROL, out);
}

/* reservation.c */
int64_t memory_change_reservation(struct hypercall *h);
int64_t memory_claim(struct hypercall *h);
/* physmap.c */
int64_t memory_add(struct hypercall *h);
int64_t memory_add_batch(struct hypercall *h);
int64_t memory_remove(struct hypercall *h);
/* memory_map.c */
int64_t memory_map(struct hypercall *h);
int64_t memory_machine_map(struct hypercall *h);
int64_t memory_reserved_map(struct hypercall *h);

#endif
