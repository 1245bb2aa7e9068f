/* SPDX-License-Identifier: MIT */
/* Hypercalls of a test kernel (Xen public headers): VMMCALL, arguments as the ABI has them. */
#ifndef GUESTS_XEN_H
#define GUESTS_XEN_H

#include "cpu.h"

#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/errno.h>
#include <xen/xen.h>

static inline int64_t hypercall5(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				 uint64_t e)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	int64_t rc = (int64_t)op;

	__asm__ volatile("vmmcall"
			 : "+a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
			 :
			 : "memory");
	return rc;
}

static inline int64_t hypercall2(uint64_t op, uint64_t a, const volatile void *b)
{
	return hypercall5(op, a, (uint64_t)b, 0, 0, 0);
}

static inline int64_t hypercall3(uint64_t op, uint64_t a, uint64_t b, const volatile void *c)
{
	return hypercall5(op, a, b, (uint64_t)c, 0, 0);
}

#endif
