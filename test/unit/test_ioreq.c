/* SPDX-License-Identifier: MIT */
/* ioreq: claims of ports and trapped memory, and what becomes of accesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include <taproot/ioreq.h>

#include "mem_fixture.h"

#define PAGE_A 0xfec00000ull

/* A port handler that remembers and answers with the port's low bits. */
struct port_log {
	unsigned calls;
	uint16_t port;
	unsigned len;
	uint32_t value;
};

static uint32_t log_read(void *ctx, uint16_t port, unsigned len)
{
	struct port_log *l = ctx;
	uint32_t value = 0;

	l->calls++;
	l->port = port;
	l->len = len;
	for (unsigned i = 0; i < len; i++) {
		value |= ((port + i) & 0xffu) << (8 * i);
	}
	return value;
}

static void log_write_port(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct port_log *l = ctx;

	l->calls++;
	l->port = port;
	l->len = len;
	l->value = value;
}

static const struct port_ops log_ops = {"port log", log_read, log_write_port};
static struct port_log first, second;
static struct fixture_handler trap, trap2;

static int setup(void **state)
{
	first = (struct port_log){0};
	second = (struct port_log){0};
	trap = (struct fixture_handler){0};
	trap2 = (struct fixture_handler){0};
	return fixture_domains(state);
}

static int claim(struct domain *d, uint16_t port, uint32_t count, struct port_log *l)
{
	return ioreq_claim_ports(d, port, count, &log_ops, l);
}

static void port_claims(void **state)
{
	(void)state;
	assert_int_equal(claim(dom0, 0xcf8, 8, &first), 0);
	assert_int_equal(claim(dom0, 0x3f8, 8, &second), 0);
	assert_int_equal(claim(dom0, 0xcff, 1, &first), -EBUSY);
	assert_int_equal(claim(dom0, 0xcf0, 9, &first), -EBUSY);
	assert_int_equal(claim(dom0, 0, 0x10000, &first), -EBUSY);
	assert_int_equal(claim(dom0, 0xcf0, 8, &first), 0);
	assert_int_equal(claim(dom0, 0xd00, 1, &first), 0);
	assert_int_equal(claim(dom0, 0x80, 0, &first), -EINVAL);
	assert_int_equal(claim(dom0, 0xffff, 2, &first), -EINVAL);
	assert_int_equal(claim(dom0, 0, UINT32_MAX, &first), -EINVAL);
	assert_int_equal(ioreq_claim_ports(dom0, 0x80, 1, NULL, NULL), -EINVAL);
	/* The other domain's ports are its own. */
	assert_int_equal(claim(domu, 0, 0x10000, &second), 0);

	assert_int_equal(ioreq_release_ports(dom0, 0xcf8, 4), -ENOENT);
	assert_int_equal(ioreq_release_ports(dom0, 0xcf9, 7), -ENOENT);
	assert_int_equal(ioreq_release_ports(dom0, 0xe00, 1), -ENOENT);
	assert_int_equal(ioreq_release_ports(dom0, 0xcf8, 8), 0);
	assert_int_equal(claim(dom0, 0xcfc, 4, &first), 0);
	assert_int_equal(dom0->ports.count, 4);
	for (unsigned i = 1; i < dom0->ports.count; i++) {
		assert_true(dom0->ports.claim[i - 1].last < dom0->ports.claim[i].first);
	}
}

static void port_claims_are_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PORT_CLAIMS_MAX; i++) {
		assert_int_equal(claim(dom0, (uint16_t)(0x1000 - 2 * i), 1, &first), 0);
	}
	assert_int_equal(claim(dom0, 0x2000, 1, &first), -ENOSPC);
}

static void port_access_inside_a_claim(void **state)
{
	(void)state;
	assert_int_equal(claim(dom0, 0xcf8, 8, &first), 0);
	assert_int_equal(ioreq_port_read(dom0, 0xcfc, 4), 0xfffefdfc);
	assert_int_equal(first.calls, 1);
	assert_int_equal(first.len, 4);
	ioreq_port_write(dom0, 0xcfe, 2, 0x1234);
	assert_int_equal(first.calls, 2);
	assert_int_equal(first.port, 0xcfe);
	assert_int_equal(first.value, 0x1234);
}

