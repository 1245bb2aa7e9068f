// SPDX-License-Identifier: MIT
/* The software page walk, in every paging mode (APMv2 chapter 5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "walk.h"

#define RAM_SIZE 0x10000u

static _Alignas(4096) uint8_t ram[RAM_SIZE];

static void *ram_at(void *ctx, gpa_t a)
{
	(void)ctx;
	return a.v < RAM_SIZE ? ram + a.v : NULL;
}

static void put64(uint64_t at, uint64_t v)
{
	memcpy(ram + at, &v, 8);
}

static void put32(uint64_t at, uint32_t v)
{
	memcpy(ram + at, &v, 4);
}

static struct walk_trail trail;

static bool walk(const struct walk_state *s, uint64_t linear, uint64_t *out)
{
	gpa_t a = {0};
	bool ok = walk_translate(s, linear, ram_at, NULL, &trail, &a);

	*out = a.v;
	return ok;
}

static int clear(void **state)
{
	(void)state;
	memset(ram, 0, sizeof(ram));
	return 0;
}

#define PG (1ull << 31)

static void no_paging(void **state)
{
	struct walk_state s = {0};
	uint64_t a;

	(void)state;
	assert_true(walk(&s, 0x100012345678ull, &a));
	assert_int_equal(a, 0x12345678);
}

static void legacy_4k_and_4m(void **state)
{
	struct walk_state s = {.cr0 = PG, .cr3 = 0x1000, .cr4 = 1 << 4};
	uint64_t a;

	(void)state;
	put32(0x1000 + 4 * 1, 0x2000 | 1);
	put32(0x2000 + 4 * 3, 0xabcd000 | 1);
	put32(0x1000 + 4 * 2, 0x00c00000 | 1u << 13 | 0x81);
	assert_true(walk(&s, 0x403123, &a));
	assert_int_equal(a, 0xabcd123);
	assert_true(walk(&s, 0x812345, &a));
	assert_int_equal(a, 0x100c12345ull); /* PSE-36: bit 13 is address bit 32 */
	assert_false(walk(&s, 0x404000, &a));
}

static void pae_4k_and_2m(void **state)
{
	struct walk_state s = {.cr0 = PG, .cr3 = 0x1020, .cr4 = 1 << 5};
	uint64_t a;

	(void)state;
	put64(0x1020 + 8 * 3, 0x2000 | 1);
	put64(0x2000 + 8 * 1, 0x3000 | 1);
	put64(0x3000 + 8 * 5, 0x8000000123456000ull | 1);
	put64(0x2000 + 8 * 2, 0x7fe00000 | 0x81);
	assert_true(walk(&s, 0xc0205678, &a));
	assert_int_equal(a, 0x123456678ull);
	assert_true(walk(&s, 0xc0512345, &a));
	assert_int_equal(a, 0x7ff12345);
	assert_false(walk(&s, 0x00001000, &a));
}

static void long_mode_all_sizes(void **state)
{
	struct walk_state s = {.cr0 = PG, .cr3 = 0x1000, .cr4 = 1 << 5, .efer = 1 << 10};
	uint64_t base = 511ull << 39 | 0xffff000000000000ull, a;

	(void)state;
	put64(0x1000 + 8 * 511, 0x2000 | 1);
	put64(0x2000 + 8 * 1, 0x3000 | 1);
	put64(0x2000 + 8 * 2, 0x180000000ull | 0x81);
	put64(0x3000 + 8 * 4, 0x4000 | 1);
	put64(0x3000 + 8 * 5, 0x40000000 | 0x81);
	put64(0x4000 + 8 * 6, 0xfee00000 | 1 | 1ull << 63);
	assert_true(walk(&s, base + (1ull << 30) + (4ull << 21) + (6 << 12) + 0x3f0, &a));
	assert_int_equal(a, 0xfee003f0);
	assert_true(walk(&s, base + (1ull << 30) + (5ull << 21) + 0x12345, &a));
	assert_int_equal(a, 0x40012345);
	assert_true(walk(&s, base + (2ull << 30) + 0x3456789, &a));
	assert_int_equal(a, 0x183456789ull);
	assert_false(walk(&s, 0, &a));
}

