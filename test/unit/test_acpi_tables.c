// SPDX-License-Identifier: MIT
/*
 * The parsers of core/acpi, one table at a time: what they read, and each
 * reason for which they refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <taproot/acpi.h>

#include "acpi_make.h"

static struct maker m;
static struct acpi_refusal why;

/* The parser gets an allocation of exactly the table's bytes: ASan sees the first one too far. */
#define PARSE(parser, out)                                                                         \
	({                                                                                         \
		uint8_t *copy_ = malloc(m.len + !m.len);                                           \
		int rc_;                                                                           \
		memcpy(copy_, m.b, m.len);                                                         \
		rc_ = parser(copy_, m.len, out, &why);                                             \
		free(copy_);                                                                       \
		rc_;                                                                               \
	})

#define REFUSED(parser, out, text, where)                                                          \
	do {                                                                                       \
		assert_int_equal(PARSE(parser, out), -EINVAL);                                     \
		assert_string_equal(why.reason, text);                                             \
		assert_int_equal(why.offset, where);                                               \
	} while (0)

static void test_rsdp(void **state)
{
	struct acpi_rsdp r;

	(void)state;
	make_rsdp(&m, 0, 0x7fe0000, 0);
	assert_int_equal(PARSE(acpi_parse_rsdp, &r), 0);
	assert_int_equal(r.rsdt.v, 0x7fe0000);
	assert_int_equal(r.xsdt.v, 0);
	make_rsdp(&m, 2, 0, 0x123456789a0);
	assert_int_equal(PARSE(acpi_parse_rsdp, &r), 0);
	assert_int_equal(r.xsdt.v, 0x123456789a0);
	assert_memory_equal(r.oem, "TESTER", 6);
}

static void test_rsdp_refused(void **state)
{
	struct acpi_rsdp r;

	(void)state;
	make_rsdp(&m, 2, 1, 2);
	m.len = 19;
	REFUSED(acpi_parse_rsdp, &r, "shorter than an RSDP", 19);
	m.len = 20;
	REFUSED(acpi_parse_rsdp, &r, "shorter than a revision 2 RSDP", 20);
	m.len = 36;
	m.b[30] ^= 1;
	REFUSED(acpi_parse_rsdp, &r, "wrong extended checksum", 32);
	m.b[18] ^= 1;
	REFUSED(acpi_parse_rsdp, &r, "wrong checksum", 8);
	m.b[0] = 'r';
	REFUSED(acpi_parse_rsdp, &r, "wrong signature", 0);
	make_rsdp(&m, 2, 1, 2);
	acpi_put(m.b, RSDP_LENGTH, 4, 37);
	REFUSED(acpi_parse_rsdp, &r, "length field out of bounds", 20);
	make_rsdp(&m, 0, 0, 0);
	REFUSED(acpi_parse_rsdp, &r, "names neither RSDT nor XSDT", 16);
}

static void test_root(void **state)
{
	(void)state;
	make_start(&m, "RSDT", 36);
	make_put(&m, 4, 0x1000);
	make_put(&m, 4, 0xfffff000);
	make_put(&m, 2, 1); /* half an entry is none */
	make_end(&m);
	assert_int_equal(acpi_root_entries(m.b, m.len, 4, &why), 2);
	assert_int_equal(acpi_root_entry(m.b, 4, 1).v, 0xfffff000);
	assert_int_equal(acpi_root_entries(m.b, m.len, 8, &why), -EINVAL);
	make_start(&m, "XSDT", 36);
	make_put(&m, 8, 0x123456789000);
	make_end(&m);
	assert_int_equal(acpi_root_entries(m.b, m.len, 8, &why), 1);
	assert_int_equal(acpi_root_entry(m.b, 8, 0).v, 0x123456789000);
	assert_true(acpi_checksum_ok(m.b, m.len));
	acpi_put(m.b, SDT_LENGTH, 4, 35);
	assert_int_equal(acpi_root_entries(m.b, m.len, 8, &why), -EINVAL);
	assert_string_equal(why.reason, "length field below the minimum of its kind");
}

static void madt_start(void)
{
	make_start(&m, "APIC", 36);
	make_put(&m, 4, 0xfee00000);
	make_put(&m, 4, MADT_FLAG_PCAT);
	make_lapic(&m, 0, 0, 1);
}

