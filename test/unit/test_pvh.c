/* SPDX-License-Identifier: MIT */
/* pvh: planning, moving over overlaps, and the start_info, on a machine's RAM in a buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <taproot/pvh.h>

#include "elf_builder.h"
#include "mem_fixture.h"

#define RAM      (256 * MIB)
#define LINKED   0x1000000ull
#define FILE_MAX 0x400000

static uint8_t *ram;
static uint8_t file[FILE_MAX];
static struct elf_builder b;
static struct elf_image image;
static struct pvh_plan plan;
static struct load_error error;

static int setup(void **state)
{
	if (fixture_domains(state)) {
		return -1;
	}
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED || !host_mem_add_window(0, ram, RAM)) {
		return -1;
	}
	if (memmap_set_base(&dom0->memmap, gpa(0), gpa(RAM), MEM_RAM) ||
	    memmap_set_base(&dom0->memmap, gpa(0xa0000), gpa(MIB), MEM_LOW)) {
		return -1;
	}
	return memmap_set_base(&dom0->memmap, gpa(RAM - 4 * MIB), gpa(RAM), MEM_OURS);
}

static int teardown(void **state)
{
	(void)state;
	return munmap(ram, RAM);
}

/* Text of 2 MiB, data of 1 MiB with 3 MiB of zeroes behind it. */
static void build_kernel(bool relocatable)
{
	static const uint32_t words[] = {0x200000, 0x1000000, 0x3fffffff};

	elf_begin(&b, file, sizeof(file), true);
	(void)elf_add_load(&b, LINKED, 2 * MIB, 2 * MIB, 0x11);
	(void)elf_add_load(&b, LINKED + 2 * MIB, MIB, 4 * MIB, 0x22);
	elf_add_entry(&b, LINKED + 0x40);
	if (relocatable) {
		(void)elf_add_note(&b, 19, words, 3);
	}
}

/* Put kernel and initrd into RAM as a boot loader would, the rest dirty. */
static struct pvh_config load_modules(uint64_t kernel, uint64_t initrd, uint64_t initrd_size)
{
	memset(ram, 0xcc, RAM);
	for (uint64_t i = 0; i < initrd_size; i++) {
		ram[initrd + i] = (uint8_t)(i * 7 + (i >> 8));
	}
	memcpy(ram + kernel, file, b.size);
	assert_int_equal(elf_parse(&image, ram + kernel, b.size, &error), 0);
	return (struct pvh_config){
		.kernel = hpa(kernel),
		.kernel_size = b.size,
		.initrd = hpa(initrd),
		.initrd_size = initrd_size,
		.cmdline = "console=ttyS0 quiet",
		.acpi_size = 5000,
	};
}

static void assert_bytes(uint64_t at, uint64_t size, uint8_t value)
{
	for (uint64_t i = 0; i < size; i++) {
		assert_int_equal(ram[at + i], value);
	}
}

static void assert_in_ram(uint64_t start, uint64_t size)
{
	for (uint64_t a = start; a < start + size; a += PAGE_SIZE) {
		assert_int_equal(type_at(&dom0->memmap, a), MEM_RAM);
	}
}

static bool apart(gpa_t a, uint64_t a_size, gpa_t o, uint64_t o_size)
{
	return a.v + a_size <= o.v || o.v + o_size <= a.v;
}

