// SPDX-License-Identifier: MIT
/*
 * Fuzz target: core/acpi. Input: one byte choosing what it is, then the bytes
 * of a table (all parsers in turn), of an AML table, or of a piece of firmware
 * memory with an RSDP in it, which is walked as a whole. Whatever is
 * accepted must yield tables for the hardware domain that parse again to the
 * same routing.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <taproot/acpi.h>

#include "acpi_make.h"
#include "host_mem.h"
#include "require.h"

#define AREA      0x100000ull
#define AREA_SIZE 8192u
#define BUILD_AT  0x3000000ull
#define VCPUS     3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

static struct acpi_host host;
static uint8_t built[65536];

static void check_refusal(int rc, const struct acpi_refusal *why)
{
	REQUIRE(rc >= 0 || (rc == -EINVAL && why->reason != NULL));
}

static void check_built(const struct acpi_madt *own)
{
	static const uint32_t id[VCPUS] = {0, 254, 255};
	struct acpi_build_config config = {.vcpus = VCPUS, .apic_id = id, .lapic = 0xfee00000};
	static struct acpi_madt madt;
	size_t size = acpi_build_size(&host, VCPUS);
	struct acpi_refusal why;
	const uint8_t *xsdt = built + 48;
	size_t at;
	gpa_t rsdp;

	REQUIRE(size <= sizeof(built));
	config.x2apic = (own->flags & 2) != 0;
	REQUIRE(acpi_build(&host, &config, built, size, gpa(BUILD_AT), &rsdp) == 0);
	REQUIRE(acpi_root_entries(xsdt, size - 48, 8, &why) > 0);
	at = 48 + ((acpi_u32(xsdt, SDT_LENGTH) + 15) & ~15u);
	REQUIRE(acpi_parse_madt(built + at, size - at, &madt, &why) == 0);
	REQUIRE(madt.cpu_count == VCPUS && madt.enabled_count == VCPUS);
	REQUIRE(madt.ioapic_count == own->ioapic_count);
	REQUIRE(madt.override_count == own->override_count);
	REQUIRE(madt.nmi_count == own->nmi_count);
}

static void run_table(const uint8_t *t, size_t len)
{
	struct acpi_refusal why = {NULL, 0};
	struct acpi_hpet hpet;
	struct acpi_dmar dmar;
	struct acpi_spcr spcr;
	struct acpi_rsdp rsdp;
	int rc;

	check_refusal(acpi_parse_mcfg(t, len, &host.mcfg, &why), &why);
	check_refusal(acpi_parse_srat(t, len, &host.srat, &why), &why);
	check_refusal(acpi_parse_fadt(t, len, &host.fadt, &why), &why);
	check_refusal(acpi_parse_hpet(t, len, &hpet, &why), &why);
	check_refusal(acpi_parse_dmar(t, len, &dmar, &why), &why);
	check_refusal(acpi_parse_spcr(t, len, &spcr, &why), &why);
	check_refusal(acpi_parse_rsdp(t, len, &rsdp, &why), &why);
	for (unsigned entry_len = 4; entry_len <= 8; entry_len += 4) {
		rc = acpi_root_entries(t, len, entry_len, &why);
		check_refusal(rc, &why);
		if (rc > 0) {
			(void)acpi_root_entry(t, entry_len, (unsigned)rc - 1);
		}
	}
	host.table_count = 0;
	rc = acpi_parse_madt(t, len, &host.madt, &why);
	check_refusal(rc, &why);
	if (rc == 0) {
		check_built(&host.madt);
	}
}

static void run_aml(const uint8_t *t, size_t len)
{
	uint8_t a = 0xff;
	uint8_t b = 0xff;

	if (acpi_find_sleep_type(t, len, '5', &a, &b) == 0) {
		REQUIRE(a <= 7 && b <= 7);
	}
}

/* Checksums of the RSDP are made right, or nothing behind it would ever be reached. */
static void run_machine(const uint8_t *bytes, size_t len)
{
	static uint8_t area[AREA_SIZE];
	struct acpi_extent e[4];
	unsigned count;
	int rc;

	memset(area, 0, sizeof(area));
	memcpy(area, bytes, len < sizeof(area) ? len : sizeof(area));
	area[RSDP_CHECKSUM] = 0;
	for (size_t i = 0; i < RSDP_V1_LEN; i++) {
		area[RSDP_CHECKSUM] = (uint8_t)(area[RSDP_CHECKSUM] - (i == 8 ? 0 : area[i]));
	}
	area[RSDP_CHECKSUM2] = 0;
	for (size_t i = 0; i < RSDP_V2_LEN; i++) {
		area[RSDP_CHECKSUM2] = (uint8_t)(area[RSDP_CHECKSUM2] - (i == 32 ? 0 : area[i]));
	}
	host_mem_reset();
	REQUIRE(host_mem_add_window(AREA, area, sizeof(area)));
	rc = acpi_host_read(&host, hpa(AREA));
	REQUIRE(rc == 0 || rc == -ENOENT || rc == -EINVAL);
	count = acpi_host_extents(&host, e, 4);
	for (unsigned i = 0; i < count; i++) {
		REQUIRE(e[i].start.v < e[i].end.v && e[i].end.v <= AREA + AREA_SIZE);
		REQUIRE(i == 0 || e[i - 1].end.v < e[i].start.v);
	}
	if (rc == 0) {
		check_built(&host.madt);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	switch (data[0] % 3) {
	case 0:
		run_table(data + 1, size - 1);
		break;
	case 1:
		run_aml(data + 1, size - 1);
		break;
	default:
		run_machine(data + 1, size - 1);
		break;
	}
	return 0;
}

/* ---- seeds ---- */

static struct maker m;

static void seed_madt(void)
{
	make_start(&m, "APIC", 44);
	acpi_put(m.b, MADT_LAPIC_ADDRESS, 4, 0xfee00000);
	make_lapic(&m, 0, 0, 1);
	make_x2apic(&m, 1, 256, 1);
	make_ioapic(&m, 2, 0xfec00000, 0);
	make_ioapic(&m, 3, 0xfec10000, 24);
	make_override(&m, 0, 0, 2, 0);
	make_override(&m, 0, 9, 9, 13);
	make_end(&m);
}

static void seed_fadt(void)
{
	make_start(&m, "FACP", 276);
	acpi_put(m.b, FADT_DSDT, 4, AREA + 0x800);
	acpi_put(m.b, FADT_X_FACS, 8, AREA + 0xc00);
	acpi_put(m.b, FADT_PM_TMR, 4, 0x608);
	make_end(&m);
}

static void seed_mcfg(void)
{
	make_start(&m, "MCFG", 44);
	make_put(&m, 8, 0xb0000000);
	make_put(&m, 8, 0xff000000);
	make_end(&m);
}

/* RSDP at 0, XSDT at 0x100, MADT 0x200, FADT 0x400, MCFG 0x600, DSDT 0x800, FACS 0xc00. */
static void seed_machine(uint8_t *area)
{
	static const uint64_t entry[] = {0x200, 0x400, 0x600};

	memset(area, 0, AREA_SIZE);
	make_rsdp(&m, 2, 0, AREA + 0x100);
	memcpy(area, m.b, m.len);
	seed_madt();
	memcpy(area + 0x200, m.b, m.len);
	seed_fadt();
	memcpy(area + 0x400, m.b, m.len);
	seed_mcfg();
	memcpy(area + 0x600, m.b, m.len);
	make_start(&m, "DSDT", 36);
	make_put(&m, 8, 0x06125f35535f08);
	make_end(&m);
	memcpy(area + 0x800, m.b, m.len);
	make_start(&m, "FACS", 64);
	acpi_put(m.b, FACS_LENGTH, 4, 64);
	memcpy(area + 0xc00, m.b, m.len);
	make_start(&m, "XSDT", 36);
	for (unsigned i = 0; i < 3; i++) {
		make_put(&m, 8, AREA + entry[i]);
	}
	make_end(&m);
	memcpy(area + 0x100, m.b, m.len);
}

static void seed_table(unsigned index)
{
	switch (index) {
	case 0:
		seed_madt();
		break;
	case 1:
		seed_fadt();
		break;
	case 2:
		seed_mcfg();
		break;
	case 3:
		make_start(&m, "SRAT", 48);
		make_put(&m, 8, 0x2801);
		m.len += 32;
		make_end(&m);
		break;
	case 4:
		make_start(&m, "HPET", 56);
		make_end(&m);
		break;
	default:
		make_start(&m, "SPCR", 80);
		make_end(&m);
		break;
	}
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	static const char s5[] = "\x01xx\x08_S5_\x12\x07\x04\x0a\x05\x00\x00\x00";

	if (index < 6) {
		seed_table(index);
		buf[0] = 0;
		memcpy(buf + 1, m.b, m.len);
		return m.len + 1;
	}
	if (index == 6) {
		memcpy(buf, s5, sizeof(s5) - 1);
		return sizeof(s5) - 1;
	}
	/* Three times: the walk deserves as many runs as the single tables. */
	if (index < 10 && size > AREA_SIZE) {
		buf[0] = 2;
		seed_machine(buf + 1);
		return 0xd01;
	}
	return 0;
}
