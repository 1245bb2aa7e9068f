/* SPDX-License-Identifier: MIT */
/*
 * Hosted memory: physical addresses, views of firmware memory, and what
 * follows a memmap. See host_mem.h.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/iommu.h>
#include <taproot/string.h>

#include "host_mem.h"

#define WINDOWS_MAX 512
#define DOMAINS_MAX 8

static struct {
	uint64_t start;
	uint64_t size;
	uint8_t *buffer;
} window[WINDOWS_MAX];
static unsigned window_count;

static struct {
	struct domain *domain;
	struct nested *nested;
} attached[DOMAINS_MAX];
static unsigned attached_count;

struct host_change host_change[HOST_CHANGES_MAX];
unsigned host_change_count;
unsigned host_change_calls;
size_t host_pool_keep;

bool host_mem_add_window(uint64_t start, void *buffer, size_t size)
{
	for (unsigned i = 0; i < window_count; i++) {
		if (start < window[i].start + window[i].size && window[i].start < start + size) {
			return false;
		}
	}
	if (window_count == WINDOWS_MAX || size == 0) {
		return false;
	}
	window[window_count].start = start;
	window[window_count].size = size;
	window[window_count++].buffer = buffer;
	return true;
}

void host_mem_reset(void)
{
	window_count = 0;
	attached_count = 0;
	host_pool_keep = 0;
	host_changes_clear();
	iommu_register(NULL, &nested_vtd, NULL); /* its tables were in the heap */
}

void *arch_hpa_to_va(hpa_t a)
{
	for (unsigned i = 0; i < window_count; i++) {
		if (a.v - window[i].start < window[i].size) {
			return window[i].buffer + (a.v - window[i].start);
		}
	}
	return (void *)(uintptr_t)a.v;
}

hpa_t arch_va_to_hpa(const void *va)
{
	uintptr_t p = (uintptr_t)va;

	for (unsigned i = 0; i < window_count; i++) {
		if (p - (uintptr_t)window[i].buffer < window[i].size) {
			return hpa(window[i].start + (p - (uintptr_t)window[i].buffer));
		}
	}
	return hpa(p);
}

/* Only windows can be viewed: an address from a hostile table must not reach the program's own memory. */
const void *arch_phys_view(hpa_t a, size_t len)
{
	for (unsigned i = 0; i < window_count; i++) {
		uint64_t offset = a.v - window[i].start;

		if (offset < window[i].size && len <= window[i].size - offset) {
			return window[i].buffer + offset;
		}
	}
	return NULL;
}

void host_changes_clear(void)
{
	host_change_count = 0;
	host_change_calls = 0;
}

bool host_nested_attach(struct domain *d, struct nested *n)
{
	if (attached_count == DOMAINS_MAX) {
		return false;
	}
	attached[attached_count].domain = d;
	attached[attached_count++].nested = n;
	return true;
}

static uint64_t work_of(const struct domain *d, unsigned *trees)
{
	uint64_t work = iommu_work(d, trees);

	for (unsigned j = 0; j < attached_count; j++) {
		if (attached[j].domain == d) {
			work += attached[j].nested->work;
			(*trees)++;
		}
	}
	return work;
}

/* As on the machine, but with as many trees as were attached, or none. */
int arch_memmap_sync(struct domain *d, gpa_t *at, gpa_t end, unsigned *work)
{
	unsigned trees;
	uint64_t enough = work_of(d, &trees) + *work;
	unsigned share = *work / MAX(trees, 1u);
	uint64_t done;
	gpa_t stop = end;
	int result = 0;

	for (unsigned j = 0; j < attached_count; j++) {
		gpa_t here = *at;

		if (attached[j].domain == d) {
			int rc = nested_sync_part(attached[j].nested, &d->memmap, &here, stop,
						  share);

			result = rc ? rc : result;
			stop = here;
		}
	}
	if (iommu_sync(d, *at, &stop, share)) {
		result = -ENOMEM;
	}
	done = work_of(d, &trees);
	*work = stop.v < end.v || done >= enough ? 0 : (unsigned)(enough - done);
	*at = stop;
	return result;
}

void arch_memmap_flush(struct domain *d)
{
	for (unsigned j = 0; j < attached_count; j++) {
		if (attached[j].domain == d) {
			nested_flushed(attached[j].nested);
		}
	}
	iommu_flush(d);
}

int arch_memmap_prepare(struct domain *d, unsigned pages)
{
	for (unsigned j = 0; j < attached_count; j++) {
		if (attached[j].domain == d &&
		    nested_refill(attached[j].nested, HOST_RESERVE_PAGES + pages)) {
			return -ENOMEM;
		}
	}
	if (page_free_count() < host_pool_keep) {
		arch_memmap_settle(d);
		return -ENOMEM;
	}
	return 0;
}

void arch_memmap_settle(struct domain *d)
{
	for (unsigned j = 0; j < attached_count; j++) {
		if (attached[j].domain == d) {
			nested_trim(attached[j].nested, HOST_RESERVE_PAGES);
		}
	}
}

void arch_memmap_changed(struct domain *d, const struct memmap_change *changes, unsigned count)
{
	host_change_calls++;
	for (unsigned i = 0; i < count; i++) {
		if (host_change_count < HOST_CHANGES_MAX) {
			host_change[host_change_count].domain = d;
			host_change[host_change_count].change = changes[i];
		}
		host_change_count++;
	}
	memmap_follow(d, changes, count);
}
