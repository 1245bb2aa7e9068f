// SPDX-License-Identifier: MIT
/* See event.h. */
#include "event.h"
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>

struct shared_info shared __attribute__((aligned(4096)));
struct vcpu_info *volatile vcpu_infos[CPUS_MAX];
volatile uint64_t event_taken[EVENT_PORTS];
void (*volatile event_hook)(uint32_t port);

void event_init(void)
{
	struct xen_add_to_physmap x = {
		.domid = DOMID_SELF,
		.space = XENMAPSPACE_shared_info,
		.gpfn = (uint64_t)&shared >> 12,
	};
	int64_t rc = hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &x);

	if (rc) {
		guest_fail("shared_info: -%u", U(-rc));
	}
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		vcpu_infos[i] = &shared.vcpu_info[i];
	}
	for (unsigned i = 0; i < EVENT_PORTS; i++) {
		event_mask(i);
	}
}

int64_t event_upcall_vector(unsigned vcpu, uint8_t vector)
{
	struct xen_hvm_evtchn_upcall_vector x = {.vcpu = vcpu, .vector = vector};

	return hypercall2(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &x);
}

int64_t event_callback_vector(uint8_t vector)
{
	struct xen_hvm_param x = {
		.domid = DOMID_SELF,
		.index = HVM_PARAM_CALLBACK_IRQ,
		.value = vector ? (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | vector : 0,
	};

	return hypercall2(__HYPERVISOR_hvm_op, HVMOP_set_param, &x);
}

static void take_word(unsigned word)
{
	uint64_t bits;

	while ((bits = __atomic_load_n(&shared.evtchn_pending[word], __ATOMIC_SEQ_CST) &
		       ~__atomic_load_n(&shared.evtchn_mask[word], __ATOMIC_SEQ_CST)) != 0) {
		uint32_t port = word * 64 + (uint32_t)__builtin_ctzll(bits);

		event_clear(port);
		__atomic_fetch_add(&event_taken[port], 1, __ATOMIC_SEQ_CST);
		if (event_hook) {
			event_hook(port);
		}
	}
}

void event_callback(struct frame *f)
{
	struct vcpu_info *v = vcpu_infos[this_cpu()->index];

	(void)f;
	while (__atomic_exchange_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
		uint64_t words = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

		for (; words; words &= words - 1) {
			take_word((unsigned)__builtin_ctzll(words));
		}
	}
}

void event_upcall(struct frame *f)
{
	apic_eoi();
	event_callback(f);
}

int64_t event_bind_ipi(unsigned vcpu)
{
	struct evtchn_bind_ipi x = {.vcpu = vcpu};
	int64_t rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &x);

	return rc ? rc : x.port;
}

int64_t event_bind_virq(unsigned virq, unsigned vcpu)
{
	struct evtchn_bind_virq x = {.virq = virq, .vcpu = vcpu};
	int64_t rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &x);

	return rc ? rc : x.port;
}

int64_t event_alloc_unbound(void)
{
	struct evtchn_alloc_unbound x = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	int64_t rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &x);

	return rc ? rc : x.port;
}

int64_t event_bind_interdomain(uint32_t remote)
{
	struct evtchn_bind_interdomain x = {.remote_dom = DOMID_SELF, .remote_port = remote};
	int64_t rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &x);

	return rc ? rc : x.local_port;
}

int64_t event_close(uint32_t port)
{
	struct evtchn_close x = {.port = port};

	return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &x);
}

int64_t event_send(uint32_t port)
{
	struct evtchn_send x = {.port = port};

	return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &x);
}

int64_t event_unmask(uint32_t port)
{
	struct evtchn_unmask x = {.port = port};

	return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &x);
}

int64_t event_poll(uint32_t port, uint64_t timeout_ns)
{
	evtchn_port_t ports[1] = {port};
	struct sched_poll x = {.nr_ports = 1, .timeout = timeout_ns};

	x.ports.p = ports;
	return hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &x);
}

int64_t event_reset(void)
{
	struct evtchn_reset x = {.dom = DOMID_SELF};

	return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, &x);
}
