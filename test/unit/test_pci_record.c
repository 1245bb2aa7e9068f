/* SPDX-License-Identifier: MIT */
/*
 * A recording made by the recorder on one hosted machine, replayed on another
 * built from its snapshot: no differences; a tampered one has some; a broken
 * one is refused with a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>
#include <taproot/record.h>

#include "host_replay.h"
#include "pci_fixture.h"

#define STREAM_MAX (1u << 20)

static const sbdf_t nic = {0x0010};
static uint8_t stream[STREAM_MAX];
static size_t stream_size;

static void stream_sink(const void *data, size_t size)
{
	assert_true(stream_size + size <= STREAM_MAX);
	memcpy(stream + stream_size, data, size);
	stream_size += size;
}

/* Somebody else's page, as an IO-APIC's. */
static uint64_t page_read(void *ctx, uint64_t offset, unsigned len)
{
	(void)ctx;
	(void)offset;
	return ones(len);
}

static void page_write(void *ctx, uint64_t offset, unsigned len, uint64_t value)
{
	(void)page_read(ctx, offset, len);
	(void)value;
}

static const struct mmio_ops page_ops = {"page", page_read, page_write};

/* What a driver does with a NIC: sizing, moving, MSI-X, MSI, reset; and a function that comes late.
 */
static void drive(void)
{
	for (unsigned reg = 0; reg < 256; reg += 4) {
		(void)cfg_read(nic, reg, 4);
	}
	cfg_write(nic, 0x10, 4, 0xffffffff);
	cfg_write(nic, 0x10, 4, (uint32_t)NIC_BAR0);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_MASTER);
	cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE | MSIX_CTL_MASKALL);
	for (unsigned i = 0; i < NIC_COUNT; i++) {
		mem_write(dom0, NIC_BAR2 + 16 * i, 8, FIXTURE_MSG(i % 4));
		mem_write(dom0, NIC_BAR2 + 16 * i + 8, 4, 0x40 + i);
		mem_write(dom0, NIC_BAR2 + 16 * i + 12, 4, 0);
		(void)mem_read(dom0, NIC_BAR2 + 16 * i, 8);
	}
	cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
	(void)mem_read(dom0, NIC_BAR2 + 0x2000, 8);
	(void)mem_read(dom0, NIC_BAR2 + 0x801, 8);
	cfg_write(nic, 0x18, 4, 0xd0000000);
	mem_write(dom0, 0xd0000000 + 12, 4, 1);
	cfg_write(nic, 0x18, 4, 0x1000000); /* RAM */
	cfg_write(nic, 0x18, 4, (uint32_t)NIC_BAR2);
	cfg_write(nic, NIC_MSIX + 2, 2, 0);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)FIXTURE_MSG(1));
	cfg_write(nic, NIC_MSI + MSI_REG_DATA_64, 2, 0x51);
	cfg_write(nic, NIC_MSI + MSI_REG_CONTROL, 2, MSI_CTL_ENABLE);
	(void)cfg_read(sbdf_make(0, 3, 0, 0), 0, 4);
	host_pci_add(sbdf_make(0, 3, 0, 0), 0x1af4, 0x1041, 0x0200, false);
	(void)cfg_read(sbdf_make(0, 3, 0, 0), 0, 4);
	cfg_write(sbdf_make(0, 3, 0, 0), PCI_REG_INTERRUPT, 1, 7);
	/* Another one in its place. */
	host_pci_remove(host_pci_find(sbdf_make(0, 3, 0, 0)));
	host_pci_add(sbdf_make(0, 3, 0, 0), 0x1b36, 0x0010, 0x0108, false);
	(void)cfg_read(sbdf_make(0, 3, 0, 0), 0, 4);
	cfg_write(sbdf_make(0, 3, 0, 0), PCI_REG_COMMAND, 2, PCI_CMD_MASTER);
	cfg_write(nic, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	(void)cfg_read(nic, PCI_REG_COMMAND, 2);
}

static int record(void **state)
{
	struct host_pci *p;

	(void)state;
	stream_size = 0;
	fixture_create(2);
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(0xfec00000), 0x1000, &page_ops, NULL), 0);
	p = fixture_nic(nic);
	host_pci_set(p, 0x2c, 4, 0x12345678);
	record_init(stream_sink);
	fixture_start();
	drive();
	record_init(NULL);
	return 0;
}

/* Where the n-th record of a type is. */
static struct record *find(enum record_type type, unsigned n)
{
	size_t at = 0;

	while (at < stream_size) {
		struct record *r = (struct record *)(void *)(stream + at);

		if (r->type == type && n-- == 0) {
			return r;
		}
		at += sizeof(*r);
		if (r->type == RECORD_FUNCTION) {
			at += r->reg + RECORD_BARS * 8;
		}
	}
	fail();
	return NULL;
}

