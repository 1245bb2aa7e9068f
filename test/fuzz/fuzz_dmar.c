// SPDX-License-Identifier: MIT
/*
 * Fuzz target: a DMAR from hostile firmware on a machine with hostile bridges.
 * What is accepted must be what a second reading of the bytes finds; every
 * region is judged, every scope and every device's ids are looked up among
 * bridges whose bus numbers the input chooses (loops included), and models
 * that know the bridges from a list must answer the same.
 *
 * Input: 8 bytes for four bridges (secondary and subordinate bus each), one
 * for their kinds, the host address width, then the structures of the table.
 * Header and checksum are made right here, or no mutation would get past them.
 */
#include <stdlib.h>
#include <string.h>

#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/domain.h>
#include <taproot/iommu.h>
#include <taproot/pci_spec.h>

#include "host.h"
#include "host_pci.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

#define BRIDGES   4u
#define KINDS     (2 * BRIDGES)
#define WIDTH     (KINDS + 1)
#define HEAD      (WIDTH + 1)
#define TABLE_MAX 16384u
#define LIMIT     (1ull << 40)
#define EXPRESS   0x40u
#define DEVICES   12u

/* What a region must not touch. */
#define OURS   (512 * MIB)
#define DENIED 0xd0000000ull
#define IOAPIC 0xfec00000ull
#define ECAM   0xe0000000ull /* of buses 16 to 31, so the window begins 16 MiB further up */
#define HPET   0xfed00000ull
#define MSI    0xfee00000ull

enum kind { CONVENTIONAL, TO_PCI, FROM_PCI, ROOT_PORT };

static struct bridge {
	sbdf_t sbdf;
	unsigned secondary, subordinate;
	enum kind kind;
} bridges[BRIDGES];
static unsigned bridge_count;

static struct acpi_host acpi;

/* ---- the machine ---- */

/* Low numbers meet more often, and every look-up scans the buses below. */
static unsigned bus_number(uint8_t byte)
{
	return byte < 0xf0 ? byte % 32 : byte;
}

static void make_bridges(const uint8_t *bytes)
{
	static const unsigned port_type[] = {0, 7, 8, 4}; /* PCIe 6.0 7.5.3.2 */

	host_pci_reset();
	bridge_count = 0;
	for (unsigned i = 0; i < BRIDGES; i++) {
		/* Bus 0, then behind one another. */
		unsigned bus = i ? bus_number(bytes[2 * (i - 1)]) : 0;
		struct bridge b = {sbdf_make(0, bus, 2 + i, 0), bus_number(bytes[2 * i]),
				   bus_number(bytes[2 * i + 1]),
				   (enum kind)(bytes[KINDS] >> (2 * i) & 3)};
		struct host_pci *p = host_pci_add(b.sbdf, 0x8086, 0x1234, 0x0604, true);

		host_pci_set(p, PCI_REG_SECONDARY, 1, b.secondary);
		host_pci_set(p, PCI_REG_SUBORDINATE, 1, b.subordinate);
		if (b.kind != CONVENTIONAL) {
			host_pci_cap_express(p, EXPRESS);
			host_pci_set(p, EXPRESS + EXP_REG_CAPS, 2, 2 | port_type[b.kind] << 4);
		}
		bridges[bridge_count++] = b;
	}
}

static struct memmap *make_map(void)
{
	static struct mem_range ranges[16];
	static struct memmap m;
	static const struct memmap_step step = {
		.kind = MEMMAP_CLAIM, .type = MEM_DENY, .start = {DENIED}, .size = PAGE_SIZE};

	memmap_init(&m, NULL, ranges, 16, LIMIT);
	REQUIRE(memmap_set_base(&m, gpa(0), gpa(GIB), MEM_RAM) == 0);
	REQUIRE(memmap_set_base(&m, gpa(OURS), gpa(OURS + 6 * MIB), MEM_OURS) == 0);
	REQUIRE(memmap_check(&m, &step, 1, NULL) == 0);
	memmap_commit(&m, &step, 1);
	return &m;
}

static void make_registers(void)
{
	acpi.madt.ioapic_count = 1;
	acpi.madt.ioapic[0].address = hpa(IOAPIC);
	acpi.mcfg.count = 1;
	acpi.mcfg.ecam[0] = (struct acpi_ecam){hpa(ECAM), 0, 16, 31};
	acpi.has_hpet = true;
	acpi.hpet.base = hpa(HPET);
}

/* ---- a second reading of the table ---- */

struct reading {
	const uint8_t *table;
	size_t len;
	unsigned units, rmrrs, ports, affinities, devices, scopes, ignored;
};

