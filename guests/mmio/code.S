/* SPDX-License-Identifier: MIT */
/*
 * One instruction a function: RDI the address of configuration space (loads)
 * or of its register 0x3c (stores), RAX in and out. Tables: code, and what
 * main.c knows of it.
 */
.macro insns table kind insn
	.pushsection .text
1001:
	\insn
	ret
	.popsection
	.pushsection .rodata.\table, "a"
	.quad	1001b, \kind, 1002f
	.popsection
	.pushsection .rodata.names, "a"
1002:	.asciz	"\insn"
	.popsection
.endm

/* What of RAX a load changes: 1 to 8 bytes; 16: the second byte; then zero- (32) or sign-extended (64) ones. */
.macro load kind insn
	insns loads \kind "\insn"
.endm
.macro store kind insn
	insns stores \kind "\insn"
.endm
.macro refused insn
	insns refusals 0 "\insn"
.endm

	.section .rodata.loads, "a"
	.globl loads, stores, refusals
	.align	8
loads:
	.section .rodata.stores, "a"
	.align	8
stores:
	.section .rodata.refusals, "a"
	.align	8
refusals:
	.text
	.code64

	load	1, "movb (%rdi), %al"
	load	16, "movb 1(%rdi), %ah"
	load	2, "movw (%rdi), %ax"
	load	4, "movl (%rdi), %eax"
	load	8, "movq (%rdi), %rax"
	load	1, "{disp32} movb (%rdi), %al"
	load	4, "mov (%edi), %eax"
	load	4, "mov %fs:0, %eax"
	load	4, "mov %fs:(%rcx), %eax"
	load	4, "mov (%rdi,%rcx,8), %eax"
	load	4, "lea 128(%rdi), %rsi; mov -128(%rsi), %eax"
	load	4, "lea -64(%rdi), %rcx; mov $8, %edx; mov (%rcx,%rdx,8), %eax"
	load	4, "mov %rdi, %r15; mov (%r15), %r14d; mov %r14, %rax"
	load	4, "mov %rdi, %r12; mov (%r12), %r13d; mov %r13, %rax"
	load	4, "mov %rdi, %r13; mov (%r13), %r12d; mov %r12, %rax"
	load	1, "mov %rax, %r8; mov (%rdi), %r8b; mov %r8, %rax"
	load	1, "mov %rax, %rsi; mov (%rdi), %sil; mov %rsi, %rax"
	load	2, "mov %rax, %rbx; mov (%rdi), %bx; mov %rbx, %rax"
	load	4, "mov %rdi, %rax; mov (%rax), %eax"
	load	34, "movzbw (%rdi), %ax"
	load	33, "movzbl (%rdi), %eax"
	load	33, "movzbq (%rdi), %rax"
	load	36, "movzwl (%rdi), %eax"
	load	36, "movzwq (%rdi), %rax"
	load	66, "movsbw (%rdi), %ax"
	load	68, "movsbl (%rdi), %eax"
	load	72, "movsbq (%rdi), %rax"
	load	69, "movswl (%rdi), %eax"
	load	73, "movswq (%rdi), %rax"
	load	74, "movslq (%rdi), %rax"
	load	4, ".byte 0x2e, 0x3e, 0x8b, 0x07"
	load	4, ".byte 0x40, 0x8b, 0x07"

	store	1, "movb %al, (%rdi)"
	store	2, "movb %ah, (%rdi)"
	store	1, "movw %ax, (%rdi)"
	store	1, "movl %eax, (%rdi)"
	store	3, "movb $0x3a, (%rdi)"
	store	3, "movw $0x3a, (%rdi)"
	store	3, "movl $0x3a, (%rdi)"
	store	1, "mov %eax, %r9d; mov %r9b, (%rdi)"
	store	1, "mov %eax, %esi; mov %sil, (%rdi)"
	store	1, "mov %rax, %r11; mov %r11d, (%rdi)"
	store	1, "mov %rdi, %r10; mov %al, (%r10)"
	store	1, "mov %al, %fs:0x3c"
	store	1, "mov %al, (%edi)"
	store	1, "mov %rax, %rdx; shl $32, %rdx; mov %rdx, -4(%rdi)"
	store	4, "movq $-1, -4(%rdi)"

	refused	"addl (%rdi), %eax"
	refused	"orl %eax, (%rdi)"
	refused	"xchg %eax, (%rdi)"
	refused	"lock incl (%rdi)"
	refused	"cmp %eax, (%rdi)"
	refused	"test %eax, (%rdi)"
	refused	"push (%rdi)"
	refused	"movnti %eax, (%rdi)"
	refused	"movbe (%rdi), %eax"
	refused	"mov %rdi, %rsi; lea place(%rip), %rdi; movsb"
	refused	"mov $1, %ecx; rep stosb"
	refused	"lgdt (%rdi)"
	refused	"fldl (%rdi)"
	refused	"call *(%rdi)"

	.section .rodata.loads, "a"
	.quad	0
	.section .rodata.stores, "a"
	.quad	0
	.section .rodata.refusals, "a"
	.quad	0

/* The same in 32-bit code: EDI the address; a register after INT. */
	.text
	.code32
	.globl load32, load32_word, store32
load32:
	mov	(%edi), %eax
	int	$0x80
load32_word:
	mov	$0x11223344, %eax
	movw	(%edi), %ax
	int	$0x80
store32:
	movb	$0x27, (%edi)
	int	$0x80

	.bss
place:	.skip	8
	.section .note.GNU-stack, "", @progbits
