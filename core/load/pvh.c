/* SPDX-License-Identifier: MIT */
/*
 * The PVH boot of the hardware domain: planning, moving, and the start_info
 * (Xen ABI arch-x86/hvm/start_info.h, version 1).
 *
 * Where things go: the kernel at its linked address or, when that is not RAM
 * and its PHYS32_RELOC note allows it, at the lowest place that is. ACPI tables
 * at the top of the domain's RAM below 4 GiB, the initrd below them. The
 * start_info below 1 GiB: Linux reads it, the module list and the memory map
 * by early page tables that reach no further (arch/x86/platform/pvh).
 *
 * The boot loader's copies of kernel and initrd usually lie in the domain's
 * RAM, so places and copies may overlap. The initrd moves first and never onto
 * the kernel's file; then the segments in file order; all the rest is
 * written last. A plan in which that order loses bytes is refused.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/fmt.h>
#include <taproot/log.h>
#include <taproot/pvh.h>
#include <taproot/string.h>

#define LIMIT_EARLY    GIB
#define LIMIT_4G       (4 * GIB)
#define INFO_MODULE    64u
#define INFO_MEMMAP    128u
#define E820_SPARE     4u
#define LINUX_E820_MAX 128 /* what a Linux kernel takes from here (E820_MAX_ENTRIES_ZEROPAGE) */
#define AVOID_MAX      4u

#define REFUSE(err, ...) (fmt_snprintf((err)->what, sizeof((err)->what), __VA_ARGS__), -ENOSPC)

struct extent {
	uint64_t start;
	uint64_t end;
};

/* Places that are taken while a plan is made. */
struct avoid {
	struct extent extent[AVOID_MAX];
	unsigned count;
};

static void avoid_add(struct avoid *a, uint64_t start, uint64_t size)
{
	a->extent[a->count++] = (struct extent){start, start + size};
}

static bool meets(const struct extent *e, uint64_t start, uint64_t size)
{
	return start < e->end && e->start < start + size;
}

/* The first range that touches [start, end) and is not the domain's RAM; NULL: none. */
static const struct mem_range *not_ram(const struct memmap *m, uint64_t start, uint64_t end)
{
	/* What lies past the address space; a search goes on where it ends, which is nowhere. */
	static const struct mem_range beyond = {.end = {LIMIT_4G}, .type = MEM_HOLE};
	const struct mem_range *r;

	if (end > m->limit) {
		return &beyond;
	}
	for (r = memmap_find(m, gpa(start)); r->type == MEM_RAM; r++) {
		if (r->end.v >= end) {
			return NULL;
		}
	}
	return r;
}

/* The highest page-aligned place for `size` bytes of RAM from 1 MiB to `limit`. */
static int place_top(const struct memmap *m, const struct avoid *avoid, uint64_t size,
		     uint64_t limit, gpa_t *out)
{
	for (unsigned i = m->count; i-- > 0;) {
		const struct mem_range *r = &m->range[i];
		uint64_t floor = MAX(r->start.v, MIB);
		uint64_t end = MIN(r->end.v, limit);

		while (r->type == MEM_RAM && end > floor && end - floor >= size) {
			uint64_t at = ALIGN_DOWN(end - size, PAGE_SIZE);
			uint64_t next = end;

			if (at < floor) {
				break;
			}
			for (unsigned j = 0; j < avoid->count; j++) {
				if (meets(&avoid->extent[j], at, size)) {
					next = MIN(next, avoid->extent[j].start);
				}
			}
			if (next == end) {
				*out = gpa(at);
				return 0;
			}
			end = next;
		}
	}
	return -ENOSPC;
}

static int refuse_place(const struct elf_image *k, const struct mem_range *bad,
			struct load_error *err)
{
	uint8_t type = bad ? bad->type : MEM_HOLE;

	if (type == MEM_UNUSABLE) {
		return REFUSE(err, "the kernel needs RAM at [%#lx, %#lx), and dom0 is given none from "
				   "%#lx on: raise dom0_mem", k->low, k->high, bad->start.v);
	}
	if (type == MEM_OURS) {
		return REFUSE(err, "the kernel needs RAM at [%#lx, %#lx), where the hypervisor lies: "
				   "the machine needs more RAM below 4 GiB", k->low, k->high);
	}
	return REFUSE(err, "the kernel is linked at [%#lx, %#lx), which on this machine is not RAM "
			   "(%s at %#lx): a kernel with PHYS32_RELOC is needed (Linux 6.10 and later)",
		      k->low, k->high, memmap_type_name(type), bad ? bad->start.v : 0);
}

