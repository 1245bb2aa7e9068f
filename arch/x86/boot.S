/* SPDX-License-Identifier: MIT */
/*
 * From the multiboot entry (Multiboot 0.6.96 3.2, Multiboot2 2.0 3.3: 32-bit
 * protected mode, no paging) to C in 64-bit mode (APMv2 14.8) on temporary
 * page tables that show the first 4 GiB twice, as identity and direct map, and
 * the image at its address. Also the last step of the relocation: copying the
 * image and turning to the final tables without a write in between.
 *
 * The image is linked for 1 MiB. A multiboot2 loader may put it elsewhere
 * below 4 GiB, where firmware has something at 1 MiB; %ebp is the distance.
 *
 * Nothing is assumed of the loader but the machine state; its magic number is
 * judged in C. A processor without long mode gets its line from here.
 */
#include "asm.h"
#include "multiboot.h"
#include "multiboot2.h"

#define PHYS(x) ((x) - IMAGE_OFFSET)

#define COM1 0x3f8
#define IMAGE_PAGES 1024		/* the image ends below 4 MiB: image.lds */

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_HEADER_MAGIC
	.long MULTIBOOT_HEADER_FLAGS
	.long -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_HEADER_FLAGS)

	.balign 8
mb2_start:
	.long MULTIBOOT2_HEADER_MAGIC
	.long MULTIBOOT2_ARCH_I386
	.long mb2_end - mb2_start
	.long -(MULTIBOOT2_HEADER_MAGIC + MULTIBOOT2_ARCH_I386 + (mb2_end - mb2_start))

	.short MB2_HEADER_INFO_REQUEST, MB2_HEADER_OPTIONAL
	.long 28
	.long MB2_TAG_CMDLINE, MB2_TAG_MODULE, MB2_TAG_MMAP, MB2_TAG_ACPI_OLD, MB2_TAG_ACPI_NEW

	.balign 8
	.short MB2_HEADER_MODULE_ALIGN, 0
	.long 8

	.balign 8
	.short MB2_HEADER_RELOCATABLE, 0
	.long 24
	.long IMAGE_LOAD, 0xffffffff, 0x1000, MB2_HEADER_PREFER_LOWEST

	.balign 8
	.short MB2_HEADER_END, 0
	.long 8
mb2_end:

	.section .text.boot, "ax"
	.code32
	.globl boot_start
boot_start:
	cli
	cld
	mov %eax, %edi			/* first argument of boot_main */
	mov %ebx, %esi			/* second */

	/*
	 * How far we are from where we were linked for. There is no stack yet:
	 * the call writes into the information's reserved second word.
	 */
	xor %ebp, %ebp
	cmp $MULTIBOOT2_BOOT_MAGIC, %edi
	jne 2f
	lea 8(%esi), %esp
	call 1f
1:	pop %ebp
	sub $PHYS(1b), %ebp
2:	lea PHYS(boot_stack_top)(%ebp), %esp

	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx			/* LM, APMv3 CPUID Fn8000_0001 */
	jnc no_long_mode

	call build_tables

	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	lea PHYS(boot_pml4)(%ebp), %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov $(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE), %eax
	mov %eax, %cr0
	add %ebp, PHYS(boot_gdtr) + 2(%ebp)
	lgdt PHYS(boot_gdtr)(%ebp)
	lea PHYS(start64)(%ebp), %eax
	push $SEL_CODE64
	push %eax
	lret

/*
 * 4 GiB by 2 MiB pages, the image by 4 KiB ones, since its distance from the
 * linked place is a multiple of 4 KiB; the loader has zeroed the tables.
 */
build_tables:
	lea PHYS(boot_pd)(%ebp), %ebx
	mov $0x83, %eax			/* present, writable, large */
	xor %ecx, %ecx
1:	mov %eax, (%ebx, %ecx, 8)
	add $0x200000, %eax
	inc %ecx
	cmp $2048, %ecx
	jb 1b

	lea PHYS(boot_pdpt)(%ebp), %ebx
	lea PHYS(boot_pd) + 3(%ebp), %eax
	xor %ecx, %ecx
1:	mov %eax, (%ebx, %ecx, 8)
	add $0x1000, %eax
	inc %ecx
	cmp $4, %ecx
	jb 1b

	lea PHYS(boot_pt_image)(%ebp), %ebx
	lea 3(%ebp), %eax
	xor %ecx, %ecx
