/* SPDX-License-Identifier: MIT */
/*
 * Interrupt sources: binding at the first unmask, two mask states, moves
 * between processors that lose nothing, exhaustion of vectors, restoring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "irq_fixture.h"

/* A device with one message: what the machine was told. */
struct device {
	struct irq_source src;
	bool masked;
	uint64_t addr;
	uint32_t data;
	unsigned mask_count;
	unsigned route_count;
};

static struct device dev, other;

static void device_mask(struct irq_source *src, bool masked)
{
	struct device *d = container_of(src, struct device, src);

	d->masked = masked;
	d->mask_count++;
}

static void device_route(struct irq_source *src)
{
	struct device *d = container_of(src, struct device, src);

	/* Never while it is open. */
	assert_true(d->masked);
	arch_msi_message(src->cpu, src->vector, &d->addr, &d->data);
	d->route_count++;
}

static const struct irq_source_ops device_ops = {.mask = device_mask, .route = device_route};

static bool raise(const struct device *d)
{
	return !d->masked && host_msi(d->addr, d->data);
}

static uint64_t to(unsigned apic)
{
	return 0xfee00000ull | apic << 12;
}

static int setup(void **state)
{
	fixture_running(state);
	dev = (struct device){.masked = true};
	other = (struct device){.masked = true};
	irq_source_init(&dev.src, &device_ops, IRQ_MSIX, dom0, NULL, 0);
	irq_source_init(&other.src, &device_ops, IRQ_MSIX, domu, NULL, 0);
	return 0;
}

static void test_bind_at_first_unmask(void **state)
{
	(void)state;
	irq_source_update(&dev.src, true, to(1), 0x41);
	assert_int_equal(dev.mask_count, 0);
	assert_int_equal(host_vector_count(0) + host_vector_count(1), 0);
	irq_source_update(&dev.src, false, to(1), 0x41);
	assert_int_equal(host_vector_count(1), 1);
	assert_int_equal(dev.route_count, 1);
	assert_false(dev.masked);
	assert_ptr_equal(host_vector_source(1, dev.src.vector), &dev.src);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 1)), 0x41);
	assert_int_equal(dev.src.fired, 1);
	/* The same again is free. */
	irq_source_update(&dev.src, false, to(1), 0x41);
	assert_int_equal(dev.mask_count, 1);
}

static void test_two_masks(void **state)
{
	(void)state;
	irq_source_update(&dev.src, false, to(0), 0x41);
	for (unsigned i = 0; i < 4; i++) {
		bool guest = i & 1;
		bool ours = i & 2;

		irq_source_update(&dev.src, guest, to(0), 0x41);
		irq_source_hold(&dev.src, ours);
		assert_int_equal(dev.masked, guest || ours);
	}
	/* The order does not matter, and each change of the sum is one write. */
	dev.mask_count = 0;
	irq_source_update(&dev.src, false, to(0), 0x41);
	assert_true(dev.masked);
	irq_source_hold(&dev.src, false);
	assert_false(dev.masked);
	assert_int_equal(dev.mask_count, 1);
	assert_int_equal(dev.route_count, 1);
}

static void test_message_change(void **state)
{
	(void)state;
	irq_source_update(&dev.src, false, to(2), 0x41);
	dev.mask_count = 0;
	/* Another vector at the same processor is not the machine's business. */
	irq_source_update(&dev.src, false, to(2), 0x52);
	assert_int_equal(dev.mask_count, 0);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 2)), 0x52);
}

static void test_move(void **state)
{
	uint64_t old_addr;
	uint32_t old_data;

	(void)state;
	irq_source_update(&dev.src, false, to(0), 0x41);
	old_addr = dev.addr;
	old_data = dev.data;
	irq_source_update(&dev.src, false, to(3), 0x41);
	assert_int_equal(dev.src.cpu, 3);
	assert_false(dev.masked);
	/* One was under way to the old place: it is not lost. */
	assert_true(host_msi(old_addr, old_data));
	assert_int_equal(take(lapic(dom0, 3)), 0x41);
	eoi(lapic(dom0, 3));
	/* After an interrupt the old vector is free. */
	assert_int_equal(host_vector_count(0), 0);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 3)), 0x41);
	/* Moved twice without an interrupt, the oldest is given back. */
	irq_source_update(&dev.src, false, to(1), 0x41);
	irq_source_update(&dev.src, false, to(2), 0x41);
	assert_int_equal(host_vector_count(3), 0);
	assert_int_equal(host_vector_count(1), 1);
	assert_int_equal(host_vector_count(2), 1);
	irq_source_release(&dev.src);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(host_vector_count(i), 0);
	}
	assert_true(dev.masked);
}

/* However often it moves: what has reached a processor is taken there, then its vector is free. */
static void test_move_with_one_pending(void **state)
{
	(void)state;
	irq_source_update(&dev.src, false, to(0), 0x41);
	assert_true(host_msi_pend(dev.addr, dev.data));
	irq_source_update(&dev.src, false, to(1), 0x41);
	irq_source_update(&dev.src, false, to(2), 0x41);
	irq_source_update(&dev.src, false, to(3), 0x41);
	assert_int_equal(take(lapic(dom0, 3)), -1);
	assert_int_equal(host_vector_count(0), 1);
	assert_int_equal(host_vector_count(1), 0);
	/* Not somebody else's before that. */
	irq_source_update(&other.src, false, to(0), 0x61);
	assert_int_equal(host_vector_count(0), 2);
	host_take_pending(0);
	assert_int_equal(take(lapic(dom0, 3)), 0x41);
	assert_int_equal(take(lapic(domu, 0)), -1);
	assert_int_equal(host_vector_count(0), 1);
	eoi(lapic(dom0, 3));
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 3)), 0x41);
}

