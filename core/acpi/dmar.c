/* SPDX-License-Identifier: MIT */
/*
 * The DMA Remapping Reporting table (VT-d 4.1 8.1 to 8.8). A table is taken as
 * a whole or refused with its reason: a DMAR of which a part was skipped would
 * leave devices behind a unit that nobody programmed.
 *
 * Types of structures and scopes that are not known yet are counted and passed
 * over, as the specification asks (8.2). What the addresses mean (alignment
 * and place of reserved regions) is judged later, by core/iommu/rmrr.c.
 *
 * Not supported: names of ANDD devices (they need AML); SoC integrated device
 * properties (SIDP) are ignored.
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

/* Remapping structures, VT-d 4.1 8.2: type and length, 16 bits each. */
enum { DMAR_DRHD, DMAR_RMRR, DMAR_ATSR, DMAR_RHSA, DMAR_ANDD, DMAR_SATC };

#define DMAR_ENTRY_TYPE   0
#define DMAR_ENTRY_LENGTH 2
#define DMAR_ENTRY_MIN    4

#define DMAR_FLAG_ALL  (1u << 0) /* DRHD: INCLUDE_PCI_ALL, ATSR: ALL_PORTS */
#define DMAR_SIZE_MASK 0x0fu     /* DRHD: 2^n pages (8.3) */

/* Device scope, VT-d 4.1 8.3.1. */
#define SCOPE_LENGTH 1
#define SCOPE_ID     4
#define SCOPE_BUS    5
#define SCOPE_PATH   6

struct parse {
	struct acpi_dmar *out;
	struct acpi_refusal *why;
	const uint8_t *entry; /* the structure */
	size_t at;            /* of it in the table */
	size_t len;           /* of it */
};

static int refuse_at(const struct parse *p, const char *reason, size_t offset)
{
	return acpi_refuse(p->why, reason, p->at + offset);
}

static int parse_scope(const struct parse *p, size_t offset)
{
	const uint8_t *e = p->entry + offset;
	size_t left = p->len - offset;
	struct acpi_dmar *d = p->out;
	struct dmar_scope *s;
	unsigned hops;

	if (left < SCOPE_PATH || e[SCOPE_LENGTH] > left) {
		return refuse_at(p, "device scope passes the end of its structure", offset);
	}
	if (e[SCOPE_LENGTH] < SCOPE_PATH + 2 || e[SCOPE_LENGTH] % 2) {
		return refuse_at(p, "device scope without a path", offset);
	}
	hops = (e[SCOPE_LENGTH] - SCOPE_PATH) / 2u;
	if (hops > DMAR_PATH_MAX) {
		return refuse_at(p, "device scope with too long a path", offset);
	}
	if (d->scope_count == DMAR_SCOPES_MAX) {
		return refuse_at(p, "too many device scopes", offset);
	}
	s = &d->scope[d->scope_count++];
	*s = (struct dmar_scope){
		.type = e[0], .id = e[SCOPE_ID], .bus = e[SCOPE_BUS], .hops = (uint8_t)hops};
	for (unsigned i = 0; i < hops; i++) {
		s->path[i].device = e[SCOPE_PATH + 2 * i];
		s->path[i].function = e[SCOPE_PATH + 2 * i + 1];
		if (s->path[i].device > 31 || s->path[i].function > 7) {
			return refuse_at(p, "device scope with an impossible path", offset);
		}
	}
	return 0;
}

static int parse_scopes(const struct parse *p, size_t offset, struct dmar_scopes *out)
{
	struct acpi_dmar *d = p->out;

	out->first = (uint16_t)d->scope_count;
	while (offset < p->len) {
		int rc = parse_scope(p, offset);

		if (rc) {
			return rc;
		}
		offset += p->entry[offset + SCOPE_LENGTH];
	}
	out->count = (uint16_t)(d->scope_count - out->first);
	return 0;
}

static int parse_drhd(const struct parse *p)
{
	struct acpi_dmar *d = p->out;
	struct dmar_unit *u = &d->unit[d->unit_count];

	if (d->unit_count == DMAR_UNITS_MAX) {
		return refuse_at(p, "too many remapping units", 0);
	}
	u->all = p->entry[4] & DMAR_FLAG_ALL;
	u->size = (uint32_t)PAGE_SIZE << (p->entry[5] & DMAR_SIZE_MASK);
	u->segment = acpi_u16(p->entry, 6);
	u->base = hpa(acpi_u64(p->entry, 8));
	if (u->base.v == 0 || u->base.v % PAGE_SIZE || u->base.v + u->size < u->base.v) {
		return refuse_at(p, "remapping unit at an impossible address", 8);
	}
	for (unsigned i = 0; i < d->unit_count; i++) {
		if (d->unit[i].base.v == u->base.v) {
			return refuse_at(p, "two remapping units at one address", 8);
		}
		if (u->all && d->unit[i].all && d->unit[i].segment == u->segment) {
			return refuse_at(p, "two units for all functions of one segment", 4);
		}
	}
	d->unit_count++;
	return parse_scopes(p, 16, &u->scopes);
}

