// SPDX-License-Identifier: MIT
/*
 * The walk over a made-up machine's tables, their extents, and the tables that
 * the hardware domain gets, read back with the same parsers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <taproot/acpi.h>

#include "acpi_make.h"
#include "host_mem.h"

#define AREA      0x7fe0000ull
#define AREA_SIZE 0x20000u
#define BUILD_AT  0x3000000ull

static uint8_t area[AREA_SIZE];
static uint8_t low[0x100000];
static struct acpi_host h;
static struct maker m;
static uint8_t built[65536];

/* Put the table being made at AREA + offset. */
static uint64_t place(size_t offset)
{
	memcpy(area + offset, m.b, m.len);
	return AREA + offset;
}

static int setup(void **state)
{
	(void)state;
	memset(area, 0, sizeof(area));
	memset(low, 0, sizeof(low));
	host_mem_reset();
	assert_true(host_mem_add_window(AREA, area, sizeof(area)));
	assert_true(host_mem_add_window(0, low, sizeof(low)));
	return 0;
}

static uint64_t place_madt(size_t offset)
{
	make_start(&m, "APIC", 36);
	make_put(&m, 4, 0xfee00000);
	make_put(&m, 4, 1);
	make_lapic(&m, 0, 0, 1);
	make_lapic(&m, 1, 1, 1);
	make_ioapic(&m, 2, 0xfec00000, 0);
	make_ioapic(&m, 3, 0xfec10000, 24);
	make_override(&m, 0, 0, 2, 0);
	make_override(&m, 0, 9, 9, 13);
	make_put(&m, 8, 0x1700050803);
	make_end(&m);
	return place(offset);
}

static uint64_t place_plain(const char *signature, size_t offset, size_t len)
{
	make_start(&m, signature, len);
	make_end(&m);
	return place(offset);
}

static uint64_t place_fadt(size_t offset, uint64_t dsdt, uint64_t facs)
{
	make_start(&m, "FACP", 116);
	acpi_put(m.b, FADT_DSDT, 4, dsdt);
	acpi_put(m.b, FADT_FACS, 4, facs);
	make_end(&m);
	return place(offset);
}

/* DSDT with _S5_, FACS, FADT, MADT, HPET, DMAR, SSDT with _S3_; the root table lists them. */
static uint64_t place_machine(unsigned entry_len)
{
	static const char s5[] = "\x08_S5_\x12\x07\x04\x0a\x05\x00\x00\x00";
	static const char s3[] = "\x08_S3_\x12\x06\x04\x01\x01\x00\x00";
	uint64_t entry[7];
	uint64_t dsdt;
	uint64_t facs;

	make_start(&m, "DSDT", 36);
	memcpy(m.b + m.len, s5, sizeof(s5) - 1);
	m.len += sizeof(s5) - 1;
	make_end(&m);
	dsdt = place(0x2010);
	make_start(&m, "FACS", 64);
	acpi_put(m.b, FACS_LENGTH, 4, 64);
	facs = place(0x4000);
	entry[0] = place_fadt(0x100, dsdt, facs);
	entry[1] = place_madt(0x300);
	entry[2] = place_plain("HPET", 0x800, 56);
	area[0x800 + HPET_BASE + GAS_ADDRESS + 2] = 0xd0;
	entry[3] = place_plain("DMAR", 0x900, 48);
	make_start(&m, "SSDT", 36);
	memcpy(m.b + m.len, s3, sizeof(s3) - 1);
	m.len += sizeof(s3) - 1;
	make_end(&m);
	entry[4] = place(0xff0);
	entry[5] = place_plain("IVRS", 0xa00, 48);
	entry[6] = 0; /* firmware leaves empty slots */
	make_start(&m, entry_len == 8 ? "XSDT" : "RSDT", 36);
	for (unsigned i = 0; i < 7; i++) {
		make_put(&m, entry_len, entry[i]);
	}
	make_end(&m);
	return place(0x10000);
}

static bool has(const char *signature, bool top)
{
	for (unsigned i = 0; i < h.table_count; i++) {
		if (strcmp(h.table[i].signature, signature) == 0 && h.table[i].top == top) {
			return true;
		}
	}
	return false;
}

static void check_machine(void)
{
	assert_true(h.has_madt && h.has_fadt && h.has_hpet && h.has_dmar && h.has_ivrs);
	assert_false(h.has_mcfg || h.has_srat || h.has_spcr);
	assert_int_equal(h.table_count, 8);
	assert_true(has("DSDT", false) && has("FACS", false) && has("SSDT", true));
	assert_true(h.s5.known && h.s3.known);
	assert_int_equal(h.s5.typ_a, 5);
	assert_int_equal(h.s3.typ_b, 1);
	assert_int_equal(h.madt.ioapic_count, 2);
}

