/* SPDX-License-Identifier: MIT */
/* elf: accepted kernels of both widths, and every refusal by its message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <taproot/errno.h>
#include <taproot/pvh.h>

#include "elf_builder.h"

#define FILE_MAX 0x8000

static uint8_t file[FILE_MAX];
static struct elf_builder b;
static struct elf_image image;
static struct load_error error;

/* A kernel of two segments at 16 MiB with its entry in the first. */
static void kernel(bool wide)
{
	elf_begin(&b, file, sizeof(file), wide);
	(void)elf_add_load(&b, 0x1000000, 0x400, 0x400, 0x11);
	(void)elf_add_load(&b, 0x1200000, 0x100, 0x3000, 0x22);
	elf_add_entry(&b, 0x1000010);
}

/* Parse a copy of exactly the file's size, so that the sanitizer sees reads behind it. */
static int parse(void)
{
	uint8_t *copy = malloc(b.size ? b.size : 1);
	int rc;

	memcpy(copy, file, b.size);
	error.what[0] = '\0';
	rc = elf_parse(&image, copy, b.size, &error);
	free(copy);
	return rc;
}

static void assert_refused(const char *words)
{
	assert_int_equal(parse(), -ENOEXEC);
	if (!strstr(error.what, words)) {
		print_error("'%s' does not say '%s'\n", error.what, words);
		fail();
	}
}

static void good_kernels(void **state)
{
	(void)state;
	for (unsigned wide = 0; wide < 2; wide++) {
		kernel(wide);
		assert_int_equal(parse(), 0);
		assert_int_equal(image.segment_count, 2);
		assert_int_equal(image.low, 0x1000000);
		assert_int_equal(image.high, 0x1203000);
		assert_int_equal(image.entry, 0x1000010);
		assert_int_equal(image.segment[1].filesz, 0x100);
		assert_int_equal(image.segment[1].memsz, 0x3000);
		assert_false(image.relocatable);
	}
}

static void entry_of_eight_bytes(void **state)
{
	static const uint32_t low[] = {0x1000020, 0}, high[] = {0x1000020, 1};

	(void)state;
	elf_begin(&b, file, sizeof(file), true);
	(void)elf_add_load(&b, 0x1000000, 0x100, 0x100, 0);
	(void)elf_add_note(&b, 18, low, 2);
	assert_int_equal(parse(), 0);
	assert_int_equal(image.entry, 0x1000020);
	(void)elf_add_note(&b, 18, high, 2);
	assert_refused("8 bytes and no 32-bit address");
	kernel(true);
	(void)elf_add_note(&b, 18, high, 0);
	assert_refused("0 bytes");
}

static void relocation_note(void **state)
{
	static const uint32_t words[] = {0x400000, 0x800000, 0x3fffffff};

	(void)state;
	for (unsigned n = 0; n <= 3; n++) {
		kernel(true);
		(void)elf_add_note(&b, 19, words, n);
		assert_int_equal(parse(), 0);
		assert_true(image.relocatable);
		assert_int_equal(image.reloc_align, n > 0 ? 0x400000 : 0x200000);
		assert_int_equal(image.reloc_min, n > 1 ? 0x800000 : 0);
		assert_int_equal(image.reloc_max, n > 2 ? 0x3fffffff : 0xffffffff);
	}
	for (unsigned n = 0; n < 3; n++) {
		static const uint32_t bad[] = {0x300000, 0x800, 0x80000000};

		kernel(true);
		(void)elf_add_note(&b, 19, &bad[n], 1);
		assert_refused("alignment");
	}
}

static void not_elf(void **state)
{
	(void)state;
	kernel(true);
	b.size = 0;
	assert_refused("only 0 bytes");
	b.size = 3;
	assert_refused("only 3 bytes");
	b.size = 20;
	assert_refused("cut off");
	b.size = 60;
	assert_refused("cut off");
	b.size = FILE_MAX;
	file[0] = 0x1f, file[1] = 0x8b;
	assert_refused("begins with 1f 8b");
	memset(file, 0, sizeof(file));
	file[0x1fe] = 0x55, file[0x1ff] = 0xaa;
	memcpy(file + 0x202, "HdrS", 4);
	assert_refused("taproot-vmlinux BZIMAGE OUT");
}

