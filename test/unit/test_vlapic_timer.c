/* SPDX-License-Identifier: MIT */
/* The timer of the virtual local APIC: one-shot, periodic, TSC deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "irq_fixture.h"

#define MSR_DEADLINE 0x6e0
#define LVT_MASKED   0x10000u

/* Ticks of one APIC bus clock at HOST_TIME_HZ: 2.5 GHz / 16 is the first below 250 MHz. */
#define BUS 16

static bool msr_write(struct vlapic *l, uint32_t msr, uint64_t value)
{
	return vlapic_msr_write(l, msr, value);
}

static uint64_t msr_read(struct vlapic *l, uint32_t msr)
{
	uint64_t value = 0;

	assert_true(vlapic_msr_read(l, msr, &value));
	return value;
}

/* Errors logged since the last look. */
static uint32_t errors(struct vlapic *l)
{
	apic_write(l, 0x280, 0);
	return apic_read(l, 0x280);
}

static void test_timer_one_shot(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	apic_write(l, 0x3e0, 0xb); /* divide by 1 */
	apic_write(l, 0x320, 0x30);
	apic_write(l, 0x380, 1000);
	assert_int_equal(apic_read(l, 0x390), 1000);
	host_time_advance(400 * BUS);
	assert_int_equal(apic_read(l, 0x390), 600);
	assert_int_equal(take(l), -1);
	host_time_advance(600 * BUS);
	assert_int_equal(apic_read(l, 0x390), 0);
	assert_int_equal(take(l), 0x30);
	eoi(l);
	assert_int_equal(host_time_advance(1000000), 0);
	assert_int_equal(take(l), -1);
	/* 0 stops. */
	apic_write(l, 0x380, 1000);
	apic_write(l, 0x380, 0);
	assert_int_equal(host_time_advance(1000000), 0);
	assert_int_equal(apic_read(l, 0x390), 0);
}

/* Whoever reads the count before our own timer came, finds the end: one interrupt, and no timer is left. */
static void test_timer_read_late(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	apic_write(l, 0x3e0, 0xb);
	apic_write(l, 0x320, 0x30);
	apic_write(l, 0x380, 1000);
	host_time_set(arch_time() + 2000 * BUS);
	assert_int_equal(apic_read(l, 0x390), 0);
	assert_int_equal(take(l), 0x30);
	eoi(l);
	assert_false(l->timer.queued);
	assert_int_equal(take(l), -1);
}

static void test_timer_divide(void **state)
{
	static const struct {
		uint8_t code;
		uint8_t divide;
	} codes[] = {{0x0, 2},  {0x1, 4},  {0x2, 8},   {0x3, 16},
		     {0x8, 32}, {0x9, 64}, {0xa, 128}, {0xb, 1}};
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	apic_write(l, 0x320, 0x30);
	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
		apic_write(l, 0x3e0, codes[i].code);
		apic_write(l, 0x380, 10);
		host_time_advance(10ull * BUS * codes[i].divide - 1);
		assert_int_equal(take(l), -1);
		host_time_advance(1);
		assert_int_equal(take(l), 0x30);
		eoi(l);
	}
	/* A change on the way keeps what is left. */
	apic_write(l, 0x3e0, 0xb);
	apic_write(l, 0x380, 100);
	host_time_advance(40 * BUS);
	apic_write(l, 0x3e0, 0x0);
	assert_int_equal(apic_read(l, 0x390), 60);
	host_time_advance(60 * BUS);
	assert_int_equal(apic_read(l, 0x390), 30);
	/* The longest count of all. */
	apic_write(l, 0x3e0, 0xa);
	apic_write(l, 0x380, 0xffffffff);
	assert_int_equal(host_timer_armed(0), arch_time() + 0xffffffffull * 128 * BUS);
	assert_int_equal(apic_read(l, 0x390), 0xffffffff);
}