static void test_madt(void **state)
{
	static struct acpi_madt a;

	(void)state;
	madt_start();
	make_lapic(&m, 1, 2, 0);
	make_lapic(&m, 2, 4, 2);
	make_x2apic(&m, 3, 0x12345, 1);
	make_x2apic(&m, 0, 0, 1); /* the processor listed already */
	make_ioapic(&m, 8, 0xfec00000, 0);
	make_ioapic(&m, 9, 0xfec01000, 24);
	make_override(&m, 0, 0, 2, 0);
	make_override(&m, 0, 9, 9, 13);
	make_override(&m, 0, 9, 20, 15); /* replaces */
	make_override(&m, 1, 5, 5, 0);   /* not ISA */
	make_override(&m, 0, 16, 5, 0);  /* no such source */
	make_put(&m, 8, 0x1700050803);   /* NMI source, flags 5, GSI 23 */
	make_put(&m, 6, 0x010005ff0604); /* LAPIC NMI, all, flags 5, LINT1 */
	make_put(&m, 4, 0x00000c05);     /* LAPIC address override */
	make_put(&m, 8, 0xfed00000);
	make_put(&m, 4, 0xeeee047f); /* padding type */
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_madt, &a), 0);
	assert_int_equal(a.lapic.v, 0xfed00000);
	assert_int_equal(a.flags, 1);
	assert_int_equal(a.cpu_count, 4);
	assert_int_equal(a.enabled_count, 2);
	assert_true(a.cpu[2].online_capable && !a.cpu[2].enabled);
	assert_int_equal(a.cpu[3].apic_id, 0x12345);
	assert_int_equal(a.cpu[3].uid, 3);
	assert_true(a.cpu[3].x2apic_entry);
	assert_int_equal(a.ioapic_count, 2);
	assert_int_equal(a.ioapic[1].address.v, 0xfec01000);
	assert_int_equal(a.ioapic[1].gsi_base, 24);
	assert_int_equal(a.ioapic[1].id, 9);
	assert_int_equal(a.override_count, 2);
	assert_int_equal(a.override[1].gsi, 20);
	assert_int_equal(a.override[1].flags, 15);
	assert_int_equal(a.nmi_count, 1);
	assert_int_equal(a.nmi[0].gsi, 23);
	assert_int_equal(a.nmi[0].flags, 5);
	assert_int_equal(a.lapic_nmi_count, 1);
	assert_int_equal(a.entries_ignored, 4);
}

static void test_madt_refused(void **state)
{
	static struct acpi_madt a;

	(void)state;
	madt_start();
	make_end(&m);
	m.len = 20;
	REFUSED(acpi_parse_madt, &a, "shorter than a table header", 20);
	m.len = 51;
	REFUSED(acpi_parse_madt, &a, "length field beyond the bytes there are", 4);
	acpi_put(m.b, SDT_LENGTH, 4, 43);
	REFUSED(acpi_parse_madt, &a, "length field below the minimum of its kind", 4);
	madt_start();
	make_put(&m, 1, 0);
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "entry without type and length", 52);
	make_put(&m, 1, 0);
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "entry without type and length", 52);
	m.b[53] = 3;
	REFUSED(acpi_parse_madt, &a, "entry passes the end of the table", 52);
	m.b[53] = 2;
	REFUSED(acpi_parse_madt, &a, "entry shorter than its type asks", 52);
	madt_start();
	m.b[48] = 0;
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "no enabled processor", 44);
	madt_start();
	acpi_put(m.b, MADT_LAPIC_ADDRESS, 4, 0xfee00100);
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "local APIC address is not that of a page below 4 GiB", 36);
}

static void test_madt_ioapics(void **state)
{
	static struct acpi_madt a;

	(void)state;
	madt_start();
	make_ioapic(&m, 1, 0xfec00010, 0);
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "IO-APIC address is not that of a page", 52);
	madt_start();
	make_ioapic(&m, 1, 0xfec00000, 0);
	make_ioapic(&m, 2, 0xfec00000, 24);
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "two IO-APICs at one address", 64);
	madt_start();
	make_ioapic(&m, 1, 0xfec00000, 24);
	make_ioapic(&m, 2, 0xfec01000, 24);
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "two IO-APICs with one GSI base", 64);
	madt_start();
	for (unsigned i = 0; i <= ACPI_IOAPICS_MAX; i++) {
		make_ioapic(&m, i, 0xfec00000 + i * 4096, i * 24);
	}
	make_end(&m);
	REFUSED(acpi_parse_madt, &a, "more IO-APICs than supported", 52 + ACPI_IOAPICS_MAX * 12);
}

