// SPDX-License-Identifier: MIT
/*
 * The hardware domain: its address space, its platform (what the hypervisor
 * answers for), its kernel. Order matters: types of memory first, then what
 * is claimed over them, then the tables and the E820 that tell the domain.
 */
#include <taproot/acpi.h>
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/fmt.h>
#include <taproot/frames.h>
#include <taproot/heap.h>
#include <taproot/iommu.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include <taproot/pci.h>
#include <taproot/pvh.h>
#include "boot.h"
#include "console.h"
#include "cpu.h"
#include "hvm.h"
#include "hwdom.h"
#include "iommu_x86.h"
#include "power.h"

#define MEMMAP_RANGES  1024
#define FRAME_EXTENTS  128
#define TABLE_EXTENTS  64
#define COM1_PORT      0x3f8
#define COM2_PORT      0x2f8
#define COM1_IRQ       4
#define COM2_IRQ       3
#define HPET_SIZE      0x1000
#define BUILD_TABLE_PAGES 256
#define MPS_POLARITY(f) ((f)&3)
#define MPS_TRIGGER(f)  ((f) >> 2 & 3)
#define MPS_LOW        3
#define MPS_LEVEL      3

static struct frame_extent extents[FRAME_EXTENTS];
static char cmdline[BOOT_CMDLINE_MAX + OPTION_CMDLINE_MAX + 2]; /* the kernel's */

static void must(int rc, const char *what)
{
	if (rc) {
		refuse("the hardware domain cannot be built: %s (error %d)", what, rc);
	}
}

/* ---- the local APIC page ---- */

static uint64_t lapic_page_read(void *ctx, uint64_t offset, unsigned len)
{
	(void)ctx;
	return vlapic_mmio_read(&this_cpu()->vcpu->lapic, (unsigned)offset, len);
}

static void lapic_page_write(void *ctx, uint64_t offset, unsigned len, uint64_t value)
{
	(void)ctx;
	vlapic_mmio_write(&this_cpu()->vcpu->lapic, (unsigned)offset, len, (uint32_t)value);
}

static const struct mmio_ops lapic_page_ops = {"local APIC", lapic_page_read, lapic_page_write};

/* ---- address space ---- */

/* ACPI tables outside RAM, wherever firmware put them, are the domain's to read. */
static void open_tables(struct domain *d, const struct acpi_host *acpi)
{
	static struct acpi_extent table[TABLE_EXTENTS];
	unsigned count = acpi_host_extents(acpi, table, TABLE_EXTENTS);

	for (unsigned i = 0; i < count; i++) {
		for (uint64_t a = table[i].start.v; a < table[i].end.v; a += PAGE_SIZE) {
			const struct mem_range *r = memmap_find(&d->memmap, gpa(a));

			if (r && (r->base == MEM_HOLE || r->base == MEM_RESERVED)) {
				must(memmap_set_base(&d->memmap, gpa(a), gpa(a + PAGE_SIZE), MEM_LOW),
				     "the memory map is full");
			}
		}
	}
}

static void deny(struct domain *d, hpa_t start, uint64_t size)
{
	struct memmap_step step = {.kind = MEMMAP_CLAIM, .type = MEM_DENY, .start = gpa(start.v),
				   .size = size, .owner = SBDF_NONE};

	if (memmap_check(&d->memmap, &step, 1, NULL) == 0) {
		memmap_commit(&d->memmap, &step, 1);
	} else {
		log_notice("0x%llx cannot be kept from the hardware domain: it is claimed",
			   (unsigned long long)start.v);
	}
}

static void build_memory(struct domain *d, const struct boot_info *info,
			 const struct acpi_host *acpi)
{
	frames_init(&machine_frames, extents, FRAME_EXTENTS);
	must(hwdom_build_memmap(d, info->map, info->map_count, hpa(info->area_start),
				hpa(info->area_start + info->area_size), options.dom0_mem,
				&machine_frames),
	     "its memory map");
	open_tables(d, acpi);
	iommu_reserve_regions(d, acpi);
}

/* ---- platform ---- */

