// SPDX-License-Identifier: MIT
/*
 * Multiboot2 information (multiboot2.c), on good and on hostile input: what a
 * BIOS and a UEFI loader say, tags cut short, counts and sizes out of bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <taproot/errno.h>
#include "boot.h"
#include "multiboot2.h"

#define BASE   0x100
#define MEMORY 0x8000

/* The information at BASE, and how much of it is written. */
struct memory {
	uint8_t bytes[MEMORY];
	uint32_t size;
};

static struct boot_info info;

static const void *view(void *ctx, uint64_t a, uint32_t len)
{
	struct memory *m = ctx;

	return a < MEMORY && len <= MEMORY - a ? m->bytes + a : NULL;
}

static void put32(struct memory *m, uint32_t at, uint32_t v)
{
	memcpy(m->bytes + at, &v, 4);
}

static void put64(struct memory *m, uint32_t at, uint64_t v)
{
	memcpy(m->bytes + at, &v, 8);
}

/* Appends a tag with room for `len` bytes after its header; returns where they begin. */
static uint32_t add_tag(struct memory *m, uint32_t type, uint32_t len)
{
	uint32_t at = BASE + m->size;

	put32(m, at, type);
	put32(m, at + 4, len + MB2_TAG_HEADER);
	m->size = ALIGN_UP(m->size + len + MB2_TAG_HEADER, 8);
	put32(m, BASE, m->size);
	return at + MB2_TAG_HEADER;
}

static void add_string(struct memory *m, uint32_t type, const char *s)
{
	uint32_t at = add_tag(m, type, (uint32_t)strlen(s) + 1);

	memcpy(m->bytes + at, s, strlen(s) + 1);
}

static void add_module(struct memory *m, uint32_t start, uint32_t end, const char *s)
{
	uint32_t at = add_tag(m, MB2_TAG_MODULE, 8 + (uint32_t)strlen(s) + 1);

	put32(m, at, start);
	put32(m, at + 4, end);
	memcpy(m->bytes + at + 8, s, strlen(s) + 1);
}

static void put_range(struct memory *m, uint32_t at, uint64_t start, uint64_t size, uint32_t type)
{
	put64(m, at, start);
	put64(m, at + 8, size);
	put32(m, at + 16, type);
}

static void add_map(struct memory *m)
{
	uint32_t at = add_tag(m, MB2_TAG_MMAP, 8 + 3 * 24);

	put32(m, at, 24);
	put_range(m, at + 8, 0, 0x9fc00, E820_RAM);
	put_range(m, at + 32, 0x9fc00, 0x400, E820_RESERVED);
	put_range(m, at + 56, 0x100000, 0x7ff00000, E820_RAM);
}

/* Descriptors of 48 bytes, as UEFI has them although 40 are defined. */
static void add_efi_map(struct memory *m)
{
	static const struct {
		uint32_t type;
		uint64_t start, pages;
	} e[] = {
		{EFI_BOOT_SERVICES_DATA, 0, 0xa0},
		{EFI_CONVENTIONAL, 0x100000, 0x700},
		{EFI_LOADER_CODE, 0x800000, 0x100},
		{EFI_ACPI_NVS, 0x900000, 0x10},
		{6, 0x910000, 0x10},
		{EFI_ACPI_RECLAIM, 0x920000, 1},
		{EFI_UNUSABLE, 0x921000, 1},
		{11, 0xfec00000, 1},
		{EFI_CONVENTIONAL, 0x100000000, UINT64_MAX},
	};
	uint32_t at = add_tag(m, MB2_TAG_EFI_MMAP, 8 + ARRAY_SIZE(e) * 48);

	put32(m, at, 48);
	put32(m, at + 4, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(e); i++) {
		put32(m, at + 8 + i * 48 + EFI_DESC_TYPE, e[i].type);
		put64(m, at + 8 + i * 48 + EFI_DESC_START, e[i].start);
		put64(m, at + 8 + i * 48 + EFI_DESC_PAGES, e[i].pages);
	}
}

static struct memory *empty(void)
{
	struct memory *m = calloc(1, sizeof(*m));

	m->size = MB2_INFO_HEADER;
	put32(m, BASE, m->size);
	return m;
}

