/* SPDX-License-Identifier: MIT */
/* Event channels: ports, pending bits and upcalls, moving pages, polling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "../../core/event/event_internal.h"
#include "event_fixture.h"

static struct vcpu *v0, *v1;

static int setup(void **state)
{
	if (fixture_events(state)) {
		return -1;
	}
	v0 = dom0->vcpu[0];
	v1 = dom0->vcpu[1];
	for (unsigned i = 0; i < dom0->vcpu_count; i++) {
		if (event_set_upcall_vector(dom0->vcpu[i], VECTOR)) {
			return -1;
		}
	}
	return 0;
}

/* What a guest's upcall handler does; the number of events, the last in *port. */
static unsigned handle(struct vcpu *v, unsigned *port)
{
	struct shared_info *s = shared_of(v->domain);
	struct vcpu_info *i = info_of(v);
	unsigned count = 0;
	uint64_t sel;

	__atomic_store_n(&i->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	sel = __atomic_exchange_n(&i->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	for (; sel; sel &= sel - 1) {
		unsigned word = (unsigned)__builtin_ctzll(sel);
		uint64_t bits = __atomic_load_n(&s->evtchn_pending[word], __ATOMIC_SEQ_CST) &
				~__atomic_load_n(&s->evtchn_mask[word], __ATOMIC_SEQ_CST);

		for (; bits; bits &= bits - 1) {
			*port = word * 64 + (unsigned)__builtin_ctzll(bits);
			__atomic_fetch_and(&s->evtchn_pending[word], ~(bits & -bits),
					   __ATOMIC_SEQ_CST);
			count++;
		}
	}
	return count;
}

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

static struct evtchn_status status(struct vcpu *v, uint16_t dom, uint32_t port)
{
	struct evtchn_status s = {.dom = dom, .port = port};

	assert_int_equal(evtchn(v, EVTCHNOP_status, &s, sizeof(s)), 0);
	return s;
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

static int64_t place_info(struct vcpu *v, unsigned id, uint64_t gfn, uint32_t offset)
{
	struct vcpu_register_vcpu_info a = {.mfn = gfn, .offset = offset};

	return vcpu_op(v, VCPUOP_register_vcpu_info, id, &a, sizeof(a));
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

/* ---- several processors ---- */

#define STORM_SENDS 20000u

static struct storm {
	uint32_t port;
	uint64_t said, heard, upcalls, unmasks;
	bool over;
} storm;

/* vCPUs 2 and 3: each says something new and sends. Their arguments are apart. */
static void *storm_sender(void *arg)
{
	struct vcpu *v = arg;
	uint64_t at = LIST + v->id * PAGE_SIZE;

	memcpy(ram0 + at, &storm.port, sizeof(storm.port));
	for (unsigned i = 0; i < STORM_SENDS; i++) {
		__atomic_fetch_add(&storm.said, 1, __ATOMIC_SEQ_CST);
		assert_int_equal(hcall(v, hypercall_event_channel_op, EVTCHNOP_send, at, 0), 0);
	}
	return NULL;
}

/* vCPU 0 masks and unmasks the port all the time, as a kernel does that moves an interrupt. */
static void *storm_masker(void *arg)
{
	uint64_t mask = 1ull << (storm.port % 64), at = LIST;
	uint64_t *word = (uint64_t *)&((struct shared_info *)(ram0 + SHARED))->evtchn_mask[0];

	(void)arg;
	memcpy(ram0 + at, &storm.port, sizeof(storm.port));
	while (!__atomic_load_n(&storm.over, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_or(&word[storm.port / 64], mask, __ATOMIC_SEQ_CST);
		assert_int_equal(hcall(v0, hypercall_event_channel_op, EVTCHNOP_unmask, at, 0), 0);
		storm.unmasks++;
	}
	return NULL;
}

/* vCPU 1 handles events when its vector comes, and only then. */
static void *storm_receiver(void *arg)
{
	uint64_t all = 2ull * STORM_SENDS;

	(void)arg;
	while (__atomic_load_n(&storm.heard, __ATOMIC_SEQ_CST) < all) {
		unsigned port = 0;

		if (!take_upcall(v1)) {
			__builtin_ia32_pause();
			continue;
		}
		storm.upcalls++;
		if (handle(v1, &port)) {
			__atomic_store_n(&storm.heard,
					 __atomic_load_n(&storm.said, __ATOMIC_SEQ_CST),
					 __ATOMIC_SEQ_CST);
		}
	}
	return NULL;
}

/* Two vCPUs send, one masks and unmasks, one receives: the last word said is heard. */
static void storms(void **state)
{
	pthread_t sender[2], masker, receiver;

	(void)state;
	memset(&storm, 0, sizeof(storm));
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	storm.port = (uint32_t)new_ipi(v0, 1);
	assert_int_equal(pthread_create(&receiver, NULL, storm_receiver, NULL), 0);
	assert_int_equal(pthread_create(&masker, NULL, storm_masker, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&sender[i], NULL, storm_sender, dom0->vcpu[2 + i]),
				 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(sender[i], NULL);
	}
	/* A test that hangs here has lost an event. */
	pthread_join(receiver, NULL);
	__atomic_store_n(&storm.over, true, __ATOMIC_SEQ_CST);
	pthread_join(masker, NULL);
	assert_true(storm.upcalls > 0 && storm.unmasks > 0);
}

#define MOVE_PORTS 64u

static void *move_sender(void *arg)
{
	struct vcpu *v = arg;
	uint64_t at = LIST + v->id * PAGE_SIZE;

	for (uint32_t port = v->id - 1; port < MOVE_PORTS; port += 2) {
		memcpy(ram0 + at, &port, sizeof(port));
		(void)hcall(v, hypercall_event_channel_op, EVTCHNOP_send, at, 0);
	}
	return NULL;
}

/* shared_info moves while two vCPUs send: each event is in the page where it is at last. */
static void moves_under_load(void **state)
{
	(void)state;
	for (unsigned i = 1; i < MOVE_PORTS; i++) {
		assert_int_equal(new_ipi(v0, 3), i);
	}
	for (unsigned round = 0; round < 200; round++) {
		struct shared_info *s =
			(struct shared_info *)(ram0 + SHARED + (round & 1) * 0x20000);
		pthread_t sender[2];

		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(
				pthread_create(&sender[i], NULL, move_sender, dom0->vcpu[1 + i]),
				0);
		}
		assert_int_equal(event_move_shared_info(dom0, gpa(SHARED + (round & 1) * 0x20000)),
				 0);
		for (unsigned i = 0; i < 2; i++) {
			pthread_join(sender[i], NULL);
		}
		assert_int_equal(s->evtchn_pending[0], UINT64_MAX - 1);
		assert_int_equal(s->vcpu_info[3].evtchn_pending_sel, 1);
		assert_int_equal(s->vcpu_info[3].evtchn_upcall_pending, 1);
		assert_true(take_upcall(dom0->vcpu[3]));
		memset(s->evtchn_pending, 0, sizeof(s->evtchn_pending));
		s->vcpu_info[3].evtchn_pending_sel = 0;
		s->vcpu_info[3].evtchn_upcall_pending = 0;
	}
}

/* ---- a move in the middle of a send: the first write to the old page waits for it ---- */

static uint8_t *guarded; /* the page that is read-only */
static void (*meanwhile)(void);
static unsigned writes_held;

static void on_write(int signal, siginfo_t *info, void *context)
{
	uint8_t *page = (uint8_t *)((uintptr_t)info->si_addr & PAGE_MASK);

	(void)signal;
	(void)context;
	if (page != guarded || mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE)) {
		abort();
	}
	guarded = NULL;
	writes_held++;
	meanwhile();
}

static void hold_write(uint8_t *page, void (*then)(void))
{
	struct sigaction action = {.sa_sigaction = on_write, .sa_flags = SA_SIGINFO};

	guarded = page;
	meanwhile = then;
	writes_held = 0;
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	assert_int_equal(mprotect(page, PAGE_SIZE, PROT_READ), 0);
}

static void move_the_page(void)
{
	if (event_move_shared_info(dom0, gpa(SHARED + 0x20000))) {
		abort();
	}
}

static void move_the_info(void)
{
	v1->event.info_gpa = gpa(UINT64_MAX); /* as if it had not been placed yet */
	if (place_info(v1, 1, (INFOS + 0x20000) >> 12, 0)) {
		abort();
	}
}

static void move_in_a_send(void **state)
{
	struct shared_info *s = (struct shared_info *)(ram0 + SHARED + 0x20000);
	struct vcpu_info *i = (struct vcpu_info *)(ram0 + INFOS + 0x20000);
	uint32_t ipi;

	(void)state;
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	(void)new_virq(v0, VIRQ_TIMER, 1);
	ipi = (uint32_t)new_ipi(v0, 1);
	hold_write(ram0 + SHARED, move_the_page);
	event_send_virq(v1, VIRQ_TIMER);
	assert_int_equal(writes_held, 1);
	assert_int_equal(s->evtchn_pending[0], 2);
	assert_int_equal(s->vcpu_info[1].evtchn_pending_sel, 1);
	assert_true(take_upcall(v1));

	/* The same where the selector is set, and where a port is unmasked. */
	memset(&s->vcpu_info[1], 0, sizeof(s->vcpu_info[1]));
	assert_int_equal(place_info(v1, 1, INFOS >> 12, 0), 0);
	hold_write(ram0 + INFOS, move_the_info);
	assert_int_equal(port_op(v0, EVTCHNOP_send, ipi), 0);
	assert_int_equal(writes_held, 1);
	assert_int_equal(i->evtchn_pending_sel, 1);
	assert_int_equal(i->evtchn_upcall_pending, 1);
	assert_true(take_upcall(v1));

	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	((struct shared_info *)(ram0 + SHARED))->evtchn_mask[0] = 1ull << ipi;
	i->evtchn_pending_sel = 0;
	i->evtchn_upcall_pending = 0;
	assert_true(take_upcall(v1));
	hold_write(ram0 + SHARED, move_the_page);
	assert_int_equal(port_op(v0, EVTCHNOP_unmask, ipi), 0);
	assert_int_equal(writes_held, 1);
	assert_int_equal(s->evtchn_mask[0], 0);
	assert_int_equal(i->evtchn_pending_sel, 1);
	assert_true(take_upcall(v1));
}

/* By another vCPU, with its arguments elsewhere. */
static int64_t other_op(unsigned op, void *arg, size_t size)
{
	int64_t rc;

	memcpy(ram0 + LIST, arg, size);
	rc = hcall(v1, hypercall_event_channel_op, op, LIST, 0);
	memcpy(arg, ram0 + LIST, size);
	return rc;
}

/* ---- a page is left while another processor is in the middle of a send to it ---- */

static struct {
	uint32_t port;
	bool held, go, gone; /* the send waits at its write; goes on; is over */
	pthread_t thread;
} late;

static void hold_until_go(void)
{
	__atomic_store_n(&late.held, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&late.go, __ATOMIC_ACQUIRE)) {
		sched_yield();
	}
}

static void *late_sender(void *arg)
{
	struct evtchn_send a = {.port = late.port};

	host_cpu_set(1);
	if (other_op(EVTCHNOP_send, &a, sizeof(a))) {
		abort();
	}
	__atomic_store_n(&late.gone, true, __ATOMIC_RELEASE);
	return arg;
}

static void start_late_sender(uint8_t *page)
{
	late.held = late.go = late.gone = false;
	hold_write(page, hold_until_go);
	assert_int_equal(pthread_create(&late.thread, NULL, late_sender, NULL), 0);
	while (!__atomic_load_n(&late.held, __ATOMIC_ACQUIRE)) {
		sched_yield();
	}
}

/* What waiting for every processor comes to: this one's send is over. No lock is held. */
static void all_pass(void)
{
	assert_int_equal(dom0->event->lock.held, 0);
	assert_int_equal(dom0->mem_lock.held, 0);
	__atomic_store_n(&late.go, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&late.gone, __ATOMIC_ACQUIRE)) {
		sched_yield();
	}
}

/* The guest uses the page for something else as soon as it hears of the move. */
static void page_is_clean(uint8_t *page)
{
	memset(page, 0, PAGE_SIZE);
	__atomic_store_n(&late.go, true, __ATOMIC_RELEASE);
	pthread_join(late.thread, NULL);
	for (unsigned i = 0; i < PAGE_SIZE; i++) {
		assert_int_equal(page[i], 0);
	}
}

static void late_sends(void **state)
{
	(void)state;
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	assert_int_equal(host_quiesce_count, 0);
	late.port = (uint32_t)new_ipi(v0, 1);
	host_quiesce = all_pass;
	start_late_sender(ram0 + SHARED);
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED + 0x20000)), 0);
	page_is_clean(ram0 + SHARED);
	assert_true(event_is_pending(dom0, late.port));

	/* A soft reset leaves all pages, of shared_info and of each vcpu_info. */
	event_clear_pending(dom0, late.port);
	start_late_sender(ram0 + SHARED + 0x20000);
	event_reset(dom0);
	page_is_clean(ram0 + SHARED + 0x20000);
	late.port = (uint32_t)new_ipi(v0, 1);
	assert_int_equal(place_info(v1, 1, INFOS >> 12, 0), 0);
	start_late_sender(ram0 + INFOS);
	event_reset(dom0);
	page_is_clean(ram0 + INFOS);
	assert_int_equal(host_quiesce_count, 3);
}

