/* SPDX-License-Identifier: MIT */
/*
 * What a boot loader tells, whichever protocol it speaks, and the pure
 * functions that make it usable: a sane memory map, places for ourselves and
 * for the modules. boot.c carries the plan out. Everything here is copied out
 * of the loader's memory; nothing points into it.
 */
#ifndef X86_BOOT_H
#define X86_BOOT_H

#include <taproot/memmap.h>
#include <taproot/types.h>

#define BOOT_MODULES_MAX 4
#define BOOT_CMDLINE_MAX 2048
#define BOOT_RANGES_MAX  256
#define BOOT_LOADER_MAX  64
#define BOOT_RSDP_MAX    36 /* ACPI 6.5 5.2.5.3 */

struct boot_module {
	uint64_t start; /* host physical, page aligned once placed */
	uint64_t size;
	char cmdline[BOOT_CMDLINE_MAX]; /* without the file name */
};

struct boot_info {
	char loader[BOOT_LOADER_MAX];
	char cmdline[BOOT_CMDLINE_MAX]; /* ours, without the file name */
	bool cmdline_cut;               /* a command line was longer than we keep */
	/* module[0] is the hardware domain's kernel, module[1] its initrd. */
	struct boot_module module[BOOT_MODULES_MAX];
	unsigned module_count;
	unsigned modules_ignored; /* there were more than we keep */
	/* The machine's memory map: sorted, no overlaps, page aligned, RAM never rounded up. */
	struct e820_entry map[BOOT_RANGES_MAX];
	unsigned map_count;
	uint64_t rsdp; /* 0: the protocol does not tell */
	/* Some protocols hand over a copy in place of the address; rsdp_len 0: none. */
	uint8_t rsdp_copy[BOOT_RSDP_MAX];
	uint32_t rsdp_len;
	/* Our own memory: image and pool. */
	uint64_t area_start;
	uint64_t area_size;
};

/* A physical range [start, start + size). */
struct boot_range {
	uint64_t start;
	uint64_t size;
};

/*
 * A usable map from what firmware said: unsorted, overlapping or wrapping
 * entries are put right (of two types over one page the more restrictive one
 * wins), RAM is rounded to pages inwards, everything else outwards. `map` is
 * changed in place and may grow to `capacity` entries. Returns the number of
 * entries, or -ENOSPC.
 */
int bootmap_sanitize(struct e820_entry *map, unsigned count, unsigned capacity) MUST_CHECK;

/* Bytes of RAM in a sanitized map. */
uint64_t bootmap_ram(const struct e820_entry *map, unsigned count);

/*
 * The highest place of `size` bytes of RAM, aligned to `align`, that ends at
 * or below `limit` and meets no busy range. -ENOSPC.
 */
int bootmap_place(const struct e820_entry *map, unsigned count, uint64_t size, uint64_t align,
		  uint64_t limit, const struct boot_range *busy, unsigned busy_count,
		  uint64_t *start) MUST_CHECK;

/* Is [start, start + size) RAM throughout? */
bool bootmap_is_ram(const struct e820_entry *map, unsigned count, uint64_t start, uint64_t size);

/* One module's move; from == to: it stays. */
struct boot_move {
	unsigned module;
	uint64_t from;
	uint64_t to;
	uint64_t size;
};

/*
 * Where the modules go: as high as possible below the area, in an order in
 * which no move destroys what a later one copies (a move may overlap itself).
 * `image` is where we run now. Returns 0 or -ENOSPC; *count moves are written.
 */
int bootmap_plan_modules(const struct boot_info *info, struct boot_range image,
			 struct boot_move moves[BOOT_MODULES_MAX], unsigned *count) MUST_CHECK;

/* `len` bytes of physical memory at `a`; NULL: not readable. Tests have their own. */
typedef const void *(*boot_view_fn)(void *ctx, uint64_t a, uint32_t len);

/*
 * Parse the multiboot (version 1) information at `a`. 0, or -EINVAL with
 * *why naming what is missing or broken.
 */
int multiboot_parse(struct boot_info *info, uint64_t a, boot_view_fn view, void *ctx,
		    const char **why) MUST_CHECK;
/* The same for multiboot2. */
int multiboot2_parse(struct boot_info *info, uint64_t a, boot_view_fn view, void *ctx,
		     const char **why) MUST_CHECK;

#endif
