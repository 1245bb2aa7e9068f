/* SPDX-License-Identifier: MIT */
/*
 * SR-IOV (SR-IOV 1.1 3.3, 3.4): virtual functions come and go with VF Enable,
 * are mapped with VF MSE where the VF BARs say, have MSI-X of their own, arrive
 * by report or by access, and leave nothing behind; capabilities that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

#define SRIOV    0x160u
#define TOTAL    8u
#define FIRST    128u
#define STRIDE   2u
#define VF_BAR0  0xfb00000000ull
#define VF_BAR3  0xfb00100000ull
#define VF_SIZE  0x4000ull
#define VF_COUNT 3u /* MSI-X entries */
#define VF_MSIX  0x70u
#define VF_EXP   0xa0u
#define ON       (SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY)
#define CONTROL  (SRIOV + SRIOV_REG_CONTROL)

static const sbdf_t nic = {0x0200}; /* 02:00.0 */
static struct host_pci *dev;

static sbdf_t vf_at(unsigned n)
{
	return (sbdf_t){nic.v + FIRST + n * STRIDE};
}

/* What the run loop does before the domain goes on. */
static void settle(void)
{
	if (dom0->refill) {
		dom0->refill = false;
		assert_int_equal(pci_root_refill(dom0->pci), 0);
	}
}

static void add_nic(void)
{
	fixture_create(2);
	dev = fixture_nic(nic);
	host_pci_extcap(dev, 0x100, 0x0001);
	host_pci_cap_sriov(dev, SRIOV, TOTAL, FIRST, STRIDE);
	host_pci_vf_bar(dev, 0, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, VF_SIZE);
	host_pci_vf_bar(dev, 3, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, VF_SIZE);
	host_pci_vf_msix(dev, VF_COUNT, 3, 0, 3, 0x2000);
}

static int setup(void **state)
{
	(void)state;
	add_nic();
	fixture_start();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_MASTER);
	return 0;
}

static void enable(unsigned count)
{
	fixture_vf_bars(nic, SRIOV, VF_BAR0, VF_BAR3);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, count);
	cfg_write(nic, CONTROL, 2, ON);
	settle();
}

static void disable(void)
{
	cfg_write(nic, CONTROL, 2, 0);
	settle();
}

static void test_enable(void **state)
{
	(void)state;
	assert_int_equal(stats().functions, 1);
	enable(2);
	assert_int_equal(stats().functions, 3);
	assert_int_equal(cfg_read(nic, CONTROL, 2), ON);
	for (unsigned n = 0; n < 2; n++) {
		/* The header as the specification has it. */
		assert_int_equal(cfg_read(vf_at(n), PCI_REG_VENDOR, 4), 0xffffffff);
		assert_int_equal(cfg_read(vf_at(n), PCI_REG_CLASS, 2), 0x0200);
		assert_int_equal(cfg_read(vf_at(n), PCI_REG_BAR0, 4), 0);
		cfg_write(vf_at(n), PCI_REG_COMMAND, 2, 0x7);
		assert_int_equal(cfg_read(vf_at(n), PCI_REG_COMMAND, 2), PCI_CMD_MASTER);
		/* A share of each VF BAR; the table's page and the pending bits' are trapped. */
		assert_int_equal(type_at(VF_BAR0 + n * VF_SIZE), MEM_MMIO);
		assert_int_equal(owner_at(VF_BAR0 + n * VF_SIZE), vf_at(n).v);
		assert_int_equal(type_at(VF_BAR3 + n * VF_SIZE), MEM_TRAP);
		assert_int_equal(type_at(VF_BAR3 + n * VF_SIZE + 0x1000), MEM_MMIO);
		assert_int_equal(type_at(VF_BAR3 + n * VF_SIZE + 0x2000), MEM_TRAP);
	}
	assert_int_equal(type_at(VF_BAR0 + 2 * VF_SIZE), MEM_HOLE);
	disable();
	assert_int_equal(stats().functions, 1);
	assert_int_equal(type_at(VF_BAR0), MEM_HOLE);
	assert_int_equal(type_at(VF_BAR3), MEM_HOLE);
	assert_int_equal(cfg_read(vf_at(0), PCI_REG_CLASS, 2), 0xffff);
}

static void program(unsigned n, unsigned index, unsigned cpu, unsigned vector)
{
	uint64_t at = VF_BAR3 + n * VF_SIZE + index * MSIX_ENTRY_SIZE;

	mem_write(dom0, at, 4, (uint32_t)FIXTURE_MSG(cpu));
	mem_write(dom0, at + 4, 4, 0);
	mem_write(dom0, at + 8, 4, vector);
	mem_write(dom0, at + 12, 4, 0);
}

