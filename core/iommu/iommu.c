/* SPDX-License-Identifier: MIT */
/*
 * Who is attached to what. At boot every function of the machine is attached
 * to the hardware domain's table, or to one with its reserved regions, under
 * every id that its requests may carry; a function that appears later at its
 * admission. A function in reset, one that is gone, and a requester that
 * stormed with faults, is attached to the empty table.
 *
 * A conventional bus shares one id between its devices, so there a device in
 * reset is not held, and a storm takes all of them.
 *
 * Deliberately not supported: more than one domain with devices.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/log.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>

#include "iommu_internal.h"

struct iommu iommu;

void iommu_register(const struct iommu_ops *ops, const struct nested_format *format,
		    const struct acpi_dmar *dmar)
{
	iommu = (struct iommu){.ops = ops, .format = *format, .dmar = dmar};
}

bool iommu_translates(void)
{
	return iommu.translating;
}

bool iommu_has_tables(void)
{
	return iommu.table_count != 0;
}

/* ---- tables ---- */

static struct iommu_table *table_find(const struct domain *d, uint64_t regions)
{
	for (unsigned i = 0; i < iommu.table_count; i++) {
		if (iommu.table[i].domain == d && iommu.table[i].regions == regions) {
			return &iommu.table[i];
		}
	}
	return NULL;
}

/* A table for the regions of each id that the device sends under. */
static void build_device_tables(struct domain *d, sbdf_t device)
{
	sbdf_t alias[REQUESTER_ALIASES_MAX];
	unsigned count = requester_aliases(device, alias);

	for (unsigned i = 0; i < count; i++) {
		uint64_t regions = rmrr_regions_of(alias[i]);

		if (!table_find(d, regions) && !table_create(d, regions)) {
			log_notice("iommu: no table left for the reserved regions 0x%lx of " SBDF_FMT,
				   regions, SBDF_ARGS(alias[i]));
		}
	}
}

/* Tables for every combination of regions that some device has, or some that share an id. */
static void build_region_tables(struct domain *d)
{
	const struct acpi_dmar *dmar = iommu.dmar;

	for (unsigned i = 0; i < dmar->rmrr_count; i++) {
		const struct dmar_rmrr *r = &dmar->rmrr[i];

		for (unsigned n = 0; n < r->scopes.count && iommu.regions >> i & 1; n++) {
			sbdf_t s;

			if (scope_resolve(&dmar->scope[r->scopes.first + n], r->segment, &s)) {
				build_device_tables(d, s);
			}
		}
	}
}

int iommu_domain_build(struct domain *d)
{
	if (!iommu.ops) {
		return 0;
	}
	if (!table_create(NULL, 0) || !table_create(d, 0)) {
		return -ENOMEM;
	}
	build_region_tables(d);
	return 0;
}

uint64_t iommu_work(const struct domain *d, unsigned *tables)
{
	uint64_t work = 0;

	*tables = 0;
	for (unsigned i = 0; i < iommu.table_count; i++) {
		if (iommu.table[i].domain == d) {
			work += iommu.table[i].tree.work;
			(*tables)++;
		}
	}
	return work;
}

/* A table that stops early does so for all behind it; those before it did more than they had to. */
int iommu_sync(struct domain *d, gpa_t start, gpa_t *end, unsigned work)
{
	int result = 0;

	for (unsigned i = 0; i < iommu.table_count; i++) {
		int rc = iommu.table[i].domain == d ? table_sync(&iommu.table[i], start, end, work)
						    : 0;

		result = rc ? rc : result;
	}
	return result;
}

void iommu_flush(struct domain *d)
{
	for (unsigned i = 0; i < iommu.table_count; i++) {
		if (iommu.table[i].domain == d) {
			table_flush(&iommu.table[i]);
		}
	}
}

/* ---- devices ---- */

/* Who is looked for in the scopes: a virtual function is in its physical one's (VT-d 4.1 8.3.1). */
static sbdf_t scope_device(sbdf_t device)
{
	const struct domain *d = iommu.table[1].domain;

	return d && d->pci ? pci_physical_of(d->pci, device) : device;
}

void iommu_attach_empty(sbdf_t device, sbdf_t requester, bool silent)
{
	(void)iommu.ops->attach(scope_device(device), requester, &iommu.table[0], silent);
}

