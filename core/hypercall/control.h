/* SPDX-License-Identifier: MIT */
/* What sysctl and domctl share: a domain as the tools see it. */
#ifndef TAPROOT_HYPERCALL_CONTROL_H
#define TAPROOT_HYPERCALL_CONTROL_H

#include <abi/domctl.h>
#include <taproot/hypercall.h>

/* domain_info.c */
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *out);
/* The domain with the lowest id at or above `id`; NULL: there is none. */
struct domain *domain_from(uint32_t id);

/* console_ring.c: sysctl readconsole. */
int sysctl_readconsole(struct hypercall *h, struct xen_sysctl_readconsole *x) MUST_CHECK;

/* machine_info.c: sysctl physinfo, cputopoinfo, numainfo. */
int sysctl_physinfo(struct hypercall *h, struct xen_sysctl_physinfo *x) MUST_CHECK;
int sysctl_cputopoinfo(struct hypercall *h, struct xen_sysctl_cputopoinfo *x) MUST_CHECK;
int sysctl_numainfo(struct hypercall *h, struct xen_sysctl_numainfo *x) MUST_CHECK;
/* Pages of RAM that nobody has. */
uint64_t machine_free_pages(void);

#endif
