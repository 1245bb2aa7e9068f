/* SPDX-License-Identifier: MIT */
/* What the files of core/iommu share. */
#ifndef TAPROOT_IOMMU_INTERNAL_H
#define TAPROOT_IOMMU_INTERNAL_H

#include <taproot/iommu.h>
#include <taproot/lock.h>

#define IOMMU_TABLES_MAX 14 /* hardware has 16 tags at least (VT-d 4.1 11.4.2) and 0 is not used   \
			     */
#define IOMMU_QUARANTINE_MAX 64

/*
 * One IOMMU interface a machine. `table` is filled at boot; `lock` guards the
 * quarantine and the order of attachments.
 */
struct iommu {
	const struct iommu_ops *ops; /* NULL: there is no IOMMU, or it is not used */
	const struct acpi_dmar *dmar;
	struct nested_format format;
	uint64_t regions; /* reserved regions that are honoured, by number */
	bool translating;
	struct lock lock;
	struct iommu_table
		table[IOMMU_TABLES_MAX]; /* [0]: the quarantine, [1]: the hardware domain */
	unsigned table_count;
	/* Requesters that stormed. */
	sbdf_t quarantined[IOMMU_QUARANTINE_MAX];
	unsigned quarantined_count;
};

extern struct iommu iommu;

/* table.c */
struct iommu_table *table_create(struct domain *d, uint64_t regions);
/* -ENOMEM: the reserve did not suffice. */
int table_sync(struct iommu_table *t, gpa_t start, gpa_t end) MUST_CHECK;

/* iommu.c: attach `requester` to the empty table and report nothing of it any more. */
void iommu_quarantine(sbdf_t requester);

/* remap.c: entries in use; buses may have other numbers now. */
unsigned remap_used(void);
void remap_forget_device(void);

/* rmrr.c: reserved regions that are meant for this requester. */
uint64_t rmrr_regions_of(sbdf_t requester);

#endif