static void add_ioapics(struct domain *d, const struct acpi_madt *madt)
{
	for (unsigned i = 0; i < madt->ioapic_count; i++) {
		const struct acpi_ioapic *io = &madt->ioapic[i];

		must(vioapic_add(d, i, gpa(io->address.v), io->id, io->gsi_base), "an IO-APIC");
	}
}

static struct pci_window ecam_window(const struct acpi_ecam *e)
{
	return (struct pci_window){
		.segment = e->segment,
		.bus_first = e->bus_first,
		.bus_last = e->bus_last,
		.bus0 = e->bus0,
	};
}

static void add_root_complex(struct domain *d, const struct acpi_mcfg *mcfg)
{
	static struct pci_window window[ACPI_ECAMS_MAX];

	for (unsigned i = 0; i < mcfg->count; i++) {
		window[i] = ecam_window(&mcfg->ecam[i]);
	}
	must(pci_root_create(d, window, mcfg->count), "the PCI root complex");
	for (unsigned i = 0; i < mcfg->refused_count; i++) {
		struct pci_window refused = ecam_window(&mcfg->refused[i]);

		pci_deny_window(d, &refused);
	}
}

/* Where ISA interrupt `irq` is wired, by the MADT's overrides (ACPI 6.5 5.2.12.5). */
static uint32_t isa_gsi(const struct acpi_madt *madt, unsigned irq, bool *level, bool *low)
{
	*level = false;
	*low = false;
	for (unsigned i = 0; i < madt->override_count; i++) {
		const struct acpi_override *o = &madt->override[i];

		if (o->source == irq) {
			*level = MPS_TRIGGER(o->flags) == MPS_LEVEL;
			*low = MPS_POLARITY(o->flags) == MPS_LOW;
			return o->gsi;
		}
	}
	return irq;
}

/* The UART that the hypervisor keeps; the domain has an emulated one in its place. */
static void add_uart(struct domain *d, const struct acpi_madt *madt)
{
	bool first = options.console == PORT_COM1, level, low;
	uint32_t gsi = isa_gsi(madt, first ? COM1_IRQ : COM2_IRQ, &level, &low);

	if (options.console == PORT_NONE) {
		return;
	}
	must(uart_init(&d->uart, d, first ? COM1_PORT : COM2_PORT, gsi), "its UART");
	console_input_init(cmdline);
	for (unsigned i = 0; i < madt->ioapic_count; i++) {
		uint32_t base = madt->ioapic[i].gsi_base;

		if (gsi >= base && gsi - base < ioapic_hw_pins(i) &&
		    serial_irq_setup(i, gsi - base, level, low, console_poll) == 0) {
			return;
		}
	}
	log_notice("console input: no interrupt for GSI %u", gsi);
}

static void build_platform(struct domain *d, const struct acpi_host *acpi)
{
	must(ioreq_claim_mmio(d, gpa(acpi->madt.lapic.v), PAGE_SIZE, &lapic_page_ops, d),
	     "the local APIC page");
	add_ioapics(d, &acpi->madt);
	if (acpi->has_hpet) {
		deny(d, hpa(acpi->hpet.base.v & PAGE_MASK), HPET_SIZE);
	}
	iommu_hide(d, acpi, deny);
	add_root_complex(d, &acpi->mcfg);
	must(power_init(d, acpi), "its power control");
	add_uart(d, &acpi->madt);
}

/* ---- kernel ---- */

