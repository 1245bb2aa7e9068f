// SPDX-License-Identifier: MIT
/*
 * Timers: the local APIC's in its three modes (SDM 3A 11.5.4), and, with abi=xen, PV
 * timers, pvclock, runstates and the wall clock (Xen public headers vcpu.h, xen.h).
 * Nothing comes early, once is once, what is stopped stays away, the past comes at
 * once, the far future does not; the clock never steps back, on whatever processor
 * it is read (`smp`). How late a timer may be is the machine's business: the
 * worst is printed, and a second is a failure.
 */
#include "event.h"

#define VECTOR   0x41u
#define UPCALL   0x61u
#define SECOND   1000000ull
#define DIVIDE_1 0xbu

static volatile uint64_t fired, fired_at;
static uint64_t worst, apic_hz;

static void on_timer(struct frame *f)
{
	(void)f;
	fired_at = rdtsc();
	fired++;
	apic_eoi();
}

static void on_event(uint32_t port)
{
	(void)port;
	fired_at = rdtsc();
	fired++;
}

/* It fires once, not before `due`. */
static void expect_fire(const char *what, uint64_t due)
{
	if (!check(WAIT(fired, due > rdtsc() ? (due - rdtsc()) / tsc_per_us + SECOND : SECOND),
		   "%s: nothing", what)) {
		return;
	}
	check(fired_at >= due, "%s: %u ticks too early", what, due - fired_at);
	worst = fired_at - due > worst && due ? fired_at - due : worst;
	delay_us(3000);
	check(fired == 1, "%s: %u times", what, fired);
	fired = 0;
}

static void expect_none(const char *what)
{
	delay_us(5000);
	check(fired == 0, "%s: fired", what);
	fired = 0;
}

/*
 * Set a timer 20 ms ahead and stop it: it does not fire. A machine so busy that it
 * fires in between is asked again.
 */
#define STOPPED_US 20000u
#define CHECK_STOPPED(what, set, stop)                                                             \
	do {                                                                                       \
		uint64_t stopped_due;                                                              \
		do {                                                                               \
			fired = 0;                                                                 \
			stopped_due = after_us(STOPPED_US * 8 / 10);                               \
			set;                                                                       \
			stop;                                                                      \
		} while (rdtsc() >= stopped_due);                                                  \
		delay_us(STOPPED_US);                                                              \
		expect_none(what);                                                                 \
	} while (0)

/* ---- the local APIC's ---- */

static uint32_t current(void)
{
	return apic_read(APIC_TIMER_CURRENT);
}

/* The count, and when it was that: a reading that nothing came in between of, if there is one. */
static uint32_t sample(uint64_t *tsc)
{
	uint64_t best = ~0ull;
	uint32_t count = 0;

	for (unsigned i = 0; i < 50 && best > 50 * tsc_per_us; i++) {
		uint64_t begin = rdtsc();
		uint32_t c = current();
		uint64_t took = rdtsc() - begin;

		if (took < best) {
			best = took;
			count = c;
			*tsc = begin + took / 2;
		}
	}
	return count;
}

/* Counts in a second, over some milliseconds. */
static uint64_t measure(uint64_t us)
{
	uint64_t begin, end;
	uint32_t first, last;

	apic_write(APIC_TIMER_INITIAL, 0xffffffffu);
	first = sample(&begin);
	delay_us(us);
	last = sample(&end);
	apic_write(APIC_TIMER_INITIAL, 0);
	return (uint64_t)(first - last) * 1000000 * tsc_per_us / (end - begin);
}

static void calibrate(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_1);
	apic_hz = measure(50000);
	check(apic_hz > 1000000 && apic_hz < 4000000000ull, "APIC timer of %u Hz", apic_hz);
	say("guest: APIC timer of %u kHz\n", apic_hz / 1000);
	check(current() == 0, "a stopped timer counts");
}

/* The least time that so many counts take, in ticks: a little less, for the calibration's error. */
static uint64_t counts_to_ticks(uint64_t counts)
{
	return counts * 1000 / (apic_hz / 1000) * tsc_per_us * 9 / 10;
}

