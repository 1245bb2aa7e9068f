/* SPDX-License-Identifier: MIT */
/*
 * Address space identifiers (APMv2 15.16): per-processor generations. A vCPU
 * gets a new number whenever its translations must not be used any more; when
 * the numbers run out the generation ends and everything is flushed.
 */
#ifndef ARCH_X86_ASID_H
#define ARCH_X86_ASID_H

#include <taproot/types.h>

/* One a processor; used on it only. */
struct asid_pool {
	uint64_t generation; /* starts at 1 */
	uint32_t next;
	uint32_t limit; /* first number that does not exist */
};

/* One a vCPU. generation 0: has none. */
struct asid {
	uint64_t generation;
	uint32_t number;
	uint16_t cpu;
};

/* Has `a` a number that may be used as it is? */
static inline bool asid_valid(const struct asid_pool *p, const struct asid *a, unsigned cpu)
{
	return a->generation == p->generation && a->cpu == cpu;
}

void asid_pool_init(struct asid_pool *p, uint32_t count);

/*
 * Make `a` valid on the pool's processor. Returns true when everything must be
 * flushed at this entry, because numbers are used again. To flush one vCPU's
 * translations, set a->generation = 0 first.
 */
bool asid_assign(struct asid_pool *p, struct asid *a, unsigned cpu);

#endif
