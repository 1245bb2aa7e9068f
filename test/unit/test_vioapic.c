/* SPDX-License-Identifier: MIT */
/*
 * The virtual IO-APIC: registers, binding, edge and level interrupts of the
 * machine and of emulated devices, EOI by both roads, delivery modes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "irq_fixture.h"

#define MASKED     0x10000ull
#define LEVEL      0x8000ull
#define LOW        0x2000ull
#define REMOTE_IRR 0x4000ull
#define DEST(n)    ((uint64_t)(n) << 56)

static void test_registers(void **state)
{
	uint64_t value;

	(void)state;
	io_write(dom0, 0, 1);
	assert_int_equal(io_read(dom0, 0x10), 0x170020);
	io_write(dom0, 0x10, 0xffffffff);
	assert_int_equal(io_read(dom0, 0x10), 0x170020);
	io_write(dom0, 0, 0);
	io_write(dom0, 0x10, 0xffffffff);
	assert_int_equal(io_read(dom0, 0x10), 0x0f000000);
	io_write(dom0, 0, 2);
	assert_int_equal(io_read(dom0, 0x10), 0x0f000000);
	io_write(dom0, 0, 0xffffff10);
	assert_int_equal(io_read(dom0, 0), 0x10);
	/* Registers between and beyond. */
	io_write(dom0, 0, 3);
	assert_int_equal(io_read(dom0, 0x10), 0);
	io_write(dom0, 0, 0x10 + 2 * FIXTURE_PINS);
	io_write(dom0, 0x10, 0);
	assert_int_equal(io_read(dom0, 0x10), 0);
	/* Other sizes. */
	assert_int_equal(ioreq_mmio_write(dom0, gpa(FIXTURE_IOAPIC), 1, 1), VERDICT_DONE);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(FIXTURE_IOAPIC + 0x12), 1, &value),
			 VERDICT_DONE);
	assert_int_equal(value, 0x17);
	assert_int_equal(ioreq_mmio_read(dom0, gpa(FIXTURE_IOAPIC + 0x10), 2, &value),
			 VERDICT_DONE);
	assert_int_equal(value, 0x0020);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(FIXTURE_IOAPIC), 2, 0x12), VERDICT_DONE);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(FIXTURE_IOAPIC + 0x10), 2, 0), VERDICT_DONE);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(FIXTURE_IOAPIC + 0x10), 8, 0), VERDICT_DONE);
	assert_int_equal(io_read(dom0, 0x10), MASKED);
	assert_int_equal(io_read(dom0, 0x20), 0);
	assert_int_equal(io_read(dom0, 0xffc), 0);
	io_write(dom0, 0xffc, 0);
	/* Entries: reserved and read-only bits. */
	rte_write(5, UINT64_MAX);
	assert_int_equal(rte_read(5), 0xff0000000001afffull);
	/* The second domain has no IO-APIC there. */
	assert_int_equal(ioreq_mmio_read(domu, gpa(FIXTURE_IOAPIC), 4, &value), VERDICT_REJECT);
}

static void test_bind(void **state)
{
	(void)state;
	rte_write(10, MASKED | 0x41 | DEST(1));
	assert_int_equal(host_vector_count(1), 0);
	assert_int_equal(host_ioapic_entry(0, 10), MASKED);
	rte_write(10, 0x41 | DEST(1));
	assert_int_equal(host_vector_count(1), 1);
	assert_int_equal(host_ioapic_entry(0, 10),
			 arch_ioapic_entry(1, dom0->ioapics.io[0].pin[10].phys.src.vector));
	rte_write(10, LOW | LEVEL | 0x41 | DEST(1));
	assert_int_equal(host_ioapic_entry(0, 10) & 0x1ff00, LOW | LEVEL);
	rte_write(10, MASKED | LOW | LEVEL | 0x41 | DEST(1));
	assert_int_equal(host_ioapic_entry(0, 10) & MASKED, MASKED);
	assert_int_equal(host_ioapic_torn_count, 0);
	assert_int_equal(vioapic_emulate_gsi(dom0, 10), -EBUSY);
}

