/* SPDX-License-Identifier: MIT */
/* hvm_op: parameters and who may use them, upcall vectors, kinds of memory, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/xen.h>

#include "hypercall_fixture.h"

static int64_t hvm_op(struct domain *d, unsigned op, const void *arg, size_t size)
{
	return call(d, __HYPERVISOR_hvm_op, op, call_put(d, arg, size), 0);
}

static int64_t set(struct domain *d, unsigned target, uint32_t index, uint64_t value)
{
	const struct xen_hvm_param a = {(domid_t)target, 0, index, value};

	return hvm_op(d, HVMOP_set_param, &a, sizeof(a));
}

static int64_t get(struct domain *d, unsigned target, uint32_t index, uint64_t *value)
{
	struct xen_hvm_param a = {(domid_t)target, 0, index, ~0ull};
	int64_t rc = hvm_op(d, HVMOP_get_param, &a, sizeof(a));

	call_get(d, &a, sizeof(a));
	*value = a.value;
	return rc;
}

static void parameters(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(set(domu, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, 7), 0);
	assert_int_equal(get(domu, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(get(dom0, 1, HVM_PARAM_STORE_EVTCHN, &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(get(dom0, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, &value), 0);
	assert_int_equal(value, 0);
	/* The toolstack's to set, the domain's to read. */
	assert_int_equal(set(domu, DOMID_SELF, HVM_PARAM_STORE_PFN, 0x1234), -EPERM);
	assert_int_equal(set(dom0, DOMID_SELF, HVM_PARAM_STORE_PFN, 0x1234), -EPERM);
	assert_int_equal(set(dom0, 1, HVM_PARAM_STORE_PFN, 0x1234), 0);
	assert_int_equal(get(domu, DOMID_SELF, HVM_PARAM_STORE_PFN, &value), 0);
	assert_int_equal(value, 0x1234);
	/* Those of others, those that are not there. */
	assert_int_equal(get(domu, 0, HVM_PARAM_STORE_PFN, &value), -EPERM);
	assert_int_equal(set(domu, 0, HVM_PARAM_CALLBACK_IRQ, 0), -EPERM);
	assert_int_equal(get(dom0, 9, HVM_PARAM_STORE_PFN, &value), -ESRCH);
	assert_int_equal(get(dom0, DOMID_SELF, HVM_NR_PARAMS, &value), -EINVAL);
	assert_int_equal(get(dom0, DOMID_SELF, UINT32_MAX, &value), -EINVAL);
	assert_int_equal(set(dom0, 1, HVM_PARAM_VIRIDIAN, 1), -EINVAL);
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, HVMOP_get_param, CALL_RAM - 8, 0), -EFAULT);
}

static void callback(void **state)
{
	const uint64_t vector = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56;
	uint64_t value;

	(void)state;
	assert_int_equal(set(dom0, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, vector | 0xf3), 0);
	assert_int_equal(get(dom0, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, &value), 0);
	assert_int_equal(value, vector | 0xf3);
	assert_int_equal(dom0->vcpu[1]->event.callback_vector, 0xf3);
	assert_int_equal(set(dom0, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, vector | 5), -EINVAL);
	assert_int_equal(get(dom0, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, &value), 0);
	assert_int_equal(value, vector | 0xf3);
	assert_int_equal(domu->vcpu[0]->event.callback_vector, 0);
}

static void upcall_vectors(void **state)
{
	struct xen_hvm_evtchn_upcall_vector a = {.vcpu = 1, .vector = 0x80};

	(void)state;
	assert_int_equal(hvm_op(domu, HVMOP_set_evtchn_upcall_vector, &a, sizeof(a)), 0);
	assert_int_equal(domu->vcpu[1]->event.upcall_vector, 0x80);
	assert_int_equal(dom0->vcpu[1]->event.upcall_vector, 0);
	a.vector = 15;
	assert_int_equal(hvm_op(domu, HVMOP_set_evtchn_upcall_vector, &a, sizeof(a)), -EINVAL);
	a.vector = 16;
	a.vcpu = 2;
	assert_int_equal(hvm_op(domu, HVMOP_set_evtchn_upcall_vector, &a, sizeof(a)), -ENOENT);
	a.vcpu = UINT32_MAX;
	assert_int_equal(hvm_op(domu, HVMOP_set_evtchn_upcall_vector, &a, sizeof(a)), -ENOENT);
}

