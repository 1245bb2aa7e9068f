// SPDX-License-Identifier: MIT
/*
 * CPUID as the guest sees it (APMv3 appendix E, SDM 2A CPUID): the
 * processor's own leaves through a table of masks; features that the hypervisor does
 * not carry are hidden, topology names the virtual APIC id (which equals the
 * physical one). The Xen leaves are xen_abi.c's; without the Xen ABI (abi=native)
 * the leaves say who we are and nothing else, and x2APIC is not offered: Linux
 * accepts it from hypervisors it knows.
 */
#include <taproot/arch.h>
#include "hvm.h"

#define HYPERVISOR_LEAF 0x40000000u
#define EXTENDED_LEAF   0x80000000u

#define BIT(n) (1u << (n))

/*
 * Leaves that grow are lists of what is carried, each bit because it needs
 * nothing of us, or because its MSR or control bit is the guest's (msr.c).
 */

/* FSGSBASE, BMI1, AVX2, FDP, SMEP, BMI2, ERMS, INVPCID, AVX-512, RDSEED, ADX, SMAP, CLFLUSHOPT,
 * CLWB, SHA. */
#define LEAF7_EBX                                                                                  \
	(BIT(0) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(13) |        \
	 BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) | BIT(23) | BIT(24) | BIT(28) | \
	 BIT(29) | BIT(30) | BIT(31))
/* AVX-512 VBMI, UMIP, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ, RDPID, MOVDIRI,
 * MOVDIR64B. */
#define LEAF7_ECX                                                                                  \
	(BIT(1) | BIT(2) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14) |      \
	 BIT(22) | BIT(27) | BIT(28))
/* Fast short REP MOV, AVX-512 VP2INTERSECT, MD_CLEAR, SERIALIZE, FP16; SPEC_CTRL: IBRS, STIBP,
 * SSBD. */
#define LEAF7_EDX (BIT(4) | BIT(8) | BIT(10) | BIT(14) | BIT(23) | BIT(26) | BIT(27) | BIT(31))
/* x87, SSE, AVX, MPX, AVX-512: the components that hvm_xsetbv() accepts. */
#define XCR0_CARRIED 0xffu
/* CLZERO, XSAVEERPTR, WBNOINVD; PRED_CMD: IBPB; SPEC_CTRL: IBRS, STIBP, their "always on", SSBD,
 * PSFD; BTC_NO, IBPB_RET. */
