/* SPDX-License-Identifier: MIT */
/*
 * A guest's own page tables, walked in software (APMv2 chapter 5): no paging,
 * 32-bit, PAE, 4-level and 5-level. Pure: memory is read through a callback.
 *
 * Permissions are not checked and accessed/dirty bits not set: the processor
 * did both before the access that is looked at here left the guest.
 */
#ifndef ARCH_X86_WALK_H
#define ARCH_X86_WALK_H

#include <taproot/types.h>

/* What of a vCPU's state decides how a linear address is translated. */
struct walk_state {
	uint64_t cr0, cr3, cr4, efer;
};

/*
 * The entries that a walk read, so that the same translation can be checked
 * again by comparing them: exact whatever the guest did in between. Kept for
 * tables of eight-byte entries; count 0: not kept.
 */
#define WALK_LEVELS_MAX 5
struct walk_trail {
	unsigned count;
	const uint64_t *entry[WALK_LEVELS_MAX];
	uint64_t value[WALK_LEVELS_MAX];
};

/* Host address of the domain's RAM at `a`, readable to the end of its page; NULL: not RAM. */
typedef const void *(*walk_ram_fn)(void *ctx, gpa_t a);

/* False when an entry is not present or a table is not in RAM. `trail` is filled in either case. */
bool walk_translate(const struct walk_state *s, uint64_t linear, walk_ram_fn ram, void *ctx,
		    struct walk_trail *trail, gpa_t *out);

/* Do the entries of a trail still say what they said? False for an empty one. */
static inline bool walk_trail_holds(const struct walk_trail *t)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (__atomic_load_n(t->entry[i], __ATOMIC_RELAXED) != t->value[i]) {
			return false;
		}
	}
	return t->count != 0;
}

#endif
