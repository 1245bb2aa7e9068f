/* SPDX-License-Identifier: MIT */
/* balloon: pages given back and taken again, and the tables that follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <taproot/balloon.h>
#include <taproot/ioreq.h>

#include "mem_fixture.h"

#define RAM          (2 * GIB)
#define PAGES(bytes) ((bytes) / PAGE_SIZE)

/* The tables of processors and of devices. */
static struct nested npt, vtd;

static int setup(void **state)
{
	if (fixture_domains(state) || memmap_set_base(&dom0->memmap, gpa(0), gpa(RAM), MEM_RAM) ||
	    memmap_set_base(&dom0->memmap, gpa(16 * MIB), gpa(17 * MIB), MEM_ACPI) ||
	    nested_init(&npt, &nested_amd) || nested_init(&vtd, &nested_vtd) ||
	    nested_refill(&npt, HOST_RESERVE_PAGES) || nested_refill(&vtd, HOST_RESERVE_PAGES) ||
	    nested_sync(&npt, &dom0->memmap, gpa(0), gpa(FIXTURE_LIMIT)) ||
	    nested_sync(&vtd, &dom0->memmap, gpa(0), gpa(FIXTURE_LIMIT)) ||
	    event_domain_init(dom0)) {
		return -1;
	}
	return host_nested_attach(dom0, &npt) && host_nested_attach(dom0, &vtd) ? 0 : -1;
}

static void check_tables(void)
{
	gpa_t where;

	assert_true(nested_matches(&npt, &dom0->memmap, &where));
	assert_true(nested_matches(&vtd, &dom0->memmap, &where));
}

static bool mapped(const struct nested *n, uint64_t a)
{
	struct nested_leaf leaf;

	return nested_lookup(n, gpa(a), &leaf);
}

static uint64_t leaf_size(uint64_t a)
{
	struct nested_leaf leaf = {.size = 0};

	(void)nested_lookup(&npt, gpa(a), &leaf);
	return leaf.size;
}

static unsigned out(uint64_t a, unsigned order)
{
	return balloon_out(dom0, &(uint64_t){a / PAGE_SIZE}, 1, order);
}

static unsigned in(uint64_t a, unsigned order)
{
	return balloon_in(dom0, &(uint64_t){a / PAGE_SIZE}, 1, order);
}

static void one_page(void **state)
{
	uint64_t a = GIB + 5 * MIB + 3 * PAGE_SIZE;
	uint64_t value;
	uint32_t tables = npt.table_pages;

	(void)state;
	assert_int_equal(leaf_size(a), GIB);
	assert_int_equal(out(a, 0), 1);
	assert_false(mapped(&npt, a));
	assert_false(mapped(&vtd, a));
	assert_true(mapped(&npt, a - PAGE_SIZE) && mapped(&npt, a + PAGE_SIZE));
	assert_int_equal(leaf_size(a + 2 * MIB), 2 * MIB);
	assert_int_equal(type_at(&dom0->memmap, a), MEM_RAM);
	assert_int_equal(balloon_pages(dom0), PAGES(RAM - MIB) - 1);
	assert_int_equal(balloon_pages_max(dom0), PAGES(RAM - MIB));
	check_tables();
	/* Twice is once. The domain's own accesses find nothing there. */
	assert_int_equal(out(a, 0), 0);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(a), 4, &value), VERDICT_REJECT);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(a + 8), 8, 1), VERDICT_REJECT);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(a + PAGE_SIZE - 2), 4, &value), VERDICT_REJECT);
	assert_false(mapped(&npt, a));
	assert_true(host_console_contains("refused an access"));
	/* There again, superpages and all, and no table is left over. */
	assert_int_equal(in(a, 0), 1);
	assert_int_equal(in(a, 0), 0);
	assert_int_equal(leaf_size(a), GIB);
	assert_int_equal(npt.table_pages, tables);
	assert_int_equal(balloon_pages(dom0), PAGES(RAM - MIB));
	check_tables();
}