1:	mov %eax, (%ebx, %ecx, 8)
	add $0x1000, %eax
	inc %ecx
	cmp $IMAGE_PAGES, %ecx
	jb 1b

	lea PHYS(boot_pml4)(%ebp), %ebx
	lea PHYS(boot_pdpt) + 3(%ebp), %eax
	mov %eax, (%ebx)
	mov %eax, 256 * 8(%ebx)
	lea PHYS(boot_pdpt_image) + 3(%ebp), %eax
	mov %eax, 511 * 8(%ebx)
	lea PHYS(boot_pd_image) + 3(%ebp), %eax
	mov %eax, PHYS(boot_pdpt_image) + 510 * 8(%ebp)
	lea PHYS(boot_pt_image) + 3(%ebp), %eax
	mov %eax, PHYS(boot_pd_image)(%ebp)
	add $0x1000, %eax
	mov %eax, PHYS(boot_pd_image) + 8(%ebp)
	ret

/*
 * No C can run: one line on com1, then halt if the command line has the word
 * noreboot in it, else reset by a triple fault after some seconds.
 */
no_long_mode:
	mov $COM1 + 3, %edx		/* 115200 8n1 */
	mov $0x80, %al
	out %al, %dx
	mov $COM1, %edx
	mov $1, %al
	out %al, %dx
	mov $COM1 + 1, %edx
	xor %al, %al
	out %al, %dx
	mov $COM1 + 3, %edx
	mov $3, %al
	out %al, %dx
	lea PHYS(no_long_mode_text)(%ebp), %ebx
1:	mov $1000000, %ecx
	mov $COM1 + 5, %edx
2:	in %dx, %al
	test $0x20, %al
	loopz 2b
	mov (%ebx), %al
	test %al, %al
	jz 3f
	mov $COM1, %edx
	out %al, %dx
	inc %ebx
	jmp 1b

	/* Multiboot2: anywhere in the information. */
3:	mov %esi, %ebx
	mov (%esi), %ecx
	cmp $MULTIBOOT2_BOOT_MAGIC, %edi
	je 4f
	cmp $MULTIBOOT_BOOT_MAGIC, %edi
	jne 7f
	testl $MBI_CMDLINE, (%esi)
	jz 7f
	mov MBI_OFF_CMDLINE(%esi), %ebx
	xor %ecx, %ecx
9:	inc %ecx			/* its length */
	cmpb $0, -1(%ebx, %ecx)
	jne 9b
4:	cmpl $0x65726f6e, (%ebx)	/* "nore" */
	jne 5f
	cmpl $0x746f6f62, 4(%ebx)	/* "boot" */
	je 6f
5:	inc %ebx
	loop 4b
	jmp 7f
6:	hlt
	jmp 6b
7:	mov $5000000, %ecx		/* port 0x80 takes about a microsecond */
8:	out %al, $0x80
	loop 8b
	lidt PHYS(null_idtr)(%ebp)
	ud2

	.code64
start64:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $start_high, %rax
	jmp *%rax
start_high:
	mov $boot_stack_top, %rsp
	mov %edi, %edi
	mov %esi, %r12d
	lea IMAGE_LOAD(%rbp), %r13d
	mov $MSR_GS_BASE, %ecx
	mov $pcpu_boot, %rdx
	mov %edx, %eax
	shr $32, %rdx
	wrmsr
	mov %r12, %rsi
	mov %r13, %rdx			/* third argument: where the image is */
	xor %ebp, %ebp
	call boot_main
1:	cli
	hlt
	jmp 1b

/*
 * void relocate_switch(void *to, const void *from, size_t size, uint64_t cr3):
 * the stack is part of what is copied and not written until the new one is in use.
 */
	.text
	.globl relocate_switch
	.type relocate_switch, @function
relocate_switch:
	mov %rcx, %rax
	mov %rdx, %rcx
	shr $3, %rcx
	rep movsq
	mov %rax, %cr3
	ret
	.size relocate_switch, . - relocate_switch

/* void stack_switch(uint64_t top, void (*fn)(void)): continue there, never to return. */
	.globl stack_switch
	.type stack_switch, @function
stack_switch:
	mov %rdi, %rsp
	xor %ebp, %ebp
	push $0				/* no caller: the backtrace ends */
	jmp *%rsi
	.size stack_switch, . - stack_switch

	.section .rodata, "a"
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* SEL_CODE64 */
	.quad 0x00cf93000000ffff	/* SEL_DATA */
	.quad 0x00cf9b000000ffff	/* SEL_CODE32 */
boot_gdtr:
	.word boot_gdtr - boot_gdt - 1
	.long PHYS(boot_gdt)
null_idtr:
	.word 0
	.long 0
no_long_mode_text:
	.asciz "Taproot: this processor has no long mode; a 64-bit x86 processor is needed.\r\n"

	.section .bss.page, "aw", @nobits
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_image:
	.skip 4096
boot_pd:
	.skip 4 * 4096
boot_pd_image:
	.skip 4096
boot_pt_image:
	.skip IMAGE_PAGES * 8
	.globl boot_stack
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
