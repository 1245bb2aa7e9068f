/* SPDX-License-Identifier: MIT */
/*
 * BARs through the access functions: sizing, decoding on and off, moves while
 * decoding, conflicts and their end, pages shared by small BARs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

static const sbdf_t nic = {0x0010}, other = {0x0018};

static struct host_pci *simple(sbdf_t s, uint64_t address, uint64_t size)
{
	struct host_pci *p = host_pci_add(s, 0x1234, 0x11e8, 0x00ff, false);

	host_pci_bar(p, 0, PCI_BAR_TYPE_32, size);
	host_pci_bar_set(p, 0, address);
	return p;
}

static void decode(sbdf_t s, bool on)
{
	cfg_write(s, PCI_REG_COMMAND, 2, on ? PCI_CMD_MEMORY | PCI_CMD_MASTER : PCI_CMD_MASTER);
}

static struct pci_bar_info info(sbdf_t s, unsigned index)
{
	struct pci_bar_info i = {0};

	assert_true(pci_bar_info(dom0->pci, s, index, &i));
	return i;
}

static void test_sizes(void **state)
{
	struct host_pci *p = fixture_nic(nic);
	struct pci_bar_info ignored;

	(void)state;
	host_pci_set(p, PCI_REG_COMMAND, 2, 0x0103);
	host_pci_bar_set(p, PCI_BARS_NORMAL, 0xc0200000);
	fixture_start();
	assert_int_equal(info(nic, 0).size, 1 * MIB);
	assert_int_equal(info(nic, 2).size, 16384);
	assert_int_equal(info(nic, 3).size, 32);
	assert_false(info(nic, 3).memory);
	assert_int_equal(info(nic, 6).size, 65536);
	assert_false(pci_bar_info(dom0->pci, nic, 1, &ignored));
	assert_false(pci_bar_info(dom0->pci, nic, 4, &ignored));
	assert_false(pci_bar_info(dom0->pci, other, 0, &ignored));
	/* Sizing left no trace. */
	assert_int_equal(host_pci_get(p, PCI_REG_COMMAND, 2), 0x0103);
	assert_int_equal(host_pci_get(p, 0x10, 4), NIC_BAR0 | 0xc);
	assert_int_equal(host_pci_get(p, 0x1c, 4), 0xc001);
	assert_int_equal(host_pci_get(p, 0x30, 4), 0xc0200000);
}

static void test_decoded_at_boot(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	fixture_start();
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
	assert_int_equal(owner_at(NIC_BAR0 + MIB - 1), nic.v);
	assert_int_equal(type_at(NIC_BAR2), MEM_TRAP);
	assert_int_equal(type_at(NIC_BAR2 + 0x1000), MEM_MMIO);
	assert_int_equal(type_at(NIC_BAR2 + 0x2000), MEM_TRAP);
	assert_int_equal(type_at(NIC_BAR2 + 0x3000), MEM_MMIO);
	assert_int_equal(stats().bars_mapped, 2);
}

static void test_decode_toggle(void **state)
{
	(void)state;
	simple(nic, 0xc0000000, 1 * MIB);
	fixture_start();
	assert_int_equal(type_at(0xc0000000), MEM_HOLE);
	decode(nic, true);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
	assert_int_equal(type_at(0xc0100000), MEM_HOLE);
	host_changes_clear();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_MASTER | 0x40);
	assert_int_equal(host_change_calls, 0);
	decode(nic, false);
	assert_int_equal(type_at(0xc0000000), MEM_HOLE);
	/* Also by the low byte alone, and by a dword that writes Status. */
	cfg_write(nic, PCI_REG_COMMAND, 1, PCI_CMD_MEMORY);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
	cfg_write(nic, PCI_REG_COMMAND + 1, 1, 0);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
	cfg_write(nic, PCI_REG_COMMAND, 4, 0xffff0000u);
	assert_int_equal(type_at(0xc0000000), MEM_HOLE);
}

