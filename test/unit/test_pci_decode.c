/* SPDX-License-Identifier: MIT */
/*
 * The two roads into configuration space: every size and offset of ports
 * CF8h-CFFh (PCI 3.0 3.2.2.3.2) and of an ECAM window (PCIe 6.0 7.2.2) must
 * reach the same registers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

static const sbdf_t nic = {0x0010}, other = {0x0208};

static void test_latch_keeps_its_value(void **state)
{
	(void)state;
	fixture_nic(nic);
	fixture_start();
	ioreq_port_write(dom0, 0xcf8, 4, 0x80001000);
	assert_int_equal(ioreq_port_read(dom0, 0xcf8, 4), 0x80001000);
	assert_int_equal(ioreq_port_read(dom0, 0xcfc, 4), 0x10c98086);
	assert_int_equal(ioreq_port_read(dom0, 0xcfc, 4), 0x10c98086);
	assert_int_equal(ioreq_port_read(dom0, 0xcf8, 4), 0x80001000);
	/* Bits 30:24 and 1:0 are read-only zero. */
	ioreq_port_write(dom0, 0xcf8, 4, 0xffffffffu);
	assert_int_equal(ioreq_port_read(dom0, 0xcf8, 4), 0x80fffffc);
}

static void test_latch_takes_dwords_only(void **state)
{
	(void)state;
	fixture_start();
	ioreq_port_write(dom0, 0xcf8, 4, 0x80001234);
	ioreq_port_write(dom0, 0xcf8, 1, 0xaa);
	ioreq_port_write(dom0, 0xcf8, 2, 0xaaaa);
	ioreq_port_write(dom0, 0xcf9, 1, 0xaa);
	ioreq_port_write(dom0, 0xcfa, 2, 0xaaaa);
	assert_int_equal(ioreq_port_read(dom0, 0xcf8, 4), 0x80001234);
	assert_int_equal(ioreq_port_read(dom0, 0xcf8, 1), 0xff);
	assert_int_equal(ioreq_port_read(dom0, 0xcfa, 2), 0xffff);
}

static void test_latch_belongs_to_its_root(void **state)
{
	(void)state;
	fixture_nic(nic);
	fixture_start();
	ioreq_port_write(dom0, 0xcf8, 4, 0x80001000);
	ioreq_port_write(domu, 0xcf8, 4, 0x80000800);
	assert_int_equal(ioreq_port_read(dom0, 0xcf8, 4), 0x80001000);
	assert_int_equal(ioreq_port_read(domu, 0xcf8, 4), 0x80000800);
	assert_int_equal(cf8_read(domu, nic, 0, 4), 0xffffffffu);
	assert_int_equal(ioreq_port_read(dom0, 0xcfc, 4), 0x10c98086);
}

static void test_disabled_latch(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	fixture_start();
	ioreq_port_write(dom0, 0xcf8, 4, 0x0000103c);
	assert_int_equal(ioreq_port_read(dom0, 0xcfc, 4), 0xffffffffu);
	ioreq_port_write(dom0, 0xcfc, 1, 0x77);
	assert_int_equal(host_pci_get(p, 0x3c, 1), 0);
}

static void test_ports_all_sizes(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	fixture_start();
	host_pci_set(p, 0x2c, 4, 0x44332211);
	for (unsigned len = 1; len <= 4; len *= 2) {
		for (unsigned at = 0; at + len <= 4; at++) {
			assert_int_equal(cf8_read(dom0, nic, 0x2c + at, len),
					 0x44332211u >> (8 * at) & ones(len));
		}
	}
	/* Over the end of the data port: the bytes behind it are nobody's. */
	ioreq_port_write(dom0, 0xcf8, 4, 0x8000102c);
	host_port_set(0xd00, 0x5a);
	assert_int_equal(ioreq_port_read(dom0, 0xcff, 2), 0x5a44);
	/* Over the border of the two ports: the reset register side reads ones. */
	assert_int_equal(ioreq_port_read(dom0, 0xcfa, 4), 0x2211ffff);
	assert_int_equal(ioreq_port_read(dom0, 0xcf9, 4), 0x11ffffff);
	assert_int_equal(ioreq_port_read(dom0, 0xcf7, 2), 0xffff);
}

