/* SPDX-License-Identifier: MIT */
/*
 * Code that traps, in 64-bit and in 32-bit code segments, and sequences to be
 * executed step by step. What is expected of each is in main.c.
 */
	.section .rodata.steps, "a"
	.globl steps, usteps, steps32
	.align	8
steps:
	.section .rodata.csteps, "a"
	.globl	csteps
	.align	8
csteps:
	.section .rodata.usteps, "a"
	.align	8
usteps:
	.section .rodata.steps32, "a"
	.align	8
steps32:

	.text
	.code64
	.globl ex_ud, ex_de, ex_bp, ex_db, ex_int, ex_gp, ex_gp_selector, ex_pf_read, ex_pf_write
	.globl ex_pf_fetch, ex_vmrun, ex_msr, ex_spin, ex_send
ex_ud:
	ud2
ex_de:
	divl	zero(%rip)
ex_bp:
	int3
ex_db:
	.byte	0xf1
ex_int:
	int	$0x81
ex_gp:
	movabs	0x8000000000000000, %rax
ex_gp_selector:
	mov	bad_selector(%rip), %fs
ex_pf_read:
	movabs	0x700000000008, %rax
ex_pf_write:
	movabs	%rax, 0x700000000008
ex_pf_fetch:
	jmp	*bad_pointer(%rip)
ex_vmrun:
	xor	%eax, %eax
	vmrun	%rax
ex_msr:
	mov	$0x12345, %ecx
	rdmsr
ex_spin:
	jmp	ex_spin
/* EDI to the interrupt command register; then nothing. */
ex_send:
	mov	$0xfee00300, %eax
	mov	%edi, (%rax)
	.globl ex_sent
ex_sent:
	jmp	ex_sent

	.code32
	.globl ex32_ud, ex32_de, ex32_bp, ex32_db, ex32_int, ex32_of, ex32_br, ex32_pf, ex32_vmrun
	.globl ex32_msr, ex32_spin, ex32_send, ex32_sent
ex32_ud:
	ud2
ex32_de:
	divl	zero
ex32_bp:
	int3
ex32_db:
	.byte	0xf1
ex32_int:
	int	$0x81
ex32_of:
	into
ex32_br:
	bound	%eax, bounds
ex32_pf:
	mov	0xc0000004, %eax
ex32_vmrun:
	xor	%eax, %eax
	.byte	0x0f, 0x01, 0xd8
ex32_msr:
	mov	$0x12345, %ecx
	rdmsr
ex32_spin:
	jmp	ex32_spin
ex32_send:
	mov	%edi, 0xfee00300
ex32_sent:
	jmp	ex32_sent

	.code64
/* ---- shadows: an interrupt is requested, and off; RDI receives nothing ---- */

	.globl shadow_sti, shadow_sti_at, shadow_exit, shadow_exit_at, shadow_hlt, shadow_hlt_at
	.globl shadow_cr8, shadow_cr8_at, shadow_popf, shadow_popf_at
shadow_sti:
	sti
	nop
shadow_sti_at:
	nop
	nop
	cli
	ret
shadow_exit:
	push	%rbx
	xor	%eax, %eax
	sti
	cpuid
shadow_exit_at:
	nop
	nop
	cli
	pop	%rbx
	ret
shadow_hlt:
	sti
	hlt
shadow_hlt_at:
	nop
	cli
	ret
/* CR8 keeps it away until it is 0. */
shadow_cr8:
	sti
	nop
	nop
	xor	%eax, %eax
	mov	%rax, %cr8
shadow_cr8_at:
	nop
	cli
	ret
/* The same by the page. */
	.globl shadow_tpr, shadow_tpr_at
shadow_tpr:
	mov	$0xfee00080, %eax
	sti
	nop
	nop
	movl	$0, (%rax)
shadow_tpr_at:
	nop
	cli
	ret
shadow_popf:
	pushfq
	orq	$0x200, (%rsp)
	popfq
shadow_popf_at:
	nop
	cli
	ret

/* ---- single steps: `step` is followed by a place the trap has to come from ---- */

.macro label table
1001:
	.pushsection .rodata.\table, "a"
	.quad	1001b
	.popsection
.endm
.macro step insn:vararg
	\insn
	label	steps
.endm

/* RDI: ECAM of 00:00.0, RSI: ECAM of a function whose register 0x3c can be written. */
	.globl step_code
step_code:
	push	%rbx
	pushfq
	orq	$0x100, (%rsp)
	popfq
	step	nop
	step	xor %eax, %eax
	step	cpuid
	step	nop
	step	mov $0x1b, %ecx
	step	rdmsr
	step	mov (%rdi), %eax
	step	movzwl 2(%rdi), %eax
	step	movb $5, 0x3c(%rsi)
	step	mov $0xcf8, %edx
	step	mov $0x80000000, %eax
	step	out %eax, (%dx)
	step	in (%dx), %eax
	step	mov $0xcfc, %edx
	step	in (%dx), %eax
	step	mov $0x3fd, %edx
	step	in (%dx), %al
	step	mov $0xfee00030, %ebx
	step	mov (%rbx), %eax
	step	mov %cr8, %rax
	step	invd
	step	rdtsc
	step	hlt
	step	nop
	mov	%ss, %eax
	label	steps
	mov	%eax, %ss
	xor	%eax, %eax
	label	steps
	mov	%ss, %eax
	label	steps
	mov	%eax, %ss
	cpuid
	label	steps
	step	nop
	step	pushfq
	step	andq $~0x100, (%rsp)
	step	popfq
	nop
	pop	%rbx
	ret

/* Over a hypercall: xen_version. */
	.globl step_call
step_call:
.macro cstep insn:vararg
	\insn
	label	csteps
.endm
	pushfq
	orq	$0x100, (%rsp)
	popfq
	cstep	mov $17, %eax
	cstep	xor %edi, %edi
	cstep	vmmcall
	cstep	nop
	cstep	pushfq
	cstep	andq $~0x100, (%rsp)
	cstep	popfq
	ret

	.globl step_user
step_user:
.macro ustep insn:vararg
	\insn
	label	usteps
.endm
	ustep	xor %eax, %eax
	ustep	cpuid
	ustep	nop
	ustep	mov (%rdi), %eax
	ustep	nop
	int	$0x80

	.code32
	.globl step32_user
step32_user:
.macro step32 insn:vararg
	\insn
	label	steps32
.endm
	step32	xor %eax, %eax
	step32	cpuid
	step32	nop
	step32	mov (%edi), %eax
	step32	nop
	int	$0x80
	.code64

	.section .rodata.steps, "a"
	.quad	0
	.section .rodata.csteps, "a"
	.quad	0
	.section .rodata.usteps, "a"
	.quad	0
	.section .rodata.steps32, "a"
	.quad	0

	.data
	.align 8
bad_pointer:
	.quad	0x700000001000
zero:
	.long	0
bounds:
	.long	1, 0
bad_selector:
	.word	0xfff8

	.section .note.GNU-stack, "", @progbits
