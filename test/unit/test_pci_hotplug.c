/* SPDX-License-Identifier: MIT */
/*
 * Slots (PCIe 6.0 6.7), links that are disabled, and BARs that get another
 * size (7.8.6): what leaves, leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

#define PORT_EXP 0x60u
#define SLOTCTL  (PORT_EXP + EXP_REG_SLOTCTL)
#define SLOTSTS  (PORT_EXP + EXP_REG_SLOTSTS)
#define CHANGED  0x0008u /* Presence Detect Changed, RW1C */

static const sbdf_t port = {0x0020}, card = {0x0500}, beside = {0x0010};
static struct host_pci *slot, *dev;

static struct host_pci *plug(void)
{
	host_pci_set(slot, SLOTSTS, 2, EXP_SLOTSTS_PRESENCE);
	return fixture_nic(card);
}

static void pull(void)
{
	host_pci_remove(host_pci_find(card));
	host_pci_set(slot, SLOTSTS, 2, 0);
}

static int machine(void **state)
{
	(void)state;
	fixture_create(2);
	slot = host_pci_add(port, 0x1b36, 0x000c, 0x0604, true);
	host_pci_set(slot, PCI_REG_SECONDARY, 1, 4);
	host_pci_set(slot, PCI_REG_SUBORDINATE, 1, 6);
	host_pci_cap(slot, PORT_EXP, PCI_CAPID_EXPRESS, 0x3c);
	host_pci_set(slot, PORT_EXP + EXP_REG_CAPS, 2, EXP_CAPS_SLOT | 4 << 4);
	host_pci_writable(slot, SLOTCTL, 2, 0x1fff);
	host_pci_writable(slot, PORT_EXP + EXP_REG_LINKCTL, 2, EXP_LINKCTL_DISABLE);
	dev = plug();
	(void)host_pci_add(beside, 0x1234, 0x11e8, 0xff00, false);
	fixture_start();
	return 0;
}

/* As its driver does: BARs, an interrupt. */
static void drive(unsigned vector)
{
	cfg_write(card, PCI_REG_BAR0, 4, (uint32_t)NIC_BAR0);
	cfg_write(card, PCI_REG_BAR0 + 8, 4, (uint32_t)NIC_BAR2);
	cfg_write(card, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_MASTER);
	mem_write(dom0, NIC_BAR2, 8, FIXTURE_MSG(1));
	mem_write(dom0, NIC_BAR2 + 8, 8, vector);
	cfg_write(card, NIC_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(host_pci_find(card), 0));
	assert_true(vector_pending(1, vector));
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
}

static void assert_empty(void)
{
	assert_int_equal(stats().functions, 2);
	assert_int_equal(stats().bars_mapped, 0);
	assert_int_equal(host_vector_count(1), 0);
	assert_int_equal(type_at(NIC_BAR0), MEM_HOLE);
	assert_int_equal(type_at(NIC_BAR2), MEM_HOLE);
	assert_int_equal(cfg_read(card, PCI_REG_VENDOR, 4), 0xffffffff);
}

static void test_ten_times(void **state)
{
	struct pci_root_stats before, after;

	(void)state;
	for (unsigned i = 0; i < 11; i++) {
		if (i) {
			(void)plug();
			cfg_write(port, SLOTSTS, 2, CHANGED);
			assert_int_equal(cfg_read(card, PCI_REG_DEVICE, 2), 0x10c9);
		}
		drive(0x40 + i);
		assert_int_equal(stats().functions, 3);
		/* Without power it is gone. */
		pull();
		cfg_write(port, SLOTCTL, 2, EXP_SLOTCTL_OFF);
		assert_empty();
		cfg_write(port, SLOTCTL, 2, 0);
		assert_int_equal(pci_root_refill(dom0->pci), 0);
		after = stats();
		if (i == 1) {
			before = after;
		} else if (i > 1) {
			assert_memory_equal(&before, &after, sizeof(before));
		}
	}
}