/* The kernel's linked place, or the lowest RAM that its relocation note allows. */
static int plan_kernel(struct pvh_plan *plan, const struct memmap *m, const struct elf_image *k,
		       struct load_error *err)
{
	const struct mem_range *bad = not_ram(m, k->low, k->high);
	uint64_t size = k->high - k->low;
	uint64_t at = k->low;

	if (bad && k->relocatable) {
		at = ALIGN_UP(MAX(k->reloc_min, MIB), k->reloc_align);
		while (at + size - 1 <= k->reloc_max && at + size <= LIMIT_4G) {
			const struct mem_range *r = not_ram(m, at, at + size);

			if (!r) {
				bad = NULL;
				break;
			}
			at = ALIGN_UP(r->end.v, k->reloc_align);
		}
		if (bad) {
			return REFUSE(err, "the kernel may be moved to [%#lx, %#lx], where dom0 has no "
					   "%lu MiB of RAM in one piece: raise dom0_mem",
				      k->reloc_min, k->reloc_max, (size >> 20) + 1);
		}
	}
	if (bad) {
		return refuse_place(k, bad, err);
	}
	plan->delta = (int64_t)(at - k->low);
	plan->kernel = gpa(at);
	plan->kernel_end = gpa(at + size);
	plan->entry = gpa(k->entry + (uint64_t)plan->delta);
	return 0;
}

/* Does loading one segment after the other leave every later segment's bytes in the file alone? */
static int check_copies(const struct pvh_plan *plan, const struct elf_image *k,
			const struct pvh_config *config, struct load_error *err)
{
	for (unsigned i = 0; i < k->segment_count; i++) {
		const struct elf_segment *s = &k->segment[i];
		uint64_t to = s->paddr + (uint64_t)plan->delta;

		for (unsigned j = i + 1; j < k->segment_count; j++) {
			struct extent from = {
				config->kernel.v + k->segment[j].offset,
				config->kernel.v + k->segment[j].offset + k->segment[j].filesz,
			};

			if (meets(&from, to, s->filesz)) {
				return REFUSE(err,
					      "the kernel at [%#lx, %#lx) would overwrite its own file "
					      "at %#lx: the machine needs more RAM below 4 GiB",
					      plan->kernel.v, plan->kernel_end.v, config->kernel.v);
			}
		}
	}
	return 0;
}

static uint64_t info_cmdline(const struct memmap *m)
{
	return INFO_MEMMAP + (uint64_t)(m->count + E820_SPARE) * sizeof(struct e820_entry);
}

int pvh_plan(struct pvh_plan *plan, const struct memmap *m, const struct elf_image *kernel,
	     const struct pvh_config *config, struct load_error *err)
{
	struct avoid avoid = {.count = 0};
	int rc;

	memset(plan, 0, sizeof(*plan));
	rc = plan_kernel(plan, m, kernel, err);
	if (rc == 0) {
		rc = check_copies(plan, kernel, config, err);
	}
	if (rc) {
		return rc;
	}
	avoid_add(&avoid, plan->kernel.v, plan->kernel_end.v - plan->kernel.v);

	plan->acpi_size = ALIGN_UP(config->acpi_size, PAGE_SIZE);
	if (plan->acpi_size && place_top(m, &avoid, plan->acpi_size, LIMIT_4G, &plan->acpi)) {
		return REFUSE(err, "no %lu KiB of RAM below 4 GiB for ACPI tables",
			      plan->acpi_size >> 10);
	}
	avoid_add(&avoid, plan->acpi.v, plan->acpi_size);

	/* The file of the kernel stays whole until the initrd has moved. */
	avoid_add(&avoid, config->kernel.v, config->kernel_size);
	plan->initrd_size = config->initrd_size;
	if (plan->initrd_size && place_top(m, &avoid, plan->initrd_size, LIMIT_4G, &plan->initrd)) {
		return REFUSE(err, "no %lu MiB of RAM below 4 GiB for the initrd beside a kernel of "
				   "%lu MiB: raise dom0_mem or give a smaller initrd",
			      (plan->initrd_size >> 20) + 1,
			      ((plan->kernel_end.v - plan->kernel.v) >> 20) + 1);
	}
	avoid.extent[avoid.count - 1] =
		(struct extent){plan->initrd.v, plan->initrd.v + plan->initrd_size};

	plan->info_size = ALIGN_UP(info_cmdline(m) + strlen(config->cmdline) + 1, PAGE_SIZE);
	if (place_top(m, &avoid, plan->info_size, LIMIT_EARLY, &plan->info)) {
		return REFUSE(err, "no %lu KiB of RAM below 1 GiB for the start_info",
			      plan->info_size >> 10);
	}
	return 0;
}

