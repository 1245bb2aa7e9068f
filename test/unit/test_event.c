/* SPDX-License-Identifier: MIT */
/* Event channels: ports, pending bits and upcalls, moving pages, polling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../core/event/event_internal.h"
#include "event_ports.h"

static void virqs(void **state)
{
	unsigned kicks, port = 0;
	int64_t timer;

	(void)state;
	assert_int_equal(new_virq(v0, NR_VIRQS, 0), -EINVAL);
	assert_int_equal(new_virq(v0, VIRQ_CONSOLE, 1), -EINVAL);
	assert_int_equal(new_virq(v0, VIRQ_TIMER, 4), -ENOENT);
	assert_int_equal(new_virq(v0, VIRQ_TIMER, UINT32_MAX), -ENOENT);
	timer = new_virq(v0, VIRQ_TIMER, 1);
	assert_true(timer > 0);
	assert_int_equal(new_virq(v0, VIRQ_TIMER, 1), -EEXIST);
	assert_true(new_virq(v0, VIRQ_TIMER, 0) > 0);
	assert_true(new_virq(v0, VIRQ_CONSOLE, 0) > 0);
	assert_int_equal(new_virq(v0, VIRQ_CONSOLE, 0), -EEXIST);

	event_send_virq(v1, VIRQ_DEBUG);
	assert_false(take_upcall(v1));
	event_send_virq(v1, VIRQ_TIMER);
	assert_true(bit(shared_of(dom0)->evtchn_pending, (unsigned)timer));
	assert_true(event_pending(v1));
	assert_false(event_pending(v0));
	assert_true(take_upcall(v1));
	kicks = host_kick_count(v1);
	event_send_virq(v1, VIRQ_TIMER);
	assert_int_equal(host_kick_count(v1), kicks);
	assert_int_equal(handle(v1, &port), 1);
	assert_int_equal(port, timer);
	event_send_virq(v1, VIRQ_TIMER);
	assert_true(take_upcall(v1));
	/* Closed: nothing comes, and it can be bound again. */
	assert_int_equal(port_op(v0, EVTCHNOP_close, (uint32_t)timer), 0);
	assert_false(bit(shared_of(dom0)->evtchn_pending, (unsigned)timer));
	event_send_virq(v1, VIRQ_TIMER);
	assert_false(bit(shared_of(dom0)->evtchn_pending, (unsigned)timer));
	assert_int_equal(new_virq(v0, VIRQ_TIMER, 1), timer);
	event_send_virq(v0, NR_VIRQS);
	event_send_global_virq(domu, VIRQ_CONSOLE);
}

static void masks(void **state)
{
	uint32_t port;

	(void)state;
	port = (uint32_t)new_ipi(v0, 1);
	shared_of(dom0)->evtchn_mask[port / 64] |= 1ull << (port % 64);
	assert_int_equal(port_op(v0, EVTCHNOP_send, port), 0);
	assert_true(bit(shared_of(dom0)->evtchn_pending, port));
	assert_false(event_pending(v1));
	assert_int_equal(info_of(v1)->evtchn_pending_sel, 0);
	assert_int_equal(port_op(v0, EVTCHNOP_unmask, port), 0);
	assert_false(bit(shared_of(dom0)->evtchn_mask, port));
	assert_true(take_upcall(v1));
	assert_int_equal(info_of(v1)->evtchn_pending_sel, 1ull << (port / 64));
	/* Not masked: unmasking is nothing. */
	info_of(v1)->evtchn_upcall_pending = 0;
	info_of(v1)->evtchn_pending_sel = 0;
	assert_int_equal(port_op(v0, EVTCHNOP_unmask, port), 0);
	assert_false(event_pending(v1));
	assert_int_equal(port_op(v0, EVTCHNOP_unmask, EVENT_PORTS), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_unmask, EVENT_PORTS - 1), 0);
}