static void test_madt_many_cpus(void **state)
{
	static struct acpi_madt a;

	(void)state;
	madt_start();
	for (unsigned i = 1; i < ACPI_CPUS_MAX + 3; i++) {
		make_x2apic(&m, i, i, 1);
	}
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_madt, &a), 0);
	assert_int_equal(a.cpu_count, ACPI_CPUS_MAX);
	assert_int_equal(a.cpus_left_out, 3);
}

static void fadt_start(unsigned len)
{
	make_start(&m, "FACP", len);
	acpi_put(m.b, FADT_FACS, 4, 0x1000);
	acpi_put(m.b, FADT_DSDT, 4, 0x2000);
	acpi_put(m.b, FADT_SMI_CMD, 4, 0xb2);
	m.b[FADT_ACPI_ENABLE] = 0xa0;
	acpi_put(m.b, FADT_SCI_INT, 2, 9);
	acpi_put(m.b, FADT_PM1A_EVT, 4, 0x600);
	acpi_put(m.b, FADT_PM1A_CNT, 4, 0x604);
	acpi_put(m.b, FADT_PM_TMR, 4, 0x608);
	m.b[FADT_PM1_EVT_LEN] = 4;
	m.b[FADT_PM1_CNT_LEN] = 2;
	m.b[FADT_PM_TMR_LEN] = 4;
	acpi_put(m.b, FADT_BOOT_ARCH, 2, 3);
	acpi_put(m.b, FADT_FLAGS, 4, FADT_FLAG_TMR_32BIT | FADT_FLAG_RESET);
	make_end(&m);
}

static void put_gas(size_t at, unsigned space, unsigned width, uint64_t address)
{
	m.b[at + GAS_SPACE] = (uint8_t)space;
	m.b[at + GAS_WIDTH] = (uint8_t)width;
	acpi_put(m.b, at + GAS_ADDRESS, 8, address);
}

static void test_fadt(void **state)
{
	struct acpi_fadt f;

	(void)state;
	fadt_start(FADT_V1_LEN);
	assert_int_equal(PARSE(acpi_parse_fadt, &f), 0);
	assert_int_equal(f.pm_timer.address, 0x608);
	assert_int_equal(f.pm_timer.len, 4);
	assert_int_equal(f.pm_timer.space, 1);
	assert_true(f.pm_timer_32bit);
	assert_int_equal(f.boot_arch, 0);
	assert_int_equal(f.reset.address, 0);
	assert_int_equal(f.dsdt.v, 0x2000);
	assert_int_equal(f.facs.v, 0x1000);
	assert_int_equal(f.smi_cmd, 0xb2);
	assert_int_equal(f.acpi_enable, 0xa0);
	assert_int_equal(f.pm1b_control.address, 0);
	fadt_start(276);
	put_gas(FADT_RESET_REG, 1, 8, 0xcf9);
	m.b[FADT_RESET_VALUE] = 6;
	put_gas(FADT_X_PM1A_CNT, 1, 16, 0x804);
	put_gas(FADT_X_PM_TMR, 0, 32, 0x1fed40000);
	put_gas(FADT_SLEEP_CONTROL, 1, 8, 0x700);
	acpi_put(m.b, FADT_X_DSDT, 8, 0x123450000);
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_fadt, &f), 0);
	assert_int_equal(f.reset.address, 0xcf9);
	assert_int_equal(f.reset_value, 6);
	assert_int_equal(f.pm1a_event.address, 0x600);
	assert_int_equal(f.pm1a_control.address, 0x804);
	assert_int_equal(f.pm1a_control.len, 2);
	assert_int_equal(f.pm_timer.address, 0x1fed40000);
	assert_int_equal(f.pm_timer.space, 0);
	assert_int_equal(f.sleep_control.address, 0x700);
	assert_int_equal(f.boot_arch, 3);
	assert_int_equal(f.dsdt.v, 0x123450000);
	assert_int_equal(f.dsdt_legacy.v, 0x2000);
	assert_int_equal(f.facs_legacy.v, 0);
}

