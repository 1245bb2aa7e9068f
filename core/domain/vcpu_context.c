/* SPDX-License-Identifier: MIT */
/*
 * VCPUOP_initialise: the caller's struct vcpu_hvm_context (Xen public header
 * hvm/hvm_vcpu.h) becomes registers, when a processor may be in such a state
 * (APMv2 4.7, 14.1.3, 15.5.1).
 *
 * 64-bit mode starts with flat segments of ours. LMA follows from LME, whatever
 * the caller says, as the processor would have it.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/vcpu.h>

#include <xen/xen.h>

#include <xen/hvm/hvm_vcpu.h>

/* Segment attributes, hvm_vcpu.h. */
#define AR_TYPE     0x000fu
#define AR_ACCESSED 0x0001u
#define AR_READABLE 0x0002u /* code */
#define AR_WRITABLE 0x0002u /* data */
#define AR_CODE     0x0008u
#define AR_S        0x0010u
#define AR_DPL(a)   ((a) >> 5 & 3)
#define AR_P        0x0080u
#define AR_L        0x0200u
#define AR_DB       0x0400u
#define AR_G        0x0800u
#define AR_UNUSED   0xf000u
#define TSS_BUSY    0x000bu /* 32 or 64 bits */
#define TSS_BUSY_BIT 0x0002u

#define FLAGS_ALLOWED 0x003f7fd5ull
#define FLAGS_FIXED   0x00000002ull
#define FLAGS_VM      (1ull << 17)

#define CR0_PE  (1ull << 0)
#define CR0_NW  (1ull << 29)
#define CR0_CD  (1ull << 30)
#define CR0_PG  (1ull << 31)
#define CR4_PAE (1ull << 5)

#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)

enum segment_use { USE_CODE, USE_STACK, USE_DATA, USE_TASK };

static bool type_fits(uint16_t attrib, enum segment_use use)
{
	switch (use) {
	case USE_CODE:
		return (attrib & AR_S) && (attrib & AR_CODE);
	case USE_STACK:
		return (attrib & AR_S) && !(attrib & AR_CODE) && (attrib & AR_WRITABLE);
	case USE_DATA:
		return (attrib & AR_S) && (!(attrib & AR_CODE) || (attrib & AR_READABLE));
	case USE_TASK:
	default:
		return !(attrib & AR_S) && (attrib & AR_TYPE) == TSS_BUSY;
	}
}

/* A segment of the caller's; a loaded one is accessed, and a task busy. False: not such a segment. */
static bool take_segment(struct vcpu_segment *out, uint32_t base, uint32_t limit, uint16_t attrib,
			 enum segment_use use)
{
	if (attrib & AR_P) {
		attrib |= use == USE_TASK ? TSS_BUSY_BIT : AR_ACCESSED;
	}
	*out = (struct vcpu_segment){base, limit, attrib};
	if (attrib == 0) {
		return use == USE_DATA;
	}
	return !(attrib & AR_UNUSED) && (attrib & AR_P) && type_fits(attrib, use);
}

static bool privilege_fits(const struct vcpu_registers *r)
{
	unsigned cpl = AR_DPL(r->cs.attrib);

	return AR_DPL(r->ss.attrib) == cpl &&
	       (!r->ds.attrib || AR_DPL(r->ds.attrib) <= cpl) &&
	       (!r->es.attrib || AR_DPL(r->es.attrib) <= cpl);
}

static int take_32(struct vcpu_registers *r, const struct vcpu_hvm_x86_32 *c)
{
	uint32_t limit = c->cs_ar & AR_G ? c->cs_limit << 12 | 0xfff : c->cs_limit;

	*r = (struct vcpu_registers){
		.gpr = {c->eax, c->ecx, c->edx, c->ebx, c->esp, c->ebp, c->esi, c->edi},
		.rip = c->eip,
		.rflags = c->eflags,
		.cr0 = c->cr0,
		.cr3 = c->cr3,
		.cr4 = c->cr4,
		.efer = c->efer,
	};
	if (c->pad1 || c->pad2[0] || c->pad2[1] || c->pad2[2] ||
	    !take_segment(&r->cs, c->cs_base, c->cs_limit, c->cs_ar, USE_CODE) ||
	    !take_segment(&r->ds, c->ds_base, c->ds_limit, c->ds_ar, USE_DATA) ||
	    !take_segment(&r->ss, c->ss_base, c->ss_limit, c->ss_ar, USE_STACK) ||
	    !take_segment(&r->es, c->es_base, c->es_limit, c->es_ar, USE_DATA) ||
	    !take_segment(&r->tr, c->tr_base, c->tr_limit, c->tr_ar, USE_TASK)) {
		return -EINVAL;
	}
	if (c->eip > limit || !privilege_fits(r) ||
	    ((c->efer & EFER_LMA) && !(c->efer & EFER_LME))) {
		return -EINVAL;
	}
	return 0;
}

