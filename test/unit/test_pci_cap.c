/* SPDX-License-Identifier: MIT */
/*
 * Capability lists as firmware and broken devices present them (PCI 3.0 6.7),
 * and the resets that live in capabilities: FLR and D3hot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

static const sbdf_t nic = {0x0010};
static struct host_pci *dev;

static int bare(void **state)
{
	(void)state;
	fixture_create(2);
	dev = host_pci_add(nic, 0x1234, 1, 0xff00, false);
	host_pci_set(dev, PCI_REG_STATUS, 2, PCI_STS_CAPABILITIES);
	return 0;
}

static void cap(unsigned at, unsigned id, unsigned next)
{
	host_pci_set(dev, at, 1, id);
	host_pci_set(dev, at + 1, 1, next);
}

/* MSI is decoded when Multiple Message Capable reads 0 though the device says 3. */
static bool msi_is_decoded(unsigned at)
{
	return (cfg_read(nic, at + 2, 2) & MSI_CTL_CAPABLE) == 0;
}

static void msi(unsigned at, unsigned next)
{
	cap(at, PCI_CAPID_MSI, next);
	host_pci_set(dev, at + 2, 2, 3 << 1);
}

static void test_loop(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x40);
	cap(0x40, 9, 0x50);
	msi(0x50, 0x40);
	fixture_start();
	assert_true(msi_is_decoded(0x50));
	assert_true(host_console_contains(
		"0000:00:02.0: capability pointer 0x40 at 0x51 closes a loop"));
}

static void test_into_the_header(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x40);
	msi(0x40, 0x10);
	fixture_start();
	assert_true(msi_is_decoded(0x40));
	assert_true(
		host_console_contains("capability pointer 0x10 at 0x41 points into the header"));
}

static void test_misaligned(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x43);
	msi(0x40, 0);
	fixture_start();
	assert_true(msi_is_decoded(0x40));
	assert_true(host_console_contains("capability pointer 0x43 at 0x34 is misaligned"));
}

static void test_leads_to_nothing(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0xfc);
	cap(0xfc, 0xff, 0xff);
	fixture_start();
	assert_true(host_console_contains("leads to nothing"));
}

static void test_no_list(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_STATUS, 2, 0);
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x40);
	msi(0x40, 0);
	fixture_start();
	assert_false(msi_is_decoded(0x40));
}

static void test_overlap(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x40);
	msi(0x40, 0x44);
	msi(0x44, 0xf8); /* inside the first */
	cap(0xf8, PCI_CAPID_MSIX, 0xfc);
	cap(0xfc, PCI_CAPID_EXPRESS, 0);
	fixture_start();
	assert_true(msi_is_decoded(0x40));
	assert_true(host_console_contains("MSI capability at 0x44 is refused"));
	assert_true(host_console_contains("MSI-X capability at 0xf8 is refused: cut off"));
}

static void test_full_list(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x40);
	for (unsigned at = 0x40; at < 0x100; at += 4) {
		cap(at, 9, at == 0xfc ? 0 : at + 4);
	}
	fixture_start();
	assert_int_equal(stats().functions, 1);
	assert_false(host_console_contains("list ends"));
}

static void test_other_layouts(void **state)
{
	(void)state;
	host_pci_set(dev, PCI_REG_HEADER_TYPE, 1, PCI_HEADER_CARDBUS);
	host_pci_writable(dev, 0x10, 4, 0xfffff000);
	fixture_start();
	assert_true(host_console_contains("header layout 2: passed through"));
	cfg_write(nic, 0x10, 4, 0xc0000000);
	assert_int_equal(cfg_read(nic, 0x10, 4), 0xc0000000);
}

/* ---- resets ---- */

static int busy(uint16_t pm)
{
	fixture_create(2);
	dev = fixture_nic(nic);
	host_pci_set(dev, NIC_PM + PM_REG_CSR, 2, pm);
	fixture_start();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	for (unsigned i = 0; i < 2; i++) {
		mem_write(dom0, NIC_BAR2 + 16 * i, 8, FIXTURE_MSG(1));
		mem_write(dom0, NIC_BAR2 + 16 * i + 8, 8, 0x50 + i);
	}
	cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(dev, 1));
	vectors_clear();
	return 0;
}

