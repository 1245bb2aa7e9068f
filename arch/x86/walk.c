// SPDX-License-Identifier: MIT
/* The page walk of APMv2 5.2 (legacy), 5.3 (long mode), 5.3.3 (5-level). */
#include "walk.h"

#define CR0_WP_BIT   (1ull << 16)
#define CR0_PAGING   (1ull << 31)
#define CR4_PSE_BIT  (1ull << 4)
#define CR4_PAE_BIT  (1ull << 5)
#define CR4_LA57_BIT (1ull << 12)
#define LONG_ACTIVE  (1ull << 10)

/* Rounds of a walk whose entries another processor changes meanwhile. */
#define ACCESS_TRIES 8

#define PTE_PRESENT  1ull
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_LARGE    (1ull << 7)
#define PTE_ADDRESS  0x000ffffffffff000ull

static bool read_entry64(walk_ram_fn ram, void *ctx, uint64_t at, struct walk_trail *trail,
			 uint64_t *entry)
{
	uint64_t *p = ram(ctx, gpa(at));

	if (!p) {
		return false;
	}
	*entry = __atomic_load_n(p, __ATOMIC_RELAXED);
	trail->entry[trail->count] = p;
	trail->value[trail->count++] = *entry;
	return *entry & PTE_PRESENT;
}

static bool read_entry32(walk_ram_fn ram, void *ctx, uint64_t at, uint64_t *entry)
{
	const uint32_t *p = ram(ctx, gpa(at));

	if (!p) {
		return false;
	}
	*entry = __atomic_load_n(p, __ATOMIC_RELAXED);
	return *entry & PTE_PRESENT;
}

/* Tables of 512 eight-byte entries, `level` counted from 1 (the lowest). */
static bool walk_wide(uint64_t table, unsigned level, uint64_t linear, walk_ram_fn ram, void *ctx,
		      struct walk_trail *trail, gpa_t *out)
{
	uint64_t entry;

	for (;; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t inside = (1ull << shift) - 1;

		if (!read_entry64(ram, ctx, table + (linear >> shift & 511) * 8, trail, &entry)) {
			return false;
		}
		if (level == 1 || ((entry & PTE_LARGE) && level <= 3)) {
			out->v = (entry & PTE_ADDRESS & ~inside) | (linear & inside);
			return true;
		}
		table = entry & PTE_ADDRESS;
	}
}

static bool walk_pae(const struct walk_state *s, uint64_t linear, walk_ram_fn ram, void *ctx,
		     struct walk_trail *trail, gpa_t *out)
{
	uint64_t entry, at;

	linear &= 0xffffffffu;
	at = (s->cr3 & 0xffffffe0u) + (linear >> 30) * 8;
	if (!read_entry64(ram, ctx, at, trail, &entry)) {
		return false;
	}
	return walk_wide(entry & PTE_ADDRESS, 2, linear, ram, ctx, trail, out);
}

static bool walk_legacy(const struct walk_state *s, uint64_t linear, walk_ram_fn ram, void *ctx,
			gpa_t *out)
{
	uint64_t entry;

	linear &= 0xffffffffu;
	if (!read_entry32(ram, ctx, (s->cr3 & 0xfffff000u) + (linear >> 22) * 4, &entry)) {
		return false;
	}
	if ((entry & PTE_LARGE) && (s->cr4 & CR4_PSE_BIT)) {
		/* PSE-36: address bits 39:32 are in bits 20:13 (APMv2 5.2.2). */
		out->v = (entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32 | (linear & 0x3fffff);
		return true;
	}
	if (!read_entry32(ram, ctx, (entry & 0xfffff000u) + (linear >> 12 & 1023) * 4, &entry)) {
		return false;
	}
	out->v = (entry & 0xfffff000u) | (linear & 0xfff);
	return true;
}

bool walk_translate(const struct walk_state *s, uint64_t linear, walk_ram_fn ram, void *ctx,
		    struct walk_trail *trail, gpa_t *out)
{
	trail->count = 0;
	if (!(s->cr0 & CR0_PAGING)) {
		out->v = linear & 0xffffffffu;
		return true;
	}
	if (s->efer & LONG_ACTIVE) {
		return walk_wide(s->cr3 & PTE_ADDRESS, s->cr4 & CR4_LA57_BIT ? 5 : 4, linear, ram,
				 ctx, trail, out);
	}
	if (s->cr4 & CR4_PAE_BIT) {
		return walk_pae(s, linear, ram, ctx, trail, out);
	}
	return walk_legacy(s, linear, ram, ctx, out);
}

/* All bits above the highest translated one equal it (APMv2 5.3.1). */
static bool canonical(const struct walk_state *s, uint64_t linear)
{
	unsigned shift = s->cr4 & CR4_LA57_BIT ? 7 : 16;

	return (uint64_t)((int64_t)(linear << shift) >> shift) == linear;
}

/* Do the entries, from the root to the page's, allow it? */
static bool allowed(const struct walk_state *s, const struct walk_request *req,
		    const struct walk_trail *t)
{
	uint64_t all = UINT64_MAX;

	for (unsigned i = 0; i < t->count; i++) {
		all &= t->value[i];
	}
	if (req->user_denied && (all & PTE_USER)) {
		return false;
	}
	return !req->write || (all & PTE_WRITE) || !(s->cr0 & CR0_WP_BIT);
}

/* False: an entry is not what it was when it was read. */
static bool mark(const struct walk_trail *t, bool write)
{
	for (unsigned i = 0; i < t->count; i++) {
		uint64_t old = t->value[i];
		uint64_t new = old | PTE_ACCESSED;

		if (write && i + 1 == t->count) {
			new |= PTE_DIRTY;
		}
		if (new != old && !__atomic_compare_exchange_n(t->entry[i], &old, new, false,
							       __ATOMIC_RELAXED,
							       __ATOMIC_RELAXED)) {
			return false;
		}
	}
	return true;
}

bool walk_access(const struct walk_state *s, const struct walk_request *req, uint64_t linear,
		 walk_ram_fn ram, void *ctx, gpa_t *out)
{
	struct walk_trail t;

	if (!(s->cr0 & CR0_PAGING) || !(s->efer & LONG_ACTIVE) || !canonical(s, linear)) {
		return false;
	}
	for (unsigned i = 0; i < ACCESS_TRIES; i++) {
		if (!walk_translate(s, linear, ram, ctx, &t, out) || !allowed(s, req, &t)) {
			return false;
		}
		if (mark(&t, req->write)) {
			return true;
		}
	}
	return false;
}