static uint64_t number(const struct reading *r, size_t at, unsigned len)
{
	uint64_t v = 0;

	REQUIRE(at + len <= r->len);
	for (unsigned i = len; i-- > 0;) {
		v = v << 8 | r->table[at + i];
	}
	return v;
}

static void read_scopes(struct reading *r, size_t at, size_t end, const struct dmar_scopes *got)
{
	REQUIRE(got->first == r->scopes);
	for (; at < end; at += number(r, at + 1, 1)) {
		const struct dmar_scope *s = &acpi.dmar.scope[r->scopes++];
		size_t len = number(r, at + 1, 1);

		REQUIRE(len >= 8 && at + len <= end && s->hops * 2u + 6 == len);
		REQUIRE(s->type == number(r, at, 1) && s->id == number(r, at + 4, 1));
		REQUIRE(s->bus == number(r, at + 5, 1));
		for (unsigned i = 0; i < s->hops; i++) {
			REQUIRE(s->path[i].device == number(r, at + 6 + 2 * i, 1));
			REQUIRE(s->path[i].function == number(r, at + 7 + 2 * i, 1));
			REQUIRE(s->path[i].device < 32 && s->path[i].function < 8);
		}
	}
	REQUIRE(got->first + got->count == (int)r->scopes);
}

static void read_unit(struct reading *r, size_t at, size_t len)
{
	const struct dmar_unit *u = &acpi.dmar.unit[r->units++];

	REQUIRE(u->base.v == number(r, at + 8, 8) && u->base.v && u->base.v % PAGE_SIZE == 0);
	REQUIRE(u->size == PAGE_SIZE << (number(r, at + 5, 1) & 15));
	REQUIRE(u->base.v <= UINT64_MAX - u->size);
	REQUIRE(u->all == (number(r, at + 4, 1) & 1) && u->segment == number(r, at + 6, 2));
	read_scopes(r, at + 16, at + len, &u->scopes);
}

static void read_rmrr(struct reading *r, size_t at, size_t len)
{
	const struct dmar_rmrr *g = &acpi.dmar.rmrr[r->rmrrs++];

	REQUIRE(g->segment == number(r, at + 6, 2));
	REQUIRE(g->base == number(r, at + 8, 8) && g->limit == number(r, at + 16, 8));
	read_scopes(r, at + 24, at + len, &g->scopes);
}

static void read_ports(struct reading *r, size_t at, size_t len, bool integrated)
{
	const struct dmar_ports *p = &acpi.dmar.port[r->ports++];

	REQUIRE(p->integrated == integrated && p->segment == number(r, at + 6, 2));
	REQUIRE(p->all == (!integrated && (number(r, at + 4, 1) & 1)));
	read_scopes(r, at + 8, at + len, &p->scopes);
}

static void read_structure(struct reading *r, size_t at, size_t len)
{
	const struct acpi_dmar *d = &acpi.dmar;

	switch (number(r, at, 2)) {
	case 0:
		read_unit(r, at, len);
		break;
	case 1:
		read_rmrr(r, at, len);
		break;
	case 2:
	case 5:
		read_ports(r, at, len, number(r, at, 2) == 5);
		break;
	case 3:
		REQUIRE(len >= 20 && d->affinity[r->affinities].unit.v == number(r, at + 8, 8));
		REQUIRE(d->affinity[r->affinities++].domain == number(r, at + 16, 4));
		break;
	case 4:
		REQUIRE(len >= 9 && d->device[r->devices++] == number(r, at + 7, 1));
		break;
	default:
		r->ignored++;
		break;
	}
}

static void check_reading(const uint8_t *table, size_t len)
{
	const struct acpi_dmar *d = &acpi.dmar;
	struct reading r = {.table = table, .len = len};

	for (size_t at = DMAR_LEN; at < len; at += number(&r, at + 2, 2)) {
		REQUIRE(number(&r, at + 2, 2) >= 4 && at + number(&r, at + 2, 2) <= len);
		read_structure(&r, at, number(&r, at + 2, 2));
	}
	REQUIRE(d->unit_count == r.units && d->rmrr_count == r.rmrrs && d->port_count == r.ports);
	REQUIRE(d->affinity_count == r.affinities && d->device_count == r.devices);
	REQUIRE(d->scope_count == r.scopes && d->ignored == r.ignored);
	REQUIRE(r.units <= DMAR_UNITS_MAX && r.rmrrs <= DMAR_RMRRS_MAX &&
		r.ports <= DMAR_PORTS_MAX && r.affinities <= DMAR_AFFINITIES_MAX &&
		r.devices <= DMAR_DEVICES_MAX && r.scopes <= DMAR_SCOPES_MAX);
}

/* ---- regions ---- */