static int busy_nic(void **state)
{
	(void)state;
	return busy(0);
}

static int busy_nic_that_keeps(void **state)
{
	(void)state;
	return busy(PM_CSR_NO_RESET);
}

/* Everything is forgotten, as in the device; the driver sets it up again. */
static void expect_reset_and_restore(void)
{
	assert_int_equal(cfg_read(nic, PCI_REG_COMMAND, 2), 0);
	assert_int_equal(type_at(NIC_BAR0), MEM_HOLE);
	assert_int_equal(type_at(NIC_BAR2), MEM_HOLE);
	assert_int_equal(host_vector_count(1), 0);
	assert_int_equal(cfg_read(nic, NIC_MSIX + 2, 2) & MSIX_CTL_ENABLE, 0);
	cfg_write(nic, 0x10, 4, (uint32_t)NIC_BAR0);
	cfg_write(nic, 0x18, 4, (uint32_t)NIC_BAR2);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 16 + 12, 4), 1);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 16, 4), 0);
	mem_write(dom0, NIC_BAR2 + 16, 8, FIXTURE_MSG(2));
	mem_write(dom0, NIC_BAR2 + 16 + 8, 8, 0x61);
	cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(dev, 1));
	assert_true(vector_pending(2, 0x61));
}

static void test_function_level_reset(void **state)
{
	(void)state;
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	expect_reset_and_restore();
}

static void test_reset_takes_time(void **state)
{
	uint32_t identity = host_pci_get(dev, 0, 4);

	(void)state;
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL + 1, 1, EXP_DEVCTL_FLR >> 8);
	host_pci_set(dev, 0, 4, 0xffff0001);
	assert_int_equal(cfg_read(nic, 0, 4), 0xffff0001);
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
	host_pci_set(dev, 0, 4, identity);
	expect_reset_and_restore();
}

static void test_d3_and_back(void **state)
{
	(void)state;
	cfg_write(nic, NIC_PM + PM_REG_CSR, 2, PM_STATE_D3);
	cfg_write(nic, NIC_PM + PM_REG_CSR, 2, PM_STATE_D0);
	expect_reset_and_restore();
}

static void test_d3_without_reset(void **state)
{
	(void)state;
	/* A device that keeps its registers (No_Soft_Reset): what it did not hear comes later. */
	for (unsigned i = 0; i < 2; i++) {
		cfg_write(nic, NIC_PM + PM_REG_CSR, 2, PM_STATE_D3);
		host_iomap_write_count = 0;
		mem_write(dom0, NIC_BAR2 + 16 + 12, 4, i == 0);
		assert_int_equal(host_iomap_write_count, 0);
		cfg_write(nic, NIC_PM + PM_REG_CSR, 2, PM_STATE_D0);
		assert_int_equal(cfg_read(nic, PCI_REG_COMMAND, 2), PCI_CMD_MEMORY);
		assert_int_equal(host_pci_fire_msix(dev, 1), i == 1);
		assert_true(host_pci_fire_msix(dev, 0));
	}
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
}

static void test_msi_forgotten_by_reset(void **state)
{
	(void)state;
	cfg_write(nic, NIC_MSIX + 2, 2, 0);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)FIXTURE_MSG(3));
	cfg_write(nic, NIC_MSI + MSI_REG_DATA_64, 2, 0x71);
	cfg_write(nic, NIC_MSI + MSI_REG_CONTROL, 2, MSI_CTL_ENABLE);
	assert_int_equal(host_vector_count(3), 1);
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	assert_int_equal(cfg_read(nic, NIC_MSI + MSI_REG_ADDRESS, 4), 0);
	assert_int_equal(cfg_read(nic, NIC_MSI + MSI_REG_CONTROL, 2) & MSI_CTL_ENABLE, 0);
	assert_int_equal(host_vector_count(3), 0);
}

/* A NIC behind a bridge, driven, and one beside it. */
static const sbdf_t bridge = {0x0020}, below = {0x0500};

