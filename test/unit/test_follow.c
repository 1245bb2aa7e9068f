/* SPDX-License-Identifier: MIT */
/*
 * Large moves in pieces: what an 8 GiB BAR costs between two interrupts, what
 * a second vCPU finds, claims and moves in between, no pages in the middle, the
 * end of the domain in the middle. Two trees follow the map: one without 1 GiB
 * pages, one without any large ones, as of an old IOMMU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/iommu.h>

#include "pci_fixture.h"

#define BIG      (8 * GIB)
#define OLD      0x4000000000ull
#define NEW      0x4200000000ull
#define BIG_MSIX 0x40u
#define TABLE    (4 * GIB)
/* What one access, or one piece, may write: its share, a run that begins just before, small ranges.
 */
#define BOUND (MEMMAP_PIECE + 4096u)

static const sbdf_t big = {0x0010}, nic = {0x0018};
static struct nested npt, dma;

static int setup(void **state)
{
	struct nested_format processor = nested_amd, device = nested_vtd;
	struct host_pci *p;

	processor.has_1g = false;
	device.has_1g = false;
	device.only_4k = true;
	if (fixture_machine(state)) {
		return -1;
	}
	p = host_pci_add(big, 0x1af4, 0x1110, 0x0500, false);
	host_pci_bar(p, 2, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, BIG);
	host_pci_bar_set(p, 2, OLD);
	(void)fixture_nic(nic);
	if (nested_init(&npt, &processor) || nested_init(&dma, &device) ||
	    nested_refill(&npt, HOST_RESERVE_PAGES) || nested_refill(&dma, HOST_RESERVE_PAGES) ||
	    nested_sync(&npt, &dom0->memmap, gpa(0), gpa(FIXTURE_LIMIT)) ||
	    !host_nested_attach(dom0, &npt)) {
		return -1;
	}
	fixture_start();
	return 0;
}

/* The devices' tree holds what is above RAM only: all of RAM in 4 KiB pages is another matter. */
static void attach_devices(void)
{
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(0), gpa(FIXTURE_RAM), MEM_HOLE), 0);
	assert_int_equal(nested_sync(&npt, &dom0->memmap, gpa(0), gpa(FIXTURE_LIMIT)), 0);
	nested_flushed(&npt);
	assert_true(host_nested_attach(dom0, &dma));
}

static uint64_t worked(void)
{
	return npt.work + dma.work;
}

static void assert_in_step(void)
{
	gpa_t where;

	assert_int_equal(dom0->memmap.lag_count, 0);
	if (!nested_matches(&npt, &dom0->memmap, &where)) {
		fail_msg("processors' tables differ at %#lx", where.v);
	}
	if (dma.table_pages > 1 && !nested_matches(&dma, &dom0->memmap, &where)) {
		fail_msg("devices' tables differ at %#lx", where.v);
	}
}

static bool mapped(const struct nested *n, uint64_t a)
{
	struct nested_leaf leaf;

	return nested_lookup(n, gpa(a), &leaf);
}

/* An access of a vCPU, which does not cost more than it may. */
static void write_as(unsigned vcpu, sbdf_t s, unsigned reg, unsigned len, uint32_t value)
{
	uint64_t before = worked();

	host_vcpu_set(dom0->vcpu[vcpu]);
	cfg_write(s, reg, len, value);
	host_vcpu_set(NULL);
	assert_in_range(worked() - before, 0, BOUND);
}

static bool piece_of(unsigned vcpu)
{
	uint64_t before = worked();

	host_vcpu_set(dom0->vcpu[vcpu]);
	vcpu_catch_up(dom0->vcpu[vcpu]);
	host_vcpu_set(NULL);
	assert_in_range(worked() - before, 0, BOUND);
	return dom0->vcpu[vcpu]->behind;
}

/* What the run loop does before the vCPU goes on; how many pieces. */
static unsigned settle(unsigned vcpu)
{
	unsigned pieces = 0;

	while (dom0->vcpu[vcpu]->behind) {
		(void)piece_of(vcpu);
		pieces++;
	}
	return pieces;
}

static void decode(unsigned vcpu, bool on)
{
	write_as(vcpu, big, PCI_REG_COMMAND, 2, on ? PCI_CMD_MEMORY : 0);
}

static void move(unsigned vcpu, uint64_t at)
{
	write_as(vcpu, big, PCI_REG_BAR0 + 12, 4, (uint32_t)(at >> 32));
}