static void test_ports_write_sizes(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	fixture_start();
	host_pci_writable(p, 0x44, 4, 0xffffffffu);
	host_pci_writable(p, 0xe0, 4, 0xffffffffu);
	cf8_write(dom0, nic, 0xe0, 4, 0x01020304);
	assert_int_equal(host_pci_get(p, 0xe0, 4), 0x01020304);
	cf8_write(dom0, nic, 0xe1, 2, 0xbbaa);
	assert_int_equal(host_pci_get(p, 0xe0, 4), 0x01bbaa04);
	cf8_write(dom0, nic, 0xe3, 1, 0xcc);
	assert_int_equal(host_pci_get(p, 0xe0, 4), 0xccbbaa04);
	/* Unaligned, over the end of the dword: the rest is a port of the machine. */
	cf8_write(dom0, nic, 0xe2, 4, 0x99887766);
	assert_int_equal(host_pci_get(p, 0xe0, 4), 0x7766aa04);
	assert_int_equal(host_port_written(0xd00), 0x88);
	assert_int_equal(host_port_written(0xd01), 0x99);
}

static uint16_t reset_port;
static uint32_t reset_value;
static unsigned reset_len;

static uint32_t reset_read(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	(void)len;
	return 0xffffff00u | (port & 0xff);
}

static void reset_write(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	(void)ctx;
	reset_port = port;
	reset_len = len;
	reset_value = value;
}

static void test_reset_port(void **state)
{
	static const struct port_ops ops = {"reset", reset_read, reset_write};

	(void)state;
	fixture_start();
	pci_root_set_reset_port(dom0->pci, &ops, NULL);
	ioreq_port_write(dom0, 0xcf9, 1, 0x06);
	assert_int_equal(reset_port, 0xcf9);
	assert_int_equal(reset_len, 1);
	assert_int_equal(reset_value, 0x06);
	assert_int_equal(ioreq_port_read(dom0, 0xcf9, 1), 0xf9);
	assert_int_equal(ioreq_port_read(domu, 0xcf9, 1), 0xff);
	ioreq_port_write(dom0, 0xcf8, 4, 0x80000000);
	assert_int_equal(ioreq_port_read(dom0, 0xcf8, 4), 0x80000000);
}

static void test_ecam_all_sizes(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	fixture_start();
	for (unsigned i = 0; i < 32; i++) {
		host_pci_set(p, 0x200 + i, 1, 0x40 + i);
		host_pci_writable(p, 0x200 + i, 1, 0xff);
	}
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (unsigned at = 0; at < 16; at++) {
			uint64_t expect = 0;

			for (unsigned i = 0; i < len; i++) {
				expect |= (uint64_t)(0x40 + at + i) << (8 * i);
			}
			assert_true(mem_read(dom0, ecam_address(nic, 0x200 + at), len) == expect);
			mem_write(dom0, ecam_address(nic, 0x200 + at), len, expect + 1);
			assert_int_equal(host_pci_get(p, 0x200 + at, 1), 0x40 + at + 1);
			mem_write(dom0, ecam_address(nic, 0x200 + at), len, expect);
		}
	}
}

static void test_ecam_crosses_functions(void **state)
{
	struct host_pci *a = fixture_nic(sbdf_make(0, 0, 2, 0));

	(void)state;
	host_pci_set(a, PCI_REG_HEADER_TYPE, 1, PCI_HEADER_MULTI);
	host_pci_add(sbdf_make(0, 0, 2, 1), 0x1234, 0x5678, 0x0880, false);
	fixture_start();
	host_pci_set(a, 0xffc, 4, 0xdddddddd);
	assert_true(mem_read(dom0, ecam_address(sbdf_make(0, 0, 2, 0), 0xffc), 8) ==
		    0x56781234ddddddddull);
}

static void test_segments(void **state)
{
	sbdf_t far = sbdf_make(1, 0x12, 3, 0);

	(void)state;
	host_pci_add(far, 0x1af4, 0x1041, 0x0200, false);
	fixture_start();
	assert_int_equal(cfg_read(far, 0, 4), 0x10411af4);
	assert_int_equal(stats().functions, 1);
	assert_int_equal(cf8_read(dom0, far, 0, 4), 0xffffffffu);
}

