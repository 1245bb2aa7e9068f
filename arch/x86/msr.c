// SPDX-License-Identifier: MIT
/*
 * MSRs as the guest sees them (APMv2 appendix A). Three classes: direct (the
 * guest's own, swapped or shared without harm), emulated (below), and all
 * others, which raise #GP as on a processor without them.
 *
 * Host values shown read-only: MTRRs (writes are kept and shown, without
 * effect: cache types are the nested tables' and the PAT's), SYSCFG, TOP_MEM, HWCR
 * and the like that Linux reads on AMD processors.
 */
#include <taproot/arch.h>
#include <taproot/log.h>
#include "hvm.h"

#define MSR_TSC         0x10u
#define MSR_SPEC_CTRL   0x48u
#define MSR_PRED_CMD    0x49u
#define MSR_PATCH_LEVEL 0x8bu
#define MSR_MTRR_CAP    0xfeu
#define MSR_MCG_CAP     0x179u
#define MSR_MCG_STATUS  0x17au
#define MSR_MISC_ENABLE 0x1a0u
#define MSR_MTRR_VAR    0x200u
#define MSR_MTRR_DEF    0x2ffu
#define MSR_XSS         0xda0u
#define MSR_TSC_AUX     0xc0000103u
#define MSR_VM_CR       0xc0010114u

static const uint16_t fixed_mtrr[11] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
					0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

/* Read as on the machine; writes are dropped (with a line in the log at trace level). */
static const uint32_t host_readable[] = {
	MSR_PATCH_LEVEL,
	MSR_MISC_ENABLE,
	0x17,         /* platform id */
	0xc0010010u,  /* SYSCFG */
	0xc0010015u,  /* HWCR */
	0xc001001au,  /* TOP_MEM */
	0xc001001du,  /* TOP_MEM2 */
	0xc001001fu,  /* NB configuration */
	0xc0010055u,  /* interrupt pending */
	0xc0010020u,  /* patch loader */
	0xc0010061u,  0xc0010062u, 0xc0010063u, 0xc0010064u, /* P-states */
	0xc0010140u,  0xc0010141u, /* OS visible work-arounds */
	0xc001100cu,  /* node id */
	0xc0011020u,  0xc0011021u, 0xc0011022u, 0xc0011023u, /* LS, IC, DC, BU configuration */
	0xc0011029u,  0xc001102au, 0xc001102du,
};

bool hvm_msr_direct(uint32_t msr)
{
	switch (msr) {
	case MSR_SPEC_CTRL:
	case MSR_PRED_CMD:
	case 0x174: /* SYSENTER */
	case 0x175:
	case 0x176:
	case 0xc0000081u: /* STAR, LSTAR, CSTAR, SFMASK */
	case 0xc0000082u:
	case 0xc0000083u:
	case 0xc0000084u:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS:
	case MSR_TSC_AUX:
		return true;
	default:
		return false;
	}
}

void hvm_msr_init(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	if (!rdmsr_safe(MSR_MTRR_CAP, &a->mtrr.cap)) {
		return;
	}
	a->mtrr.cap &= 0xfffu & ~(1u << 11); /* no SMRR */
	a->mtrr.def_type = rdmsr(MSR_MTRR_DEF);
	for (unsigned i = 0; i < ARRAY_SIZE(fixed_mtrr); i++) {
		a->mtrr.fixed[i] = rdmsr(fixed_mtrr[i]);
	}
	for (unsigned i = 0; i < (a->mtrr.cap & 0xff) && i < ARRAY_SIZE(a->mtrr.base); i++) {
		a->mtrr.base[i] = rdmsr(MSR_MTRR_VAR + 2 * i);
		a->mtrr.mask[i] = rdmsr(MSR_MTRR_VAR + 2 * i + 1);
	}
}

/* Where an MTRR is kept; NULL: there is no such register. */
static uint64_t *mtrr_slot(struct vcpu_arch *a, uint32_t msr)
{
	unsigned n = msr - MSR_MTRR_VAR;

	if (msr == MSR_MTRR_DEF) {
		return &a->mtrr.def_type;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(fixed_mtrr); i++) {
		if (fixed_mtrr[i] == msr) {
			return &a->mtrr.fixed[i];
		}
	}
	if (n < 2 * MIN(a->mtrr.cap & 0xff, (uint64_t)ARRAY_SIZE(a->mtrr.base))) {
		return n & 1 ? &a->mtrr.mask[n / 2] : &a->mtrr.base[n / 2];
	}
	return NULL;
}

static bool is_mtrr(uint32_t msr)
{
	return msr >= MSR_MTRR_VAR && msr <= MSR_MTRR_DEF && msr != MSR_PAT;
}

static bool is_lapic(uint32_t msr)
{
	return msr == MSR_APIC_BASE || msr == MSR_TSC_DEADLINE ||
	       (msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100);
}

static bool is_host_readable(uint32_t msr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(host_readable); i++) {
		if (host_readable[i] == msr) {
			return true;
		}
	}
	return false;
}

