/* SPDX-License-Identifier: MIT */
/*
 * The virtual local APIC: registers in both modes, mode transitions,
 * priorities, interprocessor interrupts, errors, senders on other processors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "irq_fixture.h"

#define MSR_BASE 0x1b

#define LVT_MASKED 0x10000u

static bool msr_write(struct vlapic *l, uint32_t msr, uint64_t value)
{
	return vlapic_msr_write(l, msr, value);
}

static uint64_t msr_read(struct vlapic *l, uint32_t msr)
{
	uint64_t value = 0;

	assert_true(vlapic_msr_read(l, msr, &value));
	return value;
}

static bool msr_readable(struct vlapic *l, uint32_t msr)
{
	uint64_t value;

	return vlapic_msr_read(l, msr, &value);
}

static void to_x2apic(struct vlapic *l)
{
	assert_true(msr_write(l, MSR_BASE, msr_read(l, MSR_BASE) | APIC_BASE_X2APIC));
}

/* Errors logged since the last look. */
static uint32_t errors(struct vlapic *l)
{
	apic_write(l, 0x280, 0);
	return apic_read(l, 0x280);
}

static void test_reset(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	assert_int_equal(apic_read(l, 0x20), 0);
	assert_int_equal(apic_read(lapic(dom0, 3), 0x20), 3u << 24);
	assert_int_equal(apic_read(l, 0x30), 0x50014);
	assert_int_equal(apic_read(l, 0x80), 0);
	assert_int_equal(apic_read(l, 0xd0), 0);
	assert_int_equal(apic_read(l, 0xe0), 0xffffffff);
	assert_int_equal(apic_read(l, 0xf0), 0xff);
	for (unsigned offset = 0x320; offset <= 0x370; offset += 0x10) {
		assert_int_equal(apic_read(l, offset), LVT_MASKED);
	}
	assert_int_equal(apic_read(l, 0x380), 0);
	assert_int_equal(apic_read(l, 0x390), 0);
	assert_int_equal(msr_read(l, MSR_BASE), 0xfee00900);
	assert_int_equal(msr_read(lapic(dom0, 1), MSR_BASE), 0xfee00800);
	assert_int_equal(vlapic_pending(l), -1);
}

static void test_reserved_bits(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t readback;
	} regs[] = {
		{0x20, 0},          {0x30, 0x50014},     {0x80, 0xff},     {0xd0, 0xff000000},
		{0xe0, 0xffffffff}, {0xf0, 0x3ff},       {0x320, 0x700ff}, {0x330, 0x107ff},
		{0x340, 0x107ff},   {0x350, 0x1a7ff},    {0x360, 0x1a7ff}, {0x370, 0x100ff},
		{0x3e0, 0xb},       {0x310, 0xff000000},
	};
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		apic_write(l, regs[i].offset, 0xffffffff);
		assert_int_equal(apic_read(l, regs[i].offset), regs[i].readback);
	}
	apic_write(l, 0xe0, 0);
	assert_int_equal(apic_read(l, 0xe0), 0x0fffffff);
	/* Read-only ones. */
	for (unsigned offset = 0x100; offset <= 0x270; offset += 0x10) {
		apic_write(l, offset, 0xffffffff);
		assert_int_equal(apic_read(l, offset), 0);
	}
}