static void wrong_machine(void **state)
{
	(void)state;
	kernel(true);
	elf_put(file + 18, 183, 2);
	assert_refused("not for x86");
	kernel(true);
	file[4] = 3;
	assert_refused("not for x86");
	kernel(true);
	file[5] = 2;
	assert_refused("not for x86");
	kernel(true);
	elf_put(file + 16, 1, 2);
	assert_refused("no executable");
	elf_put(file + 16, 3, 2);
	assert_int_equal(parse(), 0);
}

static void no_pvh(void **state)
{
	(void)state;
	elf_begin(&b, file, sizeof(file), true);
	(void)elf_add_load(&b, 0x1000000, 0x100, 0x100, 0);
	assert_refused("no PVH entry");
	(void)elf_add_note(&b, 17, NULL, 0);
	assert_refused("no PVH entry");
	elf_add_entry(&b, 0x1000100);
	assert_refused("lies in no segment");
	elf_begin(&b, file, sizeof(file), true);
	assert_refused("nothing to load");
}

static void bad_headers(void **state)
{
	(void)state;
	kernel(true);
	elf_put(file + 32, UINT64_MAX - 10, 8);
	assert_refused("program headers");
	kernel(true);
	elf_put(file + 54, 8, 2);
	assert_refused("program headers");
	kernel(true);
	elf_put(file + 56, 0xffff, 2);
	assert_refused("program headers");
	kernel(false);
	elf_put(file + 28, b.size - 16, 4);
	assert_refused("program headers");
}

static void bad_segments(void **state)
{
	uint8_t *h;

	(void)state;
	kernel(true);
	h = elf_header_at(&b, 1);
	elf_put(h + 8, UINT64_MAX, 8);
	assert_refused("segment 1: bytes");
	kernel(true);
	b.size = 0x1100;
	assert_refused("cut off");
	kernel(true);
	elf_put(h + 40, 0x10, 8);
	assert_refused("segment 1: bytes");
	kernel(true);
	elf_put(h + 24, 0xfffff000, 8);
	assert_refused("below 4 GiB");
	kernel(true);
	elf_put(h + 40, UINT64_MAX, 8);
	assert_refused("below 4 GiB");
	kernel(true);
	elf_put(h + 24, 0x10003ff, 8);
	assert_refused("overlaps the one at 0x1000000");
	kernel(true);
	for (unsigned i = 0; i < ELF_SEGMENTS_MAX; i++) {
		(void)elf_add_load(&b, 0x2000000 + i * 0x1000, 0x10, 0x10, 0);
	}
	assert_refused("more than 16 segments");
	/* Empty ones do not count. */
	kernel(true);
	for (unsigned i = 0; i < ELF_SEGMENTS_MAX; i++) {
		(void)elf_add_load(&b, 0, 0, 0, 0);
	}
	assert_int_equal(parse(), 0);
}

static void bad_notes(void **state)
{
	uint8_t *h;

	(void)state;
	kernel(true);
	h = elf_header_at(&b, 2);
	elf_put(h + 8, 0x7fffffffffffffff, 8);
	assert_refused("notes at");
	kernel(true);
	elf_put(h + 32, FILE_MAX, 8);
	assert_refused("notes at");
	/* Sizes that run past the segment end the walk. */
	kernel(true);
	elf_put(file + b.size - 48 + 20, 0xffffffff, 4);
	assert_refused("no PVH entry");
	kernel(true);
	elf_put(file + b.size - 48, 0xffffffff, 4);
	assert_refused("no PVH entry");
	kernel(true);
	elf_put(h + 32, 37, 8);
	assert_refused("no PVH entry");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_kernels), cmocka_unit_test(entry_of_eight_bytes),
		cmocka_unit_test(relocation_note), cmocka_unit_test(not_elf),
		cmocka_unit_test(wrong_machine), cmocka_unit_test(no_pvh),
		cmocka_unit_test(bad_headers), cmocka_unit_test(bad_segments),
		cmocka_unit_test(bad_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