static void sends(void **state)
{
	uint32_t ipi, virq, unbound;

	(void)state;
	assert_int_equal(new_ipi(v0, 4), -ENOENT);
	ipi = (uint32_t)new_ipi(v0, 3);
	virq = (uint32_t)new_virq(v0, VIRQ_TIMER, 0);
	unbound = (uint32_t)new_unbound(v0, DOMID_SELF, 1);
	assert_int_equal(port_op(v0, EVTCHNOP_send, ipi), 0);
	assert_true(take_upcall(dom0->vcpu[3]));
	assert_int_equal(port_op(v0, EVTCHNOP_send, unbound), 0);
	assert_int_equal(port_op(v0, EVTCHNOP_send, virq), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_send, 0), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_send, 3000), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_send, EVENT_PORTS), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_send, UINT32_MAX), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_close, 0), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_close, 3000), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_close, EVENT_PORTS + 1), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_close, ipi), 0);
	assert_int_equal(port_op(v0, EVTCHNOP_close, ipi), -EINVAL);
}

static void loopback(void **state)
{
	uint32_t a, b;

	(void)state;
	a = (uint32_t)new_unbound(v0, DOMID_SELF, DOMID_SELF);
	assert_int_equal(status(v0, DOMID_SELF, a).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(v0, DOMID_SELF, a).u.unbound.dom, 0);
	b = (uint32_t)new_interdomain(v0, DOMID_SELF, a);
	assert_int_not_equal(a, b);
	/* What could have been sent before is told once. */
	assert_true(bit(shared_of(dom0)->evtchn_pending, b));
	assert_int_equal(status(v0, 0, a).u.interdomain.port, b);
	assert_int_equal(status(v0, 0, b).u.interdomain.port, a);
	assert_int_equal(port_op(v0, EVTCHNOP_send, b), 0);
	assert_true(bit(shared_of(dom0)->evtchn_pending, a));
	/* Bound once only. */
	assert_int_equal(new_interdomain(v0, DOMID_SELF, a), -EINVAL);
	assert_int_equal(port_op(v0, EVTCHNOP_close, b), 0);
	assert_int_equal(status(v0, 0, a).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(v0, 0, b).status, EVTCHNSTAT_closed);
	assert_int_equal(new_interdomain(v0, DOMID_SELF, a), b);
}

static void between_domains(void **state)
{
	struct vcpu *u0 = domu->vcpu[0];
	uint32_t here, there, other;

	(void)state;
	/* domu waits for dom0; nobody else may bind. */
	there = (uint32_t)new_unbound(u0, DOMID_SELF, 0);
	other = (uint32_t)new_unbound(u0, DOMID_SELF, 5);
	assert_int_equal(new_interdomain(v0, 7, there), -ESRCH);
	assert_int_equal(new_interdomain(v0, 1, 0), -EINVAL);
	assert_int_equal(new_interdomain(v0, 1, other), -EINVAL);
	assert_int_equal(new_interdomain(v0, 1, UINT32_MAX), -EINVAL);
	assert_int_equal(new_interdomain(u0, DOMID_SELF, there), -EINVAL);
	new_ipi(v0, 0);
	here = (uint32_t)new_interdomain(v0, 1, there);
	assert_int_not_equal(here, there);
	assert_int_equal(port_op(v0, EVTCHNOP_send, here), 0);
	assert_true(bit(shared_of(domu)->evtchn_pending, there));
	assert_true(event_pending(u0));
	assert_int_equal(port_op(u0, EVTCHNOP_send, there), 0);
	assert_true(bit(shared_of(dom0)->evtchn_pending, here));
	/* Rights: dom0 may look at and allocate in another domain, domu may not. */
	assert_int_equal(status(v0, 1, there).u.interdomain.dom, 0);
	assert_int_equal(status(v0, 1, there).u.interdomain.port, here);
	struct evtchn_status s = {.dom = 0, .port = here};
	assert_int_equal(evtchn(u0, EVTCHNOP_status, &s, sizeof(s)), -EPERM);
	s = (struct evtchn_status){.dom = 9};
	assert_int_equal(evtchn(u0, EVTCHNOP_status, &s, sizeof(s)), -ESRCH);
	s = (struct evtchn_status){.dom = DOMID_SELF, .port = EVENT_PORTS};
	assert_int_equal(evtchn(u0, EVTCHNOP_status, &s, sizeof(s)), -EINVAL);
	assert_int_equal(new_unbound(u0, 0, 1), -EPERM);
	assert_int_equal(new_unbound(u0, 1, 1) > 0, 1);
	assert_int_equal(new_unbound(v0, 1, 0) > 0, 1);
	assert_int_equal(new_unbound(v0, 3, 0), -ESRCH);
	/* The other end of a closed channel waits for a new one. */
	assert_int_equal(port_op(v0, EVTCHNOP_close, here), 0);
	assert_int_equal(status(v0, 1, there).status, EVTCHNSTAT_unbound);
	assert_int_equal(port_op(u0, EVTCHNOP_send, there), 0);
}