static int parse_rmrr(const struct parse *p)
{
	struct acpi_dmar *d = p->out;
	struct dmar_rmrr *r = &d->rmrr[d->rmrr_count];

	if (d->rmrr_count == DMAR_RMRRS_MAX) {
		return refuse_at(p, "too many reserved regions", 0);
	}
	d->rmrr_count++;
	r->segment = acpi_u16(p->entry, 6);
	r->base = acpi_u64(p->entry, 8);
	r->limit = acpi_u64(p->entry, 16);
	return parse_scopes(p, 24, &r->scopes);
}

static int parse_ports(const struct parse *p, bool integrated)
{
	struct acpi_dmar *d = p->out;
	struct dmar_ports *a = &d->port[d->port_count];

	if (d->port_count == DMAR_PORTS_MAX) {
		return refuse_at(p, "too many ATS structures", 0);
	}
	d->port_count++;
	a->integrated = integrated;
	a->all = !integrated && p->entry[4] & DMAR_FLAG_ALL;
	a->segment = acpi_u16(p->entry, 6);
	return parse_scopes(p, 8, &a->scopes);
}

static int parse_atsr(const struct parse *p)
{
	return parse_ports(p, false);
}

static int parse_satc(const struct parse *p)
{
	return parse_ports(p, true);
}

static int parse_rhsa(const struct parse *p)
{
	struct acpi_dmar *d = p->out;

	if (d->affinity_count == DMAR_AFFINITIES_MAX) {
		return refuse_at(p, "too many affinity structures", 0);
	}
	d->affinity[d->affinity_count++] = (struct dmar_affinity){
		.unit = hpa(acpi_u64(p->entry, 8)),
		.domain = acpi_u32(p->entry, 16),
	};
	return 0;
}

static int parse_andd(const struct parse *p)
{
	struct acpi_dmar *d = p->out;

	if (d->device_count == DMAR_DEVICES_MAX) {
		return refuse_at(p, "too many namespace devices", 0);
	}
	d->device[d->device_count++] = p->entry[7];
	return 0;
}

static const struct {
	uint8_t min;
	int (*parse)(const struct parse *p);
} entries[] = {
	[DMAR_DRHD] = {16, parse_drhd}, [DMAR_RMRR] = {24, parse_rmrr},
	[DMAR_ATSR] = {8, parse_atsr},  [DMAR_RHSA] = {20, parse_rhsa},
	[DMAR_ANDD] = {9, parse_andd},  [DMAR_SATC] = {8, parse_satc},
};

int acpi_parse_dmar(const void *table, size_t len, struct acpi_dmar *out, struct acpi_refusal *why)
{
	struct parse p = {.out = out, .why = why, .at = DMAR_LEN};
	size_t own = 0;
	int rc = acpi_table_check(table, len, "DMAR", DMAR_LEN, &own, why);

	if (rc) {
		return rc;
	}
	memset(out, 0, sizeof(*out));
	if (acpi_u8(table, DMAR_WIDTH) >= 64) {
		return acpi_refuse(why, "host address width above 64 bits", DMAR_WIDTH);
	}
	out->address_width = (uint8_t)(acpi_u8(table, DMAR_WIDTH) + 1);
	out->flags = acpi_u8(table, DMAR_FLAGS);
	for (; p.at < own; p.at += p.len) {
		unsigned type;

		p.entry = (const uint8_t *)table + p.at;
		if (own - p.at < DMAR_ENTRY_MIN) {
			return refuse_at(&p, "structure without type and length", 0);
		}
		type = acpi_u16(p.entry, DMAR_ENTRY_TYPE);
		p.len = acpi_u16(p.entry, DMAR_ENTRY_LENGTH);
		if (p.len < DMAR_ENTRY_MIN || p.len > own - p.at) {
			return refuse_at(&p, "structure passes the end of the table", 0);
		}
		if (type >= ARRAY_SIZE(entries)) {
			out->ignored++;
			continue;
		}
		if (p.len < entries[type].min) {
			return refuse_at(&p, "structure shorter than its type asks", 0);
		}
		rc = entries[type].parse(&p);
		if (rc) {
			return rc;
		}
	}
	return 0;
}
