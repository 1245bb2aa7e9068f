// SPDX-License-Identifier: MIT
/*
 * What CPUID shows, which MSRs there are, and what control registers and XCR0
 * take (APMv2 chapter 3, APMv3 appendix E). The readable MSRs are compared with
 * a list, over all ranges that the processor's permission map can let through and
 * some beyond them: an MSR that becomes readable or writable by accident
 * fails here. So does whatever would turn SVM off, or move what the hypervisor
 * stands on.
 *
 * Of control registers only what the processor itself must refuse is tried:
 * the hypervisor does not intercept them.
 */
#include "apic.h"

static bool has_bits(uint32_t value, uint32_t bits)
{
	return (value & bits) == bits;
}

/* ---- CPUID ---- */

static void check_zero(uint32_t leaf, const char *what)
{
	struct cpuid r = cpuid(leaf, 0);

	check(!(r.eax | r.ebx | r.ecx | r.edx), "leaf %x (%s) is not zero: %x %x %x %x", U(leaf),
	      what, U(r.eax), U(r.ebx), U(r.ecx), U(r.edx));
}

static void check_features(void)
{
	struct cpuid r = cpuid(1, 0);
	uint32_t hidden = 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 15;

	check(!(r.ecx & hidden), "leaf 1 ecx %x shows %x", U(r.ecx), U(r.ecx & hidden));
	check(has_bits(r.ecx, 1u << 31 | 1u << 24), "leaf 1 ecx %x: hypervisor, TSC deadline",
	      U(r.ecx));
	check((r.ecx >> 21 & 1) == has_xen(), "x2APIC is offered with the Xen ABI only: ecx %x",
	      U(r.ecx));
	check(r.ebx >> 24 == apic_id(), "leaf 1: APIC id %x, the APIC says %x", U(r.ebx >> 24),
	      U(apic_id()));
	check(r.edx >> 9 & 1, "leaf 1 edx %x: an APIC", U(r.edx));
	r = cpuid(0x80000001u, 0);
	hidden = 1u << 2 | 1u << 10 | 1u << 12 | 1u << 15 | 1u << 23 | 1u << 24 | 1u << 27 |
		 1u << 28 | 1u << 29;
	check(!(r.ecx & hidden), "leaf 80000001 ecx %x shows %x", U(r.ecx), U(r.ecx & hidden));
	r = cpuid(7, 0);
	/* PKU, OSPKE, shadow stacks, LA57, and in EBX SGX, PQM, PQE, processor trace. */
	check(!(r.ecx & (1u << 3 | 1u << 4 | 1u << 7 | 1u << 16)), "leaf 7 ecx %x", U(r.ecx));
	check(!(r.ebx & (1u << 2 | 1u << 12 | 1u << 15 | 1u << 25)), "leaf 7 ebx %x", U(r.ebx));
	r = cpuid(0xd, 0);
	check(!(r.eax & ~0xffu) && !r.edx, "leaf d: XCR0 bits %x:%x", U(r.edx), U(r.eax));
}

static void check_topology(void)
{
	struct cpuid r = cpuid(0x80000008u, 0);

	check((r.eax & 0xff) >= 36 && (r.eax & 0xff) <= 48, "%u physical bits", U(r.eax & 0xff));
	r = cpuid(0xb, 0);
	check(r.edx == apic_id(), "leaf b: APIC id %x", U(r.edx));
	r = cpuid(0xb, 1);
	check(r.edx == apic_id(), "leaf b, 1: APIC id %x", U(r.edx));
	if (cpuid(0x80000000u, 0).eax >= 0x8000001eu) {
		r = cpuid(0x8000001eu, 0);
		check(r.eax == apic_id(), "leaf 8000001e: APIC id %x", U(r.eax));
	} else {
		skip("leaf 8000001e: this processor has none");
	}
}