static void bind_vcpu(void **state)
{
	struct evtchn_bind_vcpu a = {.vcpu = 2};
	uint32_t port;

	(void)state;
	a.port = (uint32_t)new_ipi(v0, 1);
	assert_int_equal(evtchn(v0, EVTCHNOP_bind_vcpu, &a, sizeof(a)), -EINVAL);
	a.port = (uint32_t)new_virq(v0, VIRQ_TIMER, 1);
	assert_int_equal(evtchn(v0, EVTCHNOP_bind_vcpu, &a, sizeof(a)), -EINVAL);
	a.port = 77;
	assert_int_equal(evtchn(v0, EVTCHNOP_bind_vcpu, &a, sizeof(a)), -EINVAL);
	port = (uint32_t)new_virq(v0, VIRQ_CON_RING, 0);
	a = (struct evtchn_bind_vcpu){.port = port, .vcpu = 4};
	assert_int_equal(evtchn(v0, EVTCHNOP_bind_vcpu, &a, sizeof(a)), -ENOENT);
	a.vcpu = 2;
	assert_int_equal(evtchn(v0, EVTCHNOP_bind_vcpu, &a, sizeof(a)), 0);
	event_send_global_virq(dom0, VIRQ_CON_RING);
	assert_true(take_upcall(dom0->vcpu[2]));
	assert_false(event_pending(v0));
	/* It is still the one bound to that interrupt. */
	assert_int_equal(new_virq(v0, VIRQ_CON_RING, 0), -EEXIST);
	assert_int_equal(port_op(v0, EVTCHNOP_close, port), 0);
	assert_int_equal(new_virq(v0, VIRQ_CON_RING, 0), port);
}

