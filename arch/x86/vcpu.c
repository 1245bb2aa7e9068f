// SPDX-License-Identifier: MIT
/*
 * A vCPU's registers after INIT, after a start-up message and as
 * VCPUOP_initialise asks (SDM 3A 9.1.1 table 9-1; APMv2 14.1.3): what is
 * common to the vendors. What INIT leaves alone stays: MTRRs, PAT, SYSCALL
 * MSRs, time stamp counter, x87, SSE and XCR0.
 *
 * All of this runs on the vCPU's own processor, whose debug registers 0 to 3
 * are the vCPU's.
 */
#include <taproot/arch.h>
#include <taproot/string.h>
#include "hvm.h"

#define LEAF1_ECX_PCID (1u << 17)
#define LEAF1_ECX_XSAVE (1u << 26)
#define LEAF7_EBX_FSGSBASE (1u << 0)
#define LEAF7_EBX_SMEP (1u << 7)
#define LEAF7_EBX_SMAP (1u << 20)
#define LEAF7_ECX_UMIP (1u << 2)

/* VME to OSXMMEXCPT, which every processor with SVM has. */
#define CR4_COMMON 0x7ffull
#define CR4_UMIP (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_PCIDE (1ull << 17)

void arch_vcpu_reset(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	memset(a->gpr, 0, sizeof(a->gpr));
	a->gpr[REG_RDX] = cpuid(1, 0).eax;
	a->rip = 0xfff0;
	a->exception.valid = false;
	a->nmi_masked = false;
	a->nmi_iret = false;
	a->halted = 0;
	__asm__ volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3"
			 :
			 : "r"(0ull));
	hvm->reset(v);
	/* Another address space, under the old one's number. */
	__atomic_store_n(&a->flush, 1, __ATOMIC_SEQ_CST);
}

void arch_vcpu_startup(struct vcpu *v, unsigned page)
{
	v->arch->rip = 0;
	hvm->startup(v, page);
}

void arch_vcpu_load(struct vcpu *v, const struct vcpu_registers *r)
{
	struct vcpu_arch *a = v->arch;

	arch_vcpu_reset(v);
	memcpy(a->gpr, r->gpr, sizeof(r->gpr));
	a->rip = r->rip;
	a->tsc_offset = __atomic_load_n(&v->domain->vcpu[0]->arch->tsc_offset, __ATOMIC_RELAXED);
	hvm->set_tsc_offset(v, a->tsc_offset);
	hvm->load(v, r);
	vtime_update(v);
}

static uint64_t cr4_allowed(struct vcpu *v)
{
	struct cpuid one, seven;
	uint64_t bits = CR4_COMMON;

	hvm_cpuid(v, 1, 0, &one);
	hvm_cpuid(v, 7, 0, &seven);
	bits |= one.ecx & LEAF1_ECX_PCID ? CR4_PCIDE : 0;
	bits |= one.ecx & LEAF1_ECX_XSAVE ? CR4_OSXSAVE : 0;
	bits |= seven.ecx & LEAF7_ECX_UMIP ? CR4_UMIP : 0;
	bits |= seven.ebx & LEAF7_EBX_FSGSBASE ? CR4_FSGSBASE : 0;
	bits |= seven.ebx & LEAF7_EBX_SMEP ? CR4_SMEP : 0;
	bits |= seven.ebx & LEAF7_EBX_SMAP ? CR4_SMAP : 0;
	return bits;
}

bool arch_vcpu_valid(struct vcpu *v, const struct vcpu_registers *r)
{
	if ((r->cr4 & ~cr4_allowed(v)) || r->cr3 >> hvm_phys_bits()) {
		return false;
	}
	if ((r->cr4 & CR4_PCIDE) && !(r->efer & EFER_LMA)) {
		return false;
	}
	return hvm->efer_valid(r->efer);
}