static int behind_bridge(void **state)
{
	struct host_pci *p;

	(void)state;
	fixture_create(2);
	p = host_pci_add(bridge, 0x1b36, 0x000c, 0x0604, true);
	host_pci_set(p, PCI_REG_SECONDARY, 1, 4);
	host_pci_set(p, PCI_REG_SUBORDINATE, 1, 6);
	dev = fixture_nic(below);
	p = host_pci_add(nic, 0x1234, 0x11e8, 0xff00, false);
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 4096);
	host_pci_bar_set(p, 0, 0xd0000000);
	fixture_start();
	cfg_write(below, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	return 0;
}

static void enable_entry(sbdf_t s, unsigned cpu, unsigned vector)
{
	mem_write(dom0, NIC_BAR2, 8, FIXTURE_MSG(cpu));
	mem_write(dom0, NIC_BAR2 + 8, 8, vector);
	cfg_write(s, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
}

static void test_secondary_bus_reset(void **state)
{
	(void)state;
	enable_entry(below, 1, 0x41);
	assert_true(host_pci_fire_msix(dev, 0));
	cfg_write(bridge, PCI_REG_BRIDGE_CTL, 2, PCI_BRIDGE_CTL_RESET);
	assert_int_equal(cfg_read(below, PCI_REG_COMMAND, 2), 0);
	assert_int_equal(type_at(NIC_BAR0), MEM_HOLE);
	assert_int_equal(type_at(NIC_BAR2), MEM_HOLE);
	assert_int_equal(host_vector_count(1), 0);
	/* Who is not behind the bridge keeps what it has. */
	assert_int_equal(cfg_read(nic, PCI_REG_COMMAND, 2), PCI_CMD_MEMORY);
	assert_int_equal(type_at(0xd0000000), MEM_MMIO);
	/* The driver puts it back. The table is masked and the unmask alone opens nothing. */
	cfg_write(bridge, PCI_REG_BRIDGE_CTL, 2, 0);
	cfg_write(below, 0x10, 4, (uint32_t)NIC_BAR0);
	cfg_write(below, 0x18, 4, (uint32_t)NIC_BAR2);
	cfg_write(below, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	cfg_write(below, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
	mem_write(dom0, NIC_BAR2 + 12, 4, 0);
	assert_int_equal(host_pci_memory_get(dev, 2, 12, 4), MSIX_ENTRY_MASKED);
	enable_entry(below, 2, 0x42);
	assert_true(host_pci_fire_msix(dev, 0));
	assert_true(vector_pending(2, 0x42));
}

/* The device is ready late, or was looked at in between: the second edge counts as well. */
static void test_secondary_bus_reset_ends(void **state)
{
	(void)state;
	enable_entry(below, 1, 0x41);
	cfg_write(bridge, PCI_REG_BRIDGE_CTL + 0, 1, PCI_BRIDGE_CTL_RESET);
	(void)cfg_read(below, PCI_REG_COMMAND, 2);
	cfg_write(below, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	host_pci_reset_one(dev);
	cfg_write(bridge, PCI_REG_INTERRUPT, 4, 0);
	assert_int_equal(cfg_read(below, PCI_REG_COMMAND, 2), 0);
	assert_int_equal(type_at(0), MEM_RAM);
	assert_int_equal(stats().bars_mapped, 1);
	assert_int_equal(stats().bars_pending, 0);
}

/* A table access is the first after the reset: it looks as well. */
static void test_table_access_after_reset(void **state)
{
	(void)state;
	enable_entry(below, 1, 0x41);
	cfg_write(bridge, PCI_REG_BRIDGE_CTL, 2, PCI_BRIDGE_CTL_RESET);
	mem_write(dom0, NIC_BAR2 + 12, 4, 1);
	mem_write(dom0, NIC_BAR2 + 12, 4, 0);
	assert_int_equal(host_vector_count(1), 0);
	assert_int_equal(host_pci_memory_get(dev, 2, 12, 4), MSIX_ENTRY_MASKED);
}

/* A reset by the device's own registers: what the guest enables again is written again. */
static void test_reset_unseen(void **state)
{
	uint32_t address = (uint32_t)FIXTURE_MSG(1);

	(void)state;
	host_pci_reset_one(dev);
	assert_false(host_pci_fire_msix(dev, 1));
	cfg_write(nic, 0x10, 4, (uint32_t)NIC_BAR0);
	cfg_write(nic, 0x18, 4, (uint32_t)NIC_BAR2);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
	assert_int_equal(host_pci_memory_get(dev, 2, 16, 4), address);
	assert_true(host_pci_fire_msix(dev, 1));
	assert_true(vector_pending(1, 0x51));
	cfg_write(nic, NIC_MSIX + 2, 2, 0);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, address);
	cfg_write(nic, NIC_MSI + MSI_REG_DATA_64, 2, 0x71);
	cfg_write(nic, NIC_MSI + MSI_REG_CONTROL, 2, MSI_CTL_ENABLE);
	host_pci_reset_one(dev);
	cfg_write(nic, NIC_MSI + MSI_REG_CONTROL, 2, MSI_CTL_ENABLE);
	assert_true(host_pci_fire_msi(dev));
	assert_true(vector_pending(1, 0x71));
}

/* Masked after a reset, also when MSI-X was off (PCI 3.0 6.8.2.9). */
static void test_disabled_entries_forgotten(void **state)
{
	(void)state;
	cfg_write(nic, NIC_MSIX + 2, 2, 0);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 16 + 12, 4), 0);
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	cfg_write(nic, 0x18, 4, (uint32_t)NIC_BAR2);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 16 + 12, 4), 1);
	assert_int_equal(mem_read(dom0, NIC_BAR2 + 16, 4), 0);
}

