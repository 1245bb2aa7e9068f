/* SPDX-License-Identifier: MIT */
/*
 * Event channels on several processors: storms, pages that move and ports that close in the middle
 * of a send.
 */
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
#include "event_ports.h"

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
	/* All of it may be over before another thread has run at all. */
	while (!__atomic_load_n(&storm.unmasks, __ATOMIC_SEQ_CST)) {
		sched_yield();
	}
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
		__atomic_fetch_add(&storm.unmasks, 1, __ATOMIC_SEQ_CST);
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