static void test_move_while_decoding(void **state)
{
	(void)state;
	simple(nic, 0xc0000000, 1 * MIB);
	fixture_start();
	decode(nic, true);
	host_changes_clear();
	cfg_write(nic, PCI_REG_BAR0, 4, 0xd0000000);
	assert_int_equal(type_at(0xc0000000), MEM_HOLE);
	assert_int_equal(type_at(0xd0000000), MEM_MMIO);
	assert_int_equal(host_change_calls, 1); /* one transaction */
	/* To a place that overlaps the old one. */
	cfg_write(nic, PCI_REG_BAR0 + 2, 2, 0xd010);
	assert_int_equal(type_at(0xd0000000), MEM_HOLE);
	assert_int_equal(type_at(0xd0100000), MEM_MMIO);
	/* The same value again, and bits that are read-only: nothing happens. */
	host_changes_clear();
	cfg_write(nic, PCI_REG_BAR0, 4, 0xd010000f);
	assert_int_equal(host_change_calls, 0);
}

static void test_move_with_table(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	fixture_start();
	decode(nic, true);
	cfg_write(nic, 0x18, 4, 0xc0104000);
	assert_int_equal(type_at(NIC_BAR2), MEM_HOLE);
	assert_int_equal(type_at(NIC_BAR2 + 0x2000), MEM_HOLE);
	assert_int_equal(type_at(0xc0104000), MEM_TRAP);
	assert_int_equal(type_at(0xc0105000), MEM_MMIO);
	assert_int_equal(type_at(0xc0106000), MEM_TRAP);
	/* Registers beside the table are the device's, at the new place. */
	host_pci_memory_set(p, 2, 0x800, 4, 0x12345678);
	assert_int_equal(mem_read(dom0, 0xc0104800, 4), 0x12345678);
	mem_write(dom0, 0xc0104ffe, 2, 0xbeef);
	assert_int_equal(host_pci_memory_get(p, 2, 0xffc, 4), 0xbeef0000);
}

static void test_guest_sizing(void **state)
{
	(void)state;
	simple(nic, 0xc0000000, 1 * MIB);
	fixture_start();
	cfg_write(nic, PCI_REG_BAR0, 4, 0xffffffff);
	assert_int_equal(cfg_read(nic, PCI_REG_BAR0, 4), 0xfff00000);
	cfg_write(nic, PCI_REG_BAR0, 4, 0xc0000000);
	decode(nic, true);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
	/* With decoding on, it is at the top for a while. */
	cfg_write(nic, PCI_REG_BAR0, 4, 0xffffffff);
	assert_int_equal(cfg_read(nic, PCI_REG_BAR0, 4), 0xfff00000);
	assert_int_equal(type_at(0xc0000000), MEM_HOLE);
	assert_int_equal(type_at(0xfff00000), MEM_MMIO);
	cfg_write(nic, PCI_REG_BAR0, 4, 0xc0000000);
	assert_int_equal(type_at(0xfff00000), MEM_HOLE);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
}

static void test_64_bit(void **state)
{
	struct host_pci *p = host_pci_add(nic, 0x1af4, 0x1110, 0x0500, false);

	(void)state;
	host_pci_bar(p, 2, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 8 * GIB);
	host_pci_bar_set(p, 2, 0x800000000ull);
	fixture_start();
	assert_int_equal(info(nic, 2).size, 8 * GIB);
	decode(nic, true);
	assert_int_equal(type_at(0x800000000ull), MEM_MMIO);
	assert_int_equal(type_at(0x9ffffffffull), MEM_MMIO);
	assert_int_equal(type_at(0xa00000000ull), MEM_HOLE);
	/* Half of a move is a move as well. */
	cfg_write(nic, 0x1c, 4, 0x10);
	assert_int_equal(type_at(0x800000000ull), MEM_HOLE);
	assert_int_equal(type_at(0x1000000000ull), MEM_MMIO);
	cfg_write(nic, 0x1c, 4, 0xffffffff);
	assert_int_equal(type_at(0x1000000000ull), MEM_HOLE);
	assert_true(info(nic, 2).pending);
	assert_true(host_console_contains("outside the address space"));
	mem_write(dom0, ecam_address(nic, 0x18), 8, 0x800000000ull);
	assert_true(info(nic, 2).mapped);
	assert_int_equal(type_at(0x800000000ull), MEM_MMIO);
}

