// SPDX-License-Identifier: MIT
/*
 * Queued invalidation (VT-d 4.1 6.5): a ring of 256 descriptors, each request
 * followed by a wait descriptor that writes a number to memory. A caller
 * returns when its number is there, so the ring is never more than a few
 * descriptors full.
 *
 * A unit that does not answer within a second is beyond repair: what should
 * have been forgotten may still be used, so that is a panic.
 */
#include <taproot/heap.h>
#include <taproot/errno.h>
#include "cpu.h"
#include "vtd.h"
#include "x86.h"

#define QUEUE_ENTRIES 256u
#define WAIT_STATUS   (1u << 5)
#define WAIT_FENCE    (1u << 6)
#define ANSWER_US     1000000u
#define IQT_SHIFT     4

int vtd_queue_start(struct vtd_unit *u)
{
	u->queue = page_alloc();
	u->done = heap_alloc(sizeof(*u->done));
	if (!u->queue || !u->done) {
		return -ENOMEM;
	}
	u->tail = 0;
	vtd_write64(u, VTD_IQT, 0);
	vtd_write64(u, VTD_IQA, arch_va_to_hpa(u->queue).v);
	vtd_command(u, GCMD_QIE, true);
	return 0;
}

static void put(struct vtd_unit *u, uint64_t low, uint64_t high)
{
	u->queue[u->tail][0] = low;
	u->queue[u->tail][1] = high;
	vtd_publish(u->queue[u->tail], sizeof(u->queue[0]));
	u->tail = (u->tail + 1) % QUEUE_ENTRIES;
}

/* One request, and wait until it is done. */
static void submit(struct vtd_unit *u, uint64_t low, uint64_t high)
{
	uint64_t end;
	uint32_t ticket;

	if (u->cap & CAP_RWBF) {
		vtd_command(u, GCMD_WBF, true);
	}
	lock_acquire(&u->queue_lock);
	ticket = ++u->ticket;
	put(u, low, high);
	put(u, (uint64_t)ticket << 32 | WAIT_FENCE | WAIT_STATUS | QI_WAIT,
	    arch_va_to_hpa(u->done).v);
	vtd_write64(u, VTD_IQT, (uint64_t)u->tail << IQT_SHIFT);
	end = rdtsc() + ticks_from_us(ANSWER_US);
	while (__atomic_load_n(u->done, __ATOMIC_ACQUIRE) != ticket) {
		if (rdtsc() > end) {
			panic("VT-d unit at 0x%lx: invalidation not answered, status 0x%x",
			      u->dmar->base.v, vtd_read(u, VTD_FSTS));
		}
		cpu_pause();
	}
	lock_release(&u->queue_lock);
}

/* Drain reads and writes where the unit can (VT-d 4.1 6.5.2.3). */
static uint64_t drain(const struct vtd_unit *u)
{
	return (u->cap & CAP_DRD ? QI_DR : 0) | (u->cap & CAP_DWD ? QI_DW : 0);
}

void vtd_flush_domain(struct vtd_unit *u, unsigned tag)
{
	submit(u, QI_IOTLB | QI_DOMAIN | drain(u) | (uint64_t)tag << 16, 0);
}

void vtd_flush_context(struct vtd_unit *u, unsigned tag, sbdf_t requester)
{
	submit(u,
	       QI_CONTEXT | QI_LOCAL | (uint64_t)tag << 16 | (uint64_t)(requester.v & 0xffff) << 32,
	       0);
}

void vtd_flush_all(struct vtd_unit *u)
{
	submit(u, QI_CONTEXT | QI_GLOBAL, 0);
	submit(u, QI_IOTLB | QI_GLOBAL | drain(u), 0);
}

void vtd_flush_pages(struct vtd_unit *u, unsigned tag, uint64_t start, uint64_t end)
{
	/* The smallest aligned power of two, in pages, that covers the range. */
	uint64_t differ = (start ^ (end - 1)) >> PAGE_SHIFT;
	unsigned order = differ ? 64 - (unsigned)__builtin_clzll(differ) : 0;

	if (!(u->cap & CAP_PSI) || order > CAP_MAMV(u->cap)) {
		vtd_flush_domain(u, tag);
		return;
	}
	submit(u, QI_IOTLB | QI_LOCAL | drain(u) | (uint64_t)tag << 16,
	       ALIGN_DOWN(start, PAGE_SIZE << order) | order);
}

void vtd_flush_entries(struct vtd_unit *u, int index)
{
	if (index < 0) {
		submit(u, QI_IEC, 0);
	} else {
		submit(u, QI_IEC | QI_ENTRY | (uint64_t)(unsigned)index << 32, 0);
	}
}