static void port_access_across_claims(void **state)
{
	(void)state;
	assert_int_equal(claim(domu, 0x102, 1, &first), 0);
	assert_int_equal(claim(domu, 0x103, 4, &second), 0);
	/* Nobody's byte, the first's, two of the second's. */
	assert_int_equal(ioreq_port_read(domu, 0x101, 4), 0x040302ff);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 2);
	ioreq_port_write(domu, 0x101, 4, 0x44332211);
	assert_int_equal(first.value, 0x22);
	assert_int_equal(second.value, 0x44);
	assert_int_equal(second.port, 0x104);
	/* Past the end of the I/O space. */
	assert_int_equal(claim(domu, 0xffff, 1, &first), 0);
	assert_int_equal(ioreq_port_read(domu, 0xffff, 4), 0xffffffff);
	ioreq_port_write(domu, 0xffff, 4, 0x44332211);
	assert_int_equal(first.value, 0x11);
}

static void port_nobody_claimed(void **state)
{
	(void)state;
	assert_int_equal(ioreq_port_read(domu, 0x80, 1), 0xff);
	assert_int_equal(ioreq_port_read(domu, 0x80, 2), 0xffff);
	assert_int_equal(ioreq_port_read(domu, 0x80, 4), 0xffffffff);
	ioreq_port_write(domu, 0x80, 4, 0);
	assert_int_equal(first.calls, 0);
}

static void port_of_the_machine(void **state)
{
	(void)state;
	host_port_set(0x71, 0x12);
	host_port_set(0x72, 0x34);
	assert_int_equal(ioreq_port_read(dom0, 0x71, 2), 0x3412);
	ioreq_port_write(dom0, 0x71, 2, 0xbeef);
	assert_int_equal(host_port_written(0x72), 0xbe);
	assert_int_equal(host_port_read_count, 1);
	assert_int_equal(host_port_write_count, 1);
	/* With a claim in its midst the rest goes to the machine byte by byte. */
	assert_int_equal(claim(dom0, 0x72, 1, &first), 0);
	assert_true(host_port_trapped(dom0, 0x72));
	assert_false(host_port_trapped(domu, 0x72));
	assert_int_equal(ioreq_port_read(dom0, 0x71, 2), 0x7212);
	ioreq_port_write(dom0, 0x71, 2, 0x5566);
	assert_int_equal(host_port_written(0x71), 0x66);
	assert_int_equal(host_port_written(0x72), 0xbe);
	assert_int_equal(first.value, 0x55);
	assert_int_equal(ioreq_release_ports(dom0, 0x72, 1), 0);
	assert_false(host_port_trapped(dom0, 0x72));
	/* Not for another domain. */
	assert_int_equal(ioreq_port_read(domu, 0x71, 1), 0xff);
	ioreq_port_write(domu, 0x71, 1, 0);
	assert_int_equal(host_port_written(0x71), 0x66);
}

static void mmio_claims(void **state)
{
	(void)state;
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(PAGE_A), 0x1000, &fixture_ops, &trap), 0);
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(PAGE_A), 0x1000, &fixture_ops, &trap2), -EBUSY);
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(PAGE_A + 1), 0x1000, &fixture_ops, &trap),
			 -EINVAL);
	assert_int_equal(ioreq_claim_mmio(domu, gpa(PAGE_A), 0x1000, &fixture_ops, &trap2), 0);
	assert_int_equal(ioreq_release_mmio(dom0, gpa(PAGE_A), 0x2000), -ENOENT);
	assert_int_equal(ioreq_release_mmio(dom0, gpa(PAGE_A), 0x1000), 0);
	assert_int_equal(type_at(&dom0->memmap, PAGE_A), MEM_HOLE);
	assert_int_equal(type_at(&domu->memmap, PAGE_A), MEM_TRAP);
}

