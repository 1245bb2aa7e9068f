// SPDX-License-Identifier: MIT
/*
 * C begins here, at the image's virtual address on the temporary tables of
 * boot.S: console, what the loader told, processor features, relocation, final
 * page tables and stacks. Then hypervisor_main() on the boot processor's stack.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include "boot.h"
#include "cpu.h"
#include "main.h"
#include "multiboot.h"
#include "multiboot2.h"
#include "paging.h"
#include "relocate.h"
#include "x86.h"

static struct boot_info boot_info;

void boot_main(uint32_t magic, uint32_t info, uint64_t image);

/* Everything the loader may point to lies in the 4 GiB that are mapped. */
static const void *view_low(void *ctx, uint64_t a, uint32_t len)
{
	(void)ctx;
	return a < 4 * GIB && len <= 4 * GIB - a ? (const void *)(DIRECT_BASE + a) : NULL;
}

static void log_map(const struct boot_info *info)
{
	static const char *const names[] = {"?", "RAM", "reserved", "ACPI", "NVS", "unusable"};

	for (unsigned i = 0; i < info->map_count; i++) {
		const struct e820_entry *e = &info->map[i];

		log_info("memory %012llx-%012llx %s", (unsigned long long)e->start,
			 (unsigned long long)(e->start + e->size - 1),
			 e->type < ARRAY_SIZE(names) ? names[e->type] : names[0]);
	}
}

static void read_loader(uint32_t magic, uint32_t info_addr)
{
	const char *why = NULL;
	int rc;

	switch (magic) {
	case MULTIBOOT_BOOT_MAGIC:
		rc = multiboot_parse(&boot_info, info_addr, view_low, NULL, &why);
		break;
	case MULTIBOOT2_BOOT_MAGIC:
		rc = multiboot2_parse(&boot_info, info_addr, view_low, NULL, &why);
		break;
	default:
		refuse("not started by a multiboot loader (magic %08x); use GRUB's multiboot2 "
		       "command or QEMU's -kernel",
		       magic);
	}
	/* The command line is read before anything that may be missing. */
	option_parse(&options, boot_info.cmdline);
	log_threshold = options.loglvl;
	console_open(options.console);
	if (rc == 0) {
		rc = bootmap_sanitize(boot_info.map, boot_info.map_count, BOOT_RANGES_MAX);
		why = rc == 0 ? "the memory map is empty" : "the memory map has too many entries";
	}
	if (rc <= 0) {
		refuse("%s; use another boot loader or firmware", why);
	}
	boot_info.map_count = (unsigned)rc;
	if (boot_info.module_count == 0) {
		refuse("no kernel for the hardware domain: give one as the first module "
		       "(QEMU: -initrd \"vmlinux <options>,initrd.gz\")");
	}
}

static NORETURN void on_final_stack(void)
{
	hypervisor_main(&boot_info);
}

void boot_main(uint32_t magic, uint32_t info, uint64_t image)
{
	image_hpa = image;
	cpu_detect();
	desc_setup(&pcpu_boot, false);
	read_loader(magic, info);
	if (!cpu_features.nx) {
		refuse("the processor has no no-execute pages (NX), or firmware disabled them; "
		       "enable them in the firmware's set-up");
	}
	cpu_setup();
	relocate(&boot_info);
	relocate_finish(&boot_info);
	if (boot_info.rsdp_len) {
		boot_info.rsdp = arch_va_to_hpa(boot_info.rsdp_copy).v;
	}
	log_info("loader: %s, multiboot%s, image at %llx",
		 boot_info.loader[0] ? boot_info.loader : "unnamed",
		 magic == MULTIBOOT2_BOOT_MAGIC ? "2" : "", (unsigned long long)image);
	log_map(&boot_info);
	log_info("hypervisor at %llx, %llu MiB", (unsigned long long)boot_info.area_start,
		 (unsigned long long)(boot_info.area_size / MIB));
	if (boot_info.modules_ignored) {
		log_notice("%u modules more than expected are ignored", boot_info.modules_ignored);
	}
	if (boot_info.cmdline_cut) {
		log_notice("a command line is longer than %u characters and was cut",
			   BOOT_CMDLINE_MAX - 1);
	}
	if (stack_map(0) < 0) {
		refuse("the page pool is too small for a stack");
	}
	desc_setup(&pcpu_boot, true);
	stack_switch(STACK_BASE + STACK_MAIN + STACK_MAIN_SZ, on_final_stack);
}