static uint16_t mem_type(struct domain *d, unsigned target, uint64_t pfn, int64_t expected)
{
	struct xen_hvm_get_mem_type a = {.domid = (domid_t)target, .mem_type = 0xffff, .pfn = pfn};

	assert_int_equal(hvm_op(d, HVMOP_get_mem_type, &a, sizeof(a)), expected);
	call_get(d, &a, sizeof(a));
	return a.mem_type;
}

static void memory_types(void **state)
{
	(void)state;
	assert_int_equal(mem_type(domu, DOMID_SELF, CALL_RAM >> 12, 0), HVMMEM_ram_rw);
	assert_int_equal(mem_type(dom0, 1, CALL_RAM >> 12, 0), HVMMEM_ram_rw);
	assert_int_equal(mem_type(domu, DOMID_SELF, (CALL_RAM + CALL_RAM_SIZE) >> 12, 0),
			 HVMMEM_mmio_dm);
	assert_int_equal(mem_type(domu, DOMID_SELF, UINT64_MAX, 0), HVMMEM_mmio_dm);
	/* Shifted left it would name RAM. */
	assert_int_equal(mem_type(domu, DOMID_SELF, 1ull << 52 | CALL_RAM >> 12, 0), HVMMEM_mmio_dm);
	(void)mem_type(domu, 0, CALL_RAM >> 12, -EPERM);
	(void)mem_type(dom0, 2, CALL_RAM >> 12, -ESRCH);
}

static void hints_and_refusals(void **state)
{
	struct xen_hvm_pagetable_dying dying = {.domid = DOMID_SELF};
	uint64_t now;

	(void)state;
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0, 0), 0);
	assert_int_equal(host_flush_count, 1);
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, HVMOP_flush_tlbs, CALL_ARG, 0), -EINVAL);
	assert_int_equal(host_flush_count, 1);
	assert_int_equal(hvm_op(domu, HVMOP_pagetable_dying, &dying, sizeof(dying)), 0);
	dying.domid = 0;
	assert_int_equal(hvm_op(domu, HVMOP_pagetable_dying, &dying, sizeof(dying)), -EPERM);
	host_time_advance(HOST_TIME_HZ);
	assert_int_equal(call(domu, __HYPERVISOR_hvm_op, HVMOP_get_time, CALL_ARG, 0), 0);
	call_get(domu, &now, sizeof(now));
	assert_int_equal(now, vtime_now(domu));
	assert_true(now >= 999999990);
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, HVMOP_altp2m, CALL_ARG, 0), -EOPNOTSUPP);
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, HVMOP_xentrace, CALL_ARG, 0), -EOPNOTSUPP);
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event, 0, 0),
			 -EOPNOTSUPP);
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, 3, CALL_ARG, 0),
			 -ENOSYS);
	assert_int_equal(call(dom0, __HYPERVISOR_hvm_op, 1ull << 32, CALL_ARG, 0), -ENOSYS);
}

static int64_t assist(struct domain *d, unsigned cmd, uint64_t type)
{
	return call(d, __HYPERVISOR_vm_assist, cmd, type, 0);
}

static void assists(void **state)
{
	const uint64_t bit = 1ull << VMASST_TYPE_runstate_update_flag;

	(void)state;
	assert_int_equal(assist(domu, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	assert_int_equal(domu->vm_assist, bit);
	assert_int_equal(dom0->vm_assist, 0);
	assert_int_equal(assist(domu, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
	assert_int_equal(domu->vm_assist, 0);
	assert_int_equal(assist(domu, 2, VMASST_TYPE_runstate_update_flag), -ENOSYS);
	assert_int_equal(assist(domu, VMASST_CMD_enable, VMASST_TYPE_4gb_segments), -EINVAL);
	assert_int_equal(assist(domu, VMASST_CMD_enable, 64), -EINVAL);
	assert_int_equal(assist(domu, VMASST_CMD_enable, UINT64_MAX), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(parameters, fixture_hypercalls),
		cmocka_unit_test_setup(callback, fixture_hypercalls),
		cmocka_unit_test_setup(upcall_vectors, fixture_hypercalls),
		cmocka_unit_test_setup(memory_types, fixture_hypercalls),
		cmocka_unit_test_setup(hints_and_refusals, fixture_hypercalls),
		cmocka_unit_test_setup(assists, fixture_hypercalls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
