// SPDX-License-Identifier: MIT
/*
 * Out of the hardware domain's way: our image, the page pool and the modules
 * go to the top of RAM below 4 GiB. The loader put the modules right behind
 * our image, at 1 MiB as a rule, over the addresses a kernel wants for itself.
 *
 * Runs on the temporary page tables of boot.S, which show 4 GiB; the plan is
 * made by the pure functions of bootmap.c.
 */
#include <taproot/heap.h>
#include <taproot/log.h>
#include <taproot/string.h>
#include "boot.h"
#include "cpu.h"
#include "paging.h"
#include "relocate.h"
#include "x86.h"

#define AREA_BASE_SIZE (5 * MIB)
#define AREA_ALIGN     (2 * MIB)
#define POOL_PER_RAM   8192 /* one byte for so many of RAM: tables, processors */
#define POOL_MAX       (64 * MIB)

extern char image_start[], image_end[];

static void *direct(uint64_t a)
{
	return (void *)(DIRECT_BASE + a);
}

static struct boot_range image_range(void)
{
	return (struct boot_range){image_hpa, (uint64_t)(image_end - image_start)};
}

static void place_area(struct boot_info *info)
{
	const struct boot_range busy[] = {image_range(), {0, MIB}};
	uint64_t ram = bootmap_ram(info->map, info->map_count);

	info->area_size = ALIGN_UP(AREA_BASE_SIZE + MIN(ram / POOL_PER_RAM, POOL_MAX), AREA_ALIGN);
	if (bootmap_place(info->map, info->map_count, info->area_size, AREA_ALIGN, 4 * GIB, busy,
			  ARRAY_SIZE(busy), &info->area_start) < 0) {
		refuse("no %llu MiB of contiguous RAM below 4 GiB for the hypervisor; give the "
		       "machine more memory",
		       (unsigned long long)(info->area_size / MIB));
	}
}

static void check_modules(const struct boot_info *info)
{
	const struct boot_range image = image_range();

	for (unsigned i = 0; i < info->module_count; i++) {
		const struct boot_module *m = &info->module[i];

		if (!bootmap_is_ram(info->map, info->map_count, m->start, m->size) ||
		    (m->start < image.start + image.size && image.start < m->start + m->size)) {
			refuse("the boot loader put module %u (%llx, %llu bytes) outside RAM or "
			       "over the hypervisor; use another boot loader",
			       i, (unsigned long long)m->start, (unsigned long long)m->size);
		}
	}
}

static void move_modules(struct boot_info *info)
{
	struct boot_move moves[BOOT_MODULES_MAX];
	unsigned count;

	check_modules(info);
	if (bootmap_plan_modules(info, image_range(), moves, &count) < 0) {
		refuse("no room in RAM below 4 GiB to move the modules; give the machine more "
		       "memory");
	}
	for (unsigned i = 0; i < count; i++) {
		memmove(direct(moves[i].to), direct(moves[i].from), moves[i].size);
		info->module[moves[i].module].start = moves[i].to;
	}
}

void relocate(struct boot_info *info)
{
	uint64_t image_size = (uint64_t)(image_end - image_start);

	place_area(info);
	move_modules(info);
	paging_pool_init(info->area_start + image_size, info->area_start + info->area_size);
	paging_build(info, info->area_start);
	image_hpa = info->area_start;
	relocate_switch(direct(image_hpa), image_start, image_size, paging_cr3);
}

void relocate_finish(const struct boot_info *info)
{
	uint64_t start = paging_pool_close();

	heap_init(direct(start), info->area_start + info->area_size - start);
}
