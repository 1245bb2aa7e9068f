/* SPDX-License-Identifier: MIT */
/*
 * Starting a kernel by the PVH entry (Xen ABI, docs/misc/pvh.pandoc and
 * arch-x86/hvm/start_info.h): read the ELF file, plan where everything goes,
 * move it there, and write the start_info.
 *
 * The order for the hardware domain, whose memmap is built:
 *
 *	elf_parse()         file -> segments and entry; nothing is moved
 *	pvh_plan()          where kernel, initrd, ACPI tables and start_info go
 *	pvh_place()         moves initrd and kernel, carves out the ACPI pages
 *	... build ACPI tables at plan.acpi ...
 *	pvh_write_info()    the start_info, with the E820 as it now is
 *
 * The vCPU then starts at plan.entry in flat 32-bit protected mode without
 * paging, EBX holding plan.info.
 */
#ifndef TAPROOT_PVH_H
#define TAPROOT_PVH_H

#include <taproot/memmap.h>

/* Why a file or a layout was refused: what, where, and what to do. */
struct load_error {
	char what[224];
};

/* ---- ELF (System V gABI chapters 4 and 5) ---- */

#define ELF_SEGMENTS_MAX 16

struct elf_segment {
	uint64_t paddr;  /* linked physical address */
	uint64_t memsz;
	uint64_t offset; /* in the file */
	uint64_t filesz; /* the rest up to memsz is zero */
};

/* A kernel as described by its headers. Points into the file, which must stay where it is. */
struct elf_image {
	const uint8_t *data;
	uint64_t size;
	struct elf_segment segment[ELF_SEGMENTS_MAX];
	unsigned segment_count;
	uint64_t low;  /* linked extent in memory, zeroed parts included */
	uint64_t high;
	uint32_t entry;       /* XEN_ELFNOTE_PHYS32_ENTRY */
	bool relocatable;     /* XEN_ELFNOTE_PHYS32_RELOC: */
	uint64_t reloc_align; /* power of two, of the lowest address */
	uint64_t reloc_min;   /* lowest address */
	uint64_t reloc_max;   /* last byte */
};

/* Read the headers of a hostile file. -ENOEXEC with `err` filled. */
int elf_parse(struct elf_image *e, const void *data, uint64_t size, struct load_error *err)
	MUST_CHECK;

/* ---- PVH ---- */

/* What is to be started. Kernel and initrd lie in RAM; they may lie in the domain's own. */
struct pvh_config {
	hpa_t kernel; /* the ELF file */
	uint64_t kernel_size;
	hpa_t initrd;
	uint64_t initrd_size; /* 0: none */
	const char *cmdline;
	uint64_t acpi_size; /* bytes wanted for ACPI tables */
};

/* Where everything goes. Sizes are whole pages, except initrd_size. */
struct pvh_plan {
	int64_t delta; /* added to the kernel's linked addresses */
	gpa_t kernel;
	gpa_t kernel_end;
	gpa_t entry;
	gpa_t initrd;
	uint64_t initrd_size;
	gpa_t acpi;
	uint64_t acpi_size;
	gpa_t info;
	uint64_t info_size;
};

/* Pure. -ENOSPC with `err` filled: it does not fit into the domain's RAM. */
int pvh_plan(struct pvh_plan *plan, const struct memmap *m, const struct elf_image *kernel,
	     const struct pvh_config *config, struct load_error *err) MUST_CHECK;

/*
 * Move initrd and kernel to their places, in an order that survives overlaps,
 * clear the pages for ACPI tables and start_info, and make the former MEM_ACPI
 * in the memmap. The kernel's file is no longer needed afterwards. -ENOSPC: memmap full.
 */
int pvh_place(const struct pvh_plan *plan, struct memmap *m, const struct elf_image *kernel,
	      const struct pvh_config *config, struct load_error *err) MUST_CHECK;

/* Write the start_info for the hardware domain. -ENOSPC: the E820 outgrew its room. */
int pvh_write_info(const struct pvh_plan *plan, const struct memmap *m,
		   const struct pvh_config *config, gpa_t rsdp, struct load_error *err) MUST_CHECK;

/* Xen ABI arch-x86/hvm/start_info.h. */
#define PVH_START_MAGIC    0x336ec578u
#define PVH_SIF_PRIVILEGED (1u << 0) /* Xen ABI xen.h SIF_* */
#define PVH_SIF_INITDOMAIN (1u << 1)

struct hvm_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct hvm_modlist_entry {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "Xen ABI start_info.h");
_Static_assert(offsetof(struct hvm_start_info, memmap_paddr) == 40, "Xen ABI start_info.h");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "Xen ABI start_info.h");
_Static_assert(sizeof(struct e820_entry) == 24, "Xen ABI start_info.h");

#endif
