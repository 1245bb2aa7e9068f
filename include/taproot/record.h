/* SPDX-License-Identifier: MIT */
/*
 * The recorder: every configuration and MSI-X access of the hardware domain
 * with its verdict, value and effects, behind a snapshot of the machine, as a
 * stream of little-endian records (doc/record-format.md). tools/replay.c plays
 * it against arch/host.
 */
#ifndef TAPROOT_RECORD_H
#define TAPROOT_RECORD_H

#include <taproot/ioreq.h>

struct pci_effects;
struct pci_access;

#define RECORD_MAGIC   0x3150434954504154ull /* "TAPTICP1" in memory order */
#define RECORD_VERSION 1u
#define RECORD_SIZE    32u
/* Behind the registers of a FUNCTION record: eight 64-bit sizes, the last one unused. */
#define RECORD_BARS 8u

enum record_type {
	RECORD_HEADER = 1,
	RECORD_WINDOW,
	RECORD_RANGE,
	RECORD_FUNCTION,
	RECORD_READY,
	RECORD_CONFIG,
	RECORD_MSIX,
	RECORD_EFFECT,
};

/* Bits of record.access. */
#define RECORD_LEN   0x0fu
#define RECORD_WRITE 0x80u

/* One record; the fields' use by type is in doc/record-format.md. */
struct record {
	uint32_t counter;
	uint8_t type;
	uint8_t access;
	uint8_t verdict;
	uint8_t count;
	uint32_t sbdf;
	uint32_t reg;
	uint64_t asked;
	uint64_t value;
};

_Static_assert(sizeof(struct record) == RECORD_SIZE, "record-format.md: 32 bytes");

/* Somebody listens. Read by the trap path before it calls anything below. */
extern bool record_on;

/* Record from now on. `sink` takes every byte, from any processor, one call at a time; NULL: stop.
 */
void record_init(void (*sink)(const void *data, size_t size));

/* Snapshot: header, ECAM windows and address space, before the first function. */
void record_machine(struct domain *d);
/* Snapshot of a function; `sizes` of its BARs and ROM. */
void record_function(struct domain *d, sbdf_t sbdf, const uint64_t *sizes, unsigned count);
/* Enumeration is over; accesses follow. */
void record_ready(struct domain *d);

/* One access to configuration space: as asked, and what became of it. */
void record_config(struct domain *d, const struct pci_access *asked, enum verdict verdict,
		   uint32_t value, const struct pci_effects *effects);
/* One access to a trapped MSI-X page: offset in the BAR. `effects` may be NULL. */
void record_msix(struct domain *d, sbdf_t sbdf, unsigned bar, uint64_t offset, unsigned len,
		 bool write, uint64_t value, enum verdict verdict,
		 const struct pci_effects *effects);

#endif