static void refused_places(void **state)
{
	(void)state;
	assert_int_equal(out(RAM, 0), 0);
	assert_int_equal(out(FIXTURE_LIMIT, 0), 0);
	assert_int_equal(balloon_out(dom0, &(uint64_t){UINT64_MAX}, 1, 0), 0);
	assert_int_equal(balloon_out(dom0, &(uint64_t){UINT64_MAX / 512 * 512}, 1, 9), 0);
	assert_int_equal(out(16 * MIB, 0), 0); /* ACPI tables */
	assert_int_equal(out(MIB, 9), 0);      /* not aligned */
	assert_int_equal(out(16 * MIB, 9), 0); /* not all of it RAM */
	assert_int_equal(out(0, BALLOON_ORDER_MAX + 1), 0);
	assert_int_equal(in(0, 0), 0);
	assert_int_equal(in(RAM, 0), 0);
	assert_int_equal(balloon_pages(dom0), PAGES(RAM - MIB));
	check_tables();
}

static void large_extents(void **state)
{
	(void)state;
	assert_int_equal(out(64 * MIB, 9), 1);
	assert_int_equal(out(66 * MIB, 4), 1);
	assert_false(mapped(&npt, 64 * MIB));
	assert_false(mapped(&vtd, 66 * MIB + 15 * PAGE_SIZE));
	assert_true(mapped(&npt, 66 * MIB + 16 * PAGE_SIZE));
	check_tables();
	/* A page of a large extent that was given back comes alone. */
	assert_int_equal(in(65 * MIB, 0), 1);
	assert_int_equal(leaf_size(65 * MIB), PAGE_SIZE);
	assert_int_equal(in(64 * MIB, 9), 0);
	assert_int_equal(out(65 * MIB, 0), 1);
	assert_int_equal(in(64 * MIB, 9), 1);
	assert_int_equal(leaf_size(64 * MIB), 2 * MIB);
	check_tables();
	assert_int_equal(in(66 * MIB, 4), 1);
	assert_int_equal(leaf_size(GIB + 64 * MIB), GIB);
	check_tables();
}

static void batch_stops(void **state)
{
	uint64_t pfn[BALLOON_BATCH + 8];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pfn); i++) {
		pfn[i] = 1000 + 3 * i;
	}
	pfn[20] = PAGES(RAM);
	host_changes_clear();
	assert_int_equal(balloon_out(dom0, pfn, 30, 0), 20);
	assert_int_equal(host_change_calls, 1);
	pfn[20] = 10;
	assert_int_equal(balloon_out(dom0, pfn + 20, 20, 0), 20);
	assert_int_equal(balloon_in(dom0, pfn, ARRAY_SIZE(pfn), 0), BALLOON_BATCH);
	assert_int_equal(balloon_in(dom0, pfn + BALLOON_BATCH, 8, 0), 8);
	/* The same page twice in a batch. */
	pfn[1] = pfn[0];
	assert_int_equal(balloon_out(dom0, pfn, 2, 0), 1);
	check_tables();
}

/* A page of every 2 MiB goes, and with no table left it stays mapped. */
static void no_tables_left(void **state)
{
	uint64_t a;
	uint32_t tables;

	(void)state;
	assert_int_equal(out(32 * MIB, 0), 1);
	host_pool_keep = SIZE_MAX;
	tables = npt.table_pages + npt.reserve_count;
	/* The same region has its table. */
	assert_int_equal(out(32 * MIB + PAGE_SIZE, 0), 1);
	assert_false(mapped(&npt, 32 * MIB + PAGE_SIZE));
	for (a = 40 * MIB; a < 140 * MIB; a += 2 * MIB) {
		assert_int_equal(out(a, 0), 1);
		assert_int_equal(out(a + MIB, 0), 1);
		assert_true(mapped(&npt, a) && mapped(&vtd, a + MIB));
		assert_true(memmap_is_absent(&dom0->memmap, gpa(a)));
	}
	assert_int_equal(npt.table_pages + npt.reserve_count, tables);
	assert_int_equal(balloon_pages(dom0), PAGES(RAM - MIB) - 102);
	check_tables();
	/* Nothing can be mapped without tables either; with them all is as before. */
	assert_int_equal(in(40 * MIB, 0), 0);
	host_pool_keep = 0;
	for (a = 40 * MIB; a < 140 * MIB; a += 2 * MIB) {
		assert_int_equal(in(a, 0), 1);
		assert_int_equal(in(a + MIB, 0), 1);
	}
	assert_int_equal(out(40 * MIB, 0), 1);
	assert_false(mapped(&npt, 40 * MIB));
	check_tables();
}

