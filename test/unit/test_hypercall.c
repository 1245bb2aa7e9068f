/* SPDX-License-Identifier: MIT */
/* Hypercalls: dispatch, who may name whom, xen_version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/version.h>
#include <taproot/option.h>
#include <taproot/version.h>

#include "hypercall_fixture.h"

#define VERSION __HYPERVISOR_xen_version

static void unknown_calls(void **state)
{
	static const uint64_t op[] = {
		__HYPERVISOR_set_trap_table, __HYPERVISOR_mmu_update, __HYPERVISOR_multicall,
		__HYPERVISOR_iret,           __HYPERVISOR_arch_7 + 1, 1ull << 32,
		UINT64_MAX,                  1ull << 32 | __HYPERVISOR_xen_version,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(op); i++) {
		assert_int_equal(call(dom0, op[i], 0, 0, 0), -ENOSYS);
		assert_int_equal(call(domu, op[i], 0, 0, 0), -ENOSYS);
	}
}

static void targets(void **state)
{
	static const enum hypercall_right rights[] = {RIGHT_QUERY, RIGHT_CONTROL};
	struct domain *d;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rights); i++) {
		assert_int_equal(hypercall_target(dom0->vcpu[0], DOMID_SELF, rights[i], &d), 0);
		assert_ptr_equal(d, dom0);
		assert_int_equal(hypercall_target(dom0->vcpu[0], 1, rights[i], &d), 0);
		assert_ptr_equal(d, domu);
		assert_int_equal(hypercall_target(dom0->vcpu[0], 2, rights[i], &d), -ESRCH);
		assert_int_equal(hypercall_target(dom0->vcpu[0], DOMID_XEN, rights[i], &d), -ESRCH);
		assert_int_equal(hypercall_target(domu->vcpu[1], DOMID_SELF, rights[i], &d), 0);
		assert_ptr_equal(d, domu);
		assert_int_equal(hypercall_target(domu->vcpu[1], 1, rights[i], &d), 0);
		assert_int_equal(hypercall_target(domu->vcpu[1], 0, rights[i], &d), -EPERM);
		assert_int_equal(hypercall_target(domu->vcpu[1], 2, rights[i], &d), -ESRCH);
	}
	assert_int_equal(hypercall_machine(dom0->vcpu[1]), 0);
	assert_int_equal(hypercall_machine(domu->vcpu[0]), -EPERM);
}

static void version_numbers(void **state)
{
	(void)state;
	option_parse(&options, "");
	assert_int_equal(call(domu, VERSION, XENVER_version, 0, 0), 4 << 16 | 17);
	option_parse(&options, "abi_version=4.20");
	assert_int_equal(call(dom0, VERSION, XENVER_version, 0, 0), 4 << 16 | 20);
	option_parse(&options, "");
	assert_int_equal(call(domu, VERSION, XENVER_pagesize, 0, 0), 4096);
	assert_int_equal(call(domu, VERSION, XENVER_pagesize, CALL_ARG, 0), -EINVAL);
	assert_int_equal(call(dom0, VERSION, XENVER_build_id, 0, 0), -ENODATA);
	assert_int_equal(call(domu, VERSION, XENVER_build_id, 0, 0), -EPERM);
	assert_int_equal(call(dom0, VERSION, 15, 0, 0), -ENOSYS);
}

static void texts(void **state)
{
	static const uint64_t op[] = {XENVER_extraversion, XENVER_capabilities, XENVER_changeset,
				      XENVER_commandline};
	static const char *const expected[] = {"-taproot-", "hvm-3.0-x86_64", "unavailable",
					       "noreboot abi=xen"};

	(void)state;
	option_parse(&options, "noreboot abi=xen");
	for (unsigned i = 0; i < ARRAY_SIZE(op); i++) {
		const char *text = (const char *)call_at(dom0, CALL_ARG);

		assert_int_equal(call(dom0, VERSION, op[i], CALL_ARG, 0), 0);
		assert_memory_equal(text, expected[i], strlen(expected[i]));
		assert_true(strlen(text) < 1024);
		assert_int_equal(call(dom0, VERSION, op[i], CALL_RAM - 1, 0), -EFAULT);
		assert_int_equal(call(dom0, VERSION, op[i], UINT64_MAX, 0), -EFAULT);
	}
	assert_int_equal(call(domu, VERSION, XENVER_commandline, CALL_ARG, 0), 0);
	assert_string_equal((const char *)call_at(domu, CALL_ARG), "<denied>");
	assert_true(strlen((const char *)call_at(dom0, CALL_ARG)) < 1024);
}

/* The same by their length: not a byte more, and none where they do not fit. */
static void whole_texts(void **state)
{
	static const uint64_t op[] = {XENVER_extraversion2, XENVER_capabilities2, XENVER_changeset2,
				      XENVER_commandline2};
	static const char *const expected[] = {"-taproot-" TAPROOT_VERSION, "hvm-3.0-x86_64",
					       "unavailable", "noreboot abi=xen"};

	(void)state;
	option_parse(&options, "noreboot abi=xen");
	for (unsigned i = 0; i < ARRAY_SIZE(op); i++) {
		uint32_t size = (uint32_t)strlen(expected[i]);
		uint32_t room = size;
		uint64_t edge = CALL_RAM + CALL_RAM_SIZE - 4 - size;

		assert_int_equal(call(dom0, VERSION, op[i], 0, 0), size);
		memset(call_at(dom0, CALL_ARG), 0x55, 64);
		call_put(dom0, &room, sizeof(room));
		assert_int_equal(call(dom0, VERSION, op[i], CALL_ARG, 0), size);
		assert_memory_equal(call_at(dom0, CALL_ARG + 4), expected[i], size);
		assert_int_equal(*call_at(dom0, CALL_ARG + 4 + size), 0x55);
		room--;
		memset(call_at(dom0, CALL_ARG), 0x55, 64);
		call_put(dom0, &room, sizeof(room));
		assert_int_equal(call(dom0, VERSION, op[i], CALL_ARG, 0), -ENOBUFS);
		assert_int_equal(*call_at(dom0, CALL_ARG + 4), 0x55);
		/* Up to the end of memory, and beyond it. */
		memcpy(call_at(dom0, edge), &size, 4);
		assert_int_equal(call(dom0, VERSION, op[i], edge, 0), size);
		memcpy(call_at(dom0, edge + 1), &size, 4);
		assert_int_equal(call(dom0, VERSION, op[i], edge + 1, 0), -EFAULT);
		assert_int_equal(call(dom0, VERSION, op[i], edge + size + 1, 0), -EFAULT);
	}
	assert_int_equal(call(domu, VERSION, XENVER_changeset2, 0, 0), 11);
	assert_int_equal(call(domu, VERSION, XENVER_commandline2, 0, 0), -EPERM);
}

