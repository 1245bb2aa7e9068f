// SPDX-License-Identifier: MIT
/*
 * The DMAR: every structure taken apart, every way of being wrong refused with
 * its place, and the tables of the real machines of ../shared/data (a skip
 * where it is absent), whose reserved regions are judged too.
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
#include <taproot/domain.h>
#include <taproot/iommu.h>

#include "dmar_make.h"
#include "host.h"

#define ARCHIVE  "../shared/data/acpi-tables.tar.xz"
#define UNPACKED "build/machines/acpi"

static struct maker m;
static struct acpi_dmar d;

static int parse(struct acpi_refusal *why)
{
	make_end(&m);
	return acpi_parse_dmar(m.b, m.len, &d, why);
}

static void accepted(void)
{
	struct acpi_refusal why = {NULL, 0};

	assert_int_equal(parse(&why), 0);
	assert_null(why.reason);
}

static void refused(const char *reason, size_t offset)
{
	struct acpi_refusal why = {NULL, 0};

	assert_int_equal(parse(&why), -EINVAL);
	assert_string_equal(why.reason, reason);
	assert_int_equal(why.offset, offset);
}

static void test_structures(void **state)
{
	static const uint8_t path[] = {0x1c, 4, 0, 2};
	size_t at;

	(void)state;
	make_dmar(&m, 39, 3);
	at = make_drhd(&m, false, 1, 0xfed90000);
	m.b[at + 5] = 2;
	make_scope(&m, at, DMAR_SCOPE_BRIDGE, 0, 5, 2, path);
	make_scope1(&m, at, DMAR_SCOPE_IOAPIC, 7, 0xf0, 0x1f, 7);
	at = make_drhd(&m, true, 1, 0xfed91000);
	at = make_rmrr(&m, 1, 0x7d000000, 0x7f7fffff);
	make_scope1(&m, at, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	at = make_structure(&m, 2, 8); /* ATSR */
	m.b[at + 4] = 1;
	at = make_structure(&m, 3, 20); /* RHSA */
	acpi_put(m.b, at + 8, 8, 0xfed91000);
	acpi_put(m.b, at + 16, 4, 3);
	at = make_structure(&m, 4, 14); /* ANDD */
	m.b[at + 7] = 9;
	at = make_structure(&m, 5, 8); /* SATC */
	make_scope1(&m, at, DMAR_SCOPE_ENDPOINT, 0, 0, 3, 0);
	make_structure(&m, 6, 8); /* SIDP and what comes after it: passed over */
	make_structure(&m, 0xffff, 4);
	accepted();
	assert_int_equal(d.address_width, 39);
	assert_int_equal(d.flags, 3);
	assert_int_equal(d.unit_count, 2);
	assert_int_equal(d.unit[0].size, 4 * PAGE_SIZE);
	assert_int_equal(d.unit[0].segment, 1);
	assert_false(d.unit[0].all);
	assert_int_equal(d.unit[0].scopes.count, 2);
	assert_int_equal(d.scope[0].hops, 2);
	assert_int_equal(d.scope[0].bus, 5);
	assert_int_equal(d.scope[0].path[1].function, 2);
	assert_int_equal(d.scope[1].id, 7);
	assert_true(d.unit[1].all);
	assert_int_equal(d.rmrr_count, 1);
	assert_int_equal(d.rmrr[0].limit, 0x7f7fffff);
	assert_int_equal(d.rmrr[0].scopes.first, 2);
	assert_int_equal(d.port_count, 2);
	assert_true(d.port[0].all && !d.port[0].integrated);
	assert_true(d.port[1].integrated && !d.port[1].all);
	assert_int_equal(d.affinity[0].domain, 3);
	assert_int_equal(d.device[0], 9);
	assert_int_equal(d.ignored, 2);
}