void iommu_attach(struct domain *d, sbdf_t device, sbdf_t requester)
{
	bool storm = iommu_quarantined(requester);
	uint64_t regions = rmrr_regions_of(requester);
	struct iommu_table *t = storm ? &iommu.table[0] : table_find(d, regions);
	int rc;

	if (!t) {
		log_guest("iommu: " SBDF_FMT " does without its reserved regions 0x%lx: no table has "
			  "them",
			  SBDF_ARGS(requester), regions);
		t = table_find(d, 0);
	}
	rc = iommu.ops->attach(scope_device(device), requester, t, storm);
	if (rc) {
		log_guest("iommu: " SBDF_FMT " cannot be attached (error %d): its DMA is %s",
			  SBDF_ARGS(requester), rc, rc == -ENODEV ? "not translated" : "blocked");
	}
}

void iommu_device_add(struct domain *d, sbdf_t device)
{
	sbdf_t alias[REQUESTER_ALIASES_MAX];
	unsigned count;

	if (!iommu.table_count || !d->hardware) {
		return;
	}
	remap_forget_device();
	count = requester_aliases(device, alias);
	lock_acquire(&iommu.lock);
	for (unsigned i = 0; i < count; i++) {
		if (alias[i].v != device.v) {
			iommu_alias_note(alias[i], device);
		}
	}
	iommu_forgive(d, device);
	for (unsigned i = 0; i < count; i++) {
		iommu_attach(d, device, alias[i]);
	}
	lock_release(&iommu.lock);
}

void iommu_device_hold(sbdf_t device)
{
	if (!iommu.table_count) {
		return;
	}
	lock_acquire(&iommu.lock);
	iommu_attach_empty(device, device, iommu_quarantined(device));
	lock_release(&iommu.lock);
}

void iommu_device_back(struct domain *d, sbdf_t device)
{
	if (!iommu.table_count) {
		return;
	}
	lock_acquire(&iommu.lock);
	iommu_forgive(d, device);
	iommu_attach(d, device, device);
	lock_release(&iommu.lock);
}

/* ---- start ---- */

/*
 * What firmware left running would write into memory that is no longer its
 * own: it stops here. Drivers turn bus mastering on when they take a device.
 */
static unsigned stop_masters(struct domain *d)
{
	unsigned stopped = 0;
	sbdf_t s;

	for (unsigned i = 0; pci_function_at(d->pci, i, &s); i++) {
		uint32_t type = arch_pci_read(s, PCI_REG_HEADER_TYPE, 1) & PCI_HEADER_LAYOUT;
		uint32_t command = arch_pci_read(s, PCI_REG_COMMAND, 2);

		if (type == PCI_HEADER_NORMAL && (command & PCI_CMD_MASTER) &&
		    rmrr_regions_of(s) == 0) {
			arch_pci_write(s, PCI_REG_COMMAND, 2, command & ~PCI_CMD_MASTER);
			stopped++;
		}
	}
	return stopped;
}

int iommu_start(struct domain *d)
{
	unsigned stopped;
	int rc;

	if (!iommu.table_count) {
		return 0;
	}
	stopped = stop_masters(d);
	rc = iommu.ops->enable();
	if (rc) {
		return rc;
	}
	iommu.translating = true;
	log_info("iommu: DMA is translated; %u tables, %u pages; bus mastering stopped on %u "
		 "functions",
		 iommu.table_count, iommu.table[1].tree.table_pages, stopped);
	return 0;
}

static void log_table(const struct iommu_table *t, unsigned number)
{
	gpa_t where;

	log_info("iommu: table %u root 0x%lx tag %u, %s, regions 0x%lx, %u pages", number,
		 t->tree.root_hpa.v, t->id, t->domain ? "hardware domain" : "quarantine",
		 t->regions, t->tree.table_pages);
	if (t->domain && !iommu.regions && memmap_is_followed(&t->domain->memmap) &&
	    !nested_matches(&t->tree, &t->domain->memmap, &where)) {
		log_error("iommu: table %u differs from the memory map at 0x%lx", number, where.v);
	}
}

void iommu_log(void)
{
	struct iommu_stats s;

	iommu_stats(&s);
	if (!iommu.ops) {
		log_info("iommu: none");
	} else {
		iommu.ops->log();
	}
	for (unsigned i = 0; i < iommu.table_count; i++) {
		log_table(&iommu.table[i], i);
	}
	for (unsigned i = 0; i < iommu.quarantined_count; i++) {
		log_info("iommu: " SBDF_FMT " is in quarantine", SBDF_ARGS(iommu.quarantined[i]));
	}
	log_info("iommu: %lu DMA faults, %lu interrupt faults, %u remapping entries in use",
		 s.dma_faults, s.interrupt_faults, s.entries_used);
	log_info("iommu: end");
}
