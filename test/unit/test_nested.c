/* SPDX-License-Identifier: MIT */
/* nested: superpages, splitting, freeing, the reserve, and deriving from a memmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem_fixture.h"

static struct nested n;

static int setup(void **state)
{
	if (fixture_domains(state) || nested_init(&n, &nested_amd)) {
		return -1;
	}
	return nested_refill(&n, 32);
}

static int teardown(void **state)
{
	size_t used = page_total_count() - page_free_count();
	uint32_t pages = n.table_pages + n.reserve_count + n.freed_count;

	(void)state;
	nested_destroy(&n);
	/* Every page that went in came out again. */
	return page_total_count() - page_free_count() == used - pages ? 0 : -1;
}

static struct nested_leaf leaf_at(uint64_t a)
{
	struct nested_leaf leaf = {.size = 0};

	(void)nested_lookup(&n, gpa(a), &leaf);
	return leaf;
}

static void map(uint64_t a, uint64_t size, enum nested_cache cache)
{
	uint64_t done;

	assert_int_equal(nested_map(&n, gpa(a), hpa(a), size, cache, true, &done), 0);
	assert_int_equal(done, size);
}

static void largest_pages(void **state)
{
	struct nested_leaf leaf;
	unsigned small = 0, large = 0, huge = 0;

	(void)state;
	/* 4 KiB before 2 MiB, then 2 MiB pages up to 1 GiB, one 1 GiB page, and a tail. */
	map(GIB - 2 * MIB - 0x1000, GIB + 2 * MIB + 0x3000, NESTED_WB);
	for (bool more = nested_next(&n, gpa(0), &leaf); more;
	     more = nested_next(&n, gpa(leaf.gpa.v + leaf.size), &leaf)) {
		assert_int_equal(leaf.gpa.v, leaf.hpa.v);
		small += leaf.size == PAGE_SIZE;
		large += leaf.size == 2 * MIB;
		huge += leaf.size == GIB;
	}
	assert_int_equal(small, 3);
	assert_int_equal(large, 1);
	assert_int_equal(huge, 1);
	assert_int_equal(leaf_at(GIB + 12345).size, GIB);
	assert_int_equal(leaf_at(GIB - 2 * MIB - 0x1001).size, 0);
	assert_int_equal(leaf_at(2 * GIB + 0x2000).size, 0);
	assert_false(nested_lookup(&n, gpa(1ull << 48), &leaf));
	nested_log(&n);
}

static void bits_of_leaves(void **state)
{
	(void)state;
	map(0, 0x1000, NESTED_UC);
	map(2 * MIB, 2 * MIB, NESTED_WB);
	assert_int_equal(nested_map(&n, gpa(0x1000), hpa(5 * MIB), 0x1000, NESTED_WB, false, NULL),
			 0);
	/* Present, writable, user, accessed, dirty; PWT and PCD; page size (APMv2 5.4). */
	assert_int_equal(leaf_at(0).bits, 0x7f);
	assert_int_equal(leaf_at(2 * MIB).bits, 0xe7);
	assert_int_equal(leaf_at(0x1000).bits, 0x65);
	assert_int_equal(leaf_at(0x1000).hpa.v, 5 * MIB);
}

static void without_1g(void **state)
{
	(void)state;
	n.format.has_1g = false;
	map(0, GIB, NESTED_WB);
	assert_int_equal(leaf_at(0).size, 2 * MIB);
	assert_int_equal(n.table_pages, 3);
	map(2 * GIB, 0, NESTED_WB);
	/* A different offset rules large pages out. */
	assert_int_equal(
		nested_map(&n, gpa(4 * GIB), hpa(4 * GIB + 0x1000), 2 * MIB, NESTED_WB, true, NULL), 0);
	assert_int_equal(leaf_at(4 * GIB).size, PAGE_SIZE);
}

