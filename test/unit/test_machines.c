// SPDX-License-Identifier: MIT
/*
 * The tables of 421 real machines (../shared/data, beside the repository; a
 * skip where it is absent).
 *
 * Every table is accepted or refused with a named reason, and the counts of
 * both are known: a change of either shows here. Then each machine's tables
 * are laid out in memory as firmware would, read by acpi_host_read(), and the
 * MADT built for the hardware domain is read back and compared with the
 * machine's IO-APICs, overrides, NMI sources and processors.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <taproot/acpi.h>

#include "acpi_make.h"
#include "host_mem.h"

#define ARCHIVE  "../shared/data/acpi-tables.tar.xz"
#define UNPACKED "build/machines/acpi"

#define MACHINES  421
#define FILES_MAX 16
#define SPACING   0x100000u
/* Bit 62: no address that a table of a real machine names. */
#define TABLES_AT 0x4000000000000000ull
#define ROOT_AT   0x5000000000000000ull
#define BUILD_AT  0x3000000ull

struct file {
	char name[16];
	uint8_t *bytes;
	size_t len;
};

struct machine {
	char name[64];
	struct file file[FILES_MAX];
	unsigned count;
};

/* ---- reading them ---- */

static int unpack(void)
{
	static const char command[] =
		"mkdir -p build/machines && tar -C build/machines -xf " ARCHIVE;

	if (access(ARCHIVE, R_OK) != 0) {
		return -1;
	}
	return system(command) == 0 ? 0 : -1;
}

static void load_file(struct machine *m, const char *path, const char *name)
{
	struct file *f = &m->file[m->count++];
	FILE *in = fopen(path, "rb");
	long len;

	assert_true(m->count < FILES_MAX);
	assert_non_null(in);
	assert_int_equal(fseek(in, 0, SEEK_END), 0);
	len = ftell(in);
	assert_true(len > 0);
	rewind(in);
	f->bytes = malloc((size_t)len);
	f->len = (size_t)len;
	assert_int_equal(fread(f->bytes, 1, f->len, in), f->len);
	fclose(in);
	snprintf(f->name, sizeof(f->name), "%.*s", (int)strcspn(name, "."), name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static void load_machine(struct machine *m, const char *folder)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", UNPACKED, folder);
	d = opendir(path);
	assert_non_null(d);
	memset(m, 0, sizeof(*m));
	snprintf(m->name, sizeof(m->name), "%.63s", folder);
	while ((e = readdir(d)) != NULL) {
		if (strstr(e->d_name, ".dat") != NULL) {
			snprintf(path, sizeof(path), "%s/%s/%s", UNPACKED, folder, e->d_name);
			load_file(m, path, e->d_name);
		}
	}
	closedir(d);
	qsort(m->file, m->count, sizeof(m->file[0]), by_name);
}

static void free_machine(struct machine *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		free(m->file[i].bytes);
	}
}

/* Call `check` with every machine; the number of machines. */
static unsigned each_machine(void (*check)(const struct machine *m))
{
	static struct machine m;
	unsigned count = 0;
	struct dirent *e;
	DIR *d = opendir(UNPACKED);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.') {
			continue;
		}
		load_machine(&m, e->d_name);
		check(&m);
		free_machine(&m);
		count++;
	}
	closedir(d);
	return count;
}

/* ---- every table, one by one ---- */

static union {
	struct acpi_madt madt;
	struct acpi_fadt fadt;
	struct acpi_mcfg mcfg;
	struct acpi_hpet hpet;
	struct acpi_srat srat;
	struct acpi_dmar dmar;
} parsed;

static struct {
	unsigned machines_by_ioapics[ACPI_IOAPICS_MAX + 1];
	unsigned partial_windows;
	unsigned windows_left_out;
	unsigned hw_reduced;
	unsigned no_pm_timer;
	unsigned resets;
	unsigned bad_checksums;
} seen;

static int parse_madt(const void *t, size_t len, struct acpi_refusal *why)
{
	int rc = acpi_parse_madt(t, len, &parsed.madt, why);

	if (rc == 0) {
		seen.machines_by_ioapics[parsed.madt.ioapic_count]++;
	}
	return rc;
}

