// SPDX-License-Identifier: MIT
/* See trap.h. */
#include "trap.h"
#include "cpu.h"

#define STACK_SIZE 8192

/* APMv2 12.2.5. */
struct __attribute__((packed)) tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
};

struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

struct cpu cpus[CPUS_MAX];
trap_handler *volatile trap_handlers[256];
extern uint64_t gdt[];

static struct tss tss[CPUS_MAX];
static struct gate idt[256] __attribute__((aligned(16)));
static uint8_t ist_stacks[CPUS_MAX][3][STACK_SIZE] __attribute__((aligned(16)));
static uint8_t user_stacks[CPUS_MAX][STACK_SIZE] __attribute__((aligned(16)));

uint64_t ist_top(unsigned cpu, unsigned ist)
{
	return (uint64_t)ist_stacks[cpu][ist - 1] + STACK_SIZE;
}

static void build_idt(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t a = (uint64_t)trap_stubs[i];
		bool user = i == EXC_BP || i == EXC_OF || i == VECTOR_USER;

		idt[i] = (struct gate){
			.offset0 = (uint16_t)a,
			.selector = SEL_CODE64,
			.type = user ? 0xee : 0x8e,
			.offset1 = (uint16_t)(a >> 16),
			.offset2 = (uint32_t)(a >> 32),
		};
	}
	idt[EXC_DF].ist = 1;
}

void trap_ist(unsigned vector, unsigned ist)
{
	idt[vector].ist = (uint8_t)ist;
}

void trap_init(unsigned index)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = {sizeof(idt) - 1, (uint64_t)idt};
	uint64_t a = (uint64_t)&tss[index];
	uint64_t *descriptor = &gdt[SEL_TSS / 8 + 2 * index];

	if (index == 0) {
		build_idt();
	}
	for (unsigned i = 0; i < 3; i++) {
		tss[index].ist[i] = ist_top(index, i + 1);
	}
	tss[index].iomap = sizeof(struct tss);
	descriptor[0] = (sizeof(struct tss) - 1) | (a & 0xffffff) << 16 | 0x89ull << 40 |
			(a >> 24 & 0xff) << 56;
	descriptor[1] = a >> 32;
	__asm__ volatile("lidt %0" : : "m"(pointer));
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS + 16 * index));
	cpus[index].index = index;
	cpus[index].trap.vector = -1;
}

uint64_t *try_slot(void)
{
	return &this_cpu()->recover;
}

void try_set_stack(uint64_t rsp)
{
	tss[this_cpu()->index].rsp[0] = rsp & ~0xfull;
}

void trap_count(struct frame *f)
{
	(void)f;
}

/* 0: the interrupted code goes on; else the stack pointer of the recovery point. */
uint64_t trap_dispatch(struct frame *f)
{
	struct cpu *c = this_cpu();
	trap_handler *handler = trap_handlers[f->vector];

	if (handler) {
		c->irqs[f->vector]++;
		handler(f);
		return 0;
	}
	if (!c->recover) {
		guest_fail("exception %u, error %x, rip %x, cr2 %x on processor %u", f->vector,
			   f->error, f->rip, read_cr2(), (uint64_t)c->index);
	}
	c->trap = (struct trap){(int)f->vector, f->error, read_cr2(), read_dr6(), *f};
	return c->recover;
}

int try_run(void (*fn)(void *arg), void *arg)
{
	this_cpu()->trap.vector = -1;
	return try_call(fn, arg) ? this_cpu()->trap.vector : -1;
}

int try_code(void (*rip)(void), uint64_t arg, uint64_t cs, uint64_t rsp, uint64_t rflags)
{
	this_cpu()->trap.vector = -1;
	(void)try_enter((uint64_t)rip, arg, cs, rsp, rflags);
	return this_cpu()->trap.vector;
}

/* Ring 3 calls this; it ends by INT. */
struct user_call {
	void (*fn)(void *arg);
	void *arg;
};

static void user_main(struct user_call *call)
{
	call->fn(call->arg);
	__asm__ volatile("int %0" : : "i"(VECTOR_USER) : "memory");
	__builtin_unreachable();
}

int try_user(void (*fn)(void *arg), void *arg)
{
	struct user_call call = {fn, arg};
	uint64_t stack = (uint64_t)user_stacks[this_cpu()->index] + STACK_SIZE - 8;

	return try_code((void (*)(void))user_main, (uint64_t)&call, SEL_USER_CODE64, stack, 2);
}
