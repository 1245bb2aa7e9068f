/* SPDX-License-Identifier: MIT */
/*
 * ACPI: the Multiple APIC Description Table.
 *
 * ACPI 6.5 5.2.12: local APICs and x2APICs, IO-APICs, interrupt source
 * overrides, NMI sources, local APIC NMIs (counted), local APIC address.
 * Entries of other types, and overrides of buses and sources that are not
 * ISA's, are counted and passed over: firmware leaves rubbish and padding of
 * types 0x7f and 0xff in many tables.
 *
 * Not supported: IO SAPICs and everything that is not x86; more than
 * ACPI_CPUS_MAX processors (the rest is counted).
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

#define ISA_SOURCES 16

/* What an entry of a known type must have. */
static unsigned entry_min(unsigned type)
{
	switch (type) {
	case MADT_LAPIC:
		return MADT_LAPIC_LEN;
	case MADT_IOAPIC:
		return MADT_IOAPIC_LEN;
	case MADT_OVERRIDE:
		return MADT_OVERRIDE_LEN;
	case MADT_NMI_SOURCE:
		return MADT_NMI_SOURCE_LEN;
	case MADT_LAPIC_NMI:
		return MADT_LAPIC_NMI_LEN;
	case MADT_LAPIC_OVERRIDE:
		return MADT_LAPIC_OVERRIDE_LEN;
	case MADT_X2APIC:
		return MADT_X2APIC_LEN;
	case MADT_X2APIC_NMI:
		return MADT_X2APIC_NMI_LEN;
	default:
		return 2;
	}
}

/* Firmware may list a processor both ways, which 5.2.12.12 forbids: it must not be started twice.
 */
static bool listed(const struct acpi_madt *m, uint32_t apic_id)
{
	for (unsigned i = 0; i < m->cpu_count; i++) {
		if (m->cpu[i].enabled && m->cpu[i].apic_id == apic_id) {
			return true;
		}
	}
	return false;
}

static void add_cpu(struct acpi_madt *m, uint32_t apic_id, uint32_t uid, uint32_t flags,
		    bool x2apic_entry)
{
	if ((flags & MADT_CPU_ENABLED) != 0 && listed(m, apic_id)) {
		m->entries_ignored++;
		return;
	}
	if (m->cpu_count == ACPI_CPUS_MAX) {
		m->cpus_left_out++;
		return;
	}
	m->cpu[m->cpu_count++] = (struct acpi_cpu){
		.apic_id = apic_id,
		.uid = uid,
		.enabled = (flags & MADT_CPU_ENABLED) != 0,
		.online_capable = (flags & MADT_CPU_ONLINE_CAPABLE) != 0,
		.x2apic_entry = x2apic_entry,
	};
	if ((flags & MADT_CPU_ENABLED) != 0) {
		m->enabled_count++;
	}
}

/* NULL, or why this IO-APIC makes the table unusable. */
static const char *add_ioapic(struct acpi_madt *m, const uint8_t *e)
{
	struct acpi_ioapic io = {
		.address = hpa(acpi_u32(e, 4)),
		.gsi_base = acpi_u32(e, 8),
		.id = e[2],
	};

	if (io.address.v == 0 || (io.address.v & (PAGE_SIZE - 1)) != 0) {
		return "IO-APIC address is not that of a page";
	}
	for (unsigned i = 0; i < m->ioapic_count; i++) {
		if (m->ioapic[i].address.v == io.address.v) {
			return "two IO-APICs at one address";
		}
		if (m->ioapic[i].gsi_base == io.gsi_base) {
			return "two IO-APICs with one GSI base";
		}
	}
	if (m->ioapic_count == ACPI_IOAPICS_MAX) {
		return "more IO-APICs than supported";
	}
	m->ioapic[m->ioapic_count++] = io;
	return NULL;
}

/* A later override of the same source replaces the earlier one. */
static void add_override(struct acpi_madt *m, const uint8_t *e)
{
	struct acpi_override o = {
		.gsi = acpi_u32(e, 4),
		.flags = acpi_u16(e, 8),
		.source = e[3],
	};
	unsigned i;

	if (e[2] != 0 || o.source >= ISA_SOURCES) {
		m->entries_ignored++;
		return;
	}
	for (i = 0; i < m->override_count; i++) {
		if (m->override[i].source == o.source) {
			break;
		}
	}
	m->override[i] = o;
	m->override_count = MAX(m->override_count, i + 1);
}

static void add_nmi(struct acpi_madt *m, const uint8_t *e)
{
	if (m->nmi_count == ACPI_NMIS_MAX) {
		m->entries_ignored++;
		return;
	}
	m->nmi[m->nmi_count++] = (struct acpi_nmi){
		.gsi = acpi_u32(e, 4),
		.flags = acpi_u16(e, 2),
	};
}

/* One entry, known to be as long as its type asks. NULL, or the reason of a refusal. */
static const char *add_entry(struct acpi_madt *m, const uint8_t *e)
{
	switch (e[0]) {
	case MADT_LAPIC:
		/* 5.2.12.2; id 255 is what unused slots of some firmware carry */
		add_cpu(m, e[3], e[2], acpi_u32(e, 4), false);
		return NULL;
	case MADT_X2APIC:
		add_cpu(m, acpi_u32(e, 4), acpi_u32(e, 12), acpi_u32(e, 8), true);
		return NULL;
	case MADT_IOAPIC:
		return add_ioapic(m, e);
	case MADT_OVERRIDE:
		add_override(m, e);
		return NULL;
	case MADT_NMI_SOURCE:
		add_nmi(m, e);
		return NULL;
	case MADT_LAPIC_NMI:
	case MADT_X2APIC_NMI:
		m->lapic_nmi_count++;
		return NULL;
	case MADT_LAPIC_OVERRIDE:
		m->lapic = hpa(acpi_u64(e, 4));
		return NULL;
	default:
		m->entries_ignored++;
		return NULL;
	}
}

int acpi_parse_madt(const void *table, size_t len, struct acpi_madt *out, struct acpi_refusal *why)
{
	const uint8_t *t = table;
	size_t own = 0;
	int ret = acpi_table_check(table, len, "APIC", MADT_ENTRIES, &own, why);

	if (ret != 0) {
		return ret;
	}
	memset(out, 0, sizeof(*out));
	out->lapic = hpa(acpi_u32(t, MADT_LAPIC_ADDRESS));
	out->flags = acpi_u32(t, MADT_FLAGS);
	for (size_t at = MADT_ENTRIES; at < own; at += t[at + 1]) {
		why->offset = (uint32_t)at;
		why->reason = NULL;
		if (own - at < 2 || t[at + 1] < 2) {
			why->reason = "entry without type and length";
		} else if (t[at + 1] > own - at) {
			why->reason = "entry passes the end of the table";
		} else if (t[at + 1] < entry_min(t[at])) {
			why->reason = "entry shorter than its type asks";
		} else {
			why->reason = add_entry(out, t + at);
		}
		if (why->reason != NULL) {
			return -EINVAL;
		}
	}
	if (out->lapic.v == 0 || out->lapic.v > UINT32_MAX || (out->lapic.v & (PAGE_SIZE - 1))) {
		return acpi_refuse(why, "local APIC address is not that of a page below 4 GiB",
				   MADT_LAPIC_ADDRESS);
	}
	if (out->enabled_count == 0) {
		return acpi_refuse(why, "no enabled processor", MADT_ENTRIES);
	}
	return 0;
}
