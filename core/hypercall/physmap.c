/* SPDX-License-Identifier: MIT */
/*
 * memory_op: add_to_physmap, its batch, and remove_from_physmap (Xen ABI
 * memory.h).
 *
 * A page of ours never appears at a guest address: identity holds for the
 * hardware domain. So shared_info moves into the frame that the guest names
 * (event.h). Removing a page of RAM gives it back, as decrease_reservation does.
 *
 * Deliberately not supported: grant tables (-EINVAL: there is no such frame),
 * moving own pages and mapping another domain's (-EOPNOTSUPP).
 */
#include <taproot/balloon.h>
#include <taproot/errno.h>

#include "memory_internal.h"

/* Each may be a move of shared_info, which calls every processor. */
#define BATCH 4u

/* `frame` of the domain becomes what `space` and `index` name. */
static int add(struct domain *d, unsigned space, uint64_t index, uint64_t frame)
{
	switch (space) {
	case XENMAPSPACE_shared_info:
		if (index || frame >= d->memmap.limit / PAGE_SIZE) {
			return -EINVAL;
		}
		return event_move_shared_info(d, gpa(frame * PAGE_SIZE));
	case XENMAPSPACE_gmfn:
	case XENMAPSPACE_gmfn_range:
	case XENMAPSPACE_gmfn_foreign:
		return -EOPNOTSUPP;
	case XENMAPSPACE_grant_table:
	default:
		return -EINVAL;
	}
}

int64_t memory_add(struct hypercall *h)
{
	struct xen_add_to_physmap x;
	struct domain *d;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	if (rc == 0) {
		rc = memory_target(h, x.domid, &d);
	}
	if (rc) {
		return rc;
	}
	if (x.space == XENMAPSPACE_gmfn_foreign) {
		return -ENOSYS; /* in batches only */
	}
	return add(d, x.space, x.idx, x.gpfn);
}

/* One element of a batch; its error goes to the caller's list. */
static int add_element(struct hypercall *h, struct domain *d,
		       const struct xen_add_to_physmap_batch *x, uint64_t i)
{
	uint64_t index, frame;
	int rc = copy_from_guest(h, &index, HANDLE(x->idxs) + i * sizeof(index), sizeof(index));

	if (rc == 0) {
		rc = copy_from_guest(h, &frame, HANDLE(x->gpfns) + i * sizeof(frame),
				     sizeof(frame));
	}
	if (rc == 0) {
		int error = add(d, x->space, index, frame);

		rc = copy_to_guest(h, HANDLE(x->errs) + i * sizeof(error), &error, sizeof(error));
	}
	return rc;
}

int64_t memory_add_batch(struct hypercall *h)
{
	uint64_t progress = memory_progress(h);
	struct xen_add_to_physmap_batch x;
	struct domain *d, *foreign;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	if (rc == 0) {
		rc = memory_target(h, x.domid, &d);
	}
	if (rc == 0 && x.space == XENMAPSPACE_gmfn_foreign) {
		rc = memory_target(h, x.u.foreign_domid, &foreign);
	}
	if (rc) {
		return rc;
	}
	if (x.space == XENMAPSPACE_gmfn_range ||
	    (x.space != XENMAPSPACE_gmfn_foreign && x.u.res0) || progress > x.size) {
		return -EINVAL;
	}
	for (unsigned n = 0; progress < x.size; n++, progress++) {
		if (n == BATCH) {
			return memory_again(h, progress);
		}
		rc = add_element(h, d, &x, progress);
		if (rc) {
			return rc;
		}
	}
	return 0;
}

int64_t memory_remove(struct hypercall *h)
{
	struct xen_remove_from_physmap x;
	const struct mem_range *r;
	struct domain *d;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	if (rc == 0) {
		rc = memory_target(h, x.domid, &d);
	}
	if (rc) {
		return rc;
	}
	if (x.gpfn >= d->memmap.limit / PAGE_SIZE) {
		return -ENOENT;
	}
	lock_acquire(&d->mem_lock);
	r = memmap_find(&d->memmap, gpa(x.gpfn * PAGE_SIZE));
	if (r->type != MEM_RAM || memmap_is_absent(&d->memmap, gpa(x.gpfn * PAGE_SIZE))) {
		rc = -ENOENT;
	}
	lock_release(&d->mem_lock);
	if (rc == 0 && balloon_out(d, &(uint64_t){x.gpfn}, 1, 0) != 1) {
		rc = -EBUSY; /* shared_info and the like */
	}
	return rc;
}
