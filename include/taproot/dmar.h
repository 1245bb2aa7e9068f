/* SPDX-License-Identifier: MIT */
/*
 * The DMA Remapping Reporting table (VT-d 4.1 chapter 8) as facts: units,
 * reserved memory regions and who they belong to, copied out of the table.
 * Scopes of all structures share one array; each structure has a stretch of it.
 */
#ifndef TAPROOT_DMAR_H
#define TAPROOT_DMAR_H

#include <taproot/types.h>

#define DMAR_UNITS_MAX      64
#define DMAR_RMRRS_MAX      64
#define DMAR_PORTS_MAX      16 /* ATSR and SATC structures */
#define DMAR_AFFINITIES_MAX 64
#define DMAR_DEVICES_MAX    32 /* ANDD structures */
#define DMAR_SCOPES_MAX     1024
#define DMAR_PATH_MAX       8

/* DMAR_FLAGS (VT-d 4.1 8.1). */
#define DMAR_FLAG_INTR_REMAP     (1u << 0)
#define DMAR_FLAG_X2APIC_OPT_OUT (1u << 1)

/* Device scope types (VT-d 4.1 8.3.1). */
enum dmar_scope_type {
	DMAR_SCOPE_ENDPOINT = 1,
	DMAR_SCOPE_BRIDGE = 2,
	DMAR_SCOPE_IOAPIC = 3,
	DMAR_SCOPE_HPET = 4,
	DMAR_SCOPE_NAMESPACE = 5,
};

/* A device named by the way to it: a bus, then device and function of each hop. */
struct dmar_scope {
	uint8_t type;
	uint8_t id; /* IO-APIC or HPET number, or that of an ANDD */
	uint8_t bus;
	uint8_t hops;
	struct {
		uint8_t device;
		uint8_t function;
	} path[DMAR_PATH_MAX];
};

/* A stretch of the scopes. */
struct dmar_scopes {
	uint16_t first;
	uint16_t count;
};

struct dmar_unit {
	hpa_t base;
	uint32_t size; /* of its register set, bytes */
	uint16_t segment;
	bool all; /* every function of the segment that no other unit names */
	struct dmar_scopes scopes;
};

struct dmar_rmrr {
	uint64_t base;
	uint64_t limit; /* inclusive, as in the table */
	uint16_t segment;
	struct dmar_scopes scopes;
};

/* Root ports with ATS (ATSR), or integrated devices with ATS (SATC). */
struct dmar_ports {
	uint16_t segment;
	bool all;        /* ATSR: every root port of the segment */
	bool integrated; /* SATC */
	struct dmar_scopes scopes;
};

struct dmar_affinity {
	hpa_t unit;
	uint32_t domain;
};

struct acpi_dmar {
	uint8_t address_width; /* bits */
	uint8_t flags;
	unsigned unit_count, rmrr_count, port_count, affinity_count, device_count, scope_count;
	unsigned ignored; /* structures of types we do not know */
	struct dmar_unit unit[DMAR_UNITS_MAX];
	struct dmar_rmrr rmrr[DMAR_RMRRS_MAX];
	struct dmar_ports port[DMAR_PORTS_MAX];
	struct dmar_affinity affinity[DMAR_AFFINITIES_MAX];
	uint8_t device[DMAR_DEVICES_MAX]; /* numbers that namespace scopes refer to */
	struct dmar_scope scope[DMAR_SCOPES_MAX];
};

#endif
