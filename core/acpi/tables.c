/* SPDX-License-Identifier: MIT */
/*
 * ACPI: the small tables.
 *
 * HPET (IA-PC HPET 1.0a 3.2.4), SRAT (ACPI 6.5 5.2.16; memory ranges, and
 * processors as a count), SPCR (where the firmware's serial console is).
 *
 * Not supported: IVRS's structures; SRAT's entries for anything but memory and
 * processors.
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

#define COM1_PORT 0x3f8

int acpi_parse_hpet(const void *table, size_t len, struct acpi_hpet *out, struct acpi_refusal *why)
{
	size_t own = 0;
	int ret = acpi_table_check(table, len, "HPET", HPET_LEN, &own, why);

	if (ret != 0) {
		return ret;
	}
	memset(out, 0, sizeof(*out));
	out->base = hpa(acpi_u64(table, HPET_BASE + GAS_ADDRESS));
	out->number = acpi_u8(table, HPET_NUMBER);
	/* Bits 12:8 of the block id hold the number of comparators less one. */
	out->comparators = (uint8_t)(((acpi_u32(table, HPET_BLOCK_ID) >> 8) & 0x1f) + 1);
	if (acpi_u8(table, HPET_BASE + GAS_SPACE) != 0) {
		return acpi_refuse(why, "timer block not in memory space", HPET_BASE);
	}
	if (out->base.v == 0) {
		return acpi_refuse(why, "timer block without an address", HPET_BASE + GAS_ADDRESS);
	}
	return 0;
}

static void add_memory(struct acpi_srat *s, const uint8_t *e)
{
	uint32_t flags = acpi_u32(e, 28);

	if ((flags & SRAT_ENABLED) == 0) {
		return;
	}
	if (s->node_count == ACPI_NODES_MAX) {
		s->nodes_left_out++;
		return;
	}
	s->node[s->node_count].start = hpa(acpi_u64(e, 8));
	s->node[s->node_count].size = acpi_u64(e, 16);
	s->node[s->node_count].domain = acpi_u32(e, 2);
	s->node[s->node_count].hotplug = (flags & SRAT_HOTPLUG) != 0;
	s->node_count++;
}

int acpi_parse_srat(const void *table, size_t len, struct acpi_srat *out, struct acpi_refusal *why)
{
	const uint8_t *t = table;
	size_t own = 0;
	int ret = acpi_table_check(table, len, "SRAT", SRAT_ENTRIES, &own, why);

	if (ret != 0) {
		return ret;
	}
	memset(out, 0, sizeof(*out));
	for (size_t at = SRAT_ENTRIES; at < own; at += t[at + 1]) {
		const uint8_t *e = t + at;

		if (own - at < 2 || e[1] < 2) {
			return acpi_refuse(why, "entry without type and length", at);
		}
		if (e[1] > own - at) {
			return acpi_refuse(why, "entry passes the end of the table", at);
		}
		if ((e[0] == SRAT_CPU && e[1] < SRAT_CPU_LEN) ||
		    (e[0] == SRAT_MEMORY && e[1] < SRAT_MEMORY_LEN) ||
		    (e[0] == SRAT_X2APIC && e[1] < SRAT_X2APIC_LEN)) {
			return acpi_refuse(why, "entry shorter than its type asks", at);
		}
		if (e[0] == SRAT_MEMORY) {
			add_memory(out, e);
		} else if (e[0] == SRAT_CPU) {
			out->cpu_count += (acpi_u32(e, 4) & SRAT_ENABLED) != 0;
		} else if (e[0] == SRAT_X2APIC) {
			out->cpu_count += (acpi_u32(e, 12) & SRAT_ENABLED) != 0;
		}
	}
	return 0;
}

int acpi_parse_spcr(const void *table, size_t len, struct acpi_spcr *out, struct acpi_refusal *why)
{
	size_t own = 0;
	int ret = acpi_table_check(table, len, "SPCR", SPCR_LEN, &own, why);

	if (ret != 0) {
		return ret;
	}
	memset(out, 0, sizeof(*out));
	out->interface = acpi_u8(table, SPCR_INTERFACE);
	out->space = acpi_u8(table, SPCR_ADDRESS + GAS_SPACE);
	out->address = acpi_u64(table, SPCR_ADDRESS + GAS_ADDRESS);
	/* Interrupt type bit 0 says that the PC-AT interrupt counts, others the GSI. */
	out->gsi = (acpi_u8(table, SPCR_IRQ_TYPE) & 1) != 0 ? acpi_u8(table, SPCR_IRQ)
							    : acpi_u32(table, SPCR_GSI);
	out->com1 = out->space == 1 && out->address == COM1_PORT;
	return 0;
}
