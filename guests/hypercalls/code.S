/* SPDX-License-Identifier: MIT */
/* Hypercalls as functions of main.c cannot make them. */
	.text
	.code64
/* From any ring: xen_version(XENVER_version), then INT. RAX is the result. */
	.globl call64, call32, call_page
call64:
	mov	$17, %eax
	xor	%edi, %edi
	xor	%esi, %esi
	vmmcall
	int	$0x80

	.code32
call32:
	mov	$17, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	.byte	0x0f, 0x01, 0xd9
	int	$0x80
	.code64

/*
 * uint64_t call_page(uint64_t stub, uint64_t kept[8]): xen_version by a stub of the
 * hypercall page; what the ABI keeps is stored.
 */
call_page:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rsi
	mov	%rdi, %rax
	mov	$0x1111, %ebx
	mov	$0x2222, %ebp
	mov	$0x3333, %r12d
	mov	$0x4444, %r13d
	mov	$0x5555, %r14d
	mov	$0x6666, %r15d
	mov	$0x7777, %r9d
	xor	%edi, %edi
	xor	%esi, %esi
	call	*%rax
	pop	%rsi
	mov	%rbx, (%rsi)
	mov	%rbp, 8(%rsi)
	mov	%r12, 16(%rsi)
	mov	%r13, 24(%rsi)
	mov	%r14, 32(%rsi)
	mov	%r15, 40(%rsi)
	mov	%r9, 48(%rsi)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