static void five_levels(void **state)
{
	struct walk_state s = {.cr0 = PG, .cr3 = 0x1000, .cr4 = 1 << 5 | 1 << 12, .efer = 1 << 10};
	uint64_t a;

	(void)state;
	put64(0x1000 + 8 * 7, 0x2000 | 1);
	put64(0x2000 + 8 * 0, 0x3000 | 1);
	put64(0x3000 + 8 * 0, 0x4000 | 1);
	put64(0x4000 + 8 * 0, 0x5000 | 1);
	put64(0x5000 + 8 * 9, 0x77000 | 1);
	assert_true(walk(&s, (7ull << 48) + 0x9123, &a));
	assert_int_equal(a, 0x77123);
}

/* Tables outside RAM, and a large bit where none is allowed, end the walk or are ignored. */
static void hostile_tables(void **state)
{
	struct walk_state s = {.cr0 = PG, .cr3 = 0xfffffffff000ull, .cr4 = 1 << 5, .efer = 1 << 10};
	uint64_t a;

	(void)state;
	assert_false(walk(&s, 0x1234, &a));
	s.cr3 = 0x1000;
	put64(0x1000, 0x000ffffffffff000ull | 0x81);
	assert_false(walk(&s, 0x1234, &a));
	put64(0x1000, 0x1000 | 0x1);
	put64(0x1000, 0x1000 | 0x81); /* a table that contains itself still has an end */
	assert_true(walk(&s, 0x1234 & 0x1ff, &a));
}

/* A trail holds until an entry it went through changes, and is empty where none is kept. */
static void trails_notice_changes(void **state)
{
	struct walk_state s = {.cr0 = PG, .cr3 = 0x1000, .cr4 = 1 << 5, .efer = 1 << 10};
	uint64_t a;

	(void)state;
	put64(0x1000, 0x2000 | 1);
	put64(0x2000, 0x3000 | 1);
	put64(0x3000, 0x4000 | 1);
	put64(0x4000 + 8, 0x77000 | 1);
	assert_true(walk(&s, 0x1234, &a));
	assert_int_equal(trail.count, 4);
	assert_true(walk_trail_holds(&trail));
	put64(0x4000, 0x99000 | 1); /* another page's */
	assert_true(walk_trail_holds(&trail));
	for (uint64_t at = 0x1000; at <= 0x4000; at += 0x1000) {
		uint64_t entry = at == 0x4000 ? at + 8 : at;
		uint8_t old = ram[entry];

		ram[entry] ^= 0x20;
		assert_false(walk_trail_holds(&trail));
		ram[entry] = old;
	}
	s.cr0 = 0;
	assert_true(walk(&s, 0x1234, &a));
	assert_false(walk_trail_holds(&trail));
}

/* ---- accesses of ours ---- */

#define WP (1ull << 16)

static bool access_at(const struct walk_state *s, uint64_t linear, bool write, bool user_denied)
{
	const struct walk_request req = {.write = write, .user_denied = user_denied};
	gpa_t a = {0};

	return walk_access(s, &req, linear, ram_at, NULL, &a) && a.v == (0x77000 | (linear & 0xfff));
}

/* 0x1000 -> 0x2000 -> 0x3000 -> 0x4000 -> page 0x77000 at linear 0x1000, with these flags at each level. */
static void chain(const uint64_t flags[4])
{
	put64(0x1000, 0x2000 | flags[0]);
	put64(0x2000, 0x3000 | flags[1]);
	put64(0x3000, 0x4000 | flags[2]);
	put64(0x4000 + 8, 0x77000 | flags[3]);
}

