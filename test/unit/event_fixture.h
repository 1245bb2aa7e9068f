/* SPDX-License-Identifier: MIT */
/*
 * Common to the tests of event channels and guest time: a hardware domain with
 * four vCPUs and a second one with two, their memory, and what a guest does
 * with its pages. Included after cmocka.h by one test program each.
 */
#ifndef TAPROOT_TEST_EVENT_FIXTURE_H
#define TAPROOT_TEST_EVENT_FIXTURE_H

#include <abi/vcpu.h>
#include <string.h>
#include <taproot/event.h>
#include <taproot/hypercall.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include "host_guest.h"
#include "mem_fixture.h"

#define RAM_SIZE (1 * MIB)
#define ARG      0x1000ull /* where arguments of hypercalls are */
#define LIST     0x2000ull
#define SHARED   0x8000ull /* where shared_info goes */
#define INFOS    0x9000ull /* vcpu_info of vCPU n at INFOS + 64 n */
#define AREA     0xa000ull
#define NOWHERE  0x40000000ull
#define VECTOR   0xf3

static uint8_t ram0[RAM_SIZE] __attribute__((aligned(4096)));
static uint8_t ramu[RAM_SIZE] __attribute__((aligned(4096)));

static inline uint8_t *ram(const struct domain *d)
{
	return d == dom0 ? ram0 : ramu;
}

static inline int fixture_events(void **state)
{
	if (fixture_domains(state) || event_domain_init(dom0)) {
		return -1;
	}
	memset(ram0, 0, sizeof(ram0));
	memset(ramu, 0, sizeof(ramu));
	host_cpu_set_count(4);
	for (unsigned i = 0; i < 6; i++) {
		struct domain *d = i < 4 ? dom0 : domu;

		if (domain_add_vcpu(d, i % 4, i % 4, true)) {
			return -1;
		}
		vlapic_mmio_write(&d->vcpu[i % 4]->lapic, 0xf0, 4, 0x1ff);
	}
	/* One domain has its vCPUs before its ABI, one after. */
	return event_domain_init(domu) == 0 && host_guest_add_ram(dom0, 0, ram0, RAM_SIZE) &&
			       host_guest_add_ram(domu, 0, ramu, RAM_SIZE)
		       ? 0
		       : -1;
}

/* A hypercall of `v`, until it is finished. */
static inline int64_t hcall(struct vcpu *v, hypercall_fn *fn, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct hypercall h = {.v = v, .arg = {a0, a1, a2}};
	int64_t rc;

	do {
		h.again = false;
		rc = fn(&h);
	} while (h.again);
	(void)host_run_deferred(v);
	return rc;
}

/* event_channel_op with its argument, which is copied back. */
static inline int64_t evtchn(struct vcpu *v, unsigned op, void *arg, size_t size)
{
	int64_t rc;

	memcpy(ram(v->domain) + ARG, arg, size);
	rc = hcall(v, hypercall_event_channel_op, op, ARG, 0);
	memcpy(arg, ram(v->domain) + ARG, size);
	return rc;
}

static inline int64_t vcpu_op(struct vcpu *v, unsigned op, unsigned id, const void *arg,
			      size_t size)
{
	memcpy(ram(v->domain) + ARG, arg, size);
	return hcall(v, hypercall_vcpu_op, op, id, ARG);
}

/* The pages as the guest finds them where it put them; before that, ours. */
static inline struct vcpu_info *info_of(const struct vcpu *v)
{
	return v->event.info;
}

static inline struct shared_info *shared_of(const struct domain *d)
{
	/* vCPU 0's vcpu_info is the first of shared_info unless it has been moved alone. */
	return (struct shared_info *)info_of(d->vcpu[0]);
}

static inline bool bit(const xen_ulong_t *words, unsigned n)
{
	return words[n / 64] >> (n % 64) & 1;
}

/* The upcall vector is requested of the local APIC; taken, with its end. */
static inline bool take_upcall(struct vcpu *v)
{
	if (vlapic_pending(&v->lapic) != VECTOR) {
		return false;
	}
	vlapic_take(&v->lapic, VECTOR);
	vlapic_mmio_write(&v->lapic, 0xb0, 4, 0);
	return true;
}

/* A new port by bind_virq, bind_ipi or alloc_unbound; negative: the error. */
static inline int64_t new_virq(struct vcpu *v, uint32_t virq, uint32_t vcpu)
{
	struct evtchn_bind_virq a = {.virq = virq, .vcpu = vcpu};
	int64_t rc = evtchn(v, EVTCHNOP_bind_virq, &a, sizeof(a));

	return rc ? rc : a.port;
}

static inline int64_t new_ipi(struct vcpu *v, uint32_t vcpu)
{
	struct evtchn_bind_ipi a = {.vcpu = vcpu};
	int64_t rc = evtchn(v, EVTCHNOP_bind_ipi, &a, sizeof(a));

	return rc ? rc : a.port;
}

static inline int64_t new_unbound(struct vcpu *v, uint16_t dom, uint16_t remote)
{
	struct evtchn_alloc_unbound a = {.dom = dom, .remote_dom = remote};
	int64_t rc = evtchn(v, EVTCHNOP_alloc_unbound, &a, sizeof(a));

	return rc ? rc : a.port;
}

static inline int64_t new_interdomain(struct vcpu *v, uint16_t remote, uint32_t port)
{
	struct evtchn_bind_interdomain a = {.remote_dom = remote, .remote_port = port};
	int64_t rc = evtchn(v, EVTCHNOP_bind_interdomain, &a, sizeof(a));

	return rc ? rc : a.local_port;
}

/* The operations whose argument is a port. */
static inline int64_t port_op(struct vcpu *v, unsigned op, uint32_t port)
{
	return evtchn(v, op, &port, sizeof(port));
}

#endif
