/* SPDX-License-Identifier: MIT */
/* Hosted guest memory: what other tests of hypercalls rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host_guest.h"
#include "mem_fixture.h"

static _Alignas(4096) uint8_t ram[4 * 4096], ram1[4 * 4096];

static int setup(void **state)
{
	int rc = fixture_domains(state);

	memset(ram, 0x11, sizeof(ram));
	memset(ram1, 0x22, sizeof(ram1));
	if (rc || domain_add_vcpu(dom0, 0, 0, false) || domain_add_vcpu(domu, 0, 0, false)) {
		return -1;
	}
	return host_guest_add_ram(dom0, 0x10000, ram, sizeof(ram)) &&
			       host_guest_add_ram(domu, 0x10000, ram1, sizeof(ram1))
		       ? 0
		       : -1;
}

static void copies_stay_in_the_domain(void **state)
{
	struct vcpu *v = dom0->vcpu[0];
	uint8_t buf[6000];

	(void)state;
	memset(buf, 0x33, sizeof(buf));
	assert_int_equal(arch_copy_to_guest(v, 0x10ffe, buf, sizeof(buf)), 0);
	assert_int_equal(ram[0xffd], 0x11);
	assert_int_equal(ram[0xffe], 0x33);
	assert_int_equal(ram[0xffe + 5999], 0x33);
	assert_int_equal(ram[0xffe + 6000], 0x11);
	assert_int_equal(arch_copy_from_guest(domu->vcpu[0], buf, 0x10ffe, 16), 0);
	assert_int_equal(buf[0], 0x22);
	assert_int_equal(arch_copy_from_guest(v, buf, 0x13fff, 2), -EFAULT);
	assert_int_equal(arch_copy_from_guest(v, buf, UINT64_MAX, 2), -EFAULT);
	assert_int_equal(arch_copy_to_guest(v, 0xffff, buf, 2), -EFAULT);
	assert_int_equal(arch_copy_to_guest(v, 0, NULL, 0), 0);
}

static void access_of_pages(void **state)
{
	struct vcpu *v = dom0->vcpu[0];
	uint8_t b[2] = {0};

	(void)state;
	host_guest_set_access(dom0, 0x11000, 0x1000, HOST_GUEST_READ_ONLY);
	assert_int_equal(arch_copy_from_guest(v, b, 0x10fff, 2), 0);
	assert_int_equal(arch_copy_to_guest(v, 0x10fff, b, 2), -EFAULT);
	host_guest_set_access(dom0, 0x11000, 1, HOST_GUEST_NONE);
	assert_int_equal(arch_copy_from_guest(v, b, 0x11fff, 1), -EFAULT);
	assert_int_equal(arch_copy_from_guest(v, b, 0x12000, 1), 0);
	assert_int_equal(arch_copy_from_guest(domu->vcpu[0], b, 0x11000, 1), 0);
	assert_non_null(arch_guest_ram(dom0, gpa(0x11000)));
	host_guest_set_access(dom0, 0x11000, 0x1000, HOST_GUEST_ALL);
	assert_int_equal(arch_copy_to_guest(v, 0x10fff, b, 2), 0);
}

static void ram_is_what_the_memmap_says(void **state)
{
	(void)state;
	assert_ptr_equal(arch_guest_ram(dom0, gpa(0x12345)), ram + 0x2345);
	assert_ptr_equal(arch_guest_ram(domu, gpa(0x12345)), ram1 + 0x2345);
	assert_null(arch_guest_ram(dom0, gpa(0x14000)));
	assert_null(arch_guest_ram(dom0, gpa(UINT64_MAX)));
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(0x12000), gpa(0x13000), MEM_RESERVED), 0);
	assert_null(arch_guest_ram(dom0, gpa(0x12345)));
	assert_false(host_guest_add_ram(dom0, 0x20001, ram, 4096));
	assert_false(host_guest_add_ram(dom0, FIXTURE_LIMIT, ram, 4096));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(copies_stay_in_the_domain, setup),
		cmocka_unit_test_setup(access_of_pages, setup),
		cmocka_unit_test_setup(ram_is_what_the_memmap_says, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