/* It takes no vector anew where it has one still, however long that processor is busy. */
static void test_move_back_and_forth(void **state)
{
	unsigned vector;

	(void)state;
	irq_source_update(&dev.src, false, to(0), 0x41);
	vector = dev.src.vector;
	assert_true(host_msi_pend(dev.addr, dev.data));
	for (unsigned i = 1; i <= 1000; i++) {
		irq_source_update(&dev.src, false, to(i & 1), 0x41);
		assert_int_equal(dev.src.cpu, i & 1);
		assert_int_equal(host_vector_count(0), 1);
		assert_int_equal(host_vector_count(1), 1);
	}
	assert_int_equal(dev.src.vector, vector);
	host_take_pending(0);
	assert_int_equal(take(lapic(dom0, 0)), 0x41);
	eoi(lapic(dom0, 0));
	assert_int_equal(host_vector_count(1), 0);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 0)), 0x41);
}

/* Moving while the guest has it masked waits for the unmask; while we do, it happens. */
static void test_move_masked(void **state)
{
	(void)state;
	irq_source_update(&dev.src, false, to(0), 0x41);
	irq_source_update(&dev.src, true, to(1), 0x41);
	assert_int_equal(dev.src.cpu, 0);
	irq_source_update(&dev.src, false, to(1), 0x41);
	assert_int_equal(dev.src.cpu, 1);
	irq_source_hold(&dev.src, true);
	irq_source_update(&dev.src, false, to(2), 0x41);
	assert_int_equal(dev.src.cpu, 2);
	assert_true(dev.masked);
	irq_source_hold(&dev.src, false);
	assert_false(dev.masked);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 2)), 0x41);
}

/* One that is under way when the guest masks, and then writes, goes where it was sent. */
static void test_write_masked_with_one_pending(void **state)
{
	(void)state;
	irq_source_update(&dev.src, false, to(0), 0x41);
	assert_true(host_msi_pend(dev.addr, dev.data));
	irq_source_update(&dev.src, true, to(0), 0x41);
	irq_source_update(&dev.src, true, to(1), 0x41);
	host_take_pending(0);
	assert_int_equal(take(lapic(dom0, 1)), -1);
	assert_int_equal(take(lapic(dom0, 0)), 0x41);
	irq_source_update(&dev.src, true, to(1), 0x52);
	irq_source_update(&dev.src, false, to(1), 0x52);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 1)), 0x52);
}

static void test_no_vector(void **state)
{
	(void)state;
	host_vector_limit(1);
	irq_source_update(&other.src, false, to(0), 0x41);
	irq_source_update(&dev.src, false, to(0), 0x41);
	assert_false(dev.src.bound);
	assert_true(dev.masked);
	assert_true(host_console_contains("no vector left"));
	/* Once there is room the guest's next write opens it. */
	irq_source_update(&dev.src, false, to(1), 0x41);
	assert_false(dev.masked);
	/* No room where it should go: it stays where it works. */
	irq_source_update(&dev.src, false, to(0), 0x52);
	assert_int_equal(dev.src.cpu, 1);
	assert_false(dev.masked);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 0)), 0x52);
	assert_int_equal(take(lapic(domu, 0)), -1);
}

static void test_two_domains(void **state)
{
	(void)state;
	irq_source_update(&dev.src, false, to(1), 0x41);
	irq_source_update(&other.src, false, to(1), 0x61);
	assert_true(raise(&other));
	assert_int_equal(take(lapic(dom0, 1)), -1);
	assert_int_equal(take(lapic(domu, 1)), 0x61);
	assert_true(raise(&dev));
	assert_int_equal(take(lapic(dom0, 1)), 0x41);
	assert_int_equal(take(lapic(domu, 1)), -1);
}

static void test_restore(void **state)
{
	(void)state;
	irq_source_restore(&dev.src);
	assert_true(dev.masked);
	assert_int_equal(dev.route_count, 0);
	irq_source_update(&dev.src, false, to(1), 0x41);
	dev.addr = 0;
	dev.data = 0;
	dev.masked = true;
	irq_source_restore(&dev.src);
	assert_true(raise(&dev));
	irq_source_hold(&dev.src, true);
	dev.masked = false;
	irq_source_restore(&dev.src);
	assert_true(dev.masked);
}

/* Where a message names nobody, the first vCPU's processor keeps the source. */
static void test_bad_message(void **state)
{
	(void)state;
	irq_source_update(&dev.src, false, 0, 0);
	assert_true(dev.src.bound);
	assert_int_equal(dev.src.cpu, 0);
	assert_true(raise(&dev));
	assert_true(host_console_contains("is no interrupt"));
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bind_at_first_unmask),  T(test_two_masks),
		T(test_message_change),        T(test_move),
		T(test_move_masked),           T(test_no_vector),
		T(test_move_with_one_pending), T(test_write_masked_with_one_pending),
		T(test_move_back_and_forth),   T(test_two_domains),
		T(test_restore),               T(test_bad_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