static void test_conflicts(void **state)
{
	static const uint64_t bad[] = {0x1000000, FIXTURE_OURS, FIXTURE_ECAM, NIC_BAR0};

	(void)state;
	simple(other, 0xc8000000, 1 * MIB);
	fixture_nic(nic);
	fixture_start();
	decode(nic, true);
	decode(other, true);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t type = type_at(bad[i]);
		uint32_t owner = owner_at(bad[i]);

		cfg_write(other, PCI_REG_BAR0, 4, (uint32_t)bad[i]);
		assert_true(info(other, 0).pending);
		assert_int_equal(type_at(bad[i]), type);
		assert_int_equal(owner_at(bad[i]), owner);
		assert_int_equal(type_at(0xc8000000), MEM_HOLE);
		assert_int_equal(cfg_read(other, PCI_REG_BAR0, 4), bad[i]);
	}
	assert_true(host_console_contains("0000:00:03.0: BAR 0 [0x1000000, 0x1100000) not mapped: "
					  "meets RAM"));
	assert_true(host_console_contains("meets 0000:00:02.0 at"));
	/* The one in its way moves: it is mapped now. */
	decode(nic, false);
	assert_true(info(other, 0).mapped);
	assert_int_equal(owner_at(NIC_BAR0), other.v);
	assert_true(host_console_contains("after all"));
	assert_int_equal(stats().bars_pending, 0);
	/* And the other way round: first come, first served. */
	decode(nic, true);
	assert_true(info(nic, 0).pending);
	assert_true(info(nic, 2).mapped);
	decode(other, false);
	assert_true(info(nic, 0).mapped);
}

static void test_swap_places(void **state)
{
	(void)state;
	simple(nic, 0xc0000000, 1 * MIB);
	simple(other, 0xc0100000, 1 * MIB);
	fixture_start();
	decode(nic, true);
	decode(other, true);
	cfg_write(nic, PCI_REG_BAR0, 4, 0xc0100000);
	cfg_write(other, PCI_REG_BAR0, 4, 0xc0000000);
	assert_int_equal(owner_at(0xc0100000), nic.v);
	assert_int_equal(owner_at(0xc0000000), other.v);
	assert_int_equal(stats().bars_pending, 0);
}

static void test_pending_bars_that_leave(void **state)
{
	(void)state;
	simple(nic, 0x1000000, 1 * MIB);
	simple(other, 0x2000000, 1 * MIB);
	fixture_start();
	decode(nic, true);
	decode(other, true);
	assert_int_equal(stats().bars_pending, 2);
	decode(nic, false);
	assert_int_equal(stats().bars_pending, 1);
	decode(other, false);
	assert_int_equal(stats().bars_pending, 0);
}

static void test_reserved_memory(void **state)
{
	(void)state;
	simple(nic, FIXTURE_RSVD, 1 * MIB);
	fixture_start();
	decode(nic, true);
	assert_int_equal(type_at(FIXTURE_RSVD), MEM_MMIO);
	decode(nic, false);
	assert_int_equal(type_at(FIXTURE_RSVD), MEM_RESERVED);
}

