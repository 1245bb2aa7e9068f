/* SPDX-License-Identifier: MIT */
/* Processor instructions as C functions (APMv2 chapters 3 and 4), plain and tried. */
#ifndef GUESTS_CPU_H
#define GUESTS_CPU_H

#include "trap.h"

#define MSR_TSC       0x10u
#define MSR_APIC_BASE 0x1bu
#define MSR_PAT       0x277u
#define MSR_DEADLINE  0x6e0u
#define MSR_EFER      0xc0000080u
#define MSR_FS_BASE   0xc0000100u
#define MSR_GS_BASE   0xc0000101u
#define MSR_VM_CR     0xc0010114u

#define CR4_OSXSAVE (1ull << 18)

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

#define CONTROL_REGISTER(name)                                                                     \
	static inline uint64_t read_##name(void)                                                   \
	{                                                                                          \
		uint64_t v;                                                                        \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(v));                                 \
		return v;                                                                          \
	}                                                                                          \
	static inline void write_##name(uint64_t v)                                                \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory");                        \
	}

CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
CONTROL_REGISTER(cr8)
CONTROL_REGISTER(dr0)
CONTROL_REGISTER(dr1)
CONTROL_REGISTER(dr2)
CONTROL_REGISTER(dr3)
CONTROL_REGISTER(dr6)
CONTROL_REGISTER(dr7)

static inline void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline bool has_xen(void)
{
	struct cpuid r = cpuid(0x40000000u, 0);

	return r.ebx == 0x566e6558u && r.ecx == 0x65584d4du && r.edx == 0x4d4d566eu;
}

/* ---- tried: the vector met, or -1 ---- */

struct msr_access {
	uint32_t msr;
	uint64_t value;
};

static inline void rdmsr_tried(void *arg)
{
	struct msr_access *a = arg;

	a->value = rdmsr(a->msr);
}

static inline void wrmsr_tried(void *arg)
{
	const struct msr_access *a = arg;

	wrmsr(a->msr, a->value);
}

static inline int try_rdmsr(uint32_t msr, uint64_t *value)
{
	struct msr_access a = {msr, 0};
	int vector = try_run(rdmsr_tried, &a);

	*value = a.value;
	return vector;
}

static inline int try_wrmsr(uint32_t msr, uint64_t value)
{
	struct msr_access a = {msr, value};

	return try_run(wrmsr_tried, &a);
}

#endif