static void split_and_free(void **state)
{
	uint32_t empty = n.table_pages;

	(void)state;
	map(0, GIB, NESTED_WB);
	assert_int_equal(nested_unmap(&n, gpa(5 * MIB), 0x1000), 0);
	assert_int_equal(leaf_at(5 * MIB).size, 0);
	assert_int_equal(leaf_at(5 * MIB + 0x1000).size, PAGE_SIZE);
	assert_int_equal(leaf_at(5 * MIB - 1).size, PAGE_SIZE);
	assert_int_equal(leaf_at(5 * MIB + 0x1000).hpa.v, 5 * MIB + 0x1000);
	assert_int_equal(leaf_at(5 * MIB + 0x1000).bits, 0x67);
	assert_int_equal(leaf_at(8 * MIB).size, 2 * MIB);
	assert_int_equal(leaf_at(8 * MIB).bits, 0xe7);
	assert_int_equal(n.table_pages, empty + 3);
	/* Mapping the whole again frees what the split took. */
	map(0, GIB, NESTED_WB);
	assert_int_equal(n.table_pages, empty + 1);
	assert_int_equal(leaf_at(5 * MIB).size, GIB);
	assert_int_equal(nested_unmap(&n, gpa(0), GIB), 0);
	assert_int_equal(n.table_pages, empty);
	/* Who has them cached may still follow them. */
	assert_int_equal(n.freed_count, 3);
	assert_int_equal(n.reserve_count, 29);
	nested_flushed(&n);
	assert_int_equal(n.freed_count, 0);
	assert_int_equal(n.reserve_count, 32);
}

/* A table freed by a change is in no tree before the flush, and leads nowhere. */
static void freed_tables_wait(void **state)
{
	uint64_t *freed;

	(void)state;
	map(0, 0x1000, NESTED_WB);
	freed = arch_hpa_to_va(hpa(n.root[0] & n.format.address_mask));
	assert_int_equal(nested_unmap(&n, gpa(0), 0x1000), 0);
	for (unsigned i = 0; i < 512; i++) {
		assert_false(freed[i] & n.format.present_mask);
	}
	map(0, 0x1000, NESTED_WB);
	assert_ptr_not_equal(freed, arch_hpa_to_va(hpa(n.root[0] & n.format.address_mask)));
	assert_int_equal(n.freed_count, 3);
	assert_int_equal(nested_unmap(&n, gpa(0), 0x1000), 0);
	nested_flushed(&n);
}

static void unmap_ranges(void **state)
{
	uint32_t empty = n.table_pages;
	struct nested_leaf leaf;

	(void)state;
	map(0, 3 * GIB, NESTED_WB);
	assert_int_equal(nested_unmap(&n, gpa(GIB - 0x1000), GIB + 0x2000), 0);
	assert_int_equal(leaf_at(GIB - 0x1001).size, PAGE_SIZE);
	assert_int_equal(leaf_at(GIB - 0x1000).size, 0);
	assert_true(nested_next(&n, gpa(GIB - 0x1000), &leaf));
	assert_int_equal(leaf.gpa.v, 2 * GIB + 0x1000);
	assert_int_equal(nested_unmap(&n, gpa(0), 1ull << 48), 0);
	assert_int_equal(n.table_pages, empty);
	assert_false(nested_next(&n, gpa(0), &leaf));
	assert_int_equal(nested_unmap(&n, gpa(0x5000), 0), 0);
}

/* A neighbour in the last entry that is cut, wherever that is in its table, keeps what it has. */
static void unmap_up_to_a_part(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 40; i++) {
		uint64_t end = GIB + i * 2 * MIB;

		map(GIB, 96 * MIB, NESTED_WB);
		assert_int_equal(nested_unmap(&n, gpa(GIB), i * 2 * MIB + 0x1000), 0);
		assert_int_equal(leaf_at(end).size, 0);
		assert_int_equal(leaf_at(end + 0x1000).size, 0x1000);
		assert_int_equal(
			nested_unmap(&n, gpa(end + 0x2000), 96 * MIB - i * 2 * MIB - 0x2000), 0);
		assert_int_equal(leaf_at(end + 0x1000).size, 0x1000);
		assert_int_equal(nested_unmap(&n, gpa(GIB), 96 * MIB), 0);
		assert_int_equal(n.table_pages, 1);
		nested_flushed(&n);
	}
}

static void exhausted_reserve(void **state)
{
	struct nested small;
	struct nested_leaf leaf;
	uint64_t done;

	(void)state;
	assert_int_equal(nested_init(&small, &nested_amd), 0);
	assert_int_equal(nested_refill(&small, 2), 0);
	assert_int_equal(
		nested_map(&small, gpa(0), hpa(0), 2 * MIB + 0x1000, NESTED_WB, true, &done), -ENOMEM);
	assert_int_equal(done, 2 * MIB);
	assert_int_equal(nested_refill(&small, 1), 0);
	assert_int_equal(nested_map(&small, gpa(2 * MIB), hpa(2 * MIB), 0x1000, NESTED_WB, true,
				    &done), 0);
	/* No page to split with: the superpage goes as a whole, never less than asked. */
	assert_int_equal(small.reserve_count, 0);
	assert_int_equal(nested_unmap(&small, gpa(0x5000), 0x1000), -ENOMEM);
	assert_false(nested_lookup(&small, gpa(0x5000), &leaf));
	assert_false(nested_lookup(&small, gpa(0), &leaf));
	assert_true(nested_lookup(&small, gpa(2 * MIB), &leaf));
	nested_destroy(&small);
}

