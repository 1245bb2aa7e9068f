// SPDX-License-Identifier: MIT
/*
 * Boot memory map (bootmap.c) and multiboot information (multiboot.c), on good
 * and on hostile input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <taproot/errno.h>
#include "boot.h"
#include "multiboot.h"

#define MAP_MAX 64

static void check_map(const struct e820_entry *map, int count)
{
	for (int i = 0; i < count; i++) {
		assert_int_equal(map[i].start % PAGE_SIZE, 0);
		assert_int_equal(map[i].size % PAGE_SIZE, 0);
		assert_true(map[i].size > 0);
		if (i) {
			assert_true(map[i - 1].start + map[i - 1].size <= map[i].start);
		}
	}
}

static void test_sanitize_plain(void **state)
{
	struct e820_entry map[MAP_MAX] = {
		{0x100000, 0x7fee0000, E820_RAM, 0},
		{0, 0x9fc00, E820_RAM, 0},
		{0x9fc00, 0x400, E820_RESERVED, 0},
		{0xf0000, 0x10000, E820_RESERVED, 0},
	};
	int n = bootmap_sanitize(map, 4, MAP_MAX);

	(void)state;
	assert_int_equal(n, 4);
	check_map(map, n);
	assert_int_equal(map[0].size, 0x9f000);
	assert_int_equal(map[1].start, 0x9f000);
	assert_int_equal(map[1].size, 0x1000);
	assert_int_equal(bootmap_ram(map, (unsigned)n), 0x7fee0000 + 0x9f000);
	assert_true(bootmap_is_ram(map, (unsigned)n, 0x200000, 0x1000));
	assert_false(bootmap_is_ram(map, (unsigned)n, 0x7ffe0000 - 0x1000, 0x2000));
	assert_false(bootmap_is_ram(map, (unsigned)n, 0x200000, UINT64_MAX));
}

static void test_sanitize_overlap(void **state)
{
	/* A reserved hole inside RAM, NVS over reserved, a same-type overlap, an unknown type. */
	struct e820_entry map[MAP_MAX] = {
		{0x100000, 0x1000000, E820_RAM, 0},
		{0x800000, 0x1000, E820_RESERVED, 0},
		{0x800000, 0x800, E820_NVS, 0},
		{0xf00000, 0x400000, E820_RAM, 0},
		{0x2000000, 0x10, 77, 0},
		{0x3000000, 0xfff, E820_RAM, 0},
	};
	int n = bootmap_sanitize(map, 6, MAP_MAX);

	(void)state;
	check_map(map, n);
	assert_int_equal(n, 4);
	assert_int_equal(map[0].size, 0x700000);
	assert_int_equal(map[1].type, E820_NVS);
	assert_int_equal(map[2].start, 0x801000);
	assert_int_equal(map[2].start + map[2].size, 0x1300000);
	assert_int_equal(map[3].type, E820_RESERVED);
}

static void test_sanitize_wrap(void **state)
{
	struct e820_entry map[MAP_MAX] = {
		{0xfffffffffffff000, 0x10000, E820_RAM, 0},
		{0xffffffffffffffff, 0xffffffffffffffff, E820_RESERVED, 0},
		{0x1000, 0, E820_RAM, 0},
		{0xfffffffffffff800, 0x100, E820_RAM, 0},
	};
	int n = bootmap_sanitize(map, 4, MAP_MAX);

	(void)state;
	check_map(map, n);
}

static void test_sanitize_full(void **state)
{
	struct e820_entry map[2] = {
		{0, 0x10000, E820_RAM, 0},
		{0x4000, 0x1000, E820_RESERVED, 0},
	};

	(void)state;
	assert_int_equal(bootmap_sanitize(map, 2, 2), -ENOSPC);
}

/* Against a slow model: the type of each page of a small space. */
static void test_sanitize_random(void **state)
{
	static const uint8_t rank[6] = {0, 1, 2, 3, 4, 5};
	const unsigned pages = 64;

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 3000; round++) {
		struct e820_entry map[MAP_MAX];
		uint8_t model[64] = {0};
		unsigned count = (unsigned)rand() % 12;
		int n;

		for (unsigned i = 0; i < count; i++) {
			unsigned first = (unsigned)rand() % pages;
			unsigned len = (unsigned)rand() % (pages - first) + 1;
			uint32_t type = (uint32_t)rand() % 5 + 1;
			/* RAM is weakest, then reserved, ACPI, NVS, unusable: the numbers' order. */
			map[i] = (struct e820_entry){first * PAGE_SIZE, len * PAGE_SIZE, type, 0};
			for (unsigned p = first; p < first + len; p++) {
				model[p] = MAX(model[p], rank[type]);
			}
		}
		n = bootmap_sanitize(map, count, MAP_MAX);
		assert_true(n >= 0);
		check_map(map, n);
		for (int i = 0; i < n; i++) {
			for (uint64_t p = map[i].start; p < map[i].start + map[i].size;
			     p += PAGE_SIZE) {
				assert_int_equal(model[p / PAGE_SIZE], map[i].type);
				model[p / PAGE_SIZE] = 0;
			}
		}
		for (unsigned p = 0; p < pages; p++) {
			assert_int_equal(model[p], 0);
		}
	}
}

