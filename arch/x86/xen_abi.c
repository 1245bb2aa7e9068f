// SPDX-License-Identifier: MIT
/*
 * The Xen guest ABI's processor side (Xen ABI xen-x86_64.h, arch-x86/cpuid.h):
 * registers of a hypercall, the page of call stubs, CPUID leaves.
 *
 * VMMCALL from 64-bit code at CPL 0 only: -EPERM above, -ENOSYS for 32-bit code.
 * VMCALL, the other vendor's instruction, raises #UD as the processor does it;
 * the stubs hold VMMCALL.
 *
 * Deliberately not reported in leaf 4: virtualized APIC registers (they are
 * emulated, no hardware helps), extended destination ids.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <taproot/iommu.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include <taproot/string.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/xen.h>
#include "hvm.h"

#define STUB_SIZE 32u
/* The last leaf with a meaning for a domain without PV: HVM features. */
#define LEAF_LAST (XEN_CPUID_FIRST_LEAF + 4)

#define TSC_RELIABLE     (1u << 1)
#define TSC_HAS_TSCP     (1u << 2)
#define TSC_NEVER_EMULATED 2u

static const uint8_t arg_register[HYPERCALL_ARGS] = {REG_RDI, REG_RSI, REG_RDX,
						     REG_R10, REG_R8,  REG_R9};

bool hvm_hypercall(struct vcpu *v, unsigned cpl, bool code64)
{
	uint64_t *gpr = v->arch->gpr;
	struct hypercall h = {.v = v, .op = gpr[REG_RAX]};
	int64_t result;

	if (__builtin_expect(!code64, 0)) {
		gpr[REG_RAX] = (uint32_t)-ENOSYS;
		return true;
	}
	if (__builtin_expect(cpl != 0, 0)) {
		gpr[REG_RAX] = (uint64_t)-EPERM;
		return true;
	}
	for (unsigned i = 0; i < HYPERCALL_ARGS; i++) {
		h.arg[i] = gpr[arg_register[i]];
	}
	result = hypercall_run(&h);
	if (__builtin_expect(h.again, 0)) {
		for (unsigned i = 0; i < HYPERCALL_ARGS; i++) {
			gpr[arg_register[i]] = h.arg[i];
		}
		return false;
	}
	gpr[REG_RAX] = (uint64_t)result;
	return true;
}

/* mov $number, %eax; vmmcall; ret. There is no hypercall in place of IRET. */
static void write_stub(uint8_t *stub, uint32_t number)
{
	const uint8_t call[] = {0xb8, (uint8_t)number, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};
	const uint8_t undefined[] = {0x0f, 0x0b};

	if (number == __HYPERVISOR_iret) {
		memcpy(stub, undefined, sizeof(undefined));
	} else {
		memcpy(stub, call, sizeof(call));
	}
}

/* Address of the page, and in its low bits which of the pages: there is one. */
bool hvm_hypercall_page(struct domain *d, uint64_t value)
{
	uint8_t *page;

	page = value & ~PAGE_MASK ? NULL : arch_guest_ram(d, gpa(value));
	if (!page) {
		log_guest("d%u: no hypercall page at 0x%llx: #GP", d->id,
			  (unsigned long long)value);
		return false;
	}
	memset(page, 0xcc, PAGE_SIZE);
	for (uint32_t i = 0; i < PAGE_SIZE / STUB_SIZE; i++) {
		write_stub(page + i * STUB_SIZE, i);
	}
	return true;
}

/* ---- CPUID ---- */

/* The factor and shift of the ABI's conversion: ns = (ticks << shift) * factor >> 32. */
static void tsc_scale(uint64_t hz, uint32_t *factor, int *shift)
{
	const uint64_t giga = 1000000000;
	uint64_t f;

	for (*shift = 0; hz > giga; hz >>= 1) {
		--*shift;
	}
	for (; hz && hz <= giga / 2; hz <<= 1) {
		++*shift;
	}
	f = hz ? (giga << 32) / hz : 0;
	/* hz is in (giga/2, giga]: the quotient is below 2^33. */
	for (; f >> 32; f >>= 1) {
		++*shift;
	}
	*factor = (uint32_t)f;
}

static void tsc_leaf(uint32_t subleaf, struct cpuid *out)
{
	uint32_t khz = (uint32_t)(arch_time_hz() / 1000);
	int shift;

	switch (subleaf) {
	case 0:
		out->eax = cpuid(0x80000007u, 0).edx >> 8 & 1 ? TSC_RELIABLE : 0;
		out->eax |= cpuid(0x80000001u, 0).edx >> 27 & 1 ? TSC_HAS_TSCP : 0;
		out->ebx = TSC_NEVER_EMULATED;
		out->ecx = khz;
		break;
	case 1:
		tsc_scale(arch_time_hz(), &out->ecx, &shift);
		out->edx = (uint32_t)shift;
		break;
	case 2:
		out->eax = khz;
		break;
	default:
		break;
	}
}

void hvm_xen_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid *out)
{
	*out = (struct cpuid){0, 0, 0, 0};
	switch (leaf) {
	case XEN_CPUID_LEAF(0):
		*out = (struct cpuid){LEAF_LAST, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
				      XEN_CPUID_SIGNATURE_EDX};
		break;
	case XEN_CPUID_LEAF(1):
		out->eax = options.abi_version;
		break;
	case XEN_CPUID_LEAF(2):
		out->eax = 1;
		out->ebx = MSR_HYPERCALL_PAGE;
		break;
	case XEN_CPUID_LEAF(3):
		tsc_leaf(subleaf, out);
		break;
	case XEN_CPUID_LEAF(4):
		if (subleaf == 0) {
			out->eax = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT |
				   XEN_HVM_CPUID_UPCALL_VECTOR;
			/* The IOMMU's table follows the nested one, whatever is mapped there. */
			out->eax |= iommu_translates() ? XEN_HVM_CPUID_IOMMU_MAPPINGS : 0;
			out->ebx = v->id;
			out->ecx = v->domain->id;
		}
		break;
	default:
		break;
	}
}
