/* SPDX-License-Identifier: MIT */
/*
 * Parts of taproot-vmlinux, which extracts the ELF kernel from a bzImage.
 *
 * All parts work on memory and treat it as hostile: offsets, lengths and sizes
 * come from the file. A function that can fail returns 0 or -1, and then has
 * put one line for the user into struct vmlinux_error.
 */
#ifndef TOOLS_VMLINUX_H
#define TOOLS_VMLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than any kernel: a limit on what a damaged file can make us do. */
#define VMLINUX_SIZE_MAX ((size_t)1 << 30)

struct vmlinux_error {
	char text[320];
};

/* Bytes of somebody else's buffer. */
struct vmlinux_span {
	const uint8_t *data;
	size_t size;
};

/* A buffer of our own; the owner frees data. All zero is empty. */
struct vmlinux_buffer {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

/* What the ELF says that matters to whoever boots it. */
struct vmlinux_elf {
	bool has_pvh;
	uint64_t pvh_entry;	/* XEN_ELFNOTE_PHYS32_ENTRY */
	uint64_t load_start;	/* physical range of the PT_LOAD segments */
	uint64_t load_end;
};

/* Set the message; always returns -1. */
int vmlinux_fail(struct vmlinux_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Does the file begin as an ELF does? */
bool vmlinux_is_elf(const struct vmlinux_span *file);

/* Find the compressed payload of a bzImage. */
int vmlinux_find_payload(const struct vmlinux_span *file,
			 struct vmlinux_span *payload,
			 struct vmlinux_error *error);

/* Uncompress a payload; *out must be empty and is the caller's to free. */
int vmlinux_unpack(const struct vmlinux_span *payload,
		   struct vmlinux_buffer *out, struct vmlinux_error *error);

/* Make room for more bytes after size, up to VMLINUX_SIZE_MAX. */
int vmlinux_reserve(struct vmlinux_buffer *buffer, size_t more,
		    struct vmlinux_error *error);

/* Check an ELF kernel and read its notes. */
int vmlinux_read_elf(const struct vmlinux_span *file, struct vmlinux_elf *elf,
		     struct vmlinux_error *error);

/* Little-endian numbers at any alignment. */
uint16_t vmlinux_le16(const uint8_t *at);
uint32_t vmlinux_le32(const uint8_t *at);
uint64_t vmlinux_le64(const uint8_t *at);

#endif /* TOOLS_VMLINUX_H */
