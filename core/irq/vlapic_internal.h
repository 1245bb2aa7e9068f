/* SPDX-License-Identifier: MIT */
/*
 * What the files of the virtual local APIC share: bits of its registers (SDM
 * 3A 11.4.1 table 11-1, APMv2 16.3.2) and the calls between state, registers,
 * timer and interrupt command. For core/irq/vlapic*.c only.
 */
#ifndef TAPROOT_CORE_IRQ_VLAPIC_INTERNAL_H
#define TAPROOT_CORE_IRQ_VLAPIC_INTERNAL_H

#include <taproot/vlapic.h>

/* Register numbers: offset in the page / 16, MSR - 0x800. */
enum vlapic_reg {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_APR = 0x09,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_RRD = 0x0c,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SVR = 0x0f,
	REG_ISR = 0x10,
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT = 0x32,
	REG_INITIAL = 0x38,
	REG_CURRENT = 0x39,
	REG_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f,
	REG_COUNT = 0x40,
};

#define SVR_ENABLE (1u << 8)

#define LVT_MASKED       (1u << 16)
#define LVT_TIMER_MODE   (3u << 17)
#define LVT_TIMER_PERIOD (1u << 17)
#define LVT_TIMER_TSC    (2u << 17)

/* SDM 3A 11.5.3 figure 11-9. */
#define ESR_SEND_VECTOR    (1u << 5)
#define ESR_RECEIVE_VECTOR (1u << 6)
#define ESR_REGISTER       (1u << 7)

static inline bool vlapic_is_x2apic(const struct vlapic *l)
{
	return __atomic_load_n(&l->base_msr, __ATOMIC_RELAXED) & APIC_BASE_X2APIC;
}

/* Log an error in ESR and raise the error interrupt, once until ESR is written. */
void vlapic_error(struct vlapic *l, uint32_t bits);
/* Raise a local interrupt as its LVT entry says. */
void vlapic_post_lvt(struct vlapic *l, enum vlapic_lvt which);
/* The guest's end of interrupt. */
void vlapic_eoi(struct vlapic *l);
/* Highest vector in service, 0: none. */
unsigned vlapic_in_service(const struct vlapic *l);
unsigned vlapic_ppr(const struct vlapic *l);
/* Highest vector requested, -1: none. */
int vlapic_requested(const struct vlapic *l);
/* Registers as after reset or after IA32_APIC_BASE[11] was 0. */
void vlapic_reset(struct vlapic *l);

/* vlapic_icr.c: the low dword of ICR, or the self-IPI register, was written. */
void vlapic_send_icr(struct vlapic *l);
void vlapic_send_self(struct vlapic *l, unsigned vector);

/* vlapic_timer.c */
void vlapic_timer_init(struct vlapic *l);
void vlapic_timer_stop(struct vlapic *l);
void vlapic_timer_set_initial(struct vlapic *l, uint32_t count);
uint32_t vlapic_timer_current(struct vlapic *l);
void vlapic_timer_set_divide(struct vlapic *l, uint32_t divide);
void vlapic_timer_set_lvt(struct vlapic *l, uint32_t lvt);
uint64_t vlapic_timer_deadline(struct vlapic *l);
void vlapic_timer_set_deadline(struct vlapic *l, uint64_t deadline);

#endif
