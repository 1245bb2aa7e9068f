/* SPDX-License-Identifier: MIT */
/*
 * Tables for walkers that do not snoop the caches. Memory is a copy of the
 * tables that starts as garbage and takes over what is written back; a cache
 * line may besides leave the cache by itself at any time. So whenever something
 * is written back a walk may find each entry as it is in memory or as it was
 * stored, in every combination, and each must find what was or what is to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/nested.h>
#include <taproot/string.h>

#include "mem_fixture.h"

#define LINE       64u
#define PAGES_MAX  2048u
#define PROBES     96u
#define TABLES_MAX 48u
#define BASE       (4 * GIB)

static struct nested n;
static unsigned lines; /* written back so far */

/* What memory holds of the pages that were ever written back. */
static struct {
	uintptr_t page;
	uint64_t entry[512];
} memory[PAGES_MAX];
static unsigned memory_pages;

static uint64_t *in_memory(const void *p)
{
	uintptr_t page = (uintptr_t)p & ~(uintptr_t)0xfff;
	unsigned i = (unsigned)(page >> 12) % PAGES_MAX;

	while (memory[i].page && memory[i].page != page) {
		i = (i + 1) % PAGES_MAX;
	}
	if (!memory[i].page) {
		assert_true(++memory_pages < PAGES_MAX);
		memory[i].page = page;
		memset(memory[i].entry, 0xa5, sizeof(memory[i].entry));
	}
	return &memory[i].entry[((uintptr_t)p & 0xfff) / 8];
}

/* ---- the walks ---- */

static struct {
	uint64_t at;
	bool mapped; /* by what was done so far */
	bool always; /* before, after, and so meanwhile */
	bool never;  /* neither */
} probe[PROBES];
static unsigned probes;

/* Walk from `table` on by every choice of entries; `now`: by what is in memory only. */
static void walk(const uint64_t *table, unsigned level, unsigned i, bool now)
{
	uint64_t at = probe[i].at;
	const uint64_t *entry = &table[at >> (12 + 9 * level) & 511];
	uint64_t choice[2] = {*in_memory(entry), *entry};

	for (unsigned c = 0; c < (now ? 1 : 2); c++) {
		uint64_t e = choice[c];
		uint64_t size = PAGE_SIZE << (9 * level);

		if (c == 1 && e == choice[0]) {
			continue;
		}
		if (!(e & n.format.present_mask)) {
			if (probe[i].always || (now && probe[i].mapped)) {
				fail_msg("%#lx is not mapped at level %u", at, level);
			}
		} else if (level == 0 || (e & n.format.large_bit)) {
			uint64_t bits = n.format.leaf_bits | (level ? n.format.large_bit : 0);

			if (e != (ALIGN_DOWN(at, size) | bits) || probe[i].never ||
			    (now && !probe[i].mapped)) {
				fail_msg("%#lx: leaf %#lx at level %u", at, e, level);
			}
		} else {
			if ((e & ~n.format.address_mask) != n.format.table_bits) {
				fail_msg("%#lx: entry %#lx at level %u", at, e, level);
			}
			walk(arch_hpa_to_va(hpa(e & n.format.address_mask)), level - 1, i, now);
		}
	}
}

static void walks(bool now)
{
	for (unsigned i = 0; i < probes; i++) {
		walk(n.root, n.format.levels - 1u, i, now);
	}
}

static void write_back(const void *p, size_t len)
{
	uintptr_t first = (uintptr_t)p & ~(uintptr_t)(LINE - 1);

	if (n.root) {
		walks(false);
	}
	for (uintptr_t line = first; line < (uintptr_t)p + len; line += LINE) {
		memcpy(in_memory((void *)line), (void *)line, LINE);
		lines++;
		if (n.root && len <= PAGE_SIZE / 8) {
			walks(false);
		}
	}
}

/* ---- what is done to the tables ---- */