static void test_edge(void **state)
{
	(void)state;
	rte_write(4, 0x34 | DEST(2));
	host_ioapic_set_line(0, 4, true);
	assert_int_equal(take(lapic(dom0, 2)), 0x34);
	host_ioapic_set_line(0, 4, false);
	eoi(lapic(dom0, 2));
	assert_int_equal(take(lapic(dom0, 2)), -1);
	assert_int_equal(rte_read(4) & REMOTE_IRR, 0);
	host_ioapic_set_line(0, 4, true);
	assert_int_equal(take(lapic(dom0, 2)), 0x34);
	assert_int_equal(dom0->ioapics.io[0].pin[4].phys.src.fired, 2);
	assert_int_equal(dom0->ioapics.io[0].pin[4].delivered, 2);
}

static void test_level(void **state)
{
	struct vlapic *l = lapic(dom0, 1);

	(void)state;
	rte_write(11, LEVEL | LOW | 0x51 | DEST(1));
	host_ioapic_set_line(0, 11, true);
	/* Held by us until the guest's EOI, and delivered once. */
	assert_int_equal(host_ioapic_entry(0, 11) & MASKED, MASKED);
	assert_int_equal(rte_read(11) & (REMOTE_IRR | MASKED), REMOTE_IRR);
	assert_int_equal(take(l), 0x51);
	assert_int_equal(take(l), -1);
	/* The line is still up at EOI: it comes again. */
	eoi(l);
	assert_int_equal(host_ioapic_entry(0, 11) & MASKED, 0);
	host_ioapic_poll();
	assert_int_equal(take(l), 0x51);
	host_ioapic_set_line(0, 11, false);
	eoi(l);
	host_ioapic_poll();
	assert_int_equal(take(l), -1);
	assert_int_equal(host_ioapic_entry(0, 11) & MASKED, 0);
	assert_int_equal(dom0->ioapics.io[0].pin[11].delivered, 2);
}

/*
 * Moved while an interrupt waits at the old processor: its EOI is for a vector that the entry does
 * not have any more, and the pin interrupts again all the same.
 */
static void test_level_moved_under_way(void **state)
{
	(void)state;
	/* So that the vectors of the two processors differ. */
	rte_write(5, 0x60 | DEST(2));
	rte_write(11, LEVEL | LOW | 0x51 | DEST(1));
	host_ioapic_raise_pending(0, 11);
	rte_write(11, LEVEL | LOW | 0x51 | DEST(2));
	assert_int_equal(take(lapic(dom0, 2)), -1);
	host_take_pending(1);
	assert_int_equal(take(lapic(dom0, 2)), 0x51);
	for (unsigned i = 0; i < 3; i++) {
		eoi(lapic(dom0, 2));
		host_ioapic_poll();
		assert_int_equal(take(lapic(dom0, 2)), 0x51);
	}
	host_ioapic_set_line(0, 11, false);
	eoi(lapic(dom0, 2));
	host_ioapic_poll();
	assert_int_equal(take(lapic(dom0, 2)), -1);
	assert_int_equal(host_vector_count(1), 0);
}

/*
 * Moved while an interrupt waits at the old processor, whose line has gone down and rises at any
 * moment of the move: it interrupts at the new one.
 */
static void test_level_rises_while_moved(void **state)
{
	unsigned cpu = 1;

	(void)state;
	rte_write(5, 0x60 | DEST(2));
	rte_write(11, LEVEL | LOW | 0x51 | DEST(cpu));
	for (unsigned writes = 1; writes <= 4; writes++) {
		host_ioapic_raise_pending(0, 11);
		host_ioapic_set_line(0, 11, false);
		host_ioapic_raise_later(0, 11, writes);
		cpu = 3 - cpu;
		rte_write(11, LEVEL | LOW | 0x51 | DEST(cpu));
		host_ioapic_raise_later(0, 11, 0);
		host_ioapic_poll();
		assert_int_equal(take(lapic(dom0, cpu)), 0x51);
		host_take_pending(3 - cpu);
		host_ioapic_set_line(0, 11, false);
		eoi(lapic(dom0, cpu));
		host_ioapic_poll();
		assert_int_equal(take(lapic(dom0, cpu)), -1);
	}
}

/* Level and masked, as a kernel sets an entry before there is a driver; the line is up then. */
static void test_level_up_before_unmask(void **state)
{
	(void)state;
	rte_write(11, MASKED | LEVEL | LOW | 0x51 | DEST(1));
	host_ioapic_set_line(0, 11, true);
	assert_int_equal(take(lapic(dom0, 1)), -1);
	rte_write(11, LEVEL | LOW | 0x51 | DEST(1));
	host_ioapic_poll();
	assert_int_equal(take(lapic(dom0, 1)), 0x51);
}

