// SPDX-License-Identifier: MIT
/*
 * One processor restores its floating point state again and again, while another makes exits
 * again and again: neither is of the other's business (APMv2 11.4.4, 15.17).
 *
 * In QEMU's emulation it is: FXRSTOR on any processor writes a word of the first one's that also
 * holds whether that is in a guest (scripts/qemu_fix.py).
 */
#include "apic.h"

#define TIME     3000000ull  /* microseconds */
#define PATIENCE 10000000ull /* of a busy machine; microseconds */

static uint8_t state[512] __attribute__((aligned(16)));
static volatile uint64_t restored;
static volatile bool over;

static void restore(void *arg)
{
	(void)arg;
	__asm__ volatile("fxsave %0" : "=m"(state));
	while (!over) {
		__asm__ volatile("fxrstor %0" : : "m"(state));
		restored++;
	}
}

static void check_restore(void)
{
	uint64_t exits = 0, end = after_us(TIME);

	smp_run(1, restore, NULL);
	while (rdtsc() < end) {
		(void)cpuid(0, 0);
		exits++;
	}
	over = true;
	check(smp_wait(1, PATIENCE), "the other processor is done");
	check(exits && restored, "%u exits beside %u restores", exits, restored);
	say("guest: fpu-restore: %u exits, %u restores\n", exits, restored);
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "fpu-restore");
	apic_enable();
	check(smp_start() > 1, "two processors");
	if (cpu_count > 1) {
		check_restore();
	}
	guest_end();
}