static void mmio_access_inside(void **state)
{
	uint64_t value;

	(void)state;
	/* The claim lies over two base types: it is one claim all the same. */
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(PAGE_A + 0x1000), gpa(PAGE_A + 0x2000),
					 MEM_RESERVED), 0);
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(PAGE_A), 0x2000, &fixture_ops, &trap), 0);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A + 0x10), 8, &value), VERDICT_DONE);
	assert_int_equal(value, 0x1716151413121110);
	assert_int_equal(trap.reads, 1);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A + 0x1ffc), 4, &value), VERDICT_DONE);
	assert_int_equal(trap.offset, 0x1ffc);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(PAGE_A + 0x1004), 4, 0xabcd), VERDICT_DONE);
	assert_int_equal(trap.offset, 0x1004);
	assert_int_equal(trap.value, 0xabcd);
	assert_int_equal(trap.len, 4);
	/* Across the seam of the base types: in bytes. */
	assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A + 0xffe), 4, &value), VERDICT_DONE);
	assert_int_equal(value, 0x0100fffe);
	assert_int_equal(trap.len, 1);
}

static void mmio_access_across_the_end(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(PAGE_A), 0x1000, &fixture_ops, &trap), 0);
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(PAGE_A + 0x2000), 0x1000, &fixture_ops, &trap2),
			 0);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A + 0xffd), 8, &value), VERDICT_DONE);
	assert_int_equal(value, 0xfffffffffffffefdull);
	assert_int_equal(trap.reads, 3);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A + 0x1fff), 2, &value), VERDICT_DONE);
	assert_int_equal(value, 0x00ff);
	assert_int_equal(trap2.reads, 1);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(PAGE_A + 0xffe), 4, 0x44332211), VERDICT_DONE);
	assert_int_equal(trap.writes, 2);
	assert_int_equal(trap.value, 0x22);
	assert_int_equal(trap.len, 1);
	/* The hole between was not opened by it. */
	assert_int_equal(type_at(&dom0->memmap, PAGE_A + 0x1000), MEM_HOLE);
}

static void mmio_hole_of_the_hardware_domain(void **state)
{
	struct memmap *m = &dom0->memmap;
	uint64_t value = 0;

	(void)state;
	assert_int_equal(memmap_set_base(m, gpa(PAGE_A + 0x1000), gpa(PAGE_A + 0x4000),
					 MEM_RESERVED), 0);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A + 0x10), 4, &value), VERDICT_PERFORM);
	assert_int_equal(type_at(m, PAGE_A), MEM_OPEN);
	assert_int_equal(host_change_count, 1);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(PAGE_A + 0x1ffe), 4, 0), VERDICT_PERFORM);
	assert_int_equal(type_at(m, PAGE_A + 0x1000), MEM_OPEN);
	assert_int_equal(type_at(m, PAGE_A + 0x2000), MEM_OPEN);
	assert_int_equal(type_at(m, PAGE_A + 0x3000), MEM_RESERVED);
	/* Another domain gets nothing of the kind. */
	assert_int_equal(ioreq_mmio_read(domu, gpa(PAGE_A), 4, &value), VERDICT_REJECT);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(ioreq_mmio_write(domu, gpa(PAGE_A), 4, 0), VERDICT_REJECT);
	assert_int_equal(type_at(&domu->memmap, PAGE_A), MEM_HOLE);
}

static void mmio_refused(void **state)
{
	static const enum mem_type no[] = {MEM_UNUSABLE, MEM_OURS, MEM_DENY};
	struct memmap *m = &dom0->memmap;
	uint64_t value;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(no); i++) {
		assert_int_equal(memmap_set_base(m, gpa(PAGE_A), gpa(PAGE_A + 0x1000), no[i]), 0);
		value = 0;
		assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A), 8, &value), VERDICT_REJECT);
		assert_int_equal(value, UINT64_MAX);
		assert_int_equal(ioreq_mmio_write(dom0, gpa(PAGE_A + 8), 1, 0), VERDICT_REJECT);
		/* From the hole before it into it. */
		assert_int_equal(ioreq_mmio_read(dom0, gpa(PAGE_A - 1), 2, &value), VERDICT_REJECT);
		assert_int_equal(value, 0xffff);
	}
	assert_int_equal(ioreq_mmio_read(dom0, gpa(FIXTURE_LIMIT), 1, &value), VERDICT_REJECT);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(FIXTURE_LIMIT - 1), 2, &value), VERDICT_REJECT);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(UINT64_MAX), 8, &value), VERDICT_REJECT);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(UINT64_MAX), 8, 0), VERDICT_REJECT);
	assert_int_equal(host_change_count, 0);
}

