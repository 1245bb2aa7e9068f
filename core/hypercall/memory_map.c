/* SPDX-License-Identifier: MIT */
/*
 * memory_op: maps for the caller. memory_map is the domain's E820 (ACPI 6.5
 * 15.1), machine_memory_map the machine's as far as the hardware domain's
 * memmap, which covers the machine, and the frames of RAM tell it.
 * reserved_device_memory_map lists the reserved regions of devices (VT-d 4.1
 * 8.4), all of them or one device's.
 *
 * An entry is as INT 0x15 AX=0xE820 has it: 20 bytes.
 */
#include <taproot/errno.h>
#include <taproot/frames.h>
#include <taproot/heap.h>
#include <taproot/iommu.h>

#include "memory_internal.h"

#define ENTRIES_MAX 512u

struct e820_wire {
	uint64_t start;
	uint64_t size;
	uint32_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct e820_wire) == 20, "INT 0x15 AX=0xE820");

/* Store entries as far as the caller has room, and how many. */
static int64_t give(struct hypercall *h, const struct e820_entry *e, unsigned count)
{
	struct xen_memory_map x;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	count = MIN(count, x.nr_entries);
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		struct e820_wire w = {e[i].start, e[i].size, e[i].type};

		rc = copy_to_guest(h, HANDLE(x.buffer) + i * sizeof(w), &w, sizeof(w));
	}
	if (rc == 0) {
		x.nr_entries = count;
		rc = copy_to_guest(h, h->arg[1], &x, sizeof(x));
	}
	return rc;
}

int64_t memory_map(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	struct e820_entry *e = heap_alloc(ENTRIES_MAX * sizeof(*e));
	int64_t rc;
	int count;

	if (!e) {
		return -ENOMEM;
	}
	lock_acquire(&d->mem_lock);
	count = memmap_build_e820(&d->memmap, e, ENTRIES_MAX);
	lock_release(&d->mem_lock);
	rc = count < 0 ? count : give(h, e, (unsigned)count);
	heap_free(e);
	return rc;
}

/* What the machine's map calls a page of this kind; 0: nothing. */
static uint32_t machine_type(const struct mem_range *r, uint64_t a)
{
	switch (r->base) {
	case MEM_RAM:
	case MEM_OURS:
		return E820_RAM;
	case MEM_UNUSABLE:
		return frames_owner(&machine_frames, hpa(a)) < 0 ? E820_UNUSABLE : E820_RAM;
	case MEM_ACPI:
		return E820_ACPI;
	case MEM_NVS:
		return E820_NVS;
	case MEM_RESERVED:
	case MEM_LOW:
		return E820_RESERVED;
	default:
		return 0;
	}
}

/* Where in [a, end) frames begin or stop to be RAM. */
static uint64_t frames_edge(uint64_t a, uint64_t end)
{
	for (unsigned i = 0; i < machine_frames.count; i++) {
		const struct frame_extent *e = &machine_frames.extent[i];

		if (e->start > a) {
			end = MIN(end, e->start);
		}
		if (e->end > a) {
			end = MIN(end, e->end);
		}
	}
	return end;
}

static unsigned machine_map(const struct memmap *m, struct e820_entry *e)
{
	unsigned count = 0;

	for (unsigned i = 0; i < m->count && count < ENTRIES_MAX; i++) {
		const struct mem_range *r = &m->range[i];
		uint64_t end;

		for (uint64_t a = r->start.v; a < r->end.v && count < ENTRIES_MAX; a = end) {
			struct e820_entry *last = count ? &e[count - 1] : NULL;
			uint32_t type = machine_type(r, a);

			end = r->base == MEM_UNUSABLE ? frames_edge(a, r->end.v) : r->end.v;
			if (last && last->type == type && last->start + last->size == a) {
				last->size += end - a;
			} else if (type) {
				e[count++] = (struct e820_entry){a, end - a, type, 0};
			}
		}
	}
	return count;
}

int64_t memory_machine_map(struct hypercall *h)
{
	struct e820_entry *e;
	unsigned count;
	int64_t rc = hypercall_machine(h->v);

	if (rc) {
		return rc;
	}
	e = heap_alloc(ENTRIES_MAX * sizeof(*e));
	if (!e) {
		return -ENOMEM;
	}
	lock_acquire(&hardware_domain->mem_lock);
	count = machine_map(&hardware_domain->memmap, e);
	lock_release(&hardware_domain->mem_lock);
	rc = give(h, e, count);
	heap_free(e);
	return rc;
}

/* Store the regions as far as the caller has room; how many there are, or -EFAULT. */
static int give_regions(struct hypercall *h, const struct xen_reserved_device_memory_map *x,
			uint64_t regions)
{
	unsigned count = 0;

	for (; regions; regions &= regions - 1) {
		uint64_t start, size, at = HANDLE(x->buffer);
		struct xen_reserved_device_memory e;

		iommu_reserved_region((unsigned)__builtin_ctzll(regions), &start, &size);
		e.start_pfn = start / PAGE_SIZE;
		e.nr_pages = size / PAGE_SIZE;
		if (count < x->nr_entries &&
		    copy_to_guest(h, at + count * sizeof(e), &e, sizeof(e))) {
			return -EFAULT;
		}
		count++;
	}
	return (int)count;
}

int64_t memory_reserved_map(struct hypercall *h)
{
	struct xen_reserved_device_memory_map x;
	sbdf_t device;
	bool enough;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	if (rc == 0) {
		rc = hypercall_machine(h->v);
	}
	if (rc) {
		return rc;
	}
	if (x.flags & ~XENMEM_RDM_ALL) {
		return -EINVAL;
	}
	device.v = (uint32_t)x.dev.pci.seg << 16 | (uint32_t)x.dev.pci.bus << 8 | x.dev.pci.devfn;
	rc = give_regions(h, &x,
			  x.flags & XENMEM_RDM_ALL ? iommu_reserved_all()
						   : iommu_reserved_for(device));
	if (rc < 0) {
		return rc;
	}
	enough = (unsigned)rc <= x.nr_entries;
	x.nr_entries = (unsigned)rc;
	if (copy_to_guest(h, h->arg[1], &x, sizeof(x))) {
		return -EFAULT;
	}
	return enough ? 0 : -ENOBUFS; /* what the tools look for */
}
