/* SPDX-License-Identifier: MIT */
/*
 * Processor instructions and registers as C functions: CPUID, MSRs, control
 * registers, ports, descriptor tables (APMv2 chapters 3 and 4, SDM 3A 2).
 * rdmsr_safe() and wrmsr_safe() survive #GP by an entry in the exception
 * table (trap.c); the others do not.
 */
#ifndef X86_X86_H
#define X86_X86_H

#include <taproot/types.h>
#include "asm.h"

#define MSR_APIC_BASE    0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_PAT          0x277
#define MSR_X2APIC       0x800
#define MSR_FS_BASE      0xc0000100
#define MSR_KERNEL_GS    0xc0000102

#define APIC_BASE_ADDRESS 0x000ffffffffff000ull

/* The reset value: WB, WT, UC-, UC, twice (APMv2 7.8.1). PWT|PCD is UC. */
#define PAT_RESET 0x0007040600070406ull

#define RFLAGS_TF (1u << 8)
#define RFLAGS_IF (1u << 9)
#define RFLAGS_AC (1u << 18)

#define DR6_BS (1u << 14)

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

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* An entry of the exception table: a fault at `from` continues at `to`. */
#define EXTABLE(from, to)                                                                          \
	".pushsection .extable, \"a\"\n\t.quad " from ", " to "\n\t.popsection\n\t"

/* False when the MSR raises #GP; *value is 0 then. */
static inline bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0, fault = 1;

	__asm__ volatile("1: rdmsr\n\t"
			 "xor %[fault], %[fault]\n\t"
			 "2:\n\t" EXTABLE("1b", "2b")
			 : "+a"(lo), "+d"(hi), [fault] "+r"(fault)
			 : "c"(msr)
			 : "cc");
	*value = (uint64_t)hi << 32 | lo;
	return fault == 0;
}

static inline bool wrmsr_safe(uint32_t msr, uint64_t value)
{
	uint32_t fault = 1;

	__asm__ volatile("1: wrmsr\n\t"
			 "xor %[fault], %[fault]\n\t"
			 "2:\n\t" EXTABLE("1b", "2b")
			 : [fault] "+r"(fault)
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "cc", "memory");
	return fault == 0;
}

/* Read eight bytes at any address; false when it faults. */
static inline bool read_safe(uint64_t va, uint64_t *value)
{
	uint32_t fault = 1;
	uint64_t v = 0;

	__asm__ volatile("1: movq (%[va]), %[v]\n\t"
			 "xor %[fault], %[fault]\n\t"
			 "2:\n\t" EXTABLE("1b", "2b")
			 : [fault] "+r"(fault), [v] "+r"(v)
			 : [va] "r"(va)
			 : "cc", "memory");
	*value = v;
	return fault == 0;
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

#define DEFINE_CR(n)                                                                               \
	static inline uint64_t read_cr##n(void)                                                    \
	{                                                                                          \
		uint64_t v;                                                                        \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory");                     \
		return v;                                                                          \
	}                                                                                          \
	static inline void write_cr##n(uint64_t v)                                                 \
	{                                                                                          \
		__asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");                         \
	}

DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static inline void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Interrupts are taken here and nowhere else while a vCPU runs; no lock is held. */
static inline void irq_window(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

/* Sleep until an interrupt; it has been taken on return, interrupts are off. */
static inline void irq_wait(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

#endif
