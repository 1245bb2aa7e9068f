/* SPDX-License-Identifier: MIT */
/*
 * Translation tables of devices: the memmap of a domain, by nested_sync(),
 * plus the reserved regions of the devices attached.
 *
 * A change of the memmap is applied around reserved regions: what firmware does
 * in them is never interrupted, and no other device gets there, whether or not
 * the domain's processors do.
 */
#include <taproot/domain.h>
#include <taproot/errno.h>

#include "iommu_internal.h"

/* What changes on trap paths may use before the next refill. */
#define RESERVE_PAGES 24u
#define BUILD_PAGES   256u
#define BUILD_WORK    (BUILD_PAGES / 2 * 512)

static uint64_t entry_size(unsigned level)
{
	return PAGE_SIZE << (9 * level);
}

/* ---- synchronization ---- */

/* The part of [a, end) before the next region, whose-ever; `skip`: where to go on. */
static uint64_t next_region(uint64_t a, uint64_t end, uint64_t *skip)
{
	uint64_t stop = end;

	*skip = end;
	for (unsigned i = 0; i < DMAR_RMRRS_MAX && iommu.regions >> i; i++) {
		const struct dmar_rmrr *r = &iommu.dmar->rmrr[i];

		if ((iommu.regions >> i & 1) && r->limit >= a && r->base < stop) {
			stop = MAX(r->base, a);
			*skip = r->limit + 1;
		}
	}
	return stop;
}

static void note_stale(struct iommu_table *t, uint64_t start, uint64_t end)
{
	bool first = t->stale_end == 0;

	t->stale_start = first ? start : MIN(t->stale_start, start);
	t->stale_end = MAX(t->stale_end, end);
}

int table_sync(struct iommu_table *t, gpa_t start, gpa_t *end, unsigned work)
{
	uint64_t enough = t->tree.work + work;
	uint64_t a = start.v;
	int rc = 0;

	while (a < end->v && (a == start.v || t->tree.work < enough)) {
		uint64_t skip;
		uint64_t stop = next_region(a, end->v, &skip);
		gpa_t at = gpa(a);
		int this = 0;

		if (stop > a) {
			this = nested_sync_part(&t->tree, &t->domain->memmap, &at, gpa(stop), work);
		}
		rc = this ? this : rc;
		a = at.v < stop ? at.v : MAX(skip, stop);
	}
	*end = gpa(MIN(a, end->v));
	note_stale(t, start.v, end->v);
	return rc;
}

/*
 * Also when something was only added: a superpage that forms again frees tables.
 * Where any was freed, the unit forgets all of the tag, because what it cached
 * of the way there is not of the changed range alone; then the tables can be
 * used again.
 */
void table_flush(struct iommu_table *t)
{
	if (iommu.translating && t->tree.freed_count) {
		iommu.ops->flush(t, gpa(0), gpa(t->domain->memmap.limit), true);
	} else if (iommu.translating && t->stale_end) {
		iommu.ops->flush(t, gpa(t->stale_start), gpa(t->stale_end), true);
	}
	t->stale_start = t->stale_end = 0;
	nested_flushed(&t->tree);
}

static int map_regions(struct iommu_table *t)
{
	uint64_t reach = entry_size(t->tree.format.levels - 1u) * 512;

	for (unsigned i = 0; i < DMAR_RMRRS_MAX && t->regions >> i; i++) {
		const struct dmar_rmrr *r = &iommu.dmar->rmrr[i];
		int rc = 0;

		if ((t->regions >> i & 1) && r->limit < reach) {
			rc = nested_map(&t->tree, gpa(r->base), hpa(r->base),
					r->limit + 1 - r->base, NESTED_WB, true, NULL);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* Refill, and go on where it stopped, until all of it fits. */
static int table_build(struct iommu_table *t)
{
	gpa_t end = gpa(t->domain->memmap.limit);
	gpa_t at = gpa(0);
	int rc;

	while (at.v < end.v) {
		gpa_t stop = end;

		if (nested_refill(&t->tree, BUILD_PAGES)) {
			return -ENOMEM;
		}
		if (table_sync(t, at, &stop, BUILD_WORK) == 0) {
			at = stop;
		}
	}
	rc = nested_refill(&t->tree, BUILD_PAGES);
	if (rc == 0) {
		rc = map_regions(t);
	}
	table_flush(t); /* nobody has seen them yet */
	nested_trim(&t->tree, RESERVE_PAGES);
	return rc;
}

struct iommu_table *table_create(struct domain *d, uint64_t regions)
{
	struct iommu_table *t = &iommu.table[iommu.table_count];

	if (iommu.table_count == IOMMU_TABLES_MAX || iommu.table_count + 1u >= iommu.ops->tags ||
	    nested_init(&t->tree, &iommu.format)) {
		return NULL;
	}
	t->domain = d;
	t->regions = regions;
	t->id = (uint16_t)(iommu.table_count + 1);
	if (d && table_build(t)) {
		nested_destroy(&t->tree);
		return NULL;
	}
	iommu.table_count++;
	return t;
}

int iommu_refill(struct domain *d)
{
	int rc = 0;

	if (!iommu.ops) {
		return 0;
	}
	lock_acquire(&iommu.lock);
	rc = iommu.ops->refill();
	lock_release(&iommu.lock);
	lock_acquire(&d->mem_lock);
	for (unsigned i = 0; i < iommu.table_count && rc == 0; i++) {
		struct nested *n = &iommu.table[i].tree;

		if (iommu.table[i].domain == d && n->reserve_count < RESERVE_PAGES / 2) {
			rc = nested_refill(n, RESERVE_PAGES);
		}
	}
	lock_release(&d->mem_lock);
	return rc;
}

int iommu_prepare(struct domain *d, unsigned pages)
{
	int rc = 0;

	for (unsigned i = 0; i < iommu.table_count && rc == 0; i++) {
		if (iommu.table[i].domain == d) {
			rc = nested_refill(&iommu.table[i].tree, RESERVE_PAGES + pages);
		}
	}
	return rc;
}

void iommu_settle(struct domain *d, unsigned pages)
{
	for (unsigned i = 0; i < iommu.table_count; i++) {
		if (iommu.table[i].domain == d) {
			nested_trim(&iommu.table[i].tree, RESERVE_PAGES + pages);
		}
	}
}
