// SPDX-License-Identifier: MIT
/*
 * The processor's own local APIC (SDM 3A 11, APMv2 16), by its page (xAPIC)
 * or by MSRs (x2APIC, SDM 3A 11.12). The mode is chosen once, on the boot
 * processor; where firmware left x2APIC mode on, it stays on, since leaving it
 * needs a detour and changes nothing for us.
 *
 * The 8259s are masked and moved to vectors 0x20..0x2f, where nobody listens.
 */
#include <taproot/arch.h>
#include <taproot/log.h>
#include "cpu.h"
#include "lapic.h"
#include "x86.h"

#define APIC_BASE_X2     (1u << 10)
#define APIC_BASE_GLOBAL (1u << 11)

#define LVT_MASKED    (1u << 16)
#define LVT_NMI       0x400
#define SVR_ENABLE    (1u << 8)
#define ICR_NMI       0x400u
#define ICR_ASSERT    (1u << 14)
#define ICR_PENDING   (1u << 12)
#define ICR_ALL_OTHER (3u << 18)
#define ICR_SELF      (1u << 18)
#define ICR_WAIT_MAX  1000000

static bool x2apic;
static bool enabled; /* lapic_init() has run */
static struct iomap page;

bool lapic_is_x2apic(void)
{
	return x2apic;
}

uint32_t lapic_read(unsigned reg)
{
	if (x2apic) {
		return (uint32_t)rdmsr(MSR_X2APIC + (reg >> 4));
	}
	return *(volatile uint32_t *)((volatile char *)page.va + reg);
}

void lapic_write(unsigned reg, uint32_t value)
{
	if (x2apic) {
		wrmsr(MSR_X2APIC + (reg >> 4), value);
	} else {
		*(volatile uint32_t *)((volatile char *)page.va + reg) = value;
	}
}

uint32_t lapic_id(void)
{
	uint32_t v = lapic_read(LAPIC_ID);

	return x2apic ? v : v >> 24;
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

static void icr_write(uint32_t high, uint32_t low)
{
	unsigned wait = ICR_WAIT_MAX;

	if (x2apic) {
		/* Not serializing: what the other side reads goes first (SDM 3A 11.12.3). */
		__asm__ volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC + (LAPIC_ICR >> 4), (uint64_t)high << 32 | low);
		return;
	}
	while (lapic_read(LAPIC_ICR) & ICR_PENDING && --wait) {
		cpu_pause();
	}
	lapic_write(LAPIC_ICR_HIGH, high << 24);
	lapic_write(LAPIC_ICR, low);
}

void lapic_send(uint32_t apic_id, uint32_t command)
{
	icr_write(apic_id, command | ICR_ASSERT);
}

void lapic_self_kick(void)
{
	uint32_t command = VECTOR_KICK | ICR_ASSERT | ICR_SELF;

	/* The shorthand needs no destination, so an interrupted write of the high half stays good. */
	if (x2apic) {
		wrmsr(MSR_X2APIC + (LAPIC_ICR >> 4), command);
	} else {
		lapic_write(LAPIC_ICR, command);
	}
}

void lapic_nmi_others(void)
{
	if (enabled) {
		icr_write(0, ICR_NMI | ICR_ASSERT | ICR_ALL_OTHER);
	}
}

/* Two initialization words each, then everything masked (8259A datasheet; ICH9 datasheet 13.4). */
static void pic_disable(void)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, 0x20);
	outb(0xa1, 0x28);
	outb(0x21, 0x04);
	outb(0xa1, 0x02);
	outb(0x21, 0x01);
	outb(0xa1, 0x01);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

static void lapic_setup(bool boot_processor)
{
	unsigned max_lvt = lapic_read(LAPIC_VERSION) >> 16 & 0xff;

	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
	if (max_lvt >= 4) {
		lapic_write(LAPIC_LVT_PMC, LVT_MASKED);
	}
	if (max_lvt >= 5) {
		lapic_write(LAPIC_LVT_THERMAL, LVT_MASKED);
	}
	/* Only an enabled APIC lets masks be cleared (SDM 3A 11.4.7.2). */
	lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	/* The chipset's NMI goes to the boot processor. */
	lapic_write(LAPIC_LVT_LINT1, boot_processor ? LVT_NMI : LVT_NMI | LVT_MASKED);
	/* What firmware left in service would block lower priorities. */
	for (unsigned i = 0; i < 256; i++) {
		unsigned isr = 0;

		for (unsigned r = 0; r < 8; r++) {
			isr |= lapic_read(LAPIC_ISR + 0x10 * r);
		}
		if (!isr) {
			break;
		}
		lapic_eoi();
	}
	lapic_write(LAPIC_ESR, 0);
	if (max_lvt >= 3) {
		lapic_write(LAPIC_LVT_ERROR, VECTOR_ERROR);
	}
}

static void mode_set(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_GLOBAL;

	wrmsr(MSR_APIC_BASE, base);
	if (x2apic) {
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
	}
}

void lapic_init(bool want_x2apic)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	pic_disable();
	x2apic = (cpu_features.x2apic && want_x2apic) || base & APIC_BASE_X2;
	if (!x2apic) {
		if (arch_iomap_init(&page, 1) < 0) {
			refuse("no memory for the local APIC's page");
		}
		arch_iomap_set(&page, hpa(base & APIC_BASE_ADDRESS));
	}
	mode_set();
	enabled = true;
	lapic_setup(true);
	this_cpu()->apic_id = lapic_id();
	log_info("local APIC: id %u, version %x, %s mode", this_cpu()->apic_id,
		 lapic_read(LAPIC_VERSION) & 0xff, x2apic ? "x2APIC" : "xAPIC");
}

void lapic_init_ap(void)
{
	mode_set();
	lapic_setup(false);
}