static void check_one_shot(void)
{
	for (uint64_t us = 50; us <= 20000; us *= 7) {
		uint64_t counts = apic_hz / 1000 * us / 1000;
		uint64_t due = rdtsc() + counts_to_ticks(counts);

		apic_write(APIC_LVT_TIMER, VECTOR);
		apic_write(APIC_TIMER_INITIAL, (uint32_t)counts);
		expect_fire("one-shot", due);
		check(current() == 0, "one-shot: %u left", U(current()));
	}
	/* Masked: it counts, and is gone when it is unmasked. */
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	apic_write(APIC_TIMER_INITIAL, (uint32_t)(apic_hz / 1000));
	check(WAIT(current() == 0, SECOND), "a masked timer does not count");
	apic_write(APIC_LVT_TIMER, VECTOR);
	expect_none("a masked one-shot");
	/* Stopped, and replaced. */
	CHECK_STOPPED("a stopped one-shot",
		      apic_write(APIC_TIMER_INITIAL, (uint32_t)(apic_hz / 1000000 * STOPPED_US)),
		      apic_write(APIC_TIMER_INITIAL, 0));
	apic_write(APIC_TIMER_INITIAL, 0xffffffffu);
	apic_write(APIC_TIMER_INITIAL, (uint32_t)(apic_hz / 1000));
	expect_fire("a one-shot replaced", 0);
	apic_write(APIC_TIMER_INITIAL, 0xffffffffu);
	expect_none("a one-shot of 2^32 - 1");
	apic_write(APIC_TIMER_INITIAL, 0);
}

static void check_divide(void)
{
	static const uint8_t codes[] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa};

	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	for (unsigned i = 0; i < COUNT(codes); i++) {
		uint64_t expected = apic_hz >> i, hz = 0;
		bool near = false;

		for (unsigned n = 0; n < 10 && !near; n++) {
			apic_write(APIC_TIMER_DIVIDE, codes[i]);
			hz = measure(10000);
			near = hz > expected - expected / 10 && hz < expected + expected / 10;
		}
		check(near, "divided by %u: %u Hz, not %u", 1ull << i, hz, expected);
	}
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_1);
}

static void check_periodic(void)
{
	uint64_t begin = rdtsc(), elapsed, most;

	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(APIC_TIMER_INITIAL, (uint32_t)(apic_hz / 500));
	check(WAIT(fired >= 20, 10 * SECOND), "periodic: %u times", fired);
	elapsed = (rdtsc() - begin) / tsc_per_us;
	most = elapsed / 1800 + 2;
	check(fired <= most, "periodic: %u times in %u us", fired, elapsed);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | LVT_PERIODIC | VECTOR);
	fired = 0;
	expect_none("a masked periodic timer");
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	check(WAIT(fired, SECOND), "a periodic timer unmasked");
	apic_write(APIC_TIMER_INITIAL, 0);
	fired = 0;
	expect_none("a stopped periodic timer");
	/* As fast as it goes: the guest goes on beside it. */
	apic_write(APIC_TIMER_INITIAL, 1);
	delay_us(20000);
	check(fired > 0, "a period of one count");
	apic_write(APIC_TIMER_INITIAL, 0);
	delay_us(100);
	fired = 0;
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
}

static void change_mode(void)
{
	apic_write(APIC_LVT_TIMER, VECTOR);
	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
}

