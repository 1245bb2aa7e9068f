// SPDX-License-Identifier: MIT
/*
 * Soft resets (abi=xen; Xen public headers sched.h) while the other processors are
 * in hypercalls, asleep in one, halted or never started: what they bound is gone when
 * the call returns, nothing is bound afterwards, and they can be started again. Then
 * all processors at once ask for one, and exactly one of them goes on.
 */
#define __XEN_TOOLS__
#include "event.h"
#include <xen/sysctl.h>

#define ROUNDS 24u
/* Ports looked at; new ones are the lowest that are free. */
#define PORTS  64u
#define SECOND 1000000ull

static volatile uint32_t arrived, resets;

static int64_t soft_reset(void)
{
	struct sched_shutdown x = {.reason = SHUTDOWN_soft_reset};

	return hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &x);
}

/* ---- what the others do until they are stopped ---- */

/* Binds ports as fast as it can; all of them goes on after each 256. */
static void binder(void *arg)
{
	(void)arg;
	for (;;) {
		if (event_bind_ipi(this_cpu()->index) < 0) {
			(void)event_reset();
		}
	}
}

/* Sleeps for ever; wakes up for a moment, and sleeps again. */
static void poller(void *arg)
{
	(void)arg;
	for (;;) {
		(void)event_poll(1, 0);
	}
}

static void halter(void *arg)
{
	(void)arg;
	for (;;) {
		__asm__ volatile("cli; hlt" : : : "memory");
	}
}

/* Long reports: events, memory map. */
static void reporter(void *arg)
{
	static const char keys[] = "em";
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_debug_keys, .interface_version = 0x15};

	(void)arg;
	x.u.debug_keys.keys.p = (void *)(uint64_t)keys;
	x.u.debug_keys.nr_keys = 2;
	for (;;) {
		(void)hypercall2(__HYPERVISOR_sysctl, (uint64_t)&x, NULL);
	}
}

/* ---- checks ---- */

static unsigned open_ports(void)
{
	unsigned count = 0;

	for (uint32_t port = 1; port < PORTS; port++) {
		struct evtchn_status x = {.dom = DOMID_SELF, .port = port};

		if (hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &x) == 0) {
			count += x.status != EVTCHNSTAT_closed;
		}
	}
	return count;
}

static void check_quiet(unsigned round)
{
	check(open_ports() == 0, "round %u: ports after the reset", U(round));
	delay_us(1000);
	check(open_ports() == 0, "round %u: ports bound after the reset", U(round));
}

static void check_round(unsigned round)
{
	static void (*const work[])(void *) = {binder, poller, binder, halter, binder, reporter};

	for (unsigned i = 1; i < cpu_count; i++) {
		/* The last one is not started in the first round. */
		if ((round || i + 1 < cpu_count) &&
		    check(smp_restart(i), "round %u: processor %u does not start", U(round),
			  U(i))) {
			smp_run(i, work[(i - 1 + round) % COUNT(work)], NULL);
		}
	}
	(void)event_bind_ipi(0);
	delay_us(round * 97 % 1500);
	check(soft_reset() == 0, "round %u: soft reset", U(round));
	check_quiet(round);
}

/* Whoever comes back from it has stopped the others, and has the verdict. */
static void racer(void *arg)
{
	(void)arg;
	(void)__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	/* The others are still being started, one after another. */
	(void)WAIT(arrived == cpu_count, 30 * SECOND);
	(void)event_bind_ipi(this_cpu()->index);
	check(soft_reset() == 0, "soft reset at the same time");
	check(__atomic_add_fetch(&resets, 1, __ATOMIC_SEQ_CST) == 1, "a second one comes back");
	check(arrived == cpu_count, "%u of %u processors", U(arrived), U(cpu_count));
	check_quiet(ROUNDS);
	delay_us(100000);
	check(resets == 1, "%u come back", U(resets));
	say("guest: processor %u was the one\n", U(this_cpu()->index));
	guest_end();
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "soft-reset");
	if (!has_xen()) {
		guest_fail("no Xen ABI: abi=xen is needed");
	}
	apic_enable();
	if (smp_find() < 2) {
		guest_fail("one processor: smp is needed");
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		check_round(round);
	}
	for (unsigned i = 1; i < cpu_count; i++) {
		check(smp_restart(i), "processor %u does not start", U(i));
		smp_run(i, racer, NULL);
	}
	racer(NULL);
}
