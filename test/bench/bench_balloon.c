/* SPDX-License-Identifier: MIT */
/*
 * What one batch of decrease_reservation and populate_physmap costs, single pages and
 * extents of 2 MiB, with few and with many vCPUs, nested tables included: what a
 * processor does without taking interrupts. Nanoseconds of this machine: for
 * comparison only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <taproot/balloon.h>
#include <taproot/domain.h>

#include "host.h"
#include "host_mem.h"

#define ROUNDS 200u

static struct nested nested;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(unsigned vcpus, unsigned order)
{
	uint64_t pfn[BALLOON_BATCH];
	double start, out = 0, in = 0;
	struct domain *d;

	host_reset();
	host_mem_reset();
	d = domain_create(0, true, 1ull << 40, 64);
	if (!d || memmap_set_base(&d->memmap, gpa(0), gpa(4 * GIB), MEM_RAM) ||
	    nested_init(&nested, &nested_amd) || nested_refill(&nested, HOST_RESERVE_PAGES) ||
	    nested_sync(&nested, &d->memmap, gpa(0), gpa(1ull << 40)) ||
	    !host_nested_attach(d, &nested) || event_domain_init(d)) {
		abort();
	}
	for (unsigned i = 0; i < vcpus; i++) {
		if (domain_add_vcpu(d, i, i, true)) {
			abort();
		}
	}
	for (unsigned i = 0; i < BALLOON_BATCH; i++) {
		pfn[i] = (GIB >> PAGE_SHIFT) + ((uint64_t)i << order);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		start = now();
		if (balloon_out(d, pfn, BALLOON_BATCH, order) != BALLOON_BATCH) {
			abort();
		}
		out += now() - start;
		start = now();
		if (balloon_in(d, pfn, BALLOON_BATCH, order) != BALLOON_BATCH) {
			abort();
		}
		in += now() - start;
	}
	printf("balloon: %3u vCPUs, %u extents of order %u: out %.0f ns, in %.0f ns\n", vcpus,
	       BALLOON_BATCH, order, out / ROUNDS, in / ROUNDS);
}

int main(void)
{
	measure(1, 0);
	measure(1, BALLOON_ORDER_MAX);
	measure(DOMAIN_VCPUS_MAX, 0);
	measure(DOMAIN_VCPUS_MAX, BALLOON_ORDER_MAX);
	return 0;
}