/* ---- a close in the middle of a send ---- */

static uint32_t closed;

static void close_the_port(void)
{
	if (port_op(v1, EVTCHNOP_close, closed)) {
		abort();
	}
}

/* The next owner of the port finds no event of the last one. */
static void close_in_a_send(void **state)
{
	struct shared_info *s = (struct shared_info *)(ram0 + SHARED);

	(void)state;
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	closed = (uint32_t)new_ipi(v0, 1);
	hold_write(ram0 + SHARED, close_the_port);
	assert_int_equal(port_op(v0, EVTCHNOP_send, closed), 0);
	assert_int_equal(writes_held, 1);
	assert_true(bit(s->evtchn_pending, closed));
	assert_int_equal(new_unbound(v0, DOMID_SELF, DOMID_SELF), closed);
	assert_false(bit(s->evtchn_pending, closed));
	/* What a channel between two begins with is its own. */
	assert_int_equal(new_interdomain(v0, DOMID_SELF, closed), closed + 1);
	assert_true(bit(s->evtchn_pending, closed + 1));
}

/* ---- a port that cannot be told to its owner; somebody closes and takes it meanwhile ---- */

static pthread_t taker;
static bool taken;

static void *take_the_port(void *arg)
{
	struct evtchn_close c = {.port = 1};
	struct evtchn_bind_ipi b = {.vcpu = 1};

	(void)other_op(EVTCHNOP_close, &c, sizeof(c));
	if (other_op(EVTCHNOP_bind_ipi, &b, sizeof(b)) || b.port != 1) {
		abort();
	}
	__atomic_store_n(&taken, true, __ATOMIC_RELEASE);
	return arg;
}

