/* SPDX-License-Identifier: MIT */
/*
 * Frame ownership by extents: which domain (or the hypervisor, or nobody)
 * owns which host RAM. A sorted array of non-overlapping extents; a page
 * outside all of them is not RAM.
 */
#ifndef TAPROOT_FRAMES_H
#define TAPROOT_FRAMES_H

#include <taproot/types.h>

/* Owners that are no domain; domain ids are below 0x7ff0 (Xen ABI xen.h). */
#define FRAMES_FREE 0x7ffeu
#define FRAMES_OURS 0x7fffu

struct frame_extent {
	uint64_t start; /* host physical, page aligned */
	uint64_t end;
	uint16_t owner;
};

struct frames {
	struct frame_extent *extent;
	unsigned count;
	unsigned capacity;
};

/* The RAM of the machine; filled when the hardware domain's memory is laid out, unchanged after. */
extern struct frames machine_frames;

void frames_init(struct frames *f, struct frame_extent *storage, unsigned capacity);
/* Boot: RAM [start, end) exists and is free. -EBUSY on overlap, -ENOSPC, -EINVAL. */
int frames_add(struct frames *f, hpa_t start, hpa_t end) MUST_CHECK;
/* Change the owner of a range, all of which must be `from`'s: -EPERM otherwise. */
int frames_assign(struct frames *f, hpa_t start, hpa_t end, uint16_t from, uint16_t to) MUST_CHECK;
/* Owner of a page, or -ENOENT when it is not RAM. */
int frames_owner(const struct frames *f, hpa_t a);
/* Bytes a given owner has. */
uint64_t frames_owned(const struct frames *f, uint16_t owner);
/* Highest range of `size` bytes aligned to `align`, below `limit`, owned by `owner`; -ENOSPC. */
int frames_find_top(const struct frames *f, uint16_t owner, uint64_t size, uint64_t align,
		    uint64_t limit, hpa_t *start) MUST_CHECK;

#endif
