/* SPDX-License-Identifier: MIT */
/*
 * Entry of the test kernels by PVH (Xen ABI, hvm/start_info.h): 32-bit flat,
 * paging off, EBX = start_info. Sets up 4 GiB of identity mapping by 2 MiB pages
 * that ring 3 may use too (device memory is the nested tables' to make
 * uncached), long mode, a stack; calls guest_main(start_info).
 *
 * Other processors come through `ap_start`, copied to a low page (smp.c).
 */
	.section .note.pvh, "a", @note
	.align 4
	.long 4, 4, 18		/* "Xen", XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start32

	.text
	.code32
	.globl start32
start32:
	cli
	mov	%ebx, %ebp
	mov	$stack_top, %esp
	/* PML4[0] -> PDPT; PDPT[0..3] -> PD[0..3]; 2048 large pages. */
	movl	$pdpt + 7, pml4
	mov	$pd, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	lea	7(%eax), %edx
	mov	%edx, (%edi)
	add	$4096, %eax
	add	$8, %edi
	dec	%ecx
	jnz	1b
	mov	$pd, %edi
	mov	$0x87, %eax
	mov	$2048, %ecx
2:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	dec	%ecx
	jnz	2b
	call	long_mode
	ljmp	$8, $start64

/* Paging and long mode on; the caller's next instruction is a far jump. */
long_mode:
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000001, %eax
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ret

	.code64
start64:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%ebp, %edi
	xor	%ebp, %ebp
	call	guest_main
3:	hlt
	jmp	3b

/* ---- another processor, at 0:ap_start's copy in real mode ---- */

	.globl ap_start, ap_end, ap_stack
	.code16
ap_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	%cs:(ap_gdt_pointer - ap_start)
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x18, $ap_start32
	.align 8
ap_gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
ap_end:

	.code32
ap_start32:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	ap_stack, %esp
	call	long_mode
	ljmp	$8, $ap_start64

	.code64
ap_start64:
	xor	%ebp, %ebp
	call	ap_main
4:	cli
	hlt
	jmp	4b

	.data
	.align 8
	.globl gdt
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 08 code, 64-bit */
	.quad 0x00cf93000000ffff	/* 10 data */
	.quad 0x00cf9b000000ffff	/* 18 code, 32-bit */
	.quad 0x00cffb000000ffff	/* 20 code, 32-bit, ring 3 */
	.quad 0x00cff3000000ffff	/* 28 data, ring 3 */
	.quad 0x00affb000000ffff	/* 30 code, 64-bit, ring 3 */
	.quad 0x008f9b000000ffff	/* 38 code, 16-bit */
	.skip 16 * 16			/* 40 task state segments (trap.c) */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
ap_stack:
	.long 0

	.bss
	.align 4096
	.globl pml4, pd
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
	.skip 16384
stack_top:
	.section .note.GNU-stack, "", @progbits
