/* SPDX-License-Identifier: MIT */
/*
 * Registers of the virtual local APIC: the xAPIC page (SDM 3A 11.4.1; APMv2
 * 16.3.2), the x2APIC MSRs (SDM 3A 11.12.1.2) and IA32_APIC_BASE (SDM 3A
 * 11.4.4, 11.12.5). Both roads meet in one read and one write of a register
 * number; what differs (existence, reserved bits, #GP) is in tables.
 *
 * xAPIC accesses that are not 32 bits at a multiple of 16 are undefined on a
 * machine: here reads give the bytes asked for of the register's first dword
 * (0 beyond it) and writes are dropped.
 *
 * Deliberately not supported: another address than 0xfee00000 (raises #GP),
 * the CMCI entry, extended APIC registers (APMv2 16.3.4).
 */
#include <taproot/domain.h>
#include <taproot/log.h>

#include "vlapic_internal.h"

#define MSR_APIC_BASE    0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC       0x800u
#define MSR_X2APIC_LAST  0x8ffu

/* Integrated APIC, six LVT entries, no EOI-broadcast suppression (SDM 3A 11.4.8). */
#define VERSION_VALUE (0x14u | (LVT_COUNT - 1) << 16)

#define ICR_WRITABLE 0x000ccfffu
#define DFR_FIXED    0x0fffffffu

#define R(n)            (1ull << (n))
#define RANGE(n, count) (((1ull << (count)) - 1) << (n))

/* Registers that exist: the others are errors (ESR bit 7, #GP). */
#define COMMON_READABLE                                                                            \
	(R(REG_ID) | R(REG_VERSION) | R(REG_TPR) | R(REG_PPR) | R(REG_LDR) | R(REG_SVR) |          \
	 RANGE(REG_ISR, 24) | R(REG_ESR) | R(REG_ICR) | RANGE(REG_LVT, LVT_COUNT) |                \
	 R(REG_INITIAL) | R(REG_CURRENT) | R(REG_DIVIDE))
#define COMMON_WRITABLE                                                                            \
	(R(REG_TPR) | R(REG_EOI) | R(REG_SVR) | R(REG_ESR) | R(REG_ICR) |                          \
	 RANGE(REG_LVT, LVT_COUNT) | R(REG_INITIAL) | R(REG_DIVIDE))

static const uint64_t vlapic_xapic_exists =
	COMMON_READABLE | COMMON_WRITABLE | R(REG_APR) | R(REG_RRD) | R(REG_DFR) | R(REG_ICR_HIGH);
static const uint64_t vlapic_xapic_writable =
	COMMON_WRITABLE | R(REG_LDR) | R(REG_DFR) | R(REG_ICR_HIGH);
static const uint64_t vlapic_x2apic_readable = COMMON_READABLE;
static const uint64_t vlapic_x2apic_writable = COMMON_WRITABLE | R(REG_SELF_IPI);

/* Bits that can be written, by register; what is not here has none. */
static const uint32_t vlapic_write_mask[REG_COUNT] = {
	[REG_TPR] = 0xff,
	[REG_LDR] = 0xff000000,
	[REG_DFR] = 0xf0000000,
	[REG_SVR] = 0x3ff,
	[REG_ICR] = ICR_WRITABLE,
	[REG_ICR_HIGH] = 0xff000000,
	[REG_LVT + LVT_TIMER] = 0x000700ff,
	[REG_LVT + LVT_THERMAL] = 0x000107ff,
	[REG_LVT + LVT_COUNTER] = 0x000107ff,
	[REG_LVT + LVT_LINT0] = 0x0001a7ff,
	[REG_LVT + LVT_LINT1] = 0x0001a7ff,
	[REG_LVT + LVT_ERROR] = 0x000100ff,
	[REG_INITIAL] = 0xffffffff,
	[REG_DIVIDE] = 0xb,
	[REG_SELF_IPI] = 0xff,
};

/* SDM 3A 11.6.2.4: arbitration priority, kept for completeness. */
static uint32_t vlapic_apr(const struct vlapic *l)
{
	int requested = vlapic_requested(l);
	uint32_t irr_class = requested < 0 ? 0 : (uint32_t)requested & 0xf0;
	uint32_t isr_class = vlapic_in_service(l) & 0xf0;

	if ((l->tpr & 0xf0) >= irr_class && (l->tpr & 0xf0) > isr_class) {
		return l->tpr;
	}
	return MAX(MAX(l->tpr & 0xf0, isr_class), irr_class);
}