static void test_xsdt(void **state)
{
	(void)state;
	make_rsdp(&m, 2, 0, place_machine(8));
	assert_int_equal(acpi_host_read(&h, hpa(place(0x20))), 0);
	check_machine();
	assert_int_equal(h.rsdp_address.v, AREA + 0x20);
}

static void test_rsdt_only(void **state)
{
	(void)state;
	make_rsdp(&m, 0, place_machine(4), 0);
	/* Found in the BIOS area, as on QEMU's q35. */
	memcpy(low + 0xf5a40, m.b, m.len);
	assert_int_equal(acpi_host_read(&h, hpa(0)), 0);
	check_machine();
	assert_int_equal(h.rsdp_address.v, 0xf5a40);
	/* The EBDA comes first. */
	acpi_put(low, BDA_EBDA_SEGMENT, 2, 0x9fc0);
	memcpy(low + 0x9fc00 + 0x3e0, m.b, m.len);
	assert_int_equal(acpi_host_read(&h, hpa(0)), 0);
	assert_int_equal(h.rsdp_address.v, 0x9fc00 + 0x3e0);
	/* A wrong address from the loader is no disaster. */
	assert_int_equal(acpi_host_read(&h, hpa(0xdead0000)), 0);
}

static void test_bad_xsdt_falls_back(void **state)
{
	uint64_t rsdt = place_machine(4);

	(void)state;
	make_rsdp(&m, 2, rsdt, AREA + 0x300); /* that is the MADT */
	assert_int_equal(acpi_host_read(&h, hpa(place(0x20))), 0);
	check_machine();
}

static void test_nothing(void **state)
{
	(void)state;
	assert_int_equal(acpi_host_read(&h, hpa(0)), -ENOENT);
	make_rsdp(&m, 2, 0x1234, 0x5678);
	assert_int_equal(acpi_host_read(&h, hpa(place(0x20))), -ENOENT);
	make_start(&m, "XSDT", 36);
	make_put(&m, 8, AREA + 0x1fff0); /* a table that runs out of memory */
	make_put(&m, 8, UINT64_MAX - 8);
	make_put(&m, 8, AREA + 0x18000); /* no table */
	make_end(&m);
	make_rsdp(&m, 2, 0, place(0x10000));
	assert_int_equal(acpi_host_read(&h, hpa(place(0x20))), -EINVAL);
	assert_int_equal(h.table_count, 0);
}

static void test_extents(void **state)
{
	struct acpi_extent e[8];

	(void)state;
	make_rsdp(&m, 2, 0, place_machine(8));
	assert_int_equal(acpi_host_read(&h, hpa(place(0x20))), 0);
	/* 0x100.., SSDT over 0x1000, DSDT in 0x2000: joined; the FACS at 0x4000 apart. */
	assert_int_equal(acpi_host_extents(&h, e, 8), 2);
	assert_int_equal(e[0].start.v, AREA);
	assert_int_equal(e[0].end.v, AREA + 0x3000);
	assert_int_equal(e[1].start.v, AREA + 0x4000);
	assert_int_equal(e[1].end.v, AREA + 0x5000);
	assert_int_equal(acpi_host_extents(&h, e, 1), 1);
	assert_int_equal(e[0].start.v, AREA);
	assert_int_equal(e[0].end.v, AREA + 0x5000);
	assert_int_equal(acpi_host_extents(&h, e, 0), 0);
}

static void test_extents_order(void **state)
{
	static const uint64_t page[] = {9, 1, 5, 3, 7, 4, 2};
	struct acpi_extent e[8];

	(void)state;
	memset(&h, 0, sizeof(h));
	for (unsigned i = 0; i < 5; i++) {
		h.table[h.table_count].address = hpa(page[i] * 4096 + 4000);
		h.table[h.table_count++].length = 96;
	}
	/* Five pages apart, room for four: all are covered all the same. */
	assert_int_equal(acpi_host_extents(&h, e, 4), 4);
	for (unsigned i = 0; i < 5; i++) {
		bool covered = false;

		for (unsigned j = 0; j < 4; j++) {
			covered |= e[j].start.v <= page[i] * 4096 && e[j].end.v > page[i] * 4096;
		}
		assert_true(covered);
	}
	for (unsigned i = 5; i < 7; i++) {
		h.table[h.table_count].address = hpa(page[i] * 4096);
		h.table[h.table_count++].length = 4096;
	}
	assert_int_equal(acpi_host_extents(&h, e, 8), 3);
	assert_int_equal(e[0].start.v, 4096);
	assert_int_equal(e[0].end.v, 6 * 4096);
}

