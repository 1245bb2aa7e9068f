/* SPDX-License-Identifier: MIT */
/* What a fuzz target says when something does not hold; the fuzzer keeps the input. */
#ifndef TAPROOT_FUZZ_REQUIRE_H
#define TAPROOT_FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void require(bool condition, const char *what, int line)
{
	if (!condition) {
		fprintf(stderr, "does not hold: %s (line %d)\n", what, line);
		abort();
	}
}

#define REQUIRE(condition) require(condition, #condition, __LINE__)

#endif