static void test_interrupts(void **state)
{
	unsigned vectors = host_vector_count(0) + host_vector_count(1);

	(void)state;
	enable(2);
	for (unsigned n = 0; n < 2; n++) {
		cfg_write(vf_at(n), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
		for (unsigned i = 0; i < VF_COUNT; i++) {
			program(n, i, n, 0x40 + 8 * n + i);
		}
	}
	assert_int_equal(host_vector_count(0) + host_vector_count(1), vectors + 6);
	for (unsigned n = 0; n < 2; n++) {
		for (unsigned i = 0; i < VF_COUNT; i++) {
			assert_true(host_pci_fire_msix(host_pci_vf(dev, n), i));
			assert_true(vector_pending(n, 0x40 + 8 * n + i));
		}
	}
	disable();
	assert_int_equal(host_vector_count(0) + host_vector_count(1), vectors);
}

static void test_cycles(void **state)
{
	struct pci_root_stats before, after;
	size_t pages = 0;

	(void)state;
	enable(TOTAL);
	disable();
	before = stats();
	for (unsigned i = 0; i < 20; i++) {
		enable(1 + i % TOTAL);
		assert_int_equal(stats().functions, 2 + i % TOTAL);
		cfg_write(vf_at(0), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
		program(0, 1, 2, 0x60);
		assert_true(host_pci_fire_msix(host_pci_vf(dev, 0), 1));
		disable();
		pages = pages ? pages : page_free_count();
		assert_int_equal(page_free_count(), pages);
	}
	after = stats();
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(host_vector_count(2), 0);
}

static void test_moved(void **state)
{
	(void)state;
	enable(3);
	/* By one's size up, while they decode: each is where its neighbour was. */
	fixture_vf_bars(nic, SRIOV, VF_BAR0 + VF_SIZE, VF_BAR3);
	assert_int_equal(type_at(VF_BAR0), MEM_HOLE);
	for (unsigned n = 0; n < 3; n++) {
		assert_int_equal(owner_at(VF_BAR0 + (n + 1) * VF_SIZE), vf_at(n).v);
	}
	/* VF MSE off and on. */
	cfg_write(nic, CONTROL, 2, SRIOV_CTL_ENABLE);
	assert_int_equal(type_at(VF_BAR0 + VF_SIZE), MEM_HOLE);
	assert_int_equal(stats().functions, 4);
	cfg_write(nic, CONTROL, 1, ON);
	assert_int_equal(owner_at(VF_BAR0 + 3 * VF_SIZE), vf_at(2).v);
	/* The physical function's own decoding is another matter. */
	cfg_write(nic, PCI_REG_COMMAND, 2, 0);
	assert_int_equal(type_at(VF_BAR0 + VF_SIZE), MEM_MMIO);
}

static void test_page_size(void **state)
{
	(void)state;
	cfg_write(nic, SRIOV + SRIOV_REG_PAGE_SIZE, 4, 0x10); /* 64 KiB */
	enable(2);
	assert_int_equal(owner_at(VF_BAR0 + 0xf000), vf_at(0).v);
	assert_int_equal(owner_at(VF_BAR0 + 0x10000), vf_at(1).v);
	assert_int_equal(type_at(VF_BAR3 + 0x10000), MEM_TRAP);
	/* Not while they are enabled, nor their number. */
	cfg_write(nic, SRIOV + SRIOV_REG_PAGE_SIZE, 4, 1);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, 5);
	assert_int_equal(cfg_read(nic, SRIOV + SRIOV_REG_PAGE_SIZE, 4), 0x10);
	assert_int_equal(cfg_read(nic, SRIOV + SRIOV_REG_COUNT, 2), 2);
	disable();
	cfg_write(nic, SRIOV + SRIOV_REG_PAGE_SIZE, 4, 1);
	enable(2);
	assert_int_equal(owner_at(VF_BAR0 + VF_SIZE), vf_at(1).v);
}

/* The page size that it had before: the device gets what the domain writes. */
static void test_page_size_again(void **state)
{
	unsigned before = host_pci_write_count;

	(void)state;
	cfg_write(nic, SRIOV + SRIOV_REG_PAGE_SIZE, 4, 1);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, 2);
	cfg_write(nic, CONTROL, 2, ON);
	assert_int_equal(host_pci_write_count, before + 3);
	disable();
	/* A reset undoes a greater one. */
	cfg_write(nic, SRIOV + SRIOV_REG_PAGE_SIZE, 4, 0x10);
	enable(2);
	assert_int_equal(owner_at(VF_BAR0 + 0x10000), vf_at(1).v);
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	enable(2);
	assert_int_equal(owner_at(VF_BAR0 + VF_SIZE), vf_at(1).v);
}

