/* SPDX-License-Identifier: MIT */
/*
 * Many virtual functions at a time, one by one: what a piece costs, and what a
 * second vCPU reads, writes and touches while they enter, move and leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

#define SRIOV    0x160u
#define TOTAL    32u
#define VF_BAR0  0xfb00000000ull
#define VF_BAR3  0xfb01000000ull
#define VF_SIZE  0x4000ull
#define VF_COUNT 3u
#define VF_MSIX  0x70u
#define ON       (SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY)
#define CONTROL  (SRIOV + SRIOV_REG_CONTROL)
/* Changes of the memmap in one piece: four virtual functions, a change for each of two BARs. */
#define CALLS_MAX 8u

static const sbdf_t nic = {0x0200};
static struct host_pci *dev;

static sbdf_t vf_at(unsigned n)
{
	return (sbdf_t){nic.v + 128 + n * 2};
}

static int setup(void **state)
{
	(void)state;
	fixture_create(2);
	dev = fixture_nic(nic);
	host_pci_extcap(dev, 0x100, 0x0001);
	host_pci_cap_sriov(dev, SRIOV, TOTAL, 128, 2);
	host_pci_vf_bar(dev, 0, PCI_BAR_TYPE_64, VF_SIZE);
	host_pci_vf_bar(dev, 3, PCI_BAR_TYPE_64, VF_SIZE);
	host_pci_vf_msix(dev, VF_COUNT, 3, 0, 3, 0x2000);
	fixture_start();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_MASTER);
	return 0;
}

/* ---- vCPUs ---- */

/* An access of a vCPU: no more than a piece is done within it. */
static void write_as(unsigned vcpu, unsigned reg, unsigned len, uint32_t value)
{
	host_changes_clear();
	host_vcpu_set(dom0->vcpu[vcpu]);
	cfg_write(nic, reg, len, value);
	host_vcpu_set(NULL);
	assert_in_range(host_change_calls, 0, CALLS_MAX);
	assert_false(dom0->pci_lock.held);
}

static bool waits(unsigned vcpu)
{
	return dom0->vcpu[vcpu]->behind;
}

static bool piece_of(unsigned vcpu)
{
	bool more;

	host_changes_clear();
	host_vcpu_set(dom0->vcpu[vcpu]);
	vcpu_catch_up(dom0->vcpu[vcpu]);
	more = dom0->vcpu[vcpu]->behind;
	if (dom0->refill) {
		dom0->refill = false;
		assert_int_equal(pci_root_refill(dom0->pci), 0);
	}
	host_vcpu_set(NULL);
	assert_in_range(host_change_calls, 0, CALLS_MAX);
	return more;
}

static unsigned settle(unsigned vcpu)
{
	unsigned pieces = 0;

	while (waits(vcpu)) {
		(void)piece_of(vcpu);
		pieces++;
	}
	return pieces;
}

static void enable(unsigned count)
{
	fixture_vf_bars(nic, SRIOV, VF_BAR0, VF_BAR3);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, count);
	write_as(0, CONTROL, 2, ON);
}

/* The mask of an entry in the device itself. */
static bool masked(unsigned n, unsigned entry)
{
	return host_pci_memory_get(host_pci_vf(dev, n), 3, entry * MSIX_ENTRY_SIZE + 12, 4) &
	       MSIX_ENTRY_MASKED;
}

static uint64_t table(unsigned n)
{
	return VF_BAR3 + n * VF_SIZE;
}

/* MSI-X of number `n` on, entry 1 open. */
static void program(unsigned n, uint64_t at, unsigned cpu, unsigned vector)
{
	cfg_write(vf_at(n), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	mem_write(dom0, at + MSIX_ENTRY_SIZE, 8, FIXTURE_MSG(cpu));
	mem_write(dom0, at + MSIX_ENTRY_SIZE + 8, 8, vector);
}

static bool interrupts(unsigned n, unsigned cpu, unsigned vector)
{
	vectors_clear();
	return host_pci_fire_msix(host_pci_vf(dev, n), 1) && vector_pending(cpu, vector);
}

/* ---- tests ---- */

static void enter_one_by_one(void **state)
{
	(void)state;
	enable(TOTAL);
	assert_true(waits(0));
	assert_int_equal(stats().functions, 1);
	(void)piece_of(0);
	(void)piece_of(0);
	assert_int_equal(stats().functions, 3);
	assert_int_equal(type_at(table(1)), MEM_TRAP);
	assert_int_equal(type_at(table(2)), MEM_HOLE);
	/* Another vCPU meets some of them. */
	assert_int_equal(cfg_read(vf_at(1), PCI_REG_CLASS, 2), 0x0200);
	assert_int_equal(cfg_read(vf_at(2), PCI_REG_CLASS, 2), 0xffff);
	assert_int_equal(cfg_read(nic, CONTROL, 2), ON);
	/* It reports one: that is to be repeated, and helps. */
	host_vcpu_set(dom0->vcpu[1]);
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(28), nic), -EAGAIN);
	host_vcpu_set(NULL);
	assert_true(waits(1));
	settle(1);
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(28), nic), 0);
	assert_int_equal(settle(0), 1);
	assert_int_equal(stats().functions, 1 + TOTAL);
	assert_int_equal(owner_at(VF_BAR0 + 31 * VF_SIZE), vf_at(31).v);
}