/* Large pages: a toggle or two of them is one piece, done within the access. */
static void superpages_are_one_piece(void **state)
{
	(void)state;
	npt.format.has_1g = true;
	decode(0, true);
	assert_false(dom0->vcpu[0]->behind);
	assert_in_step();
	move(0, NEW);
	assert_false(dom0->vcpu[0]->behind);
	assert_in_step();
	assert_false(mapped(&npt, OLD));
	assert_true(mapped(&npt, NEW + BIG - 1));
}

static void pieces(void **state)
{
	unsigned count;

	(void)state;
	attach_devices();
	decode(0, true);
	/* The map is as it will be, the tables are not. */
	assert_int_equal(type_at(OLD + BIG - 1), MEM_MMIO);
	assert_true(mapped(&dma, OLD));
	assert_false(mapped(&dma, OLD + BIG - 1));
	assert_true(dom0->vcpu[0]->behind);
	count = settle(0);
	assert_in_range(count, BIG / PAGE_SIZE / MEMMAP_PIECE, 8 * BIG / PAGE_SIZE / MEMMAP_PIECE);
	assert_in_step();
	decode(0, false);
	assert_int_equal(type_at(OLD), MEM_HOLE);
	assert_false(mapped(&dma, OLD));
	assert_true(mapped(&dma, OLD + BIG - 1));
	assert_true(settle(0) > 100);
	assert_in_step();
	/* What it took is free again. */
	assert_in_range(dma.reserve_count, 0, 2 * HOST_RESERVE_PAGES);
	assert_int_equal(dma.table_pages, 1);
}

/* While one vCPU moves the BAR another touches both places. */
static void touched_in_between(void **state)
{
	uint64_t value = 0;

	(void)state;
	decode(0, true);
	settle(0);
	npt.format.only_4k = true;
	move(0, NEW);
	assert_true(dom0->vcpu[0]->behind);
	assert_true(mapped(&npt, OLD + BIG - 1));
	assert_false(mapped(&npt, NEW + BIG - 1));
	/* The new place: mapped by the fault, for the access is the device's. */
	host_vcpu_set(dom0->vcpu[1]);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(NEW + BIG - 8), 8, &value), VERDICT_PERFORM);
	host_vcpu_set(NULL);
	assert_true(mapped(&npt, NEW + BIG - 1));
	assert_false(mapped(&npt, NEW + BIG - 4 * MIB));
	assert_false(dom0->vcpu[1]->behind);
	/* The other function answers, and its own small move is complete at once. */
	assert_int_equal(cfg_read(big, PCI_REG_BAR0 + 12, 4), NEW >> 32);
	assert_int_equal(cfg_read(nic, PCI_REG_VENDOR, 4), 0x10c98086);
	npt.format.only_4k = false;
	settle(0);
	assert_in_step();
}

/* A table of another device comes to lie where the old mapping has not gone yet. */
static void trapped_in_between(void **state)
{
	(void)state;
	decode(0, true);
	settle(0);
	npt.format.only_4k = true;
	decode(0, false);
	assert_true(dom0->vcpu[0]->behind);
	assert_true(mapped(&npt, OLD + BIG - 4 * MIB));
	host_vcpu_set(dom0->vcpu[1]);
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(OLD + BIG - 4 * MIB), PAGE_SIZE,
					  &(struct mmio_ops){.name = "test"}, NULL),
			 0);
	host_vcpu_set(NULL);
	assert_false(mapped(&npt, OLD + BIG - 4 * MIB));
	assert_true(mapped(&npt, OLD + BIG - 2 * MIB));
	/* Who waits for nothing is not held up. */
	assert_false(dom0->vcpu[1]->behind);
	settle(0);
	assert_false(mapped(&npt, OLD + BIG - 2 * MIB));
	assert_in_step();
}

/* Two vCPUs move the same BAR: where it is in the end is where the register says. */
static void moved_again_in_between(void **state)
{
	(void)state;
	attach_devices();
	decode(0, true);
	for (unsigned i = 0; i < 3; i++) {
		(void)piece_of(0);
	}
	move(1, NEW);
	assert_true(dom0->vcpu[1]->behind);
	for (unsigned i = 0; i < 40; i++) {
		(void)piece_of(i & 1);
	}
	decode(2, false);
	(void)piece_of(0);
	decode(3, true);
	while (piece_of(0) | piece_of(1) | piece_of(3)) {
	}
	assert_int_equal(settle(2), 1);
	assert_in_step();
	assert_int_equal(type_at(OLD), MEM_HOLE);
	assert_int_equal(type_at(NEW), MEM_MMIO);
	assert_int_equal(stats().bars_mapped, 1);
}