/* As GRUB on BIOS writes it. */
static struct memory *example(void)
{
	struct memory *m = empty();

	add_string(m, MB2_TAG_CMDLINE, "console=com1 dom0_cmdline=\"a b\"");
	add_string(m, MB2_TAG_LOADER, "GRUB 2.06");
	add_module(m, 0x200000, 0x300001, "root=/dev/sda quiet");
	add_module(m, 0x400000, 0x400001, "");
	add_tag(m, 4, 8); /* basic memory information: not read */
	add_map(m);
	memcpy(m->bytes + add_tag(m, MB2_TAG_ACPI_OLD, 20), "RSD PTR old", 11);
	memcpy(m->bytes + add_tag(m, MB2_TAG_ACPI_NEW, 36), "RSD PTR new", 11);
	add_tag(m, MB2_TAG_END, 0);
	return m;
}

static int parse(struct memory *m, const char **why)
{
	int rc;

	*why = NULL;
	rc = multiboot2_parse(&info, BASE, view, m, why);
	assert_true(rc == 0 || (rc == -EINVAL && *why));
	return rc;
}

static void test_bios(void **state)
{
	struct memory *m = example();
	const char *why;

	(void)state;
	assert_int_equal(parse(m, &why), 0);
	assert_string_equal(info.loader, "GRUB 2.06");
	assert_string_equal(info.cmdline, "console=com1 dom0_cmdline=\"a b\"");
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.module[0].start, 0x200000);
	assert_int_equal(info.module[0].size, 0x100001);
	assert_string_equal(info.module[0].cmdline, "root=/dev/sda quiet");
	assert_string_equal(info.module[1].cmdline, "");
	assert_int_equal(info.map_count, 3);
	assert_int_equal(info.map[2].start, 0x100000);
	assert_int_equal(info.map[2].size, 0x7ff00000);
	assert_int_equal(info.rsdp_len, 36);
	assert_memory_equal(info.rsdp_copy, "RSD PTR new", 11);
	assert_false(info.cmdline_cut);
	free(m);
}

/* Only an EFI map; the new RSDP first, the old one does not replace it. */
static void test_efi(void **state)
{
	struct memory *m = empty();
	const char *why;
	int n;

	(void)state;
	memcpy(m->bytes + add_tag(m, MB2_TAG_ACPI_NEW, 36), "RSD PTR new", 11);
	memcpy(m->bytes + add_tag(m, MB2_TAG_ACPI_OLD, 20), "RSD PTR old", 11);
	add_efi_map(m);
	assert_int_equal(parse(m, &why), 0);
	assert_int_equal(info.rsdp_len, 36);
	assert_memory_equal(info.rsdp_copy, "RSD PTR new", 11);
	assert_int_equal(info.map_count, 8);
	assert_int_equal(info.map[0].type, E820_RAM);
	assert_int_equal(info.map[1].size, 0x800000);
	assert_int_equal(info.map[2].type, E820_NVS);
	assert_int_equal(info.map[3].type, E820_RESERVED);
	assert_int_equal(info.map[4].type, E820_ACPI);
	assert_int_equal(info.map[5].type, E820_UNUSABLE);
	assert_int_equal(info.map[6].type, E820_RESERVED);
	n = bootmap_sanitize(info.map, info.map_count, BOOT_RANGES_MAX);
	assert_int_equal(n, 8);
	assert_true(bootmap_is_ram(info.map, 8, 0x100000000, 0x40000000));
	/* The loader's own map counts more, wherever it stands. */
	add_map(m);
	assert_int_equal(parse(m, &why), 0);
	assert_int_equal(info.map_count, 3);
	free(m);
}

static void expect_refusal(struct memory *m, const char *text)
{
	const char *why;

	assert_int_equal(parse(m, &why), -EINVAL);
	assert_non_null(strstr(why, text));
	free(m);
}

