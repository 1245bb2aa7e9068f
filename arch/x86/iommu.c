// SPDX-License-Identifier: MIT
/*
 * The machine's IOMMU: which driver, by the ACPI tables; what the option
 * iommu= makes of it; what is said when there is no protection.
 *
 * Not supported: AMD-Vi (IVRS), which has its place in struct iommu_ops.
 */
#include <taproot/acpi.h>
#include <taproot/arch.h>
#include <taproot/iommu.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include "cpu.h"
#include "iommu_x86.h"

static const struct acpi_dmar *units; /* NULL: no IOMMU is used */
static const struct acpi_madt *madt;

static void unprotected(const char *why)
{
	if (options.iommu == OPTION_IOMMU_REQUIRED) {
		refuse("no IOMMU can be used (%s), and iommu=required asks for one: turn it on in "
		       "the firmware (VT-d), or use iommu=auto",
		       why);
	}
	log_notice("iommu: %s: not protected: devices of the hardware domain reach all memory "
		   "by DMA, the hypervisor's too, and can send any interrupt; single-domain system",
		   why);
}

void iommu_probe(const struct acpi_host *acpi)
{
	if (options.iommu == OPTION_IOMMU_OFF) {
		unprotected("off by option");
	} else if (acpi->has_dmar && vtd_probe(acpi) == 0) {
		units = &acpi->dmar;
		madt = &acpi->madt;
	} else if (acpi->has_dmar) {
		unprotected("the VT-d units cannot be used");
	} else if (acpi->has_ivrs) {
		unprotected("AMD-Vi has no driver yet");
	} else {
		unprotected("the machine reports none");
	}
}

bool iommu_allows_x2apic(void)
{
	return !units || vtd_wide();
}

/*
 * Without its id in a scope, entries for an IO-APIC's pins have to accept any
 * requester: a device that may name an entry's number can raise its interrupt.
 */
static void check_ioapics(void)
{
	for (unsigned i = 0; i < madt->ioapic_count; i++) {
		const struct acpi_ioapic *io = &madt->ioapic[i];

		if (remap_ioapic_requester(i).v != SBDF_NONE.v) {
			continue;
		}
		if (options.iommu == OPTION_IOMMU_REQUIRED) {
			refuse("the DMAR does not say which id IO-APIC %u at 0x%llx sends with, and "
			       "iommu=required asks for full protection: update the firmware, or "
			       "use iommu=auto",
			       io->id, (unsigned long long)io->address.v);
		}
		log_notice("iommu: the DMAR does not say which id IO-APIC %u at 0x%llx sends with: "
			   "any device can raise its interrupts",
			   io->id, (unsigned long long)io->address.v);
	}
}

void iommu_start_remapping(void)
{
	int rc = units ? vtd_start() : 0;

	if (rc) {
		refuse("the IOMMU cannot be started (error %d): use iommu=off", rc);
	}
	if (units) {
		log_info("iommu: interrupts are remapped, %s format",
			 iommu_remaps_wide() ? "x2APIC" : "xAPIC");
		check_ioapics();
	}
}

void iommu_hide(struct domain *d, const struct acpi_host *acpi,
		void (*deny)(struct domain *d, hpa_t start, uint64_t size))
{
	const struct acpi_dmar *listed = &acpi->dmar;

	for (unsigned i = 0; acpi->has_dmar && i < listed->unit_count; i++) {
		deny(d, listed->unit[i].base, listed->unit[i].size);
	}
}
