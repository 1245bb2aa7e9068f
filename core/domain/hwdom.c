/* SPDX-License-Identifier: MIT */
/*
 * The hardware domain's address space from the machine's E820 (ACPI 6.5 15.1).
 *
 * Firmware's list is not trusted: entries may be unsorted, overlap, wrap
 * around or end inside a page. The more restrictive type wins a page: it is
 * painted later. A page that is RAM only in part is reserved, not a hole, so
 * that nobody places a BAR there. Types we do not know are reserved.
 *
 * All of the first MiB is mapped: RAM with the firmware's bytes (EBDA,
 * iBFT), the rest (option ROMs, BIOS, VGA window) as MEM_LOW.
 */
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/frames.h>
#include <taproot/log.h>
#include <taproot/string.h>

static enum mem_type base_of(uint32_t e820)
{
	switch (e820) {
	case E820_RAM:
		return MEM_RAM;
	case E820_ACPI:
		return MEM_ACPI;
	case E820_NVS:
		return MEM_NVS;
	case E820_UNUSABLE:
		return MEM_UNUSABLE;
	default:
		return MEM_RESERVED;
	}
}

/* Set the base type of all pages that [start, end) touches, or, inwards, fills. */
static int paint(struct memmap *m, uint64_t start, uint64_t end, enum mem_type type, bool inwards)
{
	uint64_t up_start = start > UINT64_MAX - PAGE_SIZE ? UINT64_MAX : start + PAGE_SIZE - 1;
	uint64_t up_end = end > UINT64_MAX - PAGE_SIZE ? UINT64_MAX : end + PAGE_SIZE - 1;

	start = (inwards ? up_start : start) & PAGE_MASK;
	end = MIN((inwards ? end : up_end) & PAGE_MASK, m->limit);
	return start < end ? memmap_set_base(m, gpa(start), gpa(end), type) : 0;
}

/* End of an entry, which never lies before its start. */
static uint64_t entry_end(const struct e820_entry *e)
{
	return e->size > UINT64_MAX - e->start ? UINT64_MAX : e->start + e->size;
}

