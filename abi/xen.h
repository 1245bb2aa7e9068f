/* SPDX-License-Identifier: MIT */
/*
 * Xen's public headers (MIT; package libxen-dev), in their newest form: the
 * build defines __XEN_TOOLS__. What they lack stands in this folder.
 */
#ifndef TAPROOT_ABI_XEN_H
#define TAPROOT_ABI_XEN_H

#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

/* A handle as the number it is: what the copies take. */
#define HANDLE(h) ((uint64_t)(uintptr_t)(h).p)

#endif