/* A page dropped for want of a table comes back at its next fault. */
static void mmio_dropped_page_returns(void **state)
{
	struct nested n;
	struct nested_leaf leaf;
	uint64_t value;

	(void)state;
	assert_int_equal(nested_init(&n, &nested_amd), 0);
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(0), gpa(GIB), MEM_RAM), 0);
	assert_true(host_nested_attach(dom0, &n));
	assert_int_equal(ioreq_mmio_read(dom0, gpa(0x1234), 4, &value), VERDICT_PERFORM);
	assert_true(nested_lookup(&n, gpa(0x1234), &leaf));
	nested_destroy(&n);
}

static void mmio_too_many_holes_touched(void **state)
{
	uint64_t value;
	unsigned i = 0;

	(void)state;
	while (ioreq_mmio_read(dom0, gpa(PAGE_A + 0x2000 * i), 4, &value) == VERDICT_PERFORM) {
		i++;
	}
	assert_in_range(i, FIXTURE_RANGES / 4, FIXTURE_RANGES * 3 / 8);
	/* BARs find room all the same. */
	assert_int_equal(ioreq_claim_mmio(dom0, gpa(GIB), 0x1000, &fixture_ops, &trap), 0);
}

/* ---- a claim that wanders while another processor reads ---- */

#define WANDER_ROUNDS 20000u
#define WANDER_PAGES  8u

static uint64_t wander_read(void *ctx, uint64_t offset, unsigned len)
{
	(void)len;
	/* The claim's own address comes as context: together they are the address read. */
	return (uint64_t)ctx + offset;
}

static const struct mmio_ops wander_ops = {"wanderer", wander_read, fixture_write};
static bool wander_done;

static void *wander_reader(void *arg)
{
	uint64_t hits = 0;

	for (uint64_t i = 0; !__atomic_load_n(&wander_done, __ATOMIC_ACQUIRE) || !hits; i++) {
		gpa_t a = gpa(PAGE_A + i * 0x518 % (WANDER_PAGES * PAGE_SIZE));
		uint64_t value = 0;
		enum verdict verdict = ioreq_mmio_read(arg, a, 8, &value);

		if (verdict == VERDICT_DONE) {
			hits++;
			if (value != a.v) {
				return NULL;
			}
		} else if (verdict != VERDICT_REJECT || value != UINT64_MAX) {
			return NULL;
		}
	}
	return (void *)hits;
}

static void mmio_while_claims_move(void **state)
{
	pthread_t thread[2];
	void *hits;

	(void)state;
	wander_done = false;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&thread[i], NULL, wander_reader, domu), 0);
	}
	for (unsigned i = 0; i < WANDER_ROUNDS; i++) {
		uint64_t start = PAGE_A + i % WANDER_PAGES * PAGE_SIZE;

		assert_int_equal(
			ioreq_claim_mmio(domu, gpa(start), PAGE_SIZE, &wander_ops, (void *)start),
			0);
		if (i >= WANDER_PAGES / 2) {
			start = PAGE_A + (i - WANDER_PAGES / 2) % WANDER_PAGES * PAGE_SIZE;
			assert_int_equal(ioreq_release_mmio(domu, gpa(start), PAGE_SIZE), 0);
		}
	}
	__atomic_store_n(&wander_done, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(thread[i], &hits);
		assert_true((uint64_t)hits > 0);
	}
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(port_claims),
		TEST(port_claims_are_bounded),
		TEST(port_access_inside_a_claim),
		TEST(port_access_across_claims),
		TEST(port_nobody_claimed),
		TEST(port_of_the_machine),
		TEST(mmio_claims),
		TEST(mmio_access_inside),
		TEST(mmio_access_across_the_end),
		TEST(mmio_hole_of_the_hardware_domain),
		TEST(mmio_refused),
		TEST(mmio_dropped_page_returns),
		TEST(mmio_too_many_holes_touched),
		TEST(mmio_while_claims_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
