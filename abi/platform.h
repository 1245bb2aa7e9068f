/* SPDX-License-Identifier: MIT */
/* What platform.h of Xen 4.17 lacks: the command that asks for a screen (Xen ABI platform.h
 * since 4.18, MIT). */
#ifndef TAPROOT_ABI_PLATFORM_H
#define TAPROOT_ABI_PLATFORM_H

#include <abi/xen.h>
#include <xen/platform.h>

#ifndef XENPF_get_dom0_console
#define XENPF_get_dom0_console 64
#endif

#endif
