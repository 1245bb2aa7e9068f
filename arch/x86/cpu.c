// SPDX-License-Identifier: MIT
/*
 * Processor features and control registers (APMv2 3.1, APMv3 appendix E;
 * SDM 3A 2.5). Write protection and no-execute always, SMEP and SMAP where
 * offered: there are no user pages of ours, so a stray user mapping traps.
 *
 * The FPU belongs to guests; code of ours never touches it.
 */
#include <taproot/string.h>
#include "cpu.h"
#include "x86.h"

struct cpu_features cpu_features;

void cpu_detect(void)
{
	struct cpu_features *f = &cpu_features;
	struct cpuid leaf0 = cpuid(0, 0);
	struct cpuid leaf1 = cpuid(1, 0);
	struct cpuid ext1 = cpuid(0x80000001, 0);
	uint32_t ext_max = cpuid(0x80000000, 0).eax;

	memcpy(f->vendor, &leaf0.ebx, 4);
	memcpy(f->vendor + 4, &leaf0.edx, 4);
	memcpy(f->vendor + 8, &leaf0.ecx, 4);
	f->x2apic = leaf1.ecx >> 21 & 1;
	f->tsc_deadline = leaf1.ecx >> 24 & 1;
	f->hypervisor = leaf1.ecx >> 31 & 1;
	f->nx = ext1.edx >> 20 & 1;
	f->gib_pages = ext1.edx >> 26 & 1;
	f->phys_bits = ext_max >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
	f->tsc_invariant = ext_max >= 0x80000007 && (cpuid(0x80000007, 0).edx >> 8 & 1);
	if (f->phys_bits > 52) {
		f->phys_bits = 52;
	}
	if (leaf0.eax >= 7) {
		uint32_t ebx = cpuid(7, 0).ebx;

		f->smep = ebx >> 7 & 1;
		f->smap = ebx >> 20 & 1;
	}
}

void cpu_setup(void)
{
	uint64_t cr4 = CR4_PAE | CR4_MCE;

	cr4 |= cpu_features.smep ? CR4_SMEP : 0;
	cr4 |= cpu_features.smap ? CR4_SMAP : 0;
	/* INIT leaves CD and NW set (SDM 3A 9.1.1); TS and EM would trap a guest's FPU state. */
	write_cr0((uint32_t)(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE));
	write_cr4(cr4);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	wrmsr(MSR_PAT, PAT_RESET);
}
