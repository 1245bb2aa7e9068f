/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of the test kernels, and the ways into code that may
 * trap: try_call() in ring 0, try_enter() in any code segment. Both return when
 * the code does, or when it traps with nobody to handle that (trap.c).
 */
	.text
	.code64

/* 256 stubs of 16 bytes each: error code (or 0), vector. */
	.globl trap_stubs
	.align 16
trap_stubs:
	.set vector, 0
	.rept 256
	.align 16
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
	push	$0
	.endif
	push	$vector
	jmp	trap_common
	.set vector, vector + 1
	.endr

trap_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	trap_dispatch
	test	%rax, %rax
	jnz	1f
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/* To the recovery point, by IRET, so that NMIs are open again. */
1:	pushq	$0x10
	push	%rax
	pushq	$2
	pushq	$8
	push	$try_recovered
	iretq

.macro try_prologue
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	mov	%rdi, %r12
	mov	%rsi, %r13
	mov	%rdx, %r14
	mov	%rcx, %r15
	mov	%r8, %rbx
	call	try_slot
	push	(%rax)
	push	%rax
	mov	%rsp, (%rax)
.endm

/* int try_call(void (*fn)(void *), void *arg): 0, or 1 when it trapped. */
	.globl try_call
try_call:
	try_prologue
	mov	%r13, %rdi
	call	*%r12
	xor	%eax, %eax
try_out:
	pop	%rdx
	pop	(%rdx)
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

try_recovered:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$1, %eax
	jmp	try_out

/*
 * int try_enter(uint64_t rip, uint64_t arg (RDI), uint64_t cs, uint64_t rsp,
 * uint64_t rflags): always ends by a trap. The data segments are those of the
 * code's ring.
 */
	.globl try_enter
try_enter:
	try_prologue
	mov	%rsp, %rdi
	call	try_set_stack
	mov	$0x10, %eax
	test	$3, %r14
	jz	1f
	mov	$0x2b, %eax
1:	mov	%eax, %ds
	mov	%eax, %es
	push	%rax
	push	%r15
	push	%rbx
	push	%r14
	push	%r12
	mov	%r13, %rdi
	iretq

	.section .note.GNU-stack, "", @progbits
