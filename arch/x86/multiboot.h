/* SPDX-License-Identifier: MIT */
/* Multiboot specification 0.6.96: header (3.1), machine state (3.2), information (3.3). */
#ifndef X86_MULTIBOOT_H
#define X86_MULTIBOOT_H

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_HEADER_FLAGS 3 /* page-aligned modules, memory information */
#define MULTIBOOT_BOOT_MAGIC   0x2badb002

/* Bits of the flags word of the information (3.3). */
#define MBI_CMDLINE (1 << 2)
#define MBI_MODULES (1 << 3)
#define MBI_MMAP    (1 << 6)
#define MBI_LOADER  (1 << 9)

/* Offsets in the information. */
#define MBI_OFF_FLAGS       0
#define MBI_OFF_CMDLINE     16
#define MBI_OFF_MODS_COUNT  20
#define MBI_OFF_MODS_ADDR   24
#define MBI_OFF_MMAP_LENGTH 44
#define MBI_OFF_MMAP_ADDR   48
#define MBI_OFF_LOADER      64
#define MBI_SIZE            68

/* A module: start, end, string, reserved. */
#define MBI_MODULE_SIZE 16

/* A memory range: size of the rest, 64-bit base, 64-bit length, type. */
#define MBI_RANGE_MIN 20

#endif