/* Pulled out without a word: all ones, and nothing is left when the driver clears the event. */
static void test_surprise(void **state)
{
	(void)state;
	drive(0x51);
	pull();
	assert_int_equal(cfg_read(card, PCI_REG_COMMAND, 2), 0xffff);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 0x100, 4), 0xffffffff);
	assert_true(mem_read(dom0, NIC_BAR2, 8) == UINT64_MAX);
	cfg_write(port, SLOTSTS, 2, CHANGED);
	assert_empty();
	/* Somebody else in its place. */
	host_pci_set(slot, SLOTSTS, 2, EXP_SLOTSTS_PRESENCE);
	host_pci_add(card, 0x1af4, 0x1041, 0x0200, false);
	assert_int_equal(cfg_read(card, PCI_REG_VENDOR, 4), 0x10411af4);
	assert_int_equal(stats().functions, 3);
}

/* Registers that we answer for, too: those of MSI and the MSI-X table, in all sizes. */
static void test_surprise_reads(void **state)
{
	const unsigned msi = NIC_MSI; /* 64-bit, with mask bits: 24 bytes */

	(void)state;
	drive(0x57);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 8, 4), 0x57);
	assert_int_not_equal(cfg_read(card, msi + MSI_REG_ADDRESS, 4), 0xffffffff);
	pull();
	assert_true(mem_read(dom0, NIC_BAR2, 8) == UINT64_MAX);
	mem_write(dom0, NIC_BAR2 + 8, 4, 0x58);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 8, 2), 0xffff);
	for (unsigned reg = msi; reg < msi + 0x18; reg++) {
		assert_int_equal(cfg_read(card, reg, 1), 0xff);
		if (reg % 2 == 0) {
			assert_int_equal(cfg_read(card, reg, 2), 0xffff);
		}
		if (reg % 4 == 0) {
			assert_int_equal(cfg_read(card, reg, 4), 0xffffffff);
		}
	}
	cfg_write(port, SLOTSTS, 2, CHANGED);
	assert_empty();
}

/* A write to the slot's registers with the card in it is no removal. */
static void test_still_there(void **state)
{
	(void)state;
	drive(0x52);
	cfg_write(port, SLOTSTS, 2, CHANGED);
	cfg_write(port, SLOTCTL, 2, 0x00c0);
	assert_int_equal(stats().functions, 3);
	assert_true(host_pci_fire_msix(dev, 0));
	/* The port does not answer: nobody knows. */
	host_pci_force_read(port, SLOTCTL, 4, 0xffffffff);
	cfg_write(port, SLOTSTS, 2, CHANGED);
	host_pci_force_read(SBDF_NONE, 0, 0, 0);
	assert_int_equal(stats().functions, 3);
}

static void test_power_off_is_a_reset(void **state)
{
	(void)state;
	drive(0x53);
	host_pci_reset_one(dev);
	cfg_write(port, SLOTCTL, 2, EXP_SLOTCTL_OFF);
	assert_int_equal(cfg_read(card, PCI_REG_COMMAND, 2), 0);
	assert_int_equal(type_at(NIC_BAR0), MEM_HOLE);
	assert_int_equal(host_vector_count(1), 0);
	drive(0x54);
}

static void test_link_disable(void **state)
{
	(void)state;
	drive(0x55);
	host_pci_reset_one(dev);
	cfg_write(port, PORT_EXP + EXP_REG_LINKCTL, 2, EXP_LINKCTL_DISABLE);
	assert_int_equal(cfg_read(card, PCI_REG_COMMAND, 2), 0);
	assert_int_equal(host_vector_count(1), 0);
	cfg_write(port, PORT_EXP + EXP_REG_LINKCTL, 2, 0);
	drive(0x56);
}

/* ---- resizable BARs ---- */

#define REBAR   0x100u
#define CONTROL (REBAR + REBAR_REG_CONTROL)
#define BIG     0x1000000000ull

static struct host_pci *big;