static void test_rom(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	host_pci_bar_set(p, PCI_BARS_NORMAL, 0xc0200000);
	fixture_start();
	decode(nic, true);
	assert_int_equal(type_at(0xc0200000), MEM_HOLE);
	cfg_write(nic, PCI_REG_ROM, 1, PCI_ROM_ENABLE);
	assert_int_equal(type_at(0xc0200000), MEM_MMIO);
	assert_int_equal(type_at(0xc020ffff), MEM_MMIO);
	decode(nic, false);
	assert_int_equal(type_at(0xc0200000), MEM_HOLE);
	decode(nic, true);
	assert_int_equal(type_at(0xc0200000), MEM_MMIO);
	cfg_write(nic, PCI_REG_ROM, 4, 0xc0200000);
	assert_int_equal(type_at(0xc0200000), MEM_HOLE);
}

static void test_bridge(void **state)
{
	sbdf_t bridge = sbdf_make(0, 0, 4, 0);
	struct host_pci *p = host_pci_add(bridge, 0x1b36, 0x000c, 0x0604, true);
	struct pci_bar_info ignored;

	(void)state;
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 4096);
	host_pci_bar_set(p, 0, 0xc0300000);
	host_pci_bar(p, PCI_BARS_NORMAL, 0, 2048);
	host_pci_bar_set(p, PCI_BARS_NORMAL, 0xc0301000);
	fixture_start();
	assert_false(pci_bar_info(dom0->pci, bridge, 2, &ignored));
	assert_int_equal(info(bridge, 6).size, 2048);
	decode(bridge, true);
	assert_int_equal(type_at(0xc0300000), MEM_MMIO);
	cfg_write(bridge, PCI_REG_ROM_BRIDGE, 1, 1);
	assert_int_equal(type_at(0xc0301000), MEM_MMIO);
	/* The windows of a bridge are no BARs. */
	cfg_write(bridge, 0x20, 4, 0xffffffff);
	cfg_write(bridge, PCI_REG_PRIMARY, 4, 0x00030200);
	assert_int_equal(host_pci_get(p, 0x20, 4), 0xfff0fff0);
	assert_int_equal(stats().bars_mapped, 2);
}

static void test_host_bridge_keeps_decoding(void **state)
{
	struct host_pci *p = host_pci_add(sbdf_make(0, 0, 0, 0), 0x8086, 0x29c0, 0x0600, false);

	(void)state;
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	host_pci_writable(p, PCI_REG_COMMAND, 2, 0);
	fixture_start();
	assert_int_equal(host_pci_get(p, PCI_REG_COMMAND, 2), PCI_CMD_MEMORY);
}

static void test_odd_masks(void **state)
{
	struct host_pci *p = host_pci_add(nic, 0x1234, 1, 0xff00, false);
	struct pci_bar_info ignored;

	(void)state;
	/* A hole among the address bits; a 64-bit BAR without a second half; type bits only. */
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 4096);
	host_pci_writable(p, 0x10, 4, 0xfff0f000);
	host_pci_bar(p, 5, PCI_BAR_TYPE_64, 4096);
	host_pci_writable(p, 0x28, 4, 0);
	host_pci_set(p, 0x18, 4, PCI_BAR_PREFETCH);
	fixture_start();
	assert_int_equal(info(nic, 0).size, 4096);
	assert_true(host_console_contains("holes"));
	assert_true(host_console_contains("0000:00:02.0: BAR at 0x24 is 64-bit but the last one"));
	assert_false(pci_bar_info(dom0->pci, nic, 2, &ignored));
	assert_false(pci_bar_info(dom0->pci, nic, 5, &ignored));
	decode(nic, true);
	cfg_write(nic, 0x24, 4, 0xc0000000);
	cfg_write(nic, 0x18, 4, 0xc0000000);
}

/* ---- BARs smaller than a page ---- */

static void test_small_bars_share(void **state)
{
	(void)state;
	simple(nic, 0xc0000000, 256);
	simple(other, 0xc0000400, 1024);
	fixture_start();
	decode(nic, true);
	decode(other, true);
	assert_int_equal(stats().bars_pending, 0);
	decode(nic, false);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
	decode(nic, true);
	decode(other, false);
	assert_int_equal(type_at(0xc0000400), MEM_MMIO);
	decode(nic, false);
	assert_int_equal(type_at(0xc0000000), MEM_HOLE);
	assert_int_equal(stats().bars_mapped, 0);
}