/* It need not answer for 100 ms (SR-IOV 1.1 3.3.3.1). */
static void test_late(void **state)
{
	(void)state;
	host_pci_vf_late(dev, true);
	enable(2);
	assert_int_equal(stats().functions, 3);
	assert_int_equal(type_at(VF_BAR3), MEM_HOLE);
	assert_int_equal(cfg_read(vf_at(0), PCI_REG_CLASS, 2), 0xffff);
	host_pci_vf_late(dev, false);
	assert_int_equal(type_at(VF_BAR3), MEM_HOLE);
	assert_int_equal(cfg_read(vf_at(0), PCI_REG_CLASS, 2), 0x0200);
	assert_int_equal(type_at(VF_BAR3), MEM_TRAP);
	assert_int_equal(type_at(VF_BAR3 + VF_SIZE), MEM_HOLE);
	/* A write is the first access too. */
	cfg_write(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	program(1, 0, 3, 0x71);
	assert_true(host_pci_fire_msix(host_pci_vf(dev, 1), 0));
	assert_true(vector_pending(3, 0x71));
}

static void test_reported(void **state)
{
	(void)state;
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(0), nic), -EINVAL);
	fixture_vf_bars(nic, SRIOV, VF_BAR0, VF_BAR3);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, 2);
	cfg_write(nic, CONTROL, 2, ON);
	/* The report before the first access, and before the run loop came by. */
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(0), nic), 0);
	assert_int_equal(type_at(VF_BAR3), MEM_TRAP);
	/* The access before the report. */
	assert_int_equal(cfg_read(vf_at(1), PCI_REG_CLASS, 2), 0x0200);
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(1), nic), 0);
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(2), nic), -EINVAL);
	assert_int_equal(pci_vf_add(dom0->pci, (sbdf_t){vf_at(0).v + 1}, nic), -EINVAL);
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(1), vf_at(0)), -EINVAL);
	assert_int_equal(pci_vf_add(dom0->pci, vf_at(1), (sbdf_t){0x4321}), -ENODEV);
	assert_int_equal(pci_device_add(dom0->pci, nic), 0);
	assert_int_equal(pci_device_add(dom0->pci, (sbdf_t){0x4321}), -ENODEV);
	assert_int_equal(pci_device_remove(dom0->pci, vf_at(1)), 0);
	assert_int_equal(stats().functions, 3);
	assert_int_equal(pci_physical_of(dom0->pci, vf_at(1)).v, nic.v);
	assert_int_equal(pci_physical_of(dom0->pci, nic).v, nic.v);
}

/* Before they are in the index nothing of them is reached. */
static void test_not_yet(void **state)
{
	(void)state;
	fixture_vf_bars(nic, SRIOV, VF_BAR0, VF_BAR3);
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, 2);
	cfg_write(nic, CONTROL, 2, ON);
	assert_int_equal(cfg_read(vf_at(1), PCI_REG_CLASS, 2), 0xffff);
	cfg_write(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	settle();
	assert_int_equal(cfg_read(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2), VF_COUNT - 1);
}

static void test_by_firmware(void **state)
{
	struct host_pci *vf;

	(void)state;
	add_nic();
	arch_pci_write(nic, SRIOV + SRIOV_REG_BAR0, 4, (uint32_t)VF_BAR0);
	arch_pci_write(nic, SRIOV + SRIOV_REG_BAR0 + 4, 4, (uint32_t)(VF_BAR0 >> 32));
	arch_pci_write(nic, SRIOV + SRIOV_REG_BAR0 + 12, 4, (uint32_t)VF_BAR3);
	arch_pci_write(nic, SRIOV + SRIOV_REG_BAR0 + 16, 4, (uint32_t)(VF_BAR3 >> 32));
	arch_pci_write(nic, SRIOV + SRIOV_REG_COUNT, 2, 4);
	arch_pci_write(nic, CONTROL, 2, ON);
	vf = host_pci_vf(dev, 3);
	assert_non_null(vf);
	host_pci_set(vf, VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE | (VF_COUNT - 1));
	fixture_start();
	assert_int_equal(stats().functions, 5);
	assert_int_equal(cfg_read(nic, CONTROL, 2), ON);
	assert_int_equal(owner_at(VF_BAR0 + 3 * VF_SIZE), vf_at(3).v);
	assert_int_equal(type_at(VF_BAR3 + 3 * VF_SIZE), MEM_TRAP);
	assert_int_equal(cfg_read(vf_at(3), VF_MSIX + MSIX_REG_CONTROL, 2), VF_COUNT - 1);
}