static void moved_while_they_enter(void **state)
{
	(void)state;
	enable(TOTAL);
	for (unsigned i = 0; i < 10; i++) {
		(void)piece_of(0);
	}
	write_as(1, SRIOV + SRIOV_REG_BAR0 + 16, 4, (uint32_t)(VF_BAR3 >> 32) + 1);
	while (waits(0) || waits(1)) {
		(void)piece_of(0);
		(void)piece_of(1);
	}
	for (unsigned n = 0; n < TOTAL; n++) {
		assert_int_equal(type_at(table(n)), MEM_HOLE);
		assert_int_equal(type_at(table(n) + 4 * GIB), MEM_TRAP);
		assert_int_equal(owner_at(table(n) + 4 * GIB), vf_at(n).v);
	}
	program(17, table(17) + 4 * GIB, 1, 0x44);
	assert_true(interrupts(17, 1, 0x44));
}

/* Who turns their memory on while another vCPU's still enter goes on when all are there. */
static void opened_while_they_enter(void **state)
{
	(void)state;
	fixture_vf_bars(nic, SRIOV, VF_BAR0, VF_BAR3);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, TOTAL);
	write_as(0, CONTROL, 2, SRIOV_CTL_ENABLE);
	(void)piece_of(0);
	write_as(1, CONTROL, 2, ON);
	assert_true(waits(1));
	settle(1);
	assert_int_equal(type_at(table(TOTAL - 1)), MEM_TRAP);
	program(TOTAL - 1, table(TOTAL - 1), 1, 0x44);
	assert_true(interrupts(TOTAL - 1, 1, 0x44));
	(void)settle(0);
}

/* A look at the physical function, at which nothing has moved, takes nothing away. */
static void looked_at(void **state)
{
	(void)state;
	enable(TOTAL);
	settle(0);
	program(20, table(20), 1, 0x50);
	host_vcpu_set(dom0->vcpu[0]);
	host_pci_force_read(nic, PCI_REG_VENDOR, 4, 0xffffffff);
	assert_int_equal(cfg_read(nic, PCI_REG_VENDOR, 4), 0xffffffff);
	host_pci_force_read(SBDF_NONE, 0, 0, 0);
	assert_int_not_equal(cfg_read(nic, PCI_REG_VENDOR, 4), 0xffffffff);
	assert_int_equal(cfg_read(vf_at(20), PCI_REG_CLASS, 2), 0x0200);
	host_vcpu_set(NULL);
	mem_write(dom0, table(20) + MSIX_ENTRY_SIZE + 12, 4, 1);
	assert_true(masked(20, 1));
	mem_write(dom0, table(20) + MSIX_ENTRY_SIZE + 12, 4, 0);
	assert_true(interrupts(20, 1, 0x50));
	assert_false(waits(0));
}

static void disabled_while_they_enter(void **state)
{
	(void)state;
	enable(TOTAL);
	for (unsigned i = 0; i < 10; i++) {
		(void)piece_of(0);
	}
	assert_int_equal(stats().functions, 11);
	write_as(1, CONTROL, 2, 0);
	(void)piece_of(1);
	(void)piece_of(0);
	settle(1);
	settle(0);
	assert_int_equal(stats().functions, 1);
	assert_int_equal(cfg_read(nic, CONTROL, 2), 0);
	assert_int_equal(type_at(table(0)), MEM_HOLE);
	enable(3);
	settle(0);
	assert_int_equal(stats().functions, 4);
}

