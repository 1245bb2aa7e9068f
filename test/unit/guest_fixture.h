/* SPDX-License-Identifier: MIT */
/*
 * Common to the tests of hypercalls: a hardware domain and a second one, each
 * with a vCPU and 4 MiB of RAM, arguments in it, calls as the guest makes them.
 * Included after cmocka.h by one test program each.
 */
#ifndef TAPROOT_TEST_GUEST_FIXTURE_H
#define TAPROOT_TEST_GUEST_FIXTURE_H

#include <string.h>

#include <abi/xen.h>
#include <taproot/hypercall.h>

#include "host_guest.h"
#include "mem_fixture.h"

#define GUEST_RAM (4 * MIB)
/* Where arguments lie, and lists that they name. */
#define ARG  0x10000ull
#define LIST 0x20000ull

static uint8_t ram0[GUEST_RAM] __attribute__((aligned(4096)));
static uint8_t ram1[GUEST_RAM] __attribute__((aligned(4096)));
static struct vcpu *v0, *v1;
/* Rounds that the last call took. */
static unsigned rounds;

static inline int fixture_guests(void **state)
{
	memset(ram0, 0, sizeof(ram0));
	memset(ram1, 0, sizeof(ram1));
	if (fixture_domains(state) || domain_add_vcpu(dom0, 0, 0, false) ||
	    domain_add_vcpu(domu, 0, 0, false) || event_domain_init(dom0) ||
	    event_domain_init(domu) || !host_guest_add_ram(dom0, 0, ram0, sizeof(ram0)) ||
	    !host_guest_add_ram(domu, 0, ram1, sizeof(ram1))) {
		return -1;
	}
	v0 = dom0->vcpu[0];
	v1 = domu->vcpu[0];
	event_vcpu_init(v0);
	event_vcpu_init(v1);
	dom0->xen_abi = true;
	domu->xen_abi = true;
	return 0;
}

static inline uint8_t *ram_of(const struct vcpu *v)
{
	return v == v0 ? ram0 : ram1;
}

static inline void put(const struct vcpu *v, uint64_t at, const void *from, size_t len)
{
	memcpy(ram_of(v) + at, from, len);
}

static inline void get(const struct vcpu *v, uint64_t at, void *to, size_t len)
{
	memcpy(to, ram_of(v) + at, len);
}

/* Call `fn` until it is finished. */
static inline int64_t run(struct vcpu *v, hypercall_fn *fn, uint64_t arg0, uint64_t arg1)
{
	struct hypercall h = {.v = v, .arg = {arg0, arg1}};
	int64_t rc;

	rounds = 0;
	do {
		h.again = false;
		rc = fn(&h);
		rounds++;
	} while (h.again);
	rounds += host_run_deferred(v);
	return rc;
}

#endif
