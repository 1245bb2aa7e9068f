/* SPDX-License-Identifier: MIT */
/*
 * Makes small ELF kernels in memory, for the loader's tests. Layout: header,
 * program headers, then the contents, each at a place of its own choosing.
 */
#ifndef TAPROOT_TEST_ELF_BUILDER_H
#define TAPROOT_TEST_ELF_BUILDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct elf_builder {
	uint8_t *file;
	size_t capacity;
	size_t size;
	bool wide;
	unsigned headers;
};

static inline void elf_put(uint8_t *p, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		p[i] = (uint8_t)(value >> (8 * i));
	}
}

static inline void elf_begin(struct elf_builder *b, uint8_t *file, size_t capacity, bool wide)
{
	memset(file, 0, capacity);
	*b = (struct elf_builder){file, capacity, 0x1000, wide, 0};
	memcpy(file, "\177ELF", 4);
	file[4] = wide ? 2 : 1;
	file[5] = 1;
	file[6] = 1;
	elf_put(file + 16, 2, 2);
	elf_put(file + 18, wide ? 62 : 3, 2);
	elf_put(file + (wide ? 32 : 28), wide ? 64 : 52, wide ? 8 : 4);
	elf_put(file + (wide ? 54 : 42), wide ? 56 : 32, 2);
}

static inline uint8_t *elf_header_at(struct elf_builder *b, unsigned n)
{
	return b->file + (b->wide ? 64 + 56 * n : 52 + 32 * n);
}

static inline void elf_add_header(struct elf_builder *b, uint32_t type, uint64_t offset,
				  uint64_t paddr, uint64_t filesz, uint64_t memsz, uint64_t align)
{
	uint8_t *p = elf_header_at(b, b->headers++);

	elf_put(p, type, 4);
	if (b->wide) {
		elf_put(p + 8, offset, 8);
		elf_put(p + 24, paddr, 8);
		elf_put(p + 32, filesz, 8);
		elf_put(p + 40, memsz, 8);
		elf_put(p + 48, align, 8);
	} else {
		elf_put(p + 4, offset, 4);
		elf_put(p + 12, paddr, 4);
		elf_put(p + 16, filesz, 4);
		elf_put(p + 20, memsz, 4);
		elf_put(p + 28, align, 4);
	}
	elf_put(b->file + (b->wide ? 56 : 44), b->headers, 2);
}

/* A segment whose bytes in the file are all `fill`. Returns their offset. */
static inline size_t elf_add_load(struct elf_builder *b, uint64_t paddr, uint64_t filesz,
				  uint64_t memsz, uint8_t fill)
{
	size_t offset = b->size;

	memset(b->file + offset, fill, filesz);
	elf_add_header(b, 1, offset, paddr, filesz, memsz, 0x200000);
	b->size += (filesz + 15) & ~15ull;
	return offset;
}

/* One note of name "Xen" in a segment of its own, after another's note. */
static inline size_t elf_add_note(struct elf_builder *b, uint32_t type, const uint32_t *words,
				  unsigned count)
{
	size_t offset = b->size;
	uint8_t *p = b->file + offset;

	/* GNU, 3 bytes of description, padded: must be stepped over. */
	elf_put(p, 4, 4);
	elf_put(p + 4, 3, 4);
	elf_put(p + 8, type, 4);
	memcpy(p + 12, "GNU", 4);
	p += 20;
	elf_put(p, 4, 4);
	elf_put(p + 4, 4 * count, 4);
	elf_put(p + 8, type, 4);
	memcpy(p + 12, "Xen", 4);
	for (unsigned i = 0; i < count; i++) {
		elf_put(p + 16 + 4 * i, words[i], 4);
	}
	elf_add_header(b, 4, offset, 0, 36 + 4 * count, 36 + 4 * count, 4);
	b->size += (36 + 4 * count + 15) & ~15ull;
	return offset;
}

static inline void elf_add_entry(struct elf_builder *b, uint32_t entry)
{
	(void)elf_add_note(b, 18, &entry, 1);
}

#endif