static struct replay_result replay(size_t size)
{
	struct replay_result result;
	/* An exact copy: the sanitizer sees the first byte too far. */
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, stream, size);
	host_replay(copy, size, stdout, &result);
	free(copy);
	return result;
}

static void test_no_differences(void **state)
{
	struct replay_result result = replay(stream_size);

	(void)state;
	assert_null(result.error);
	assert_int_equal(result.functions, 3);
	assert_true(result.msix_writes > result.msix_bound);
	assert_true(result.msix_bound >= NIC_COUNT);
	assert_true(result.accesses > 110);
	assert_int_equal(result.differences, 0);
	assert_int_equal(result.lost, 0);
	assert_false(result.truncated);
}

static void test_tampered(void **state)
{
	struct record *r;

	(void)state;
	r = find(RECORD_CONFIG, 70);
	r->verdict ^= 1;
	assert_int_equal(replay(stream_size).differences, 1);
	r->verdict ^= 1;
	r = find(RECORD_EFFECT, 0);
	r->asked += 0x1000;
	assert_int_equal(replay(stream_size).differences, 1);
	r->asked -= 0x1000;
	r = find(RECORD_MSIX, 3);
	r->value ^= 0x10; /* what a table read answered */
	assert_int_equal(replay(stream_size).differences, 1);
	r->value ^= 0x10;
	r = find(RECORD_MSIX, 2);
	r->asked ^= 1; /* unmasked at the time, masked now */
	assert_true(replay(stream_size).differences >= 1);
	r->asked ^= 1;
	assert_int_equal(replay(stream_size).differences, 0);
}

static void test_lost_records(void **state)
{
	struct record *r = find(RECORD_CONFIG, 10);
	size_t at = (size_t)((uint8_t *)r - stream);

	(void)state;
	memmove(stream + at, stream + at + sizeof(*r), stream_size - at - sizeof(*r));
	assert_int_equal(replay(stream_size - sizeof(*r)).lost, 1);
}

static void test_cut_off(void **state)
{
	struct replay_result result;

	(void)state;
	for (size_t size = stream_size; size > 0; size -= MIN(size, 61)) {
		result = replay(size);
		assert_int_equal(result.differences, 0);
	}
	result = replay(stream_size - 5);
	assert_null(result.error);
	assert_true(result.truncated);
	assert_string_equal(replay(0).error, "not a recording");
	assert_string_equal(replay(32).error, "the recording ends before the enumeration");
}

static void test_refused(void **state)
{
	struct record *r = find(RECORD_HEADER, 0);

	(void)state;
	r->sbdf++;
	assert_non_null(strstr(replay(stream_size).error, "version"));
	r->sbdf--;
	r->value = 1;
	assert_non_null(strstr(replay(stream_size).error, "address space"));
	r->value = FIXTURE_LIMIT;
	r = find(RECORD_CONFIG, 5);
	r->access = 3;
	assert_string_equal(replay(stream_size).error, "an impossible access");
	r->access = 4;
	r->type = 77;
	assert_string_equal(replay(stream_size).error, "a record of unknown type");
	r->type = RECORD_CONFIG;
	r = find(RECORD_FUNCTION, 0);
	r->reg = 100;
	assert_non_null(strstr(replay(stream_size).error, "number of registers"));
}

/* The boot test's recording: Debian's kernel on QEMU's q35 with nvme, igb and edu. */
static void test_recorded_boot(void **state)
{
	static uint8_t packed[1 << 16];
	uint64_t memory = UINT64_MAX;
	struct replay_result result;
	size_t in = 0, out = 0, length;
	FILE *f = fopen("test/data/boot-q35.record.xz", "rb");

	(void)state;
	assert_non_null(f); /* run from the top of the project */
	length = fread(packed, 1, sizeof(packed), f);
	fclose(f);
	assert_int_equal(lzma_stream_buffer_decode(&memory, 0, NULL, packed, &in, length, stream,
						   &out, sizeof(stream)),
			 LZMA_OK);
	result = replay(out);
	assert_null(result.error);
	assert_int_equal(result.functions, 7);
	assert_int_equal(result.accesses, 9810);
	assert_int_equal(result.msix_bound, 12);
	assert_int_equal(result.differences, 0);
	assert_int_equal(result.lost, 0);
}

static void test_second_domain_is_not_recorded(void **state)
{
	size_t before;

	(void)state;
	fixture_create(2);
	fixture_nic(nic);
	fixture_start();
	record_init(stream_sink);
	before = stream_size;
	(void)mem_read(domu, ecam_address(nic, 0), 4);
	assert_int_equal(stream_size, before);
	(void)cfg_read(nic, 0, 4);
	assert_int_equal(stream_size, before + RECORD_SIZE);
	record_init(NULL);
}

#define T(f) cmocka_unit_test_setup(f, record)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_no_differences),
		T(test_tampered),
		T(test_lost_records),
		T(test_cut_off),
		T(test_refused),
		T(test_second_domain_is_not_recorded),
		cmocka_unit_test(test_recorded_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
