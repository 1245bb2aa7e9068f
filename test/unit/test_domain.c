/* SPDX-License-Identifier: MIT */
/* domain: creation, vCPUs, and the hardware domain's layout from hostile E820s. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/frames.h>

#include "mem_fixture.h"

#define OURS_SIZE (6 * MIB)

static struct frame_extent extent[64];
static struct frames frames;

static int setup(void **state)
{
	frames_init(&frames, extent, ARRAY_SIZE(extent));
	return fixture_domains(state);
}

static void create(void **state)
{
	(void)state;
	assert_ptr_equal(hardware_domain, dom0);
	assert_true(dom0->hardware);
	assert_false(domu->hardware);
	assert_int_equal(domu->id, 1);
	assert_ptr_equal(domu->memmap.domain, domu);
	assert_int_equal(dom0->memmap.limit, FIXTURE_LIMIT);
	/* More ranges than any allocation can hold. */
	assert_null(domain_create(2, false, FIXTURE_LIMIT, 1u << 24));
}

static void vcpus(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DOMAIN_VCPUS_MAX; i++) {
		assert_int_equal(domain_add_vcpu(dom0, 2 * i, i % 4, true), 0);
		assert_int_equal(dom0->vcpu[i]->id, i);
		assert_int_equal(dom0->vcpu[i]->cpu, i % 4);
		assert_int_equal(dom0->vcpu[i]->lapic.id, 2 * i);
		assert_ptr_equal(dom0->vcpu[i]->domain, dom0);
	}
	assert_int_equal(domain_add_vcpu(dom0, 1000, 0, true), -ENOSPC);
	assert_int_equal(domu->vcpu_count, 0);
	assert_int_equal(domain_add_vcpu(domu, 7, 1, false), 0);
	assert_int_equal(domu->vcpu[0]->lapic.id, 7);
}

/* What QEMU's q35 with 2 GiB reports. */
static const struct e820_entry q35[] = {
	{0x0, 0x9fc00, E820_RAM, 0},
	{0x9fc00, 0x400, E820_RESERVED, 0},
	{0xf0000, 0x10000, E820_RESERVED, 0},
	{0x100000, 0x7fee0000 - 0x100000, E820_RAM, 0},
	{0x7fee0000, 0x20000, E820_RESERVED, 0},
	{0xb0000000, 0x10000000, E820_RESERVED, 0},
	{0xfed1c000, 0x4000, E820_RESERVED, 0},
	{0xfffc0000, 0x40000, E820_RESERVED, 0},
	{0xfd00000000, 0x300000000, E820_RESERVED, 0},
};

static int layout(const struct e820_entry *e, unsigned count, uint64_t ours, uint64_t mem)
{
	return hwdom_build_memmap(dom0, e, count, hpa(ours), hpa(ours + OURS_SIZE), mem, &frames);
}

static void q35_layout(void **state)
{
	const struct memmap *m = &dom0->memmap;
	uint64_t ours = 0x7fee0000 - OURS_SIZE;
	struct e820_entry e[32];
	int n;

	(void)state;
	assert_int_equal(layout(q35, ARRAY_SIZE(q35), ours, 0), 0);
	assert_int_equal(type_at(m, 0), MEM_RAM);
	assert_int_equal(type_at(m, 0x9efff), MEM_RAM);
	/* The page that RAM and EBDA share, the VGA window, the BIOS. */
	assert_int_equal(type_at(m, 0x9f000), MEM_LOW);
	assert_int_equal(type_at(m, 0xa0000), MEM_LOW);
	assert_int_equal(type_at(m, 0xfffff), MEM_LOW);
	assert_int_equal(type_at(m, MIB), MEM_RAM);
	assert_int_equal(type_at(m, ours - 1), MEM_RAM);
	assert_int_equal(type_at(m, ours), MEM_OURS);
	assert_int_equal(type_at(m, 0x7fee0000), MEM_RESERVED);
	assert_int_equal(type_at(m, 0x80000000), MEM_HOLE);
	assert_int_equal(type_at(m, 0xb0000000), MEM_RESERVED);
	assert_int_equal(type_at(m, FIXTURE_LIMIT - 1), MEM_RESERVED);
	assert_int_equal(frames_owner(&frames, hpa(ours)), FRAMES_OURS);
	assert_int_equal(frames_owner(&frames, hpa(MIB)), 0);
	assert_int_equal(frames_owned(&frames, FRAMES_FREE), 0);

	n = memmap_build_e820(m, e, ARRAY_SIZE(e));
	assert_true(n > 0);
	assert_int_equal(e[0].size, 0x9f000);
	assert_int_equal(e[1].start, 0x9f000);
	assert_int_equal(e[1].size, 0x61000);
	assert_int_equal(e[1].type, E820_RESERVED);
	assert_int_equal(e[3].start, ours);
	assert_int_equal(e[3].type, E820_RESERVED);
}

static void dom0_mem_cuts(void **state)
{
	const struct memmap *m = &dom0->memmap;
	uint64_t ours = 0x7fee0000 - OURS_SIZE;

	(void)state;
	assert_int_equal(layout(q35, ARRAY_SIZE(q35), ours, 512 * MIB), 0);
	assert_int_equal(frames_owned(&frames, 0), 512 * MIB);
	/* The low MiB's RAM counts, its holes do not. */
	assert_int_equal(type_at(m, 512 * MIB + 0x61000 - 1), MEM_RAM);
	assert_int_equal(type_at(m, 512 * MIB + 0x61000), MEM_UNUSABLE);
	assert_int_equal(frames_owner(&frames, hpa(GIB)), FRAMES_FREE);
}

