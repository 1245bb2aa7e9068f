/* SPDX-License-Identifier: MIT */
/*
 * ACPI: the tables that the hardware domain sees in place of the machine's:
 * a new RSDP (ACPI 6.5 5.2.5.3) and XSDT (5.2.8) that names the machine's own
 * tables by address, and a new MADT (5.2.12) with the domain's processors and
 * the machine's IO-APICs and overrides.
 *
 * Left out: the machine's MADTs; DMAR and IVRS, since the IOMMU is ours; HPET,
 * which could write to any address (its FSB routing). No PCAT_COMPAT flag:
 * there is no 8259.
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

#define RSDP_ROOM    48 /* keeps the next table aligned to 16 */
#define TABLE_ALIGN  16u
#define OEM_ID       "TAPROT"
#define OEM_TABLE_ID "TAPROOT "
#define CREATOR_ID   "TAPR"
#define XAPIC_ID_MAX 254u /* 255 is the broadcast id, SDM 3A 11.6.1 */
#define NMI_LINT     1
#define UID_BYTE_MAX 254u /* in a type 4 entry 255 names all processors */

/* Where the writer is; all writes were provided for by acpi_build_size(). */
struct writer {
	uint8_t *buf;
	size_t at;
};

static const char *const hidden[] = {"APIC", "DMAR", "IVRS", "HPET"};

static bool is_hidden(const struct acpi_table *t)
{
	if (!t->top) {
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (memcmp(t->signature, hidden[i], 4) == 0) {
			return true;
		}
	}
	return false;
}

static unsigned visible_count(const struct acpi_host *host)
{
	unsigned count = 0;

	for (unsigned i = 0; i < host->table_count; i++) {
		count += !is_hidden(&host->table[i]);
	}
	return count;
}

static size_t xsdt_size(const struct acpi_host *host)
{
	return SDT_HEADER_LEN + 8 * ((size_t)visible_count(host) + 1);
}

static size_t madt_size_max(const struct acpi_host *host, unsigned vcpus)
{
	return MADT_ENTRIES + (size_t)vcpus * MADT_X2APIC_LEN +
	       (size_t)host->madt.ioapic_count * MADT_IOAPIC_LEN +
	       (size_t)host->madt.override_count * MADT_OVERRIDE_LEN +
	       (size_t)host->madt.nmi_count * MADT_NMI_SOURCE_LEN + MADT_LAPIC_NMI_LEN +
	       MADT_X2APIC_NMI_LEN;
}

size_t acpi_build_size(const struct acpi_host *host, unsigned vcpus)
{
	return RSDP_ROOM + ALIGN_UP(xsdt_size(host), TABLE_ALIGN) +
	       ALIGN_UP(madt_size_max(host, vcpus), TABLE_ALIGN);
}

static void put(struct writer *w, unsigned len, uint64_t value)
{
	acpi_put(w->buf, w->at, len, value);
	w->at += len;
}

static void set_checksum(uint8_t *table, size_t len, size_t where)
{
	uint8_t sum = 0;

	table[where] = 0;
	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + table[i]);
	}
	table[where] = (uint8_t)-sum;
}

/* Start a table; the length and checksum come with end_table(). */
static void start_table(struct writer *w, const char *signature, unsigned revision)
{
	uint8_t *t = w->buf;

	memcpy(t, signature, 4);
	t[SDT_REVISION] = (uint8_t)revision;
	memcpy(t + SDT_OEM_ID, OEM_ID, 6);
	memcpy(t + SDT_OEM_TABLE_ID, OEM_TABLE_ID, 8);
	acpi_put(t, SDT_OEM_REVISION, 4, 1);
	memcpy(t + SDT_CREATOR, CREATOR_ID, 4);
	acpi_put(t, SDT_CREATOR_REV, 4, 1);
	w->at = SDT_HEADER_LEN;
}

static void end_table(struct writer *w)
{
	acpi_put(w->buf, SDT_LENGTH, 4, w->at);
	set_checksum(w->buf, w->at, SDT_CHECKSUM);
}

static void build_rsdp(const struct acpi_host *host, uint8_t *buf, uint64_t xsdt)
{
	memcpy(buf, RSDP_SIGNATURE, 8);
	memcpy(buf + RSDP_OEM, host->rsdp.oem, sizeof(host->rsdp.oem));
	buf[RSDP_REVISION] = 2;
	acpi_put(buf, RSDP_LENGTH, 4, RSDP_V2_LEN);
	acpi_put(buf, RSDP_XSDT, 8, xsdt);
	set_checksum(buf, RSDP_V1_LEN, RSDP_CHECKSUM);
	set_checksum(buf, RSDP_V2_LEN, RSDP_CHECKSUM2);
}