static void check_hypervisor_leaves(void)
{
	struct cpuid r = cpuid(0x40000000u, 0);

	if (has_xen()) {
		check(r.eax >= 0x40000004u && r.eax < 0x40000100u, "Xen leaves to %x", U(r.eax));
		r = cpuid(0x40000002u, 0);
		check(r.eax >= 1 && r.ebx == 0x40000000u,
		      "hypercall pages %u by MSR %x", U(r.eax), U(r.ebx));
	} else {
		check(r.eax == 0x40000000u && r.ebx == 0x72706154u && r.ecx == 0x54746f6fu &&
			      r.edx == 0x6f727061u,
		      "signature %x %x %x %x", U(r.eax), U(r.ebx), U(r.ecx), U(r.edx));
		for (uint32_t leaf = 0x40000001u; leaf < 0x40000010u; leaf++) {
			check_zero(leaf, "hypervisor");
		}
	}
	for (uint32_t leaf = 0x40000100u; leaf < 0x40010000u; leaf += 0x100) {
		check_zero(leaf, "hypervisor");
	}
}

static void cpuid_high(void *arg)
{
	uint64_t *r = arg;

	r[0] = 0xdeadbeef00000000ull;
	r[2] = 0xdeadbeef00000000ull;
	__asm__ volatile("cpuid" : "+a"(r[0]), "=b"(r[1]), "+c"(r[2]), "=d"(r[3]));
}

static void check_cpuid(void)
{
	uint64_t kernel[4], user[4];

	check_features();
	check_topology();
	check_hypervisor_leaves();
	check_zero(5, "MONITOR");
	check_zero(0xa, "performance counters");
	check_zero(0xf, "QoS monitoring");
	check_zero(0x10, "QoS enforcement");
	check_zero(0x12, "SGX");
	check_zero(0x14, "processor trace");
	check_zero(0x8000000au, "SVM");
	check_zero(0x8000001bu, "IBS");
	check_zero(0x8000001cu, "LWP");
	check_zero(0x8000001fu, "memory encryption");
	check(!(cpuid(0x80000007u, 0).edx & ~(1u << 8)), "leaf 80000007");
	cpuid_high(kernel);
	check(try_user(cpuid_high, user) == VECTOR_USER, "CPUID in ring 3");
	for (unsigned i = 0; i < 4; i++) {
		check(kernel[i] == user[i] && !(kernel[i] >> 32), "CPUID register %u: %x, ring 3: %x",
		      U(i), kernel[i], user[i]);
	}
}

/* CPUID follows CR4.OSXSAVE and IA32_APIC_BASE. */
static void check_cpuid_follows(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE), cr4 = read_cr4();

	if (cpuid(1, 0).ecx >> 26 & 1) {
		write_cr4(cr4 | CR4_OSXSAVE);
		check(cpuid(1, 0).ecx >> 27 & 1, "OSXSAVE is not shown");
		write_cr4(cr4 & ~CR4_OSXSAVE);
		check(!(cpuid(1, 0).ecx >> 27 & 1), "OSXSAVE is shown");
	}
	if (!(base & BASE_X2APIC)) {
		wrmsr(MSR_APIC_BASE, base & ~BASE_ENABLE);
		check(!(cpuid(1, 0).edx >> 9 & 1), "a disabled APIC is shown");
		check(read32(APIC_PAGE + APIC_VERSION) == 0xffffffffu, "a disabled APIC answers");
		wrmsr(MSR_APIC_BASE, base);
		check(cpuid(1, 0).edx >> 9 & 1, "the APIC is not shown");
		check((read32(APIC_PAGE + APIC_VERSION) & 0xff) >= 0x10, "the APIC does not answer");
	}
}

/* ---- MSRs ---- */

struct span {
	uint32_t first, last;
};

/* Readable always. */
static const struct span readable[] = {
	{0x10, 0x10}, {0x1b, 0x1b}, {0x48, 0x48}, {0xfe, 0xfe}, {0x174, 0x176}, {0x179, 0x17a},
	{0x250, 0x250}, {0x258, 0x259}, {0x268, 0x26f}, {0x277, 0x277}, {0x2ff, 0x2ff},
	{0x6e0, 0x6e0}, {0xda0, 0xda0}, {0xc0000080u, 0xc0000084u}, {0xc0000100u, 0xc0000103u},
	{0xc0010114u, 0xc0010114u},
};

