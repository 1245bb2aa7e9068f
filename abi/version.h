/* SPDX-License-Identifier: MIT */
/*
 * What version.h of Xen 4.17 lacks (Xen ABI version.h since 4.18, MIT): texts by their
 * length, whole and without a final 0. The tools of 4.20 ask for no others.
 */
#ifndef TAPROOT_ABI_VERSION_H
#define TAPROOT_ABI_VERSION_H

#include <abi/xen.h>
#include <xen/version.h>

#ifndef XENVER_extraversion2
#define XENVER_extraversion2 11
#define XENVER_capabilities2 12
#define XENVER_changeset2    13
#define XENVER_commandline2  14

struct xen_varbuf {
	uint32_t len; /* of buf */
	unsigned char buf[];
};
#endif

_Static_assert(offsetof(struct xen_varbuf, buf) == 4, "version.h");

#endif