static void test_odd_accesses(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	apic_write(l, 0x380, 0x12345678);
	assert_int_equal(vlapic_mmio_read(l, 0x380, 1), 0x78);
	assert_int_equal(vlapic_mmio_read(l, 0x381, 1), 0x56);
	assert_int_equal(vlapic_mmio_read(l, 0x382, 2), 0x1234);
	assert_int_equal(vlapic_mmio_read(l, 0x383, 4), 0x12);
	assert_int_equal(vlapic_mmio_read(l, 0x384, 4), 0);
	assert_int_equal(vlapic_mmio_read(l, 0x38c, 4), 0);
	vlapic_mmio_write(l, 0x380, 1, 0);
	vlapic_mmio_write(l, 0x382, 2, 0);
	vlapic_mmio_write(l, 0x381, 4, 0);
	vlapic_mmio_write(l, 0x384, 4, 0);
	vlapic_mmio_write(l, 0x380, 8, 0);
	assert_int_equal(apic_read(l, 0x380), 0x12345678);
	assert_int_equal(errors(l), 0);
	/* Registers that do not exist log an error. */
	assert_int_equal(apic_read(l, 0x2f0), 0);
	assert_int_equal(errors(l), 0x80);
	apic_write(l, 0x000, 1);
	assert_int_equal(errors(l), 0x80);
	assert_int_equal(apic_read(l, 0xff0), 0);
	assert_int_equal(errors(l), 0x80);
	assert_int_equal(errors(l), 0);
}

static void test_priorities(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	assert_true(vlapic_accept(l, 0x41, false));
	assert_true(vlapic_accept(l, 0x52, false));
	assert_true(vlapic_accept(l, 0x53, false));
	assert_int_equal(apic_read(l, 0x220), 0x000c0002);
	assert_int_equal(take(l), 0x53);
	assert_int_equal(apic_read(l, 0xa0), 0x50);
	/* The same class does not interrupt. */
	assert_int_equal(take(l), -1);
	assert_true(vlapic_accept(l, 0x61, false));
	assert_int_equal(take(l), 0x61);
	eoi(l);
	assert_int_equal(take(l), -1);
	eoi(l);
	assert_int_equal(take(l), 0x52);
	eoi(l);
	/* TPR of the same class holds it back; one below does not. */
	apic_write(l, 0x80, 0x40);
	assert_int_equal(take(l), -1);
	assert_int_equal(vlapic_pending_below_tpr(l), 0x41);
	assert_int_equal(apic_read(l, 0xa0), 0x40);
	apic_write(l, 0x80, 0x3f);
	assert_int_equal(apic_read(l, 0xa0), 0x3f);
	assert_int_equal(take(l), 0x41);
	assert_int_equal(vlapic_pending_below_tpr(l), -1);
	eoi(l);
	eoi(l);
	vlapic_set_tpr_class(l, 7);
	assert_int_equal(apic_read(l, 0x80), 0x70);
	assert_int_equal(vlapic_tpr_class(l), 7);
	assert_int_equal(host_kick_count(dom0->vcpu[0]), 4);
	/* The second domain has nothing of it. */
	assert_int_equal(vlapic_pending(lapic(domu, 0)), -1);
}

static void test_every_vector(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		assert_int_equal(vlapic_accept(l, v, false), v >= 16);
	}
	assert_int_equal(errors(l), 0x40);
	for (int v = 255; v >= 16; v--) {
		assert_int_equal(take(l), v);
		eoi(l);
	}
	assert_int_equal(take(l), -1);
	assert_int_equal(l->irr_words, 0);
	assert_int_equal(l->isr_words, 0);
}

static void test_trigger_mode(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	assert_true(vlapic_accept(l, 0x41, true));
	assert_int_equal(apic_read(l, 0x1a0), 2);
	assert_int_equal(take(l), 0x41);
	eoi(l);
	assert_true(vlapic_accept(l, 0x41, false));
	assert_int_equal(apic_read(l, 0x1a0), 0);
}

