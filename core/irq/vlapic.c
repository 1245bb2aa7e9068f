/* SPDX-License-Identifier: MIT */
/*
 * The virtual local APIC: interrupt acceptance, priorities, end of interrupt
 * (SDM 3A 11.8; APMv2 16.6). Registers are in vlapic_reg.c.
 *
 * IRR is written by every processor, so each of its words is atomic, and so is
 * `irr_words`, the summary that makes "nothing pending" one load. The order
 * is: a sender sets IRR, then the summary, then kicks; the owner clears IRR,
 * then the summary, then looks at IRR again. Either sees the other.
 *
 * Deliberately not supported: EOI-broadcast suppression, focus processor
 * checking, SMI and ExtINT.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/irq.h>
#include <taproot/vlapic.h>

#include "vlapic_internal.h"

#define VECTOR_MIN 16

#define DFR_FLAT 0xfu

static unsigned bit_highest(uint32_t word)
{
	return 31 - (unsigned)__builtin_clz(word);
}

bool vlapic_enabled(const struct vlapic *l)
{
	return (__atomic_load_n(&l->base_msr, __ATOMIC_RELAXED) & APIC_BASE_ENABLE) &&
	       (__atomic_load_n(&l->svr, __ATOMIC_RELAXED) & SVR_ENABLE);
}

/* Request `vector`; the vCPU is kicked unless it was requested already. */
static void vlapic_request(struct vlapic *l, unsigned vector)
{
	unsigned word = vector / 32;
	uint32_t bit = 1u << (vector % 32);

	if (__atomic_fetch_or(&l->irr[word], bit, __ATOMIC_SEQ_CST) & bit) {
		return;
	}
	__atomic_fetch_or(&l->irr_words, 1u << word, __ATOMIC_SEQ_CST);
	arch_vcpu_kick(l->vcpu);
}

/* The trigger mode is there before the request: EOI looks at it (SDM 3A 11.8.4). */
static void vlapic_set_trigger(struct vlapic *l, unsigned vector, bool level)
{
	uint32_t *tmr = &l->tmr[vector / 32];
	uint32_t bit = 1u << (vector % 32);

	if (level) {
		__atomic_fetch_or(tmr, bit, __ATOMIC_SEQ_CST);
	} else if (__atomic_load_n(tmr, __ATOMIC_RELAXED) & bit) {
		__atomic_fetch_and(tmr, ~bit, __ATOMIC_SEQ_CST);
	}
}

/* Raise an LVT entry; false when its vector is illegal. */
static bool vlapic_request_lvt(struct vlapic *l, enum vlapic_lvt which)
{
	uint32_t lvt = __atomic_load_n(&l->lvt[which], __ATOMIC_RELAXED);

	if (lvt & LVT_MASKED) {
		return true;
	}
	if ((lvt & 0xff) < VECTOR_MIN) {
		return false;
	}
	vlapic_set_trigger(l, lvt & 0xff, false);
	vlapic_request(l, lvt & 0xff);
	return true;
}

void vlapic_error(struct vlapic *l, uint32_t bits)
{
	uint32_t before = __atomic_fetch_or(&l->esr_pending, bits, __ATOMIC_SEQ_CST);

	if (!before && !vlapic_request_lvt(l, LVT_ERROR)) {
		__atomic_fetch_or(&l->esr_pending, ESR_RECEIVE_VECTOR, __ATOMIC_SEQ_CST);
	}
}

void vlapic_post_lvt(struct vlapic *l, enum vlapic_lvt which)
{
	if (!vlapic_request_lvt(l, which)) {
		vlapic_error(l, ESR_RECEIVE_VECTOR);
	}
}

bool vlapic_accept(struct vlapic *l, unsigned vector, bool level)
{
	vector &= 0xff;
	if (!vlapic_enabled(l)) {
		return false;
	}
	if (vector < VECTOR_MIN) {
		vlapic_error(l, ESR_RECEIVE_VECTOR);
		return false;
	}
	vlapic_set_trigger(l, vector, level);
	vlapic_request(l, vector);
	return true;
}

void vlapic_accept_nmi(struct vlapic *l)
{
	__atomic_store_n(&l->nmi_pending, true, __ATOMIC_SEQ_CST);
	arch_vcpu_kick(l->vcpu);
}

bool vlapic_take_nmi(struct vlapic *l)
{
	return __atomic_load_n(&l->nmi_pending, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&l->nmi_pending, false, __ATOMIC_SEQ_CST);
}

int vlapic_requested(const struct vlapic *l)
{
	uint32_t words = __atomic_load_n(&l->irr_words, __ATOMIC_ACQUIRE);

	while (words) {
		unsigned word = bit_highest(words);
		uint32_t bits = __atomic_load_n(&l->irr[word], __ATOMIC_ACQUIRE);

		if (bits) {
			return (int)(word * 32 + bit_highest(bits));
		}
		words &= ~(1u << word);
	}
	return -1;
}

unsigned vlapic_in_service(const struct vlapic *l)
{
	unsigned word;

	if (!l->isr_words) {
		return 0;
	}
	word = bit_highest(l->isr_words);
	return word * 32 + bit_highest(l->isr[word]);
}