bool hvm_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	uint64_t *slot;

	if (is_lapic(msr)) {
		bool ok = vlapic_msr_read(&v->lapic, msr, value);

		if (ok && msr == MSR_TSC_DEADLINE && *value) {
			*value += v->arch->tsc_offset;
		}
		return ok;
	}
	if (is_mtrr(msr)) {
		slot = mtrr_slot(v->arch, msr);
		*value = slot ? *slot : 0;
		return slot != NULL;
	}
	switch (msr) {
	case MSR_EFER:
		*value = hvm->efer(v);
		return true;
	case MSR_PAT:
		*value = v->arch->pat;
		return true;
	case MSR_TSC:
		*value = arch_time() + v->arch->tsc_offset;
		return true;
	case MSR_MTRR_CAP:
		*value = v->arch->mtrr.cap;
		return true;
	case MSR_XSS: /* no supervisor state is offered */
	case MSR_MCG_CAP: /* no banks: machine checks are the hypervisor's */
	case MSR_MCG_STATUS:
		*value = 0;
		return true;
	case MSR_HYPERCALL_PAGE: /* write only */
		*value = 0;
		return v->domain->xen_abi;
	case MSR_VM_CR: /* SVMDIS and LOCK: no SVM for guests */
		*value = 0x18;
		return true;
	default:
		break;
	}
	if (is_host_readable(msr) && rdmsr_safe(msr, value)) {
		return true;
	}
	log_trace("d%u: RDMSR 0x%x: #GP", v->domain->id, msr);
	return false;
}

/* APMv2 7.8.1: each of the eight types is 0, 1, 4, 5, 6 or 7. */
static bool pat_valid(uint64_t value)
{
	for (unsigned i = 0; i < 64; i += 8) {
		uint8_t type = (uint8_t)(value >> i);

		if (type > 7 || type == 2 || type == 3) {
			return false;
		}
	}
	return true;
}

/* APMv2 7.7.1: uncached, write-combining, write-through, write-protected, write-back. */
static bool mtrr_type_valid(uint8_t type)
{
	return type < 7 && type != 2 && type != 3;
}

/* Does the register take the value (APMv2 7.7.2)? */
static bool mtrr_valid(uint32_t msr, uint64_t value)
{
	uint64_t beyond = ~0ull << hvm_phys_bits();

	if (msr == MSR_MTRR_DEF) {
		return !(value & ~0xcffull) && mtrr_type_valid((uint8_t)value);
	}
	if (msr >= fixed_mtrr[0]) {
		for (unsigned i = 0; i < 64; i += 8) {
			if (!mtrr_type_valid((uint8_t)(value >> i))) {
				return false;
			}
		}
		return true;
	}
	if (msr & 1) {
		return !(value & (beyond | 0x7ff));
	}
	return !(value & (beyond | 0xf00)) && mtrr_type_valid((uint8_t)value);
}

static bool write_mtrr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint64_t *slot = mtrr_slot(v->arch, msr);

	if (!slot || !mtrr_valid(msr, value)) {
		return false;
	}
	*slot = value;
	return true;
}

/* The guest's TSC deadline in ticks of the machine's TSC; 0 disarms (SDM 3A 11.5.4.1). */
static uint64_t host_deadline(const struct vcpu *v, uint64_t deadline)
{
	uint64_t host = deadline - v->arch->tsc_offset;

	return deadline && !host ? 1 : deadline ? host : 0;
}

/* The guest's TSC jumps; a deadline is a value of it, so the timer is armed anew. */
static void write_tsc(struct vcpu *v, uint64_t value)
{
	uint64_t deadline = 0;
	bool armed = hvm_msr_read(v, MSR_TSC_DEADLINE, &deadline) && deadline;

	v->arch->tsc_offset = value - arch_time();
	hvm->set_tsc_offset(v, v->arch->tsc_offset);
	vtime_update(v);
	if (armed) {
		(void)vlapic_msr_write(&v->lapic, MSR_TSC_DEADLINE, host_deadline(v, deadline));
	}
}

bool hvm_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (is_lapic(msr)) {
		return vlapic_msr_write(&v->lapic, msr,
					msr == MSR_TSC_DEADLINE ? host_deadline(v, value) : value);
	}
	if (is_mtrr(msr)) {
		return write_mtrr(v, msr, value);
	}
	switch (msr) {
	case MSR_EFER:
		return hvm->set_efer(v, value);
	case MSR_PAT:
		if (!pat_valid(value)) {
			return false;
		}
		v->arch->pat = value;
		hvm->set_pat(v, value);
		return true;
	case MSR_TSC:
		write_tsc(v, value);
		return true;
	case MSR_HYPERCALL_PAGE:
		return v->domain->xen_abi && hvm_hypercall_page(v->domain, value);
	case MSR_XSS:
	case MSR_MCG_STATUS:
		return value == 0;
	default:
		break;
	}
	if (is_host_readable(msr)) {
		log_trace("d%u: WRMSR 0x%x <- 0x%llx dropped", v->domain->id, msr,
			  (unsigned long long)value);
		return true;
	}
	log_trace("d%u: WRMSR 0x%x <- 0x%llx: #GP", v->domain->id, msr, (unsigned long long)value);
	return false;
}
