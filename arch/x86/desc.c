// SPDX-License-Identifier: MIT
/*
 * GDT and TSS of each processor, one IDT for all (APMv2 4.8, 8.4, 12.2.5).
 * NMI, double fault and machine check have stacks of their own (IST), so a
 * stack that overflowed into its guard page still yields a report.
 */
#include "cpu.h"
#include "x86.h"

_Static_assert(offsetof(struct pcpu, self) == PCPU_SELF, "asm.h");
_Static_assert(offsetof(struct pcpu, id) == PCPU_ID, "asm.h");

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t reserved;
};

_Static_assert(sizeof(struct gate) == 16, "APMv2 4.8.4");

#define GATE_INTERRUPT 0x8e /* present, DPL 0, interrupt gate */
#define TSS_AVAILABLE  0x89 /* present, DPL 0, available 64-bit TSS */
#define STUB_SIZE      16

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

extern const char trap_stubs[];

static struct gate idt[VECTOR_COUNT];

static void idt_fill(bool stacks)
{
	for (unsigned v = 0; v < VECTOR_COUNT; v++) {
		uint64_t a = (uint64_t)trap_stubs + v * STUB_SIZE;

		idt[v] = (struct gate){
			.offset_low = (uint16_t)a,
			.selector = SEL_CODE64,
			.type = GATE_INTERRUPT,
			.offset_mid = (uint16_t)(a >> 16),
			.offset_high = (uint32_t)(a >> 32),
		};
	}
	if (stacks) {
		idt[TRAP_NMI].ist = IST_NMI;
		idt[TRAP_DF].ist = IST_DF;
		idt[TRAP_MC].ist = IST_MC;
	}
}

static void tss_set_ist(struct tss *t, unsigned ist, uint64_t top)
{
	t->ist[2 * (ist - 1)] = (uint32_t)top;
	t->ist[2 * (ist - 1) + 1] = (uint32_t)(top >> 32);
}

static void gdt_fill(struct pcpu *p)
{
	uint64_t tss = (uint64_t)&p->tss;
	uint64_t limit = sizeof(p->tss) - 1;

	p->gdt[SEL_CODE64 / 8] = 0x00af9b000000ffff;
	p->gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	p->gdt[SEL_TSS / 8] = limit | (tss & 0xffffff) << 16 | (uint64_t)TSS_AVAILABLE << 40 |
			      (tss >> 24 & 0xff) << 56;
	p->gdt[SEL_TSS / 8 + 1] = tss >> 32;
}

void desc_load_tr(struct pcpu *p)
{
	/* LTR wants an available TSS and marks it busy (APMv2 12.2.2). */
	p->gdt[SEL_TSS / 8] &= ~(2ull << 40);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

void desc_setup(struct pcpu *p, bool stacks)
{
	uint64_t slot = STACK_BASE + (uint64_t)p->id * STACK_SLOT;
	struct table_pointer gdtr = {sizeof(p->gdt) - 1, (uint64_t)p->gdt};
	struct table_pointer idtr = {sizeof(idt) - 1, (uint64_t)idt};

	p->self = p;
	p->tss.iomap = sizeof(p->tss);
	if (stacks) {
		tss_set_ist(&p->tss, IST_NMI, slot + STACK_NMI + STACK_IST_SZ);
		tss_set_ist(&p->tss, IST_DF, slot + STACK_DF + STACK_IST_SZ);
		tss_set_ist(&p->tss, IST_MC, slot + STACK_MC + STACK_IST_SZ);
	}
	if (p->id == 0) {
		idt_fill(stacks);
	}
	gdt_fill(p);
	__asm__ volatile("lgdt %0" : : "m"(gdtr) : "memory");
	__asm__ volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es" : : "r"(SEL_DATA) : "memory");
	__asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
	desc_load_tr(p);
}
