/* SPDX-License-Identifier: MIT */
/* What the files of core/iommu share. */
#ifndef TAPROOT_IOMMU_INTERNAL_H
#define TAPROOT_IOMMU_INTERNAL_H

#include <taproot/iommu.h>
#include <taproot/lock.h>

#define IOMMU_TABLES_MAX     32 /* as far as the hardware has tags: 16 at least (VT-d 4.1 11.4.2) */
#define IOMMU_QUARANTINE_MAX 64
#define IOMMU_ALIASES_MAX    128

/*
 * One IOMMU interface a machine. `table` is filled at boot; `lock` guards the
 * quarantine, the aliases and the order of attachments.
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
	/* Devices that send under another's id, behind whichever unit; the newest ones. */
	struct iommu_alias {
		sbdf_t requester, device;
	} alias[IOMMU_ALIASES_MAX];
	unsigned alias_count, alias_next;
};

extern struct iommu iommu;

/* table.c */
struct iommu_table *table_create(struct domain *d, uint64_t regions);
/* As iommu_sync(), of one table. */
int table_sync(struct iommu_table *t, gpa_t start, gpa_t *end, unsigned work) MUST_CHECK;
/* The hardware forgets what it cached of what changed, and the tables that were freed. */
void table_flush(struct iommu_table *t);

/* iommu.c; the lock is held. Attach `requester` as it sends for `device`. */
void iommu_attach(struct domain *d, sbdf_t device, sbdf_t requester);
/* The same, to the empty table; `silent`: its faults are not reported. */
void iommu_attach_empty(sbdf_t device, sbdf_t requester, bool silent);

/* quarantine.c: attach `requester` to the empty table and report nothing of it any more. */
void iommu_quarantine(sbdf_t requester);
/* The lock is held. `device` sends under the id `requester` too. */
void iommu_alias_note(sbdf_t requester, sbdf_t device);
/* The lock is held. The device is reset, or new: it and its aliases leave the quarantine. */
void iommu_forgive(struct domain *d, sbdf_t device);

/* remap.c: entries in use; buses may have other numbers now. */
unsigned remap_used(void);
void remap_forget_device(void);

/* rmrr.c: reserved regions that are meant for this requester. */
uint64_t rmrr_regions_of(sbdf_t requester);

#endif