static int paint_type(struct memmap *m, const struct e820_entry *host, unsigned count,
		      enum mem_type from, enum mem_type to, bool inwards)
{
	for (unsigned i = 0; i < count; i++) {
		int rc = 0;

		if (base_of(host[i].type) == from && host[i].size) {
			rc = paint(m, host[i].start, entry_end(&host[i]), to, inwards);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static int paint_machine(struct memmap *m, const struct e820_entry *host, unsigned count)
{
	static const struct {
		enum mem_type from, to;
		bool inwards;
	} order[] = {
		{MEM_RAM, MEM_RESERVED, false}, /* pages that are RAM in part keep this */
		{MEM_RAM, MEM_RAM, true},
		{MEM_ACPI, MEM_ACPI, false},
		{MEM_NVS, MEM_NVS, false},
		{MEM_RESERVED, MEM_RESERVED, false},
		{MEM_UNUSABLE, MEM_UNUSABLE, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		int rc = paint_type(m, host, count, order[i].from, order[i].to, order[i].inwards);

		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* In the first MiB: all that is neither RAM nor mapped ACPI memory becomes MEM_LOW. */
static int paint_low(struct memmap *m)
{
	uint64_t a = 0;

	while (a < MIB) {
		const struct mem_range *r = memmap_find(m, gpa(a));
		uint64_t end = MIN(r->end.v, MIB);
		int rc = 0;

		if (r->base != MEM_RAM && r->base != MEM_ACPI && r->base != MEM_NVS &&
		    r->base != MEM_LOW) {
			rc = memmap_set_base(m, gpa(a), gpa(end), MEM_LOW);
		}
		if (rc) {
			return rc;
		}
		a = end;
	}
	return 0;
}

/* All RAM of the map becomes free frames; returns its size in `total`. */
static int frames_fill(struct frames *f, const struct memmap *m, uint64_t *total)
{
	*total = 0;
	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (r->base == MEM_RAM) {
			int rc = frames_add(f, hpa(r->start.v), hpa(r->end.v));

			if (rc) {
				return rc;
			}
			*total += r->end.v - r->start.v;
		}
	}
	return 0;
}

/* The domain gets `quota` bytes of the RAM, from below; what is left over is not usable for it. */
static int share_out(struct domain *d, struct frames *f, uint64_t quota)
{
	struct memmap *m = &d->memmap;
	uint64_t a = 0;

	while (a < m->limit) {
		const struct mem_range *r = memmap_find(m, gpa(a));
		uint64_t end = r->end.v;
		int rc = 0;

		if (r->base == MEM_RAM && quota) {
			end = MIN(end, a + quota);
			quota -= end - a;
			rc = frames_assign(f, hpa(a), hpa(end), FRAMES_FREE, d->id);
		} else if (r->base == MEM_RAM) {
			rc = memmap_set_base(m, gpa(a), gpa(end), MEM_UNUSABLE);
		}
		if (rc) {
			return rc;
		}
		a = end;
	}
	return 0;
}

static uint64_t clamp_quota(uint64_t wanted, uint64_t available)
{
	uint64_t quota = wanted & PAGE_MASK;

	if (wanted == 0) {
		return available;
	}
	if (quota < HWDOM_MEM_MIN) {
		log_notice("dom0_mem: %lu KiB are too little, using %lu MiB", wanted >> 10,
			   (uint64_t)HWDOM_MEM_MIN >> 20);
		quota = HWDOM_MEM_MIN;
	}
	if (quota > available) {
		log_notice("dom0_mem: %lu MiB wanted, the machine has %lu MiB to give", quota >> 20,
			   available >> 20);
		quota = available;
	}
	return quota;
}

static int layout(struct domain *d, const struct e820_entry *host, unsigned count, hpa_t ours_start,
		  hpa_t ours_end, uint64_t dom0_mem, struct frames *f)
{
	struct memmap *m = &d->memmap;
	uint64_t total, ours;
	int rc = paint_machine(m, host, count);

	if (rc == 0) {
		rc = paint_low(m);
	}
	if (rc == 0) {
		rc = frames_fill(f, m, &total);
	}
	if (rc == 0) {
		rc = frames_assign(f, ours_start, ours_end, FRAMES_FREE, FRAMES_OURS);
	}
	if (rc == 0) {
		rc = memmap_set_base(m, gpa(ours_start.v), gpa(ours_end.v), MEM_OURS);
	}
	if (rc) {
		return rc;
	}
	ours = ours_end.v - ours_start.v;
	if (total == ours) {
		return -EINVAL;
	}
	return share_out(d, f, clamp_quota(dom0_mem, total - ours));
}

int hwdom_build_memmap(struct domain *d, const struct e820_entry *host, unsigned count,
		       hpa_t ours_start, hpa_t ours_end, uint64_t dom0_mem, struct frames *f)
{
	int rc = layout(d, host, count, ours_start, ours_end, dom0_mem, f);

	switch (rc) {
	case 0:
		log_info("d%u: %lu MiB of RAM, ours %lu KiB, free %lu MiB", d->id,
			 frames_owned(f, d->id) >> 20, frames_owned(f, FRAMES_OURS) >> 10,
			 frames_owned(f, FRAMES_FREE) >> 20);
		return 0;
	case -ENOSPC:
		log_error("memory map: %u entries from the firmware make more ranges than fit",
			  count);
		return rc;
	case -EPERM:
		log_error("memory map: [%#lx, %#lx), where the hypervisor lies, is not all RAM",
			  ours_start.v, ours_end.v);
		return -EINVAL;
	default:
		log_error("memory map: the firmware reports no RAM for the hardware domain");
		return -EINVAL;
	}
}
