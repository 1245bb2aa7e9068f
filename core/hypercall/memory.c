/* SPDX-License-Identifier: MIT */
/*
 * memory_op (Xen ABI memory.h): the table of its commands, and those that only
 * ask. The upper bits of the command are the progress of one that continues.
 *
 * Deliberately not supported: exchange and increase_reservation (a page returns
 * to its own place or not at all), populate-on-demand, paging, sharing, access
 * rights of single pages, virtual NUMA, mapping of another domain's resources.
 */
#include <taproot/balloon.h>
#include <taproot/errno.h>
#include <taproot/frames.h>
#include <taproot/nested.h>

#include "memory_internal.h"

typedef uint64_t query_fn(struct domain *d);

/* The number of a domain's highest page that is mapped. */
static uint64_t maximum_gpfn(struct domain *d)
{
	uint64_t end = PAGE_SIZE;

	lock_acquire(&d->mem_lock);
	for (unsigned i = d->memmap.count; i-- > 0;) {
		const struct mem_range *r = &d->memmap.range[i];

		if (nested_maps(r->type)) {
			end = r->end.v;
			break;
		}
	}
	lock_release(&d->mem_lock);
	return end / PAGE_SIZE - 1;
}

static int64_t query(struct hypercall *h, query_fn *fn)
{
	struct domain *d;
	domid_t id;
	int rc;

	rc = copy_from_guest(h, &id, h->arg[1], sizeof(id));
	if (rc == 0) {
		rc = hypercall_target(h->v, id, RIGHT_QUERY, &d);
	}
	return rc ? rc : (int64_t)fn(d);
}

static int64_t current_reservation(struct hypercall *h)
{
	return query(h, balloon_pages);
}

static int64_t maximum_reservation(struct hypercall *h)
{
	return query(h, balloon_pages_max);
}

static int64_t maximum_page(struct hypercall *h)
{
	return query(h, maximum_gpfn);
}

static int64_t maximum_ram_page(struct hypercall *h)
{
	const struct frames *f = &machine_frames;

	(void)h;
	return f->count ? (int64_t)(f->extent[f->count - 1].end / PAGE_SIZE - 1) : 0;
}

static int64_t not_supported(struct hypercall *h)
{
	(void)h;
	return -EOPNOTSUPP;
}

static int64_t not_here(struct hypercall *h)
{
	(void)h;
	return -ENOSYS;
}

struct command {
	hypercall_fn *fn; /* NULL: there is no such command */
	bool long_one;    /* it continues */
};

static const struct command commands[] = {
	[XENMEM_increase_reservation] = {memory_change_reservation, true},
	[XENMEM_decrease_reservation] = {memory_change_reservation, true},
	[XENMEM_populate_physmap] = {memory_change_reservation, true},
	[XENMEM_maximum_ram_page] = {maximum_ram_page, false},
	[XENMEM_current_reservation] = {current_reservation, false},
	[XENMEM_maximum_reservation] = {maximum_reservation, false},
	[XENMEM_machphys_mfn_list] = {not_here, false},
	[XENMEM_add_to_physmap] = {memory_add, false},
	[XENMEM_memory_map] = {memory_map, false},
	[XENMEM_machine_memory_map] = {memory_machine_map, false},
	[XENMEM_exchange] = {not_supported, false},
	[XENMEM_machphys_mapping] = {not_here, false},
	[XENMEM_set_memory_map] = {not_supported, false},
	[XENMEM_maximum_gpfn] = {maximum_page, false},
	[XENMEM_remove_from_physmap] = {memory_remove, false},
	[XENMEM_set_pod_target] = {not_supported, false},
	[XENMEM_get_pod_target] = {not_supported, false},
	[XENMEM_add_to_physmap_batch] = {memory_add_batch, true},
	[XENMEM_claim_pages] = {memory_claim, false},
	[XENMEM_machphys_compat_mfn_list] = {not_here, false},
	[XENMEM_get_vnumainfo] = {not_supported, false},
	[XENMEM_reserved_device_memory_map] = {memory_reserved_map, false},
	[XENMEM_acquire_resource] = {not_supported, false},
};

int64_t hypercall_memory_op(struct hypercall *h)
{
	unsigned n = h->arg[0] & MEMOP_CMD_MASK;

	if (n >= ARRAY_SIZE(commands) || !commands[n].fn) {
		return -ENOSYS;
	}
	if (memory_progress(h) && !commands[n].long_one) {
		return -EINVAL;
	}
	return commands[n].fn(h);
}