static void all_ports(void **state)
{
	struct evtchn_reset reset = {.dom = DOMID_SELF};
	struct hypercall h = {.v = v0, .arg = {EVTCHNOP_reset, ARG}};

	(void)state;
	for (unsigned i = 1; i < EVENT_PORTS; i++) {
		assert_int_equal(new_ipi(v0, i % 4), i);
	}
	assert_int_equal(new_ipi(v0, 0), -ENOSPC);
	assert_int_equal(new_unbound(v0, DOMID_SELF, 0), -ENOSPC);
	assert_int_equal(port_op(v0, EVTCHNOP_send, EVENT_PORTS - 1), 0);
	assert_true(bit(shared_of(dom0)->evtchn_pending, EVENT_PORTS - 1));
	assert_int_equal(port_op(v0, EVTCHNOP_close, 1000), 0);
	assert_int_equal(port_op(v0, EVTCHNOP_close, 50), 0);
	assert_int_equal(new_virq(v0, VIRQ_TIMER, 0), 50);
	assert_int_equal(new_virq(v0, VIRQ_DEBUG, 0), 1000);
	assert_int_equal(new_virq(v0, VIRQ_XENPMU, 0), -ENOSPC);

	memcpy(ram0 + ARG, &reset, sizeof(reset));
	assert_int_equal(hypercall_event_channel_op(&h), 0);
	assert_true(h.again);
	assert_int_equal(evtchn(v0, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
	assert_int_equal(new_virq(v0, VIRQ_TIMER, 0), 1);
	reset.dom = 1;
	assert_int_equal(evtchn(v0, EVTCHNOP_reset, &reset, sizeof(reset)), -EINVAL);
	reset.dom = 0;
	assert_int_equal(evtchn(domu->vcpu[0], EVTCHNOP_reset, &reset, sizeof(reset)), -EPERM);
	reset.dom = 9;
	assert_int_equal(evtchn(v0, EVTCHNOP_reset, &reset, sizeof(reset)), -ESRCH);
}

static void bad_arguments(void **state)
{
	static const uint32_t absent[] = {EVTCHNOP_init_control, EVTCHNOP_expand_array,
					  EVTCHNOP_set_priority, 14, UINT32_MAX};

	(void)state;
	for (unsigned op = 0; op <= EVTCHNOP_reset; op++) {
		assert_int_equal(hcall(v0, hypercall_event_channel_op, op, NOWHERE, 0), -EFAULT);
		assert_int_equal(hcall(v0, hypercall_event_channel_op, op, UINT64_MAX - 1, 0),
				 -EFAULT);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
		assert_int_equal(hcall(v0, hypercall_event_channel_op, absent[i], ARG, 0), -ENOSYS);
	}
	assert_int_equal(hcall(v0, hypercall_event_channel_op, EVTCHNOP_bind_pirq, ARG, 0),
			 -EINVAL);
	/* A port that cannot be told is not kept. */
	host_guest_set_access(dom0, ARG, 64, HOST_GUEST_READ_ONLY);
	assert_int_equal(hcall(v0, hypercall_event_channel_op, EVTCHNOP_bind_virq, ARG, 0),
			 -EFAULT);
	assert_int_equal(hcall(v0, hypercall_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), -EFAULT);
	host_guest_set_access(dom0, ARG, 64, HOST_GUEST_ALL);
	assert_int_equal(new_virq(v0, VIRQ_TIMER, 0), 1);
	/* Without the ABI there is nothing. */
	dom0->event = NULL;
	assert_int_equal(hcall(v0, hypercall_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), -ENOSYS);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_is_up, 0, 0), -ENOSYS);
	assert_int_equal(hcall(v0, hypercall_sched_op, SCHEDOP_block, 0, 0), -ENOSYS);
	assert_int_equal(hcall(v0, hypercall_set_timer_op, 0, 0, 0), -ENOSYS);
	event_send_virq(v0, VIRQ_TIMER);
	assert_int_equal(event_callback_pending(v0), -1);
}

