/* SPDX-License-Identifier: MIT */
/* physdev_op: what the hardware domain reports of its machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/physdev.h>
#include <taproot/hypercall.h>

#include "host_guest.h"
#include "pci_fixture.h"

#define ARG    0x4000000000ull /* a page of RAM for arguments */
#define WINDOW 0xe0000000ull   /* reserved in the memory map: FIXTURE_RSVD, 16 MiB */
#define BUSES  16u

static _Alignas(4096) uint8_t page0[PAGE_SIZE], page1[PAGE_SIZE];
static const sbdf_t nic = {0x0200};

/* The machine's windows are known to AML only; a NIC is on bus 2. */
static int setup(void **state)
{
	(void)state;
	fixture_create(0);
	(void)fixture_nic(nic);
	host_pci_add((sbdf_t){0}, 0x8086, 0x29c0, 0x0600, false);
	host_pci_window(WINDOW, BUSES * MIB);
	return event_domain_init(dom0) || event_domain_init(domu) ||
			       !host_guest_add_ram(dom0, ARG, page0, PAGE_SIZE) ||
			       !host_guest_add_ram(domu, ARG, page1, PAGE_SIZE)
		       ? -1
		       : 0;
}

static int64_t op(struct domain *d, uint64_t command, const void *arg, size_t len)
{
	struct hypercall h = {.v = d->vcpu[0], .arg = {command, ARG}};

	memcpy(d == dom0 ? page0 : page1, arg, len);
	return hypercall_physdev_op(&h);
}

#define OP(d, command, arg) op(d, command, &(arg), sizeof(arg))

static struct physdev_pci_mmcfg_reserved window(uint64_t address, unsigned first, unsigned last)
{
	return (struct physdev_pci_mmcfg_reserved){.address = address,
						   .start_bus = (uint8_t)first,
						   .end_bus = (uint8_t)last,
						   .flags = XEN_PCI_MMCFG_RESERVED};
}

static void window_served(void **state)
{
	struct physdev_pci_mmcfg_reserved x = window(WINDOW, 0, BUSES - 1);
	struct pci_window w;

	(void)state;
	fixture_start();
	/* Touched before it was known: mapped, and it goes past the root complex. */
	assert_int_equal(mem_read(dom0, WINDOW + 0x200000, 4), 0xffffffff);
	assert_int_equal(type_at(WINDOW + 0x200000), MEM_OPEN);
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), 0);
	assert_int_equal(type_at(WINDOW + 0x200000), MEM_TRAP);
	assert_int_equal(mem_read(dom0, WINDOW + 0x200000, 4), 0x10c98086);
	assert_int_equal(mem_read(dom0, WINDOW, 4), 0x29c08086);
	assert_true(pci_root_window(dom0->pci, 0, &w));
	assert_int_equal(w.bus0.v, WINDOW);
	/* Again, or a part of it: known. Another place for the same buses: no. */
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), 0);
	x.end_bus = 3;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), 0);
	x.end_bus = BUSES;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), -EEXIST);
	x = window(0xd0000000, 0, 3);
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), -EEXIST);
	x = window(WINDOW, 0, BUSES - 1);
	x.flags = 0;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), -EOPNOTSUPP);
	assert_false(pci_root_window(dom0->pci, 1, &w));
}

static void window_refused(void **state)
{
	static const struct {
		uint64_t address;
		unsigned first, last;
		int rc;
	} bad[] = {
		{GIB, 0, 0, -EBUSY},                /* RAM */
		{FIXTURE_OURS, 0, 0, -EBUSY},       /* ours */
		{FIXTURE_OURS - MIB, 0, 1, -EBUSY}, /* begins in RAM, ends in ours */
		{0xd0000000, 0, 0, -ENODEV},        /* nothing there */
		{WINDOW + MIB, 0, 0, -ENODEV},      /* another bus there */
		{WINDOW + 4096, 0, 0, -EINVAL},
		{WINDOW, 3, 2, -EINVAL},
		{UINT64_MAX & ~(MIB - 1), 0, 255, -EINVAL},
		{1ull << 50, 0, 255, -EINVAL}, /* beyond the address space */
	};
	struct physdev_pci_mmcfg_reserved x;
	struct pci_window w;

	(void)state;
	fixture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		x = window(bad[i].address, bad[i].first, bad[i].last);
		assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), bad[i].rc);
	}
	x = window(WINDOW, 0, 0);
	x.flags = 2;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), -EINVAL);
	x.flags = 0;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), -ENODEV);
	assert_int_equal(type_at(0xd0000000), MEM_HOLE);
	assert_int_equal(type_at(WINDOW), MEM_RESERVED);
	assert_false(pci_root_window(dom0->pci, 0, &w));
	/* A BAR lies there already. */
	x = window(NIC_BAR0, 0, 0);
	cf8_write(dom0, nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_mmcfg_reserved, x), -EBUSY);
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
}

