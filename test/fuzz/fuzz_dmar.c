// SPDX-License-Identifier: MIT
/*
 * Fuzz target: a DMAR from hostile firmware on a machine with hostile bridges.
 * Whatever is accepted must be inside its bounds, every region is judged, and
 * every scope and every device's ids are looked up among bridges whose bus
 * numbers the input chooses (loops included).
 *
 * Input: 8 bytes for four bridges (secondary and subordinate bus each), then
 * the structures of the table. Header and checksum are made right here, or no
 * mutation would get past them.
 */
#include <stdlib.h>
#include <string.h>

#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/domain.h>
#include <taproot/iommu.h>

#include "host.h"
#include "host_pci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

#define BRIDGES   4u
#define TABLE_MAX 16384u

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void make_bridges(const uint8_t *bytes)
{
	host_pci_reset();
	for (unsigned i = 0; i < BRIDGES; i++) {
		/* Bus 0, then behind one another. */
		unsigned bus = i ? bytes[2 * (i - 1)] : 0;
		sbdf_t s = sbdf_make(0, bus, 2 + i, 0);

		if (host_pci_find(s)) {
			continue;
		}
		struct host_pci *p = host_pci_add(s, 0x8086, 0x1234, 0x0604, true);

		host_pci_set(p, 0x19, 1, bytes[2 * i]);
		host_pci_set(p, 0x1a, 1, bytes[2 * i + 1]);
	}
}

static struct memmap *make_map(void)
{
	static struct mem_range ranges[16];
	static struct memmap m;

	memmap_init(&m, NULL, ranges, 16, 1ull << 40);
	require(memmap_set_base(&m, gpa(0), gpa(GIB), MEM_RAM) == 0);
	require(memmap_set_base(&m, gpa(512 * MIB), gpa(518 * MIB), MEM_OURS) == 0);
	return &m;
}

static void check_region(const struct dmar_rmrr *r, const struct memmap *m, unsigned width)
{
	if (rmrr_fault(r, m, width)) {
		return;
	}
	require(r->base % PAGE_SIZE == 0 && (r->limit + 1) % PAGE_SIZE == 0);
	require(r->base < r->limit && r->limit < m->limit);
	require(r->limit < 512 * MIB || r->base >= 518 * MIB);
}

static void check_scopes(const struct acpi_dmar *d, const struct dmar_scopes *s, unsigned segment)
{
	require(s->first + s->count <= d->scope_count);
	for (unsigned i = 0; i < s->count; i++) {
		sbdf_t out;

		if (scope_resolve(&d->scope[s->first + i], segment, &out)) {
			require(sbdf_segment(out) == segment);
		}
	}
}

static void check(const struct acpi_dmar *d)
{
	const struct memmap *m = make_map();
	sbdf_t alias[REQUESTER_ALIASES_MAX];

	require(d->scope_count <= DMAR_SCOPES_MAX && d->unit_count <= DMAR_UNITS_MAX);
	for (unsigned i = 0; i < d->unit_count; i++) {
		require(d->unit[i].base.v && d->unit[i].base.v % PAGE_SIZE == 0);
		check_scopes(d, &d->unit[i].scopes, d->unit[i].segment);
	}
	for (unsigned i = 0; i < d->rmrr_count; i++) {
		check_region(&d->rmrr[i], m, d->address_width);
		check_scopes(d, &d->rmrr[i].scopes, d->rmrr[i].segment);
	}
	for (unsigned bus = 0; bus < 256; bus += 51) {
		sbdf_t s = sbdf_make(0, bus, 3, 0);
		unsigned count = requester_aliases(s, alias);

		require(count >= 1 && count <= REQUESTER_ALIASES_MAX && alias[0].v == s.v);
		(void)scope_find_unit(d, s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct acpi_dmar dmar;
	struct acpi_refusal why = {NULL, 0};
	uint8_t *table;
	size_t len;

	if (size < 2 * BRIDGES || size > TABLE_MAX) {
		return 0;
	}
	make_bridges(data);
	len = DMAR_LEN + size - 2 * BRIDGES;
	table = calloc(1, len);
	require(table != NULL);
	memcpy(table, "DMAR", 4);
	acpi_put(table, SDT_LENGTH, 4, len);
	table[DMAR_WIDTH] = 38;
	memcpy(table + DMAR_LEN, data + 2 * BRIDGES, size - 2 * BRIDGES);
	if (acpi_parse_dmar(table, len, &dmar, &why) == 0) {
		check(&dmar);
	} else {
		require(why.reason && why.offset <= len);
	}
	free(table);
	return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	static const uint8_t seed[] = {
		1, 3, 2, 2, 3, 3, 0, 0, /* bridges */
		/* DRHD with a bridge and an IO-APIC */
		0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0,     /* */
		2, 10, 0, 0, 0, 0, 2, 0, 3, 0, 3, 8, 0, 0, 2, 0xf0, 31, 0, /* */
		/* DRHD of all others */
		0, 0, 16, 0, 1, 0, 0, 0, 0, 0x10, 0xd9, 0xfe, 0, 0, 0, 0, /* */
		/* RMRR of one device */
		1, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0,       /* */
		0xff, 0xff, 0, 0x10, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 29, 0, /* */
		/* ATSR, RHSA, ANDD */
		2, 0, 8, 0, 1, 0, 0, 0,                                            /* */
		3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, 1, 0, 0, 0, /* */
		4, 0, 10, 0, 0, 0, 0, 1, 'A', 0,                                   /* */
	};

	if (index > 0 || sizeof(seed) > size) {
		return 0;
	}
	memcpy(buf, seed, sizeof(seed));
	return sizeof(seed);
}