/* SDM 3A 11.8.3.1: the task's priority or the class of what is in service. */
unsigned vlapic_ppr(const struct vlapic *l)
{
	unsigned isr_class = vlapic_in_service(l) & 0xf0;

	return (l->tpr & 0xf0) >= isr_class ? l->tpr : isr_class;
}

/* The vector requested above `priority`, while the APIC is enabled at all. */
static int vlapic_pending_above(const struct vlapic *l, unsigned priority)
{
	int vector = vlapic_requested(l);

	if (vector < 0 || ((unsigned)vector & 0xf0) <= (priority & 0xf0) ||
	    !(l->base_msr & APIC_BASE_ENABLE)) {
		return -1;
	}
	return vector;
}

int vlapic_pending(struct vlapic *l)
{
	if (!__atomic_load_n(&l->irr_words, __ATOMIC_RELAXED)) {
		return -1;
	}
	return vlapic_pending_above(l, vlapic_ppr(l));
}

int vlapic_pending_below_tpr(struct vlapic *l)
{
	if (!__atomic_load_n(&l->irr_words, __ATOMIC_RELAXED)) {
		return -1;
	}
	return vlapic_pending_above(l, vlapic_in_service(l));
}

void vlapic_take(struct vlapic *l, unsigned vector)
{
	unsigned word = (vector & 0xff) / 32;
	uint32_t bit = 1u << (vector % 32);

	if (!(__atomic_and_fetch(&l->irr[word], ~bit, __ATOMIC_SEQ_CST))) {
		__atomic_fetch_and(&l->irr_words, ~(1u << word), __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&l->irr[word], __ATOMIC_SEQ_CST)) {
			__atomic_fetch_or(&l->irr_words, 1u << word, __ATOMIC_SEQ_CST);
		}
	}
	l->isr[word] |= bit;
	l->isr_words |= 1u << word;
}

void vlapic_eoi(struct vlapic *l)
{
	unsigned vector = vlapic_in_service(l);
	unsigned word = vector / 32;
	uint32_t bit = 1u << (vector % 32);

	if (!vector) {
		return;
	}
	l->isr[word] &= ~bit;
	if (!l->isr[word]) {
		l->isr_words &= ~(1u << word);
	}
	if (__atomic_load_n(&l->tmr[word], __ATOMIC_ACQUIRE) & bit) {
		vioapic_eoi(l->vcpu->domain, vector);
	}
}

/* SDM 3A 11.6.2.2: flat or cluster model of 8-bit logical destinations. */
static bool vlapic_matches_logical8(const struct vlapic *l, uint32_t dest)
{
	uint32_t ldr = __atomic_load_n(&l->ldr, __ATOMIC_RELAXED) >> 24;
	uint32_t dfr = __atomic_load_n(&l->dfr, __ATOMIC_RELAXED) >> 28;

	if (dest > 0xff) {
		return false;
	}
	if (dfr == DFR_FLAT) {
		return ldr & dest;
	}
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

bool vlapic_matches(const struct vlapic *l, uint32_t dest, bool logical, uint32_t broadcast)
{
	if (!(__atomic_load_n(&l->base_msr, __ATOMIC_RELAXED) & APIC_BASE_ENABLE)) {
		return false;
	}
	if (dest == broadcast) {
		return true;
	}
	if (!logical) {
		return dest == l->id;
	}
	if (vlapic_is_x2apic(l)) {
		/* SDM 3A 11.12.10.2: the logical ID is made from the APIC ID. */
		return dest >> 16 == l->id >> 4 && (dest & (1u << (l->id & 0xf)));
	}
	return vlapic_matches_logical8(l, dest);
}

void vlapic_reset(struct vlapic *l)
{
	/*
	 * Senders that are on their way: a bit of the summary without a request is
	 * harmless, a request without its bit would be lost, and all after it.
	 */
	__atomic_store_n(&l->svr, 0xff, __ATOMIC_SEQ_CST);
	__atomic_store_n(&l->irr_words, 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 8; i++) {
		__atomic_store_n(&l->irr[i], 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&l->tmr[i], 0, __ATOMIC_SEQ_CST);
		l->isr[i] = 0;
	}
	__atomic_store_n(&l->esr_pending, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&l->tpr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&l->ldr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&l->dfr, UINT32_MAX, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < LVT_COUNT; i++) {
		__atomic_store_n(&l->lvt[i], LVT_MASKED, __ATOMIC_RELAXED);
	}
	l->isr_words = 0;
	l->esr = 0;
	l->icr = 0;
	l->timer_initial = 0;
	l->timer_divide = 0;
	vlapic_timer_stop(l);
}

void vlapic_init_reset(struct vlapic *l)
{
	vlapic_reset(l);
	__atomic_store_n(&l->nmi_pending, false, __ATOMIC_SEQ_CST);
}

void vlapic_init(struct vlapic *l, struct vcpu *v, uint32_t apic_id, bool bsp, bool x2apic_allowed)
{
	*l = (struct vlapic){
		.vcpu = v,
		.id = apic_id,
		.x2apic_allowed = x2apic_allowed,
		.base_msr = VLAPIC_BASE_DEFAULT | APIC_BASE_ENABLE | (bsp ? APIC_BASE_BSP : 0),
	};
	vlapic_timer_init(l);
	vlapic_reset(l);
}