/* Readable where the machine has them; writes are dropped. Variable MTRRs, which have a count, too. */
static const struct span perhaps[] = {
	{0x17, 0x17}, {0x49, 0x49}, {0x8b, 0x8b}, {0x1a0, 0x1a0}, {0x200, 0x21f},
	{0xc0010010u, 0xc0010010u}, {0xc0010015u, 0xc0010015u}, {0xc001001au, 0xc001001au},
	{0xc001001du, 0xc001001du}, {0xc001001fu, 0xc0010020u}, {0xc0010055u, 0xc0010055u},
	{0xc0010061u, 0xc0010064u}, {0xc0010140u, 0xc0010141u}, {0xc001100cu, 0xc001100cu},
	{0xc0011020u, 0xc0011023u}, {0xc0011029u, 0xc001102au}, {0xc001102du, 0xc001102du},
};

static bool in_spans(const struct span *s, unsigned count, uint32_t msr)
{
	for (unsigned i = 0; i < count; i++) {
		if (msr >= s[i].first && msr <= s[i].last) {
			return true;
		}
	}
	return false;
}

static void check_msr(uint32_t msr)
{
	bool must = in_spans(readable, COUNT(readable), msr);
	bool may = must || in_spans(perhaps, COUNT(perhaps), msr) ||
		   (apic_is_x2apic() && msr >= 0x800 && msr < 0x900) ||
		   (has_xen() && msr == 0x40000000u); /* the hypercall page's */
	uint64_t value;
	int vector = try_rdmsr(msr, &value);

	if (must || !may) {
		check(vector == (must ? -1 : EXC_GP), "RDMSR %x: vector %u", U(msr), U(vector));
	}
	if (!may) {
		check(try_wrmsr(msr, msr & 1 ? 0 : U(-1)) == EXC_GP, "WRMSR %x: vector %u", U(msr),
		      U(this_trap()->vector));
	}
}

static void check_msr_ranges(void)
{
	static const struct span ranges[] = {
		{0, 0x20ff}, {0xbfffff00u, 0xc00020ffu}, {0xc000ff00u, 0xc00120ffu},
		{0x3fffff00u, 0x400000ffu}, {0x80000000u, 0x800000ffu}, {0xffffff00u, 0xffffffffu},
	};

	for (unsigned i = 0; i < COUNT(ranges); i++) {
		for (uint32_t msr = ranges[i].first;; msr++) {
			check_msr(msr);
			if (msr == ranges[i].last) {
				break;
			}
		}
	}
}

static void check_efer(void)
{
	uint64_t efer = rdmsr(MSR_EFER);

	check(!(efer >> 12 & 1), "EFER %x shows SVME", efer);
	check((efer & 0x500) == 0x500, "EFER %x: LME and LMA", efer);
	check(try_wrmsr(MSR_EFER, efer | 1 << 12) == EXC_GP, "EFER.SVME can be set");
	check(try_wrmsr(MSR_EFER, efer & ~0x100ull) == EXC_GP, "LME cleared with paging on");
	for (unsigned bit = 0; bit < 64; bit++) {
		bool known = bit == 0 || bit == 8 || bit == 10 || bit == 11 || bit == 14 || bit == 15;

		if (!known) {
			check(try_wrmsr(MSR_EFER, efer | 1ull << bit) == EXC_GP,
			      "reserved bit %u of EFER can be set", U(bit));
		}
	}
	check(try_wrmsr(MSR_EFER, efer | 0x801) == -1 && rdmsr(MSR_EFER) == (efer | 0x801),
	      "EFER: SCE and NX: %x", rdmsr(MSR_EFER));
	wrmsr(MSR_EFER, efer);
	check(rdmsr(MSR_EFER) == efer, "EFER as before: %x", rdmsr(MSR_EFER));
}