static void test_disabled(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	apic_write(l, 0x320, 0x30);
	apic_write(l, 0xf0, 0xff);
	assert_int_equal(apic_read(l, 0x320), 0x30 | LVT_MASKED);
	apic_write(l, 0x320, 0x31);
	assert_int_equal(apic_read(l, 0x320), 0x31 | LVT_MASKED);
	assert_false(vlapic_accept(l, 0x41, false));
	assert_int_equal(vlapic_pending(l), -1);
	vlapic_accept_nmi(l);
	assert_true(vlapic_take_nmi(l));
	assert_false(vlapic_take_nmi(l));
	apic_write(l, 0xf0, 0x1ff);
	apic_write(l, 0x320, 0x31);
	assert_int_equal(apic_read(l, 0x320), 0x31);
	/* Disabled by IA32_APIC_BASE: nothing decodes, everything is as after reset. */
	assert_true(vlapic_accept(l, 0x41, false));
	assert_true(msr_write(l, MSR_BASE, 0xfee00100));
	assert_int_equal(apic_read(l, 0xf0), 0xffffffff);
	assert_int_equal(vlapic_mmio_read(l, 0xf0, 1), 0xff);
	assert_false(vlapic_accept(l, 0x42, false));
	assert_true(msr_write(l, MSR_BASE, 0xfee00900));
	assert_int_equal(apic_read(l, 0xf0), 0xff);
	assert_int_equal(apic_read(l, 0x220), 0);
}

static void test_base_transitions(void **state)
{
	struct vlapic *l = lapic(dom0, 1);
	struct vlapic *x = lapic(domu, 0);

	(void)state;
	assert_false(msr_write(l, MSR_BASE, 0xfee00400));
	assert_false(msr_write(l, MSR_BASE, 0xfed00800));
	assert_false(msr_write(l, MSR_BASE, 0xfee00801));
	assert_false(msr_write(l, MSR_BASE, 0x1000fee00800ull));
	assert_true(msr_write(l, MSR_BASE, 0xfee00000));
	assert_false(msr_write(l, MSR_BASE, 0xfee00c00));
	assert_true(msr_write(l, MSR_BASE, 0xfee00800));
	assert_true(msr_write(l, MSR_BASE, 0xfee00c00));
	assert_false(msr_write(l, MSR_BASE, 0xfee00800));
	assert_int_equal(msr_read(l, MSR_BASE), 0xfee00c00);
	assert_int_equal(apic_read(l, 0x20), 0xffffffff);
	assert_true(msr_write(l, MSR_BASE, 0xfee00000));
	assert_true(msr_write(l, MSR_BASE, 0xfee00800));
	assert_int_equal(apic_read(l, 0x20), 1u << 24);
	/* Not offered to the second domain. */
	assert_false(msr_write(x, MSR_BASE, 0xfee00d00));
	assert_false(msr_readable(x, 0x802));
	/* The bootstrap bit does not change. */
	assert_true(msr_write(l, MSR_BASE, 0xfee00900));
	assert_int_equal(msr_read(l, MSR_BASE), 0xfee00800);
}

static void test_x2apic_registers(void **state)
{
	struct vlapic *l = lapic(dom0, 2);
	static const uint8_t readable[] = {0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x32,
					   0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e};
	unsigned n = 0;

	(void)state;
	assert_false(msr_readable(l, 0x802));
	assert_false(msr_write(l, 0x80b, 0));
	to_x2apic(l);
	for (unsigned reg = 0; reg < 0x100; reg++) {
		bool expect = reg >= 0x10 && reg < 0x28;

		if (n < sizeof(readable) && readable[n] == reg) {
			expect = true;
			n++;
		}
		assert_int_equal(msr_readable(l, 0x800 + reg), expect);
	}
	assert_int_equal(msr_read(l, 0x802), 2);
	assert_int_equal(msr_read(l, 0x80d), 4);
	assert_int_equal(msr_read(l, 0x803), 0x50014);
	/* Reserved bits, read-only registers, upper halves. */
	assert_false(msr_write(l, 0x802, 0));
	assert_false(msr_write(l, 0x80d, 0));
	assert_false(msr_write(l, 0x80e, 0));
	assert_false(msr_write(l, 0x831, 0));
	assert_false(msr_write(l, 0x839, 0));
	assert_false(msr_write(l, 0x82f, 0));
	assert_false(msr_write(l, 0x808, 0x100));
	assert_false(msr_write(l, 0x808, 1ull << 32));
	assert_false(msr_write(l, 0x80b, 1));
	assert_false(msr_write(l, 0x80f, 0x1000));
	assert_false(msr_write(l, 0x828, 1));
	assert_true(msr_write(l, 0x828, 0));
	assert_false(msr_write(l, 0x830, 1u << 12));
	assert_false(msr_write(l, 0x832, 1u << 12));
	assert_false(msr_write(l, 0x83e, 4));
	assert_false(msr_write(l, 0x83f, 0x100));
	assert_true(msr_write(l, 0x808, 0x20));
	assert_int_equal(msr_read(l, 0x80a), 0x20);
}

