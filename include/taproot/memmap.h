/* SPDX-License-Identifier: MIT */
/*
 * memmap: the one authority over a domain's physical address space.
 *
 * A sorted array of typed ranges that covers the whole space [0, limit)
 * without gaps or overlaps. Each range has a base type, given when the domain
 * is built (RAM, reserved, ACPI, hole ...), and a type: the same, unless a
 * claim (a BAR, a trapped page) lies over it. A released claim uncovers the
 * base type again. Nested tables, E820, and later IOMMU tables, _CRS and MCFG
 * are derived from it and from nothing else.
 *
 * Who changes the map of a domain holds its mem_lock. Readers without it get
 * copies: memmap_lookup(), or a reading between memmap_read_begin() and
 * memmap_unchanged(). The generation is odd while the array is being edited.
 *
 * A change is a transaction of several claims and releases: memmap_check()
 * is pure, memmap_commit() cannot fail after it. Every commit raises the
 * generation and hands the list of changes to arch_memmap_changed(). The lock
 * is held around check and commit. Tables that are derived from the map follow in
 * pieces (follow.c): the vCPU that made the change does not go on before.
 *
 * Neighbours that have become equal are joined when room is needed, not at
 * each release: so a BAR whose decoding goes off and on costs the same however
 * many ranges there are. Readers that want joined ranges join them.
 *
 * The hardware domain's memmap is identity: a range at gpa X is backed by hpa X.
 */
#ifndef TAPROOT_MEMMAP_H
#define TAPROOT_MEMMAP_H

#include <taproot/types.h>

enum mem_type {
	MEM_HOLE,     /* nothing decodes here as far as we know */
	MEM_RAM,      /* the domain's RAM */
	MEM_RESERVED, /* E820 type 2: firmware's; not mapped until touched */
	MEM_ACPI,     /* E820 type 3, mapped */
	MEM_NVS,      /* E820 type 4, mapped */
	MEM_UNUSABLE, /* RAM of the machine that the domain was not given; E820 type 5 */
	MEM_OURS,     /* the hypervisor's, never mapped, RESERVED in the E820 */
	MEM_LOW,      /* the non-RAM of the first MiB and tables outside RAM: mapped, E820 RESERVED */
	MEM_MMIO,     /* device memory mapped directly, uncached */
	MEM_TRAP,     /* accesses reach a handler; not mapped */
	MEM_DENY,     /* ours by address (IOMMU, local APIC of the machine ...): reads all ones */
	MEM_OPEN,     /* a page of a hole or reserved range that the hardware domain touched: mapped, uncached */
	MEM_TYPE_COUNT
};

/* A handler of trapped memory. Called without locks; offset is from the start of its claim. */
struct mmio_ops {
	const char *name;
	/* len 1, 2, 4 or 8; the access does not leave the claim; it may be unaligned. */
	uint64_t (*read)(void *ctx, uint64_t offset, unsigned len);
	void (*write)(void *ctx, uint64_t offset, unsigned len, uint64_t value);
};

struct mem_range {
	gpa_t start;
	gpa_t end; /* exclusive */
	uint8_t type;
	uint8_t base;
	sbdf_t owner;               /* of a claim; SBDF_NONE otherwise */
	gpa_t claim;                /* where the claim begins (a range may be cut) */
	const struct mmio_ops *ops; /* MEM_TRAP only */
	void *ctx;
};

/* What a commit changed, in address order: [start, end) had type `from` and has `to` now. */
struct memmap_change {
	gpa_t start;
	gpa_t end;
	uint8_t from;
	uint8_t to;
};

#define MEMMAP_CHANGES_MAX 32

/* A range in which the tables do not say yet what the map says. */
struct memmap_lag {
	uint64_t start, end;
};

#define MEMMAP_LAGS_MAX 16
/* Table entries that are written, about, before interrupts are taken. */
#define MEMMAP_PIECE 4096u

struct memmap_absent;

struct memmap {
	struct domain *domain; /* who is told of changes; NULL: nobody (tests, drafts) */
	struct mem_range *range;
	unsigned count;
	unsigned capacity;
	uint64_t limit; /* end of the address space, 1 << physical address bits */
	uint64_t generation; /* two more with each change */
	struct memmap_absent *absent; /* RAM given back, by page; NULL: never any */
	uint64_t absent_pages;
	unsigned recent; /* a range that the last change touched: look-ups try it first */
	/* The changes of the commit in progress; told in pieces when there are more. */
	struct memmap_change change[MEMMAP_CHANGES_MAX];
	unsigned change_count;
	/* What follows the map lags behind here, in the order in which it goes on; mem_lock. */
	struct memmap_lag lag[MEMMAP_LAGS_MAX];
	unsigned lag_count;
	bool starved;             /* the first of them has found no table: it is tried once more */
	struct memmap_lag missed; /* given up for want of tables; end 0: nothing */
	unsigned piece;           /* MEMMAP_PIECE; smaller in tests */
};

/* One step of a transaction. */
enum memmap_step_kind { MEMMAP_CLAIM, MEMMAP_RELEASE };
struct memmap_step {
	enum memmap_step_kind kind;
	enum mem_type type; /* claims: MEM_MMIO, MEM_TRAP or MEM_DENY */
	gpa_t start;        /* page aligned */
	uint64_t size;      /* pages, > 0 */
	sbdf_t owner;
	const struct mmio_ops *ops; /* MEM_TRAP: required */
	void *ctx;
};

/* An empty map: one hole. `storage` has room for `capacity` ranges and stays the caller's. */
void memmap_init(struct memmap *m, struct domain *d, struct mem_range *storage, unsigned capacity,
		 uint64_t limit);