static void test_roads_meet(void **state)
{
	(void)state;
	fixture_nic(nic);
	host_pci_add(other, 0x1b36, 0x0010, 0x0108, false);
	fixture_start();
	for (unsigned reg = 0; reg < 256; reg += 4) {
		assert_int_equal(cfg_read(nic, reg, 4), cf8_read(dom0, nic, reg, 4));
		assert_int_equal(cfg_read(other, reg, 4), cf8_read(dom0, other, reg, 4));
	}
}

static void test_bad_windows_are_left_out(void **state)
{
	static const struct pci_window bad[] = {
		{.segment = 300, .bus_last = 1, .bus0 = {0xd0000000}},
		{.segment = 2, .bus_first = 5, .bus_last = 4, .bus0 = {0xd0000000}},
		{.segment = 2, .bus_last = 1, .bus0 = {0xd0001000}},
		{.segment = 2, .bus_last = 1, .bus0 = {0x1000000}},                  /* RAM */
		{.segment = 0, .bus_first = 1, .bus_last = 1, .bus0 = {0xd0000000}}, /* twice */
		{.segment = 2, .bus_first = 0, .bus_last = 1, .bus0 = {0xd0000000 + 4 * MIB}},
	};
	struct pci_window w;

	(void)state;
	fixture_create(0);
	assert_int_equal(ioreq_release_ports(dom0, 0xcf8, 8), 0);
	assert_int_equal(arch_pci_add_ecam(0, 0, 255, hpa(FIXTURE_ECAM)), 0);
	assert_int_equal(pci_root_create(dom0, bad, ARRAY_SIZE(bad)), 0);
	assert_true(pci_root_window(dom0->pci, 1, &w));
	assert_int_equal(w.segment, 2);
	assert_false(pci_root_window(dom0->pci, 2, &w));
	assert_true(host_console_contains("segment number too high"));
	assert_true(host_console_contains("malformed"));
	assert_true(host_console_contains("not free in the memory map"));
	assert_true(host_console_contains("not usable by the hypervisor"));
	/* What is free of the others is nobody's: no touch opens it. */
	assert_int_equal(type_at(0xd0000000), MEM_DENY);
	assert_int_equal(type_at(0xd0100000), MEM_TRAP);
	assert_int_equal(type_at(0xd0200000), MEM_DENY);
	assert_int_equal(type_at(0xd0201000), MEM_HOLE);
	assert_int_equal(type_at(0x1000000), MEM_RAM);
	assert_true(mem_read(dom0, 0xd0000000, 4) == 0xffffffff);
	assert_int_equal(type_at(0xd0000000), MEM_DENY);
	/* One that the tables' reader left out: from RAM into a hole. */
	pci_deny_window(dom0, &(struct pci_window){.bus_last = 3, .bus0 = {FIXTURE_RAM - 2 * MIB}});
	assert_int_equal(type_at(FIXTURE_RAM - 1), MEM_OURS);
	assert_int_equal(type_at(FIXTURE_RAM), MEM_DENY);
	assert_int_equal(type_at(FIXTURE_RAM + 2 * MIB), MEM_HOLE);
	pci_deny_window(dom0, &(struct pci_window){.bus_first = 4, .bus0 = {0xd8000000}});
	assert_int_equal(type_at(0xd8400000), MEM_HOLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_latch_keeps_its_value, fixture_machine),
		cmocka_unit_test_setup(test_latch_takes_dwords_only, fixture_machine),
		cmocka_unit_test_setup(test_latch_belongs_to_its_root, fixture_machine),
		cmocka_unit_test_setup(test_disabled_latch, fixture_machine),
		cmocka_unit_test_setup(test_ports_all_sizes, fixture_machine),
		cmocka_unit_test_setup(test_ports_write_sizes, fixture_machine),
		cmocka_unit_test_setup(test_reset_port, fixture_machine),
		cmocka_unit_test_setup(test_ecam_all_sizes, fixture_machine),
		cmocka_unit_test_setup(test_ecam_crosses_functions, fixture_machine),
		cmocka_unit_test_setup(test_segments, fixture_machine),
		cmocka_unit_test_setup(test_roads_meet, fixture_machine),
		cmocka_unit_test(test_bad_windows_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
