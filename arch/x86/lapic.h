/* SPDX-License-Identifier: MIT */
/*
 * Local APIC registers by their offset in the page (SDM 3A table 11-1); the
 * x2APIC MSR is 0x800 + offset / 16.
 */
#ifndef X86_LAPIC_H
#define X86_LAPIC_H

#define LAPIC_ID            0x020
#define LAPIC_VERSION       0x030
#define LAPIC_TPR           0x080
#define LAPIC_PPR           0x0a0
#define LAPIC_EOI           0x0b0
#define LAPIC_SVR           0x0f0
#define LAPIC_ISR           0x100
#define LAPIC_IRR           0x200
#define LAPIC_ESR           0x280
#define LAPIC_ICR           0x300
#define LAPIC_ICR_HIGH      0x310
#define LAPIC_LVT_TIMER     0x320
#define LAPIC_LVT_THERMAL   0x330
#define LAPIC_LVT_PMC       0x340
#define LAPIC_LVT_LINT0     0x350
#define LAPIC_LVT_LINT1     0x360
#define LAPIC_LVT_ERROR     0x370
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE  0x3e0

/* ICR delivery modes (SDM 3A 11.6.1). */
#define ICR_MODE_FIXED   0x000u
#define ICR_MODE_INIT    0x500u
#define ICR_MODE_STARTUP 0x600u

#endif
