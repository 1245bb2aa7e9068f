// SPDX-License-Identifier: MIT
/* The core's library: formatting against the C library's, numbers, heap and pages, the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <taproot/errno.h>
#include <taproot/fmt.h>
#include <taproot/heap.h>
#include <taproot/log.h>

#define SAME(...)                                                            \
	do {                                                                 \
		char a[80], b[80];                                           \
		int n = fmt_snprintf(a, sizeof(a), __VA_ARGS__);             \
		int m = snprintf(b, sizeof(b), __VA_ARGS__);                 \
		assert_string_equal(a, b);                                   \
		assert_int_equal(n, m);                                      \
	} while (0)

static void formats_as_libc_does(void **state)
{
	(void)state;
	SAME("%d %i %u", -5, 0, 4000000000u);
	SAME("%x %X %#x %08x %-8x|", 0xabcu, 0xabcu, 0xabcu, 0xabcu, 0xabcu);
	SAME("%lld %llx %lu %zu", -9000000000000000000ll, 0xfedcba9876543210ull, 7ul, (size_t)9);
	SAME("%hhx %hx %c%%", 0x1ff, 0x1ffff, 'z');
	SAME("%s|%10s|%-10s|%.3s|%*s|%.*s", "abc", "abc", "abc", "abcdef", 6, "ab", 2, "xyz");
	SAME("%5d|%-5d|%05d", -42, -42, -42);
	SAME("%d", (int)-2147483647 - 1);
	SAME("nothing");
}

static void never_writes_past_the_end(void **state)
{
	char buf[8];
	char lone[] = "end%"; /* not a literal, or the compiler refuses it */

	(void)state;
	memset(buf, 0x55, sizeof(buf));
	assert_int_equal(fmt_snprintf(buf, 4, "%s", "123456"), 6);
	assert_string_equal(buf, "123");
	assert_int_equal(buf[4], 0x55);
	assert_int_equal(fmt_snprintf(NULL, 0, "%d", 12345), 5);
	assert_int_equal(fmt_snprintf(buf, 8, lone), 3);
}

