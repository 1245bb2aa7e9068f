/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of the test kernels. A vector with a handler is
 * handled and the interrupted code goes on. One without ends the innermost
 * try_*() of its processor, which keeps what happened in this_trap().
 */
#ifndef GUESTS_TRAP_H
#define GUESTS_TRAP_H

#include "guest.h"

#define CPUS_MAX 16

/* Selectors of start.S. */
#define SEL_CODE64      0x08
#define SEL_DATA        0x10
#define SEL_CODE32      0x18
#define SEL_USER_CODE32 0x23
#define SEL_USER_DATA   0x2b
#define SEL_USER_CODE64 0x33
#define SEL_CODE16      0x38
#define SEL_TSS         0x40

enum {
	EXC_DE = 0,
	EXC_DB = 1,
	EXC_NMI = 2,
	EXC_BP = 3,
	EXC_OF = 4,
	EXC_BR = 5,
	EXC_UD = 6,
	EXC_NM = 7,
	EXC_DF = 8,
	EXC_TS = 10,
	EXC_NP = 11,
	EXC_SS = 12,
	EXC_GP = 13,
	EXC_PF = 14,
	EXC_MF = 16,
	EXC_AC = 17,
	EXC_XF = 19,
	VECTOR_USER = 0x80, /* INT from ring 3 that ends try_user() */
};

/* As entry.S pushes it. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* What ended a try_*(). */
struct trap {
	int vector; /* -1: nothing */
	uint64_t error, cr2, dr6;
	struct frame frame;
};

/* A processor of the test kernel; found by its task register. */
struct cpu {
	uint32_t index, apic_id;
	uint64_t recover;          /* stack pointer of the innermost try_*() */
	struct trap trap;
	volatile uint64_t irqs[256]; /* times each vector was handled here */
	void (*volatile work)(void *arg);
	void *work_arg;
	volatile uint32_t alive;
};

typedef void trap_handler(struct frame *f);

extern trap_handler *volatile trap_handlers[256];
extern struct cpu cpus[CPUS_MAX];

/* Descriptor tables of processor `index`; its GDT entry, TSS and stacks. */
void trap_init(unsigned index);

static inline struct cpu *this_cpu(void)
{
	uint16_t selector;

	__asm__ volatile("str %0" : "=r"(selector));
	return &cpus[(selector - SEL_TSS) / 16];
}

static inline const struct trap *this_trap(void)
{
	return &this_cpu()->trap;
}

/* A handler that counts: this_cpu()->irqs[], nothing else. */
void trap_count(struct frame *f);
/* Stack of an event in ring 0 by IST for this vector on all processors (1 to 3; 0: none). */
void trap_ist(unsigned vector, unsigned ist);
uint64_t ist_top(unsigned cpu, unsigned ist);

/* The vector that fn(arg) met in ring 0, or -1. */
int try_run(void (*fn)(void *arg), void *arg);
/* fn(arg) in ring 3, 64-bit code; VECTOR_USER when it returned. */
int try_user(void (*fn)(void *arg), void *arg);
/* Code at `rip` in code segment `cs` with this stack; it has to end by a trap. */
int try_code(void (*rip)(void), uint64_t arg, uint64_t cs, uint64_t rsp, uint64_t rflags);

/* ---- entry.S and what it calls ---- */
int try_call(void (*fn)(void *arg), void *arg);
int try_enter(uint64_t rip, uint64_t arg, uint64_t cs, uint64_t rsp, uint64_t rflags);
uint64_t *try_slot(void);
void try_set_stack(uint64_t rsp);
uint64_t trap_dispatch(struct frame *f);
extern uint8_t trap_stubs[256][16];

#define RFLAGS_TF (1ull << 8)
#define RFLAGS_IF (1ull << 9)

#endif
