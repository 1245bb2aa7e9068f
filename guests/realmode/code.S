/* SPDX-License-Identifier: MIT */
/*
 * Real-mode code, copied to REAL_CODE: each test sets where to go on, does what it
 * has to, and a trap's handler notes vector, IP, SP and FLAGS; a test that traps not
 * notes vector 255 and AX. main.c knows what is expected of each.
 */
#define REAL_CODE    0x9000
#define REAL_COUNT   0xa000
#define REAL_NEXT    0xa002
#define REAL_STATE   0xa004
#define REAL_RECORDS 0xa010
#define REAL_STACK   0xbff0

	.text
	.code16
	.globl real_start, real_end, real_table, real_spin
real_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$REAL_STACK, %sp
	ljmp	$0, $(REAL_CODE + 1f - real_start)
1:
.macro test insn:vararg
	movw	$(REAL_CODE + 1001f - real_start), REAL_NEXT
	\insn
	mov	$255, %cx
	call	note_plain
1001:
.endm
	test	ud2
	test	int3
	test	int $0x60
	test	divw real_zero - real_start + REAL_CODE
	test	mov 0xffff, %ax
	test	cpuid
	mov	$0x12345, %ecx
	test	rdmsr
	mov	$0x1b, %ecx
	test	rdmsr
	test	vmrun
	xor	%eax, %eax
	xor	%edi, %edi
	test	vmmcall
	mov	$0xcf8, %dx
	mov	$0x80000000, %eax
	test	outl %eax, %dx
	mov	$0xcfc, %dx
	test	inw %dx, %ax
	test	xsetbv
	/* One step: the trap is behind CPUID, before NOP. */
	pushf
	orw	$0x100, %ss:REAL_STACK - 2
	movw	$(REAL_CODE + 2f - real_start), REAL_NEXT
	popf
	cpuid
	nop
2:
	mov	$REAL_STACK, %sp
	/* An NMI comes here. */
	movw	$(REAL_CODE + 3f - real_start), REAL_NEXT
	movw	$1, REAL_STATE
real_spin:
	jmp	real_spin
3:
	movw	$2, REAL_STATE
4:	cli
	hlt
	jmp	4b

real_zero:
	.word	0

/* CX: the vector; AX in the place of IP. */
note_plain:
	mov	%ax, %bp
	mov	%sp, %si
	pushf
	pop	%di
note:
	mov	REAL_COUNT, %bx
	shl	$3, %bx
	mov	%cx, REAL_RECORDS(%bx)
	mov	%bp, REAL_RECORDS + 2(%bx)
	mov	%si, REAL_RECORDS + 4(%bx)
	mov	%di, REAL_RECORDS + 6(%bx)
	incw	REAL_COUNT
	mov	$REAL_STACK, %sp
	jmp	*REAL_NEXT

/* Handlers of 16 bytes each. */
	.align	16
real_table:
	.set	vector, 0
	.rept	128
	.align	16
	mov	$vector, %cx
	jmp	trapped
	.set	vector, vector + 1
	.endr
trapped:
	mov	%sp, %si
	pop	%bp
	pop	%di
	pop	%di
	jmp	note
real_end:

	.section .note.GNU-stack, "", @progbits
