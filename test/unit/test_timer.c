/* SPDX-License-Identifier: MIT */
/* core/lib/timer.c: order, moving, cancelling, bounds of one interrupt, conversions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <taproot/timer.h>

#include "irq_fixture.h"

#define TIMERS 8

static struct timer timers[TIMERS];
static unsigned order[64];
static unsigned fired;
static struct timer *to_cancel;

static void note(struct timer *t)
{
	order[fired++ % 64] = (unsigned)(t - timers);
	if (to_cancel) {
		timer_cancel(to_cancel);
		to_cancel = NULL;
	}
}

static void set_again_in_the_past(struct timer *t)
{
	fired++;
	timer_set(t, 0);
}

static int setup(void **state)
{
	fixture_machine(state);
	fired = 0;
	to_cancel = NULL;
	for (unsigned i = 0; i < TIMERS; i++) {
		timer_init(&timers[i], note);
	}
	return 0;
}

static void test_order(void **state)
{
	uint64_t now = arch_time();

	(void)state;
	timer_set(&timers[0], now + 300);
	timer_set(&timers[1], now + 100);
	timer_set(&timers[2], now + 200);
	timer_set(&timers[3], now + 100);
	assert_int_equal(host_timer_armed(0), now + 100);
	assert_int_equal(host_time_advance(99), 0);
	assert_int_equal(host_time_advance(1), 1);
	assert_int_equal(fired, 2);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 3);
	assert_int_equal(host_timer_armed(0), now + 200);
	host_time_advance(1000);
	assert_int_equal(fired, 4);
	assert_int_equal(order[2], 2);
	assert_int_equal(order[3], 0);
	assert_true(host_timer_armed(0) == UINT64_MAX);
}

static void test_move_and_cancel(void **state)
{
	uint64_t now = arch_time();

	(void)state;
	timer_set(&timers[0], now + 100);
	timer_set(&timers[1], now + 200);
	timer_set(&timers[0], now + 300);
	assert_int_equal(host_timer_armed(0), now + 200);
	timer_cancel(&timers[1]);
	assert_int_equal(host_timer_armed(0), now + 300);
	timer_cancel(&timers[1]);
	timer_cancel(&timers[0]);
	assert_true(host_timer_armed(0) == UINT64_MAX);
	host_time_advance(1000);
	assert_int_equal(fired, 0);
}

static void test_armed_once(void **state)
{
	uint64_t now = arch_time();
	unsigned before;

	(void)state;
	timer_set(&timers[0], now + 100);
	before = host_timer_arm_count;
	timer_set(&timers[1], now + 200);
	timer_set(&timers[2], now + 300);
	timer_cancel(&timers[2]);
	assert_int_equal(host_timer_arm_count, before);
}

/* Hardware whose counter does not reach that far interrupts early: it is armed once more. */
static void test_early_interrupt(void **state)
{
	uint64_t now = arch_time();
	unsigned before;

	(void)state;
	timer_set(&timers[0], now + 100);
	before = host_timer_arm_count;
	timer_run();
	assert_int_equal(fired, 0);
	assert_int_equal(host_timer_arm_count, before + 1);
	assert_int_equal(host_timer_armed(0), now + 100);
}

static void test_past_deadline(void **state)
{
	(void)state;
	timer_set(&timers[0], 0);
	host_time_advance(0);
	assert_int_equal(fired, 1);
}

static void test_cancel_from_callback(void **state)
{
	uint64_t now = arch_time();

	(void)state;
	timer_set(&timers[0], now + 100);
	timer_set(&timers[1], now + 100);
	to_cancel = &timers[1];
	host_time_advance(1000);
	assert_int_equal(fired, 1);
}

/* A timer that sets itself into the past must not keep us inside one interrupt. */
static void test_batch(void **state)
{
	(void)state;
	timer_init(&timers[0], set_again_in_the_past);
	timer_set(&timers[0], 0);
	timer_run();
	assert_in_range(fired, 1, 64);
	assert_int_equal(host_timer_armed(0), 0);
	timer_cancel(&timers[0]);
}

static void test_other_processor(void **state)
{
	uint64_t now = arch_time();

	(void)state;
	host_cpu_set(1);
	timer_set(&timers[0], now + 100);
	timer_set(&timers[1], now + 150);
	assert_int_equal(host_timer_armed(1), now + 100);
	host_cpu_set(0);
	timer_set(&timers[0], now + 120);
	assert_int_equal(host_timer_armed(0), now + 120);
	timer_cancel(&timers[1]);
	/* The interrupt that was armed there comes and finds nothing. */
	assert_int_equal(host_time_advance(1000), 2);
	assert_int_equal(fired, 1);
	assert_true(host_timer_armed(1) == UINT64_MAX);
}

static void test_conversions(void **state)
{
	static const uint64_t hz[] = {1000000, 999999937, 1000000000, 2500000000ull, 8000000000ull};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(hz); i++) {
		host_time_set_hz(hz[i]);
		assert_int_equal(timer_ns_to_ticks(0), 0);
		assert_int_equal(timer_ns_to_ticks(1000000000), hz[i]);
		assert_int_equal(timer_ticks_to_ns(hz[i]), 1000000000);
		assert_int_equal(timer_ns_to_ticks(3600ull * 1000000000), hz[i] * 3600);
		assert_true(timer_ticks_to_ns(UINT64_MAX) >= UINT64_MAX / 8 - 1);
		assert_true(timer_ns_to_ticks(UINT64_MAX) >= UINT64_MAX / 1000 - 1);
	}
	host_time_set_hz(2500000000ull);
	assert_true(timer_ns_to_ticks(UINT64_MAX) == UINT64_MAX);
	host_time_set_hz(1000000);
	assert_true(timer_ticks_to_ns(UINT64_MAX) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, setup),
		cmocka_unit_test_setup(test_move_and_cancel, setup),
		cmocka_unit_test_setup(test_armed_once, setup),
		cmocka_unit_test_setup(test_early_interrupt, setup),
		cmocka_unit_test_setup(test_past_deadline, setup),
		cmocka_unit_test_setup(test_cancel_from_callback, setup),
		cmocka_unit_test_setup(test_batch, setup),
		cmocka_unit_test_setup(test_other_processor, setup),
		cmocka_unit_test_setup(test_conversions, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
