/* SPDX-License-Identifier: MIT */
/* The machine's IOMMU, of whichever vendor: choice by the ACPI tables and the option iommu=. */
#ifndef ARCH_X86_IOMMU_X86_H
#define ARCH_X86_IOMMU_X86_H

#include <taproot/types.h>

struct acpi_host;
struct domain;

/* Look for one, before the local APICs; refuses to boot when the option wants one and none is
 * there. */
void iommu_probe(const struct acpi_host *acpi);
/* Our local APICs may use x2APIC mode as far as the IOMMU is concerned. */
bool iommu_allows_x2apic(void);
/* Interrupts are remapped from here on: after the processors were started, before any device's. */
void iommu_start_remapping(void);
/* Registers of the units are not the domain's, whether or not we use them. */
void iommu_hide(struct domain *d, const struct acpi_host *acpi,
		void (*deny)(struct domain *d, hpa_t start, uint64_t size));

/* vtd.c */
int vtd_probe(const struct acpi_host *acpi) MUST_CHECK;
bool vtd_wide(void);
int vtd_start(void) MUST_CHECK;

#endif