/* All memory is used up for tables: it goes on, and nothing is lost. */
static void exhausted(void **state)
{
	void *first = NULL;
	void **page;
	size_t taken = 0;

	(void)state;
	host_pool_keep = 96;
	while (page_free_count() > 300) {
		page = page_alloc();
		*page = first;
		first = page;
		taken++;
	}
	for (uint64_t a = 32 * MIB; a < RAM; a += MIB) {
		assert_int_equal(out(a, 0), 1);
	}
	check_tables();
	assert_int_equal(balloon_pages(dom0), PAGES(RAM - MIB) - (2048 - 32));
	while (first) {
		page = first;
		first = *page;
		page_free(page);
	}
	while (balloon_in_all(dom0) == -EAGAIN) {
		check_tables();
	}
	assert_int_equal(balloon_pages(dom0), PAGES(RAM - MIB));
	assert_int_equal(leaf_size(GIB), GIB);
	check_tables();
}

static void random_pages(void **state)
{
	static bool gone[PAGES(256 * MIB)];
	uint64_t count = 0;

	(void)state;
	srand(4);
	memset(gone, 0, sizeof(gone));
	for (unsigned i = 0; i < 20000; i++) {
		unsigned order = rand() % 8 ? 0 : (unsigned)rand() % 10;
		uint64_t pfn =
			PAGES(32 * MIB) + (((uint64_t)rand() % PAGES(192 * MIB)) >> order << order);
		bool away = rand() & 1;
		bool possible = true;

		for (uint64_t p = pfn; p < pfn + (1u << order); p++) {
			possible = possible && gone[p] != away;
		}
		assert_int_equal(away ? balloon_out(dom0, &pfn, 1, order)
				      : balloon_in(dom0, &pfn, 1, order),
				 possible);
		for (uint64_t p = pfn; possible && p < pfn + (1u << order); p++) {
			gone[p] = away;
			count += away ? 1 : -1ull;
		}
		if (i % 500 == 0) {
			check_tables();
		}
	}
	check_tables();
	assert_int_equal(balloon_pages(dom0), PAGES(RAM - MIB) - count);
	for (uint64_t p = 0; p < PAGES(256 * MIB); p++) {
		assert_int_equal(mapped(&npt, p * PAGE_SIZE), !gone[p]);
		assert_int_equal(memmap_is_absent(&dom0->memmap, gpa(p * PAGE_SIZE)), gone[p]);
	}
}

/* A device's memory is claimed and released right beside pages that are gone. */
static void other_changes(void **state)
{
	struct memmap_step claim = step_claim(RAM, 4 * MIB, MEM_MMIO, 3);
	struct memmap_step release = step_release(RAM, 4 * MIB, 3);

	(void)state;
	assert_int_equal(out(RAM - 2 * MIB, 9), 1);
	assert_int_equal(out(RAM - 4 * MIB, 0), 1);
	assert_int_equal(transact(&dom0->memmap, &claim, 1), 0);
	check_tables();
	assert_int_equal(transact(&dom0->memmap, &release, 1), 0);
	check_tables();
	assert_int_equal(nested_sync(&npt, &dom0->memmap, gpa(0), gpa(FIXTURE_LIMIT)), 0);
	check_tables();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_page, setup),
		cmocka_unit_test_setup(refused_places, setup),
		cmocka_unit_test_setup(large_extents, setup),
		cmocka_unit_test_setup(batch_stops, setup),
		cmocka_unit_test_setup(no_tables_left, setup),
		cmocka_unit_test_setup(exhausted, setup),
		cmocka_unit_test_setup(random_pages, setup),
		cmocka_unit_test_setup(other_changes, setup),
	};

	return cmocka_run_group_tests_name("balloon", tests, NULL, NULL);
}
