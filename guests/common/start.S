/* SPDX-License-Identifier: MIT */
/*
 * Entry of the test kernels by PVH (Xen ABI, hvm/start_info.h): 32-bit flat,
 * paging off, EBX = start_info. Sets up 4 GiB of identity mapping by 2 MiB pages
 * (device memory is the nested tables' to make uncached), long mode, a stack; calls
 * guest_main(start_info).
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
	movl	$pdpt + 3, pml4
	mov	$pd, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	lea	3(%eax), %edx
	mov	%edx, (%edi)
	add	$4096, %eax
	add	$8, %edi
	dec	%ecx
	jnz	1b
	mov	$pd, %edi
	mov	$0x83, %eax
	mov	$2048, %ecx
2:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	dec	%ecx
	jnz	2b
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
	ljmp	$8, $start64

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

	.data
	.align 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long gdt

	.bss
	.align 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
	.skip 16384
stack_top:
	.section .note.GNU-stack, "", @progbits