static void parses_numbers(void **state)
{
	const char *end;
	uint64_t v;

	(void)state;
	assert_int_equal(fmt_parse_u64("123M", &end, &v), 0);
	assert_int_equal(v, 123);
	assert_string_equal(end, "M");
	assert_int_equal(fmt_parse_u64("0xffffffffffffffff", &end, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(fmt_parse_u64("18446744073709551616", &end, &v), -ERANGE);
	assert_int_equal(fmt_parse_u64("x", &end, &v), -EINVAL);
	assert_int_equal(fmt_parse_u64("", &end, &v), -EINVAL);
	assert_int_equal(fmt_parse_u64("0x", &end, &v), 0);
	assert_string_equal(end, "x");
}

#define AREA_PAGES 64

static int heap_setup(void **state)
{
	void *area = aligned_alloc(4096, AREA_PAGES * 4096);

	*state = area;
	memset(area, 0xaa, AREA_PAGES * 4096);
	heap_init(area, AREA_PAGES * 4096);
	return 0;
}

static int heap_teardown(void **state)
{
	free(*state);
	return 0;
}

static void pages_are_zeroed_distinct_and_come_back(void **state)
{
	static const uint8_t zero[4096];
	void *page[AREA_PAGES];
	unsigned n = 0;

	(void)state;
	while ((page[n] = page_alloc())) {
		assert_memory_equal(page[n], zero, 4096);
		memset(page[n], (int)n, 4096);
		n++;
	}
	assert_int_equal(n, page_total_count());
	assert_int_equal(page_free_count(), 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(*(uint8_t *)page[i], i);
		page_free(page[i]);
	}
	assert_int_equal(page_free_count(), page_total_count());
}

static void page_runs_are_aligned(void **state)
{
	void *one = page_alloc(), *three = page_alloc_many(3), *eight = page_alloc_many(8);

	(void)state;
	assert_non_null(one);
	assert_int_equal((uintptr_t)three % (4 * 4096), 0);
	assert_int_equal((uintptr_t)eight % (8 * 4096), 0);
	assert_null(page_alloc_many(AREA_PAGES));
	page_free_many(three, 3);
	page_free_many(eight, 8);
	page_free(one);
	assert_int_equal(page_free_count(), page_total_count());
}

/* A long random walk of allocations; contents stay, and nothing leaks. */
static void heap_keeps_what_it_holds(void **state)
{
	struct {
		uint8_t *p;
		size_t size;
	} slot[32] = {{0}};

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned k = (unsigned)rand() % 32;

		if (slot[k].p) {
			for (size_t b = 0; b < slot[k].size; b++) {
				assert_int_equal(slot[k].p[b], (uint8_t)k);
			}
			heap_free(slot[k].p);
			slot[k].p = NULL;
			continue;
		}
		slot[k].size = (size_t)rand() % (rand() % 8 ? 300 : 9000);
		slot[k].p = heap_alloc(slot[k].size);
		if (slot[k].p) {
			assert_int_equal((uintptr_t)slot[k].p % 16, 0);
			for (size_t b = 0; b < slot[k].size; b++) {
				assert_int_equal(slot[k].p[b], 0);
			}
			memset(slot[k].p, (int)k, slot[k].size);
		}
	}
	assert_null(heap_alloc(2 * MIB));
}

static void heap_exhaustion_is_an_error(void **state)
{
	void *last = NULL, *p;
	unsigned n = 0;

	(void)state;
	while ((p = heap_alloc(1000))) {
		last = p;
		n++;
	}
	assert_in_range(n, 100, 300);
	heap_free(last);
	assert_non_null(heap_alloc(1000));
}

static void log_ring_keeps_the_last_lines(void **state)
{
	char buf[256];
	uint64_t at = 0;
	size_t n;

	(void)state;
	while (log_ring_read(&at, buf, sizeof(buf)) > 0) {
	}
	log_notice("value %d", 42);
	log_trace("not at this level");
	n = log_ring_read(&at, buf, sizeof(buf) - 1);
	buf[n] = 0;
	assert_non_null(strstr(buf, "] N value 42\n"));
	assert_null(strstr(buf, "not at this level"));
}

static void log_ring_cleared(void **state)
{
	char buf[64] = "";
	uint64_t at = 0;

	(void)state;
	log_notice("before");
	log_ring_clear();
	assert_int_equal(log_ring_read(&at, buf, sizeof(buf)), 0);
	at = 0;
	log_notice("after");
	assert_true(log_ring_read(&at, buf, sizeof(buf)) < sizeof(buf));
	assert_null(strstr(buf, "before"));
	assert_non_null(strstr(buf, "after"));
}

static void log_limit_counts_what_it_drops(void **state)
{
	struct log_limit limit = {0};
	unsigned passed = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		passed += log_limit_pass(&limit);
	}
	assert_int_equal(passed, 10);
	assert_int_equal(limit.dropped, 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_as_libc_does),
		cmocka_unit_test(never_writes_past_the_end),
		cmocka_unit_test(parses_numbers),
		cmocka_unit_test_setup_teardown(pages_are_zeroed_distinct_and_come_back, heap_setup,
						heap_teardown),
		cmocka_unit_test_setup_teardown(page_runs_are_aligned, heap_setup, heap_teardown),
		cmocka_unit_test_setup_teardown(heap_keeps_what_it_holds, heap_setup, heap_teardown),
		cmocka_unit_test_setup_teardown(heap_exhaustion_is_an_error, heap_setup,
						heap_teardown),
		cmocka_unit_test(log_ring_keeps_the_last_lines),
		cmocka_unit_test(log_ring_cleared),
		cmocka_unit_test(log_limit_counts_what_it_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
