/* SPDX-License-Identifier: MIT */
/* Multiboot2 specification 2.0: header (3.1), machine state (3.3), information (3.6). */
#ifndef X86_MULTIBOOT2_H
#define X86_MULTIBOOT2_H

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define MULTIBOOT2_ARCH_I386    0 /* 32-bit protected mode */
#define MULTIBOOT2_BOOT_MAGIC   0x36d76289

/* Tags of the header (3.1): type, flags, size; 8-byte aligned. */
#define MB2_HEADER_END           0
#define MB2_HEADER_INFO_REQUEST  1
#define MB2_HEADER_MODULE_ALIGN  6
#define MB2_HEADER_RELOCATABLE   10
#define MB2_HEADER_OPTIONAL      1 /* flags */
#define MB2_HEADER_PREFER_LOWEST 1 /* the relocatable tag's preference */

/* The information: total size, reserved, then tags {type, size}, 8-byte aligned (3.6). */
#define MB2_INFO_HEADER 8
#define MB2_TAG_HEADER  8
#define MB2_INFO_MAX    0x100000 /* more than any loader writes */

#define MB2_TAG_END       0
#define MB2_TAG_CMDLINE   1
#define MB2_TAG_LOADER    2
#define MB2_TAG_MODULE    3
#define MB2_TAG_MMAP      6
#define MB2_TAG_ACPI_OLD  14
#define MB2_TAG_ACPI_NEW  15
#define MB2_TAG_EFI_MMAP  17
#define MB2_TAG_EFI_BS    18
#define MB2_TAG_STRING    8  /* where a string begins: command line, loader */
#define MB2_MODULE_STRING 16 /* after start and end */

/* Memory map tag and EFI memory map tag (3.6): entry size, version, entries. */
#define MB2_MAP_ENTRY_SIZE 8
#define MB2_MAP_ENTRIES    16
#define MB2_MMAP_ENTRY_MIN 24 /* 64-bit base, 64-bit length, type, reserved */

/* An EFI memory descriptor (UEFI 2.10 7.2.3). */
#define EFI_DESC_MIN   40
#define EFI_DESC_TYPE  0
#define EFI_DESC_START 8
#define EFI_DESC_PAGES 24
#define EFI_PAGE_SHIFT 12

#define EFI_LOADER_CODE        1
#define EFI_BOOT_SERVICES_DATA 4
#define EFI_CONVENTIONAL       7
#define EFI_UNUSABLE           8
#define EFI_ACPI_RECLAIM       9
#define EFI_ACPI_NVS           10

#endif
