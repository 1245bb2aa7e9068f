/* SPDX-License-Identifier: MIT */
/*
 * MSI-X (PCI 3.0 6.8.2): the guest's table against the machine's, binding,
 * masks, retargets, writes that the device could not hear, odd sizes, and
 * capabilities that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

#define CONTROL (NIC_MSIX + MSIX_REG_CONTROL)
#define TABLE   NIC_BAR2
#define PBA     (NIC_BAR2 + 0x2000)

static const sbdf_t nic = {0x0010};
static struct host_pci *dev;

static int setup(void **state)
{
	(void)state;
	fixture_create(2);
	dev = fixture_nic(nic);
	fixture_start();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_MASTER);
	return 0;
}

static uint64_t entry_at(unsigned index)
{
	return TABLE + index * MSIX_ENTRY_SIZE;
}

static void entry_program(unsigned index, uint64_t address, uint32_t data)
{
	mem_write(dom0, entry_at(index), 4, (uint32_t)address);
	mem_write(dom0, entry_at(index) + 4, 4, address >> 32);
	mem_write(dom0, entry_at(index) + 8, 4, data);
}

static void entry_mask(unsigned index, bool masked)
{
	mem_write(dom0, entry_at(index) + 12, 4, masked);
}

static void enable(uint32_t bits)
{
	cfg_write(nic, CONTROL, 2, bits);
}

static uint32_t hw(unsigned index, unsigned field)
{
	return (uint32_t)host_pci_memory_get(dev, 2, index * MSIX_ENTRY_SIZE + field, 4);
}

static void test_as_linux_does_it(void **state)
{
	(void)state;
	enable(MSIX_CTL_ENABLE | MSIX_CTL_MASKALL);
	for (unsigned i = 0; i < NIC_COUNT; i++) {
		entry_mask(i, true);
	}
	entry_program(3, FIXTURE_MSG(2), 0x55);
	assert_int_equal(host_vector_count(2), 0);
	entry_mask(3, false);
	assert_int_equal(host_vector_count(2), 1);
	assert_false(host_pci_fire_msix(dev, 3)); /* the function's mask */
	enable(MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(dev, 3));
	assert_true(vector_pending(2, 0x55));
	assert_int_equal(cfg_read(nic, CONTROL, 2), MSIX_CTL_ENABLE | (NIC_COUNT - 1));
	/* The device has our vector, the guest its own. */
	assert_int_equal(hw(3, 8), 0x30);
	assert_int_equal(mem_read(dom0, entry_at(3) + 8, 4), 0x55);
	/* Mask and unmask cost one write to the device each. */
	host_iomap_write_count = 0;
	entry_mask(3, true);
	assert_int_equal(host_iomap_write_count, 1);
	assert_false(host_pci_fire_msix(dev, 3));
	entry_mask(3, false);
	assert_int_equal(host_iomap_write_count, 2);
	assert_true(host_pci_fire_msix(dev, 3));
	enable(0);
	assert_int_equal(host_vector_count(2), 0);
	assert_int_equal(hw(3, 12), MSIX_ENTRY_MASKED);
}

static void test_programmed_before_enabled(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NIC_COUNT; i++) {
		entry_program(i, FIXTURE_MSG(i % 4), 0x40 + i);
		entry_mask(i, i == 5);
	}
	assert_int_equal(host_vector_count(0), 0);
	enable(MSIX_CTL_ENABLE);
	for (unsigned i = 0; i < NIC_COUNT; i++) {
		assert_int_equal(host_pci_fire_msix(dev, i), i != 5);
		assert_int_equal(vector_pending(i % 4, 0x40 + i), i != 5);
	}
	assert_int_equal(host_vector_count(0), 2);
	assert_int_equal(host_vector_count(1), 1);
}

static void test_retarget(void **state)
{
	(void)state;
	entry_program(0, FIXTURE_MSG(0), 0x41);
	entry_mask(0, false);
	enable(MSIX_CTL_ENABLE);
	entry_mask(0, true);
	host_iomap_write_count = 0;
	entry_program(0, FIXTURE_MSG(3), 0x42);
	assert_int_equal(host_iomap_write_count, 0); /* not before it is unmasked */
	entry_mask(0, false);
	assert_true(host_pci_fire_msix(dev, 0));
	assert_true(vector_pending(3, 0x42));
	assert_false(vector_pending(0, 0x41));
	/* And open, as some do: each write takes effect. */
	entry_program(0, FIXTURE_MSG(1), 0x43);
	assert_true(host_pci_fire_msix(dev, 0));
	assert_true(vector_pending(1, 0x43));
	assert_int_equal(host_vector_count(0) + host_vector_count(3), 0);
	assert_int_equal(host_vector_count(1), 1);
}