static void check_svm_msrs(void)
{
	static const struct msr_access writes[] = {
		{MSR_VM_CR, 0},          {MSR_VM_CR, 0x10},    {MSR_VM_CR, 0x18},
		{0xc0010115u, 0},        /* IGNNE */
		{0xc0010116u, 1},        /* SMM_CTL */
		{0xc0010117u, 0x1000},   /* VM_HSAVE_PA */
		{0xc0010118u, 0},        /* SVM_KEY */
		{0xc0010111u, 0x30000},  /* SMBASE */
		{0xc0010112u, 0x100000}, /* SMM_ADDR */
		{0xc0010113u, 3},        /* SMM_MASK */
		{0xc0000104u, 0},        /* TSC ratio */
		{0x3a, 5},               /* FEATURE_CONTROL */
		{0xc0010058u, 1},        /* MMIO configuration base */
	};
	uint64_t value;

	check(try_rdmsr(MSR_VM_CR, &value) == -1 && value == 0x18, "VM_CR %x: locked, SVM off",
	      value);
	for (unsigned i = 0; i < COUNT(writes); i++) {
		check(try_wrmsr(writes[i].msr, writes[i].value) == EXC_GP, "WRMSR %x, %x is taken",
		      U(writes[i].msr), writes[i].value);
	}
}

/* Written, and shown as before: TOP_MEM and SYSCFG are the machine's. */
static void check_dropped(void)
{
	static const uint32_t msrs[] = {0xc0010010u, 0xc0010015u, 0xc001001au, 0xc001001du,
					0x8b,        0x1a0,       0xc001001fu};

	for (unsigned i = 0; i < COUNT(msrs); i++) {
		uint64_t before, after;

		if (try_rdmsr(msrs[i], &before) != -1) {
			continue;
		}
		(void)try_wrmsr(msrs[i], before ^ 0x100000);
		check(try_rdmsr(msrs[i], &after) == -1 && after == before,
		      "MSR %x is changed: %x, was %x", U(msrs[i]), after, before);
	}
}

static void check_pat(void)
{
	uint64_t pat = rdmsr(MSR_PAT);

	for (unsigned shift = 0; shift < 64; shift += 8) {
		for (uint64_t type = 0; type < 256; type += type < 8 ? 1 : 31) {
			uint64_t value = (pat & ~(0xffull << shift)) | type << shift;
			bool valid = type < 8 && type != 2 && type != 3;

			check(try_wrmsr(MSR_PAT, value) == (valid ? -1 : EXC_GP),
			      "PAT %x: vector %u", value, U(this_trap()->vector));
			check(!valid || rdmsr(MSR_PAT) == value, "PAT %x reads %x", value,
			      rdmsr(MSR_PAT));
		}
	}
	wrmsr(MSR_PAT, pat);
}

/* Kept and shown, each as it was written. */
static void check_mtrr(void)
{
	uint64_t cap = rdmsr(0xfe), type = rdmsr(0x2ff);
	unsigned count = cap & 0xff;
	uint64_t value;

	check(!(cap & ~0x5ffull), "MTRRcap %x", cap);
	check(try_wrmsr(0xfe, cap) == EXC_GP, "MTRRcap can be written");
	check(try_wrmsr(0x2ff, type ^ 0x400) == -1 && rdmsr(0x2ff) == (type ^ 0x400),
	      "MTRRdefType reads %x", rdmsr(0x2ff));
	wrmsr(0x2ff, type);
	for (unsigned i = 0; i < 2 * count; i++) {
		uint64_t before = rdmsr(0x200 + i), other = i & 1 ? before ^ 0x800 : before ^ 0x100000;

		check(try_wrmsr(0x200 + i, other) == -1 && rdmsr(0x200 + i) == other,
		      "MTRR %x reads %x", U(0x200 + i), rdmsr(0x200 + i));
		wrmsr(0x200 + i, before);
	}
	check(try_rdmsr(0x200 + 2 * count, &value) == EXC_GP, "MTRR beyond the %u there are",
	      U(count));
	check(try_wrmsr(0x2ff, type | 1ull << 63) == EXC_GP, "reserved bits of MTRRdefType");
	check(try_wrmsr(0x2ff, (type & ~0xffull) | 2) == EXC_GP, "type 2 of MTRRdefType");
	check(try_wrmsr(0x200, 2) == EXC_GP, "type 2 of a variable MTRR");
	check(try_wrmsr(0x201, 1ull << 60) == EXC_GP, "an MTRR mask beyond physical addresses");
	check(try_wrmsr(0x250, 0x0606060606060602ull) == EXC_GP, "type 2 of a fixed MTRR");
}

