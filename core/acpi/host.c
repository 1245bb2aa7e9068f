/* SPDX-License-Identifier: MIT */
/*
 * ACPI: the machine's tables, all of them.
 *
 * Finds the RSDP (given by the loader, or ACPI 6.5 5.2.5.1: EBDA, BIOS area),
 * walks XSDT or RSDT (5.2.7, 5.2.8), hands each table to its parser and keeps
 * address and length of every table for the hardware domain. Memory is seen
 * through arch_phys_view() only. Runs once, at boot.
 *
 * Not supported: tables that AML loads; a second table of a kind that exists
 * once (the first counts, as for operating systems).
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/log.h>
#include <taproot/string.h>

#define ROOT_ENTRIES_MAX 1024

/* The whole table at `a`, its header checked; NULL: refused, and why. */
static const void *view_table(hpa_t a, const char *signature, size_t *len, struct acpi_refusal *why)
{
	const void *header = arch_phys_view(a, SDT_HEADER_LEN);
	const void *table;
	uint32_t own;

	if (header == NULL) {
		acpi_refuse(why, "no memory at its address", 0);
		return NULL;
	}
	own = acpi_u32(header, SDT_LENGTH);
	if (own > ACPI_TABLE_LEN_MAX || a.v + own < a.v) {
		acpi_refuse(why, "longer than any table", SDT_LENGTH);
		return NULL;
	}
	if (acpi_table_check(header, MAX(own, SDT_HEADER_LEN), signature, SDT_HEADER_LEN, len,
			     why) != 0) {
		return NULL;
	}
	table = arch_phys_view(a, *len);
	if (table == NULL) {
		acpi_refuse(why, "its end lies outside memory", SDT_LENGTH);
	}
	return table;
}

static int find_in(hpa_t start, size_t len, struct acpi_rsdp *out, hpa_t *where)
{
	const uint8_t *area = arch_phys_view(start, len);
	struct acpi_refusal why;

	if (area == NULL) {
		return -ENOENT;
	}
	for (size_t at = 0; at + RSDP_V1_LEN <= len; at += RSDP_SCAN_STEP) {
		if (acpi_parse_rsdp(area + at, len - at, out, &why) == 0) {
			*where = hpa(start.v + at);
			return 0;
		}
	}
	return -ENOENT;
}

static int find_rsdp(struct acpi_host *h, hpa_t given)
{
	struct acpi_refusal why = {"no memory at its address", 0};
	const void *p;
	hpa_t ebda;

	if (given.v != 0) {
		p = arch_phys_view(given, RSDP_V2_LEN);
		if (p != NULL && acpi_parse_rsdp(p, RSDP_V2_LEN, &h->rsdp, &why) == 0) {
			h->rsdp_address = given;
			return 0;
		}
		log_notice("acpi: RSDP given at %#llx refused: %s at offset %u; searching one",
			   (unsigned long long)given.v, why.reason, why.offset);
	}
	p = arch_phys_view(hpa(BDA_EBDA_SEGMENT), 2);
	ebda = hpa(p == NULL ? 0 : (uint64_t)acpi_u16(p, 0) << 4);
	if (ebda.v != 0 && find_in(ebda, EBDA_SCAN_LEN, &h->rsdp, &h->rsdp_address) == 0) {
		return 0;
	}
	if (find_in(hpa(BIOS_SCAN_START), BIOS_SCAN_LEN, &h->rsdp, &h->rsdp_address) == 0) {
		return 0;
	}
	log_error("acpi: no RSDP in the EBDA nor at 0xe0000..0xfffff; "
		  "on a UEFI machine use a loader that hands it over");
	return -ENOENT;
}

/* Note a table for the hardware domain. */
static bool keep(struct acpi_host *h, hpa_t a, const char *signature, size_t len, bool top)
{
	struct acpi_table *t;

	for (unsigned i = 0; i < h->table_count; i++) {
		if (h->table[i].address.v == a.v) {
			return false;
		}
	}
	if (h->table_count == ACPI_TABLES_MAX) {
		log_notice("acpi: table %.4s left out: more than %u tables", signature,
			   ACPI_TABLES_MAX);
		return false;
	}
	t = &h->table[h->table_count++];
	t->address = a;
	t->length = (uint32_t)len;
	t->top = top;
	for (unsigned i = 0; i < 4; i++) {
		t->signature[i] = signature[i] > ' ' && signature[i] <= '~' ? signature[i] : '?';
	}
	return true;
}

