/* SPDX-License-Identifier: MIT */
/*
 * Reserved memory regions (VT-d 4.1 8.4): memory that firmware lets a device
 * use behind the operating system's back (USB keyboards, graphics, management
 * controllers). Each is judged, then set aside in the hardware domain's memmap.
 *
 * Firmware is not trusted with them: a region that is no region, that lies over
 * the hypervisor or the interrupt addresses, or that is larger than any real
 * one is refused with a line, and its devices do without.
 */
#include <taproot/acpi.h>
#include <taproot/domain.h>
#include <taproot/log.h>
#include <taproot/pci_spec.h>

#include "iommu_internal.h"

/* Of 566 regions of real machines the largest has 1 GiB and 8 MiB (graphics). */
#define RMRR_SIZE_MAX (4 * GIB)
/* Writes there are interrupts, never memory (SDM 3A 11.11.1). */
#define MSI_FIRST 0xfee00000ull
#define MSI_END   0xfef00000ull
#define HPET_SIZE 1024u /* IA-PC HPET 1.0a 2.3.1 */

const char *rmrr_fault(const struct dmar_rmrr *r, const struct memmap *m, unsigned address_width)
{
	uint64_t end = r->limit + 1;
	uint64_t reach = address_width < 64 ? 1ull << address_width : UINT64_MAX;
	const struct mem_range *at;

	if (r->base % PAGE_SIZE || end % PAGE_SIZE) {
		return "is not page aligned";
	}
	if (end <= r->base) {
		return "ends before it begins";
	}
	if (end > MIN(reach, m->limit)) {
		return "lies beyond the machine's addresses";
	}
	if (end - r->base > RMRR_SIZE_MAX) {
		return "is absurdly large";
	}
	if (r->base < MSI_END && end > MSI_FIRST) {
		return "lies over the interrupt addresses";
	}
	for (at = memmap_find(m, gpa(r->base)); at < m->range + m->count && at->start.v < end;
	     at++) {
		if (at->type == MEM_OURS) {
			return "lies over the hypervisor";
		}
		if (at->type == MEM_DENY || at->type == MEM_TRAP) {
			return "lies over registers that are ours";
		}
	}
	return NULL;
}

static bool meets(const struct dmar_rmrr *r, uint64_t start, uint64_t size)
{
	return r->base < start + size && r->limit >= start;
}

const char *rmrr_meets(const struct dmar_rmrr *r, const struct acpi_host *acpi)
{
	for (unsigned i = 0; i < acpi->dmar.unit_count; i++) {
		if (meets(r, acpi->dmar.unit[i].base.v, acpi->dmar.unit[i].size)) {
			return "an IOMMU's registers";
		}
	}
	for (unsigned i = 0; i < acpi->madt.ioapic_count; i++) {
		if (meets(r, acpi->madt.ioapic[i].address.v, PAGE_SIZE)) {
			return "an IO-APIC";
		}
	}
	for (unsigned i = 0; i < acpi->mcfg.count; i++) {
		const struct acpi_ecam *e = &acpi->mcfg.ecam[i];
		uint64_t buses = e->bus_last - e->bus_first + 1u;

		if (meets(r, e->bus0.v + ((uint64_t)e->bus_first << PCI_ECAM_BUS_SHIFT),
			  buses << PCI_ECAM_BUS_SHIFT)) {
			return "a window of config space";
		}
	}
	return acpi->has_hpet && meets(r, acpi->hpet.base.v, HPET_SIZE) ? "the HPET" : NULL;
}

/* RAM and holes of a region become reserved, in the first MiB mapped as all of that is. */
static void reserve(struct memmap *m, const struct dmar_rmrr *r, unsigned number)
{
	uint64_t a = r->base;
	bool ram = false;

	while (a < r->limit) {
		const struct mem_range *at = memmap_find(m, gpa(a));
		uint64_t end = MIN(at->end.v, r->limit + 1);
		enum mem_type type = MEM_RESERVED;

		if (a < MIB) {
			end = MIN(end, MIB);
			type = MEM_LOW;
		}
		ram = ram || at->base == MEM_RAM;
		if ((at->base == MEM_RAM || at->base == MEM_HOLE || at->base == MEM_UNUSABLE) &&
		    memmap_set_base(m, gpa(a), gpa(end), type)) {
			log_error("iommu: reserved region %u: the memory map is full", number);
			return;
		}
		a = end;
	}
	if (ram) {
		log_notice("iommu: reserved region %u [0x%lx, 0x%lx): the firmware's memory map "
			   "calls it RAM; taken out",
			   number, r->base, r->limit + 1);
	}
}

void iommu_reserve_regions(struct domain *d, const struct acpi_host *acpi)
{
	const struct acpi_dmar *dmar = iommu.dmar;

	iommu.regions = 0;
	for (unsigned i = 0; dmar && i < dmar->rmrr_count; i++) {
		const struct dmar_rmrr *r = &dmar->rmrr[i];
		const char *fault = rmrr_fault(r, &d->memmap, dmar->address_width);

		const char *over = fault ? NULL : rmrr_meets(r, acpi);

		if (fault || over) {
			log_notice("iommu: reserved region %u [0x%lx, 0x%lx] %s%s: refused", i,
				   r->base, r->limit, fault ? fault : "lies over ",
				   over ? over : "");
			continue;
		}
		reserve(&d->memmap, r, i);
		iommu.regions |= 1ull << i;
		log_info("iommu: reserved region %u [0x%lx, 0x%lx) for %u devices", i, r->base,
			 r->limit + 1, r->scopes.count);
	}
}

uint64_t rmrr_regions_of(sbdf_t requester)
{
	const struct acpi_dmar *dmar = iommu.dmar;
	uint64_t found = 0;

	for (unsigned i = 0; i < dmar->rmrr_count; i++) {
		const struct dmar_rmrr *r = &dmar->rmrr[i];

		for (unsigned n = 0; n < r->scopes.count && iommu.regions >> i & 1; n++) {
			sbdf_t alias[REQUESTER_ALIASES_MAX];
			unsigned count;
			sbdf_t named;

			if (!scope_resolve(&dmar->scope[r->scopes.first + n], r->segment, &named)) {
				continue;
			}
			count = requester_aliases(named, alias);
			for (unsigned a = 0; a < count; a++) {
				if (alias[a].v == requester.v) {
					found |= 1ull << i;
				}
			}
		}
	}
	return found;
}

uint64_t iommu_reserved_all(void)
{
	return iommu.regions;
}

uint64_t iommu_reserved_for(sbdf_t device)
{
	return iommu.regions ? rmrr_regions_of(device) : 0;
}

void iommu_reserved_region(unsigned n, uint64_t *start, uint64_t *size)
{
	const struct dmar_rmrr *r = &iommu.dmar->rmrr[n];

	*start = r->base;
	*size = r->limit + 1 - r->base;
}
