// SPDX-License-Identifier: MIT
/* See page.h. */
#include "page.h"
#include "cpu.h"

extern uint64_t pd[];

static uint64_t table[WINDOW_PAGES] __attribute__((aligned(4096)));

void window_set(unsigned n, uint64_t physical, uint64_t bits)
{
	table[n] = physical | bits;
	pd[WINDOW >> 21] = (uint64_t)table | PAGE_PRESENT | PAGE_WRITE | PAGE_USER;
	write_cr3(read_cr3());
}

void identity_set(uint64_t a, bool on)
{
	pd[a >> 21] = on ? (a & ~0x1fffffull) | 0x87 : 0;
	write_cr3(read_cr3());
}
