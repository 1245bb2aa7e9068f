/* SPDX-License-Identifier: MIT */
/* A window of 4 KiB pages in the test kernel's address space, to be pointed anywhere. */
#ifndef GUESTS_PAGE_H
#define GUESTS_PAGE_H

#include "guest.h"

#define WINDOW       0xc0000000ull
#define WINDOW_PAGES 512

#define PAGE_PRESENT 1ull
#define PAGE_WRITE   2ull
#define PAGE_USER    4ull

/* The window's page `n` is `physical` with these bits; 0: not there. */
void window_set(unsigned n, uint64_t physical, uint64_t bits);
static inline uint64_t window(unsigned n)
{
	return WINDOW + 4096ull * n;
}
/* The identity mapping's 2 MiB around `a`, on or off. */
void identity_set(uint64_t a, bool on);

#endif