static void test_sizes(void **state)
{
	(void)state;
	mem_write(dom0, entry_at(1), 8, FIXTURE_MSG(2));
	mem_write(dom0, entry_at(1) + 8, 8, 0x0000000000000077ull);
	assert_true(mem_read(dom0, entry_at(1), 8) == FIXTURE_MSG(2));
	assert_true(mem_read(dom0, entry_at(1) + 8, 8) == 0x77);
	enable(MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(dev, 1));
	assert_true(vector_pending(2, 0x77));
	/* Bytes and words are not written, but read. */
	mem_write(dom0, entry_at(1) + 8, 1, 0xff);
	mem_write(dom0, entry_at(1) + 8, 2, 0xffff);
	mem_write(dom0, entry_at(1) + 2, 4, 0xffffffff);
	assert_true(mem_read(dom0, entry_at(1) + 8, 8) == 0x77);
	assert_true(mem_read(dom0, entry_at(1), 8) == FIXTURE_MSG(2));
	assert_int_equal(mem_read(dom0, entry_at(1) + 2, 1), 0xe0);
	assert_int_equal(mem_read(dom0, entry_at(1) + 2, 2), 0xfee0);
	assert_true(mem_read(dom0, entry_at(1) + 1, 8) == 0x7700000000fee020ull);
	/* The reserved bits of vector control are kept. */
	mem_write(dom0, entry_at(1) + 12, 4, 0xabcd0001);
	assert_int_equal(mem_read(dom0, entry_at(1) + 12, 4), 0xabcd0001);
	assert_int_equal(hw(1, 12), 0xabcd0001);
}

static void test_rest_of_the_page(void **state)
{
	(void)state;
	for (unsigned len = 1; len <= 8; len *= 2) {
		host_pci_memory_set(dev, 2, 0x800, 8, 0x1122334455667788ull);
		assert_true(mem_read(dom0, TABLE + 0x800, len) ==
			    (0x1122334455667788ull & ones(len)));
		mem_write(dom0, TABLE + 0x900, len, 0x8877665544332211ull);
		assert_true(host_pci_memory_get(dev, 2, 0x900, len) ==
			    (0x8877665544332211ull & ones(len)));
	}
	/* Over the end of the table: the last entry's control, then the device. */
	host_pci_memory_set(dev, 2, NIC_COUNT * 16, 4, 0x99999999);
	assert_true(mem_read(dom0, entry_at(NIC_COUNT) - 4, 8) == 0x9999999900000001ull);
	/* Over the end of the claim. */
	assert_int_equal(mem_read(dom0, TABLE + 0xffe, 2), 0);
}

static void test_pending_bits(void **state)
{
	(void)state;
	host_pci_memory_set(dev, 2, 0x2000, 8, 0x81);
	assert_true(mem_read(dom0, PBA, 8) == 0x81);
	assert_int_equal(mem_read(dom0, PBA, 1), 0x81);
	mem_write(dom0, PBA, 8, 0);
	assert_true(mem_read(dom0, PBA, 8) == 0x81);
	mem_write(dom0, PBA + 8, 4, 0x1234);
	assert_int_equal(host_pci_memory_get(dev, 2, 0x2008, 4), 0x1234);
}

static void test_no_message_no_vector(void **state)
{
	(void)state;
	enable(MSIX_CTL_ENABLE);
	entry_mask(0, false); /* address 0 */
	assert_int_equal(host_vector_count(0), 0);
	assert_int_equal(hw(0, 12), MSIX_ENTRY_MASKED);
	entry_program(0, FIXTURE_MSG(0), 0x44);
	assert_true(host_pci_fire_msix(dev, 0));
	entry_program(0, 0x12345000, 0x44);
	assert_false(host_pci_fire_msix(dev, 0));
	host_vector_limit(0);
	entry_program(1, FIXTURE_MSG(1), 0x45);
	entry_mask(1, false);
	assert_int_equal(hw(1, 12), MSIX_ENTRY_MASKED);
	assert_true(host_console_contains("no vector left"));
}

static void test_firmware_left_entries_open(void **state)
{
	(void)state;
	fixture_create(2);
	dev = fixture_nic(nic);
	host_pci_memory_set(dev, 2, 2 * 16 + 12, 4, 0);
	fixture_start();
	assert_int_equal(hw(2, 12), 0); /* decoding is off: it cannot be reached */
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(hw(2, 12), MSIX_ENTRY_MASKED);
}