static void start_rebar(unsigned msix_at)
{
	fixture_create(2);
	big = host_pci_add(beside, 0x1002, 0x73bf, 0x0300, false);
	host_pci_bar(big, 0, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 16 * MIB);
	host_pci_bar_set(big, 0, BIG);
	host_pci_cap_rebar(big, REBAR, 0);
	if (msix_at) {
		host_pci_cap_msix(big, 0x40, 8, 0, msix_at, 0, msix_at + 0x1000);
	}
	fixture_start();
}

static void resize(unsigned code)
{
	cfg_write(beside, CONTROL, 4, code << REBAR_CTL_SIZE_SHIFT);
}

static uint64_t size_now(void)
{
	struct pci_bar_info info;

	return pci_bar_info(dom0->pci, beside, 0, &info) ? info.size : 0;
}

static void place(void)
{
	cfg_write(beside, PCI_REG_BAR0, 4, (uint32_t)BIG);
	cfg_write(beside, PCI_REG_BAR0 + 4, 4, (uint32_t)(BIG >> 32));
	cfg_write(beside, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
}

static void test_resize(void **state)
{
	(void)state;
	start_rebar(0x8000);
	place();
	assert_int_equal(type_at(BIG + 16 * MIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 16 * MIB), MEM_HOLE);
	cfg_write(beside, PCI_REG_COMMAND, 2, 0);
	resize(13); /* 8 GiB */
	assert_true(size_now() == 8 * GIB);
	place();
	assert_int_equal(type_at(BIG + 8 * GIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 0x8000), MEM_TRAP);
	/* With decoding on: it is unmapped where it was, and is where the device says then. */
	resize(0);
	assert_true(size_now() == 1 * MIB);
	assert_int_equal(type_at(BIG + 1 * MIB), MEM_HOLE);
	place();
	assert_int_equal(type_at(BIG + 1 * MIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 1 * MIB), MEM_HOLE);
	assert_int_equal(stats().bars_mapped, 1);
	/* Parts of the register. */
	cfg_write(beside, CONTROL + 1, 1, 2);
	assert_true(size_now() == 4 * MIB);
}

static void test_resize_refused(void **state)
{
	(void)state;
	start_rebar(8 * MIB);
	place();
	resize(2);
	assert_true(size_now() == 16 * MIB);
	assert_int_equal(type_at(BIG + 8 * MIB), MEM_TRAP);
	assert_true(host_console_contains("its MSI-X table would be outside"));
	resize(63);
	assert_true(size_now() == 16 * MIB);
	assert_int_equal(cfg_read(beside, CONTROL, 4) & REBAR_CTL_SIZE, 4 << REBAR_CTL_SIZE_SHIFT);
}

/* Capabilities that lie: another BAR's, another size, too many. */
static void test_resize_lies(void **state)
{
	static const uint32_t controls[] = {
		1u << 5 | 4 << 8 | 3, /* BAR 3 is none */
		1u << 5 | 5 << 8,     /* 32 MiB are not 16 */
		0u << 5 | 4 << 8,     /* none */
		7u << 5 | 4 << 8,     /* seven */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(controls); i++) {
		fixture_create(2);
		big = host_pci_add(beside, 0x1002, 0x73bf, 0x0300, false);
		host_pci_bar(big, 0, PCI_BAR_TYPE_64, 16 * MIB);
		host_pci_bar_set(big, 0, BIG);
		host_pci_cap_rebar(big, REBAR, 0);
		host_pci_set(big, CONTROL, 4, controls[i]);
		fixture_start();
		assert_true(host_console_contains("resizable BARs at 0x100 are refused"));
		place();
		resize(6);
		assert_int_equal(host_pci_get(big, CONTROL, 4), controls[i]);
		assert_true(size_now() == 16 * MIB);
		assert_int_equal(type_at(BIG + 16 * MIB - 1), MEM_MMIO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ten_times, machine),
		cmocka_unit_test_setup(test_surprise, machine),
		cmocka_unit_test_setup(test_surprise_reads, machine),
		cmocka_unit_test_setup(test_still_there, machine),
		cmocka_unit_test_setup(test_power_off_is_a_reset, machine),
		cmocka_unit_test_setup(test_link_disable, machine),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_resize_refused),
		cmocka_unit_test(test_resize_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