static void callbacks(void **state)
{
	struct vcpu *u0 = domu->vcpu[0], *u1 = domu->vcpu[1];
	uint64_t vector = 2ull << 56 | 0x31;
	uint32_t port;

	(void)state;
	port = (uint32_t)new_ipi(u0, 0);
	assert_int_equal(event_set_callback(domu, 1ull << 56 | 3), -EINVAL);
	assert_int_equal(event_set_callback(domu, 3ull << 56), -EINVAL);
	assert_int_equal(event_set_callback(domu, 2ull << 56 | 15), -EINVAL);
	assert_int_equal(port_op(u0, EVTCHNOP_send, port), 0);
	assert_int_equal(event_callback_pending(u0), -1);
	/* Turned on with an event that waits. */
	assert_int_equal(event_set_callback(domu, vector), 0);
	assert_int_equal(event_callback_pending(u0), 0x31);
	assert_int_equal(event_callback_pending(u1), -1);
	/* Due until the guest takes note. */
	assert_int_equal(event_callback_pending(u0), 0x31);
	info_of(u0)->evtchn_upcall_pending = 0;
	assert_int_equal(event_callback_pending(u0), -1);
	/* A vector of its own comes first. */
	assert_int_equal(event_set_upcall_vector(u0, 15), -EINVAL);
	assert_int_equal(event_set_upcall_vector(u0, VECTOR), 0);
	info_of(u0)->evtchn_pending_sel = 0;
	shared_of(domu)->evtchn_pending[0] = 0;
	assert_int_equal(port_op(u0, EVTCHNOP_send, port), 0);
	assert_int_equal(event_callback_pending(u0), -1);
	assert_true(take_upcall(u0));
	/* Off again, by a line that is not ours to drive, as Linux does. */
	assert_int_equal(event_set_callback(domu, 1), 0);
	info_of(u1)->evtchn_upcall_pending = 1;
	assert_int_equal(event_callback_pending(u1), -1);
	assert_int_equal(event_set_callback(domu, vector), 0);
	assert_int_equal(event_callback_pending(u1), 0x31);
	assert_int_equal(event_set_callback(domu, 0), 0);
	assert_int_equal(event_callback_pending(u1), -1);
}

/* An upcall that found the local APIC off comes when it is turned on. */
static void lapic_off(void **state)
{
	uint32_t port;

	(void)state;
	port = (uint32_t)new_ipi(v0, 1);
	vlapic_mmio_write(&v1->lapic, 0xf0, 4, 0xff);
	assert_int_equal(port_op(v0, EVTCHNOP_send, port), 0);
	assert_false(take_upcall(v1));
	assert_true(event_pending(v1));
	vlapic_mmio_write(&v1->lapic, 0xf0, 4, 0x1ff);
	assert_true(take_upcall(v1));
	/* Only when there is one. */
	info_of(v1)->evtchn_upcall_pending = 0;
	vlapic_mmio_write(&v1->lapic, 0xf0, 4, 0xff);
	vlapic_mmio_write(&v1->lapic, 0xf0, 4, 0x1ff);
	assert_false(take_upcall(v1));
}