/* Carry the plan out and look at every byte that matters. */
static void place_and_check(const struct pvh_config *c)
{
	uint64_t k = plan.kernel.v;

	assert_true(apart(plan.kernel, 6 * MIB, plan.initrd, plan.initrd_size));
	assert_true(apart(plan.kernel, 6 * MIB, plan.acpi, plan.acpi_size));
	assert_true(apart(plan.kernel, 6 * MIB, plan.info, plan.info_size));
	assert_true(apart(plan.initrd, plan.initrd_size, plan.acpi, plan.acpi_size));
	assert_true(apart(plan.initrd, plan.initrd_size, plan.info, plan.info_size));
	assert_true(apart(plan.acpi, plan.acpi_size, plan.info, plan.info_size));
	assert_in_ram(plan.initrd.v, plan.initrd_size);
	assert_in_ram(plan.info.v, plan.info_size);
	assert_int_equal(plan.initrd.v % PAGE_SIZE, 0);

	assert_int_equal(pvh_place(&plan, &dom0->memmap, &image, c, &error), 0);
	assert_bytes(k, 2 * MIB, 0x11);
	assert_bytes(k + 2 * MIB, MIB, 0x22);
	assert_bytes(k + 3 * MIB, 3 * MIB, 0);
	for (uint64_t i = 0; i < plan.initrd_size; i++) {
		assert_int_equal(ram[plan.initrd.v + i], (uint8_t)(i * 7 + (i >> 8)));
	}
	assert_int_equal(type_at(&dom0->memmap, plan.acpi.v), MEM_ACPI);
	assert_bytes(plan.acpi.v, plan.acpi_size, 0);
}

static void usual_layout(void **state)
{
	struct pvh_config c;

	(void)state;
	build_kernel(false);
	/* As the boot code leaves it: modules below the hypervisor. */
	c = load_modules(RAM - 20 * MIB, RAM - 10 * MIB, 6 * MIB - 123);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	assert_int_equal(plan.delta, 0);
	assert_int_equal(plan.kernel.v, LINKED);
	assert_int_equal(plan.entry.v, LINKED + 0x40);
	assert_int_equal(plan.acpi.v, RAM - 4 * MIB - 0x2000);
	assert_int_equal(plan.initrd.v, RAM - 10 * MIB - 0x2000);
	place_and_check(&c);
}

static void start_info(void **state)
{
	const struct hvm_start_info *info;
	const struct hvm_modlist_entry *module;
	const struct e820_entry *e;
	struct pvh_config c;
	unsigned acpi = 0;

	(void)state;
	build_kernel(false);
	c = load_modules(RAM - 20 * MIB, RAM - 10 * MIB, MIB);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	place_and_check(&c);
	assert_int_equal(pvh_write_info(&plan, &dom0->memmap, &c, gpa(plan.acpi.v), &error), 0);
	info = (const void *)(ram + plan.info.v);
	assert_int_equal(info->magic, 0x336ec578);
	assert_int_equal(info->version, 1);
	assert_int_equal(info->flags, 3);
	assert_int_equal(info->nr_modules, 1);
	assert_int_equal(info->rsdp_paddr, plan.acpi.v);
	assert_string_equal((const char *)ram + info->cmdline_paddr, c.cmdline);
	module = (const void *)(ram + info->modlist_paddr);
	assert_int_equal(module->paddr, plan.initrd.v);
	assert_int_equal(module->size, MIB);
	e = (const void *)(ram + info->memmap_paddr);
	assert_int_equal(info->memmap_entries, 5);
	for (unsigned i = 0; i < info->memmap_entries; i++) {
		acpi += e[i].type == E820_ACPI && e[i].start == plan.acpi.v &&
			e[i].size == plan.acpi_size;
	}
	assert_int_equal(acpi, 1);
	assert_int_equal(e[4].type, E820_RESERVED);
}

static void without_initrd_and_acpi(void **state)
{
	struct pvh_config c;
	const struct hvm_start_info *info;

	(void)state;
	build_kernel(false);
	c = load_modules(RAM - 20 * MIB, 0, 0);
	c.acpi_size = 0;
	c.cmdline = "";
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	assert_int_equal(pvh_place(&plan, &dom0->memmap, &image, &c, &error), 0);
	assert_int_equal(pvh_write_info(&plan, &dom0->memmap, &c, gpa(0xf5000), &error), 0);
	info = (const void *)(ram + plan.info.v);
	assert_int_equal(info->nr_modules, 0);
	assert_int_equal(info->modlist_paddr, 0);
	assert_string_equal((const char *)ram + info->cmdline_paddr, "");
}