/* Without the EOI register the entry forgets by being edge for a moment. */
static void test_level_moved_old_chip(void **state)
{
	host_ioapic_add(0, 0x11, FIXTURE_PINS);
	test_level_moved_under_way(state);
}

/* The guest masks in service, as Linux does: both masks count. */
static void test_level_masked_in_service(void **state)
{
	struct vlapic *l = lapic(dom0, 1);

	(void)state;
	rte_write(11, LEVEL | 0x51 | DEST(1));
	host_ioapic_set_line(0, 11, true);
	assert_int_equal(take(l), 0x51);
	rte_write(11, MASKED | LEVEL | 0x51 | DEST(1));
	assert_int_equal(rte_read(11) & REMOTE_IRR, REMOTE_IRR);
	eoi(l);
	assert_int_equal(rte_read(11) & REMOTE_IRR, 0);
	assert_int_equal(host_ioapic_entry(0, 11) & MASKED, MASKED);
	rte_write(11, LEVEL | 0x51 | DEST(1));
	assert_int_equal(host_ioapic_entry(0, 11) & MASKED, 0);
	host_ioapic_poll();
	assert_int_equal(take(l), 0x51);
}

static void test_eoi_register(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	rte_write(11, LEVEL | 0x51);
	rte_write(12, LEVEL | 0x52);
	rte_write(13, LEVEL | 0x51);
	for (unsigned pin = 11; pin <= 13; pin++) {
		host_ioapic_set_line(0, pin, true);
	}
	io_write(dom0, 0x40, 0x51);
	assert_int_equal(rte_read(11) & REMOTE_IRR, 0);
	assert_int_equal(rte_read(12) & REMOTE_IRR, REMOTE_IRR);
	assert_int_equal(rte_read(13) & REMOTE_IRR, 0);
	/* The EOI of old drivers: masked and edge, then as before. */
	rte_write(12, MASKED | 0x52);
	assert_int_equal(rte_read(12) & REMOTE_IRR, 0);
	rte_write(12, LEVEL | 0x52);
	host_ioapic_poll();
	assert_int_equal(rte_read(12) & REMOTE_IRR, REMOTE_IRR);
	assert_int_equal(take(l), 0x52);
}

static void test_no_eoi_register(void **state)
{
	(void)state;
	host_ioapic_add(1, 0x11, 24);
	assert_int_equal(vioapic_add(dom0, 1, gpa(0xfec10000), 1, 24), 0);
	rte_write(11, LEVEL | 0x51);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(0xfec10040), 4, 0x51), VERDICT_DONE);
	assert_true(host_console_contains("dropped"));
}

/* Nobody accepts: no remote IRR that nobody clears, and the pin gets another chance. */
static void test_not_accepted(void **state)
{
	struct vlapic *l = lapic(dom0, 1);

	(void)state;
	apic_write(l, 0xf0, 0xff);
	rte_write(11, LEVEL | 0x51 | DEST(1));
	host_ioapic_set_line(0, 11, true);
	assert_int_equal(rte_read(11) & REMOTE_IRR, 0);
	assert_int_equal(host_ioapic_entry(0, 11) & MASKED, MASKED);
	apic_write(l, 0xf0, 0x1ff);
	rte_write(11, LEVEL | 0x51 | DEST(1));
	host_ioapic_poll();
	assert_int_equal(take(l), 0x51);
}

static void test_move(void **state)
{
	(void)state;
	rte_write(11, LEVEL | 0x51 | DEST(1));
	rte_write(11, LEVEL | 0x51 | DEST(3));
	assert_int_equal(host_ioapic_entry(0, 11) >> 56, 3);
	assert_int_equal(host_ioapic_torn_count, 0);
	host_ioapic_set_line(0, 11, true);
	assert_int_equal(take(lapic(dom0, 3)), 0x51);
}

static void test_modes(void **state)
{
	(void)state;
	/* NMI is an edge whatever the entry says. */
	rte_write(3, LEVEL | 4 << 8 | DEST(1));
	assert_int_equal(host_ioapic_entry(0, 3) & (MASKED | LEVEL), 0);
	host_ioapic_set_line(0, 3, true);
	assert_true(vlapic_take_nmi(lapic(dom0, 1)));
	assert_int_equal(rte_read(3) & REMOTE_IRR, 0);
	for (unsigned mode = 2; mode < 8; mode++) {
		if (mode == 4) {
			continue;
		}
		rte_write(5, mode << 8 | 0x61);
		assert_int_equal(rte_read(5), mode << 8 | 0x61);
		assert_int_equal(host_ioapic_entry(0, 5) & MASKED, MASKED);
	}
	assert_true(host_console_contains("has no effect"));
	rte_write(5, 1 << 8 | 0x61);
	assert_int_equal(host_ioapic_entry(0, 5) & MASKED, 0);
}