static int parse_fadt(const void *t, size_t len, struct acpi_refusal *why)
{
	int rc = acpi_parse_fadt(t, len, &parsed.fadt, why);

	if (rc == 0) {
		seen.hw_reduced += parsed.fadt.hw_reduced;
		seen.no_pm_timer += parsed.fadt.pm_timer.address == 0;
		seen.resets += parsed.fadt.reset.address != 0;
	}
	return rc;
}

static int parse_mcfg(const void *t, size_t len, struct acpi_refusal *why)
{
	int rc = acpi_parse_mcfg(t, len, &parsed.mcfg, why);

	for (unsigned i = 0; rc == 0 && i < parsed.mcfg.count; i++) {
		seen.partial_windows += parsed.mcfg.ecam[i].bus_last != 255;
	}
	seen.windows_left_out += rc == 0 ? parsed.mcfg.left_out : 0;
	return rc;
}

static int parse_hpet(const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_hpet(t, len, &parsed.hpet, why);
}

static int parse_srat(const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_srat(t, len, &parsed.srat, why);
}

static int parse_dmar(const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_parse_dmar(t, len, &parsed.dmar, why);
}

static int parse_xsdt(const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_root_entries(t, len, 8, why) > 0 ? 0 : -EINVAL;
}

static int parse_rsdt(const void *t, size_t len, struct acpi_refusal *why)
{
	return acpi_root_entries(t, len, 4, why) > 0 ? 0 : -EINVAL;
}

/* IVRS and the rest: the header only. */
static int parse_any(const void *t, size_t len, struct acpi_refusal *why)
{
	size_t own;

	return acpi_table_check(t, len, NULL, 0, &own, why);
}

/* How many tables of each kind there are, and how many are refused. */
static struct kind {
	const char *name; /* of the file, without a number */
	int (*parse)(const void *t, size_t len, struct acpi_refusal *why);
	unsigned expect_accepted;
	unsigned expect_refused;
	unsigned accepted;
	unsigned refused;
} kinds[] = {
	{"apic", parse_madt, 425, 0, 0, 0}, {"facp", parse_fadt, 421, 0, 0, 0},
	{"mcfg", parse_mcfg, 422, 0, 0, 0}, {"hpet", parse_hpet, 411, 0, 0, 0},
	{"srat", parse_srat, 15, 0, 0, 0},  {"dmar", parse_dmar, 214, 1, 0, 0},
	{"xsdt", parse_xsdt, 19, 0, 0, 0},  {"rsdt", parse_rsdt, 20, 0, 0, 0},
	{"ivrs", parse_any, 94, 0, 0, 0},   {"slit", parse_any, 12, 0, 0, 0},
	{"waet", parse_any, 1, 0, 0, 0},
};

static void check_tables(const struct machine *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct file *f = &m->file[i];
		struct acpi_refusal why = {NULL, 0};
		struct kind *k = kinds;

		while (k < kinds + ARRAY_SIZE(kinds) && strncmp(k->name, f->name, 4) != 0) {
			k++;
		}
		assert_true(k < kinds + ARRAY_SIZE(kinds));
		seen.bad_checksums += !acpi_checksum_ok(f->bytes, f->len);
		if (k->parse(f->bytes, f->len, &why) == 0) {
			k->accepted++;
			continue;
		}
		k->refused++;
		assert_non_null(why.reason);
		assert_true(why.offset <= f->len);
		printf("%s %s refused: %s at offset %u\n", m->name, f->name, why.reason,
		       why.offset);
	}
}