/* The initrd's copy lies where the kernel goes; old and new place of the initrd overlap. */
static void overlapping_modules(void **state)
{
	struct pvh_config c;

	(void)state;
	build_kernel(false);
	c = load_modules(100 * MIB, LINKED + MIB, 5 * MIB + 5);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	place_and_check(&c);

	assert_int_equal(memmap_set_base(&dom0->memmap, plan.acpi, gpa(plan.acpi.v + plan.acpi_size),
					 MEM_RAM), 0);
	c = load_modules(100 * MIB, RAM - 4 * MIB - 90 * MIB, 89 * MIB);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	assert_false(apart(plan.initrd, plan.initrd_size, gpa(c.initrd.v), c.initrd_size));
	place_and_check(&c);
}

/* The kernel's file lies across its own destination. */
static void kernel_over_its_file(void **state)
{
	struct pvh_config c;

	(void)state;
	build_kernel(false);
	/* A little above: each segment is copied downwards, away from what is still needed. */
	c = load_modules(LINKED + MIB, 100 * MIB, MIB);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	place_and_check(&c);
	assert_int_equal(memmap_set_base(&dom0->memmap, plan.acpi, gpa(plan.acpi.v + plan.acpi_size),
					 MEM_RAM), 0);
	/* A little below: the first segment would overwrite the second's bytes. */
	c = load_modules(LINKED - MIB, 100 * MIB, MIB);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	assert_non_null(strstr(error.what, "overwrite its own file"));
}

static void relocation(void **state)
{
	struct pvh_config c;

	(void)state;
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(LINKED + MIB), gpa(LINKED + 3 * MIB),
					 MEM_RESERVED), 0);
	build_kernel(false);
	c = load_modules(RAM - 20 * MIB, RAM - 10 * MIB, MIB);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	assert_non_null(strstr(error.what, "PHYS32_RELOC"));
	assert_non_null(strstr(error.what, "0x1100000"));

	build_kernel(true);
	c = load_modules(RAM - 20 * MIB, RAM - 10 * MIB, MIB);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	assert_int_equal(plan.kernel.v, LINKED + 4 * MIB);
	assert_int_equal(plan.delta, 4 * MIB);
	assert_int_equal(plan.entry.v, LINKED + 4 * MIB + 0x40);
	place_and_check(&c);

	image.reloc_max = LINKED + 8 * MIB;
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	assert_non_null(strstr(error.what, "may be moved to"));
	/* Downwards works as well. */
	image.reloc_min = 0;
	image.reloc_max = UINT32_MAX;
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), 0);
	assert_int_equal(plan.kernel.v, 2 * MIB);
	place_and_check(&c);
}

static void places_that_are_not_ram(void **state)
{
	struct pvh_config c;

	(void)state;
	build_kernel(false);
	c = load_modules(RAM - 20 * MIB, RAM - 10 * MIB, MIB);
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(LINKED + MIB), gpa(RAM - 4 * MIB),
					 MEM_UNUSABLE), 0);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	assert_non_null(strstr(error.what, "dom0_mem"));
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(LINKED + MIB), gpa(RAM), MEM_OURS), 0);
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	assert_non_null(strstr(error.what, "hypervisor"));
	/* A kernel linked past the end of the address space. */
	dom0->memmap.limit = LINKED;
	image.relocatable = true;
	image.reloc_align = 2 * MIB;
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	dom0->memmap.limit = FIXTURE_LIMIT;
}

static void too_large(void **state)
{
	struct pvh_config c;

	(void)state;
	build_kernel(false);
	c = load_modules(RAM - 20 * MIB, RAM - 10 * MIB, MIB);
	c.initrd_size = 240 * MIB;
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	assert_non_null(strstr(error.what, "initrd"));
	c.initrd_size = UINT64_MAX;
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	c.initrd_size = MIB;
	c.acpi_size = GIB;
	assert_int_equal(pvh_plan(&plan, &dom0->memmap, &image, &c, &error), -ENOSPC);
	assert_non_null(strstr(error.what, "ACPI"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usual_layout),	    TEST(start_info),	   TEST(without_initrd_and_acpi),
		TEST(overlapping_modules),  TEST(kernel_over_its_file), TEST(relocation),
		TEST(places_that_are_not_ram), TEST(too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
