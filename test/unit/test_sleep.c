// SPDX-License-Identifier: MIT
/* Writes of PM1 control: S5 passes, no other sleep state does, in whatever pieces it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sleep.h"

#define EN 0x2000u
#define TYPE(t) ((uint32_t)(t) << 10)

static const struct sleep_policy q35 = {.s3 = {true, 1, 1}, .s5 = {true, 0, 0}};

static enum sleep_verdict write16(const struct sleep_policy *p, bool b, uint32_t *v)
{
	return sleep_filter(p, b, 0, 2, v);
}

static void without_the_enable_bit_nothing_happens(void **state)
{
	uint32_t v = TYPE(1) | 1;

	(void)state;
	assert_int_equal(write16(&q35, false, &v), SLEEP_NONE);
	assert_int_equal(v, TYPE(1) | 1);
	v = 0xff; /* the low byte alone has no enable bit */
	assert_int_equal(sleep_filter(&q35, false, 0, 1, &v), SLEEP_NONE);
}

static void only_s5_passes(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 8; type++) {
		uint32_t v = EN | TYPE(type) | 1;
		uint32_t high = v >> 8;

		assert_int_equal(write16(&q35, false, &v), type ? SLEEP_REFUSED : SLEEP_OFF);
		assert_int_equal(v, (type ? 0 : EN) | TYPE(type) | 1);
		assert_int_equal(sleep_filter(&q35, false, 1, 1, &high),
				 type ? SLEEP_REFUSED : SLEEP_OFF);
		assert_int_equal(high, ((type ? 0 : EN) | TYPE(type)) >> 8);
	}
}

static void the_registers_have_types_of_their_own(void **state)
{
	const struct sleep_policy p = {.s3 = {true, 5, 6}, .s5 = {true, 7, 2}};
	uint32_t a = EN | TYPE(7), b = EN | TYPE(2), wrong = EN | TYPE(7);

	(void)state;
	assert_int_equal(write16(&p, false, &a), SLEEP_OFF);
	assert_int_equal(write16(&p, true, &b), SLEEP_OFF);
	assert_int_equal(write16(&p, true, &wrong), SLEEP_REFUSED);
}

/* AML that builds its packages at run time tells us nothing, or only one of the two. */
static void unknown_types(void **state)
{
	const struct sleep_policy nothing = {{0}, {0}};
	const struct sleep_policy s3_only = {.s3 = {true, 5, 5}};
	uint32_t v = EN | TYPE(5), w = EN | TYPE(7);

	(void)state;
	assert_int_equal(write16(&nothing, false, &v), SLEEP_OFF);
	assert_int_equal(write16(&s3_only, false, &v), SLEEP_REFUSED);
	assert_int_equal(write16(&s3_only, false, &w), SLEEP_OFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_enable_bit_nothing_happens),
		cmocka_unit_test(only_s5_passes),
		cmocka_unit_test(the_registers_have_types_of_their_own),
		cmocka_unit_test(unknown_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