/*
 * Boot: set the base type of [start, end), whatever it was, claims excepted
 * (-EBUSY over a claim, -ENOSPC when full, -EINVAL outside the map). Nobody is told.
 */
int memmap_set_base(struct memmap *m, gpa_t start, gpa_t end, enum mem_type type) MUST_CHECK;

/* The range that holds `a`; NULL beyond the limit. O(log n). mem_lock is held, or it is boot. */
const struct mem_range *memmap_find(const struct memmap *m, gpa_t a);
/* The same without a lock: a copy, as it was at some moment of the call. False: beyond the limit. */
bool memmap_lookup(const struct memmap *m, gpa_t a, struct mem_range *out);

/*
 * A reading without a lock: what was copied between the two is of one moment
 * if memmap_unchanged() says so. Nothing is to be believed before that.
 */
static inline uint64_t memmap_read_begin(const struct memmap *m)
{
	uint64_t generation = __atomic_load_n(&m->generation, __ATOMIC_ACQUIRE);

	while (__builtin_expect(generation & 1, 0)) {
		__builtin_ia32_pause();
		generation = __atomic_load_n(&m->generation, __ATOMIC_ACQUIRE);
	}
	return generation;
}

static inline bool memmap_unchanged(const struct memmap *m, uint64_t generation)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&m->generation, __ATOMIC_RELAXED) == generation;
}

/* A claim (BAR, trapped page ...) lies over the base type. */
bool memmap_is_claim(const struct mem_range *r);

/*
 * Would these steps, in this order, all succeed? 0; -EBUSY: a claim meets
 * another claim, RAM, or memory of ours (`conflict` receives the range met,
 * may be NULL); -ENOENT: a release that matches no claim of that start, size
 * and owner; -ENOSPC: less room than two more ranges for each claim; -EINVAL:
 * not page aligned, empty, outside the map, a type that cannot be claimed.
 * Claims may lie over MEM_HOLE, MEM_RESERVED, MEM_LOW and several of them.
 */
int memmap_check(const struct memmap *m, const struct memmap_step *steps, unsigned count,
		 struct mem_range *conflict) MUST_CHECK;

/* Carry out steps that memmap_check() accepted, as one change. What follows the map may not be
 * there yet on return (memmap_follow()). */
void memmap_commit(struct memmap *m, const struct memmap_step *steps, unsigned count);

/*
 * The hardware domain touched the page that holds `a`: a page of a hole or
 * reserved range becomes MEM_OPEN. -EBUSY: another type; -ENOSPC: the ranges
 * of opened pages would leave less than a quarter of the map's room for claims.
 */
int memmap_open(struct memmap *m, gpa_t a) MUST_CHECK;

/*
 * ---- what follows ----
 */

/*
 * arch_memmap_changed() hands the changes on to this: tables are derived again, one piece of
 * them now. A change from a type to itself, and pages that get trapped or denied, are derived at
 * once. mem_lock is held, or it is boot.
 */
void memmap_follow(struct domain *d, const struct memmap_change *changes, unsigned count);
/* One more piece. False: nothing is left. Not on a trap path. */
bool memmap_follow_on(struct domain *d);
/* Once more for what was given up, if there are pages. Not on a trap path. */
void memmap_follow_missed(struct domain *d);
/* Do the tables say what the map says? mem_lock is held. */
bool memmap_is_followed(const struct memmap *m);

/*
 * ---- RAM that the domain has given back (ballooning in place) ----
 *
 * It stays MEM_RAM, is not mapped, and the hypervisor does not touch it for the
 * domain. Who changes it holds mem_lock and tells arch_memmap_changed().
 */

/* Room to mark [a, a + size), before memmap_absent_set(). -ENOMEM, -ENOSPC: too high. */
int memmap_absent_prepare(struct memmap *m, gpa_t a, uint64_t size) MUST_CHECK;
/* [a, a + size), none of it absent, is. `keep`: no tables are left, where none were needed so far
 * the pages stay mapped. */
void memmap_absent_set(struct memmap *m, gpa_t a, uint64_t size, bool keep);
/* [a, a + size), all of it absent, is there again. */
void memmap_absent_clear(struct memmap *m, gpa_t a, uint64_t size);
/* Is all of [a, a + size) absent, or none of it, as asked? */
bool memmap_absent_all(const struct memmap *m, gpa_t a, uint64_t size, bool absent);
/* The next absent page at or after *a. */
bool memmap_absent_next(const struct memmap *m, gpa_t *a);
/* Is the page that holds `a` given back? And is it, for that reason, not mapped? */
bool memmap_is_absent(const struct memmap *m, gpa_t a);
bool memmap_is_unmapped(const struct memmap *m, gpa_t a);
/* Where in [a, end) the pages stop being like the one at `a`, which is unmapped or not. */
uint64_t memmap_unmapped_run(const struct memmap *m, uint64_t a, uint64_t end, bool *unmapped);

/* An E820 entry as in PVH start_info's memmap table (hvm_memmap_table_entry). */
struct e820_entry {
	uint64_t start;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4, E820_UNUSABLE = 5 };

/*
 * The domain's E820 from the base types. Returns the number of entries, or
 * -ENOSPC when `capacity` does not suffice.
 */
int memmap_build_e820(const struct memmap *m, struct e820_entry *out, unsigned capacity) MUST_CHECK;

const char *memmap_type_name(enum mem_type type);
/* Write the map to the log, a line a range. */
void memmap_log(const struct memmap *m);

#endif
