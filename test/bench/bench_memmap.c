/* SPDX-License-Identifier: MIT */
/*
 * What a look-up and a decode toggle of a 1 MiB BAR cost, nested tables
 * included, with few and with many functions present. The toggle must not
 * grow with their number. Nanoseconds of this machine: for comparison only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <taproot/domain.h>

#include "host.h"
#include "host_mem.h"

#define BARS_BASE (64 * GIB)
#define ROUNDS    20000u

static struct nested nested;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void change(struct domain *d, enum memmap_step_kind kind, unsigned n)
{
	struct memmap_step step = {
		.kind = kind,
		.type = MEM_MMIO,
		.start = gpa(BARS_BASE + n * 4 * MIB),
		.size = MIB,
		.owner = {n},
	};

	if (memmap_check(&d->memmap, &step, 1, NULL)) {
		abort();
	}
	memmap_commit(&d->memmap, &step, 1);
}

static void measure(unsigned functions)
{
	struct domain *d;
	uint64_t found = 0;
	double start, find, toggle;

	host_reset();
	host_mem_reset();
	d = domain_create(0, true, 1ull << 46, 4096);
	if (!d || nested_init(&nested, &nested_amd) || !host_nested_attach(d, &nested)) {
		abort();
	}
	for (unsigned n = 0; n < functions; n++) {
		change(d, MEMMAP_CLAIM, n);
	}
	start = now();
	for (unsigned i = 0; i < ROUNDS; i++) {
		found += memmap_find(&d->memmap, gpa(BARS_BASE + i * 4096ull))->start.v;
	}
	find = (now() - start) / ROUNDS;
	start = now();
	for (unsigned i = 0; i < ROUNDS; i++) {
		change(d, MEMMAP_RELEASE, functions / 2);
		change(d, MEMMAP_CLAIM, functions / 2);
	}
	toggle = (now() - start) / ROUNDS;
	printf("memmap: %4u functions: find %.0f ns, decode off and on %.0f ns%s\n", functions, find,
	       toggle, found == 0 ? "?" : "");
}

int main(void)
{
	measure(1);
	measure(32);
	measure(1024);
	return 0;
}