static void moves(void **state)
{
	struct shared_info *s = (struct shared_info *)(ram0 + SHARED);
	struct vcpu_info *i1 = (struct vcpu_info *)(ram0 + INFOS + 64);
	uint32_t port, masked;

	(void)state;
	port = (uint32_t)new_ipi(v0, 1);
	masked = (uint32_t)new_ipi(v0, 2);
	shared_of(dom0)->evtchn_mask[0] |= 1ull << masked;
	assert_int_equal(port_op(v0, EVTCHNOP_send, port), 0);
	assert_int_equal(port_op(v0, EVTCHNOP_send, masked), 0);
	assert_true(take_upcall(v1));

	assert_int_equal(event_move_shared_info(dom0, gpa(NOWHERE)), -EINVAL);
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED + 8)), -EINVAL);
	assert_false(event_uses(dom0, gpa(SHARED), PAGE_SIZE));
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	assert_true(event_uses(dom0, gpa(SHARED), PAGE_SIZE));
	assert_ptr_equal(info_of(v0), &s->vcpu_info[0]);
	assert_true(bit(s->evtchn_pending, port));
	assert_true(bit(s->evtchn_pending, masked));
	assert_true(bit(s->evtchn_mask, masked));
	assert_int_equal(s->vcpu_info[1].evtchn_upcall_pending, 1);
	assert_int_equal(s->vcpu_info[2].evtchn_upcall_pending, 0);
	assert_true(s->vcpu_info[1].time.version != 0 && s->vcpu_info[1].time.version % 2 == 0);
	/* What waits is told again: the guest may have looked at neither page. */
	assert_true(take_upcall(v1));

	assert_int_equal(place_info(v0, 0, INFOS >> 12, 4096 - 56), -ENXIO);
	assert_int_equal(place_info(v0, 0, INFOS >> 12, 4), -ENXIO);
	assert_int_equal(place_info(v0, 0, NOWHERE >> 12, 0), -EINVAL);
	assert_int_equal(place_info(v0, 0, UINT64_MAX, 0), -EINVAL);
	assert_int_equal(place_info(v0, 0, 1ull << 52, 0), -EINVAL);
	assert_int_equal(place_info(v0, 4, INFOS >> 12, 0), -ENOENT);
	/* By the vCPU itself, or while it does not run; once. */
	assert_int_equal(place_info(v1, 0, INFOS >> 12, 0), -EINVAL);
	assert_int_equal(place_info(v0, 1, INFOS >> 12, 64), 0);
	assert_int_equal(place_info(v1, 1, INFOS >> 12, 128), -EINVAL);
	assert_ptr_equal(info_of(v1), i1);
	assert_int_equal(i1->evtchn_upcall_pending, 1);
	assert_int_equal(i1->evtchn_pending_sel, 1);
	assert_true(take_upcall(v1));
	assert_true(event_uses(dom0, gpa(INFOS), PAGE_SIZE));
	assert_false(event_uses(dom0, gpa(AREA), PAGE_SIZE));
	/* Events go there from now on. */
	memset(i1, 0, sizeof(*i1));
	s->evtchn_pending[0] = 0;
	assert_int_equal(port_op(v0, EVTCHNOP_send, port), 0);
	assert_int_equal(i1->evtchn_upcall_pending, 1);
	assert_true(take_upcall(v1));

	event_reset(dom0);
	assert_false(event_uses(dom0, gpa(SHARED), PAGE_SIZE));
	assert_false(event_uses(dom0, gpa(INFOS), PAGE_SIZE));
	assert_false(event_pending(v1));
	assert_int_equal(new_ipi(v0, 1), 1);
	memset(ram0 + SHARED, 0, PAGE_SIZE);
	assert_int_equal(port_op(v0, EVTCHNOP_send, 1), 0);
	assert_int_equal(s->evtchn_pending[0], 0);
	assert_false(take_upcall(v1));
	assert_int_equal(place_info(v0, 1, INFOS >> 12, 64), 0);
}

static int64_t poll_ports(struct vcpu *v, const uint32_t *port, unsigned count, uint64_t timeout)
{
	struct sched_poll a = {.nr_ports = count, .timeout = timeout};

	a.ports.p = (void *)(uintptr_t)LIST;
	memcpy(ram0 + LIST, port, count * sizeof(*port));
	memcpy(ram0 + ARG, &a, sizeof(a));
	return hcall(v, hypercall_sched_op, SCHEDOP_poll, ARG, 0);
}

/* What the run loop does after a kick. */
static bool wakes_up(struct vcpu *v)
{
	if (!v->wait || !v->wait(v)) {
		return false;
	}
	v->wait = NULL;
	event_wait_end(v);
	return true;
}