static void test_hostile_structures(void **state)
{
	static const uint8_t lengths[] = {16, 24, 8, 20, 9, 8};

	(void)state;
	make_dmar(&m, 46, 0);
	make_put(&m, 2, 0);
	refused("structure without type and length", 48);
	for (unsigned type = 0; type < sizeof(lengths); type++) {
		make_dmar(&m, 46, 0);
		make_structure(&m, type, lengths[type] - 1u);
		refused("structure shorter than its type asks", 48);
	}
	make_dmar(&m, 46, 0);
	make_structure(&m, 7, 8);
	acpi_put(m.b, 50, 2, 0);
	refused("structure passes the end of the table", 48);
	acpi_put(m.b, 50, 2, 9);
	refused("structure passes the end of the table", 48);
	make_dmar(&m, 46, 0);
	make_drhd(&m, true, 0, 0xfed90800);
	refused("remapping unit at an impossible address", 56);
	acpi_put(m.b, 56, 8, 0);
	refused("remapping unit at an impossible address", 56);
	acpi_put(m.b, 56, 8, 0xfffffffffffff000);
	refused("remapping unit at an impossible address", 56);
	make_dmar(&m, 46, 0);
	make_drhd(&m, false, 0, 0xfed90000);
	make_drhd(&m, true, 0, 0xfed90000);
	refused("two remapping units at one address", 72);
	make_dmar(&m, 46, 0);
	make_drhd(&m, true, 0, 0xfed90000);
	make_drhd(&m, true, 0, 0xfed91000);
	refused("two units for all functions of one segment", 68);
}

static void test_hostile_scopes(void **state)
{
	static const uint8_t path[2 * (DMAR_PATH_MAX + 1)];
	size_t at;

	(void)state;
	make_dmar(&m, 46, 0);
	at = make_drhd(&m, false, 0, 0xfed90000);
	make_scope1(&m, at, 1, 0, 0, 2, 0);
	m.b[at + 17] = 0;
	refused("device scope without a path", at + 16);
	m.b[at + 17] = 7;
	refused("device scope without a path", at + 16);
	m.b[at + 17] = 10;
	refused("device scope passes the end of its structure", at + 16);
	m.b[at + 17] = 8;
	m.b[at + 22] = 32;
	refused("device scope with an impossible path", at + 16);
	m.b[at + 22] = 31;
	m.b[at + 23] = 8;
	refused("device scope with an impossible path", at + 16);
	m.b[at + 23] = 7;
	accepted();
	make_dmar(&m, 46, 0);
	at = make_drhd(&m, false, 0, 0xfed90000);
	make_scope(&m, at, 1, 0, 0, DMAR_PATH_MAX + 1, path);
	refused("device scope with too long a path", at + 16);
}

static void test_too_many(void **state)
{
	size_t at;

	(void)state;
	make_dmar(&m, 46, 0);
	for (unsigned i = 0; i <= DMAR_UNITS_MAX; i++) {
		at = make_drhd(&m, false, 0, 0xfe000000 + i * PAGE_SIZE);
	}
	refused("too many remapping units", at);
	make_dmar(&m, 46, 0);
	for (unsigned i = 0; i <= DMAR_RMRRS_MAX; i++) {
		at = make_rmrr(&m, 0, 0, 0xfff);
	}
	refused("too many reserved regions", at);
	make_dmar(&m, 46, 0);
	at = make_drhd(&m, false, 0, 0xfe000000);
	for (unsigned i = 0; i <= DMAR_SCOPES_MAX; i++) {
		make_scope1(&m, at, 1, 0, 0, 0, 0);
	}
	refused("too many device scopes", m.len - 8);
}

/* Every byte of a good table set to every interesting value: refused or taken, never read beyond.
 */
static void test_mutations(void **state)
{
	static const uint8_t values[] = {0, 1, 3, 4, 7, 8, 0x7f, 0x80, 0xff};
	struct acpi_refusal why;
	uint8_t *exact;
	size_t at;

	(void)state;
	make_dmar(&m, 39, 1);
	at = make_drhd(&m, false, 0, 0xfed90000);
	make_scope1(&m, at, 3, 2, 0xf0, 31, 0);
	at = make_rmrr(&m, 0, 0x1000, 0x1fff);
	make_scope1(&m, at, 1, 0, 0, 29, 0);
	make_end(&m);
	exact = malloc(m.len);
	for (size_t i = 0; i < m.len; i++) {
		for (unsigned v = 0; v < sizeof(values); v++) {
			memcpy(exact, m.b, m.len);
			exact[i] = values[v];
			if (acpi_parse_dmar(exact, m.len, &d, &why) == 0) {
				assert_true(d.scope_count <= 2 * m.len);
			} else {
				assert_true(why.offset <= m.len);
			}
		}
	}
	free(exact);
}

/* ---- reserved regions ---- */

static struct domain *dom0;

static void map_of(uint64_t ours)
{
	host_reset();
	dom0 = domain_create(0, true, 1ull << 40, 64);
	assert_non_null(dom0);
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(0), gpa(2 * GIB), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(ours), gpa(ours + 6 * MIB), MEM_OURS),
			 0);
}