static void move_in_pieces(void **state)
{
	unsigned pieces;

	(void)state;
	enable(TOTAL);
	settle(0);
	for (unsigned n = 0; n < TOTAL; n++) {
		program(n, table(n), n % 4, 0x40 + n);
	}
	/* Up by one's size: each table is where the next one's was. */
	write_as(0, SRIOV + SRIOV_REG_BAR0 + 12, 4, (uint32_t)(VF_BAR3 + VF_SIZE));
	assert_true(waits(0));
	pieces = settle(0);
	assert_in_range(pieces, 2 * TOTAL / 4 - 2, 2 * TOTAL / 4 + 2);
	assert_int_equal(type_at(table(0)), MEM_HOLE);
	for (unsigned n = 0; n < TOTAL; n++) {
		assert_int_equal(owner_at(table(n + 1)), vf_at(n).v);
		assert_true(interrupts(n, n % 4, 0x40 + n));
		mem_write(dom0, table(n + 1) + MSIX_ENTRY_SIZE + 12, 4, 1);
		assert_true(masked(n, 1));
	}
	/* VF MSE off and on. */
	write_as(0, CONTROL, 2, SRIOV_CTL_ENABLE);
	settle(0);
	assert_int_equal(type_at(table(5)), MEM_HOLE);
	write_as(0, CONTROL, 2, ON);
	settle(0);
	assert_int_equal(owner_at(table(TOTAL)), vf_at(TOTAL - 1).v);
}

/* A table that is not where it was is not written, by whatever way. */
static void written_while_they_move(void **state)
{
	uint32_t before;

	(void)state;
	enable(TOTAL);
	settle(0);
	program(20, table(20), 1, 0x50);
	program(21, table(21), 1, 0x51);
	write_as(0, SRIOV + SRIOV_REG_BAR0 + 12, 4, (uint32_t)(VF_BAR3 + VF_SIZE));
	(void)piece_of(0);
	/* The trap is still at the old place of 21's, where 20's is now. */
	assert_int_equal(type_at(table(21)), MEM_TRAP);
	before = host_iomap_write_count;
	host_vcpu_set(dom0->vcpu[1]);
	mem_write(dom0, table(21) + MSIX_ENTRY_SIZE + 12, 4, 1);
	assert_int_equal(mem_read(dom0, table(21) + MSIX_ENTRY_SIZE, 4), 0xffffffff);
	/* MSI-X off and on: the message is programmed anew, when it can be. */
	cfg_write(vf_at(21), VF_MSIX + MSIX_REG_CONTROL, 2, 0);
	cfg_write(vf_at(21), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	host_vcpu_set(NULL);
	assert_int_equal(host_iomap_write_count, before);
	assert_false(waits(1));
	assert_true(interrupts(20, 1, 0x50));
	settle(0);
	assert_true(interrupts(20, 1, 0x50));
	assert_true(interrupts(21, 1, 0x51));
}

static void moved_twice(void **state)
{
	(void)state;
	enable(TOTAL);
	settle(0);
	write_as(0, SRIOV + SRIOV_REG_BAR0 + 12, 4, (uint32_t)(VF_BAR3 + VF_SIZE));
	for (unsigned i = 0; i < 10; i++) {
		(void)piece_of(0);
	}
	write_as(1, SRIOV + SRIOV_REG_BAR0 + 12, 4, (uint32_t)(VF_BAR3 + 2 * VF_SIZE));
	for (unsigned i = 0; i < 5; i++) {
		(void)piece_of(i & 1);
	}
	/* One that is reset in between is mapped by that, before its turn. */
	assert_int_equal(pci_reset_report(dom0->pci, vf_at(7)), 0);
	assert_int_equal(cfg_read(vf_at(7), PCI_REG_CLASS, 2), 0x0200);
	settle(0);
	assert_int_equal(settle(1), 1);
	for (unsigned n = 0; n < TOTAL; n++) {
		assert_int_equal(owner_at(table(n + 2)), vf_at(n).v);
	}
	assert_int_equal(stats().bars_pending, 0);
}

static void leave_one_by_one(void **state)
{
	unsigned vectors = host_vector_count(1);

	(void)state;
	enable(TOTAL);
	settle(0);
	for (unsigned n = 0; n < TOTAL; n++) {
		program(n, table(n), 1, 0x40 + n);
	}
	write_as(0, CONTROL, 2, 0);
	assert_true(waits(0));
	/* The first have left; the others are there, and the device still hears us. */
	assert_int_equal(stats().functions, 1 + TOTAL - 2);
	assert_int_equal(cfg_read(nic, CONTROL, 2), ON);
	assert_int_equal(cfg_read(vf_at(0), PCI_REG_CLASS, 2), 0xffff);
	assert_int_equal(cfg_read(vf_at(20), PCI_REG_CLASS, 2), 0x0200);
	assert_true(interrupts(20, 1, 0x40 + 20));
	mem_write(dom0, table(20) + MSIX_ENTRY_SIZE + 12, 4, 1);
	assert_true(masked(20, 1));
	assert_int_equal(settle(0), TOTAL); /* the last two write, and find nothing more */
	assert_int_equal(cfg_read(nic, CONTROL, 2), 0);
	assert_int_equal(stats().functions, 1);
	assert_int_equal(host_vector_count(1), vectors);
	/* Few of them are gone within the access. */
	enable(1);
	settle(0);
	write_as(0, CONTROL, 2, 0);
	assert_false(waits(0));
	assert_int_equal(cfg_read(nic, CONTROL, 2), 0);
}

/* A write of another vCPU to the capability finds those gone that were to leave before. */
static void written_while_they_leave(void **state)
{
	(void)state;
	enable(TOTAL);
	settle(0);
	write_as(0, CONTROL, 2, 0);
	(void)piece_of(0);
	assert_int_equal(cfg_read(nic, CONTROL, 2), ON);
	host_vcpu_set(dom0->vcpu[1]);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, 5);
	assert_int_equal(cfg_read(nic, CONTROL, 2), 0);
	assert_int_equal(cfg_read(nic, SRIOV + SRIOV_REG_COUNT, 2), 5);
	cfg_write(nic, CONTROL, 2, ON);
	host_vcpu_set(NULL);
	assert_true(waits(0) && waits(1));
	settle(0);
	settle(1);
	assert_int_equal(stats().functions, 6);
	assert_int_equal(cfg_read(nic, CONTROL, 2), ON);
}

