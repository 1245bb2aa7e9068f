/* SPDX-License-Identifier: MIT */
/*
 * Where an application processor begins (SDM 3A 8.4.4):
 * a page below 640 KiB, real mode, CS = page >> 4. It goes to 64-bit mode in
 * one step (PE and PG together, APMv2 14.6) on tables that identity-map this
 * page, and calls C at the image's address. smp.c copies it there, fills in
 * the data at its end, and puts back what was on the page before.
 */
#include "asm.h"

#define OFF(x) ((x) - trampoline_start)

	.section .rodata, "a"
	.balign 16
	.globl trampoline_start, trampoline_end
	.globl trampoline_gdtr_base, trampoline_far, trampoline_cr3, trampoline_stack
	.globl trampoline_entry, trampoline_pcpu
	.code16
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl OFF(trampoline_gdtr)
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov OFF(trampoline_cr3), %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $(EFER_LME | EFER_NXE), %eax
	wrmsr
	mov $(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE), %eax
	mov %eax, %cr0
	ljmpl *OFF(trampoline_far)

	.code64
trampoline64:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov trampoline_pcpu(%rip), %rdx
	mov %edx, %eax
	shr $32, %rdx
	mov $MSR_GS_BASE, %ecx
	wrmsr
	mov trampoline_stack(%rip), %rsp
	mov trampoline_entry(%rip), %rax
	xor %ebp, %ebp
	push $0				/* no caller: the backtrace ends */
	jmp *%rax

	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* SEL_CODE64 */
	.quad 0x00cf93000000ffff	/* SEL_DATA */
trampoline_gdtr:
	.word trampoline_gdtr - trampoline_gdt - 1
trampoline_gdtr_base:
	.long OFF(trampoline_gdt)	/* + page */
	.word 0
trampoline_far:
	.long OFF(trampoline64)		/* + page */
	.word SEL_CODE64
	.balign 8
trampoline_cr3:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_entry:
	.quad 0
trampoline_pcpu:
	.quad 0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
