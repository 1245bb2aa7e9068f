// SPDX-License-Identifier: MIT
/*
 * Interrupt remapping (VT-d 4.1 chapter 5): one table for all units, entries
 * in xAPIC format, or in x2APIC format where every unit offers extended
 * interrupt mode and our local APICs run in x2APIC mode. Messages in
 * compatibility format are blocked: CFI is never set.
 *
 * A change of destination or vector is one 64-bit store, because the upper
 * half, which says who may use the entry, stays as it is.
 */
#include <taproot/acpi.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include "cpu.h"
#include "vtd.h"

#define ENTRIES_MIN     1024u
#define ENTRIES_MAX     65536u
#define ENTRIES_PER_CPU 256u
/* Remappable format of messages (5.1.2.2) and redirection entries (5.1.5.1). */
#define MSI_REMAPPED  0xfee00010ull
#define MSI_INDEX_LOW 0x7fffu
#define MSI_SUBHANDLE 0x8u
#define RTE_REMAPPED  (1ull << 48)

static uint64_t destination(uint32_t apic_id)
{
	return IRTE_DEST(vtd.eim ? apic_id : apic_id << 8);
}

static unsigned table_order(unsigned count)
{
	unsigned order = 0;

	while (2u << order < count) {
		order++;
	}
	return order;
}

int vtd_remap_init(void)
{
	unsigned wanted = MIN(MAX(pcpu_count * ENTRIES_PER_CPU, ENTRIES_MIN), ENTRIES_MAX);
	unsigned order = table_order(wanted);

	vtd.entry_count = 2u << order;
	vtd.entries = page_alloc_many(vtd.entry_count * 16u / PAGE_SIZE);
	if (!vtd.entries) {
		return -ENOMEM;
	}
	vtd_publish(vtd.entries, vtd.entry_count * 16u);
	for (unsigned i = 0; i < vtd.count; i++) {
		struct vtd_unit *u = &vtd.unit[i];

		vtd_write64(u, VTD_IRTA,
			    arch_va_to_hpa(vtd.entries).v | order | (vtd.eim ? IRTA_EIME : 0));
		vtd_command(u, GCMD_SIRTP, true);
		vtd_flush_entries(u, -1);
		vtd_command(u, GCMD_CFI, false);
		vtd_command(u, GCMD_IRE, true);
	}
	return iommu_remap_start(vtd.entry_count, vtd.eim);
}

static void write_upper(uint64_t *entry, const struct remap_entry *e)
{
	entry[1] = e->requester;
	if (e->verify == REMAP_ANYBODY) {
		entry[1] = 0;
	} else if (e->verify == REMAP_BUS) {
		/* First and last bus of the range, in the same field. */
		entry[1] = IRTE_SVT_BUS | (e->requester & 0xff00) | e->requester >> 8;
	} else {
		entry[1] |= IRTE_SVT_SID;
	}
}

void vtd_entry_set(unsigned index, const struct remap_entry *e)
{
	uint64_t *entry = vtd.entries[index];
	uint64_t low = 0;

	if (e) {
		low = IRTE_P | (e->level ? IRTE_LEVEL : 0) | IRTE_VECTOR(e->vector) |
		      destination(pcpus[e->cpu]->apic_id);
		if (!(entry[0] & IRTE_P)) {
			write_upper(entry, e);
		}
	}
	__atomic_store_n(&entry[0], low, __ATOMIC_RELEASE);
	vtd_publish(entry, 16);
	for (unsigned i = 0; i < vtd.count; i++) {
		vtd_flush_entries(&vtd.unit[i], (int)index);
	}
}

void vtd_entry_message(unsigned index, uint64_t *addr, uint32_t *data)
{
	*addr = MSI_REMAPPED | (index & MSI_INDEX_LOW) << 5 | (index >> 15) << 2;
	*data = 0;
}

/* Subhandle valid (VT-d 4.1 5.1.2.2): the data is added to the handle. */
void vtd_entry_block(unsigned index, uint64_t *addr, uint32_t *data)
{
	vtd_entry_message(index, addr, data);
	*addr |= MSI_SUBHANDLE;
}

uint64_t vtd_entry_pin(unsigned index, unsigned vector)
{
	return (uint64_t)(index & MSI_INDEX_LOW) << 49 | RTE_REMAPPED | (index >> 15) << 11 |
	       vector;
}

/* The DMAR's scopes of units name the IO-APICs by their MADT ids. */
sbdf_t vtd_ioapic_requester(unsigned ioapic)
{
	const struct acpi_dmar *d = vtd.dmar;

	for (unsigned i = 0; i < d->unit_count; i++) {
		const struct dmar_unit *u = &d->unit[i];

		for (unsigned n = 0; n < u->scopes.count; n++) {
			const struct dmar_scope *s = &d->scope[u->scopes.first + n];
			sbdf_t found;

			if (s->type == DMAR_SCOPE_IOAPIC && s->id == vtd.madt->ioapic[ioapic].id &&
			    scope_resolve(s, u->segment, &found)) {
				return found;
			}
		}
	}
	return SBDF_NONE;
}
