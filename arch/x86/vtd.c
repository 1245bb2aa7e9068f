// SPDX-License-Identifier: MIT
/*
 * VT-d (VT-d 4.1): finding the units of the DMAR, taking them over from
 * firmware, what all of them together can do, and turning them on.
 *
 * Needed of every unit: queued invalidation and interrupt remapping. One that
 * lacks something, or whose registers do not answer, makes the IOMMU unusable
 * as a whole: half a protection is none.
 *
 * Not supported: scalable mode, first-level and nested translation, device
 * TLBs (ATS), page requests, posted interrupts, register-based invalidation.
 */
#include <taproot/acpi.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>
#include "cpu.h"
#include "iommu_x86.h"
#include "vtd.h"
#include "x86.h"

#define ANSWER_US  1000000u
#define CACHE_LINE 64u
#define REGS_PAGES 1u

struct vtd vtd;

uint32_t vtd_read(const struct vtd_unit *u, unsigned reg)
{
	return (uint32_t)arch_iomap_read(&u->regs, reg, 4);
}

uint64_t vtd_read64(const struct vtd_unit *u, unsigned reg)
{
	return arch_iomap_read(&u->regs, reg, 8);
}

void vtd_write(const struct vtd_unit *u, unsigned reg, uint32_t value)
{
	arch_iomap_write(&u->regs, reg, 4, value);
}

void vtd_write64(const struct vtd_unit *u, unsigned reg, uint64_t value)
{
	arch_iomap_write(&u->regs, reg, 8, value);
}

void vtd_publish(const void *p, size_t len)
{
	if (vtd.coherent) {
		return;
	}
	for (const char *line = (const char *)ALIGN_DOWN((uintptr_t)p, CACHE_LINE);
	     line < (const char *)p + len; line += CACHE_LINE) {
		__asm__ volatile("clflush (%0)" : : "r"(line) : "memory");
	}
	__asm__ volatile("mfence" : : : "memory");
}

void vtd_command(struct vtd_unit *u, uint32_t bit, bool on)
{
	uint32_t keep = vtd_read(u, VTD_GSTS) & GSTS_KEEP;
	/* The write-buffer flush is done when its status is clear; the others show what was asked.
	 */
	uint32_t want = on && bit != GCMD_WBF ? bit : 0;
	uint64_t end = rdtsc() + ticks_from_us(ANSWER_US);

	vtd_write(u, VTD_GCMD, on ? keep | bit : keep & ~bit);
	while ((vtd_read(u, VTD_GSTS) & bit) != want) {
		if (rdtsc() > end) {
			panic("VT-d unit at 0x%lx: command 0x%x not answered", u->dmar->base.v,
			      bit);
		}
		cpu_pause();
	}
}

/* ---- what the units can ---- */

/* NULL, or what makes the unit unusable. */
static const char *unit_fault(const struct vtd_unit *u)
{
	if (u->cap == UINT64_MAX || u->cap == 0) {
		return "does not answer";
	}
	if (!(u->ecap & ECAP_QI)) {
		return "has no queued invalidation";
	}
	if (!(u->ecap & ECAP_IR)) {
		return "has no interrupt remapping";
	}
	if (!(u->cap & (CAP_SAGAW_39 | CAP_SAGAW_48))) {
		return "has no table format that we know";
	}
	if (CAP_FRO(u->cap) + 16 * CAP_NFR(u->cap) > u->regs.pages * PAGE_SIZE) {
		return "has its fault records outside its registers";
	}
	return NULL;
}

static int unit_probe(struct vtd_unit *u, const struct dmar_unit *d)
{
	const char *fault;

	u->dmar = d;
	if (arch_iomap_init(&u->regs, MAX(d->size / (uint32_t)PAGE_SIZE, REGS_PAGES))) {
		return -ENOMEM;
	}
	arch_iomap_set(&u->regs, d->base);
	u->cap = vtd_read64(u, VTD_CAP);
	u->ecap = vtd_read64(u, VTD_ECAP);
	fault = unit_fault(u);
	log_info("iommu: VT-d unit at 0x%lx, segment %u%s: capabilities 0x%lx, 0x%lx", d->base.v,
		 d->segment, d->all ? ", all other functions" : "", u->cap, u->ecap);
	if (fault) {
		log_notice("iommu: the VT-d unit at 0x%lx %s", d->base.v, fault);
		return -ENODEV;
	}
	return 0;
}

/* The table format that every unit can walk. */
static void choose_format(struct nested_format *f)
{
	uint64_t all = UINT64_MAX;

	vtd.coherent = true;
	for (unsigned i = 0; i < vtd.count; i++) {
		all &= vtd.unit[i].cap;
		vtd.coherent = vtd.coherent && vtd.unit[i].ecap & ECAP_C;
	}
	*f = nested_vtd;
	vtd.levels = all & CAP_SAGAW_48 ? 4 : 3;
	f->levels = (uint8_t)vtd.levels;
	f->has_1g = all & CAP_SLLPS_1G && all & CAP_SLLPS_2M;
	f->only_4k = !(all & CAP_SLLPS_2M);
	f->write_back = vtd.coherent ? NULL : vtd_publish;
}