static void test_fadt_odd(void **state)
{
	struct acpi_fadt f;

	(void)state;
	fadt_start(276);
	acpi_put(m.b, FADT_FLAGS, 4, FADT_FLAG_HW_REDUCED | FADT_FLAG_RESET);
	put_gas(FADT_RESET_REG, 3, 8, 0xcf9); /* SMBus */
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_fadt, &f), 0);
	assert_true(f.hw_reduced);
	assert_int_equal(f.pm_timer.address, 0);
	assert_int_equal(f.reset.address, 0);
	fadt_start(276);
	acpi_put(m.b, FADT_PM_TMR, 4, 0x12345678); /* no port */
	acpi_put(m.b, FADT_DSDT, 4, 0);
	make_end(&m);
	REFUSED(acpi_parse_fadt, &f, "names no DSDT", FADT_DSDT);
	fadt_start(115);
	REFUSED(acpi_parse_fadt, &f, "length field below the minimum of its kind", 4);
}

static void put_window(uint64_t base, unsigned segment, unsigned first, unsigned last)
{
	make_put(&m, 8, base);
	make_put(&m, 2, segment);
	make_put(&m, 1, first);
	make_put(&m, 1, last);
	make_put(&m, 4, 0);
}

static void test_mcfg(void **state)
{
	static struct acpi_mcfg c;

	(void)state;
	make_start(&m, "MCFG", 44);
	put_window(0xe0000000, 0, 0, 63);
	put_window(0xe0000000, 0, 128, 191); /* same base, other buses: fine */
	put_window(0xb0000000, 1, 5, 4);
	put_window(0xb0080000, 1, 0, 4);
	put_window(0, 1, 0, 4);
	put_window(0xe0000000, 0, 63, 64);
	put_window(0xe0000000, 2, 10, 20);
	put_window(1ull << 52, 2, 10, 20);
	put_window(0x80000000, 3, 0, 255);
	make_put(&m, 4, 0); /* a piece of an entry */
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_mcfg, &c), 0);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.left_out, 6);
	assert_int_equal(c.refused_count, 3);
	assert_int_equal(c.refused[0].bus0.v, 0xb0080000);
	assert_int_equal(c.refused[2].bus_first, 10);
	assert_string_equal(c.first.reason, "window with its buses backwards");
	assert_int_equal(c.first.offset, 44 + 32);
	assert_int_equal(c.ecam[1].bus_first, 128);
	assert_int_equal(c.ecam[2].segment, 3);
	make_start(&m, "MCFG", 43);
	make_end(&m);
	REFUSED(acpi_parse_mcfg, &c, "length field below the minimum of its kind", 4);
}

static void test_small(void **state)
{
	static struct acpi_srat s;
	struct acpi_hpet h;
	struct acpi_dmar d;
	struct acpi_spcr p;

	(void)state;
	make_start(&m, "HPET", 56);
	acpi_put(m.b, HPET_BLOCK_ID, 4, 0x8086a701);
	put_gas(HPET_BASE, 0, 64, 0xfed00000);
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_hpet, &h), 0);
	assert_int_equal(h.base.v, 0xfed00000);
	assert_int_equal(h.comparators, 8);
	put_gas(HPET_BASE, 0, 64, 0);
	REFUSED(acpi_parse_hpet, &h, "timer block without an address", 44);
	put_gas(HPET_BASE, 1, 64, 1);
	REFUSED(acpi_parse_hpet, &h, "timer block not in memory space", 40);
	make_start(&m, "DMAR", 48);
	m.b[DMAR_WIDTH] = 38;
	m.b[DMAR_FLAGS] = 1;
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_dmar, &d), 0);
	assert_int_equal(d.address_width, 39);
	m.b[DMAR_WIDTH] = 64;
	REFUSED(acpi_parse_dmar, &d, "host address width above 64 bits", 36);
	make_start(&m, "SPCR", 80);
	put_gas(SPCR_ADDRESS, 1, 8, 0x3f8);
	m.b[SPCR_IRQ_TYPE] = 1;
	m.b[SPCR_IRQ] = 4;
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_spcr, &p), 0);
	assert_true(p.com1);
	assert_int_equal(p.gsi, 4);
	make_start(&m, "SRAT", 48);
	make_put(&m, 8, 0); /* CPU entry, enabled */
	m.b[48] = SRAT_CPU;
	m.b[49] = SRAT_CPU_LEN;
	m.b[52] = 1;
	make_put(&m, 8, 0);
	m.len += 40; /* memory */
	m.b[64] = SRAT_MEMORY;
	m.b[65] = SRAT_MEMORY_LEN;
	acpi_put(m.b, 64 + 16, 8, 0x40000000);
	acpi_put(m.b, 64 + 2, 4, 7);
	m.b[64 + 28] = 3;
	make_end(&m);
	assert_int_equal(PARSE(acpi_parse_srat, &s), 0);
	assert_int_equal(s.cpu_count, 1);
	assert_int_equal(s.node_count, 1);
	assert_int_equal(s.node[0].size, 0x40000000);
	assert_int_equal(s.node[0].domain, 7);
	assert_true(s.node[0].hotplug);
	m.b[65] = 39;
	REFUSED(acpi_parse_srat, &s, "entry shorter than its type asks", 64);
	m.b[65] = 41;
	REFUSED(acpi_parse_srat, &s, "entry passes the end of the table", 64);
	m.b[65] = 1;
	REFUSED(acpi_parse_srat, &s, "entry without type and length", 64);
}

