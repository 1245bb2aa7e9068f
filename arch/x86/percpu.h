/* SPDX-License-Identifier: MIT */
/*
 * struct pcpu: what belongs to one physical processor. The boot processor's
 * is in the image, the others' come from the page pool when they are started
 * and are never freed. Each is written by its own processor, except the
 * fields marked otherwise. GS base holds its address whenever C code of ours
 * runs; code that lets a guest change GS brings it back before it allows NMIs.
 */
#ifndef X86_PERCPU_H
#define X86_PERCPU_H

#include <taproot/types.h>
#include "asm.h"

#define CPUS_MAX     256
#define VECTOR_COUNT 256

struct irq_source;
struct call;
struct svm_cpu;

/* 64-bit task state segment (APMv2 12.2.5); only the stacks are used. */
struct tss {
	uint32_t reserved0;
	uint32_t rsp[6];
	uint32_t reserved1[2];
	uint32_t ist[14];
	uint32_t reserved2[2];
	uint16_t reserved3;
	uint16_t iomap;
};

_Static_assert(sizeof(struct tss) == 104, "APMv2 12.2.5");

#define IST_NMI 1
#define IST_DF  2
#define IST_MC  3

struct pcpu {
	struct pcpu *self; /* read through GS: PCPU_SELF */
	uint32_t id;       /* 0..arch_cpu_count()-1: PCPU_ID */
	uint32_t apic_id;
	uint32_t acpi_id; /* processor UID of the MADT (ACPI 6.5 5.2.12.2) */
	bool online;      /* written once by its processor, read by all */
	bool nmi_pending; /* an NMI came; the run loop clears it */
	uint64_t nmi_count;
	struct call *calls; /* function calls others ask for: atomic list, see ipi.c */
	uint64_t irq_count;
	uint64_t irq_unknown;                    /* interrupts on vectors without a source */
	uint64_t iomap_seen;                     /* generation of device windows in this TLB */
	struct irq_source *vector[VECTOR_COUNT]; /* vector table lock for changes */
	uint32_t retired[VECTOR_COUNT / 32];     /* vector table lock: freed, perhaps pending */
	bool retiring;                           /* some are */
	struct vcpu *start;          /* the first vCPU to run here; idle until there is one */
	struct vcpu *vcpu;                       /* who runs here; the run loop's */
	struct svm_cpu *svm;                     /* the run loop's */
	uint64_t gdt[8];
	struct tss tss;
};

extern struct pcpu *pcpus[CPUS_MAX];
extern unsigned pcpu_count;
extern struct pcpu pcpu_boot;

static inline struct pcpu *this_cpu(void)
{
	struct pcpu *p;

	__asm__ volatile("movq %%gs:%c1, %0" : "=r"(p) : "i"(PCPU_SELF));
	return p;
}

#endif