static void test_timer_periodic(void **state)
{
	struct vlapic *l = lapic(dom0, 0);
	unsigned count = 0;

	(void)state;
	apic_write(l, 0x3e0, 0xb);
	apic_write(l, 0x320, 0x20000 | 0x30);
	apic_write(l, 0x380, 100000);
	for (unsigned i = 0; i < 1000; i++) {
		host_time_advance(10000 * BUS);
		if (take(l) == 0x30) {
			count++;
			eoi(l);
		}
	}
	assert_int_equal(count, 100);
	/* Late interrupts are one, and the phase stays. */
	host_time_set(arch_time() + 1050000ull * BUS);
	host_time_advance(0);
	assert_int_equal(take(l), 0x30);
	eoi(l);
	assert_int_equal(apic_read(l, 0x390), 50000);
	/* Masked, it counts on and asks for no timer of ours. */
	apic_write(l, 0x320, 0x20000 | LVT_MASKED | 0x30);
	assert_true(host_timer_armed(0) == UINT64_MAX);
	host_time_advance(125000 * BUS);
	assert_int_equal(apic_read(l, 0x390), 25000);
	assert_int_equal(take(l), -1);
	apic_write(l, 0x320, 0x20000 | 0x30);
	host_time_advance(25000 * BUS);
	assert_int_equal(take(l), 0x30);
}

/* A period of one bus clock: interrupts every 100 us at most. */
static void test_timer_storm(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	apic_write(l, 0x3e0, 0xb);
	apic_write(l, 0x320, 0x20000 | 0x30);
	apic_write(l, 0x380, 1);
	assert_in_range(host_time_advance(HOST_TIME_HZ / 100), 90, 101);
	assert_int_equal(apic_read(l, 0x390), 1);
}

static void test_timer_unread(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	/* Expired, but our own interrupt has not come yet: a new LVT must not lose it. */
	apic_write(l, 0x320, 0x30);
	apic_write(l, 0x380, 10);
	host_time_set(arch_time() + 1000000);
	apic_write(l, 0x320, LVT_MASKED | 0x30);
	assert_int_equal(take(l), 0x30);
	eoi(l);
	host_time_advance(1);
	assert_int_equal(take(l), -1);
	/* Expired while masked: gone. */
	apic_write(l, 0x380, 10);
	host_time_advance(1000000);
	apic_write(l, 0x320, 0x30);
	host_time_advance(1000000);
	assert_int_equal(take(l), -1);
	/* An illegal vector. */
	apic_write(l, 0x320, 0x05);
	apic_write(l, 0x380, 10);
	host_time_advance(1000000);
	assert_int_equal(take(l), -1);
	assert_int_equal(errors(l), 0x40);
}

static void test_timer_deadline(void **state)
{
	struct vlapic *l = lapic(dom0, 0);
	uint64_t now = arch_time();

	(void)state;
	/* Not in this mode: writes are dropped, reads give 0. */
	assert_true(msr_write(l, MSR_DEADLINE, now + 100));
	assert_int_equal(msr_read(l, MSR_DEADLINE), 0);
	apic_write(l, 0x320, 0x40000 | 0x30);
	assert_true(msr_write(l, MSR_DEADLINE, now + 100));
	assert_int_equal(msr_read(l, MSR_DEADLINE), now + 100);
	apic_write(l, 0x380, 55);
	assert_int_equal(apic_read(l, 0x380), 0);
	assert_int_equal(apic_read(l, 0x390), 0);
	host_time_advance(99);
	assert_int_equal(take(l), -1);
	host_time_advance(1);
	assert_int_equal(take(l), 0x30);
	eoi(l);
	assert_int_equal(msr_read(l, MSR_DEADLINE), 0);
	/* In the past: at once. 0: off. */
	assert_true(msr_write(l, MSR_DEADLINE, 1));
	assert_int_equal(take(l), 0x30);
	eoi(l);
	assert_true(msr_write(l, MSR_DEADLINE, now + 1000));
	assert_true(msr_write(l, MSR_DEADLINE, 0));
	host_time_advance(10000);
	assert_int_equal(take(l), -1);
	/* The largest, and leaving the mode disarms. */
	assert_true(msr_write(l, MSR_DEADLINE, UINT64_MAX));
	assert_int_equal(msr_read(l, MSR_DEADLINE), UINT64_MAX);
	assert_true(msr_write(l, MSR_DEADLINE, arch_time() + 1000));
	apic_write(l, 0x320, 0x30);
	apic_write(l, 0x320, 0x40000 | 0x30);
	assert_int_equal(msr_read(l, MSR_DEADLINE), 0);
	host_time_advance(10000);
	assert_int_equal(take(l), -1);
}

#define T(f) cmocka_unit_test_setup(f, fixture_running)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_timer_one_shot), T(test_timer_read_late), T(test_timer_divide), T(test_timer_periodic),
		T(test_timer_storm),    T(test_timer_unread), T(test_timer_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
