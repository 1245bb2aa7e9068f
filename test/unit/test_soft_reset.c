/* SPDX-License-Identifier: MIT */
/*
 * A soft reset and the domain's other vCPUs: it waits until each has stopped,
 * wherever it is; of several at the same time one is carried out; nobody starts or
 * stops a vCPU meanwhile. Here the test is what processors do for their vCPUs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <xen/hvm/hvm_vcpu.h>

#include "event_fixture.h"

#define VCPUS 4u

static struct vcpu *v0, *v1, *v2, *v3;

/* All four run. */
static int setup(void **state)
{
	if (fixture_events(state)) {
		return -1;
	}
	v0 = dom0->vcpu[0];
	v1 = dom0->vcpu[1];
	v2 = dom0->vcpu[2];
	v3 = dom0->vcpu[3];
	for (unsigned i = 0; i < VCPUS; i++) {
		dom0->vcpu[i]->life.state = 0;
	}
	return 0;
}

/* One execution of SCHEDOP_shutdown; true: it is to be executed again. */
static bool ask_reset(struct vcpu *v)
{
	const struct sched_shutdown a = {.reason = SHUTDOWN_soft_reset};
	uint64_t at = LIST + v->id * PAGE_SIZE;
	struct hypercall h = {.v = v, .arg = {SCHEDOP_shutdown, at}};

	memcpy(ram(v->domain) + at, &a, sizeof(a));
	assert_int_equal(hypercall_sched_op(&h), 0);
	return h.again;
}

/* A piece of the reset; true: there are more. */
static bool piece(struct vcpu *v)
{
	assert_non_null(v->deferred);
	if (v->deferred(v) == 0) {
		v->deferred = NULL;
	}
	return v->deferred != NULL;
}

static void attend_others(struct vcpu *v)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		if (dom0->vcpu[i] != v) {
			assert_false(vcpu_attend(dom0->vcpu[i]));
		}
	}
}

static unsigned open_ports(void)
{
	unsigned count = 0;

	for (uint32_t port = 1; port < 64; port++) {
		struct evtchn_status s = {.dom = DOMID_SELF, .port = port};
		struct hypercall h = {.v = v0, .arg = {EVTCHNOP_status, ARG}};

		memcpy(ram0 + ARG, &s, sizeof(s));
		assert_int_equal(hypercall_event_channel_op(&h), 0);
		memcpy(&s, ram0 + ARG, sizeof(s));
		count += s.status != EVTCHNSTAT_closed;
	}
	return count;
}

static void finished(struct vcpu *v)
{
	assert_null(v->deferred);
	assert_int_equal(open_ports(), 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		assert_int_equal(vcpu_is_up(dom0->vcpu[i]), dom0->vcpu[i] == v);
		assert_int_equal(dom0->vcpu[i]->life.state, dom0->vcpu[i] == v ? 0 : VCPU_WAITS);
	}
}

/* What another vCPU, in a hypercall all the time, binds and registers is gone. */
static void waits_for_hypercalls(void **state)
{
	struct vcpu_register_vcpu_info info = {.mfn = INFOS >> PAGE_SHIFT, .offset = 64};

	(void)state;
	assert_false(ask_reset(v0));
	assert_true(piece(v0));
	assert_false(vcpu_attend(v2));
	assert_false(vcpu_attend(v3));
	assert_true(piece(v0));
	assert_int_equal(new_ipi(v1, 1), 1);
	assert_int_equal(vcpu_op(v1, VCPUOP_register_vcpu_info, 1, &info, sizeof(info)), 0);
	assert_int_equal(event_move_shared_info(dom0, gpa(SHARED)), 0);
	assert_true(piece(v0));
	assert_int_equal(open_ports(), 1);
	assert_false(vcpu_attend(v1));
	assert_false(piece(v0));
	finished(v0);
	assert_false(event_uses(dom0, gpa(INFOS), PAGE_SIZE));
	assert_false(event_uses(dom0, gpa(SHARED), PAGE_SIZE));
	for (unsigned i = 1; i < VCPUS; i++) {
		assert_int_equal(host_vcpu_state(dom0->vcpu[i])->resets, 1);
	}
	assert_int_equal(host_vcpu_state(v0)->resets, 0);
}