static bool every_unit(uint64_t ecap)
{
	for (unsigned i = 0; i < vtd.count; i++) {
		if (!(vtd.unit[i].ecap & ecap)) {
			return false;
		}
	}
	return true;
}

/* ---- the interface ---- */

static void flush(const struct iommu_table *t, gpa_t start, gpa_t end, bool was_mapped)
{
	for (unsigned i = 0; i < vtd.count; i++) {
		struct vtd_unit *u = &vtd.unit[i];

		if (was_mapped || u->cap & CAP_CM) {
			vtd_flush_pages(u, t->id, start.v, end.v);
		} else if (u->cap & CAP_RWBF) {
			vtd_command(u, GCMD_WBF, true);
		}
	}
}

/* Firmware's protected memory regions have served their purpose once we translate (VT-d 4.1 11.4). */
static void release_protected(struct vtd_unit *u)
{
	uint64_t end = rdtsc() + ticks_from_us(ANSWER_US);

	if (!(u->cap & (CAP_PLMR | CAP_PHMR)) || !(vtd_read(u, VTD_PMEN) & PMEN_PRS)) {
		return;
	}
	vtd_write(u, VTD_PMEN, vtd_read(u, VTD_PMEN) & ~PMEN_EPM);
	while (vtd_read(u, VTD_PMEN) & PMEN_PRS && rdtsc() < end) {
		cpu_pause();
	}
}

static int enable(void)
{
	for (unsigned i = 0; i < vtd.count; i++) {
		struct vtd_unit *u = &vtd.unit[i];
		int rc = vtd_fault_init(u, i);

		if (rc) {
			return rc;
		}
		vtd_flush_all(u);
		vtd_command(u, GCMD_TE, true);
		release_protected(u);
	}
	return 0;
}

static void log_units(void)
{
	log_info("iommu: VT-d, %u units, %u-level tables%s, interrupts in %s format, %u entries",
		 vtd.count, vtd.levels, vtd.coherent ? "" : ", not snooping",
		 vtd.eim ? "x2APIC" : "xAPIC", vtd.entry_count);
	for (unsigned i = 0; i < vtd.count; i++) {
		const struct vtd_unit *u = &vtd.unit[i];

		log_info("iommu: unit at 0x%lx root 0x%lx entries 0x%lx status 0x%x, %lu overflows",
			 u->dmar->base.v, arch_va_to_hpa(u->root).v, arch_va_to_hpa(vtd.entries).v,
			 vtd_read(u, VTD_GSTS), u->faults_lost);
	}
}

static struct iommu_ops ops = {
	.name = "VT-d",
	.attach = vtd_attach,
	.flush = flush,
	.enable = enable,
	.refill = vtd_refill,
	.entry_set = vtd_entry_set,
	.entry_message = vtd_entry_message,
	.entry_pin = vtd_entry_pin,
	.entry_block = vtd_entry_block,
	.ioapic_requester = vtd_ioapic_requester,
	.log = log_units,
};

int vtd_probe(const struct acpi_host *acpi)
{
	const struct acpi_dmar *d = &acpi->dmar;
	struct nested_format format;

	vtd.dmar = d;
	vtd.madt = &acpi->madt;
	ops.tags = UINT32_MAX;
	if (d->unit_count == 0 || d->unit_count > VTD_UNITS_MAX) {
		log_notice("iommu: %u VT-d units: not usable", d->unit_count);
		return -ENODEV;
	}
	for (unsigned i = 0; i < d->unit_count; i++) {
		int rc = unit_probe(&vtd.unit[i], &d->unit[i]);

		if (rc) {
			return rc;
		}
		vtd.count = i + 1;
		ops.tags = MIN(ops.tags, CAP_DOMAINS(vtd.unit[i].cap));
	}
	choose_format(&format);
	iommu_register(&ops, &format, d);
	return 0;
}

bool vtd_wide(void)
{
	return every_unit(ECAP_EIM) && !(vtd.dmar->flags & DMAR_FLAG_X2APIC_OPT_OUT);
}

/* Everything firmware may have on is off, in the order of 11.4.4. */
static void take_over(struct vtd_unit *u)
{
	static const uint32_t order[] = {GCMD_TE, GCMD_IRE, GCMD_QIE};

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		if (vtd_read(u, VTD_GSTS) & order[i]) {
			vtd_command(u, order[i], false);
		}
	}
	vtd_write(u, VTD_FECTL, FECTL_IM);
}

int vtd_start(void)
{
	int rc = vtd_refill();

	vtd.eim = lapic_is_x2apic() && every_unit(ECAP_EIM);
	for (unsigned i = 0; i < vtd.count && rc == 0; i++) {
		take_over(&vtd.unit[i]);
		rc = vtd_queue_start(&vtd.unit[i]);
		if (rc == 0) {
			rc = vtd_context_init(&vtd.unit[i]);
		}
	}
	return rc ? rc : vtd_remap_init();
}
