/* SPDX-License-Identifier: MIT */
/*
 * Xen's public headers (MIT) with the parts for tools, the newest interface of
 * those installed. Include this before any other <xen/...> header.
 */
#ifndef TAPROOT_ABI_XEN_H
#define TAPROOT_ABI_XEN_H

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif

#include <stdint.h>
#include <xen/xen.h>

/* A handle as the number it is: what the copies take. */
#define HANDLE(h) ((uint64_t)(uintptr_t)(h).p)

#endif