static void test_asleep_at_admission(void **state)
{
	(void)state;
	fixture_create(2);
	dev = fixture_nic(nic);
	host_pci_set(dev, NIC_PM + PM_REG_CSR, 2, PM_STATE_D3);
	fixture_start();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	host_iomap_write_count = 0;
	enable_entry(nic, 1, 0x41);
	assert_int_equal(host_iomap_write_count, 0);
	/* D3 to D0 is a reset, also when we did not see it go there. */
	cfg_write(nic, NIC_PM + PM_REG_CSR, 2, PM_STATE_D0);
	assert_int_equal(cfg_read(nic, PCI_REG_COMMAND, 2), 0);
	assert_int_equal(type_at(NIC_BAR2), MEM_HOLE);
	assert_int_equal(host_vector_count(1), 0);
}

static void test_flr_wakes(void **state)
{
	(void)state;
	cfg_write(nic, NIC_PM + PM_REG_CSR, 2, PM_STATE_D3);
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	expect_reset_and_restore();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_loop, bare),
		cmocka_unit_test_setup(test_into_the_header, bare),
		cmocka_unit_test_setup(test_misaligned, bare),
		cmocka_unit_test_setup(test_leads_to_nothing, bare),
		cmocka_unit_test_setup(test_no_list, bare),
		cmocka_unit_test_setup(test_overlap, bare),
		cmocka_unit_test_setup(test_full_list, bare),
		cmocka_unit_test_setup(test_other_layouts, bare),
		cmocka_unit_test_setup(test_function_level_reset, busy_nic),
		cmocka_unit_test_setup(test_reset_takes_time, busy_nic),
		cmocka_unit_test_setup(test_d3_and_back, busy_nic),
		cmocka_unit_test_setup(test_d3_without_reset, busy_nic_that_keeps),
		cmocka_unit_test_setup(test_msi_forgotten_by_reset, busy_nic),
		cmocka_unit_test_setup(test_secondary_bus_reset, behind_bridge),
		cmocka_unit_test_setup(test_secondary_bus_reset_ends, behind_bridge),
		cmocka_unit_test_setup(test_table_access_after_reset, behind_bridge),
		cmocka_unit_test_setup(test_reset_unseen, busy_nic),
		cmocka_unit_test_setup(test_disabled_entries_forgotten, busy_nic),
		cmocka_unit_test(test_asleep_at_admission),
		cmocka_unit_test_setup(test_flr_wakes, busy_nic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
