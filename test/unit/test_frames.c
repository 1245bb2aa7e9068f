/* SPDX-License-Identifier: MIT */
/* frames: ownership of RAM by extents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/errno.h>
#include <taproot/frames.h>

static struct frame_extent storage[6];
static struct frames f;

static int setup(void **state)
{
	(void)state;
	frames_init(&f, storage, ARRAY_SIZE(storage));
	return 0;
}

static void add_keeps_order_and_joins(void **state)
{
	(void)state;
	assert_int_equal(frames_add(&f, hpa(GIB), hpa(2 * GIB)), 0);
	assert_int_equal(frames_add(&f, hpa(0), hpa(0x9f000)), 0);
	assert_int_equal(frames_add(&f, hpa(MIB), hpa(GIB)), 0);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.extent[1].start, MIB);
	assert_int_equal(f.extent[1].end, 2 * GIB);
	assert_int_equal(frames_add(&f, hpa(0x9e000), hpa(0xa0000)), -EBUSY);
	assert_int_equal(frames_add(&f, hpa(0), hpa(4 * GIB)), -EBUSY);
	assert_int_equal(frames_add(&f, hpa(0x800), hpa(0x1000)), -EINVAL);
	assert_int_equal(frames_add(&f, hpa(3 * GIB), hpa(3 * GIB)), -EINVAL);
	assert_int_equal(frames_owner(&f, hpa(0)), FRAMES_FREE);
	assert_int_equal(frames_owner(&f, hpa(0x9f000)), -ENOENT);
	assert_int_equal(frames_owner(&f, hpa(2 * GIB)), -ENOENT);
}

static void assign_cuts_and_joins(void **state)
{
	(void)state;
	assert_int_equal(frames_add(&f, hpa(0), hpa(GIB)), 0);
	assert_int_equal(frames_assign(&f, hpa(MIB), hpa(2 * MIB), FRAMES_FREE, 0), 0);
	assert_int_equal(f.count, 3);
	assert_int_equal(frames_owner(&f, hpa(MIB)), 0);
	assert_int_equal(frames_owner(&f, hpa(2 * MIB)), FRAMES_FREE);
	assert_int_equal(frames_owned(&f, 0), MIB);
	assert_int_equal(frames_assign(&f, hpa(0), hpa(MIB), FRAMES_FREE, 0), 0);
	assert_int_equal(f.count, 2);
	/* Not all of it is the giver's; not all of it is RAM. */
	assert_int_equal(frames_assign(&f, hpa(0), hpa(3 * MIB), FRAMES_FREE, 1), -EPERM);
	assert_int_equal(frames_assign(&f, hpa(0), hpa(3 * MIB), 0, 1), -EPERM);
	assert_int_equal(frames_assign(&f, hpa(3 * MIB), hpa(2 * GIB), FRAMES_FREE, 1), -EPERM);
	assert_int_equal(frames_assign(&f, hpa(4 * GIB), hpa(5 * GIB), FRAMES_FREE, 1), -EPERM);
	assert_int_equal(frames_assign(&f, hpa(1), hpa(MIB), 0, 1), -EINVAL);
	assert_int_equal(frames_owned(&f, 1), 0);
	assert_int_equal(frames_assign(&f, hpa(0), hpa(2 * MIB), 0, FRAMES_FREE), 0);
	assert_int_equal(f.count, 1);
}

static void exhaustion_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(frames_add(&f, hpa(0), hpa(GIB)), 0);
	assert_int_equal(frames_assign(&f, hpa(0x1000), hpa(0x2000), FRAMES_FREE, 1), 0);
	assert_int_equal(frames_assign(&f, hpa(0x3000), hpa(0x4000), FRAMES_FREE, 1), 0);
	assert_int_equal(f.count, 5);
	assert_int_equal(frames_assign(&f, hpa(0x5000), hpa(0x6000), FRAMES_FREE, 1), -ENOSPC);
	assert_int_equal(frames_owner(&f, hpa(0x5000)), FRAMES_FREE);
	assert_int_equal(f.count, 5);
	assert_int_equal(frames_add(&f, hpa(2 * GIB), hpa(3 * GIB)), 0);
	assert_int_equal(frames_add(&f, hpa(4 * GIB), hpa(5 * GIB)), -ENOSPC);
	/* Beside a free one no room is needed. */
	assert_int_equal(frames_add(&f, hpa(3 * GIB), hpa(4 * GIB)), 0);
}

static void find_top(void **state)
{
	hpa_t a;

	(void)state;
	assert_int_equal(frames_add(&f, hpa(0x1000), hpa(GIB)), 0);
	assert_int_equal(frames_add(&f, hpa(4 * GIB), hpa(5 * GIB)), 0);
	assert_int_equal(frames_find_top(&f, FRAMES_FREE, MIB, 2 * MIB, 4 * GIB, &a), 0);
	assert_int_equal(a.v, GIB - 2 * MIB);
	assert_int_equal(frames_find_top(&f, FRAMES_FREE, MIB, 0x1000, UINT64_MAX, &a), 0);
	assert_int_equal(a.v, 5 * GIB - MIB);
	assert_int_equal(frames_find_top(&f, FRAMES_FREE, MIB, 0x1000, 4 * GIB + 0x1000, &a), 0);
	assert_int_equal(a.v, GIB - MIB);
	assert_int_equal(frames_find_top(&f, FRAMES_FREE, 2 * GIB, 0x1000, UINT64_MAX, &a), -ENOSPC);
	assert_int_equal(frames_find_top(&f, FRAMES_FREE, 0x1000, 2 * MIB, 0x3000, &a), -ENOSPC);
	assert_int_equal(frames_find_top(&f, 3, 0x1000, 0x1000, UINT64_MAX, &a), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(add_keeps_order_and_joins, setup),
		cmocka_unit_test_setup(assign_cuts_and_joins, setup),
		cmocka_unit_test_setup(exhaustion_changes_nothing, setup),
		cmocka_unit_test_setup(find_top, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