static void build_dom0(void)
{
	struct memmap *m = &dom0->memmap;

	assert_int_equal(memmap_set_base(m, gpa(0), gpa(0x9f000), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(m, gpa(0x9f000), gpa(MIB), MEM_LOW), 0);
	assert_int_equal(memmap_set_base(m, gpa(MIB), gpa(2 * GIB - 6 * MIB), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(m, gpa(2 * GIB - 6 * MIB), gpa(2 * GIB), MEM_OURS), 0);
	assert_int_equal(memmap_set_base(m, gpa(4 * GIB), gpa(6 * GIB), MEM_RAM), 0);
	assert_int_equal(nested_sync(&n, m, gpa(0), gpa(m->limit)), 0);
	assert_true(host_nested_attach(dom0, &n));
}

static void assert_in_step(void)
{
	gpa_t where;

	if (!nested_matches(&n, &dom0->memmap, &where)) {
		print_error("tables differ from the memmap at %#lx\n", where.v);
		nested_log(&n);
		fail();
	}
}

static void derived_from_memmap(void **state)
{
	gpa_t where;

	(void)state;
	build_dom0();
	assert_in_step();
	assert_int_equal(leaf_at(0).bits, 0x67);
	assert_int_equal(leaf_at(0xa0000).bits, 0x7f);
	assert_int_equal(leaf_at(4 * GIB).size, GIB);
	assert_int_equal(leaf_at(2 * GIB - 6 * MIB).size, 0);
	assert_int_equal(leaf_at(2 * GIB - 7 * MIB).size, 2 * MIB);
	/* The comparison sees what it should see. */
	assert_int_equal(nested_unmap(&n, gpa(64 * MIB), 0x1000), 0);
	assert_false(nested_matches(&n, &dom0->memmap, &where));
	assert_int_equal(where.v, 64 * MIB);
	map(64 * MIB, 0x1000, NESTED_UC);
	assert_false(nested_matches(&n, &dom0->memmap, &where));
	map(64 * MIB, 0x1000, NESTED_WB);
	assert_true(nested_matches(&n, &dom0->memmap, &where));
	map(8 * GIB, 0x1000, NESTED_WB);
	assert_false(nested_matches(&n, &dom0->memmap, &where));
	assert_int_equal(where.v, 8 * GIB);
}

static void follows_claims(void **state)
{
	struct memmap *m = &dom0->memmap;
	uint64_t bar = 0xfe000000;
	struct memmap_step on[3] = {
		step_claim(bar, 0x800000, MEM_MMIO, 1),
		step_claim(bar + 0x800000, 0x1000, MEM_TRAP, 1),
		step_claim(bar + 0x801000, 0x7ff000, MEM_MMIO, 1),
	};
	struct memmap_step off[3] = {
		step_release(bar, 0x800000, 1),
		step_release(bar + 0x800000, 0x1000, 1),
		step_release(bar + 0x801000, 0x7ff000, 1),
	};
	uint32_t pages;

	(void)state;
	build_dom0();
	pages = n.table_pages + n.reserve_count;
	assert_int_equal(transact(m, on, 3), 0);
	assert_in_step();
	assert_int_equal(leaf_at(bar).size, 2 * MIB);
	assert_int_equal(leaf_at(bar).bits, 0xff);
	assert_int_equal(leaf_at(bar + 0x800000).size, 0);
	assert_int_equal(leaf_at(bar + 0x801000).size, PAGE_SIZE);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(transact(m, off, 3), 0);
		assert_in_step();
		assert_int_equal(transact(m, on, 3), 0);
		assert_in_step();
	}
	/* What a toggle takes from the reserve it gives back. */
	assert_int_equal(n.table_pages + n.reserve_count, pages);
}

static void superpages_form_again(void **state)
{
	struct memmap *m = &dom0->memmap;
	uint64_t bar = 32 * GIB;
	struct memmap_step s[3] = {
		step_claim(bar, 0x1000, MEM_MMIO, 1),
		step_claim(bar + 0x1000, 0x1000, MEM_TRAP, 1),
		step_claim(bar + 0x2000, GIB - 0x2000, MEM_MMIO, 1),
	};

	(void)state;
	build_dom0();
	assert_int_equal(transact(m, s, 3), 0);
	assert_int_equal(leaf_at(bar).size, PAGE_SIZE);
	s[0] = step_release(bar + 0x1000, 0x1000, 1);
	s[1] = step_claim(bar + 0x1000, 0x1000, MEM_MMIO, 1);
	assert_int_equal(transact(m, s, 2), 0);
	assert_int_equal(leaf_at(bar).size, GIB);
	assert_in_step();
}

static void starved_sync_is_safe(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct nested small;
	struct memmap_step s = step_claim(8 * GIB, GIB, MEM_MMIO, 1);
	struct nested_leaf leaf;
	gpa_t where;

	(void)state;
	assert_int_equal(nested_init(&small, &nested_amd), 0);
	assert_int_equal(nested_refill(&small, 1), 0);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(nested_sync(&small, m, gpa(0), gpa(m->limit)), 0);
	/* A page of it becomes trapped, and there is no table to cut the superpage with. */
	s = step_release(8 * GIB, GIB, 1);
	assert_int_equal(transact(m, &s, 1), 0);
	s = step_claim(8 * GIB, MIB, MEM_MMIO, 1);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(nested_sync(&small, m, gpa(8 * GIB), gpa(9 * GIB)), -ENOMEM);
	assert_false(nested_lookup(&small, gpa(8 * GIB + MIB), &leaf));
	assert_int_equal(nested_refill(&small, NESTED_PAGES_PER_CHANGE), 0);
	assert_int_equal(nested_sync(&small, m, gpa(8 * GIB), gpa(9 * GIB)), 0);
	assert_true(nested_matches(&small, m, &where));
	nested_destroy(&small);
}

/* A processor may address more than four levels of tables reach. */
static void memmap_wider_than_the_tree(void **state)
{
	struct mem_range storage[8];
	struct memmap m;
	gpa_t where;

	(void)state;
	memmap_init(&m, NULL, storage, ARRAY_SIZE(storage), 1ull << 52);
	assert_int_equal(memmap_set_base(&m, gpa((1ull << 48) - GIB), gpa((1ull << 48) + GIB),
					 MEM_RAM), 0);
	assert_int_equal(nested_sync(&n, &m, gpa(0), gpa(m.limit)), 0);
	assert_int_equal(leaf_at((1ull << 48) - GIB).size, GIB);
	assert_true(nested_matches(&n, &m, &where));
	assert_int_equal(nested_sync(&n, &m, gpa(1ull << 50), gpa(1ull << 51)), 0);
}

static void trim_gives_pages_back(void **state)
{
	size_t free_pages = page_free_count();

	(void)state;
	nested_trim(&n, 40);
	assert_int_equal(n.reserve_count, 32);
	nested_trim(&n, 5);
	assert_int_equal(n.reserve_count, 5);
	assert_int_equal(page_free_count(), free_pages + 27);
}

/* The trees of two domains do not meet. */
static void two_domains(void **state)
{
	struct nested other;
	struct memmap_step s = step_claim(GIB, 0x4000, MEM_MMIO, 1);
	struct nested_leaf leaf;

	(void)state;
	build_dom0();
	assert_int_equal(nested_init(&other, &nested_amd), 0);
	assert_true(host_nested_attach(domu, &other));
	assert_int_equal(transact(&domu->memmap, &s, 1), 0);
	assert_true(nested_lookup(&other, gpa(GIB), &leaf));
	assert_int_equal(leaf.size, PAGE_SIZE);
	assert_int_equal(leaf_at(GIB).size, 2 * MIB);
	assert_in_step();
	nested_destroy(&other);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(largest_pages),     TEST(bits_of_leaves),        TEST(without_1g),
		TEST(split_and_free),    TEST(freed_tables_wait), TEST(unmap_ranges),
		TEST(unmap_up_to_a_part), TEST(exhausted_reserve),
		TEST(derived_from_memmap), TEST(follows_claims),      TEST(superpages_form_again),
		TEST(starved_sync_is_safe), TEST(two_domains),
		TEST(memmap_wider_than_the_tree), TEST(trim_gives_pages_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