static bool is_canonical(uint64_t a)
{
	return a >> 47 == 0 || a >> 47 == (1u << 17) - 1;
}

static int take_64(struct vcpu_registers *r, const struct vcpu_hvm_x86_64 *c)
{
	const struct vcpu_segment data = {0, UINT32_MAX, 0xc93};

	*r = (struct vcpu_registers){
		.gpr = {c->rax, c->rcx, c->rdx, c->rbx, c->rsp, c->rbp, c->rsi, c->rdi},
		.rip = c->rip,
		.rflags = c->rflags,
		.cr0 = c->cr0,
		.cr3 = c->cr3,
		.cr4 = c->cr4,
		.efer = c->efer,
		.cs = {0, UINT32_MAX, 0xa9b},
		.ds = data,
		.es = data,
		.ss = data,
		.tr = {0, 0x67, 0x8b},
	};
	if (!is_canonical(c->rip) || !(c->cr0 & CR0_PG) || !(c->cr4 & CR4_PAE) ||
	    !(c->efer & EFER_LME)) {
		return -EINVAL;
	}
	return 0;
}

/* What no processor accepts (APMv2 15.5.1, "canonicalization and consistency checks"). */
static bool consistent(const struct vcpu_registers *r)
{
	bool paging = r->cr0 & CR0_PG, pae = r->cr4 & CR4_PAE, lme = r->efer & EFER_LME;

	if (r->cr0 >> 32 || (paging && !(r->cr0 & CR0_PE)) ||
	    ((r->cr0 & CR0_NW) && !(r->cr0 & CR0_CD))) {
		return false;
	}
	if (paging && lme && (!pae || ((r->cs.attrib & AR_L) && (r->cs.attrib & AR_DB)))) {
		return false;
	}
	return !(r->rflags & FLAGS_VM);
}

static int registers_take(struct vcpu *v, const struct vcpu_hvm_context *c,
			  struct vcpu_registers *r)
{
	int rc = -EINVAL;

	if (c->pad) {
		return -EINVAL;
	}
	if (c->mode == VCPU_HVM_MODE_32B) {
		rc = take_32(r, &c->cpu_regs.x86_32);
	} else if (c->mode == VCPU_HVM_MODE_64B) {
		rc = take_64(r, &c->cpu_regs.x86_64);
	}
	if (rc) {
		return rc;
	}
	r->rflags = (r->rflags & FLAGS_ALLOWED) | FLAGS_FIXED;
	r->efer &= ~EFER_LMA;
	r->efer |= (r->efer & EFER_LME) && (r->cr0 & CR0_PG) ? EFER_LMA : 0;
	return consistent(r) && arch_vcpu_valid(v, r) ? 0 : -EINVAL;
}

int vcpu_initialise(struct vcpu *v, const struct vcpu_hvm_context *c)
{
	struct vcpu_registers r;
	int rc = registers_take(v, c, &r);
	uint32_t old;

	if (rc) {
		return rc;
	}
	lock_acquire(&v->life.lock);
	old = __atomic_load_n(&v->life.state, __ATOMIC_ACQUIRE);
	while (rc == 0) {
		if (!(old & VCPU_WAITS) || (old & VCPU_HELD)) {
			rc = -EEXIST;
			break;
		}
		v->life.start = r;
		if (__atomic_compare_exchange_n(&v->life.state, &old,
						(old & VCPU_INIT) | VCPU_IS_DOWN | VCPU_LOAD, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			break;
		}
	}
	lock_release(&v->life.lock);
	if (rc == 0) {
		arch_vcpu_kick(v);
	}
	return rc;
}