static void test_tables(void **state)
{
	(void)state;
	if (unpack() != 0) {
		printf("skip: %s is not there\n", ARCHIVE);
		skip();
	}
	assert_int_equal(each_machine(check_tables), MACHINES);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		printf("%s: %u accepted, %u refused\n", kinds[i].name, kinds[i].accepted,
		       kinds[i].refused);
		assert_int_equal(kinds[i].accepted, kinds[i].expect_accepted);
		assert_int_equal(kinds[i].refused, kinds[i].expect_refused);
	}
	for (unsigned i = 0; i <= ACPI_IOAPICS_MAX; i++) {
		if (seen.machines_by_ioapics[i] != 0) {
			printf("MADTs with %u IO-APICs: %u\n", i, seen.machines_by_ioapics[i]);
		}
	}
	printf("ECAM windows of fewer than 256 buses: %u; left out: %u\n", seen.partial_windows,
	       seen.windows_left_out);
	printf("hardware-reduced: %u; no PM timer: %u; reset register: %u; wrong checksums: %u\n",
	       seen.hw_reduced, seen.no_pm_timer, seen.resets, seen.bad_checksums);
	assert_int_equal(seen.windows_left_out, 0);
	assert_int_equal(seen.machines_by_ioapics[5], 5);
	assert_int_equal(seen.bad_checksums, 0);
}

/* ---- each machine as a whole ---- */

static struct acpi_host host;
static struct acpi_madt madt;
static struct maker root;
static struct maker rsdp;
static uint32_t apic_id[ACPI_CPUS_MAX];
static uint8_t built[65536];
static unsigned with_few_processors;