/* More ranges at a time than the list has: the last one covers more than it has to. */
static void list_is_full(void **state)
{
	(void)state;
	attach_devices();
	decode(0, true);
	for (unsigned i = 0; i < 2 * MEMMAP_LAGS_MAX; i++) {
		struct memmap_step s = {.kind = MEMMAP_CLAIM,
					.type = MEM_MMIO,
					.start = gpa(0x5000000000ull + i * GIB),
					.size = 4 * MIB,
					.owner = {i}};

		assert_int_equal(memmap_check(&dom0->memmap, &s, 1, NULL), 0);
		host_vcpu_set(dom0->vcpu[i % 4]);
		memmap_commit(&dom0->memmap, &s, 1);
		host_vcpu_set(NULL);
	}
	assert_int_equal(dom0->memmap.lag_count, MEMMAP_LAGS_MAX);
	settle(3);
	assert_in_step();
	for (unsigned i = 0; i < 3; i++) {
		settle(i);
	}
}

/* No pages for 4096 tables: the rest is given up, and had when there are pages. */
static void no_pages_in_the_middle(void **state)
{
	void *taken = NULL;
	gpa_t where;

	(void)state;
	attach_devices();
	decode(0, true);
	(void)piece_of(0);
	while (page_free_count() > page_total_count() / 8 + 100) {
		void *page = page_alloc();

		*(void **)page = taken;
		taken = page;
	}
	settle(0);
	assert_true(host_console_contains("no memory for tables of ["));
	assert_int_equal(dom0->memmap.lag_count, 0);
	assert_false(memmap_is_followed(&dom0->memmap));
	assert_true(mapped(&dma, OLD));
	assert_false(mapped(&dma, OLD + BIG - 1));
	/* Processors have all of it; the last eighth is there for others. */
	assert_true(nested_matches(&npt, &dom0->memmap, &where));
	assert_in_range(page_free_count(), page_total_count() / 8 - 64, page_total_count() / 8);
	memmap_follow_missed(dom0);
	assert_false(memmap_is_followed(&dom0->memmap));
	while (taken) {
		void *next = *(void **)taken;

		page_free(taken);
		taken = next;
	}
	host_vcpu_set(dom0->vcpu[2]);
	memmap_follow_missed(dom0);
	host_vcpu_set(NULL);
	settle(2);
	assert_true(memmap_is_followed(&dom0->memmap));
	assert_in_step();
}

/* Unmapping needs no tables, whatever is left. */
static void unmapped_without_pages(void **state)
{
	(void)state;
	attach_devices();
	decode(0, true);
	settle(0);
	while (page_alloc()) {
	}
	decode(0, false);
	settle(0);
	assert_in_step();
}

/* Nobody goes on with what an ended domain has left; nothing waits for it. */
static void end_in_the_middle(void **state)
{
	uint64_t value;

	(void)state;
	attach_devices();
	decode(0, true);
	(void)piece_of(0);
	arch_domain_end(dom0, DOMAIN_POWEROFF);
	assert_true(dom0->vcpu[0]->behind);
	/* No lock is held, the other vCPUs' last accesses are answered. */
	assert_int_equal(cfg_read(big, PCI_REG_COMMAND, 2), PCI_CMD_MEMORY);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(OLD + BIG - 8), 8, &value), VERDICT_PERFORM);
	nested_destroy(&dma);
	nested_destroy(&npt);
}

/* A BAR over pages that were touched before: their tables are freed in one go. */
static void over_opened_pages(void **state)
{
	uint64_t value;

	(void)state;
	npt.format.has_1g = true;
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(ioreq_mmio_read(dom0, gpa(NEW + i * 64 * MIB), 4, &value),
				 VERDICT_PERFORM);
	}
	move(0, NEW);
	decode(0, true);
	settle(0);
	assert_in_step();
	decode(0, false);
	settle(0);
	assert_in_step();
}

/* Where nothing is, and nothing is mapped, costs nothing, whatever size the pages have. */
static void long_hole(void **state)
{
	gpa_t at = gpa(NEW);
	uint64_t before = dma.work;

	(void)state;
	attach_devices();
	assert_int_equal(nested_sync_part(&dma, &dom0->memmap, &at, gpa(FIXTURE_LIMIT), 512), 0);
	assert_int_equal(at.v, FIXTURE_LIMIT);
	assert_in_range(dma.work - before, 0, 512);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(superpages_are_one_piece), TEST(pieces),
		TEST(touched_in_between),       TEST(trapped_in_between),
		TEST(moved_again_in_between),   TEST(list_is_full),
		TEST(no_pages_in_the_middle),   TEST(unmapped_without_pages),
		TEST(end_in_the_middle),        TEST(over_opened_pages),
		TEST(long_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
