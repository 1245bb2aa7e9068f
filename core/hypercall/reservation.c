/* SPDX-License-Identifier: MIT */
/*
 * memory_op: decrease_reservation and populate_physmap are ballooning in place
 * (balloon.h); they answer how many extents are done, never an error (Xen ABI
 * memory.h). A batch at a time, then the caller's processor takes interrupts and
 * the call goes on.
 *
 * increase_reservation never has anything to give: 0 extents. claim_pages: the
 * machine's RAM is shared out already, so a claim cannot be met.
 */
#include <taproot/balloon.h>
#include <taproot/errno.h>

#include "memory_internal.h"

/* Extents of the batch that begins at `first`; 0: the list cannot be read. */
static unsigned fetch(struct hypercall *h, const struct xen_memory_reservation *r, uint64_t first,
		      uint64_t pfn[BALLOON_BATCH])
{
	unsigned want = (unsigned)MIN(r->nr_extents - first, BALLOON_BATCH), count;
	uint64_t list = HANDLE(r->extent_start) + first * sizeof(pfn[0]);

	if (copy_from_guest(h, pfn, list, want * sizeof(pfn[0])) == 0) {
		return want;
	}
	/* What lies before the end of the readable part is carried out, all of it if that came back. */
	for (count = 0; count < want; count++) {
		if (copy_from_guest(h, &pfn[count], list + count * sizeof(pfn[0]),
				    sizeof(pfn[0]))) {
			break;
		}
	}
	return count;
}

int64_t memory_change_reservation(struct hypercall *h)
{
	unsigned command = h->arg[0] & MEMOP_CMD_MASK;
	uint64_t progress = memory_progress(h);
	struct xen_memory_reservation r;
	uint64_t pfn[BALLOON_BATCH];
	struct domain *d;
	unsigned count, done;

	if (copy_from_guest(h, &r, h->arg[1], sizeof(r)) || r.nr_extents > MEMOP_EXTENTS_MAX ||
	    progress >= r.nr_extents || r.extent_order > BALLOON_ORDER_MAX ||
	    memory_target(h, r.domid, &d)) {
		return (int64_t)progress;
	}
	if (command == XENMEM_increase_reservation) {
		return (int64_t)progress;
	}
	count = fetch(h, &r, progress, pfn);
	done = command == XENMEM_decrease_reservation ? balloon_out(d, pfn, count, r.extent_order)
						      : balloon_in(d, pfn, count, r.extent_order);
	progress += done;
	if (done < count || count < BALLOON_BATCH || progress == r.nr_extents) {
		return (int64_t)progress;
	}
	return memory_again(h, progress);
}

int64_t memory_claim(struct hypercall *h)
{
	struct xen_memory_reservation r;
	struct domain *d;
	int rc = copy_from_guest(h, &r, h->arg[1], sizeof(r));

	if (rc == 0) {
		rc = hypercall_machine(h->v);
	}
	if (rc) {
		return rc;
	}
	if (HANDLE(r.extent_start) || r.extent_order || r.mem_flags) {
		return -EINVAL;
	}
	rc = hypercall_target(h->v, r.domid, RIGHT_CONTROL, &d);
	if (rc || r.nr_extents == 0) {
		return rc; /* a claim of nothing takes the last one back */
	}
	return r.nr_extents <= balloon_pages(d) ? -EINVAL : -ENOMEM;
}
