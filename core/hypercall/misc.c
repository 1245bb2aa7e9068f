/* SPDX-License-Identifier: MIT */
/*
 * vm_assist (Xen ABI xen.h, VMASST_*): switches of how the hypervisor treats a
 * domain. Only the one that means something without PV: the update flag
 * in runstate areas.
 */
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <xen/xen.h>

int64_t hypercall_vm_assist(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	const uint64_t bit = 1ull << VMASST_TYPE_runstate_update_flag;

	if (h->arg[1] != VMASST_TYPE_runstate_update_flag) {
		return -EINVAL;
	}
	switch (h->arg[0]) {
	case VMASST_CMD_enable:
		__atomic_fetch_or(&d->vm_assist, bit, __ATOMIC_RELAXED);
		return 0;
	case VMASST_CMD_disable:
		__atomic_fetch_and(&d->vm_assist, ~bit, __ATOMIC_RELAXED);
		return 0;
	default:
		return -ENOSYS;
	}
}
