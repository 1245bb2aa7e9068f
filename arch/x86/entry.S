/* SPDX-License-Identifier: MIT */
/*
 * Entry points of all 256 vectors (APMv2 8.9): each stub is 16 bytes and
 * leaves an error code (the processor's or 0) and its number, so that one
 * tail builds struct trap_frame. There is no user mode of ours: no swapgs.
 */
	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	/* Vectors with an error code: 8, 10-14, 17, 21, 29, 30 (APMv2 table 8-1). */
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || \
	      vector == 21 || vector == 29 || vector == 30)
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

	.type trap_common, @function
trap_common:
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	/* A frame for the backtrace: what was interrupted is the caller. */
	pushq 17 * 8(%rdi)
	push %rbp
	mov %rsp, %rbp
	call trap_handle
	add $16, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq
	.size trap_common, . - trap_common

	.section .note.GNU-stack, "", @progbits