static void polling(void **state)
{
	uint32_t port[EVENT_POLL_MAX + 1] = {0};
	unsigned kicks;

	(void)state;
	port[0] = (uint32_t)new_ipi(v0, 1);
	port[1] = (uint32_t)new_ipi(v0, 2);
	port[2] = EVENT_PORTS;
	assert_int_equal(poll_ports(v0, port, EVENT_POLL_MAX + 1, 0), -EINVAL);
	assert_int_equal(poll_ports(v0, port, 3, 0), -EINVAL);
	assert_int_equal(hcall(v0, hypercall_sched_op, SCHEDOP_poll, NOWHERE, 0), -EFAULT);
	port[2] = EVENT_PORTS - 1;
	/* Masked ports count: that is what polling is for. */
	shared_of(dom0)->evtchn_mask[0] = UINT64_MAX;
	assert_int_equal(poll_ports(v0, port, 3, 0), 0);
	assert_false(wakes_up(v0));
	kicks = host_kick_count(v0);
	assert_int_equal(port_op(v1, EVTCHNOP_send, port[1]), 0);
	assert_true(host_kick_count(v0) > kicks);
	assert_true(wakes_up(v0));
	kicks = host_kick_count(v0);
	assert_int_equal(port_op(v1, EVTCHNOP_send, port[0]), 0);
	assert_int_equal(host_kick_count(v0), kicks);
	/* Pending already: no sleep. */
	assert_int_equal(poll_ports(v0, port, 1, 0), 0);
	assert_null(v0->wait);
	/* A timeout, past and to come. */
	shared_of(dom0)->evtchn_pending[0] = 0;
	host_time_advance(HOST_TIME_HZ);
	assert_int_equal(poll_ports(v0, port, 1, 1), 0);
	assert_null(v0->wait);
	assert_int_equal(poll_ports(v0, port, 1, vtime_now(dom0) + 1000000), 0);
	assert_false(wakes_up(v0));
	assert_true(host_timer_armed(0) != UINT64_MAX);
	host_time_advance(HOST_TIME_HZ / 1000 - 10);
	assert_false(wakes_up(v0));
	host_time_advance(20);
	assert_true(wakes_up(v0));
	/* Another event ends the sleep before the timeout: the timer goes. */
	assert_int_equal(poll_ports(v0, port, 0, vtime_now(dom0) + 1000000), 0);
	v0->wait = NULL;
	event_wait_end(v0);
	assert_true(host_timer_armed(0) == UINT64_MAX);
	/* One poll after another without an end of the first: the timer is queued once. */
	assert_int_equal(poll_ports(v0, port, 0, vtime_now(dom0) + 1000000), 0);
	assert_int_equal(poll_ports(v0, port, 0, vtime_now(dom0) + 1000000), 0);
	assert_int_equal(host_time_advance(HOST_TIME_HZ / 100), 1);
	assert_true(host_timer_armed(0) == UINT64_MAX);
	v0->wait = NULL;
	event_wait_end(v0);
}

static void blocking(void **state)
{
	uint32_t port;

	(void)state;
	port = (uint32_t)new_ipi(v0, 0);
	assert_int_equal(hcall(v0, hypercall_sched_op, SCHEDOP_yield, 0, 0), 0);
	assert_null(v0->wait);
	assert_int_equal(hcall(v0, hypercall_sched_op, SCHEDOP_block, 0, 0), 0);
	assert_false(wakes_up(v0));
	assert_int_equal(port_op(v1, EVTCHNOP_send, port), 0);
	assert_true(wakes_up(v0));
	assert_true(take_upcall(v0));
	info_of(v0)->evtchn_upcall_pending = 0;
	assert_int_equal(hcall(v0, hypercall_sched_op, SCHEDOP_block, 0, 0), 0);
	assert_false(wakes_up(v0));
	assert_true(vlapic_accept(&v0->lapic, 0x41, false));
	assert_true(wakes_up(v0));
	assert_int_equal(hcall(v0, hypercall_sched_op, 7, 0, 0), -ENOSYS);
	assert_int_equal(hcall(v0, hypercall_sched_op, 1ull << 31, 0, 0), -ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(virqs, setup),
		cmocka_unit_test_setup(masks, setup),
		cmocka_unit_test_setup(sends, setup),
		cmocka_unit_test_setup(loopback, setup),
		cmocka_unit_test_setup(between_domains, setup),
		cmocka_unit_test_setup(bind_vcpu, setup),
		cmocka_unit_test_setup(all_ports, setup),
		cmocka_unit_test_setup(bad_arguments, setup),
		cmocka_unit_test_setup(callbacks, setup),
		cmocka_unit_test_setup(lapic_off, setup),
		cmocka_unit_test_setup(moves, setup),
		cmocka_unit_test_setup(polling, setup),
		cmocka_unit_test_setup(blocking, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
