/* SPDX-License-Identifier: MIT */
/*
 * Common to the tests of hypercalls: the hardware domain and another one, each
 * with RAM of its own at the same addresses and two vCPUs, and the Xen ABI on.
 * Included after cmocka.h by one test program each.
 */
#ifndef TAPROOT_TEST_HYPERCALL_FIXTURE_H
#define TAPROOT_TEST_HYPERCALL_FIXTURE_H

#include <string.h>
#include <taproot/hypercall.h>

#include "host_guest.h"
#include "mem_fixture.h"

#define CALL_RAM      0x100000ull
#define CALL_RAM_SIZE 0x40000ull
/* Where call_put() and the tests place arguments. */
#define CALL_ARG (CALL_RAM + 0x1000)

static _Alignas(4096) uint8_t call_ram[2][CALL_RAM_SIZE];

static inline int call_domain(struct domain *d, uint8_t *ram)
{
	d->xen_abi = true;
	if (event_domain_init(d) || domain_add_vcpu(d, 0, 0, true) || domain_add_vcpu(d, 1, 1, true) ||
	    !host_guest_add_ram(d, CALL_RAM, ram, CALL_RAM_SIZE)) {
		return -1;
	}
	return 0;
}

static inline int fixture_hypercalls(void **state)
{
	int rc = fixture_domains(state);

	host_cpu_set_count(2);
	memset(call_ram, 0, sizeof(call_ram));
	return rc || call_domain(dom0, call_ram[0]) || call_domain(domu, call_ram[1]) ? -1 : 0;
}

/* A hypercall by the first vCPU of `d`; the result, when it does not want to be called again. */
static inline int64_t call(struct domain *d, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct hypercall h = {.v = d->vcpu[0], .op = op, .arg = {a0, a1, a2}};
	int64_t rc;

	do {
		h.again = false;
		rc = hypercall_run(&h);
	} while (h.again);
	(void)host_run_deferred(h.v);
	return rc;
}

static inline uint8_t *call_at(struct domain *d, uint64_t linear)
{
	return arch_guest_ram(d, gpa(linear));
}

/* Place an argument in the caller's memory; its address. */
static inline uint64_t call_put(struct domain *d, const void *arg, size_t size)
{
	memcpy(call_at(d, CALL_ARG), arg, size);
	return CALL_ARG;
}

static inline void call_get(struct domain *d, void *arg, size_t size)
{
	memcpy(arg, call_at(d, CALL_ARG), size);
}

#endif