static int setup(void **state)
{
	struct nested_format f = nested_vtd;

	memset(memory, 0, sizeof(memory));
	memory_pages = 0;
	probes = 0;
	memset(&n, 0, sizeof(n));
	f.write_back = write_back;
	if (fixture_domains(state) || nested_init(&n, &f) || nested_refill(&n, TABLES_MAX)) {
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	probes = 0;
	nested_destroy(&n);
	return 0;
}

static void add_probe(uint64_t at)
{
	assert_true(probes < PROBES);
	probe[probes].mapped = false;
	probe[probes++].at = at;
}

/* Returns how many lines were written back. */
static unsigned change(uint64_t start, uint64_t size, bool to_map)
{
	unsigned before = lines;

	for (unsigned i = 0; i < probes; i++) {
		bool inside = probe[i].at - start < size;

		probe[i].always = probe[i].mapped && (to_map || !inside);
		probe[i].never = !probe[i].mapped && (!to_map || !inside);
		probe[i].mapped = inside ? to_map : probe[i].mapped;
	}
	if (to_map) {
		assert_int_equal(
			nested_map(&n, gpa(start), hpa(start), size, NESTED_WB, true, NULL), 0);
	} else {
		assert_int_equal(nested_unmap(&n, gpa(start), size), 0);
	}
	before = lines - before;
	walks(true);
	for (unsigned i = 0; i < probes; i++) {
		probe[i].always = false;
		probe[i].never = false;
	}
	nested_flushed(&n);
	assert_int_equal(nested_refill(&n, TABLES_MAX), 0);
	return before;
}

/* ---- tests ---- */

static void split_and_merge(void **state)
{
	(void)state;
	add_probe(BASE);
	add_probe(BASE + 0x5000);
	add_probe(BASE + 2 * MIB);
	add_probe(BASE + GIB - 0x1000);
	add_probe(BASE + GIB);
	for (unsigned round = 0; round < 3; round++) {
		change(BASE, GIB, true); /* one leaf */
		change(BASE + 0x5000, 0x1000, false);
		change(BASE, 2 * MIB, true);
		change(BASE + 2 * MIB, 2 * MIB, false);
		change(BASE + 0x5000, 0x1000, false);
		change(BASE, GIB, true); /* tables of both levels go */
		change(BASE, GIB, false);
	}
	change(BASE, 2 * MIB - 0x1000, true);
	change(BASE, 2 * MIB, true);
	change(BASE, 0x1000, false);
	change(BASE, 2 * MIB, false);
	assert_int_equal(n.table_pages, 1);
}

static uint32_t random_state = 5;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % limit;
}

static void random_changes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PROBES; i++) {
		uint64_t a = BASE + random_below(3) * GIB + random_below(4) * 2 * MIB;

		add_probe(a + random_below(512) * PAGE_SIZE);
	}
	for (unsigned round = 0; round < 1500; round++) {
		uint64_t unit = (uint64_t[]){PAGE_SIZE, 2 * MIB, GIB}[random_below(5) % 3];
		uint64_t start = BASE + random_below(3) * GIB;
		uint64_t size = unit * (1 + random_below(unit == GIB ? 2 : 600));

		if (unit < GIB) {
			start += random_below(4) * 2 * MIB;
		}
		if (unit == PAGE_SIZE) {
			start += random_below(512) * PAGE_SIZE;
		}
		change(start, size, random_below(2));
	}
}

/* A 1 MiB BAR costs its entries' lines; new tables their links' and those of what leads to them. */
static void lines_of_a_bar(void **state)
{
	const unsigned leaves = 256 * 8 / LINE;

	(void)state;
	assert_int_equal(change(BASE, MIB, true), leaves + 3 * 2);
	assert_int_equal(change(BASE + MIB, MIB, true), leaves);
	assert_int_equal(change(BASE + MIB, MIB, false), leaves);
	assert_int_equal(change(BASE, MIB, false), leaves + 3);
}

/* What frees many tables at once leaves their write-back to who takes them next. */
static void lines_of_a_merge(void **state)
{
	(void)state;
	nested_flushed(&n);
	assert_int_equal(nested_refill(&n, 600), 0);
	for (uint64_t at = BASE; at < BASE + GIB; at += 2 * MIB) {
		(void)change(at, 2 * MIB - 0x1000, true);
	}
	assert_in_range(change(BASE, GIB, true), 1, 16);
	assert_in_range(change(BASE, 0x1000, false), 2 * (PAGE_SIZE / LINE), 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(split_and_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(random_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_of_a_bar, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_of_a_merge, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