static uint64_t entry_at(uint64_t at)
{
	uint64_t v;

	memcpy(&v, ram + at, 8);
	return v;
}

static void access_permissions(void **state)
{
	struct walk_state s = {.cr0 = PG | WP, .cr3 = 0x1000, .cr4 = 1 << 5, .efer = 1 << 10};

	(void)state;
	for (unsigned weak = 0; weak < 4; weak++) {
		uint64_t flags[4] = {7, 7, 7, 7};

		chain(flags);
		assert_true(access_at(&s, 0x1234, true, false));
		assert_false(access_at(&s, 0x1234, false, true));
		flags[weak] = 5; /* read-only at one level */
		chain(flags);
		assert_true(access_at(&s, 0x1234, false, false));
		assert_false(access_at(&s, 0x1234, true, false));
		s.cr0 = PG;
		assert_true(access_at(&s, 0x1234, true, false));
		s.cr0 = PG | WP;
		flags[weak] = 3; /* a supervisor page, by one level */
		chain(flags);
		assert_true(access_at(&s, 0x1234, true, true));
		flags[weak] = 6; /* not present */
		chain(flags);
		assert_false(access_at(&s, 0x1234, false, false));
	}
}

static void access_sets_accessed_and_dirty(void **state)
{
	struct walk_state s = {.cr0 = PG | WP, .cr3 = 0x1000, .cr4 = 1 << 5, .efer = 1 << 10};

	(void)state;
	chain((const uint64_t[4]){3, 3, 3, 3});
	assert_true(access_at(&s, 0x1000, false, false));
	assert_int_equal(entry_at(0x1000), 0x2023);
	assert_int_equal(entry_at(0x4008), 0x77023);
	assert_true(access_at(&s, 0x1000, true, false));
	assert_int_equal(entry_at(0x3000), 0x4023);
	assert_int_equal(entry_at(0x4008), 0x77063);
	/* A refused access leaves the tables alone. */
	chain((const uint64_t[4]){3, 3, 3, 1});
	assert_false(access_at(&s, 0x1000, true, false));
	assert_int_equal(entry_at(0x1000), 0x2003);
	/* The same entry at every level: still an end, and the right bits. */
	put64(0x1000, 0x1000 | 3);
	assert_false(access_at(&s, 0x0, true, false));
	assert_int_equal(entry_at(0x1000), 0x1063);
}

static void access_modes_and_canonical_addresses(void **state)
{
	struct walk_state s = {.cr0 = PG | WP, .cr3 = 0x1000, .cr4 = 1 << 5, .efer = 1 << 10};
	struct walk_state other;

	(void)state;
	chain((const uint64_t[4]){3, 3, 3, 3});
	assert_true(access_at(&s, 0x1000, false, false));
	assert_false(access_at(&s, 0x0001000000001000ull, false, false));
	assert_false(access_at(&s, 0x0000800000001000ull, false, false));
	assert_false(access_at(&s, 0xffff000000001000ull, false, false));
	put64(0x1000 + 8 * 256, 0x2000 | 3);
	assert_true(access_at(&s, 0xffff800000001000ull, false, false));
	other = s;
	other.efer = 0;
	assert_false(access_at(&other, 0x1000, false, false));
	other = s;
	other.cr0 = 0;
	assert_false(access_at(&other, 0x1000, false, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_paging, clear),
		cmocka_unit_test_setup(legacy_4k_and_4m, clear),
		cmocka_unit_test_setup(pae_4k_and_2m, clear),
		cmocka_unit_test_setup(long_mode_all_sizes, clear),
		cmocka_unit_test_setup(five_levels, clear),
		cmocka_unit_test_setup(hostile_tables, clear),
		cmocka_unit_test_setup(trails_notice_changes, clear),
		cmocka_unit_test_setup(access_permissions, clear),
		cmocka_unit_test_setup(access_sets_accessed_and_dirty, clear),
		cmocka_unit_test_setup(access_modes_and_canonical_addresses, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