/* In SCHEDOP_poll, printing keys, not started yet, down; in a call that is to be executed again. */
static void wherever_they_are(void **state)
{
	struct sched_poll poll = {.nr_ports = 0};
	struct evtchn_reset all = {.dom = DOMID_SELF};
	struct hypercall h = {.v = v2, .arg = {EVTCHNOP_reset, ARG}};

	(void)state;
	memcpy(ram0 + ARG, &poll, sizeof(poll));
	assert_int_equal(hcall(v1, hypercall_sched_op, SCHEDOP_poll, ARG, 0), 0);
	assert_non_null(v1->wait);
	for (unsigned i = 0; i < 300; i++) {
		assert_true(new_ipi(v2, 2) > 0);
	}
	memcpy(ram0 + ARG, &all, sizeof(all));
	assert_int_equal(hypercall_event_channel_op(&h), 0);
	assert_true(h.again);
	v3->life.state = VCPU_WAITS;
	assert_false(ask_reset(v0));
	assert_true(piece(v0));
	assert_true(host_kick_count(v1) && host_kick_count(v2));
	/* The processor of one that was never started need not do anything. */
	assert_false(vcpu_attend(v1));
	assert_false(vcpu_attend(v2));
	assert_null(v1->wait);
	assert_false(v1->event.polls);
	assert_false(piece(v0));
	finished(v0);

	/* Down: by itself, or while it waits. */
	vcpu_send_startup(v1, 1);
	assert_true(vcpu_attend(v1));
	assert_int_equal(vcpu_down(v1), 0);
	assert_int_equal(vcpu_down(v2), 0);
	assert_false(ask_reset(v0));
	assert_true(piece(v0));
	assert_false(vcpu_attend(v1));
	assert_false(piece(v0));
	finished(v0);
	vcpu_send_startup(v2, 1);
	assert_true(vcpu_attend(v2));
}

/* The second one is stopped, and does not stop the first. */
static void two_at_once(void **state)
{
	(void)state;
	assert_false(ask_reset(v1));
	assert_true(ask_reset(v0));
	assert_true(ask_reset(v0));
	assert_null(v0->deferred);
	assert_false(vcpu_attend(v0));
	attend_others(v1);
	assert_true(vcpu_attend(v1));
	assert_false(piece(v1));
	finished(v1);

	/* The first has begun, and has not come to stop this one yet. */
	v0->life.state = 0;
	dom0->vcpus_held = true;
	assert_true(ask_reset(v0));
	assert_int_equal(v0->life.state, 0);
	assert_null(v0->deferred);
	vcpu_release_all(dom0);

	/* One that is to stop anyway does not begin. */
	v0->life.state = VCPU_WAITS;
	vcpu_send_startup(v0, 1);
	assert_true(vcpu_attend(v0));
	vcpu_send_init(v0);
	assert_true(ask_reset(v0));
	assert_false(ask_reset(v1));
	attend_others(v1);
	assert_false(piece(v1));
	finished(v1);
	vcpu_send_startup(v0, 1);
	assert_true(vcpu_attend(v0));
	assert_int_equal(vcpu_down(v1), 0);
	assert_true(ask_reset(v1));
	assert_false(vcpu_attend(v1));
	assert_false(ask_reset(v0));
	attend_others(v0);
	assert_false(piece(v0));
	finished(v0);
}

/* What those on their way out, or one of them in an interrupt, ask for has no effect. */
static void nobody_starts_or_stops(void **state)
{
	struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_64B};

	(void)state;
	c.cpu_regs.x86_64.cr0 = 0x80050033;
	c.cpu_regs.x86_64.cr4 = 0x20;
	c.cpu_regs.x86_64.efer = 0xd01;
	assert_false(ask_reset(v0));
	assert_false(vcpu_attend(v1));
	vcpu_send_startup(v1, 1);
	assert_int_equal(vcpu_initialise(v1, &c), -EEXIST);
	assert_int_equal(vcpu_up(v1), -EINVAL);
	assert_false(vcpu_attend(v1));
	vcpu_send_init(v0);
	assert_int_equal(vcpu_down(v0), -EBUSY);
	assert_int_equal(vcpu_down(v3), -EBUSY);
	assert_true(vcpu_attend(v0));
	assert_true(piece(v0));
	attend_others(v0);
	assert_false(piece(v0));
	finished(v0);
	assert_int_equal(vcpu_initialise(v1, &c), 0);
	assert_int_equal(vcpu_up(v1), 0);
	assert_true(vcpu_attend(v1));
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
}