static void check_apic_base(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	check((base & ~0x400ull) == (APIC_PAGE | 0x900), "APIC_BASE %x", base);
	check(try_wrmsr(MSR_APIC_BASE, base + 0x1000) == EXC_GP, "the APIC can be moved");
	check(try_wrmsr(MSR_APIC_BASE, (base & 0xfff) | 0x100000) == EXC_GP,
	      "the APIC can be moved over RAM");
	check(try_wrmsr(MSR_APIC_BASE, base | 1) == EXC_GP, "reserved bit 0 of APIC_BASE");
	check(try_wrmsr(MSR_APIC_BASE, base | 1ull << 52) == EXC_GP, "reserved bit 52 of APIC_BASE");
	check(try_wrmsr(MSR_APIC_BASE, (base & ~BASE_ENABLE) | BASE_X2APIC) == EXC_GP,
	      "x2APIC mode without the APIC");
	if (!has_xen()) {
		check(try_wrmsr(MSR_APIC_BASE, base | BASE_X2APIC) == EXC_GP,
		      "x2APIC mode that CPUID does not offer");
	}
	check(rdmsr(MSR_APIC_BASE) == base, "APIC_BASE %x now", rdmsr(MSR_APIC_BASE));
}

static void check_tsc(void)
{
	uint64_t before = rdtsc(), now;

	wrmsr(MSR_TSC, 0x123456789abcull);
	now = rdtsc();
	check(now >= 0x123456789abcull && now - 0x123456789abcull < 10000000 * tsc_per_us,
	      "TSC %x after a write", now);
	check(rdmsr(MSR_TSC) >= now && rdmsr(MSR_TSC) - now < 10000000 * tsc_per_us,
	      "TSC's MSR and RDTSC differ");
	wrmsr(MSR_TSC, before);
}

static void rdmsr_efer(void *arg)
{
	*(uint64_t *)arg = rdmsr(MSR_EFER);
}

static void wrmsr_efer(void *arg)
{
	wrmsr(MSR_EFER, *(uint64_t *)arg);
}

static void check_msrs(void)
{
	uint64_t value = 0;

	check_msr_ranges();
	check_efer();
	check_svm_msrs();
	check_dropped();
	check_pat();
	check_mtrr();
	check_apic_base();
	check_tsc();
	check(try_user(rdmsr_efer, &value) == EXC_GP && !value, "RDMSR in ring 3");
	check(try_user(wrmsr_efer, &value) == EXC_GP, "WRMSR in ring 3");
}

/* ---- control registers ---- */