static bool overlaps(const struct dmar_rmrr *r, uint64_t start, uint64_t size)
{
	return !(r->limit < start || r->base > start + size - 1);
}

static bool region_good(const struct dmar_rmrr *r)
{
	uint64_t reach = acpi.dmar.address_width < 40 ? 1ull << acpi.dmar.address_width : LIMIT;

	return r->base % PAGE_SIZE == 0 && r->limit % PAGE_SIZE == PAGE_SIZE - 1 &&
	       r->base < r->limit && r->limit < reach && r->limit - r->base < 4 * GIB &&
	       !overlaps(r, MSI, MIB) && !overlaps(r, OURS, 6 * MIB) &&
	       !overlaps(r, DENIED, PAGE_SIZE);
}

static bool region_meets(const struct dmar_rmrr *r)
{
	bool unit = false;

	for (unsigned i = 0; i < acpi.dmar.unit_count; i++) {
		unit = unit || overlaps(r, acpi.dmar.unit[i].base.v, acpi.dmar.unit[i].size);
	}
	return unit || overlaps(r, IOAPIC, PAGE_SIZE) || overlaps(r, HPET, 1024) ||
	       overlaps(r, ECAM + 16 * MIB, 16 * MIB);
}

static void check_region(const struct dmar_rmrr *r, const struct memmap *m)
{
	bool good = rmrr_fault(r, m, acpi.dmar.address_width) == NULL;

	REQUIRE(good == region_good(r));
	REQUIRE(!good || (rmrr_meets(r, &acpi) != NULL) == region_meets(r));
}

/* ---- scopes and ids ---- */

static const struct bridge *model_bridge(sbdf_t s)
{
	for (unsigned i = 0; i < bridge_count; i++) {
		if (bridges[i].sbdf.v == s.v) {
			return &bridges[i];
		}
	}
	return NULL;
}

static bool model_resolve(const struct dmar_scope *s, unsigned segment, sbdf_t *out)
{
	unsigned bus = s->bus;

	for (unsigned i = 0; i < s->hops; i++) {
		const struct bridge *b;

		*out = sbdf_make(segment, bus, s->path[i].device, s->path[i].function);
		b = model_bridge(*out);
		if (i + 1u < s->hops && !b) {
			return false;
		}
		bus = b ? b->secondary : 0;
	}
	return true;
}

static bool model_matches(const struct dmar_scope *s, unsigned segment, sbdf_t device)
{
	unsigned bus = sbdf_bus(device);
	const struct bridge *b;
	sbdf_t named;

	if (sbdf_segment(device) != segment || !model_resolve(s, segment, &named)) {
		return false;
	}
	b = s->type == 2 ? model_bridge(named) : NULL;
	return named.v == device.v || (b && b->secondary > sbdf_bus(named) && bus >= b->secondary &&
				       bus <= b->subordinate);
}

/* A unit that names it comes before the one for all the others (VT-d 4.1 8.3). */
static const struct dmar_unit *model_unit(sbdf_t device)
{
	const struct dmar_unit *all = NULL;

	for (unsigned i = 0; i < acpi.dmar.unit_count; i++) {
		const struct dmar_unit *u = &acpi.dmar.unit[i];

		if (u->all && u->segment == sbdf_segment(device)) {
			all = u;
		}
		for (unsigned n = u->scopes.first; n < u->scopes.first + u->scopes.count; n++) {
			if (!u->all && model_matches(&acpi.dmar.scope[n], u->segment, device)) {
				return u;
			}
		}
	}
	return all;
}

/* The one bridge that leads to the bus; `many`: which one nobody can say. */
static const struct bridge *model_above(unsigned bus, bool *many)
{
	const struct bridge *found = NULL;

	for (unsigned i = 0; i < bridge_count; i++) {
		if (bridges[i].secondary == bus && sbdf_bus(bridges[i].sbdf) < bus) {
			*many = *many || found;
			found = &bridges[i];
		}
	}
	return found;
}

static void check_aliases(sbdf_t device)
{
	sbdf_t got[REQUESTER_ALIASES_MAX], want[REQUESTER_ALIASES_MAX] = {device};
	unsigned count = requester_aliases(device, got), wanted = 1;
	unsigned bus = sbdf_bus(device);
	const struct bridge *b;
	bool many = false;

	REQUIRE(count >= 1 && count <= REQUESTER_ALIASES_MAX && got[0].v == device.v);
	while ((b = model_above(bus, &many)) != NULL) {
		sbdf_t id = b->kind == TO_PCI ? sbdf_make(0, bus, 0, 0) : b->sbdf;
		bool new = b->kind != ROOT_PORT;

		for (unsigned i = 0; i < wanted; i++) {
			new = new &&want[i].v != id.v;
		}
		if (new) {
			want[wanted++] = id;
		}
		bus = sbdf_bus(b->sbdf);
	}
	REQUIRE(many || (count == wanted && memcmp(got, want, count * sizeof(got[0])) == 0));
}