static void test_x2apic_ipis(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		to_x2apic(lapic(dom0, i));
	}
	assert_true(msr_write(l, 0x83f, 0x44));
	assert_int_equal(take(l), 0x44);
	assert_true(msr_write(l, 0x80b, 0));
	assert_true(msr_write(l, 0x83f, 0x04));
	assert_true(msr_write(l, 0x828, 0));
	assert_int_equal(msr_read(l, 0x828), 0x20);
	assert_true(msr_write(l, 0x830, 2ull << 32 | 0x51));
	assert_int_equal(msr_read(l, 0x830), 2ull << 32 | 0x51);
	assert_int_equal(take(lapic(dom0, 2)), 0x51);
	/* 0xff is no broadcast here. */
	assert_true(msr_write(l, 0x830, 0xffull << 32 | 0x52));
	assert_int_equal(take(lapic(dom0, 1)), -1);
	assert_true(msr_write(l, 0x830, 0xffffffffull << 32 | 0x63));
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), 0x63);
	}
	/* Logical: cluster 0, members 1 and 3. */
	assert_true(msr_write(l, 0x830, 0xaull << 32 | 0x800 | 0x74));
	assert_int_equal(take(lapic(dom0, 0)), -1);
	assert_int_equal(take(lapic(dom0, 1)), 0x74);
	assert_int_equal(take(lapic(dom0, 2)), -1);
	assert_int_equal(take(lapic(dom0, 3)), 0x74);
	assert_true(msr_write(l, 0x830, 0x1000full << 32 | 0x800 | 0x85));
	assert_int_equal(take(lapic(dom0, 1)), -1);
}

static void send(struct vlapic *l, uint32_t high, uint32_t low)
{
	apic_write(l, 0x310, high);
	apic_write(l, 0x300, low);
}

static void test_icr_shorthands(void **state)
{
	struct vlapic *l = lapic(dom0, 1);

	(void)state;
	send(l, 0, 1u << 18 | 0x41);
	assert_int_equal(take(l), 0x41);
	assert_int_equal(take(lapic(dom0, 0)), -1);
	send(l, 0, 2u << 18 | 0x52);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), 0x52);
	}
	send(l, 0, 3u << 18 | 0x63);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), i == 1 ? -1 : 0x63);
	}
	send(l, 0, 3u << 18 | 4u << 8);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(vlapic_take_nmi(lapic(dom0, i)), i != 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(take(lapic(domu, i)), -1);
		assert_false(vlapic_take_nmi(lapic(domu, i)));
	}
}

static void test_icr_destinations(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	send(l, 2u << 24, 0x41);
	assert_int_equal(take(lapic(dom0, 2)), 0x41);
	send(l, 9u << 24, 0x42);
	send(l, 0xffu << 24, 0x53);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), 0x53);
		apic_write(lapic(dom0, i), 0xd0, 1u << (24 + i));
	}
	/* Flat logical. */
	send(l, 0x6u << 24, 0x800 | 0x64);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), i == 1 || i == 2 ? 0x64 : -1);
		/* Cluster: two clusters of two. */
		apic_write(lapic(dom0, i), 0xe0, 0x0fffffff);
		apic_write(lapic(dom0, i), 0xd0, (i / 2) << 28 | 1u << (24 + i % 2));
	}
	send(l, 0x13u << 24, 0x800 | 0x75);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), i >= 2 ? 0x75 : -1);
	}
	send(l, 0xffu << 24, 0x800 | 0x86);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), 0x86);
	}
}