int pvh_place(const struct pvh_plan *plan, struct memmap *m, const struct elf_image *kernel,
	      const struct pvh_config *config, struct load_error *err)
{
	if (plan->initrd_size) {
		memmove(arch_hpa_to_va(hpa(plan->initrd.v)), arch_hpa_to_va(config->initrd),
			plan->initrd_size);
	}
	for (unsigned i = 0; i < kernel->segment_count; i++) {
		const struct elf_segment *s = &kernel->segment[i];

		memmove(arch_hpa_to_va(hpa(s->paddr + (uint64_t)plan->delta)),
			kernel->data + s->offset, s->filesz);
	}
	for (unsigned i = 0; i < kernel->segment_count; i++) {
		const struct elf_segment *s = &kernel->segment[i];
		uint64_t to = s->paddr + (uint64_t)plan->delta;

		if (s->memsz > s->filesz) {
			memset(arch_hpa_to_va(hpa(to + s->filesz)), 0, s->memsz - s->filesz);
		}
	}
	memset(arch_hpa_to_va(hpa(plan->info.v)), 0, plan->info_size);
	if (plan->acpi_size == 0) {
		return 0;
	}
	memset(arch_hpa_to_va(hpa(plan->acpi.v)), 0, plan->acpi_size);
	if (memmap_set_base(m, plan->acpi, gpa(plan->acpi.v + plan->acpi_size), MEM_ACPI)) {
		return REFUSE(err, "the memory map has no room for the ACPI tables");
	}
	return 0;
}

int pvh_write_info(const struct pvh_plan *plan, const struct memmap *m,
		   const struct pvh_config *config, gpa_t rsdp, struct load_error *err)
{
	uint8_t *page = arch_hpa_to_va(hpa(plan->info.v));
	struct hvm_start_info *info = (void *)page;
	struct hvm_modlist_entry *module = (void *)(page + INFO_MODULE);
	uint64_t length = strlen(config->cmdline) + 1;
	uint64_t cmdline = plan->info_size - ALIGN_UP(length, 8);
	int entries;

	entries = memmap_build_e820(m, (void *)(page + INFO_MEMMAP),
				    (unsigned)((cmdline - INFO_MEMMAP) / sizeof(struct e820_entry)));
	if (entries < 0) {
		return REFUSE(err, "the E820 has outgrown the start_info");
	}
	if (entries > LINUX_E820_MAX) {
		log_notice("start_info: %d memory map entries, Linux reads the first %d", entries,
			   LINUX_E820_MAX);
	}
	memcpy(page + cmdline, config->cmdline, length);
	*info = (struct hvm_start_info){
		.magic = PVH_START_MAGIC,
		.version = 1,
		.flags = PVH_SIF_PRIVILEGED | PVH_SIF_INITDOMAIN,
		.nr_modules = plan->initrd_size ? 1 : 0,
		.modlist_paddr = plan->initrd_size ? plan->info.v + INFO_MODULE : 0,
		.cmdline_paddr = plan->info.v + cmdline,
		.rsdp_paddr = rsdp.v,
		.memmap_paddr = plan->info.v + INFO_MEMMAP,
		.memmap_entries = (uint32_t)entries,
	};
	*module = (struct hvm_modlist_entry){
		.paddr = plan->initrd.v,
		.size = plan->initrd_size,
	};
	return 0;
}