static void device_reports(void **state)
{
	struct physdev_pci_device_add add = {.bus = 2};
	struct physdev_pci_device dev = {.bus = 2};

	(void)state;
	fixture_start();
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_add, add), 0);
	add.bus = 5;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_add, add), -ENODEV);
	add.seg = 0xffff;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_add, add), -ENODEV);
	add.seg = 0;
	/* It appears (hotplug), is reported, and owns its BARs. */
	(void)fixture_nic((sbdf_t){0x0500});
	add.flags = XEN_PCI_DEV_EXTFN;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_add, add), 0);
	assert_int_equal(stats().functions, 3);
	/* A virtual function of a device that has none. */
	add.flags = XEN_PCI_DEV_VIRTFN;
	add.physfn.bus = 2;
	add.devfn = 1;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_add, add), -EINVAL);
	add.physfn.bus = 9;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_add, add), -ENODEV);
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_remove, dev), 0);
	dev.bus = 7;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_remove, dev), -ENODEV);
}

/* A reset that we did not see clears the BARs: the report makes us look. */
static void reset_report(void **state)
{
	struct pci_device_reset x = {.dev = {.bus = 2}, .flags = 3};
	struct pci_bar_info info;
	struct host_pci *p;

	(void)state;
	fixture_start();
	p = host_pci_find(nic);
	cf8_write(dom0, nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
	host_pci_set(p, PCI_REG_COMMAND, 2, 0);
	host_pci_bar_set(p, 0, 0);
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_reset, x), 0);
	assert_int_equal(type_at(NIC_BAR0), MEM_HOLE);
	assert_true(pci_bar_info(dom0->pci, nic, 0, &info));
	assert_false(info.mapped);
	x.dev.bus = 9;
	assert_int_equal(OP(dom0, PHYSDEVOP_pci_device_reset, x), -ENODEV);
}

static void other_calls(void **state)
{
	struct physdev_setup_gsi gsi = {.gsi = 5, .triggering = 1, .polarity = 1};
	struct physdev_dbgp_op dbgp = {.op = PHYSDEVOP_DBGP_RESET_PREPARE};

	(void)state;
	host_ioapic_add(0, 0x20, 24);
	assert_int_equal(vioapic_add(dom0, 0, gpa(0xfec00000), 1, 0), 0);
	assert_int_equal(OP(dom0, PHYSDEVOP_setup_gsi, gsi), 0);
	gsi.gsi = 24;
	assert_int_equal(OP(dom0, PHYSDEVOP_setup_gsi, gsi), -EINVAL);
	gsi.gsi = -1;
	assert_int_equal(OP(dom0, PHYSDEVOP_setup_gsi, gsi), -EINVAL);
	gsi.gsi = 1;
	gsi.polarity = 2;
	assert_int_equal(OP(dom0, PHYSDEVOP_setup_gsi, gsi), -EINVAL);
	assert_int_equal(OP(dom0, PHYSDEVOP_dbgp_op, dbgp), 0);
	dbgp.bus = 7;
	assert_int_equal(OP(dom0, PHYSDEVOP_dbgp_op, dbgp), -EINVAL);
	dbgp.op = 9;
	assert_int_equal(OP(dom0, PHYSDEVOP_dbgp_op, dbgp), -ENOSYS);
}

/* Every command: unprivileged, with arguments that are not there, and unknown ones. */
static void matrix(void **state)
{
	static const uint8_t offered[] = {21, 24, 25, 26, 29, 32};

	(void)state;
	for (unsigned n = 0; n < 300; n++) {
		bool known = n < 64 && memchr(offered, (int)n, sizeof(offered));
		struct hypercall h = {.v = domu->vcpu[0], .arg = {n, ARG}};

		assert_int_equal(hypercall_physdev_op(&h), known ? -EPERM : -ENOSYS);
		h = (struct hypercall){.v = dom0->vcpu[0], .arg = {n, ARG + PAGE_SIZE - 1}};
		assert_int_equal(hypercall_physdev_op(&h), known ? -EFAULT : -ENOSYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(window_served, setup),
		cmocka_unit_test_setup(window_refused, setup),
		cmocka_unit_test_setup(device_reports, setup),
		cmocka_unit_test_setup(reset_report, setup),
		cmocka_unit_test_setup(other_calls, setup),
		cmocka_unit_test_setup(matrix, setup),
	};

	return cmocka_run_group_tests_name("physdev", tests, NULL, NULL);
}