static void test_icr_lowest_priority(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		apic_write(lapic(dom0, i), 0xd0, 1u << (24 + i));
		apic_write(lapic(dom0, i), 0x80, i == 2 ? 0x10 : 0x20);
	}
	send(lapic(dom0, 0), 0xfu << 24, 0x800 | 1u << 8 | 0x41);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(take(lapic(dom0, i)), i == 2 ? 0x41 : -1);
	}
	/* One that is off is not a candidate. */
	apic_write(lapic(dom0, 2), 0xf0, 0xff);
	send(lapic(dom0, 0), 0xfu << 24, 0x800 | 1u << 8 | 0x42);
	assert_int_equal(take(lapic(dom0, 0)), 0x42);
}

static void test_icr_without_effect(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	send(l, 1u << 24, 0x0f);
	assert_int_equal(errors(l), 0x20);
	/* INIT and start-up to processors that do not exist: nothing, silently. */
	send(l, 9u << 24, 0xc500);
	send(l, 9u << 24, 0x8500);
	send(l, 9u << 24, 0x4610);
	assert_false(host_console_contains("IPI"));
	send(l, 1u << 24, 0x4200);
	assert_true(host_console_contains("IPI"));
	for (unsigned mode = 2; mode < 8; mode++) {
		if (mode != 4) {
			send(l, 1u << 24, mode << 8 | 0x41);
		}
	}
	assert_int_equal(take(lapic(dom0, 1)), -1);
	assert_false(vlapic_take_nmi(lapic(dom0, 1)));
	/* The delivery status is always idle. */
	assert_int_equal(apic_read(l, 0x300) & 0x1000, 0);
}

static void test_error_interrupt(void **state)
{
	struct vlapic *l = lapic(dom0, 0);

	(void)state;
	apic_write(l, 0x370, 0xfe);
	send(l, 0, 0x05);
	assert_int_equal(take(l), 0xfe);
	eoi(l);
	/* Not again until ESR is written. */
	send(l, 0, 0x05);
	assert_int_equal(take(l), -1);
	assert_int_equal(apic_read(l, 0x280), 0);
	assert_int_equal(errors(l), 0x20);
	send(l, 0, 0x05);
	assert_int_equal(take(l), 0xfe);
	eoi(l);
	(void)errors(l);
	/* An illegal vector in the error entry itself ends there. */
	apic_write(l, 0x370, 0x03);
	send(l, 0, 0x05);
	assert_int_equal(errors(l), 0x60);
	assert_int_equal(take(l), -1);
}

/* The NMI line reaches who has it open, as LINT1 and as an NMI. */
static void test_nmi_pin(void **state)
{
	(void)state;
	irq_deliver_nmi_pin(dom0);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_false(vlapic_take_nmi(lapic(dom0, i)));
	}
	apic_write(lapic(dom0, 0), 0x360, 0x400);
	apic_write(lapic(dom0, 1), 0x360, 0x400 | LVT_MASKED);
	apic_write(lapic(dom0, 2), 0x360, 0x41);
	apic_write(lapic(dom0, 3), 0x350, 0x400);
	irq_deliver_nmi_pin(dom0);
	assert_true(vlapic_take_nmi(lapic(dom0, 0)));
	for (unsigned i = 1; i < FIXTURE_CPUS; i++) {
		assert_false(vlapic_take_nmi(lapic(dom0, i)));
		assert_int_equal(take(lapic(dom0, i)), -1);
	}
}