static int find(const char *aml, size_t len, uint8_t *a, uint8_t *b)
{
	uint8_t *copy = malloc(len + !len);
	int rc;

	memcpy(copy, aml, len);
	rc = acpi_find_sleep_type(copy, len, '5', a, b);
	free(copy);
	return rc;
}

#define FIND(s) find(s, sizeof(s) - 1, &a, &b)

static void test_sleep(void **state)
{
	uint8_t a = 0xee;
	uint8_t b = 0xee;

	(void)state;
	/* As iasl writes Name (_S5_, Package (4) {5, 0, 0, 0}). */
	assert_int_equal(FIND("xx\x08_S5_\x12\x07\x04\x0a\x05\x00\x00\x00"), 0);
	assert_int_equal(a, 5);
	assert_int_equal(b, 0);
	/* \_S5_, two-byte PkgLength, word and dword integers, One. */
	assert_int_equal(FIND("\x08\\_S5_\x12\x4a\x00\x02\x0b\x07\x00\x0c\x06\x00\x00\x00"),
			 -ENOENT);
	assert_int_equal(FIND("\x08\\_S5_\x12\x4b\x00\x02\x0b\x07\x00\x0c\x06\x00\x00\x00"), 0);
	assert_int_equal(a, 7);
	assert_int_equal(b, 6);
	/* One element holds both. */
	assert_int_equal(FIND("\x08_S5_\x12\x05\x01\x0b\x03\x04"), 0);
	assert_int_equal(a, 3);
	assert_int_equal(b, 4);
	/* The first match is no package of constants, the second is. */
	assert_int_equal(FIND("\x08_S5_\x12\x05\x02\x70\x00\x00\x08_S5_\x12\x04\x02\x01\x00"), 0);
	assert_int_equal(a, 1);
	/* A method call of that name, another state, too large a value, nothing. */
	assert_int_equal(FIND("\x14_S5_\x12\x04\x02\x01\x00"), -ENOENT);
	assert_int_equal(FIND("\x08_S3_\x12\x04\x02\x01\x00"), -ENOENT);
	assert_int_equal(FIND("\x08_S5_\x12\x05\x02\x0a\x08\x00"), -ENOENT);
	assert_int_equal(FIND("\x08_S5_\x12"), -ENOENT);
	assert_int_equal(FIND("\x08_S5_\x12\xc4\x00"), -ENOENT);
	assert_int_equal(FIND("\x08_S5_\x12\x02\x00"), -ENOENT);
	assert_int_equal(FIND("\x08_S5_\x12\x04\x02\x01"), -ENOENT);
	assert_int_equal(FIND(""), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsdp),           cmocka_unit_test(test_rsdp_refused),
		cmocka_unit_test(test_root),           cmocka_unit_test(test_madt),
		cmocka_unit_test(test_madt_refused),   cmocka_unit_test(test_madt_ioapics),
		cmocka_unit_test(test_madt_many_cpus), cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_fadt_odd),       cmocka_unit_test(test_mcfg),
		cmocka_unit_test(test_small),          cmocka_unit_test(test_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