static void test_writes_it_could_not_hear(void **state)
{
	(void)state;
	entry_program(0, FIXTURE_MSG(0), 0x41);
	entry_mask(0, false);
	enable(MSIX_CTL_ENABLE);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MASTER);
	/* Off and on again without decoding: released, masked in the machine when it hears. */
	enable(0);
	assert_int_equal(hw(0, 12), 0);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(hw(0, 12), MSIX_ENTRY_MASKED);
	cfg_write(nic, PCI_REG_COMMAND, 2, 0);
	enable(MSIX_CTL_ENABLE);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_true(host_pci_fire_msix(dev, 0));
	assert_true(vector_pending(0, 0x41));
}

static void test_moves_with_the_bar(void **state)
{
	(void)state;
	entry_program(6, FIXTURE_MSG(1), 0x60);
	entry_mask(6, false);
	enable(MSIX_CTL_ENABLE);
	cfg_write(nic, 0x18, 4, 0xd0000000);
	assert_int_equal(mem_read(dom0, 0xd0000000 + 6 * 16 + 8, 4), 0x60);
	mem_write(dom0, 0xd0000000 + 6 * 16 + 12, 4, 1);
	assert_false(host_pci_fire_msix(dev, 6));
	mem_write(dom0, 0xd0000000 + 6 * 16 + 12, 4, 0);
	assert_true(host_pci_fire_msix(dev, 6));
}

static bool hw_enabled(void)
{
	return host_pci_get(dev, CONTROL, 2) & MSIX_CTL_ENABLE;
}

/* While the table is not in our hands, MSI-X stays off in the machine; the guest does not see it.
 */
static void test_table_out_of_reach(void **state)
{
	const uint32_t on = MSIX_CTL_ENABLE | (NIC_COUNT - 1);

	(void)state;
	entry_program(0, FIXTURE_MSG(0), 0x41);
	entry_mask(0, false);
	/* Half of the BAR in RAM: the other half, with the table, is free to be touched. */
	cfg_write(nic, 0x18, 4, (uint32_t)FIXTURE_OURS);
	enable(MSIX_CTL_ENABLE);
	assert_false(hw_enabled());
	assert_int_equal(cfg_read(nic, CONTROL, 2), on);
	assert_int_equal(cfg_read(nic, NIC_MSIX, 4) >> 16, on);
	assert_int_equal(cfg_read(nic, NIC_MSIX, 1), PCI_CAPID_MSIX);
	/* Read, modify, write as Linux does: it stays what it is. */
	cfg_write(nic, CONTROL, 2, cfg_read(nic, CONTROL, 2) | MSIX_CTL_MASKALL);
	cfg_write(nic, CONTROL, 2, cfg_read(nic, CONTROL, 2) & ~MSIX_CTL_MASKALL);
	assert_false(hw_enabled());
	cfg_write(nic, 0x18, 4, (uint32_t)NIC_BAR2);
	assert_true(hw_enabled());
	assert_true(host_pci_fire_msix(dev, 0));
	assert_true(vector_pending(0, 0x41));
	/* And when it goes away under MSI-X. */
	cfg_write(nic, 0x18, 4, (uint32_t)FIXTURE_OURS);
	assert_false(hw_enabled());
	assert_int_equal(cfg_read(nic, CONTROL, 2), on);
	cfg_write(nic, 0x18, 4, 0xd0000000);
	assert_true(hw_enabled());
	/* Off while blocked is off. */
	cfg_write(nic, 0x18, 4, (uint32_t)FIXTURE_OURS);
	enable(0);
	cfg_write(nic, 0x18, 4, (uint32_t)NIC_BAR2);
	assert_false(hw_enabled());
	assert_int_equal(host_vector_count(0), 0);
}

/* Decoding off does not stop messages that are on. */
static void test_decoding_goes_off(void **state)
{
	(void)state;
	entry_program(0, FIXTURE_MSG(0), 0x41);
	entry_mask(0, false);
	enable(MSIX_CTL_ENABLE);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MASTER);
	assert_true(hw_enabled());
	enable(MSIX_CTL_ENABLE | MSIX_CTL_MASKALL);
	enable(MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(dev, 0));
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MASTER | PCI_CMD_MEMORY);
	assert_true(host_pci_fire_msix(dev, 0));
}