/* Our MADT stands where the machine's first one stood, or at the end. */
static void build_xsdt(const struct acpi_host *host, uint8_t *buf, uint64_t madt)
{
	struct writer w = {.buf = buf};
	bool placed = false;

	start_table(&w, "XSDT", 1);
	for (unsigned i = 0; i < host->table_count; i++) {
		const struct acpi_table *t = &host->table[i];

		if (!placed && t->top && memcmp(t->signature, "APIC", 4) == 0) {
			put(&w, 8, madt);
			placed = true;
		} else if (!is_hidden(t)) {
			put(&w, 8, t->address.v);
		}
	}
	if (!placed) {
		put(&w, 8, madt);
	}
	end_table(&w);
}

/* 5.2.12.2 and 5.2.12.12: the short entry where id and UID fit into it. */
static bool put_cpu(struct writer *w, const struct acpi_build_config *config, unsigned n)
{
	uint32_t id = config->apic_id[n];

	if (config->x2apic || id > XAPIC_ID_MAX || n > UID_BYTE_MAX) {
		put(w, 1, MADT_X2APIC);
		put(w, 1, MADT_X2APIC_LEN);
		put(w, 2, 0);
		put(w, 4, id);
		put(w, 4, MADT_CPU_ENABLED);
		put(w, 4, n);
		return true;
	}
	put(w, 1, MADT_LAPIC);
	put(w, 1, MADT_LAPIC_LEN);
	put(w, 1, n);
	put(w, 1, id);
	put(w, 4, MADT_CPU_ENABLED);
	return false;
}

static void put_routing(struct writer *w, const struct acpi_madt *m)
{
	for (unsigned i = 0; i < m->ioapic_count; i++) {
		put(w, 1, MADT_IOAPIC);
		put(w, 1, MADT_IOAPIC_LEN);
		put(w, 1, m->ioapic[i].id);
		put(w, 1, 0);
		put(w, 4, m->ioapic[i].address.v);
		put(w, 4, m->ioapic[i].gsi_base);
	}
	for (unsigned i = 0; i < m->override_count; i++) {
		put(w, 1, MADT_OVERRIDE);
		put(w, 1, MADT_OVERRIDE_LEN);
		put(w, 1, 0);
		put(w, 1, m->override[i].source);
		put(w, 4, m->override[i].gsi);
		put(w, 2, m->override[i].flags);
	}
	for (unsigned i = 0; i < m->nmi_count; i++) {
		put(w, 1, MADT_NMI_SOURCE);
		put(w, 1, MADT_NMI_SOURCE_LEN);
		put(w, 2, m->nmi[i].flags);
		put(w, 4, m->nmi[i].gsi);
	}
}

/* LINT1 is NMI on all processors, as MPS 1.4 3.6.2.1 wires it. */
static void put_nmi(struct writer *w, bool x2apic_entries)
{
	put(w, 1, MADT_LAPIC_NMI);
	put(w, 1, MADT_LAPIC_NMI_LEN);
	put(w, 1, MADT_UID_ALL);
	put(w, 2, MPS_POLARITY_HIGH | MPS_TRIGGER_EDGE);
	put(w, 1, NMI_LINT);
	if (x2apic_entries) {
		put(w, 1, MADT_X2APIC_NMI);
		put(w, 1, MADT_X2APIC_NMI_LEN);
		put(w, 2, MPS_POLARITY_HIGH | MPS_TRIGGER_EDGE);
		put(w, 4, MADT_X2APIC_UID_ALL);
		put(w, 1, NMI_LINT);
		put(w, 3, 0);
	}
}

static void build_madt(const struct acpi_host *host, const struct acpi_build_config *config,
		       uint8_t *buf)
{
	struct writer w = {.buf = buf};
	bool x2apic_entries = false;

	start_table(&w, "APIC", MADT_REVISION);
	put(&w, 4, config->lapic);
	put(&w, 4, 0);
	for (unsigned n = 0; n < config->vcpus; n++) {
		x2apic_entries |= put_cpu(&w, config, n);
	}
	put_routing(&w, &host->madt);
	put_nmi(&w, x2apic_entries);
	end_table(&w);
}

int acpi_build(const struct acpi_host *host, const struct acpi_build_config *config, void *buf,
	       size_t size, gpa_t place, gpa_t *rsdp)
{
	uint64_t xsdt = place.v + RSDP_ROOM;
	uint64_t madt = xsdt + ALIGN_UP(xsdt_size(host), TABLE_ALIGN);
	uint8_t *bytes = buf;

	if (config->vcpus == 0 || (place.v & (TABLE_ALIGN - 1)) != 0) {
		return -EINVAL;
	}
	if (size < acpi_build_size(host, config->vcpus)) {
		return -ENOSPC;
	}
	memset(buf, 0, size);
	build_rsdp(host, bytes, xsdt);
	build_xsdt(host, bytes + (xsdt - place.v), madt);
	build_madt(host, config, bytes + (madt - place.v));
	*rsdp = place;
	return 0;
}