static void test_place(void **state)
{
	const struct e820_entry map[] = {
		{0x100000, 0x700000, E820_RAM, 0},
		{0x800000, 0x1000, E820_RESERVED, 0},
		{0x801000, 0x6ff000, E820_RAM, 0},
		{0x100000000, 0x40000000, E820_RAM, 0},
	};
	const struct boot_range busy = {0xe00000, 0x1000};
	uint64_t s;

	(void)state;
	assert_int_equal(bootmap_place(map, 4, 0x200000, 0x200000, 4 * GIB, NULL, 0, &s), 0);
	assert_int_equal(s, 0xc00000);
	assert_int_equal(bootmap_place(map, 4, 0x100000, 0x1000, 4 * GIB, &busy, 1, &s), 0);
	assert_int_equal(s, 0xd00000);
	assert_int_equal(bootmap_place(map, 4, 0x700000, 0x100000, 4 * GIB, NULL, 0, &s), 0);
	assert_int_equal(s, 0x100000);
	assert_int_equal(bootmap_place(map, 4, 0x800000, 0x1000, 4 * GIB, NULL, 0, &s), -ENOSPC);
	assert_int_equal(bootmap_place(map, 4, 0x800000, 0x1000, UINT64_MAX, NULL, 0, &s), 0);
	assert_int_equal(s, 0x100000000 + 0x40000000 - 0x800000);
}

/* Carry a plan out on an array and see that every module arrives whole. */
static void run_plan(struct boot_info *info, struct boot_range image, uint8_t *mem)
{
	struct boot_move moves[BOOT_MODULES_MAX];
	unsigned count;

	for (unsigned i = 0; i < info->module_count; i++) {
		memset(mem + info->module[i].start, (int)(i + 1), info->module[i].size);
	}
	if (bootmap_plan_modules(info, image, moves, &count) < 0) {
		return;
	}
	assert_int_equal(count, info->module_count);
	for (unsigned i = 0; i < count; i++) {
		const struct boot_move *m = &moves[i];

		assert_true(bootmap_is_ram(info->map, info->map_count, m->to, m->size));
		assert_true(m->to + m->size <= image.start || m->to >= image.start + image.size);
		assert_true(m->to + m->size <= info->area_start ||
			    m->to >= info->area_start + info->area_size);
		assert_int_equal(m->to % PAGE_SIZE, 0);
		memmove(mem + m->to, mem + m->from, m->size);
		info->module[m->module].start = m->to;
	}
	for (unsigned i = 0; i < info->module_count; i++) {
		for (uint64_t b = 0; b < info->module[i].size; b++) {
			assert_int_equal(mem[info->module[i].start + b], i + 1);
		}
	}
}

static void test_plan(void **state)
{
	static struct boot_info info;
	const struct boot_range image = {MIB, 0x10000};
	uint8_t *mem = malloc(4 * MIB);
	unsigned seed;

	(void)state;
	srand(2);
	for (seed = 0; seed < 500; seed++) {
		uint64_t at = image.start + image.size;

		info.map[0] = (struct e820_entry){MIB, 2 * MIB, E820_RAM, 0};
		info.map[1] = (struct e820_entry){3 * MIB + 0x1000, MIB - 0x1000, E820_RAM, 0};
		info.map_count = 2;
		info.area_size = 0x40000;
		info.area_start = (uint64_t)(rand() % 2 ? 2 * MIB : 4 * MIB - 0x40000);
		info.module_count = (unsigned)rand() % (BOOT_MODULES_MAX + 1);
		/* As loaders do: packed, in any order of size, sometimes with a gap. */
		for (unsigned i = 0; i < info.module_count; i++) {
			info.module[i].size = (uint64_t)rand() % 0x60000 + 1;
			info.module[i].start = at;
			at = ALIGN_UP(at + info.module[i].size, PAGE_SIZE) +
			     (rand() % 3 ? 0 : PAGE_SIZE * 16);
		}
		run_plan(&info, image, mem);
	}
	free(mem);
}

/* ---- multiboot ---- */

struct memory {
	uint8_t bytes[0x4000];
};

static const void *view(void *ctx, uint64_t a, uint32_t len)
{
	struct memory *m = ctx;

	return a < sizeof(m->bytes) && len <= sizeof(m->bytes) - a ? m->bytes + a : NULL;
}

static void put32(struct memory *m, uint32_t at, uint32_t v)
{
	memcpy(m->bytes + at, &v, 4);
}

static void put_range(struct memory *m, uint32_t at, uint64_t start, uint64_t size, uint32_t type)
{
	put32(m, at, 20);
	memcpy(m->bytes + at + 4, &start, 8);
	memcpy(m->bytes + at + 12, &size, 8);
	put32(m, at + 20, type);
}

/* The information at 0x101 (unaligned on purpose), two modules, two ranges. */
static struct memory *example(const char *loader)
{
	struct memory *m = calloc(1, sizeof(*m));