/* The modules' memory may be the hypervisor's view only; the domain's RAM it is, or will be. */
static void load_kernel(struct domain *d, const struct boot_info *info,
			const struct acpi_host *acpi, struct hvm_start *start)
{
	static struct elf_image elf;
	static struct load_error err;
	static uint32_t apic_id[DOMAIN_VCPUS_MAX];
	const struct acpi_build_config build = {.vcpus = d->vcpu_count, .apic_id = apic_id,
						.lapic = (uint32_t)acpi->madt.lapic.v};
	struct pvh_config config = {
		.kernel = hpa(info->module[0].start),
		.kernel_size = info->module[0].size,
		.cmdline = cmdline,
		.acpi_size = acpi_build_size(acpi, build.vcpus),
	};
	struct pvh_plan plan;
	gpa_t rsdp;

	for (unsigned i = 0; i < d->vcpu_count; i++) {
		apic_id[i] = d->vcpu[i]->lapic.id;
	}
	if (info->module_count > 1) {
		config.initrd = hpa(info->module[1].start);
		config.initrd_size = info->module[1].size;
	}
	fmt_snprintf(cmdline, sizeof(cmdline), "%s%s%s", info->module[0].cmdline,
		     options.dom0_cmdline[0] ? " " : "", options.dom0_cmdline);
	if (elf_parse(&elf, arch_hpa_to_va(config.kernel), config.kernel_size, &err) ||
	    pvh_plan(&plan, &d->memmap, &elf, &config, &err) ||
	    pvh_place(&plan, &d->memmap, &elf, &config, &err)) {
		refuse("%s", err.what);
	}
	must(acpi_build(acpi, &build, arch_hpa_to_va(hpa(plan.acpi.v)), plan.acpi_size, plan.acpi,
			&rsdp),
	     "its ACPI tables");
	if (pvh_write_info(&plan, &d->memmap, &config, rsdp, &err)) {
		refuse("%s", err.what);
	}
	start->entry = plan.entry.v;
	start->start_info = plan.info.v;
	log_info("d%u: kernel at 0x%llx-0x%llx, entry 0x%llx, initrd at 0x%llx (%llu KiB)", d->id,
		 (unsigned long long)plan.kernel.v, (unsigned long long)plan.kernel_end.v,
		 (unsigned long long)plan.entry.v, (unsigned long long)plan.initrd.v,
		 (unsigned long long)(plan.initrd_size >> 10));
	log_info("d%u: command line: %s", d->id, cmdline);
}

static void map_memory(struct domain *d)
{
	gpa_t end = gpa(d->memmap.limit);

	/* Some machines need many tables: refill and go on where it stopped, until it fits. */
	do {
		must(nested_refill(&d->arch->npt, BUILD_TABLE_PAGES), "no memory for nested tables");
	} while (nested_sync(&d->arch->npt, &d->memmap, gpa(0), end));
	nested_flushed(&d->arch->npt); /* nobody has seen them yet */
	nested_trim(&d->arch->npt, HVM_RESERVE_PAGES);
	log_info("npt: dom0 root 0x%llx, %u table pages",
		 (unsigned long long)d->arch->npt.root_hpa.v, d->arch->npt.table_pages);
}

/* The first vCPU on its processor, the others on those that remain, in order. */
static void add_vcpus(struct domain *d)
{
	unsigned count = pcpu_count;

	if (options.dom0_max_vcpus && options.dom0_max_vcpus < count) {
		count = options.dom0_max_vcpus;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned cpu = i == 0 ? options.dom0_cpu : i <= options.dom0_cpu ? i - 1 : i;

		must(domain_add_vcpu(d, pcpus[cpu]->apic_id, cpu, d->xen_abi),
		     "no memory for a vCPU");
	}
}

struct domain *hwdom_build(const struct boot_info *info, const struct acpi_host *acpi)
{
	struct domain *d = domain_create(0, true, 1ull << hvm_phys_bits(), MEMMAP_RANGES);
	struct hvm_start start;

	if (!d) {
		refuse("the hardware domain cannot be built: no memory");
	}
	d->xen_abi = options.abi == ABI_XEN;
	if (d->xen_abi) {
		must(event_domain_init(d), "no memory for event channels");
	}
	must(hvm_domain_init(d), "no memory");
	build_memory(d, info, acpi);
	add_vcpus(d);
	load_kernel(d, info, acpi, &start);
	map_memory(d);
	must(iommu_domain_build(d), "no memory for the IOMMU's tables");
	build_platform(d, acpi);
	must(pci_root_enumerate(d->pci), "enumerating PCI functions");
	must(iommu_start(d), "the IOMMU does not start");
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		must(hvm_vcpu_init(d->vcpu[i], i ? NULL : &start), "no memory for a vCPU");
	}
	log_info("d%u: %u of %u KiB of the hypervisor's memory in use", d->id,
		 (unsigned)((page_total_count() - page_free_count()) * 4),
		 (unsigned)(page_total_count() * 4));
	return d;
}
