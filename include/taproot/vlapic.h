/* SPDX-License-Identifier: MIT */
/*
 * The virtual local APIC of a vCPU (SDM 3A chapter 11; APMv2 chapter 16):
 * xAPIC page and, where CPUID offers it, x2APIC MSRs.
 */
#ifndef TAPROOT_VLAPIC_H
#define TAPROOT_VLAPIC_H

#include <taproot/timer.h>

#define VLAPIC_BASE_DEFAULT 0xfee00000ull
#define APIC_BASE_BSP       (1ull << 8)
#define APIC_BASE_X2APIC    (1ull << 10)
#define APIC_BASE_ENABLE    (1ull << 11)

/* LVT entries in the order of their registers (0x320..0x370); there is no CMCI entry. */
enum vlapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_COUNTER, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

/*
 * Part of struct vcpu. All of it belongs to the processor that runs the vCPU,
 * without a lock, except the fields marked shared: other processors change
 * those, with atomics only. They may read `base_msr`, `svr`, `ldr`, `dfr`,
 * `tpr` and `lvt` to find a destination, and tolerate a value that is just changing, as
 * they would on a machine.
 */
struct vlapic {
	struct vcpu *vcpu;
	struct timer timer;
	uint64_t base_msr;      /* IA32_APIC_BASE */
	uint64_t timer_expiry;  /* arch_time() at which the count reaches 0; the TSC deadline */
	uint64_t timer_minimum; /* shortest time between two interrupts of a periodic timer */
	uint32_t id;            /* physical APIC id */
	uint32_t timer_shift;   /* arch_time() ticks per APIC bus clock, as a power of two */
	uint32_t timer_initial, timer_divide;
	bool timer_running;
	bool x2apic_allowed;
	bool nmi_pending;     /* shared */
	uint32_t esr_pending; /* shared: errors since the last write of ESR */
	uint32_t irr_words;   /* shared: bit n set when irr[n] may be non-zero */
	uint32_t isr_words;   /* bit n set when isr[n] is non-zero */
	uint32_t irr[8];      /* shared */
	uint32_t tmr[8];      /* shared */
	uint32_t isr[8];
	uint32_t tpr, ldr, dfr, svr, esr;
	uint64_t icr;
	uint32_t lvt[LVT_COUNT];
};

/* Reset state after power-on (SDM 3A 11.4.7.1). */
void vlapic_init(struct vlapic *l, struct vcpu *v, uint32_t apic_id, bool bsp, bool x2apic_allowed);

/* After INIT: registers reset; id, mode and address stay (SDM 3A 11.4.7.3). The vCPU's own processor. */
void vlapic_init_reset(struct vlapic *l);

/* The xAPIC page: 32-bit accesses at multiples of 16; other accesses as hardware answers them. */
uint32_t vlapic_mmio_read(struct vlapic *l, unsigned offset, unsigned len);
void vlapic_mmio_write(struct vlapic *l, unsigned offset, unsigned len, uint32_t value);

/* MSRs 0x1b, 0x6e0, 0x800..0x8ff. False: the access raises #GP(0). */
bool vlapic_msr_read(struct vlapic *l, uint32_t msr, uint64_t *value);
bool vlapic_msr_write(struct vlapic *l, uint32_t msr, uint64_t value);

/*
 * An interrupt message arrives. Any processor may call this. Kicks the vCPU.
 * False: the APIC is disabled and did not take it.
 */
bool vlapic_accept(struct vlapic *l, unsigned vector, bool level);
void vlapic_accept_nmi(struct vlapic *l);
/* True once for one or more NMIs that arrived. */
bool vlapic_take_nmi(struct vlapic *l);

/* The vector the vCPU would take now, above TPR and what is in service; -1: none. */
int vlapic_pending(struct vlapic *l);
/*
 * The vector the vCPU would take if its TPR were 0; -1: none. Where it is not
 * vlapic_pending(), a lower CR8 makes the vCPU interruptible.
 */
int vlapic_pending_below_tpr(struct vlapic *l);
/* The vCPU took `vector`: IRR to ISR. */
void vlapic_take(struct vlapic *l, unsigned vector);

/* CR8 view of the task priority. */
static inline unsigned vlapic_tpr_class(const struct vlapic *l)
{
	return l->tpr >> 4;
}

static inline void vlapic_set_tpr_class(struct vlapic *l, unsigned cr8)
{
	__atomic_store_n(&l->tpr, (cr8 & 0xf) << 4, __ATOMIC_RELAXED);
}

/* Not zero: an NMI or an interrupt, of whatever priority, waits for the vCPU. */
static inline uint32_t vlapic_events(const struct vlapic *l)
{
	return __atomic_load_n(&l->irr_words, __ATOMIC_RELAXED) |
	       __atomic_load_n(&l->nmi_pending, __ATOMIC_RELAXED);
}

/* Enabled by IA32_APIC_BASE and by software: takes fixed interrupts. */
bool vlapic_enabled(const struct vlapic *l);

/*
 * Does destination `dest` in logical or physical mode name this APIC?
 * `broadcast`: the sender's form of "all" (IRQ_BROADCAST8 or IRQ_BROADCAST32).
 */
bool vlapic_matches(const struct vlapic *l, uint32_t dest, bool logical, uint32_t broadcast);

#endif
