/* SPDX-License-Identifier: MIT */
/*
 * The table of hypercalls: what the hardware domain and other domains may do
 * to themselves, to another domain and to one that does not exist. The test
 * carries out every cell; doc/hypercalls.md is printed from it.
 */
#ifndef TAPROOT_TEST_HYPERCALL_MATRIX_H
#define TAPROOT_TEST_HYPERCALL_MATRIX_H

#include <stddef.h>
#include <stdint.h>

enum { TO_SELF, TO_OTHER, TO_ABSENT, TO_COUNT };
enum { BY_HARDWARE, BY_OTHERS, BY_COUNT };

#define OK   0     /* any result that is not negative */
#define DONE 1     /* exactly one thing was done */
#define NONE -1000 /* nothing was done, and that is the answer: 0 */

/* In place of an argument: the address of `arg`, and the target's number. */
#define AT_ARG UINT64_MAX

struct matrix_row {
	const char *call, *operation;
	uint64_t number;
	uint64_t args[3];
	const void *arg;
	size_t size;
	int target; /* where in `arg` the target's number is; -1: there is no target */
	int result[BY_COUNT][TO_COUNT];
	const char *notes;
};

/* Where the caller has the number of a frame of RAM, and which. */
#define HYPERCALL_LIST  0x105000ull
#define HYPERCALL_FRAME 0x104ull

extern const struct matrix_row matrix[];
extern const unsigned matrix_count;

#endif