/* ---- one line per kind of table ---- */

static int read_madt(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_madt(t, len, &h->madt, why);
}

static int read_fadt(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_fadt(t, len, &h->fadt, why);
}

static int read_mcfg(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_mcfg(t, len, &h->mcfg, why);
}

static int read_hpet(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_hpet(t, len, &h->hpet, why);
}

static int read_srat(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_srat(t, len, &h->srat, why);
}

static int read_dmar(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_dmar(t, len, &h->dmar, why);
}

static int read_spcr(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_spcr(t, len, &h->spcr, why);
}

static int read_ivrs(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why)
{
	(void)h;
	(void)t;
	(void)len;
	(void)why;
	return 0;
}

static const struct {
	const char *signature;
	int (*read)(struct acpi_host *h, const void *t, size_t len, struct acpi_refusal *why);
	size_t present; /* offset of the flag in struct acpi_host */
} readers[] = {
	{"APIC", read_madt, offsetof(struct acpi_host, has_madt)},
	{"FACP", read_fadt, offsetof(struct acpi_host, has_fadt)},
	{"MCFG", read_mcfg, offsetof(struct acpi_host, has_mcfg)},
	{"HPET", read_hpet, offsetof(struct acpi_host, has_hpet)},
	{"SRAT", read_srat, offsetof(struct acpi_host, has_srat)},
	{"DMAR", read_dmar, offsetof(struct acpi_host, has_dmar)},
	{"SPCR", read_spcr, offsetof(struct acpi_host, has_spcr)},
	{"IVRS", read_ivrs, offsetof(struct acpi_host, has_ivrs)},
};

static void read_table(struct acpi_host *h, const char *signature, const void *t, size_t len)
{
	struct acpi_refusal why = {NULL, 0};

	for (unsigned i = 0; i < ARRAY_SIZE(readers); i++) {
		bool *present = (bool *)((uint8_t *)h + readers[i].present);

		if (memcmp(signature, readers[i].signature, 4) != 0) {
			continue;
		}
		if (*present) {
			log_notice("acpi: a second %.4s is ignored", signature);
		} else if (readers[i].read(h, t, len, &why) == 0) {
			*present = true;
		} else {
			log_notice("acpi: table %.4s refused: %s at offset %u", signature,
				   why.reason, why.offset);
		}
		return;
	}
}

/* The sleep types in one AML table; the first that has them counts. */
static void read_sleep(struct acpi_host *h, const void *t, size_t len)
{
	const uint8_t *aml = (const uint8_t *)t + SDT_HEADER_LEN;
	size_t left = len - SDT_HEADER_LEN;

	if (!h->s3.known) {
		h->s3.known = acpi_find_sleep_type(aml, left, '3', &h->s3.typ_a, &h->s3.typ_b) == 0;
	}
	if (!h->s5.known) {
		h->s5.known = acpi_find_sleep_type(aml, left, '5', &h->s5.typ_a, &h->s5.typ_b) == 0;
	}
}

/* A table named by the root table (top) or a DSDT. */
static void take_table(struct acpi_host *h, hpa_t a, const char *expected, bool top)
{
	struct acpi_refusal why = {NULL, 0};
	size_t len = 0;
	const void *t;
	char signature[4];

	if (a.v == 0) {
		return;
	}
	t = view_table(a, expected, &len, &why);
	if (t == NULL) {
		log_notice("acpi: table at %#llx refused: %s at offset %u", (unsigned long long)a.v,
			   why.reason, why.offset);
		return;
	}
	memcpy(signature, t, sizeof(signature));
	if (!keep(h, a, signature, len, top)) {
		return;
	}
	log_info("acpi: %.4s at %#llx, %zu bytes%s", h->table[h->table_count - 1].signature,
		 (unsigned long long)a.v, len,
		 acpi_checksum_ok(t, len) ? "" : ", wrong checksum (used all the same)");
	if (top) {
		read_table(h, signature, t, len);
	}
	if (memcmp(signature, "DSDT", 4) == 0 || memcmp(signature, "SSDT", 4) == 0) {
		read_sleep(h, t, len);
	}
}

