/* SPDX-License-Identifier: MIT */
/*
 * Hosted interrupt remapping: a unit that translates nothing but messages.
 * See host.h.
 *
 * Messages name an entry as VT-d's do (VT-d 4.1 5.1.2.2), with subhandle or
 * without; who sends is not looked at.
 */
#include <string.h>
#include <taproot/iommu.h>
#include <taproot/panic.h>

#include "host.h"

#define ENTRIES   256u
#define BASE      0xfee00010ull
#define SUBHANDLE 0x8u

static struct remap_entry entries[ENTRIES];
static bool present[ENTRIES];

static void entry_set(unsigned index, const struct remap_entry *e)
{
	ASSERT(index < ENTRIES);
	present[index] = e != NULL;
	if (e) {
		entries[index] = *e;
	}
}

static void entry_message(unsigned index, uint64_t *addr, uint32_t *data)
{
	*addr = BASE | index << 5;
	*data = 0;
}

static void entry_block(unsigned index, uint64_t *addr, uint32_t *data)
{
	entry_message(index, addr, data);
	*addr |= SUBHANDLE;
}

static uint64_t entry_pin(unsigned index, unsigned vector)
{
	return (uint64_t)index << 49 | 1ull << 48 | vector;
}

static int refill(void)
{
	return 0;
}

static sbdf_t ioapic_requester(unsigned ioapic)
{
	(void)ioapic;
	return SBDF_NONE;
}

static const struct iommu_ops ops = {
	.name = "host",
	.refill = refill,
	.entry_set = entry_set,
	.entry_message = entry_message,
	.entry_block = entry_block,
	.entry_pin = entry_pin,
	.ioapic_requester = ioapic_requester,
};

void host_remap_start(void)
{
	static const struct acpi_dmar none;

	memset(present, 0, sizeof(present));
	iommu_register(&ops, &nested_vtd, &none);
	ASSERT(iommu_remap_start(ENTRIES, false) == 0);
}

void host_remap_stop(void)
{
	static const struct acpi_dmar none;

	iommu_register(NULL, &nested_vtd, &none);
	ASSERT(iommu_remap_start(0, false) == 0);
}

bool host_remap_find(uint64_t addr, uint32_t data, unsigned *cpu, unsigned *vector)
{
	unsigned index = (unsigned)(addr >> 5 & 0x7fff);

	if (!iommu_remaps() || !(addr & BASE & 0x10)) {
		return false;
	}
	index += addr & SUBHANDLE ? data & 0xffff : 0;
	if (index >= ENTRIES || !present[index]) {
		return false;
	}
	*cpu = entries[index].cpu;
	*vector = entries[index].vector;
	return true;
}