	put32(m, 0x101, MBI_CMDLINE | MBI_MODULES | MBI_MMAP | MBI_LOADER);
	put32(m, 0x101 + MBI_OFF_CMDLINE, 0x1000);
	put32(m, 0x101 + MBI_OFF_MODS_COUNT, 2);
	put32(m, 0x101 + MBI_OFF_MODS_ADDR, 0x803);
	put32(m, 0x101 + MBI_OFF_MMAP_LENGTH, 48);
	put32(m, 0x101 + MBI_OFF_MMAP_ADDR, 0x900);
	put32(m, 0x101 + MBI_OFF_LOADER, 0xa00);
	put32(m, 0x803, 0x200000);
	put32(m, 0x807, 0x300001);
	put32(m, 0x80b, 0x2000);
	put32(m, 0x813, 0x400000);
	put32(m, 0x817, 0x400001);
	put_range(m, 0x900, 0, 0x9fc00, E820_RAM);
	put_range(m, 0x918, 0x100000, 0x7ff00000, E820_RAM);
	strcpy((char *)m->bytes + 0xa00, loader);
	strcpy((char *)m->bytes + 0x1000, "taproot.elf  console=com1 noreboot");
	strcpy((char *)m->bytes + 0x2000, "vmlinux root=/dev/sda");
	return m;
}

static void test_multiboot_good(void **state)
{
	static struct boot_info info;
	struct memory *m = example("qemu");
	const char *why;

	(void)state;
	assert_int_equal(multiboot_parse(&info, 0x101, view, m, &why), 0);
	assert_string_equal(info.loader, "qemu");
	assert_string_equal(info.cmdline, "console=com1 noreboot");
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.module[0].start, 0x200000);
	assert_int_equal(info.module[0].size, 0x100001);
	assert_string_equal(info.module[0].cmdline, "root=/dev/sda");
	assert_string_equal(info.module[1].cmdline, "");
	assert_int_equal(info.map_count, 2);
	assert_int_equal(info.map[1].size, 0x7ff00000);
	free(m);
	m = example("GRUB 2.06-13");
	assert_int_equal(multiboot_parse(&info, 0x101, view, m, &why), 0);
	assert_string_equal(info.module[0].cmdline, "vmlinux root=/dev/sda");
	free(m);
}

static void test_multiboot_broken(void **state)
{
	static struct boot_info info;
	struct memory *m = example("qemu");
	const char *why = NULL;

	(void)state;
	assert_int_equal(multiboot_parse(&info, 0xfffffff0, view, m, &why), -EINVAL);
	assert_non_null(why);
	put32(m, 0x101, MBI_CMDLINE);
	assert_int_equal(multiboot_parse(&info, 0x101, view, m, &why), -EINVAL);
	assert_string_equal(why, "the boot loader gave no memory map");
	assert_string_equal(info.cmdline, "console=com1 noreboot");
	free(m);
	m = example("qemu");
	put32(m, 0x807, 0x200000);
	assert_int_equal(multiboot_parse(&info, 0x101, view, m, &why), -EINVAL);
	free(m);
	m = example("qemu");
	put32(m, 0x918, 4);
	assert_int_equal(multiboot_parse(&info, 0x101, view, m, &why), -EINVAL);
	free(m);
	m = example("qemu");
	put32(m, 0x101 + MBI_OFF_MODS_COUNT, 0xffffffff);
	memset(m->bytes + 0x823, 1, 16);
	assert_int_equal(multiboot_parse(&info, 0x101, view, m, &why), -EINVAL);
	free(m);
	/* A command line without an end is cut, not followed. */
	m = example("qemu");
	memset(m->bytes + 0x1000, 'x', 0x3000);
	assert_int_equal(multiboot_parse(&info, 0x101, view, m, &why), 0);
	assert_true(info.cmdline_cut);
	free(m);
}

static void test_multiboot_random(void **state)
{
	static struct boot_info info;
	const char *why;

	(void)state;
	srand(3);
	for (unsigned round = 0; round < 20000; round++) {
		struct memory *m = example(rand() % 2 ? "qemu" : "GRUB 2.06");

		for (unsigned i = 0; i < 6; i++) {
			uint32_t at = 0x101 + (uint32_t)rand() % 0x900;

			m->bytes[rand() % 2 ? at : 0x101 + at % MBI_SIZE] = (uint8_t)rand();
		}
		if (multiboot_parse(&info, 0x101, view, m, &why) == 0) {
			int n = bootmap_sanitize(info.map, info.map_count, BOOT_RANGES_MAX);

			assert_true(n >= 0 || n == -ENOSPC);
			check_map(info.map, n);
		}
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sanitize_plain),	 cmocka_unit_test(test_sanitize_overlap),
		cmocka_unit_test(test_sanitize_wrap),	 cmocka_unit_test(test_sanitize_full),
		cmocka_unit_test(test_sanitize_random),	 cmocka_unit_test(test_place),
		cmocka_unit_test(test_plan),		 cmocka_unit_test(test_multiboot_good),
		cmocka_unit_test(test_multiboot_broken), cmocka_unit_test(test_multiboot_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
