/* SPDX-License-Identifier: MIT */
/*
 * Common to the tests of interrupts and time: a fresh hosted machine with four
 * processors and an IO-APIC of 24 pins, the hardware domain with four vCPUs
 * and a second domain with two. Included after cmocka.h by one test program each.
 */
#ifndef TAPROOT_TEST_IRQ_FIXTURE_H
#define TAPROOT_TEST_IRQ_FIXTURE_H

#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/ioreq.h>
#include <taproot/irq.h>

#include "host.h"
#include "host_mem.h"

#define FIXTURE_CPUS   4
#define FIXTURE_PINS   24
#define FIXTURE_IOAPIC 0xfec00000ull
#define FIXTURE_LIMIT  (1ull << 40)

static struct domain *dom0, *domu;

static inline struct vlapic *lapic(struct domain *d, unsigned vcpu)
{
	return &d->vcpu[vcpu]->lapic;
}

static inline void apic_write(struct vlapic *l, unsigned offset, uint32_t value)
{
	vlapic_mmio_write(l, offset, 4, value);
}

static inline uint32_t apic_read(struct vlapic *l, unsigned offset)
{
	return vlapic_mmio_read(l, offset, 4);
}

static inline int fixture_machine(void **state)
{
	(void)state;
	host_reset();
	host_mem_reset();
	host_cpu_set_count(FIXTURE_CPUS);
	host_ioapic_add(0, 0x20, FIXTURE_PINS);
	dom0 = domain_create(0, true, FIXTURE_LIMIT, 64);
	domu = domain_create(1, false, FIXTURE_LIMIT, 64);
	assert_non_null(dom0);
	assert_non_null(domu);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(domain_add_vcpu(dom0, i, i, true), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(domain_add_vcpu(domu, i, i, false), 0);
	}
	return 0;
}

/* The same with every local APIC enabled by software and an IO-APIC in dom0. */
static inline int fixture_running(void **state)
{
	fixture_machine(state);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		apic_write(lapic(dom0, i), 0xf0, 0x1ff);
	}
	for (unsigned i = 0; i < 2; i++) {
		apic_write(lapic(domu, i), 0xf0, 0x1ff);
	}
	assert_int_equal(vioapic_add(dom0, 0, gpa(FIXTURE_IOAPIC), 0, 0), 0);
	return 0;
}

/* What the run loop does: take the interrupt that is pending. -1: none. */
static inline int take(struct vlapic *l)
{
	int vector = vlapic_pending(l);

	if (vector >= 0) {
		vlapic_take(l, (unsigned)vector);
	}
	return vector;
}

static inline void eoi(struct vlapic *l)
{
	apic_write(l, 0xb0, 0);
}

static inline void io_write(struct domain *d, unsigned offset, uint32_t value)
{
	assert_int_equal(ioreq_mmio_write(d, gpa(FIXTURE_IOAPIC + offset), 4, value), VERDICT_DONE);
}

static inline uint32_t io_read(struct domain *d, unsigned offset)
{
	uint64_t value = 0;

	assert_int_equal(ioreq_mmio_read(d, gpa(FIXTURE_IOAPIC + offset), 4, &value), VERDICT_DONE);
	return (uint32_t)value;
}

static inline void rte_write(unsigned pin, uint64_t entry)
{
	io_write(dom0, 0, 0x11 + 2 * pin);
	io_write(dom0, 0x10, (uint32_t)(entry >> 32));
	io_write(dom0, 0, 0x10 + 2 * pin);
	io_write(dom0, 0x10, (uint32_t)entry);
}

static inline uint64_t rte_read(unsigned pin)
{
	uint64_t high;

	io_write(dom0, 0, 0x11 + 2 * pin);
	high = io_read(dom0, 0x10);
	io_write(dom0, 0, 0x10 + 2 * pin);
	return high << 32 | io_read(dom0, 0x10);
}

#endif
