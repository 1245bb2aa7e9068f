/* SPDX-License-Identifier: MIT */
/*
 * sysctl: the machine, for tools in the hardware domain (Xen ABI sysctl.h; the
 * versions answered are in abi/domctl.h).
 *
 * Deliberately not supported (-ENOSYS): all that is not in the table below, among
 * it trace buffers, performance counters, power management, processor pools, live
 * patches, PCI affinity, and the processor policies of guests.
 */
#include <taproot/errno.h>

#include "control.h"

#define KEYS_MAX sizeof(((struct vcpu *)NULL)->debug_keys)

typedef int sysctl_fn(struct hypercall *h, struct xen_sysctl *x);

static int readconsole(struct hypercall *h, struct xen_sysctl *x)
{
	return sysctl_readconsole(h, &x->u.readconsole);
}

static int physinfo(struct hypercall *h, struct xen_sysctl *x)
{
	return sysctl_physinfo(h, &x->u.physinfo);
}

/* One vCPU a processor, for ever: what Xen calls the null scheduler. */
static int sched_id(struct hypercall *h, struct xen_sysctl *x)
{
	(void)h;
	x->u.sched_id.sched_id = XEN_SCHEDULER_NULL;
	return 0;
}

static int getdomaininfolist(struct hypercall *h, struct xen_sysctl *x)
{
	struct xen_sysctl_getdomaininfolist *l = &x->u.getdomaininfolist;
	struct domain *d = domain_from(l->first_domain);
	uint32_t n;

	for (n = 0; d && n < l->max_domains; n++) {
		struct xen_domctl_getdomaininfo info;

		domain_info(d, &info);
		if (copy_to_guest(h, HANDLE(l->buffer) + n * sizeof(info), &info, sizeof(info))) {
			return -EFAULT;
		}
		d = domain_from(d->id + 1u);
	}
	l->num_domains = n;
	return 0;
}

/* Each may be a long report: one at a time, before the caller's next instruction. */
static int debug_key(struct vcpu *v)
{
	char key = (char)v->debug_keys;

	v->debug_keys >>= 8;
	arch_debug_key(key);
	return v->debug_keys ? -EAGAIN : 0;
}

static int debug_keys(struct hypercall *h, struct xen_sysctl *x)
{
	uint32_t count = x->u.debug_keys.nr_keys;
	uint64_t keys = 0;

	if (count > KEYS_MAX) {
		return -E2BIG;
	}
	if (copy_from_guest(h, &keys, HANDLE(x->u.debug_keys.keys), count)) {
		return -EFAULT;
	}
	h->v->debug_keys = keys; /* hypercall_sysctl() begins */
	return 0;
}

static int availheap(struct hypercall *h, struct xen_sysctl *x)
{
	(void)h;
	x->u.availheap.avail_bytes = machine_free_pages() * PAGE_SIZE;
	return 0;
}

static int cputopoinfo(struct hypercall *h, struct xen_sysctl *x)
{
	return sysctl_cputopoinfo(h, &x->u.cputopoinfo);
}

static int numainfo(struct hypercall *h, struct xen_sysctl *x)
{
	return sysctl_numainfo(h, &x->u.numainfo);
}

static sysctl_fn *const commands[] = {
	[XEN_SYSCTL_readconsole] = readconsole, [XEN_SYSCTL_physinfo] = physinfo,
	[XEN_SYSCTL_sched_id] = sched_id,       [XEN_SYSCTL_getdomaininfolist] = getdomaininfolist,
	[XEN_SYSCTL_debug_keys] = debug_keys,   [XEN_SYSCTL_availheap] = availheap,
	[XEN_SYSCTL_cputopoinfo] = cputopoinfo, [XEN_SYSCTL_numainfo] = numainfo,
};

int64_t hypercall_sysctl(struct hypercall *h)
{
	struct xen_sysctl x;
	int rc = hypercall_machine(h->v);

	if (rc == 0) {
		rc = copy_from_guest(h, &x, h->arg[0], sizeof(x));
	}
	if (rc) {
		return rc;
	}
	if (x.interface_version != SYSCTL_VERSION_4_17) {
		return -EACCES;
	}
	if (x.cmd >= ARRAY_SIZE(commands) || !commands[x.cmd]) {
		return -ENOSYS;
	}
	rc = commands[x.cmd](h, &x);
	if (rc == 0) {
		rc = copy_to_guest(h, h->arg[0], &x, sizeof(x));
	}
	if (h->v->debug_keys) {
		h->v->debug_keys = rc ? 0 : h->v->debug_keys;
		h->v->deferred = rc ? NULL : debug_key;
	}
	return rc;
}