/* The copy fails; the other one has time to take the port before the caller goes on. */
static void copy_fails(struct vcpu *v, uint64_t linear)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	(void)v;
	(void)linear;
	host_guest_fault = NULL;
	if (pthread_create(&taker, NULL, take_the_port, NULL)) {
		abort();
	}
	for (unsigned i = 0; i < 50 && !__atomic_load_n(&taken, __ATOMIC_ACQUIRE); i++) {
		nanosleep(&ms, NULL);
	}
}

static void untold(unsigned op, const void *arg, size_t size)
{
	struct evtchn_status s = {.dom = DOMID_SELF, .port = 1};

	memcpy(ram0 + ARG, arg, size);
	host_guest_set_access(dom0, ARG, 64, HOST_GUEST_READ_ONLY);
	taken = false;
	host_guest_fault = copy_fails;
	assert_int_equal(hcall(v0, hypercall_event_channel_op, op, ARG, 0), -EFAULT);
	assert_null(host_guest_fault);
	pthread_join(taker, NULL);
	host_guest_set_access(dom0, ARG, 64, HOST_GUEST_ALL);
	assert_int_equal(other_op(EVTCHNOP_status, &s, sizeof(s)), 0);
	assert_int_equal(s.status, EVTCHNSTAT_ipi);
	assert_int_equal(s.vcpu, 1);
	assert_int_equal(port_op(v0, EVTCHNOP_close, 1), 0);
}