#define LEAF8_EBX                                                                                  \
	(BIT(0) | BIT(2) | BIT(9) | BIT(12) | BIT(14) | BIT(15) | BIT(16) | BIT(17) | BIT(18) |    \
	 BIT(19) | BIT(24) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
/* No nested data breakpoints, LFENCE serializes, null selector clears base; PRED_CMD: SBPB;
 * IBPB_BRTYPE, SRSO_NO. */
#define LEAF21_EAX (BIT(0) | BIT(2) | BIT(6) | BIT(27) | BIT(28) | BIT(29))

/* What of a leaf is changed: bits to clear, then bits to set. */
struct mask {
	bool subleaf_any;  /* every subleaf, otherwise subleaf 0 */
	uint32_t clear[4]; /* eax, ebx, ecx, edx */
	uint32_t set[4];
};

#define ALL 0xffffffffu

/* By leaf; those without an entry pass as they are. */
static const struct mask basic_masks[] = {
	/* MONITOR, DTES64, VMX, SMX, EIST, TM2, PDCM, x2APIC, OSXSAVE (set by CR4), ACPI thermal
	   off; TSC deadline, hypervisor on. */
	[0x1] = {true,
		 {0, 0,
		  1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 15 | 1u << 21 |
			  1u << 27,
		  1u << 22},
		 {0, 0, 1u << 24 | 1u << 31, 0}},
	[0x5] = {true, {ALL, ALL, ALL, ALL}, {0}},              /* MONITOR */
	[0x6] = {true, {~(1u << 2), ALL, ALL, ALL}, {1u << 2}}, /* always running APIC timer only */
	[0x7] = {false, {0, ~LEAF7_EBX, ~LEAF7_ECX, ~LEAF7_EDX}, {0}},
	[0xa] = {true, {ALL, ALL, ALL, ALL}, {0}}, /* performance counters */
	[0xd] = {false, {~XCR0_CARRIED, 0, 0, ALL}, {0}},
	[0xf] = {true, {ALL, ALL, ALL, ALL}, {0}}, /* platform QoS */
	[0x10] = {true, {ALL, ALL, ALL, ALL}, {0}},
	[0x12] = {true, {ALL, ALL, ALL, ALL}, {0}}, /* SGX */
	[0x14] = {true, {ALL, ALL, ALL, ALL}, {0}}, /* processor trace */
};

/* By leaf, from 80000000h on. */
static const struct mask extended_masks[] = {
	/* SVM, SKINIT, IBS, WDT, LWP, performance counters, MWAITX off. */
	[0x1] = {true,
		 {0, 0,
		  1u << 2 | 1u << 10 | 1u << 12 | 1u << 13 | 1u << 15 | 1u << 23 | 1u << 24 |
			  1u << 26 | 1u << 27 | 1u << 28 | 1u << 29,
		  0},
		 {0}},
	[0x7] = {true, {ALL, ALL, ALL, ~(1u << 8)}, {0}}, /* invariant TSC only */
	[0x8] = {true, {0, ~LEAF8_EBX, 0, 0}, {0}},
	[0xa] = {true, {ALL, ALL, ALL, ALL}, {0}},  /* SVM */
	[0x1b] = {true, {ALL, ALL, ALL, ALL}, {0}}, /* IBS */
	[0x1c] = {true, {ALL, ALL, ALL, ALL}, {0}}, /* LWP */
	[0x1f] = {true, {ALL, ALL, ALL, ALL}, {0}}, /* memory encryption */
	[0x20] = {true, {ALL, ALL, ALL, ALL}, {0}},
	[0x21] = {true, {~LEAF21_EAX, ALL, ALL, ALL}, {0}},
	[0x22] = {true, {ALL, ALL, ALL, ALL}, {0}},
};

static void apply_mask(const struct mask *m, struct cpuid *r)
{
	r->eax = (r->eax & ~m->clear[0]) | m->set[0];
	r->ebx = (r->ebx & ~m->clear[1]) | m->set[1];
	r->ecx = (r->ecx & ~m->clear[2]) | m->set[2];
	r->edx = (r->edx & ~m->clear[3]) | m->set[3];
}

static const struct mask *find_mask(uint32_t leaf)
{
	if (leaf < ARRAY_SIZE(basic_masks)) {
		return &basic_masks[leaf];
	}
	leaf -= EXTENDED_LEAF;
	return leaf < ARRAY_SIZE(extended_masks) ? &extended_masks[leaf] : NULL;
}

static void hypervisor_leaf(uint32_t leaf, struct cpuid *out)
{
	*out = (struct cpuid){0, 0, 0, 0};
	if (leaf == HYPERVISOR_LEAF) {
		/* "TaprootTapro", the signature; no further leaf. */
		*out = (struct cpuid){HYPERVISOR_LEAF, 0x72706154u, 0x54746f6fu, 0x6f727061u};
	}
}

static void patch_topology(const struct vcpu *v, uint32_t leaf, struct cpuid *out)
{
	struct walk_state p;

	switch (leaf) {
	case 1:
		out->ebx = (out->ebx & 0x00ffffffu) | v->lapic.id << 24;
		hvm->paging(v, &p);
		if (p.cr4 & CR4_OSXSAVE) {
			out->ecx |= 1u << 27;
		}
		if (v->lapic.x2apic_allowed) {
			out->ecx |= 1u << 21;
		}
		if (!(v->lapic.base_msr & APIC_BASE_ENABLE)) {
			out->edx &= ~(1u << 9);
		}
		break;
	case 0xb:
	case 0x1f:
		out->edx = v->lapic.id;
		break;
	case 0x80000008u:
		out->eax = (out->eax & ~0xffu) | hvm_phys_bits();
		break;
	case 0x8000001eu:
		out->eax = v->lapic.id;
		break;
	default:
		break;
	}
}

void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid *out)
{
	const struct mask *m;

	if (leaf >> 16 == HYPERVISOR_LEAF >> 16) {
		if (v->domain->xen_abi) {
			hvm_xen_cpuid(v, leaf, subleaf, out);
		} else {
			hypervisor_leaf(leaf, out);
		}
		return;
	}
	*out = cpuid(leaf, subleaf);
	m = find_mask(leaf);
	if (m && (m->subleaf_any || subleaf == 0)) {
		apply_mask(m, out);
	}
	patch_topology(v, leaf, out);
}

/* State components a guest may enable: x87, SSE, AVX, MPX, AVX-512 as the processor has them. */
static uint64_t xcr0_allowed(void)
{
	struct cpuid r = cpuid(0xd, 0);

	return r.eax & XCR0_CARRIED;
}

bool hvm_xsetbv(uint64_t value)
{
	const uint64_t avx512 = 7ull << 5, mpx = 3ull << 3;

	if (!(cpuid(1, 0).ecx >> 26 & 1) || (value & ~xcr0_allowed()) || !(value & 1)) {
		return false;
	}
	if ((value & 4) && !(value & 2)) {
		return false;
	}
	if ((value & mpx) && (value & mpx) != mpx) {
		return false;
	}
	if ((value & avx512) && ((value & avx512) != avx512 || !(value & 4))) {
		return false;
	}
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
	return true;
}
