/* SPDX-License-Identifier: MIT */
/*
 * domctl: control of domains, for tools in the hardware domain (Xen ABI
 * domctl.h; the versions answered are in abi/domctl.h).
 *
 * Deliberately not supported yet (-ENOSYS): everything but questions. There is
 * one domain, and it is not for its own tools to control it.
 */
#include <taproot/errno.h>
#include <taproot/vcpu.h>
#include <xen/vcpu.h>

#include "control.h"

/* Of a caller's map of processors. */
#define BITMAP_BYTES_MAX 128u

/* The domain that getdomaininfo is about, as the caller's version means it. */
static int info_target(const struct xen_domctl *x, struct domain **out)
{
	if (x->interface_version == DOMCTL_VERSION_4_17) {
		if (x->domain >= DOMID_FIRST_RESERVED) {
			return -EINVAL;
		}
		*out = domain_from(x->domain);
	} else {
		*out = domain_find(x->domain);
	}
	return *out ? 0 : -ESRCH;
}

static int getdomaininfo(struct hypercall *h, struct domain *d, struct xen_domctl *x)
{
	(void)h;
	domain_info(d, &x->u.getdomaininfo);
	x->domain = d->id;
	return 0;
}

static int getvcpuinfo(struct hypercall *h, struct domain *d, struct xen_domctl *x)
{
	struct xen_domctl_getvcpuinfo *i = &x->u.getvcpuinfo;
	uint64_t since, ns[4];
	uint32_t state;
	struct vcpu *v;

	(void)h;
	if (i->vcpu >= d->vcpu_count) {
		return -EINVAL;
	}
	v = d->vcpu[i->vcpu];
	state = vtime_get_runstate(v, &since, ns);
	i->online = vcpu_is_up(v);
	i->blocked = state == RUNSTATE_blocked;
	i->running = state == RUNSTATE_running;
	i->cpu_time = ns[RUNSTATE_running];
	i->cpu = v->cpu;
	return 0;
}

/* The processors from `first` to `last` as the caller's bitmap; what of it is beyond ours is 0. */
static int give_bitmap(struct hypercall *h, const struct xenctl_bitmap *b, unsigned first,
		       unsigned last)
{
	uint8_t map[BITMAP_BYTES_MAX] = {0};

	if (b->nr_bits > BITMAP_BYTES_MAX * 8) {
		return -EINVAL;
	}
	for (unsigned n = first; n <= last && n < b->nr_bits; n++) {
		map[n / 8] |= (uint8_t)(1u << n % 8);
	}
	return copy_to_guest(h, HANDLE(b->bitmap), map, (b->nr_bits + 7) / 8);
}

/* A vCPU has its processor for ever, and would not mind another. */
static int getvcpuaffinity(struct hypercall *h, struct domain *d, struct xen_domctl *x)
{
	const struct xen_domctl_vcpuaffinity *a = &x->u.vcpuaffinity;
	unsigned cpu;
	int rc = 0;

	if (a->vcpu >= d->vcpu_count ||
	    a->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) {
		return -EINVAL;
	}
	cpu = d->vcpu[a->vcpu]->cpu;
	if (a->flags & XEN_VCPUAFFINITY_HARD) {
		rc = give_bitmap(h, &a->cpumap_hard, cpu, cpu);
	}
	if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
		rc = give_bitmap(h, &a->cpumap_soft, 0, arch_cpu_count() - 1);
	}
	return rc;
}

typedef int domctl_fn(struct hypercall *h, struct domain *d, struct xen_domctl *x);

static domctl_fn *const commands[] = {
	[XEN_DOMCTL_getdomaininfo] = getdomaininfo,
	[XEN_DOMCTL_getvcpuinfo] = getvcpuinfo,
	[XEN_DOMCTL_getvcpuaffinity] = getvcpuaffinity,
};

static int target(const struct xen_domctl *x, struct domain **out)
{
	if (x->cmd == XEN_DOMCTL_getdomaininfo) {
		return info_target(x, out);
	}
	*out = domain_find(x->domain);
	return *out ? 0 : -ESRCH;
}

int64_t hypercall_domctl(struct hypercall *h)
{
	struct xen_domctl x;
	struct domain *d;
	int rc = hypercall_machine(h->v);

	if (rc == 0) {
		rc = copy_from_guest(h, &x, h->arg[0], sizeof(x));
	}
	if (rc) {
		return rc;
	}
	if (x.interface_version != DOMCTL_VERSION_4_17 &&
	    x.interface_version != DOMCTL_VERSION_4_20) {
		return -EACCES;
	}
	if (x.cmd >= ARRAY_SIZE(commands) || !commands[x.cmd]) {
		return -ENOSYS;
	}
	rc = target(&x, &d);
	if (rc == 0) {
		rc = commands[x.cmd](h, d, &x);
	}
	return rc ? rc : copy_to_guest(h, h->arg[0], &x, sizeof(x));
}