static void test_emulated_edge(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	assert_int_equal(vioapic_emulate_gsi(dom0, 4), 0);
	assert_int_equal(vioapic_emulate_gsi(dom0, 4), -EBUSY);
	assert_int_equal(vioapic_emulate_gsi(dom0, FIXTURE_PINS), -ENOENT);
	assert_int_equal(vioapic_emulate_gsi(domu, 4), -ENOENT);
	vioapic_set_line(dom0, 4, true);
	rte_write(4, 0x34);
	/* An edge at a masked pin is lost, and the machine's pin is never touched. */
	assert_int_equal(take(l), -1);
	vioapic_set_line(dom0, 4, true);
	assert_int_equal(take(l), -1);
	vioapic_set_line(dom0, 4, false);
	vioapic_set_line(dom0, 4, true);
	assert_int_equal(take(l), 0x34);
	assert_int_equal(host_ioapic_entry(0, 4), MASKED);
	assert_int_equal(host_vector_count(0), 0);
	/* Lines that are nobody's. */
	vioapic_set_line(dom0, 5, true);
	vioapic_set_line(dom0, 99, true);
	vioapic_set_line(domu, 4, true);
}

static void test_emulated_level(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	assert_int_equal(vioapic_emulate_gsi(dom0, 4), 0);
	vioapic_set_line(dom0, 4, true);
	rte_write(4, LEVEL | 0x34);
	assert_int_equal(rte_read(4) & REMOTE_IRR, REMOTE_IRR);
	assert_int_equal(take(l), 0x34);
	eoi(l);
	assert_int_equal(take(l), 0x34);
	vioapic_set_line(dom0, 4, false);
	eoi(l);
	assert_int_equal(take(l), -1);
	assert_int_equal(rte_read(4) & REMOTE_IRR, 0);
}

static void test_many(void **state)
{
	uint64_t entry;

	(void)state;
	host_ioapic_add(1, 0x20, 120);
	host_ioapic_add(2, 0x20, 256);
	assert_int_equal(vioapic_add(dom0, 1, gpa(0xfec01000), 1, 24), 0);
	assert_int_equal(vioapic_add(dom0, 2, gpa(0xfec01000), 2, 144), -EBUSY);
	assert_int_equal(vioapic_add(dom0, 2, gpa(0xfec02400), 2, 144), 0);
	assert_int_equal(dom0->ioapics.count, 3);
	assert_int_equal(vioapic_get_entry(dom0, 144 + 239, &entry), 0);
	assert_int_equal(entry, MASKED);
	assert_int_equal(vioapic_get_entry(dom0, 144 + 240, &entry), -ENOENT);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(0xfec02400), 4, 0x10 + 2 * 100), VERDICT_DONE);
	assert_int_equal(ioreq_mmio_write(dom0, gpa(0xfec02410), 4, 0x71 | LEVEL), VERDICT_DONE);
	host_ioapic_set_line(2, 100, true);
	assert_int_equal(take(lapic(dom0, 0)), 0x71);
	host_ioapic_set_line(2, 100, false);
	eoi(lapic(dom0, 0));
	assert_int_equal(vioapic_get_entry(dom0, 244, &entry), 0);
	assert_int_equal(entry & REMOTE_IRR, 0);
	vioapic_log(dom0);
	assert_true(host_console_contains("gsi 244"));
}

#define T(f) cmocka_unit_test_setup(f, fixture_running)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_registers),
		T(test_bind),
		T(test_edge),
		T(test_level),
		T(test_level_moved_under_way),
		T(test_level_rises_while_moved),
		T(test_level_moved_old_chip),
		T(test_level_up_before_unmask),
		T(test_level_masked_in_service),
		T(test_eoi_register),
		T(test_no_eoi_register),
		T(test_not_accepted),
		T(test_move),
		T(test_modes),
		T(test_emulated_edge),
		T(test_emulated_level),
		T(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