static void test_largest_table(void **state)
{
	struct host_pci *p;

	(void)state;
	fixture_create(2);
	p = host_pci_add(nic, 0x1234, 1, 0xff00, false);
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 0x10000);
	host_pci_bar_set(p, 0, 0xc0000000);
	host_pci_cap_msix(p, 0x40, 2048, 0, 0x808, 0, 0x9000);
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	fixture_start();
	for (unsigned page = 0; page < 16; page++) {
		assert_int_equal(type_at(0xc0000000 + page * 0x1000ull),
				 page <= 9 ? MEM_TRAP : MEM_MMIO);
	}
	mem_write(dom0, 0xc0000808 + 2047 * 16, 8, FIXTURE_MSG(1));
	mem_write(dom0, 0xc0000808 + 2047 * 16 + 8, 8, 0x99);
	cfg_write(nic, 0x42, 2, MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(p, 2047));
	assert_true(vector_pending(1, 0x99));
	assert_int_equal(mem_read(dom0, 0xc0000808 + 2048 * 16, 4), 0);
}

static void test_table_and_pba_in_one_page(void **state)
{
	struct host_pci *p;

	(void)state;
	fixture_create(2);
	p = host_pci_add(nic, 0x1234, 1, 0xff00, false);
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 4096);
	host_pci_bar(p, 1, PCI_BAR_TYPE_32, 4096);
	host_pci_bar_set(p, 0, 0xc0000000);
	host_pci_bar_set(p, 1, 0xc0001000);
	host_pci_cap_msix(p, 0x40, 4, 1, 0x800, 1, 0);
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	fixture_start();
	host_pci_memory_set(p, 1, 0, 8, 5);
	assert_int_equal(mem_read(dom0, 0xc0001000, 4), 5);
	assert_int_equal(mem_read(dom0, 0xc000180c, 4), 1);
	assert_int_equal(type_at(0xc0000000), MEM_MMIO);
}

/* A capability that lies is refused with BDF and offset; the rest of the function works. */
static void lie(unsigned count, unsigned table_bar, uint32_t table, unsigned pba_bar, uint32_t pba,
		const char *complaint)
{
	fixture_create(2);
	dev = fixture_nic(nic);
	host_pci_set(dev, NIC_MSIX + MSIX_REG_CONTROL, 2, count - 1);
	host_pci_set(dev, NIC_MSIX + MSIX_REG_TABLE, 4, table | table_bar);
	host_pci_set(dev, NIC_MSIX + MSIX_REG_PBA, 4, pba | pba_bar);
	fixture_start();
	assert_true(host_console_contains(complaint));
	assert_true(host_console_contains("0000:00:02.0: MSI-X"));
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(type_at(NIC_BAR2), MEM_MMIO);
	enable(MSIX_CTL_ENABLE | MSIX_CTL_MASKALL);
	assert_int_equal(cfg_read(nic, CONTROL, 2), MSIX_CTL_MASKALL | (count - 1));
	cfg_write(nic, NIC_MSIX, 4, 0xffff0000);
	assert_int_equal(cfg_read(nic, CONTROL, 2) & MSIX_CTL_ENABLE, 0);
}

static void test_lies(void **state)
{
	(void)state;
	lie(8, 5, 0, 2, 0x2000, "table at BAR 5 + 0x0 is in no memory BAR");
	lie(8, 3, 0, 2, 0x2000, "is in no memory BAR");
	lie(8, 7, 0, 2, 0x2000, "is in no memory BAR");
	lie(8, 2, 0x4000, 2, 0x2000, "runs past the end of its BAR");
	lie(2048, 2, 0, 2, 0x2000, "table at BAR 2 + 0x0 runs past the end of its BAR");
	lie(8, 2, 0xfffffff8, 2, 0, "runs past the end of its BAR");
	lie(8, 2, 0, 2, 0x4000, "pending bit array at BAR 2 + 0x4000 runs past");
	lie(8, 2, 0, 2, 0x40, "overlaps the table");
}

static void test_no_window_left(void **state)
{
	(void)state;
	fixture_create(2);
	dev = fixture_nic(nic);
	host_iomap_left = 0;
	assert_int_equal(pci_root_enumerate(dom0->pci), -ENOMEM);
	assert_true(host_console_contains("has no room in our memory"));
	enable(MSIX_CTL_ENABLE);
	assert_int_equal(cfg_read(nic, CONTROL, 2) & MSIX_CTL_ENABLE, 0);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_as_linux_does_it),
		T(test_programmed_before_enabled),
		T(test_retarget),
		T(test_sizes),
		T(test_rest_of_the_page),
		T(test_pending_bits),
		T(test_no_message_no_vector),
		T(test_firmware_left_entries_open),
		T(test_writes_it_could_not_hear),
		T(test_moves_with_the_bar),
		T(test_table_out_of_reach),
		T(test_decoding_goes_off),
		T(test_largest_table),
		T(test_table_and_pba_in_one_page),
		T(test_lies),
		T(test_no_window_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