static void test_vf_reset(void **state)
{
	(void)state;
	enable(2);
	cfg_write(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	program(1, 2, 1, 0x52);
	assert_int_equal(host_vector_count(1), 1);
	cfg_write(vf_at(1), VF_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	assert_int_equal(cfg_read(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2), VF_COUNT - 1);
	assert_int_equal(host_vector_count(1), 0);
	assert_int_equal(type_at(VF_BAR3 + VF_SIZE), MEM_TRAP);
	cfg_write(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	program(1, 2, 1, 0x53);
	assert_true(host_pci_fire_msix(host_pci_vf(dev, 1), 2));
	assert_true(vector_pending(1, 0x53));
}

static void test_pf_reset(void **state)
{
	(void)state;
	enable(2);
	cfg_write(vf_at(0), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	program(0, 0, 1, 0x52);
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	assert_int_equal(cfg_read(vf_at(0), PCI_REG_CLASS, 2), 0xffff);
	assert_int_equal(cfg_read(nic, CONTROL, 2), 0);
	assert_int_equal(stats().functions, 1);
	assert_int_equal(type_at(VF_BAR3), MEM_HOLE);
	assert_int_equal(host_vector_count(1), 0);
	enable(2);
	assert_int_equal(stats().functions, 3);
	assert_int_equal(type_at(VF_BAR3), MEM_TRAP);
}

static void test_pf_replaced(void **state)
{
	struct host_pci *bridge;

	(void)state;
	fixture_create(2);
	bridge = host_pci_add((sbdf_t){0x0008}, 0x8086, 1, 0x0604, true);
	host_pci_set(bridge, PCI_REG_SECONDARY, 1, 2);
	host_pci_set(bridge, PCI_REG_SUBORDINATE, 1, 3);
	dev = fixture_nic(nic);
	host_pci_extcap(dev, 0x100, 1);
	host_pci_cap_sriov(dev, SRIOV, TOTAL, 256, 1); /* on the next bus */
	host_pci_vf_bar(dev, 0, PCI_BAR_TYPE_64, VF_SIZE);
	fixture_start();
	enable(2);
	assert_int_equal(stats().functions, 4);
	assert_int_equal(cfg_read((sbdf_t){0x0301}, PCI_REG_CLASS, 2), 0x0200);
	assert_int_equal(owner_at(VF_BAR0 + VF_SIZE), 0x0301);
	/* A bridge with other numbers takes them all along. */
	cfg_write((sbdf_t){0x0008}, PCI_REG_SECONDARY, 2, 0x0505);
	assert_int_equal(stats().functions, 1);
	assert_int_equal(type_at(VF_BAR0), MEM_HOLE);
}

/* ---- capabilities that lie ---- */

static void refused(unsigned count)
{
	cfg_write(nic, SRIOV + SRIOV_REG_COUNT, 2, count);
	cfg_write(nic, CONTROL, 2, ON);
	settle();
	assert_int_equal(cfg_read(nic, CONTROL, 2) & ON, 0);
	assert_int_equal(stats().functions, 1);
	assert_int_equal(host_pci_vf(dev, 0) == NULL, 1);
	/* The function itself is as before. */
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
}

static void test_too_many(void **state)
{
	(void)state;
	fixture_vf_bars(nic, SRIOV, VF_BAR0, VF_BAR3);
	refused(TOTAL + 1);
	refused(0xffff);
	host_pci_set(dev, SRIOV + SRIOV_REG_INITIAL, 2, 3);
	refused(4);
	enable(3);
	assert_int_equal(stats().functions, 4);
}

static void test_bad_numbers(void **state)
{
	(void)state;
	fixture_vf_bars(nic, SRIOV, VF_BAR0, VF_BAR3);
	host_pci_set(dev, SRIOV + SRIOV_REG_OFFSET, 2, 0);
	refused(2);
	host_pci_set(dev, SRIOV + SRIOV_REG_OFFSET, 2, 0xfe00);
	refused(2);
	host_pci_set(dev, SRIOV + SRIOV_REG_OFFSET, 2, FIRST);
	host_pci_set(dev, SRIOV + SRIOV_REG_STRIDE, 2, 0);
	refused(2);
	host_pci_set(dev, SRIOV + SRIOV_REG_STRIDE, 2, 0x7fff);
	refused(4);
}

/* Memory runs out among them: the rest is refused, and reads all ones. */
static void test_no_memory(void **state)
{
	unsigned made;

	(void)state;
	while (page_free_count() > page_total_count() / 8 + 1) {
		assert_non_null(page_alloc());
	}
	enable(TOTAL);
	made = stats().functions - 1;
	assert_true(made < TOTAL);
	assert_true(host_console_contains("no memory for virtual functions from"));
	assert_int_equal(cfg_read(vf_at(TOTAL - 1), PCI_REG_CLASS, 2), 0xffff);
	cfg_write(vf_at(TOTAL - 1), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	assert_int_equal(host_pci_get(host_pci_vf(dev, TOTAL - 1), VF_MSIX + MSIX_REG_CONTROL, 2),
			 VF_COUNT - 1);
	disable();
	assert_int_equal(stats().functions, 1);
}

/* One of its numbers is somebody else's: that one is refused. */
static void test_taken(void **state)
{
	(void)state;
	assert_int_equal(pci_hide(dom0->pci, vf_at(1)), 0);
	enable(3);
	assert_int_equal(stats().functions, 3);
	assert_int_equal(owner_at(VF_BAR0 + 2 * VF_SIZE), vf_at(2).v);
	assert_int_equal(type_at(VF_BAR0 + VF_SIZE), MEM_HOLE);
	disable();
	assert_int_equal(stats().functions, 1);
}

static void start_with(unsigned reg, unsigned len, uint32_t value)
{
	add_nic();
	host_pci_set(dev, reg, len, value);
	fixture_start();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
}

static void test_refused(void **state)
{
	(void)state;
	start_with(SRIOV + SRIOV_REG_INITIAL, 2, TOTAL + 1);
	refused(1);
	/* It loops behind the capability: that counts. */
	start_with(SRIOV, 4, PCI_EXTCAPID_SRIOV | 0x10000 | 0x100u << 20);
	enable(1);
	assert_int_equal(stats().functions, 2);
	/* It is never reached, or cut off by the end. */
	start_with(0x100, 4, 0x10001 | 0x040u << 20);
	assert_int_equal(stats().functions, 1);
	add_nic();
	host_pci_set(dev, 0x100, 4, 0x10001 | 0xfd0u << 20);
	host_pci_set(dev, 0xfd0, 4, PCI_EXTCAPID_SRIOV | 0xff0u << 20);
	host_pci_set(dev, 0xff0, 4, PCI_EXTCAPID_SRIOV);
	fixture_start();
	assert_int_equal(stats().functions, 1);
	cfg_write(nic, 0xfd0 + SRIOV_REG_CONTROL, 2, ON);
	settle();
	assert_int_equal(stats().functions, 1);
}

/* VF MSI-X outside its BAR, VF BARs without size: that is off, the rest works. */
static void test_vf_lies(void **state)
{
	(void)state;
	add_nic();
	host_pci_vf_msix(dev, VF_COUNT, 3, 0x3ff0, 3, 0x2000);
	fixture_start();
	enable(2);
	assert_int_equal(type_at(VF_BAR3 + VF_SIZE), MEM_MMIO);
	cfg_write(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	assert_int_equal(cfg_read(vf_at(1), VF_MSIX + MSIX_REG_CONTROL, 2), VF_COUNT - 1);
	add_nic();
	host_pci_vf_msix(dev, VF_COUNT, 5, 0, 3, 0x2000);
	fixture_start();
	enable(TOTAL);
	assert_int_equal(stats().functions, 1 + TOTAL);
	assert_int_equal(owner_at(VF_BAR0 + 7 * VF_SIZE), vf_at(7).v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_enable, setup),
		cmocka_unit_test_setup(test_interrupts, setup),
		cmocka_unit_test_setup(test_cycles, setup),
		cmocka_unit_test_setup(test_moved, setup),
		cmocka_unit_test_setup(test_page_size, setup),
		cmocka_unit_test_setup(test_page_size_again, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_reported, setup),
		cmocka_unit_test_setup(test_not_yet, setup),
		cmocka_unit_test(test_by_firmware),
		cmocka_unit_test_setup(test_vf_reset, setup),
		cmocka_unit_test_setup(test_pf_reset, setup),
		cmocka_unit_test(test_pf_replaced),
		cmocka_unit_test_setup(test_too_many, setup),
		cmocka_unit_test_setup(test_bad_numbers, setup),
		cmocka_unit_test_setup(test_taken, setup),
		cmocka_unit_test_setup(test_no_memory, setup),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_vf_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