static void check_deadline(void)
{
	uint64_t due;

	if (!(cpuid(1, 0).ecx >> 24 & 1)) {
		skip("TSC deadline: not offered");
		return;
	}
	wrmsr(MSR_DEADLINE, rdtsc() + 1000);
	check(rdmsr(MSR_DEADLINE) == 0, "a deadline in one-shot mode");
	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	apic_write(APIC_TIMER_INITIAL, 1000);
	expect_none("an initial count in deadline mode");
	for (uint64_t us = 10; us <= 20000; us *= 8) {
		due = after_us(us);
		wrmsr(MSR_DEADLINE, due);
		expect_fire("deadline", due);
		check(rdmsr(MSR_DEADLINE) == 0, "a deadline that is over");
	}
	wrmsr(MSR_DEADLINE, 1);
	expect_fire("a deadline in the past", 0);
	wrmsr(MSR_DEADLINE, rdtsc());
	expect_fire("a deadline now", 0);
	wrmsr(MSR_DEADLINE, ~0ull);
	check(rdmsr(MSR_DEADLINE) == ~0ull, "a deadline of -1 reads %x", rdmsr(MSR_DEADLINE));
	expect_none("a deadline of -1");
	wrmsr(MSR_DEADLINE, 1ull << 63);
	expect_none("a deadline of 2^63");
	CHECK_STOPPED("a deadline that was taken back", wrmsr(MSR_DEADLINE, after_us(STOPPED_US)),
		      wrmsr(MSR_DEADLINE, 0));
	CHECK_STOPPED("a deadline over a change of mode",
		      wrmsr(MSR_DEADLINE, after_us(STOPPED_US)), change_mode());
	check(rdmsr(MSR_DEADLINE) == 0, "a deadline over a change of mode");
	/* The TSC jumps over it, and back. */
	due = rdtsc() + 100 * SECOND * tsc_per_us;
	wrmsr(MSR_DEADLINE, due);
	wrmsr(MSR_TSC, due + 1000);
	expect_fire("a TSC that jumps over the deadline", 0);
	wrmsr(MSR_TSC, rdtsc() - 100 * SECOND * tsc_per_us);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
}

static void check_halt(void)
{
	for (unsigned i = 0; i < 50; i++) {
		irq_disable();
		apic_write(APIC_LVT_TIMER, VECTOR);
		apic_write(APIC_TIMER_INITIAL, (uint32_t)(apic_hz / 1000000 * i * 10 + 1));
		__asm__ volatile("sti; hlt" : : : "memory");
		check(fired == 1, "HLT: %u", fired);
		fired = 0;
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
}

/* ---- pvclock ---- */

static uint64_t system_time(void)
{
	const volatile struct vcpu_time_info *t = &vcpu_infos[this_cpu()->index]->time;
	uint32_t version;
	uint64_t ns;

	do {
		uint64_t delta;

		version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
		delta = rdtsc() - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
		ns = t->system_time + (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((version & 1) || version != t->version);
	return ns;
}

static volatile uint64_t latest, backward, readings;

/* The largest time anybody read; what is read after that must not be smaller. */
static void read_clock(void *arg)
{
	uint64_t end = after_us(*(uint64_t *)arg), n = 0;

	while (rdtsc() < end) {
		uint64_t before = __atomic_load_n(&latest, __ATOMIC_SEQ_CST);
		uint64_t now = system_time();

		if (now < before) {
			__atomic_fetch_add(&backward, 1, __ATOMIC_SEQ_CST);
		}
		while (now > before && !__atomic_compare_exchange_n(&latest, &before, now, false,
								    __ATOMIC_SEQ_CST,
								    __ATOMIC_SEQ_CST)) {
		}
		if (++n % 64 == 0) {
			(void)cpuid(0, 0);
		}
	}
	__atomic_fetch_add(&readings, n, __ATOMIC_SEQ_CST);
}

static void check_clock(void)
{
	uint64_t us = SECOND / 2, ns = 0, wanted = 0;
	unsigned count = 1;
	bool near = false;

	/* Something may come between two readings: the best of some. */
	for (unsigned i = 0; i < 10 && !near; i++) {
		uint64_t tsc = rdtsc();

		ns = system_time();
		delay_us(100000);
		wanted = (rdtsc() - tsc) * 1000 / tsc_per_us;
		ns = system_time() - ns;
		near = ns > wanted - wanted / 20 && ns < wanted + wanted / 20;
	}
	check(near, "%u ns by pvclock, %u by the TSC", ns, wanted);
	if (option("smp")) {
		count = smp_start();
		check(count > 1 && count == cpu_count, "%u of %u processors run", U(count),
		      U(cpu_count));
	}
	for (unsigned i = 1; i < count; i++) {
		smp_run(i, read_clock, &us);
	}
	read_clock(&us);
	for (unsigned i = 1; i < count; i++) {
		check(smp_wait(i, 10 * SECOND), "processor %u does not come back", U(i));
	}
	check(!backward, "the clock stepped back %u times in %u readings of %u processors",
	      backward, readings, U(count));
	check(shared.wc_sec > 1700000000u && !(shared.wc_version & 1), "wall clock: %u",
	      U(shared.wc_sec));
}

static void check_runstate(void)
{
	struct vcpu_runstate_info r;
	uint64_t before = system_time(), sum = 0;

	check(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, &r) == 0, "runstate");
	for (unsigned i = 0; i < 4; i++) {
		sum += r.time[i];
	}
	check(r.state == RUNSTATE_running, "runstate %u", U(r.state));
	check(sum <= system_time() && sum + SECOND * 1000 / 10 > before,
	      "runstates of %u ns at %u ns", sum, before);
	check(r.time[RUNSTATE_blocked] > 0, "no time in HLT");
}

/* ---- PV timers ---- */

static int64_t singleshot(uint64_t ns, uint32_t flags)
{
	struct vcpu_set_singleshot_timer x = {.timeout_abs_ns = ns, .flags = flags};

	return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &x);
}

static int64_t periodic(uint64_t ns)
{
	struct vcpu_set_periodic_timer x = {.period_ns = ns};

	return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, &x);
}