static void check_device(sbdf_t device)
{
	REQUIRE(scope_find_unit(&acpi.dmar, device) == model_unit(device));
	if (sbdf_segment(device) == 0) {
		check_aliases(device);
	}
}

/* The devices that scopes name, and one behind each bridge. */
static void check_devices(void)
{
	const struct acpi_dmar *d = &acpi.dmar;
	unsigned segment = d->unit_count ? d->unit[0].segment : 0;

	for (unsigned i = 0; i < d->scope_count; i++) {
		sbdf_t got, want;
		bool ok = scope_resolve(&d->scope[i], segment, &got);

		REQUIRE(ok == model_resolve(&d->scope[i], segment, &want));
		REQUIRE(!ok || got.v == want.v);
		if (ok && i < DEVICES) {
			check_device(got);
		}
	}
	for (unsigned i = 0; i < bridge_count; i++) {
		check_device(bridges[i].sbdf);
		check_device(sbdf_make(0, bridges[i].secondary, 3, 0));
		check_device(sbdf_make(segment, bridges[i].subordinate, 0, 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_refusal why = {NULL, 0};
	uint8_t *table;
	size_t len;

	if (size < HEAD || size > TABLE_MAX) {
		return 0;
	}
	make_bridges(data);
	make_registers();
	len = DMAR_LEN + size - HEAD;
	table = calloc(1, len);
	REQUIRE(table != NULL);
	memcpy(table, "DMAR", 4);
	acpi_put(table, SDT_LENGTH, 4, len);
	table[DMAR_WIDTH] = data[WIDTH];
	memcpy(table + DMAR_LEN, data + HEAD, size - HEAD);
	if (acpi_parse_dmar(table, len, &acpi.dmar, &why) == 0) {
		const struct memmap *m = make_map();

		REQUIRE(acpi.dmar.address_width == data[WIDTH] + 1);
		check_reading(table, len);
		for (unsigned i = 0; i < acpi.dmar.rmrr_count; i++) {
			check_region(&acpi.dmar.rmrr[i], m);
		}
		check_devices();
	} else {
		REQUIRE(why.reason && why.offset <= len);
	}
	free(table);
	host_pci_reset();
	return 0;
}

/* Structures of tables; each seed takes a stretch of them, so that each kind comes last in one. */
static const uint8_t structures[] = {
	/* DRHD with a bridge and an IO-APIC */
	0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0,     /* */
	2, 10, 0, 0, 0, 0, 2, 0, 3, 0, 3, 8, 0, 0, 2, 0xf0, 31, 0, /* */
	/* DRHD with a device behind the second bridge */
	0, 0, 28, 0, 0, 0, 0, 0, 0, 0x20, 0xd9, 0xfe, 0, 0, 0, 0, /* */
	1, 12, 0, 0, 0, 0, 2, 0, 3, 0, 3, 0,                      /* */
	/* DRHD of all others */
	0, 0, 16, 0, 1, 0, 0, 0, 0, 0x10, 0xd9, 0xfe, 0, 0, 0, 0, /* */
	/* RMRR of one device */
	1, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0,       /* */
	0xff, 0xff, 0, 0x10, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 29, 0, /* */
	/* ATSR, RHSA, ANDD, SATC */
	2, 0, 8, 0, 1, 0, 0, 0,                                            /* */
	3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, 1, 0, 0, 0, /* */
	4, 0, 10, 0, 0, 0, 0, 1, 'A', 0,                                   /* */
	5, 0, 16, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 30, 0,                  /* */
};

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	/* Bridges of each kind behind one another, and the width. */
	static const uint8_t head[HEAD] = {1, 3, 2, 2, 3, 3, 0, 0, 0xe4, 38};
	static const struct {
		uint8_t first, end;
	} stretch[] = {{0, sizeof(structures)},
		       {0, 62},
		       {0, 34},
		       {34, 78},
		       {78, 110},
		       {110, 118},
		       {118, 138}};
	size_t length;

	_Static_assert(sizeof(structures) == 164, "the stretches are of these structures");
	if (index >= ARRAY_SIZE(stretch) || HEAD + sizeof(structures) > size) {
		return 0;
	}
	length = stretch[index].end - stretch[index].first;
	memcpy(buf, head, HEAD);
	memcpy(buf + HEAD, structures + stretch[index].first, length);
	return HEAD + length;
}