static const uint8_t dsdt[] = {'D', 'S', 'D', 'T', 36, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			       0,   0,   0,   0,   0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

/* The machine's tables in memory, their addresses in an XSDT, the DSDT where its FADT says. */
static void lay_out(const struct machine *m)
{
	struct acpi_refusal why;
	uint64_t at = TABLES_AT;
	static uint8_t dsdt_bytes[sizeof(dsdt)];

	host_mem_reset();
	memcpy(dsdt_bytes, dsdt, sizeof(dsdt));
	make_start(&root, "XSDT", SDT_HEADER_LEN);
	for (unsigned i = 0; i < m->count; i++) {
		const struct file *f = &m->file[i];

		if (strncmp(f->name, "xsdt", 4) == 0 || strncmp(f->name, "rsdt", 4) == 0) {
			continue;
		}
		assert_true(host_mem_add_window(at, f->bytes, f->len));
		make_put(&root, 8, at);
		at += SPACING;
		if (strcmp(f->name, "facp") == 0) {
			assert_int_equal(acpi_parse_fadt(f->bytes, f->len, &parsed.fadt, &why), 0);
			assert_true(host_mem_add_window(parsed.fadt.dsdt.v, dsdt_bytes,
							sizeof(dsdt_bytes)));
		}
	}
	make_end(&root);
	make_rsdp(&rsdp, 2, 0, ROOT_AT + 0x100000);
	assert_true(host_mem_add_window(ROOT_AT, rsdp.b, rsdp.len));
	assert_true(host_mem_add_window(ROOT_AT + 0x100000, root.b, root.len));
}

/* The entry of a built XSDT that lies in the built buffer is the MADT. */
static void read_back(const struct machine *m, uint64_t rsdp_at)
{
	struct acpi_refusal why;
	struct acpi_rsdp r;
	unsigned madts = 0;
	unsigned others = 0;
	const uint8_t *xsdt;
	int count;

	assert_int_equal(acpi_parse_rsdp(built + (rsdp_at - BUILD_AT), RSDP_V2_LEN, &r, &why), 0);
	xsdt = built + (r.xsdt.v - BUILD_AT);
	count = acpi_root_entries(xsdt, sizeof(built) - (r.xsdt.v - BUILD_AT), 8, &why);
	assert_true(count > 0);
	for (unsigned i = 0; i < (unsigned)count; i++) {
		uint64_t a = acpi_root_entry(xsdt, 8, i).v;
		const uint8_t *t = built + (a - BUILD_AT);

		if (a - BUILD_AT >= sizeof(built)) {
			others++;
			continue;
		}
		assert_int_equal(acpi_parse_madt(t, sizeof(built) - (a - BUILD_AT), &madt, &why),
				 0);
		assert_true(acpi_checksum_ok(t, acpi_u32(t, SDT_LENGTH)));
		madts++;
	}
	assert_int_equal(madts, 1);
	for (unsigned i = 0; i < m->count; i++) {
		static const char *const kept[] = {"facp", "mcfg", "srat", "slit", "waet"};

		for (unsigned j = 0; j < ARRAY_SIZE(kept); j++) {
			others -= strncmp(m->file[i].name, kept[j], 4) == 0;
		}
	}
	assert_int_equal(others, 0);
}

/* A second opinion on what the machine's MADT says, by nothing but its bytes. */
static void count_raw(const struct machine *m)
{
	unsigned cpus = 0;
	unsigned ioapics = 0;
	unsigned overrides = 0;

	for (unsigned i = 0; i < m->count; i++) {
		const struct file *f = &m->file[i];

		if (strcmp(f->name, "apic") != 0) {
			continue;
		}
		for (size_t at = 44; at < f->len; at += f->bytes[at + 1]) {
			const uint8_t *e = f->bytes + at;

			cpus += (e[0] == 0 && (e[4] & 1) != 0) || (e[0] == 9 && (e[8] & 1) != 0);
			ioapics += e[0] == 1;
			overrides += e[0] == 2;
		}
	}
	assert_int_equal(host.madt.enabled_count, cpus);
	assert_int_equal(host.madt.ioapic_count, ioapics);
	assert_int_equal(host.madt.override_count, overrides);
}

static void compare(unsigned vcpus)
{
	const struct acpi_madt *own = &host.madt;

	assert_int_equal(madt.flags & MADT_FLAG_PCAT, 0);
	assert_int_equal(madt.cpu_count, vcpus);
	assert_int_equal(madt.enabled_count, vcpus);
	for (unsigned i = 0; i < vcpus; i++) {
		assert_int_equal(madt.cpu[i].apic_id, apic_id[i]);
		assert_int_equal(madt.cpu[i].uid, i);
	}
	assert_int_equal(madt.ioapic_count, own->ioapic_count);
	for (unsigned i = 0; i < own->ioapic_count; i++) {
		assert_int_equal(madt.ioapic[i].id, own->ioapic[i].id);
		assert_int_equal(madt.ioapic[i].address.v, own->ioapic[i].address.v);
		assert_int_equal(madt.ioapic[i].gsi_base, own->ioapic[i].gsi_base);
	}
	assert_int_equal(madt.override_count, own->override_count);
	for (unsigned i = 0; i < own->override_count; i++) {
		assert_int_equal(madt.override[i].source, own->override[i].source);
		assert_int_equal(madt.override[i].gsi, own->override[i].gsi);
		assert_int_equal(madt.override[i].flags, own->override[i].flags);
	}
	assert_int_equal(madt.nmi_count, own->nmi_count);
	for (unsigned i = 0; i < own->nmi_count; i++) {
		assert_int_equal(madt.nmi[i].gsi, own->nmi[i].gsi);
		assert_int_equal(madt.nmi[i].flags, own->nmi[i].flags);
	}
}

static void check_machine(const struct machine *m)
{
	struct acpi_build_config config = {.apic_id = apic_id, .lapic = 0xfee00000};
	gpa_t at;

	lay_out(m);
	assert_int_equal(acpi_host_read(&host, hpa(ROOT_AT)), 0);
	assert_true(host.has_fadt);
	count_raw(m);
	for (unsigned i = 0; i < host.madt.cpu_count; i++) {
		if (host.madt.cpu[i].enabled) {
			apic_id[config.vcpus++] = host.madt.cpu[i].apic_id;
		}
	}
	assert_int_equal(config.vcpus, host.madt.enabled_count);
	with_few_processors += config.vcpus < 33;
	for (unsigned x2apic = 0; x2apic < 2; x2apic++) {
		size_t size = acpi_build_size(&host, config.vcpus);

		config.x2apic = x2apic != 0;
		assert_true(size <= sizeof(built));
		assert_int_equal(acpi_build(&host, &config, built, size, gpa(BUILD_AT), &at), 0);
		read_back(m, at.v);
		compare(config.vcpus);
	}
}

static void test_machines(void **state)
{
	(void)state;
	if (unpack() != 0) {
		printf("skip: %s is not there\n", ARCHIVE);
		skip();
	}
	assert_int_equal(each_machine(check_machine), MACHINES);
	printf("%u machines, %u of them with at most 32 processors: MADTs agree\n", MACHINES,
	       with_few_processors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