static void dom0_mem_clamped(void **state)
{
	uint64_t ours = 0x7fee0000 - OURS_SIZE;

	(void)state;
	assert_int_equal(layout(q35, ARRAY_SIZE(q35), ours, 1), 0);
	assert_int_equal(frames_owned(&frames, 0), HWDOM_MEM_MIN);
	(void)setup(state);
	assert_int_equal(layout(q35, ARRAY_SIZE(q35), ours, 64 * GIB), 0);
	assert_int_equal(frames_owned(&frames, 0), 0x7fee0000 - 0x61000 - OURS_SIZE);
	(void)setup(state);
	assert_int_equal(layout(q35, ARRAY_SIZE(q35), ours, UINT64_MAX), 0);
	assert_int_equal(frames_owned(&frames, FRAMES_FREE), 0);
}

static void hostile_e820(void **state)
{
	static const struct e820_entry e[] = {
		{4 * GIB, 2 * GIB, E820_RAM, 0},        /* unsorted */
		{MIB, GIB - MIB, E820_RAM, 0},
		{512 * MIB, GIB, E820_RAM, 0},          /* overlapping */
		{256 * MIB + 0x800, 0x1000, E820_RESERVED, 0}, /* inside RAM, unaligned */
		{300 * MIB, 0x1000, E820_ACPI, 0},
		{300 * MIB, 0x2000, E820_NVS, 0},
		{310 * MIB, 0x1000, E820_NVS, 0},
		{310 * MIB, 0x1000, E820_UNUSABLE, 0},
		{320 * MIB, 0x1000, 12, 0},             /* a type nobody knows */
		{330 * MIB, 0, E820_RESERVED, 0},       /* empty */
		{0x1000, 0x10800, E820_RAM, 0},
		{UINT64_MAX - 0x1000, UINT64_MAX, E820_RAM, 0}, /* wraps around */
		{3 * GIB + 0x10, 0x20, E820_RAM, 0},    /* not a page */
		{3 * GIB + 0x1800, 0x1000, E820_RAM, 0},
		{5 * GIB, UINT64_MAX, E820_RESERVED, 0},
	};
	const struct memmap *m = &dom0->memmap;

	(void)state;
	assert_int_equal(layout(e, ARRAY_SIZE(e), 900 * MIB, 0), 0);
	assert_int_equal(type_at(m, 0), MEM_LOW);
	assert_int_equal(type_at(m, 0x1000), MEM_RAM);
	assert_int_equal(type_at(m, 0x11000), MEM_LOW);
	assert_int_equal(type_at(m, 256 * MIB), MEM_RESERVED);
	assert_int_equal(type_at(m, 256 * MIB + 0x1000), MEM_RESERVED);
	assert_int_equal(type_at(m, 256 * MIB + 0x2000), MEM_RAM);
	assert_int_equal(type_at(m, 300 * MIB), MEM_NVS);
	assert_int_equal(type_at(m, 310 * MIB), MEM_UNUSABLE);
	assert_int_equal(type_at(m, 320 * MIB), MEM_RESERVED);
	assert_int_equal(type_at(m, 330 * MIB), MEM_RAM);
	assert_int_equal(type_at(m, 900 * MIB), MEM_OURS);
	assert_int_equal(type_at(m, 512 * MIB + GIB - 1), MEM_RAM);
	assert_int_equal(type_at(m, 512 * MIB + GIB), MEM_HOLE);
	/* RAM in part only: never a hole. */
	assert_int_equal(type_at(m, 3 * GIB), MEM_RESERVED);
	assert_int_equal(type_at(m, 3 * GIB + 0x1000), MEM_RESERVED);
	assert_int_equal(type_at(m, 3 * GIB + 0x2000), MEM_RESERVED);
	assert_int_equal(type_at(m, 4 * GIB), MEM_RAM);
	assert_int_equal(type_at(m, 5 * GIB), MEM_RESERVED);
	assert_int_equal(type_at(m, FIXTURE_LIMIT - 1), MEM_RESERVED);
}

static void layouts_that_cannot_be(void **state)
{
	static const struct e820_entry no_ram[] = {{0, GIB, E820_RESERVED, 0}};
	static const struct e820_entry only_ours[] = {{MIB, OURS_SIZE, E820_RAM, 0}};
	struct e820_entry many[200];

	(void)state;
	assert_int_equal(layout(NULL, 0, GIB, 0), -EINVAL);
	(void)setup(state);
	assert_int_equal(layout(no_ram, 1, 16 * MIB, 0), -EINVAL);
	(void)setup(state);
	assert_int_equal(layout(only_ours, 1, MIB, 0), -EINVAL);
	(void)setup(state);
	/* Where we lie must be RAM. */
	assert_int_equal(layout(q35, ARRAY_SIZE(q35), 0x7fee0000 - MIB, 0), -EINVAL);
	(void)setup(state);
	assert_int_equal(layout(q35, ARRAY_SIZE(q35), 0x7fee0000 - OURS_SIZE - 1, 0), -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = (struct e820_entry){GIB + i * 0x2000ull, 0x1000, E820_NVS, 0};
	}
	(void)setup(state);
	assert_int_equal(layout(many, ARRAY_SIZE(many), GIB, 0), -ENOSPC);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(create),	   TEST(vcpus),	       TEST(q35_layout),	    TEST(dom0_mem_cuts),
		TEST(dom0_mem_clamped), TEST(hostile_e820), TEST(layouts_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