static void untold_ports(void **state)
{
	const struct evtchn_bind_virq virq = {.virq = VIRQ_TIMER};
	const struct evtchn_bind_ipi ipi = {.vcpu = 2};
	const struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain channel = {.remote_dom = 1};
	struct evtchn_status s = {.dom = DOMID_SELF};

	(void)state;
	channel.remote_port = (uint32_t)new_unbound(domu->vcpu[0], DOMID_SELF, 0);
	untold(EVTCHNOP_bind_virq, &virq, sizeof(virq));
	untold(EVTCHNOP_bind_ipi, &ipi, sizeof(ipi));
	untold(EVTCHNOP_alloc_unbound, &unbound, sizeof(unbound));
	untold(EVTCHNOP_bind_interdomain, &channel, sizeof(channel));
	/* The other end waits again, the VIRQ is to be had. */
	s.port = channel.remote_port;
	assert_int_equal(evtchn(domu->vcpu[0], EVTCHNOP_status, &s, sizeof(s)), 0);
	assert_int_equal(s.status, EVTCHNSTAT_unbound);
	assert_int_equal(s.u.unbound.dom, 0);
	assert_int_equal(new_virq(v0, VIRQ_TIMER, 0), 1);
}

/* Two domains close the two ends of channels at the same time, and bind them anew. */
static void *closer(void *arg)
{
	struct vcpu *v = arg;
	uint16_t other = v->domain == dom0 ? 1 : 0;

	for (unsigned i = 0; i < 3000; i++) {
		int64_t port = new_unbound(v, DOMID_SELF, other);

		assert_true(port > 0);
		for (uint32_t remote = 1; remote < 4; remote++) {
			int64_t bound = new_interdomain(v, other, remote);

			if (bound > 0) {
				(void)port_op(v, EVTCHNOP_send, (uint32_t)bound);
				(void)port_op(v, EVTCHNOP_close, (uint32_t)bound);
			}
		}
		(void)port_op(v, EVTCHNOP_close, (uint32_t)port);
	}
	return NULL;
}

static void closing_races(void **state)
{
	struct evtchn_reset reset = {.dom = DOMID_SELF};
	pthread_t thread[2];

	(void)state;
	assert_int_equal(pthread_create(&thread[0], NULL, closer, v0), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, closer, domu->vcpu[0]), 0);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	assert_int_equal(evtchn(v0, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
	assert_int_equal(evtchn(domu->vcpu[0], EVTCHNOP_reset, &reset, sizeof(reset)), 0);
	assert_int_equal(new_ipi(v0, 0), 1);
	assert_int_equal(new_ipi(domu->vcpu[0], 0), 1);
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
		cmocka_unit_test_setup(storms, setup),
		cmocka_unit_test_setup(moves_under_load, setup),
		cmocka_unit_test_setup(move_in_a_send, setup),
		cmocka_unit_test_setup(late_sends, setup),
		cmocka_unit_test_setup(close_in_a_send, setup),
		cmocka_unit_test_setup(untold_ports, setup),
		cmocka_unit_test_setup(closing_races, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
