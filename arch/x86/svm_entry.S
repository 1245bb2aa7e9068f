/* SPDX-License-Identifier: MIT */
/*
 * svm_enter_guest: RDI the guest's registers (gpr[16]), RAX the VMCB's
 * physical address, RDX that of the host's VMCB; keeps RBP only.
 *
 * APMv2 15.5 and 15.17. Called with interrupts off. GIF is cleared before
 * interrupts are enabled: with V_INTR_MASKING the host's IF decides whether a
 * physical interrupt ends the guest's run, and GIF keeps it pending until
 * the STGI here, after which (IF clear again) only NMIs are taken, on their
 * own stack, with our TR and our frame pointer loaded.
 *
 * VMLOAD and VMSAVE swap FS, GS, TR, LDTR and the SYSCALL and SYSENTER MSRs.
 * RAX is the VMCB's address again after VMRUN (APMv2 15.5.1).
 */
	.text
	.globl svm_enter_guest
	.type svm_enter_guest, @function
svm_enter_guest:
	push	%rbp
	push	%rdx
	push	%rdi
	clgi
	sti
	vmload	%rax
	mov	0x08(%rdi), %rcx
	mov	0x10(%rdi), %rdx
	mov	0x18(%rdi), %rbx
	mov	0x28(%rdi), %rbp
	mov	0x30(%rdi), %rsi
	mov	0x40(%rdi), %r8
	mov	0x48(%rdi), %r9
	mov	0x50(%rdi), %r10
	mov	0x58(%rdi), %r11
	mov	0x60(%rdi), %r12
	mov	0x68(%rdi), %r13
	mov	0x70(%rdi), %r14
	mov	0x78(%rdi), %r15
	mov	0x38(%rdi), %rdi
	vmrun	%rax
	vmsave	%rax
	pop	%rax
	mov	%rcx, 0x08(%rax)
	mov	%rdx, 0x10(%rax)
	mov	%rbx, 0x18(%rax)
	mov	%rbp, 0x28(%rax)
	mov	%rsi, 0x30(%rax)
	mov	%rdi, 0x38(%rax)
	mov	%r8, 0x40(%rax)
	mov	%r9, 0x48(%rax)
	mov	%r10, 0x50(%rax)
	mov	%r11, 0x58(%rax)
	mov	%r12, 0x60(%rax)
	mov	%r13, 0x68(%rax)
	mov	%r14, 0x70(%rax)
	mov	%r15, 0x78(%rax)
	pop	%rax
	pop	%rbp
	vmload	%rax
	cli
	stgi
	ret
	.size svm_enter_guest, . - svm_enter_guest

/* Save the state of this processor that VMLOAD restores: void svm_save_host(uint64_t hpa). */
	.globl svm_save_host
	.type svm_save_host, @function
svm_save_host:
	mov	%rdi, %rax
	vmsave	%rax
	ret
	.size svm_save_host, . - svm_save_host

	.section .note.GNU-stack, "", @progbits
