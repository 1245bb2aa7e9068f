/* SPDX-License-Identifier: MIT */
/*
 * A guest's own page tables, walked in software (APMv2 chapter 5): no paging,
 * 32-bit, PAE, 4-level and 5-level. Pure: memory is read through a callback.
 *
 * For an access that the processor has tried already (walk_translate()) permissions
 * are not checked and accessed/dirty bits not set: the processor did both.
 * An access of ours on the guest's behalf (walk_access()) does both.
 *
 * Not supported: protection keys, shadow stacks and reserved bits of entries
 * are not checked; a global page is a page like others.
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
	uint64_t *entry[WALK_LEVELS_MAX];
	uint64_t value[WALK_LEVELS_MAX];
};

/* Host address of the domain's RAM at `a`, to the end of its page; NULL: not RAM. */
typedef void *(*walk_ram_fn)(void *ctx, gpa_t a);

/* False when an entry is not present or a table is not in RAM. `trail` is filled in either case. */
bool walk_translate(const struct walk_state *s, uint64_t linear, walk_ram_fn ram, void *ctx,
		    struct walk_trail *trail, gpa_t *out);

/* An access of ours at privilege level 0: what it does, and what forbids it. */
struct walk_request {
	bool write;
	bool user_denied; /* SMAP is on and RFLAGS.AC clear: pages of user mode are not accessed (APMv2 5.6.6) */
};

/*
 * The same for an access of ours, in long mode only: writes need R/W at every level unless
 * CR0.WP is clear (APMv2 5.6.2), and accessed and dirty bits are set as the processor does.
 * False also for an address that is not canonical and tables that keep changing meanwhile.
 */
bool walk_access(const struct walk_state *s, const struct walk_request *req, uint64_t linear,
		 walk_ram_fn ram, void *ctx, gpa_t *out);

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
