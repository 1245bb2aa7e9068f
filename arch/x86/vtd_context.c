// SPDX-License-Identifier: MIT
/*
 * Root and context tables (VT-d 4.1 9.1, 9.3): which requester sees which
 * table. A requester without an entry is blocked.
 *
 * An entry is replaced by way of not present, then flushed; between the two
 * the device is blocked, which it survives or not, as with any IOMMU: it is
 * attached when it is idle (admission, reset, quarantine).
 */
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>
#include "vtd.h"

#define SPARE_PAGES 8u

static struct vtd_unit *unit_of(sbdf_t device)
{
	const struct dmar_unit *d = scope_find_unit(vtd.dmar, device);

	for (unsigned i = 0; d && i < vtd.count; i++) {
		if (vtd.unit[i].dmar == d) {
			return &vtd.unit[i];
		}
	}
	return NULL;
}

int vtd_context_init(struct vtd_unit *u)
{
	u->root = page_alloc();
	if (!u->root) {
		return -ENOMEM;
	}
	vtd_publish(u->root, PAGE_SIZE);
	vtd_write64(u, VTD_RTADDR, arch_va_to_hpa(u->root).v);
	vtd_command(u, GCMD_SRTP, true);
	return 0;
}

int vtd_refill(void)
{
	while (vtd.spare_count < SPARE_PAGES) {
		void *page = page_alloc();

		if (!page) {
			return -ENOMEM;
		}
		*(void **)page = vtd.spare;
		vtd.spare = page;
		vtd.spare_count++;
	}
	return 0;
}

static void *spare_take(void)
{
	void *page = vtd.spare;

	if (page) {
		vtd.spare = *(void **)page;
		*(void **)page = NULL;
		vtd.spare_count--;
	}
	return page;
}

/* The context entry of a requester; the table of its bus is made. */
static uint64_t *entry_of(struct vtd_unit *u, sbdf_t requester)
{
	unsigned bus = sbdf_bus(requester);

	if (!u->context[bus]) {
		u->context[bus] = spare_take();
		if (!u->context[bus]) {
			return NULL;
		}
		vtd_publish(u->context[bus], PAGE_SIZE);
		u->root[bus][0] = arch_va_to_hpa(u->context[bus]).v | ROOT_P;
		vtd_publish(u->root[bus], sizeof(u->root[bus]));
		if (u->cap & CAP_CM) {
			vtd_flush_all(u);
		}
	}
	return u->context[bus][requester.v & 0xff];
}

int vtd_attach(sbdf_t device, sbdf_t requester, const struct iommu_table *t, bool silent)
{
	struct vtd_unit *u = unit_of(device);
	uint64_t low = t->tree.root_hpa.v | CTX_P | (silent ? CTX_FPD : 0);
	uint64_t high = CTX_DID(t->id) | (vtd.levels - 2); /* AGAW: 1 is 39 bits, 2 is 48 */
	uint64_t *e;
	unsigned old;

	if (!u) {
		return -ENODEV;
	}
	/* With spares used up the requester stays blocked; the next refill brings more. */
	e = entry_of(u, requester);
	if (!e) {
		return -ENOMEM;
	}
	if (e[0] == low && e[1] == high) {
		return 0;
	}
	old = (unsigned)(e[1] >> 8) & 0xffff;
	if (e[0] & CTX_P) {
		__atomic_store_n(&e[0], 0, __ATOMIC_RELEASE);
		vtd_publish(e, 16);
		vtd_flush_context(u, old, requester);
		vtd_flush_domain(u, old);
	}
	e[1] = high;
	__atomic_store_n(&e[0], low, __ATOMIC_RELEASE);
	vtd_publish(e, 16);
	/* Units in caching mode remember entries that were not present, with tag 0. */
	if (u->cap & CAP_CM) {
		vtd_flush_context(u, 0, requester);
		vtd_flush_domain(u, t->id);
	}
	return 0;
}
