/* SPDX-License-Identifier: MIT */
/*
 * Slots (PCIe 6.0 6.7) and links that are disabled: what leaves, leaves nothing
 * behind.
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ten_times, machine),
		cmocka_unit_test_setup(test_surprise, machine),
		cmocka_unit_test_setup(test_surprise_reads, machine),
		cmocka_unit_test_setup(test_still_there, machine),
		cmocka_unit_test_setup(test_power_off_is_a_reset, machine),
		cmocka_unit_test_setup(test_link_disable, machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
