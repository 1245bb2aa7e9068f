// SPDX-License-Identifier: MIT
/*
 * Time: the TSC, calibrated by CPUID where it says the rate (leaf 15h,
 * SDM 3B 18.7.3; leaf 40000010h of a hypervisor below) or by the ACPI PM
 * timer (ACPI 6.5 4.8.3.3), and the local APIC timer, which is calibrated by
 * the TSC (SDM 3A 11.5.4), or is armed in TSC ticks where there is
 * TSC-deadline mode.
 *
 * Not supported: PIT and HPET, which machines of today may not have; TSCs that
 * differ between processors.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/log.h>
#include "cpu.h"
#include "lapic.h"
#include "x86.h"

#define PM_HZ         3579545u
#define PM_WINDOW     71591u /* 20 ms in ticks of the PM timer */
#define PM_READS_MAX  20000000u
#define GUESS_HZ      2000000000ull
#define HZ_MIN        100000000ull /* what a rate must have to be believed */
#define HZ_MAX        20000000000ull
#define LAPIC_WINDOW  10000 /* us */
#define DIVIDE_BY_8   2
#define MODE_DEADLINE (2u << 17)

static uint64_t tsc_hz;
static bool deadline_mode;
static uint64_t lapic_mult; /* local APIC ticks per TSC tick, times 2^32 */

uint64_t arch_time(void)
{
	return rdtsc();
}

uint64_t arch_time_hz(void)
{
	return tsc_hz;
}

bool arch_time_stable(void)
{
	return cpu_features.tsc_invariant;
}

uint64_t ticks_from_us(uint64_t us)
{
	return (tsc_hz ? tsc_hz : GUESS_HZ) / 1000000 * us;
}

void delay_us(uint64_t us)
{
	uint64_t end = rdtsc() + ticks_from_us(us);

	while (rdtsc() < end) {
		cpu_pause();
	}
}

/* (a * b) >> 32 without losing the high half. */
static uint64_t mul_shift32(uint64_t a, uint64_t b)
{
	return (uint64_t)((unsigned __int128)a * b >> 32);
}

static bool believable(uint64_t hz)
{
	return hz >= HZ_MIN && hz <= HZ_MAX;
}

/* The rate CPUID tells, or 0. */
static uint64_t cpuid_hz(void)
{
	uint64_t hz = 0;

	if (cpu_features.hypervisor && cpuid(0x40000000, 0).eax >= 0x40000010) {
		hz = cpuid(0x40000010, 0).eax * 1000ull;
	} else if (cpuid(0, 0).eax >= 0x15) {
		struct cpuid r = cpuid(0x15, 0);

		hz = r.eax && r.ecx ? (uint64_t)r.ecx * r.ebx / r.eax : 0;
	}
	return believable(hz) ? hz : 0;
}

/* One measurement over the PM timer, or 0 when it does not move. */
static uint64_t pm_measure(uint16_t port, uint32_t mask)
{
	uint32_t start = inl(port) & mask;
	uint32_t now = start;
	uint64_t from, to;
	unsigned i;

	/* Begin at an edge. */
	for (i = 0; i < PM_READS_MAX && now == start; i++) {
		now = inl(port) & mask;
	}
	from = rdtsc();
	start = now;
	for (; i < PM_READS_MAX && ((now - start) & mask) < PM_WINDOW; i++) {
		now = inl(port) & mask;
	}
	to = rdtsc();
	if (i == PM_READS_MAX) {
		return 0;
	}
	return (to - from) * PM_HZ / ((now - start) & mask);
}

/* The middle one of three: a measurement that was disturbed is an outlier. */
static uint64_t pm_hz(uint16_t port, uint32_t mask)
{
	uint64_t v[3];
	uint64_t low, high;

	for (unsigned i = 0; i < 3; i++) {
		v[i] = pm_measure(port, mask);
	}
	low = MIN(v[0], v[1]);
	high = MAX(v[0], v[1]);
	low = MAX(low, MIN(v[2], high));
	return believable(low) ? low : 0;
}

/* Local APIC ticks of a measured time, as a multiplier. */
static void lapic_calibrate(void)
{
	uint64_t from, ticks;
	uint32_t count;

	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_8);
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
	from = rdtsc();
	delay_us(LAPIC_WINDOW);
	count = UINT32_MAX - lapic_read(LAPIC_TIMER_CURRENT);
	ticks = rdtsc() - from;
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_mult = ticks ? ((uint64_t)count << 32) / ticks : 0;
	if (!lapic_mult) {
		log_error("the local APIC timer does not count");
		lapic_mult = 1;
	}
}

void timer_hw_init_cpu(void)
{
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_8);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | (deadline_mode ? MODE_DEADLINE : 0));
	/* The mode is in force before the deadline MSR is written (SDM 3A 11.5.4.1). */
	__asm__ volatile("mfence" : : : "memory");
}

int timer_hw_init(uint16_t pm_port, bool pm_32bit)
{
	uint64_t hz = cpuid_hz();
	const char *source = "CPUID";
	int rc = 0;

	if (!hz && pm_port) {
		hz = pm_hz(pm_port, pm_32bit ? UINT32_MAX : 0xffffff);
		source = "PM timer";
	}
	if (!hz) {
		hz = GUESS_HZ;
		source = "a guess: no PM timer that moves";
		rc = -ENODEV;
	}
	tsc_hz = hz;
	deadline_mode = cpu_features.tsc_deadline;
	if (!deadline_mode) {
		lapic_calibrate();
	}
	timer_hw_init_cpu();
	log_info("time: TSC %llu kHz (%s), timer %s", (unsigned long long)(hz / 1000), source,
		 deadline_mode ? "TSC deadline" : "local APIC");
	if (!deadline_mode) {
		log_info("time: local APIC timer %llu kHz",
			 (unsigned long long)(mul_shift32(hz, lapic_mult) / 1000));
	}
	return rc;
}

void arch_timer_arm(uint64_t deadline)
{
	uint64_t now, count;

	if (deadline_mode) {
		/* 0 disarms; a deadline in the past fires at once. */
		wrmsr(MSR_TSC_DEADLINE, deadline == UINT64_MAX ? 0 : MAX(deadline, 1));
		return;
	}
	if (deadline == UINT64_MAX) {
		lapic_write(LAPIC_TIMER_INITIAL, 0);
		return;
	}
	now = rdtsc();
	count = deadline > now ? mul_shift32(deadline - now, lapic_mult) + 1 : 1;
	/* A deadline beyond the counter's reach is armed again when it has run out. */
	lapic_write(LAPIC_TIMER_INITIAL, (uint32_t)MIN(count, (uint64_t)UINT32_MAX));
}
