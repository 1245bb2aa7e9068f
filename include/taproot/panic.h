/* SPDX-License-Identifier: MIT */
/* Our own bugs end here: file, line, state. A guest can never cause a panic. */
#ifndef TAPROOT_PANIC_H
#define TAPROOT_PANIC_H

#include <taproot/types.h>

NORETURN void panic_at(const char *file, int line, const char *format, ...) PRINTF(3, 4);

#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

#define ASSERT(cond)                                              \
	do {                                                      \
		if (__builtin_expect(!(cond), 0)) {               \
			panic("assertion failed: %s", #cond);     \
		}                                                 \
	} while (0)

#endif