/* The physical function is reset, and pulled out, in the middle. */
static void reset_while_they_leave(void **state)
{
	(void)state;
	enable(TOTAL);
	settle(0);
	write_as(0, CONTROL, 2, 0);
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	assert_int_equal(cfg_read(nic, CONTROL, 2), 0);
	assert_int_equal(stats().functions, 1);
	settle(0);
	assert_int_equal(stats().functions, 1);
	enable(TOTAL);
	(void)piece_of(0);
	host_pci_remove(dev);
	assert_int_equal(pci_device_remove(dom0->pci, nic), 0);
	assert_int_equal(stats().functions, 0);
	settle(0);
	assert_int_equal(stats().functions, 0);
	assert_int_equal(stats().bars_mapped, 0);
}

/* Nothing is written to where the device was. */
static void pulled_out_while_they_leave(void **state)
{
	unsigned before;

	(void)state;
	enable(TOTAL);
	settle(0);
	write_as(0, CONTROL, 2, 0);
	host_pci_remove(dev);
	before = host_pci_write_count;
	assert_int_equal(pci_device_remove(dom0->pci, nic), 0);
	settle(0);
	assert_int_equal(host_pci_write_count, before);
	assert_int_equal(stats().functions, 0);
}

/* The pool is used up while they enter: those that are there are in order. */
static void no_memory_in_the_middle(void **state)
{
	unsigned there;

	(void)state;
	enable(TOTAL);
	for (unsigned i = 0; i < 5; i++) {
		(void)piece_of(0);
	}
	while (page_alloc()) {
	}
	there = stats().functions;
	while (waits(0)) {
		host_vcpu_set(dom0->vcpu[0]);
		vcpu_catch_up(dom0->vcpu[0]);
		host_vcpu_set(NULL);
	}
	assert_in_range(stats().functions, there, there + 8);
	assert_true(host_console_contains("no memory for virtual functions from"));
	write_as(0, CONTROL, 2, 0);
	while (waits(0)) {
		host_vcpu_set(dom0->vcpu[0]);
		vcpu_catch_up(dom0->vcpu[0]);
		host_vcpu_set(NULL);
	}
	assert_int_equal(stats().functions, 1);
	assert_int_equal(cfg_read(nic, CONTROL, 2), 0);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(enter_one_by_one),          TEST(moved_while_they_enter),
		TEST(opened_while_they_enter),   TEST(looked_at),
		TEST(disabled_while_they_enter), TEST(move_in_pieces),
		TEST(written_while_they_move),   TEST(moved_twice),
		TEST(leave_one_by_one),          TEST(written_while_they_leave),
		TEST(reset_while_they_leave),    TEST(pulled_out_while_they_leave),
		TEST(no_memory_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
