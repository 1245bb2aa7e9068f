/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of a test kernel's processor, by page or MSRs (SDM 3A chapter
 * 11), and its other processors: found in the MADT, started by INIT and SIPI.
 */
#ifndef GUESTS_APIC_H
#define GUESTS_APIC_H

#include "cpu.h"

#define APIC_PAGE 0xfee00000ull

/* Offsets in the page. */
enum {
	APIC_ID = 0x20,
	APIC_VERSION = 0x30,
	APIC_TPR = 0x80,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};

/* ICR bits. */
#define ICR_FIXED    0x000u
#define ICR_LOWEST   0x100u
#define ICR_NMI      0x400u
#define ICR_INIT     0x500u
#define ICR_STARTUP  0x600u
#define ICR_LOGICAL  0x800u
#define ICR_ASSERT   0x4000u
#define ICR_LEVEL    0x8000u
#define ICR_SELF     0x40000u
#define ICR_ALL      0x80000u
#define ICR_OTHERS   0xc0000u

#define LVT_MASKED   0x10000u
#define LVT_PERIODIC 0x20000u
#define LVT_DEADLINE 0x40000u

#define BASE_X2APIC (1ull << 10)
#define BASE_ENABLE (1ull << 11)

static inline bool apic_is_x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & BASE_X2APIC;
}

/* By the mode of this processor now. */
uint32_t apic_read(unsigned reg);
void apic_write(unsigned reg, uint32_t v);
/* Destination as the mode has it: 8 bits, or 32. */
void apic_send(uint32_t dest, uint32_t low);
void apic_eoi(void);
/* Software enable, spurious vector 0xff, TPR 0, LVT masked. */
void apic_enable(void);
uint32_t apic_id(void);
/* Count and EOI: a handler. */
void apic_count(struct frame *f);

/* Fill cpus[] from the MADT, this processor first; how many. */
unsigned smp_find(void);
/* Start them all; how many run. They wait for work with interrupts on. */
unsigned smp_start(void);
/* INIT, then SIPI with this page below 1 MiB, in real mode. */
void smp_startup(unsigned cpu, uint32_t address);
/* The same with our own code: it starts over and waits for work. */
bool smp_restart(unsigned cpu);
/* Run fn(arg) on another processor; smp_wait() until it returned, `us` at most. */
void smp_run(unsigned cpu, void (*fn)(void *arg), void *arg);
bool smp_wait(unsigned cpu, uint64_t us);
void ap_main(void) __attribute__((noreturn));

extern unsigned cpu_count;

#endif