/* The MADT that the built XSDT names. */
static void read_built(gpa_t rsdp, struct acpi_madt *madt, unsigned *tables)
{
	struct acpi_refusal why;
	struct acpi_rsdp r;
	const uint8_t *xsdt;
	unsigned madts = 0;
	int count;

	assert_int_equal(acpi_parse_rsdp(built + (rsdp.v - BUILD_AT), RSDP_V2_LEN, &r, &why), 0);
	assert_int_equal(r.revision, 2);
	assert_int_equal(r.rsdt.v, 0);
	xsdt = built + (r.xsdt.v - BUILD_AT);
	count = acpi_root_entries(xsdt, sizeof(built), 8, &why);
	assert_true(count > 0);
	assert_true(acpi_checksum_ok(xsdt, acpi_u32(xsdt, SDT_LENGTH)));
	*tables = (unsigned)count;
	for (unsigned i = 0; i < (unsigned)count; i++) {
		hpa_t a = acpi_root_entry(xsdt, 8, i);

		if (a.v - BUILD_AT < sizeof(built)) {
			const uint8_t *t = built + (a.v - BUILD_AT);

			assert_true(acpi_checksum_ok(t, acpi_u32(t, SDT_LENGTH)));
			assert_int_equal(
				acpi_parse_madt(t, sizeof(built) - (a.v - BUILD_AT), madt, &why),
				0);
			madts++;
		} else {
			assert_memory_not_equal(area + (a.v - AREA), "APIC", 4);
			assert_memory_not_equal(area + (a.v - AREA), "HPET", 4);
			assert_memory_not_equal(area + (a.v - AREA), "DMAR", 4);
			assert_memory_not_equal(area + (a.v - AREA), "IVRS", 4);
		}
	}
	assert_int_equal(madts, 1);
}

static void test_build(void **state)
{
	static const uint32_t id[] = {0, 1, 255, 300};
	struct acpi_build_config config = {.vcpus = 4, .apic_id = id, .lapic = 0xfee00000};
	static struct acpi_madt a;
	unsigned tables;
	gpa_t rsdp;
	size_t size;

	(void)state;
	make_rsdp(&m, 0, place_machine(4), 0);
	memcpy(low + 0xe0000, m.b, m.len);
	assert_int_equal(acpi_host_read(&h, hpa(0xe0000)), 0);
	size = acpi_build_size(&h, 4);
	assert_true(size < sizeof(built));
	assert_int_equal(acpi_build(&h, &config, built, size - 1, gpa(BUILD_AT), &rsdp), -ENOSPC);
	assert_int_equal(acpi_build(&h, &config, built, size, gpa(BUILD_AT + 8), &rsdp), -EINVAL);
	assert_int_equal(acpi_build(&h, &config, built, size, gpa(BUILD_AT), &rsdp), 0);
	read_built(rsdp, &a, &tables);
	assert_int_equal(tables, 3); /* FADT, SSDT, ours */
	assert_int_equal(a.flags, 0);
	assert_int_equal(a.cpu_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(a.cpu[i].apic_id, id[i]);
		assert_int_equal(a.cpu[i].uid, i);
		assert_int_equal(a.cpu[i].x2apic_entry, id[i] >= 255);
		assert_true(a.cpu[i].enabled);
	}
	assert_int_equal(a.ioapic_count, 2);
	assert_int_equal(a.override_count, 2);
	assert_int_equal(a.nmi_count, 1);
	assert_int_equal(a.lapic_nmi_count, 2);
	config.x2apic = true;
	assert_int_equal(acpi_build(&h, &config, built, size, gpa(BUILD_AT), &rsdp), 0);
	read_built(rsdp, &a, &tables);
	assert_true(a.cpu[0].x2apic_entry);
	config.vcpus = 0;
	assert_int_equal(acpi_build(&h, &config, built, size, gpa(BUILD_AT), &rsdp), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_xsdt, setup),
		cmocka_unit_test_setup(test_rsdt_only, setup),
		cmocka_unit_test_setup(test_bad_xsdt_falls_back, setup),
		cmocka_unit_test_setup(test_nothing, setup),
		cmocka_unit_test_setup(test_extents, setup),
		cmocka_unit_test_setup(test_extents_order, setup),
		cmocka_unit_test_setup(test_build, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
