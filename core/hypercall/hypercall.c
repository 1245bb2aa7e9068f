/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of hypercalls (Xen public headers xen.h): from number to handler,
 * and the one place that says who may do what to whom.
 *
 * Deliberately not supported: the calls of PV guests (page tables, descriptor
 * tables, traps), multicall, the compat forms of 2005 to 2007, 32-bit
 * callers. All of them are -ENOSYS, as every unknown number.
 */
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <xen/xen.h>

static hypercall_fn *const table[] = {
	[__HYPERVISOR_platform_op] = hypercall_platform_op,
	[__HYPERVISOR_memory_op] = hypercall_memory_op,
	[__HYPERVISOR_set_timer_op] = hypercall_set_timer_op,
	[__HYPERVISOR_xen_version] = hypercall_xen_version,
	[__HYPERVISOR_console_io] = hypercall_console_io,
	[__HYPERVISOR_vm_assist] = hypercall_vm_assist,
	[__HYPERVISOR_vcpu_op] = hypercall_vcpu_op,
	[__HYPERVISOR_sched_op] = hypercall_sched_op,
	[__HYPERVISOR_event_channel_op] = hypercall_event_channel_op,
	[__HYPERVISOR_physdev_op] = hypercall_physdev_op,
	[__HYPERVISOR_hvm_op] = hypercall_hvm_op,
	[__HYPERVISOR_sysctl] = hypercall_sysctl,
	[__HYPERVISOR_domctl] = hypercall_domctl,
};

int64_t hypercall_run(struct hypercall *h)
{
	if (h->op < ARRAY_SIZE(table) && table[h->op]) {
		return table[h->op](h);
	}
	return -ENOSYS;
}

int hypercall_target(const struct vcpu *caller, uint16_t id, enum hypercall_right right,
		     struct domain **out)
{
	struct domain *d = id == DOMID_SELF ? caller->domain : domain_find(id);

	if (!d) {
		return -ESRCH;
	}
	if (!caller->domain->hardware && (d != caller->domain || right == RIGHT_MACHINE)) {
		return -EPERM;
	}
	*out = d;
	return 0;
}

int hypercall_machine(const struct vcpu *caller)
{
	return caller->domain->hardware ? 0 : -EPERM;
}
