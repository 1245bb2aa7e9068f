/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables made by tests: a buffer that grows, with header, entries and
 * checksum.
 */
#ifndef TEST_ACPI_MAKE_H
#define TEST_ACPI_MAKE_H

#include <stdint.h>
#include <string.h>
#include <taproot/acpi_spec.h>

struct maker {
	uint8_t b[65536];
	size_t len;
};

static inline void make_put(struct maker *m, unsigned len, uint64_t value)
{
	acpi_put(m->b, m->len, len, value);
	m->len += len;
}

static inline void make_start(struct maker *m, const char *signature, size_t len)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->b, signature, 4);
	m->len = len;
}

/* Length and checksum, after every change. */
static inline void make_end(struct maker *m)
{
	uint8_t sum = 0;

	acpi_put(m->b, SDT_LENGTH, 4, m->len);
	m->b[SDT_CHECKSUM] = 0;
	for (size_t i = 0; i < m->len; i++) {
		sum = (uint8_t)(sum + m->b[i]);
	}
	m->b[SDT_CHECKSUM] = (uint8_t)-sum;
}

static inline void make_lapic(struct maker *m, unsigned uid, unsigned id, uint32_t flags)
{
	make_put(m, 1, MADT_LAPIC);
	make_put(m, 1, MADT_LAPIC_LEN);
	make_put(m, 1, uid);
	make_put(m, 1, id);
	make_put(m, 4, flags);
}

static inline void make_x2apic(struct maker *m, uint32_t uid, uint32_t id, uint32_t flags)
{
	make_put(m, 1, MADT_X2APIC);
	make_put(m, 1, MADT_X2APIC_LEN);
	make_put(m, 2, 0);
	make_put(m, 4, id);
	make_put(m, 4, flags);
	make_put(m, 4, uid);
}

static inline void make_ioapic(struct maker *m, unsigned id, uint32_t address, uint32_t gsi_base)
{
	make_put(m, 1, MADT_IOAPIC);
	make_put(m, 1, MADT_IOAPIC_LEN);
	make_put(m, 1, id);
	make_put(m, 1, 0);
	make_put(m, 4, address);
	make_put(m, 4, gsi_base);
}

static inline void make_override(struct maker *m, unsigned bus, unsigned source, uint32_t gsi,
				 unsigned flags)
{
	make_put(m, 1, MADT_OVERRIDE);
	make_put(m, 1, MADT_OVERRIDE_LEN);
	make_put(m, 1, bus);
	make_put(m, 1, source);
	make_put(m, 4, gsi);
	make_put(m, 2, flags);
}

/* An RSDP of revision 0 or 2. */
static inline void make_rsdp(struct maker *m, unsigned revision, uint64_t rsdt, uint64_t xsdt)
{
	uint8_t sum = 0;

	memset(m, 0, sizeof(*m));
	memcpy(m->b, RSDP_SIGNATURE, 8);
	memcpy(m->b + RSDP_OEM, "TESTER", 6);
	m->b[RSDP_REVISION] = (uint8_t)revision;
	acpi_put(m->b, RSDP_RSDT, 4, rsdt);
	for (size_t i = 0; i < RSDP_V1_LEN; i++) {
		sum = (uint8_t)(sum + m->b[i]);
	}
	m->b[RSDP_CHECKSUM] = (uint8_t)-sum;
	m->len = RSDP_V1_LEN;
	if (revision >= 2) {
		acpi_put(m->b, RSDP_LENGTH, 4, RSDP_V2_LEN);
		acpi_put(m->b, RSDP_XSDT, 8, xsdt);
		sum = 0;
		for (size_t i = 0; i < RSDP_V2_LEN; i++) {
			sum = (uint8_t)(sum + m->b[i]);
		}
		m->b[RSDP_CHECKSUM2] = (uint8_t)-sum;
		m->len = RSDP_V2_LEN;
	}
}

#endif