/* A command line longer than the field is cut, but given whole by its length. */
static void long_command_line(void **state)
{
	static char line[2000];

	(void)state;
	memset(line, ' ', sizeof(line) - 1);
	option_parse(&options, line);
	memset(call_at(dom0, CALL_ARG), 0x55, 2048);
	assert_int_equal(call(dom0, VERSION, XENVER_commandline, CALL_ARG, 0), 0);
	assert_int_equal(strlen((const char *)call_at(dom0, CALL_ARG)), 1023);
	assert_int_equal(*call_at(dom0, CALL_ARG + 1024), 0x55);
	assert_int_equal(call(dom0, VERSION, XENVER_commandline2, 0, 0), sizeof(line) - 1);
	option_parse(&options, "");
}

static void features(void **state)
{
	struct xen_feature_info f = {0};

	(void)state;
	assert_int_equal(call(dom0, VERSION, XENVER_get_features, call_put(dom0, &f, sizeof(f)), 0), 0);
	call_get(dom0, &f, sizeof(f));
	assert_true(f.submap >> XENFEAT_hvm_callback_vector & 1);
	assert_true(f.submap >> XENFEAT_hvm_safe_pvclock & 1);
	assert_true(f.submap >> XENFEAT_auto_translated_physmap & 1);
	assert_true(f.submap >> XENFEAT_dom0 & 1);
	assert_false(f.submap >> XENFEAT_hvm_pirqs & 1);
	assert_int_equal(call(domu, VERSION, XENVER_get_features, call_put(domu, &f, sizeof(f)), 0), 0);
	call_get(domu, &f, sizeof(f));
	assert_false(f.submap >> XENFEAT_dom0 & 1);
	f.submap_idx = 1;
	assert_int_equal(call(dom0, VERSION, XENVER_get_features, call_put(dom0, &f, sizeof(f)), 0),
			 -EINVAL);
	/* The structure crosses into a page that is not there, or that cannot be written. */
	f.submap_idx = 0;
	memcpy(call_at(dom0, CALL_ARG + 0xffc), &f, 4);
	host_guest_set_access(dom0, CALL_ARG + 0x1000, 0x1000, HOST_GUEST_NONE);
	assert_int_equal(call(dom0, VERSION, XENVER_get_features, CALL_ARG + 0xffc, 0), -EFAULT);
	host_guest_set_access(dom0, CALL_ARG + 0x1000, 0x1000, HOST_GUEST_READ_ONLY);
	assert_int_equal(call(dom0, VERSION, XENVER_get_features, CALL_ARG + 0xffc, 0), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(unknown_calls, fixture_hypercalls),
		cmocka_unit_test_setup(targets, fixture_hypercalls),
		cmocka_unit_test_setup(version_numbers, fixture_hypercalls),
		cmocka_unit_test_setup(texts, fixture_hypercalls),
		cmocka_unit_test_setup(whole_texts, fixture_hypercalls),
		cmocka_unit_test_setup(long_command_line, fixture_hypercalls),
		cmocka_unit_test_setup(features, fixture_hypercalls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