static void test_refusals(void **state)
{
	struct memory *m = example();
	const char *why = NULL;

	(void)state;
	assert_int_equal(multiboot2_parse(&info, BASE + 4, view, m, &why), -EINVAL);
	assert_int_equal(multiboot2_parse(&info, MEMORY, view, m, &why), -EINVAL);
	put32(m, BASE, 7);
	expect_refusal(m, "absurd size");
	m = example();
	put32(m, BASE, 0xffffffff);
	expect_refusal(m, "absurd size");
	m = example();
	put32(m, BASE + MB2_INFO_HEADER + 4, 7);
	expect_refusal(m, "malformed");
	m = example();
	put32(m, BASE + MB2_INFO_HEADER + 4, 0xfffffff9);
	expect_refusal(m, "malformed");
	m = empty();
	add_string(m, MB2_TAG_CMDLINE, "noreboot");
	assert_int_equal(parse(m, &why), -EINVAL);
	/* Known before the refusal, since it says where the refusal is printed. */
	assert_string_equal(info.cmdline, "noreboot");
	expect_refusal(m, "no memory map");
	m = example();
	m->size -= 8;
	add_tag(m, MB2_TAG_EFI_BS, 0);
	expect_refusal(m, "boot services");
	m = empty();
	add_module(m, 0x2000, 0x2000, "");
	expect_refusal(m, "empty");
	m = empty();
	add_tag(m, MB2_TAG_MODULE, 4);
	expect_refusal(m, "too short");
}

static void test_map_refusals(void **state)
{
	struct memory *m = empty();
	uint32_t at;

	(void)state;
	put32(m, add_tag(m, MB2_TAG_MMAP, 8 + 24), 23);
	expect_refusal(m, "map is malformed");
	m = empty();
	add_tag(m, MB2_TAG_MMAP, 4);
	expect_refusal(m, "map is malformed");
	m = empty();
	put32(m, add_tag(m, MB2_TAG_EFI_MMAP, 8 + 40), 24);
	expect_refusal(m, "map is malformed");
	/* An entry size beyond the tag: no entries, and no wrap-around. */
	m = empty();
	put32(m, add_tag(m, MB2_TAG_MMAP, 8 + 24), 0xfffffff0);
	expect_refusal(m, "no memory map");
	m = empty();
	at = add_tag(m, MB2_TAG_MMAP, 8 + 300 * 24);
	put32(m, at, 24);
	for (unsigned i = 0; i < 300; i++) {
		put_range(m, at + 8 + i * 24, i * 0x2000, 0x1000, E820_RAM);
	}
	expect_refusal(m, "too many entries");
}

/* Too many modules, strings without an end, a string longer than our room. */
static void test_limits(void **state)
{
	struct memory *m = example();
	const char *why;
	uint32_t at;

	(void)state;
	m->size -= 8;
	for (unsigned i = 0; i < 5; i++) {
		add_module(m, 0x500000 + i, 0x600000, "more");
	}
	assert_int_equal(parse(m, &why), 0);
	assert_int_equal(info.module_count, BOOT_MODULES_MAX);
	assert_int_equal(info.modules_ignored, 3);
	free(m);
	m = example();
	memset(m->bytes + BASE + MB2_INFO_HEADER + MB2_TAG_STRING, 'x', 32);
	assert_int_equal(parse(m, &why), 0);
	assert_true(info.cmdline_cut);
	assert_int_equal(strlen(info.cmdline), 32);
	free(m);
	m = empty();
	add_map(m);
	at = add_tag(m, MB2_TAG_CMDLINE, 5000);
	memset(m->bytes + at, 'y', 4999);
	assert_int_equal(parse(m, &why), 0);
	assert_true(info.cmdline_cut);
	assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE_MAX - 1);
	free(m);
}

static void test_random(void **state)
{
	const char *why;

	(void)state;
	srand(4);
	for (unsigned round = 0; round < 20000; round++) {
		struct memory *m = example();

		if (rand() % 2) {
			m->size -= 8;
			add_efi_map(m);
		}
		for (unsigned i = 0; i < 6; i++) {
			m->bytes[BASE + (uint32_t)rand() % m->size] = (uint8_t)rand();
		}
		if (parse(m, &why) == 0) {
			int n = bootmap_sanitize(info.map, info.map_count, BOOT_RANGES_MAX);

			assert_true(n >= 0 || n == -ENOSPC);
		}
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bios),     cmocka_unit_test(test_efi),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_map_refusals),
		cmocka_unit_test(test_limits),   cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
