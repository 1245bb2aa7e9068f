/* SPDX-License-Identifier: MIT */
/*
 * domctl: control of domains, for tools in the hardware domain (Xen ABI
 * domctl.h; the versions answered are in abi/domctl.h).
 *
 * Deliberately not supported yet (-ENOSYS): everything but getdomaininfo. There
 * is one domain, and it is not for its own tools to control it.
 */
#include <taproot/errno.h>

#include "control.h"

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
	if (x.cmd != XEN_DOMCTL_getdomaininfo) {
		return -ENOSYS;
	}
	rc = info_target(&x, &d);
	if (rc) {
		return rc;
	}
	domain_info(d, &x.u.getdomaininfo);
	x.domain = d->id;
	return copy_to_guest(h, h->arg[0], &x, sizeof(x));
}