/* The FACS has no common header: ACPI 6.5 5.2.10. */
static void take_facs(struct acpi_host *h, hpa_t a)
{
	const void *p = a.v == 0 ? NULL : arch_phys_view(a, FACS_MIN);
	uint32_t len = p == NULL ? 0 : acpi_u32(p, FACS_LENGTH);

	if (a.v == 0) {
		return;
	}
	if (p == NULL || memcmp(p, "FACS", 4) != 0 || len < FACS_MIN || len > PAGE_SIZE) {
		log_notice("acpi: no FACS at %#llx", (unsigned long long)a.v);
		return;
	}
	if (keep(h, a, "FACS", len, false)) {
		log_info("acpi: FACS at %#llx, %u bytes", (unsigned long long)a.v, len);
	}
}

/* Walk one root table. False: it cannot be used. */
static bool walk_root(struct acpi_host *h, hpa_t root, unsigned entry_len)
{
	const char *name = entry_len == 8 ? "XSDT" : "RSDT";
	struct acpi_refusal why = {NULL, 0};
	size_t len = 0;
	const void *t;
	int count;

	if (root.v == 0) {
		return false;
	}
	t = view_table(root, name, &len, &why);
	count = t == NULL ? -EINVAL : acpi_root_entries(t, len, entry_len, &why);
	if (count < 0) {
		log_notice("acpi: %s at %#llx refused: %s at offset %u", name,
			   (unsigned long long)root.v, why.reason, why.offset);
		return false;
	}
	if (count > ROOT_ENTRIES_MAX) {
		log_notice("acpi: %s with %d entries, the first %u are used", name, count,
			   ROOT_ENTRIES_MAX);
		count = ROOT_ENTRIES_MAX;
	}
	log_info("acpi: RSDP revision %u at %#llx, %s at %#llx with %d tables", h->rsdp.revision,
		 (unsigned long long)h->rsdp_address.v, name, (unsigned long long)root.v, count);
	for (unsigned i = 0; i < (unsigned)count; i++) {
		take_table(h, acpi_root_entry(t, entry_len, i), NULL, true);
	}
	return true;
}

static void log_facts(const struct acpi_host *h)
{
	const struct acpi_madt *m = &h->madt;

	log_info("acpi: %u of %u processors enabled, %u overrides, %u NMI sources",
		 m->enabled_count, m->cpu_count + m->cpus_left_out, m->override_count,
		 m->nmi_count);
	for (unsigned i = 0; i < m->ioapic_count; i++) {
		log_info("acpi: IO-APIC id %u at %#llx, GSI from %u", m->ioapic[i].id,
			 (unsigned long long)m->ioapic[i].address.v, m->ioapic[i].gsi_base);
	}
	for (unsigned i = 0; i < h->mcfg.count; i++) {
		log_info("acpi: ECAM segment %u buses %u-%u, bus 0 at %#llx",
			 h->mcfg.ecam[i].segment, h->mcfg.ecam[i].bus_first,
			 h->mcfg.ecam[i].bus_last, (unsigned long long)h->mcfg.ecam[i].bus0.v);
	}
	if (h->mcfg.left_out != 0) {
		log_notice("acpi: MCFG: %u windows left out, the first: %s at offset %u",
			   h->mcfg.left_out, h->mcfg.first.reason, h->mcfg.first.offset);
	}
	if (!h->has_fadt) {
		log_notice("acpi: no usable FADT: no PM timer, no power-off");
	}
	if (m->ioapic_count == 0) {
		log_notice("acpi: no IO-APIC: devices have message-signalled interrupts only");
	}
}

int acpi_host_read(struct acpi_host *out, hpa_t rsdp)
{
	int ret;

	memset(out, 0, sizeof(*out));
	ret = find_rsdp(out, rsdp);
	if (ret != 0) {
		return ret;
	}
	if (!walk_root(out, out->rsdp.xsdt, 8) && !walk_root(out, out->rsdp.rsdt, 4)) {
		log_error("acpi: neither XSDT nor RSDT can be used; the firmware's tables are "
			  "broken");
		return -ENOENT;
	}
	if (out->has_fadt) {
		take_table(out, out->fadt.dsdt, "DSDT", false);
		take_table(out, out->fadt.dsdt_legacy, "DSDT", false);
		take_facs(out, out->fadt.facs);
		take_facs(out, out->fadt.facs_legacy);
	}
	if (!out->has_madt) {
		log_error("acpi: no usable MADT: the processors and interrupt controllers are "
			  "unknown");
		return -EINVAL;
	}
	log_facts(out);
	return 0;
}