/* One that ends the domain before it is stopped has ended it; the run loop looks at that first. */
static void domain_ends_meanwhile(void **state)
{
	const struct sched_shutdown a = {.reason = SHUTDOWN_poweroff};

	(void)state;
	assert_false(ask_reset(v0));
	memcpy(ram0 + ARG, &a, sizeof(a));
	assert_int_equal(hcall(v1, hypercall_sched_op, SCHEDOP_shutdown, ARG, 0), 0);
	assert_int_equal(dom0->end, DOMAIN_POWEROFF);
	assert_true(piece(v0));
}

/* The other domain's vCPUs are not concerned. */
static void domains_apart(void **state)
{
	(void)state;
	domu->vcpu[1]->life.state = 0;
	assert_false(ask_reset(v0));
	assert_false(ask_reset(domu->vcpu[0]));
	assert_true(vcpu_attend(domu->vcpu[0]));
	attend_others(v0);
	assert_false(piece(v0));
	finished(v0);
	assert_true(piece(domu->vcpu[0]));
	assert_false(vcpu_attend(domu->vcpu[1]));
	assert_false(piece(domu->vcpu[0]));
	assert_true(vcpu_is_up(domu->vcpu[0]));
}

/* ---- all at once ---- */

static unsigned resets;
static bool over;

/* Bind a port by an argument of one's own; the reset has them all. */
static void busy(struct vcpu *v)
{
	struct evtchn_bind_ipi a = {.vcpu = v->id};
	uint64_t at = LIST + (8 + v->id) * PAGE_SIZE;

	memcpy(ram0 + at, &a, sizeof(a));
	(void)hcall(v, hypercall_event_channel_op, EVTCHNOP_bind_ipi, at, 0);
}

/* A processor: what run.c does, and a vCPU that binds ports and then wants a reset. */
static void *processor(void *arg)
{
	struct vcpu *v = arg;
	unsigned bound = 0;

	host_cpu_set(v->cpu);
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		if (vcpu_needs_attention(&v->life) && !vcpu_attend(v)) {
			sched_yield();
		} else if (v->deferred) {
			if (!piece(v)) {
				__atomic_fetch_add(&resets, 1, __ATOMIC_SEQ_CST);
				return NULL;
			}
			sched_yield();
		} else if (v->id >= 2 || bound < 20) {
			busy(v);
			bound++;
		} else {
			(void)ask_reset(v);
		}
	}
	return NULL;
}

static void all_at_once(void **state)
{
	pthread_t thread[VCPUS];

	for (unsigned round = 0; round < 300; round++) {
		assert_int_equal(setup(state), 0);
		resets = 0;
		over = false;
		for (unsigned i = 0; i < VCPUS; i++) {
			assert_int_equal(
				pthread_create(&thread[i], NULL, processor, dom0->vcpu[i]), 0);
		}
		while (__atomic_load_n(&resets, __ATOMIC_SEQ_CST) == 0) {
			sched_yield();
		}
		/* The others could go on for a while if they were not stopped. */
		for (unsigned i = 0; i < 10; i++) {
			sched_yield();
		}
		assert_int_equal(open_ports(), 0);
		__atomic_store_n(&over, true, __ATOMIC_RELEASE);
		for (unsigned i = 0; i < VCPUS; i++) {
			pthread_join(thread[i], NULL);
		}
		assert_int_equal(resets, 1);
		finished(vcpu_is_up(v0) ? v0 : v1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(waits_for_hypercalls, setup),
		cmocka_unit_test_setup(wherever_they_are, setup),
		cmocka_unit_test_setup(two_at_once, setup),
		cmocka_unit_test_setup(nobody_starts_or_stops, setup),
		cmocka_unit_test_setup(domain_ends_meanwhile, setup),
		cmocka_unit_test_setup(domains_apart, setup),
		cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