static uint32_t vlapic_reg_read(struct vlapic *l, unsigned reg)
{
	bool x2apic = vlapic_is_x2apic(l);

	switch (reg) {
	case REG_ID:
		return x2apic ? l->id : l->id << 24;
	case REG_VERSION:
		return VERSION_VALUE;
	case REG_TPR:
		return l->tpr;
	case REG_APR:
		return vlapic_apr(l);
	case REG_PPR:
		return vlapic_ppr(l);
	case REG_LDR:
		return x2apic ? (l->id >> 4) << 16 | 1u << (l->id & 0xf) : l->ldr;
	case REG_DFR:
		return l->dfr;
	case REG_SVR:
		return l->svr;
	case REG_ISR ... REG_ISR + 7:
		return l->isr[reg - REG_ISR];
	case REG_TMR ... REG_TMR + 7:
		return __atomic_load_n(&l->tmr[reg - REG_TMR], __ATOMIC_RELAXED);
	case REG_IRR ... REG_IRR + 7:
		return __atomic_load_n(&l->irr[reg - REG_IRR], __ATOMIC_RELAXED);
	case REG_ESR:
		return l->esr;
	case REG_ICR:
		return (uint32_t)l->icr;
	case REG_ICR_HIGH:
		return (uint32_t)(l->icr >> 32);
	case REG_LVT ... REG_LVT + LVT_COUNT - 1:
		return l->lvt[reg - REG_LVT];
	case REG_INITIAL:
		return l->timer_initial;
	case REG_CURRENT:
		return vlapic_timer_current(l);
	case REG_DIVIDE:
		return l->timer_divide;
	default:
		return 0;
	}
}

/* SDM 3A 11.4.7.2: a software-disabled APIC has all LVT entries masked. */
static void vlapic_write_svr(struct vlapic *l, uint32_t value)
{
	bool was_enabled = l->svr & SVR_ENABLE;

	__atomic_store_n(&l->svr, value, __ATOMIC_SEQ_CST);
	if (value & SVR_ENABLE) {
		if (!was_enabled) {
			event_lapic_enabled(l->vcpu);
		}
		return;
	}
	vlapic_timer_set_lvt(l, l->lvt[LVT_TIMER] | LVT_MASKED);
	for (unsigned i = LVT_TIMER + 1; i < LVT_COUNT; i++) {
		__atomic_store_n(&l->lvt[i], l->lvt[i] | LVT_MASKED, __ATOMIC_RELAXED);
	}
}

static void vlapic_write_lvt(struct vlapic *l, unsigned which, uint32_t value)
{
	if (!(l->svr & SVR_ENABLE)) {
		value |= LVT_MASKED;
	}
	if (which == LVT_TIMER) {
		vlapic_timer_set_lvt(l, value);
	} else {
		__atomic_store_n(&l->lvt[which], value, __ATOMIC_RELAXED);
	}
}

/* `value` has only bits of the register's write mask. */
static void vlapic_reg_write(struct vlapic *l, unsigned reg, uint32_t value)
{
	switch (reg) {
	case REG_TPR:
		__atomic_store_n(&l->tpr, value, __ATOMIC_RELAXED);
		return;
	case REG_EOI:
		vlapic_eoi(l);
		return;
	case REG_LDR:
		__atomic_store_n(&l->ldr, value, __ATOMIC_RELAXED);
		return;
	case REG_DFR:
		__atomic_store_n(&l->dfr, value | DFR_FIXED, __ATOMIC_RELAXED);
		return;
	case REG_SVR:
		vlapic_write_svr(l, value);
		return;
	case REG_ESR:
		/* SDM 3A 11.5.3: the write shows the errors since the last one, and arms again. */
		l->esr = __atomic_exchange_n(&l->esr_pending, 0, __ATOMIC_SEQ_CST);
		return;
	case REG_ICR:
		l->icr = (l->icr & 0xffffffff00000000ull) | value;
		vlapic_send_icr(l);
		return;
	case REG_ICR_HIGH:
		l->icr = (uint64_t)value << 32 | (uint32_t)l->icr;
		return;
	case REG_LVT ... REG_LVT + LVT_COUNT - 1:
		vlapic_write_lvt(l, reg - REG_LVT, value);
		return;
	case REG_INITIAL:
		vlapic_timer_set_initial(l, value);
		return;
	case REG_DIVIDE:
		vlapic_timer_set_divide(l, value);
		return;
	case REG_SELF_IPI:
		vlapic_send_self(l, value);
		return;
	default:
		return;
	}
}