#define TRIED(name)                                                                                \
	static void name##_tried(void *arg)                                                        \
	{                                                                                          \
		write_##name(*(uint64_t *)arg);                                                    \
	}                                                                                          \
	static int try_##name(uint64_t v)                                                          \
	{                                                                                          \
		return try_run(name##_tried, &v);                                                  \
	}

TRIED(cr0)
TRIED(cr3)
TRIED(cr4)
TRIED(cr8)

static void check_reserved_cr(void)
{
	uint64_t cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
	unsigned bits = cpuid(0x80000008u, 0).eax & 0xff;

	if (option("tcg")) {
		skip("reserved bits of CR0, CR3 and CR4: QEMU takes them, and has no state for some");
		return;
	}
	check(try_cr0(cr0 & ~1ull) == EXC_GP, "CR0: paging without protection");
	check(try_cr0((cr0 & ~(1ull << 30)) | 1ull << 29) == EXC_GP, "CR0: NW without CD");
	check(try_cr0(cr0 | 1ull << 32) == EXC_GP, "CR0: bit 32");
	check(try_cr0(cr0 | 1ull << 63) == EXC_GP, "CR0: bit 63");
	check(try_cr3(cr3 | 1ull << 62) == EXC_GP, "CR3: bit 62");
	check(try_cr3(cr3 | 1ull << bits) == EXC_GP, "CR3: bit %u", U(bits));
	check(try_cr4(cr4 | 1ull << 13) == EXC_GP, "CR4.VMXE");
	check(try_cr4(cr4 | 1ull << 14) == EXC_GP, "CR4.SMXE");
	check(try_cr4(cr4 & ~(1ull << 5)) == EXC_GP, "CR4: PAE off in long mode");
	check(try_cr4(cr4 ^ 1ull << 12) == EXC_GP, "CR4.LA57 in long mode");
	for (unsigned bit = 25; bit < 64; bit++) {
		check(try_cr4(cr4 | 1ull << bit) == EXC_GP, "CR4: bit %u", U(bit));
	}
	check(read_cr0() == cr0 && read_cr3() == cr3 && read_cr4() == cr4, "CR0 %x, CR3 %x, CR4 %x",
	      read_cr0(), read_cr3(), read_cr4());
}

static void check_cr(void)
{
	uint64_t cr0 = read_cr0(), cr4 = read_cr4();

	check_reserved_cr();
	check(try_cr0(cr0 ^ 1ull << 16) == -1 && read_cr0() == (cr0 ^ 1ull << 16), "CR0.WP");
	write_cr0(cr0);
	check(try_cr4(cr4 ^ 1ull << 7) == -1 && read_cr4() == (cr4 ^ 1ull << 7), "CR4.PGE");
	write_cr4(cr4);
	check(try_cr8(9) == -1 && read_cr8() == 9, "CR8 reads %x", read_cr8());
	check(apic_read(APIC_TPR) == 0x90, "CR8 9 is TPR %x", U(apic_read(APIC_TPR)));
	apic_write(APIC_TPR, 0x20);
	check(read_cr8() == 2, "TPR 20 is CR8 %x", read_cr8());
	write_cr8(0);
}

/* ---- XCR0 ---- */

struct xcr {
	uint32_t index;
	uint64_t value;
};

static void xsetbv_tried(void *arg)
{
	const struct xcr *x = arg;

	__asm__ volatile("xsetbv"
			 :
			 : "c"(x->index), "a"((uint32_t)x->value), "d"((uint32_t)(x->value >> 32)));
}

static int try_xsetbv(uint32_t index, uint64_t value)
{
	struct xcr x = {index, value};

	return try_run(xsetbv_tried, &x);
}

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static void check_xcr0(void)
{
	uint64_t cr4 = read_cr4(), supported = cpuid(0xd, 0).eax;
	struct xcr user = {0, 3};

	if (!(cpuid(1, 0).ecx >> 26 & 1)) {
		skip("XSETBV: this processor has no XSAVE");
		return;
	}
	write_cr4(cr4 & ~CR4_OSXSAVE);
	check(try_xsetbv(0, 3) == EXC_UD, "XSETBV without OSXSAVE: vector %u",
	      U(this_trap()->vector));
	write_cr4(cr4 | CR4_OSXSAVE);
	for (uint64_t v = 0; v < 256; v++) {
		bool mpx = (v & 0x18) == 0 || (v & 0x18) == 0x18;
		bool avx512 = (v & 0xe0) == 0 || ((v & 0xe0) == 0xe0 && (v & 4));
		bool valid = (v & 1) && !(v & ~supported) && (!(v & 4) || (v & 2)) && mpx && avx512;

		check(try_xsetbv(0, v) == (valid ? -1 : EXC_GP), "XCR0 %x: vector %u", v,
		      U(this_trap()->vector));
		check(!valid || xgetbv() == v, "XCR0 %x reads %x", v, xgetbv());
	}
	for (unsigned bit = 8; bit < 64; bit++) {
		check(try_xsetbv(0, 1 | 1ull << bit) == EXC_GP, "XCR0 bit %u", U(bit));
	}
	check(try_xsetbv(1, 1) == EXC_GP, "XCR1");
	check(try_xsetbv(0xffffffffu, 1) == EXC_GP, "XCR 0xffffffff");
	check(try_user(xsetbv_tried, &user) == EXC_GP, "XSETBV in ring 3: vector %u",
	      U(this_trap()->vector));
	(void)try_xsetbv(0, 1);
	write_cr4(cr4);
}

/* ---- instructions that are not there ---- */

#define TRIED_INSN(name, insn)                                                                     \
	static void name(void *arg)                                                                \
	{                                                                                          \
		(void)arg;                                                                         \
		__asm__ volatile(insn : : "a"(0), "c"(0), "d"(0) : "memory");                      \
	}

TRIED_INSN(insn_vmrun, ".byte 0x0f, 0x01, 0xd8")
TRIED_INSN(insn_vmmcall, ".byte 0x0f, 0x01, 0xd9")
TRIED_INSN(insn_vmload, ".byte 0x0f, 0x01, 0xda")
TRIED_INSN(insn_vmsave, ".byte 0x0f, 0x01, 0xdb")
TRIED_INSN(insn_stgi, ".byte 0x0f, 0x01, 0xdc")
TRIED_INSN(insn_clgi, ".byte 0x0f, 0x01, 0xdd")
TRIED_INSN(insn_skinit, ".byte 0x0f, 0x01, 0xde")
TRIED_INSN(insn_invlpga, ".byte 0x0f, 0x01, 0xdf")
TRIED_INSN(insn_monitor, ".byte 0x0f, 0x01, 0xc8")
TRIED_INSN(insn_mwait, ".byte 0x0f, 0x01, 0xc9")
TRIED_INSN(insn_vmcall, ".byte 0x0f, 0x01, 0xc1")
TRIED_INSN(insn_rdpru, ".byte 0x0f, 0x01, 0xfd")
TRIED_INSN(insn_rdpmc, "rdpmc")
TRIED_INSN(insn_invd, "invd")
TRIED_INSN(insn_wbinvd, "wbinvd")
TRIED_INSN(insn_hlt, "hlt")

static void check_insns(void)
{
	static const struct {
		void (*fn)(void *arg);
		int ring0, ring3;
		const char *name;
	} list[] = {
		{insn_vmrun, EXC_UD, EXC_GP, "VMRUN"},
		{insn_vmload, EXC_UD, EXC_GP, "VMLOAD"},
		{insn_vmsave, EXC_UD, EXC_GP, "VMSAVE"},
		{insn_stgi, EXC_UD, EXC_GP, "STGI"},
		{insn_clgi, EXC_UD, EXC_GP, "CLGI"},
		{insn_skinit, EXC_UD, EXC_GP, "SKINIT"},
		{insn_invlpga, EXC_UD, EXC_GP, "INVLPGA"},
		{insn_monitor, EXC_UD, EXC_UD, "MONITOR"},
		{insn_mwait, EXC_UD, EXC_UD, "MWAIT"},
		{insn_vmcall, EXC_UD, EXC_UD, "VMCALL"},
		{insn_rdpru, EXC_UD, EXC_UD, "RDPRU"},
		{insn_rdpmc, EXC_GP, EXC_GP, "RDPMC"},
		{insn_invd, -1, EXC_GP, "INVD"},
		{insn_wbinvd, -1, EXC_GP, "WBINVD"},
		{insn_hlt, -2, EXC_GP, "HLT"},
	};

	for (unsigned i = 0; i < COUNT(list); i++) {
		if (list[i].ring0 != -2) {
			check(try_run(list[i].fn, NULL) == list[i].ring0, "%s: vector %u",
			      list[i].name, U(this_trap()->vector));
		}
		if (list[i].fn == insn_wbinvd && option("tcg")) {
			skip("WBINVD in ring 3: QEMU carries it out");
			continue;
		}
		/* Ring 3: #GP by the privilege or #UD, for the instruction is not there. */
		check(try_user(list[i].fn, NULL) == list[i].ring3 ||
			      this_trap()->vector == list[i].ring0,
		      "%s in ring 3: vector %u", list[i].name, U(this_trap()->vector));
	}
	if (!has_xen()) {
		check(try_run(insn_vmmcall, NULL) == EXC_UD, "VMMCALL: vector %u",
		      U(this_trap()->vector));
		check(try_user(insn_vmmcall, NULL) == EXC_UD, "VMMCALL in ring 3: vector %u",
		      U(this_trap()->vector));
	}
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "cpuid-msr");
	check_cpuid();
	check_cpuid_follows();
	check_msrs();
	check_cr();
	check_xcr0();
	check_insns();
	guest_end();
}