static void test_small_bar_in_a_large_one(void **state)
{
	(void)state;
	simple(nic, 0xc0000000, 4096);
	simple(other, 0xc0000800, 256);
	fixture_start();
	decode(nic, true);
	decode(other, true);
	assert_true(info(other, 0).pending);
	decode(nic, false);
	assert_true(info(other, 0).mapped);
}

static struct host_pci *small_with_table(sbdf_t s, uint64_t address)
{
	struct host_pci *p = simple(s, address, 256);

	host_pci_cap_msix(p, 0x40, 4, 0, 0x40, 0, 0x80);
	return p;
}

static void test_small_table_shares(void **state)
{
	struct host_pci *p = small_with_table(nic, 0xc0000200);
	struct host_pci *q = simple(other, 0xc0000c00, 1024);

	(void)state;
	fixture_start();
	decode(other, true);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
	decode(nic, true);
	assert_int_equal(type_at(0xc0000000), MEM_TRAP);
	/* The other's registers go through the window, at their place. */
	host_pci_memory_set(q, 0, 0x10, 4, 0xcafe);
	assert_int_equal(mem_read(dom0, 0xc0000c10, 4), 0xcafe);
	host_pci_memory_set(p, 0, 0x10, 4, 0xf00d);
	assert_int_equal(mem_read(dom0, 0xc0000210, 4), 0xf00d);
	/* The table is ours. */
	mem_write(dom0, 0xc0000240, 4, 0xfee00000);
	assert_int_equal(mem_read(dom0, 0xc0000240, 4), 0xfee00000);
	assert_int_equal(host_pci_memory_get(p, 0, 0x40, 4), 0);
	decode(nic, false);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
	assert_int_equal(owner_at(0xc0000000), other.v);
	decode(nic, true);
	decode(other, false);
	assert_int_equal(type_at(0xc0000000), MEM_TRAP);
	decode(nic, false);
	assert_int_equal(type_at(0xc0000000), MEM_HOLE);
}

static void test_two_small_tables(void **state)
{
	(void)state;
	small_with_table(nic, 0xc0000000);
	small_with_table(other, 0xc0000100);
	fixture_start();
	decode(nic, true);
	decode(other, true);
	assert_true(info(nic, 0).mapped);
	assert_true(info(other, 0).pending);
	decode(nic, false);
	assert_true(info(other, 0).mapped);
}

static void test_cost_is_independent_of_functions(void **state)
{
	unsigned reads[2], calls[2];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		fixture_create(2);
		simple(nic, 0xc0000000, 1 * MIB);
		for (unsigned i = 0; round && i < 1024; i++) {
			(void)simple((sbdf_t){0x1000 + 8 * i}, 0, 4096);
		}
		fixture_start();
		host_changes_clear();
		host_pci_read_count = 0;
		decode(nic, true);
		decode(nic, false);
		reads[round] = host_pci_read_count;
		calls[round] = host_change_calls;
	}
	assert_int_equal(stats().functions, 1025);
	assert_int_equal(reads[0], reads[1]);
	assert_int_equal(calls[0], calls[1]);
}

#define T(f) cmocka_unit_test_setup(f, fixture_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sizes),
		T(test_decoded_at_boot),
		T(test_decode_toggle),
		T(test_move_while_decoding),
		T(test_move_with_table),
		T(test_guest_sizing),
		T(test_64_bit),
		T(test_conflicts),
		T(test_swap_places),
		T(test_pending_bars_that_leave),
		T(test_reserved_memory),
		T(test_rom),
		T(test_bridge),
		T(test_host_bridge_keeps_decoding),
		T(test_odd_masks),
		T(test_small_bars_share),
		T(test_small_bar_in_a_large_one),
		T(test_small_table_shares),
		T(test_two_small_tables),
		T(test_cost_is_independent_of_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