static const char *fault_of(uint64_t base, uint64_t limit, unsigned width)
{
	struct dmar_rmrr r = {.base = base, .limit = limit};

	return rmrr_fault(&r, &dom0->memmap, width);
}

static void test_region_faults(void **state)
{
	(void)state;
	map_of(0x7f000000);
	assert_null(fault_of(0x7d000000, 0x7effffff, 39));
	assert_null(fault_of(0, 0xfff, 39));
	assert_null(fault_of(0xc0000000, 0xc0000fff, 39));
	assert_string_equal(fault_of(0x7d000800, 0x7effffff, 39), "is not page aligned");
	assert_string_equal(fault_of(0x7d000000, 0x7efffffe, 39), "is not page aligned");
	assert_string_equal(fault_of(0x7d000000, 0x7cffffff, 39), "ends before it begins");
	assert_string_equal(fault_of(0x7d000000, UINT64_MAX, 39), "ends before it begins");
	assert_string_equal(fault_of(0x8000000000, 0x8000000fff, 39),
			    "lies beyond the machine's addresses");
	assert_string_equal(fault_of(0x10000000000, 0x10000000fff, 64),
			    "lies beyond the machine's addresses");
	assert_string_equal(fault_of(0x100000000, 0x300000000 - 1, 39), "is absurdly large");
	assert_string_equal(fault_of(0xfeef0000, 0xfeffffff, 39),
			    "lies over the interrupt addresses");
	assert_string_equal(fault_of(0x7efff000, 0x7f000fff, 39), "lies over the hypervisor");
	assert_string_equal(fault_of(0x7f5ff000, 0x7f600fff, 39), "lies over the hypervisor");
	assert_null(fault_of(0x7f600000, 0x7f600fff, 39));
}

/* ---- real machines ---- */

static struct {
	unsigned machines, tables_refused, units, regions, refused, scopes, pairs;
	uint64_t largest;
} seen;

static void check_regions(void)
{
	seen.machines++;
	seen.units += d.unit_count;
	seen.scopes += d.scope_count;
	for (unsigned i = 0; i < d.rmrr_count; i++) {
		const struct dmar_rmrr *r = &d.rmrr[i];
		const char *fault = rmrr_fault(r, &dom0->memmap, d.address_width);

		seen.regions++;
		seen.refused += fault != NULL;
		seen.largest = MAX(seen.largest, r->limit + 1 - r->base);
		/* A device for each, or it would be of no use. */
		assert_true(r->scopes.count > 0);
		seen.pairs += r->scopes.count;
	}
}

static void check_file(const char *folder)
{
	static uint8_t bytes[65536];
	struct acpi_refusal why = {NULL, 0};
	char path[512];
	size_t len;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s/dmar.dat", UNPACKED, folder);
	in = fopen(path, "rb");
	if (!in) {
		return;
	}
	len = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	if (acpi_parse_dmar(bytes, len, &d, &why) != 0) {
		printf("%s refused: %s at %u\n", folder, why.reason, why.offset);
		seen.tables_refused++;
		return;
	}
	check_regions();
}

static void test_machines(void **state)
{
	struct dirent *e;
	DIR *dir;

	(void)state;
	if (access(ARCHIVE, R_OK) != 0 ||
	    system("mkdir -p build/machines && tar -C build/machines -xf " ARCHIVE) != 0) {
		printf("skip: %s is not there\n", ARCHIVE);
		skip();
	}
	/* Ours lies low, where no machine of these has a region. */
	map_of(64 * MIB);
	dir = opendir(UNPACKED);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] != '.') {
			check_file(e->d_name);
		}
	}
	closedir(dir);
	printf("%u machines with a DMAR: %u units, %u scopes, %u reserved regions (%u refused), "
	       "%u devices of them, the largest %lu MiB\n",
	       seen.machines, seen.units, seen.scopes, seen.regions, seen.refused, seen.pairs,
	       seen.largest >> 20);
	/* One has its unit at address 0: the firmware turned it off and lists it all the same. */
	assert_int_equal(seen.tables_refused, 1);
	assert_int_equal(seen.machines, 214);
	assert_int_equal(seen.units, 432);
	assert_int_equal(seen.regions, 343);
	assert_int_equal(seen.refused, 0);
	assert_int_equal(seen.largest, 1032 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structures),     cmocka_unit_test(test_hostile_structures),
		cmocka_unit_test(test_hostile_scopes), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_mutations),      cmocka_unit_test(test_region_faults),
		cmocka_unit_test(test_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
