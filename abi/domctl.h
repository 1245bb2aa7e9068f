/* SPDX-License-Identifier: MIT */
/*
 * Versions of the tools' interfaces that are answered (Xen ABI sysctl.h and
 * domctl.h, MIT; compared: 4.17.5 and 4.20.1, the headers of Debian 12 and 13).
 *
 * sysctl: both have 0x15. domctl: 4.17 has 0x15, 4.20 has 0x17. No struct that we
 * fill in differs between them. What differs is what getdomaininfo means by a
 * domain that does not exist: the next one (0x15), or an error (0x17).
 */
#ifndef TAPROOT_ABI_DOMCTL_H
#define TAPROOT_ABI_DOMCTL_H

#include <abi/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#define SYSCTL_VERSION_4_17 0x15u /* and 4.20 */
#define DOMCTL_VERSION_4_17 0x15u
#define DOMCTL_VERSION_4_20 0x17u

_Static_assert(sizeof(struct xen_sysctl) == 136, "sysctl.h");
_Static_assert(sizeof(struct xen_domctl) == 144, "domctl.h");
_Static_assert(sizeof(struct xen_domctl_getdomaininfo) == 112, "domctl.h");
_Static_assert(offsetof(struct xen_domctl, u) == 16, "domctl.h");

#endif
