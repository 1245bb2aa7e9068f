/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables (second-level translation) of a domain, for every format
 * that is a radix tree of 512-entry tables: AMD nested paging (APMv2 15.25),
 * EPT (SDM 3C 28.3.2), VT-d second level (VT-d 4.1 9.8). The format is a
 * const table of bits; walking, splitting and merging of superpages are here once.
 *
 * Flushing is the caller's: every function that may leave a stale translation says so.
 */
#ifndef TAPROOT_NESTED_H
#define TAPROOT_NESTED_H

#include <taproot/memmap.h>

enum nested_cache { NESTED_WB, NESTED_UC };

struct nested_format {
	const char *name;
	uint64_t table_bits;    /* in entries that point to a table */
	uint64_t leaf_bits;     /* in every leaf: present, writable, user ... */
	uint64_t large_bit;     /* in leaves above 4 KiB */
	uint64_t present_mask;  /* an entry is present when any of these is set */
	uint64_t write_bit;     /* taken out for read-only leaves */
	uint64_t cache_bits[2]; /* by enum nested_cache, for leaves */
	uint64_t address_mask;  /* bits of an entry that hold an address */
	uint8_t levels;         /* 4 */
	bool has_1g;            /* 1 GiB leaves allowed */
	bool only_4k;           /* no large leaves at all */
	/*
	 * For walkers that do not snoop the caches: `len` bytes at `p`, which were just stored, are
	 * in memory when it returns. NULL: they do. (VT-d 4.1 11.4.3, bit C)
	 */
	void (*write_back)(const void *p, size_t len);
};

struct nested {
	struct nested_format format;
	uint64_t *root;
	hpa_t root_hpa;
	uint32_t table_pages; /* pages in use for tables, root included */
	/* Pages set aside, so that a change on a trap path needs no allocation. */
	void *reserve;
	uint32_t reserve_count;
	/*
	 * Tables that were freed, but that a processor or device may still follow from
	 * what it has cached: not used again before nested_flushed(). Empty ones.
	 */
	void *freed;
	uint32_t freed_count;
	uint64_t work; /* entries written, cleared and looked through so far */
};

/* A new empty tree. -ENOMEM. */
int nested_init(struct nested *n, const struct nested_format *format) MUST_CHECK;
/* Free all tables. */
void nested_destroy(struct nested *n);
/*
 * All translations cached from the tree have been forgotten since its last
 * change: what that freed goes to the reserve.
 */
void nested_flushed(struct nested *n);
/* Keep at least `pages` pages in reserve; not for trap paths. -ENOMEM. */
int nested_refill(struct nested *n, uint32_t pages) MUST_CHECK;
/* Give back what the reserve holds beyond `pages` pages: after the tables were first built. */
void nested_trim(struct nested *n, uint32_t pages);

/*
 * Map [gpa, gpa + size) to [hpa, ...), page aligned, by the largest pages that
 * alignment and format allow, replacing what was there. Returns 0, or -ENOMEM
 * when the reserve is used up: then exactly the first *done bytes are mapped
 * (`done` may be NULL). Needs a flush when something was replaced.
 */
int nested_map(struct nested *n, gpa_t gpa, hpa_t hpa, uint64_t size, enum nested_cache cache,
	       bool writable, uint64_t *done) MUST_CHECK;
/*
 * Unmap; splits superpages at the edges, frees tables that become empty. Needs
 * a flush. Always takes away all of [gpa, gpa + size): when the reserve has
 * no page for a split it takes away the whole superpage and returns -ENOMEM,
 * and the neighbours' next access faults and maps them again.
 */
int nested_unmap(struct nested *n, gpa_t gpa, uint64_t size) MUST_CHECK;

/*
 * Derive [start, end), rounded out to pages, from the memmap again: RAM, ACPI
 * and NVS write-back, MEM_LOW, MEM_MMIO and MEM_OPEN uncached, all else, and
 * RAM that was given back, unmapped; identity. Superpages around the changed part are formed again
 * where the memmap is uniform. -ENOMEM: the reserve is used up; what should
 * be unmapped is, some of what should be mapped may not be, up to 1 GiB to
 * either side. It is mapped at its next access (ioreq.h), or by a call for the
 * range rounded out to 1 GiB after nested_refill(). Needs a flush.
 */
int nested_sync(struct nested *n, const struct memmap *m, gpa_t start, gpa_t end) MUST_CHECK;
/*
 * The same in parts: from *at on, until about `work` entries have been written, 512 at least; *at
 * is where it goes on then, `end` when all is done. What must be unmapped before *at is, with
 * -ENOMEM too.
 */
int nested_sync_part(struct nested *n, const struct memmap *m, gpa_t *at, gpa_t end,
		     unsigned work) MUST_CHECK;
/* Is memory of this type mapped in the tables? */
bool nested_maps(enum mem_type type);
/* Does the tree say what the memmap says? False: `where` receives the first page that differs. */
bool nested_matches(const struct nested *n, const struct memmap *m, gpa_t *where);

/* Tables that one change of the memmap may need at its edges: the reserve to keep for each claim. */
#define NESTED_PAGES_PER_CHANGE 6

/* AMD nested paging, and the host's own long-mode format (APMv2 15.25.5, 5.3). */
extern const struct nested_format nested_amd;
/* VT-d second level (VT-d 4.1 9.8). */
extern const struct nested_format nested_vtd;

/* One leaf of the tree. */
struct nested_leaf {
	gpa_t gpa;
	hpa_t hpa;
	uint64_t size;
	uint64_t bits; /* the entry without its address */
};
/* The leaf that maps `a`; false when none does. */
bool nested_lookup(const struct nested *n, gpa_t a, struct nested_leaf *leaf);
/* The first leaf at or after `from`; false at the end. Adjacent leaves are not joined. */
bool nested_next(const struct nested *n, gpa_t from, struct nested_leaf *leaf);
/* Write the mappings to the log, adjacent ones of equal offset and bits joined. */
void nested_log(const struct nested *n);

#endif