/* The page decodes in xAPIC mode only (SDM 3A 11.12.2). */
static bool vlapic_page_decodes(const struct vlapic *l)
{
	return (l->base_msr & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE;
}

static bool vlapic_xapic_has(struct vlapic *l, unsigned offset, uint64_t set)
{
	unsigned reg = offset >> 4;

	if (reg >= REG_COUNT || !(vlapic_xapic_exists & R(reg))) {
		vlapic_error(l, ESR_REGISTER);
		return false;
	}
	return set & R(reg);
}

uint32_t vlapic_mmio_read(struct vlapic *l, unsigned offset, unsigned len)
{
	unsigned byte = offset & 0xf;

	offset &= 0xfff;
	if (!vlapic_page_decodes(l)) {
		return (uint32_t)ones(len);
	}
	if (!vlapic_xapic_has(l, offset, vlapic_xapic_exists) || byte >= 4) {
		return 0;
	}
	return (vlapic_reg_read(l, offset >> 4) >> (byte * 8)) & (uint32_t)ones(len);
}

void vlapic_mmio_write(struct vlapic *l, unsigned offset, unsigned len, uint32_t value)
{
	offset &= 0xfff;
	if (!vlapic_page_decodes(l)) {
		return;
	}
	if (len != 4 || (offset & 0xf)) {
		log_guest("vlapic: d%uv%u: write of %u bytes at %#x (value %#x) dropped",
			  l->vcpu->domain->id, l->vcpu->id, len, offset, value);
		return;
	}
	if (vlapic_xapic_has(l, offset, vlapic_xapic_writable)) {
		vlapic_reg_write(l, offset >> 4, value & vlapic_write_mask[offset >> 4]);
	}
}

static bool vlapic_x2apic_read(struct vlapic *l, unsigned reg, uint64_t *value)
{
	if (!vlapic_is_x2apic(l) || reg >= REG_COUNT || !(vlapic_x2apic_readable & R(reg))) {
		return false;
	}
	*value = reg == REG_ICR ? l->icr : vlapic_reg_read(l, reg);
	return true;
}

static bool vlapic_x2apic_write(struct vlapic *l, unsigned reg, uint64_t value)
{
	if (!vlapic_is_x2apic(l) || reg >= REG_COUNT || !(vlapic_x2apic_writable & R(reg))) {
		return false;
	}
	if ((uint32_t)value & ~vlapic_write_mask[reg]) {
		return false;
	}
	if (reg == REG_ICR) {
		l->icr = value;
		vlapic_send_icr(l);
		return true;
	}
	if (value >> 32) {
		return false;
	}
	vlapic_reg_write(l, reg, (uint32_t)value);
	return true;
}

/* The mode transitions of SDM 3A 11.12.5 figure 11-27; false: #GP. */
static bool vlapic_write_base(struct vlapic *l, uint64_t value)
{
	const uint64_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	uint64_t before = l->base_msr & mode;
	uint64_t after = value & mode;

	if ((value & ~(mode | APIC_BASE_BSP)) != VLAPIC_BASE_DEFAULT) {
		log_guest("vlapic: d%uv%u: IA32_APIC_BASE %#llx refused", l->vcpu->domain->id,
			  l->vcpu->id, (unsigned long long)value);
		return false;
	}
	if (after == APIC_BASE_X2APIC || ((after & APIC_BASE_X2APIC) && !l->x2apic_allowed) ||
	    (before == mode && after == APIC_BASE_ENABLE) || (before == 0 && after == mode)) {
		return false;
	}
	if (before == APIC_BASE_ENABLE && after == mode) {
		l->icr = (uint32_t)l->icr;
	}
	/* Disabled first, so that less comes in between; what does is held until it is enabled. */
	__atomic_store_n(&l->base_msr, VLAPIC_BASE_DEFAULT | after | (l->base_msr & APIC_BASE_BSP),
			 __ATOMIC_SEQ_CST);
	if (before && !after) {
		vlapic_reset(l);
	}
	return true;
}

bool vlapic_msr_read(struct vlapic *l, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_APIC_BASE:
		*value = l->base_msr;
		return true;
	case MSR_TSC_DEADLINE:
		*value = vlapic_timer_deadline(l);
		return true;
	case MSR_X2APIC ... MSR_X2APIC_LAST:
		return vlapic_x2apic_read(l, msr - MSR_X2APIC, value);
	default:
		return false;
	}
}

bool vlapic_msr_write(struct vlapic *l, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_APIC_BASE:
		return vlapic_write_base(l, value);
	case MSR_TSC_DEADLINE:
		vlapic_timer_set_deadline(l, value);
		return true;
	case MSR_X2APIC ... MSR_X2APIC_LAST:
		return vlapic_x2apic_write(l, msr - MSR_X2APIC, value);
	default:
		return false;
	}
}