static void test_messages(void **state)
{
	(void)state;
	irq_deliver_msi(dom0, 0xfee02000, 0x41);
	assert_int_equal(take(lapic(dom0, 2)), 0x41);
	irq_deliver_msi(dom0, 0xfeeff000, 0x52);
	assert_int_equal(take(lapic(dom0, 0)), 0x52);
	assert_int_equal(take(lapic(dom0, 3)), 0x52);
	irq_deliver_msi(dom0, 0xfee03000, 0x400);
	assert_true(vlapic_take_nmi(lapic(dom0, 3)));
	irq_deliver_msi(dom0, 0xfed03000, 0x63);
	irq_deliver_msi(dom0, 0x1fee03000ull, 0x63);
	assert_true(host_console_contains("is no interrupt"));
	irq_deliver_msi(dom0, 0xfee03000, 0x563);
	assert_int_equal(take(lapic(dom0, 3)), -1);
	/* 8-bit messages reach x2APIC destinations too, broadcast included. */
	to_x2apic(lapic(dom0, 1));
	irq_deliver_msi(dom0, 0xfee01000, 0x71);
	assert_int_equal(take(lapic(dom0, 1)), 0x71);
	irq_deliver_msi(dom0, 0xfeeff000, 0x82);
	assert_int_equal(take(lapic(dom0, 1)), 0x82);
	/* The processor is known beforehand. */
	assert_int_equal(irq_target_cpu(dom0, 0xfee02000, 0x41), 2);
	assert_int_equal(irq_target_cpu(dom0, 0xfee07000, 0x41), 0);
	assert_int_equal(irq_target_cpu(dom0, 0, 0), 0);
}

/*
 * Two processors send, each its own vectors of the same word, and wait until
 * each was taken: an interrupt lost between IRR and its summary is one that
 * nobody ever takes.
 */
#define SENDERS 2
#define ROUNDS  40000u

static unsigned taken[256];

static void *sender(void *arg)
{
	unsigned vector = *(unsigned *)arg;
	struct vlapic *l = lapic(dom0, 0);

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned before = __atomic_load_n(&taken[vector], __ATOMIC_SEQ_CST);

		(void)vlapic_accept(l, vector, i & 1);
		while (__atomic_load_n(&taken[vector], __ATOMIC_SEQ_CST) == before) {
			sched_yield();
		}
	}
	return NULL;
}

static void test_concurrent(void **state)
{
	struct vlapic *l = lapic(dom0, 0);
	unsigned vectors[SENDERS] = {0x85, 0x95};
	pthread_t thread[SENDERS];
	unsigned count = 0;

	(void)state;
	memset(taken, 0, sizeof(taken));
	for (unsigned i = 0; i < SENDERS; i++) {
		assert_int_equal(pthread_create(&thread[i], NULL, sender, &vectors[i]), 0);
	}
	/* The test runner's timeout ends this when one is lost. */
	while (count < SENDERS * ROUNDS) {
		int vector = take(l);

		if (vector < 0) {
			sched_yield();
			continue;
		}
		eoi(l);
		count++;
		__atomic_fetch_add(&taken[vector], 1, __ATOMIC_SEQ_CST);
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(taken[vectors[i]], ROUNDS);
	}
	assert_int_equal(take(l), -1);
	assert_int_equal(host_kick_count(dom0->vcpu[0]), SENDERS * ROUNDS);
}

#define T(f) cmocka_unit_test_setup(f, fixture_running)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset, fixture_machine),
		cmocka_unit_test_setup(test_reserved_bits, fixture_running),
		T(test_odd_accesses),
		T(test_priorities),
		T(test_every_vector),
		T(test_trigger_mode),
		T(test_disabled),
		T(test_base_transitions),
		T(test_x2apic_registers),
		T(test_x2apic_ipis),
		T(test_icr_shorthands),
		T(test_icr_destinations),
		T(test_icr_lowest_priority),
		T(test_icr_without_effect),
		T(test_error_interrupt),
		T(test_nmi_pin),
		T(test_messages),
		T(test_concurrent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