static void check_singleshot(void)
{
	for (uint64_t us = 20; us <= 20000; us *= 8) {
		uint64_t tsc = rdtsc(), ns = system_time() + us * 1000;

		check(singleshot(ns, 0) == 0, "set_singleshot_timer");
		/* By the TSC as it was calibrated: not before nine tenths. */
		expect_fire("PV single-shot", tsc + us * tsc_per_us * 9 / 10);
		check(system_time() >= ns, "PV single-shot by its own clock");
	}
	check(singleshot(1, 0) == 0, "set_singleshot_timer in the past");
	expect_fire("PV single-shot in the past", 0);
	check(singleshot(1, VCPU_SSHOTTMR_future) == -XEN_ETIME, "in the past, future wanted");
	expect_none("PV single-shot refused");
	check(singleshot(1ull << 62, 0) == 0, "set_singleshot_timer far ahead");
	expect_none("PV single-shot far ahead");
	CHECK_STOPPED("PV single-shot stopped", singleshot(system_time() + STOPPED_US * 1000, 0),
		      hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0, NULL));
	check(hypercall5(__HYPERVISOR_set_timer_op, system_time() + 1000000, 0, 0, 0, 0) == 0,
	      "set_timer_op");
	expect_fire("set_timer_op", 0);
	CHECK_STOPPED("set_timer_op of 0",
		      hypercall5(__HYPERVISOR_set_timer_op, system_time() + STOPPED_US * 1000, 0, 0, 0,
				 0),
		      hypercall5(__HYPERVISOR_set_timer_op, 0, 0, 0, 0, 0));
}

static void check_pv_periodic(void)
{
	uint64_t begin = system_time(), elapsed;

	check(periodic(999999) == -XEN_EINVAL, "a period below a millisecond");
	check(periodic(~0ull) == -XEN_EINVAL, "a period of -1");
	check(periodic(2000000) == 0, "set_periodic_timer");
	check(WAIT(fired >= 20, 10 * SECOND), "PV periodic: %u times", fired);
	elapsed = system_time() - begin;
	check(fired <= elapsed / 2000000 + 1, "PV periodic: %u times in %u ns", fired, elapsed);
	check(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, NULL) == 0, "stop");
	fired = 0;
	expect_none("PV periodic stopped");
}

static void check_xen(void)
{
	int64_t port;

	trap_handlers[UPCALL] = event_upcall;
	event_init();
	check(event_upcall_vector(0, UPCALL) == 0, "upcall vector");
	port = event_bind_virq(VIRQ_TIMER, 0);
	check(port > 0, "VIRQ_TIMER: %x", U(port));
	event_hook = on_event;
	check(event_unmask((uint32_t)port) == 0, "unmask");
	fired = 0;
	check_singleshot();
	check_pv_periodic();
	check_runstate();
	check_clock();
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "timers");
	trap_handlers[VECTOR] = on_timer;
	apic_enable();
	irq_enable();
	calibrate();
	check_one_shot();
	check_divide();
	check_periodic();
	check_deadline();
	check_halt();
	if (has_xen()) {
		check_xen();
	} else {
		skip("PV timers and pvclock: no Xen ABI");
	}
	say("guest: the latest timer was late by %u us\n", worst / tsc_per_us);
	irq_disable();
	guest_end();
}
