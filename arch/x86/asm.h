/* SPDX-License-Identifier: MIT */
/*
 * Constants that C and assembler share: the virtual address space, segment
 * selectors, control bits.
 *
 *	0xffff800000000000  direct map: host physical address + DIRECT_BASE
 *	0xffffc00000000000  windows on device memory (arch_iomap_*), uncached
 *	0xffffc10000000000  boot-time views of firmware tables
 *	0xffffd00000000000  stacks, a slot for each processor, guard pages between
 *	0xffffffff80000000  the image; 0xffffffff80100000 is its first byte
 *
 * Not used: 5-level paging, global pages.
 */
#ifndef X86_ASM_H
#define X86_ASM_H

#ifdef __ASSEMBLY__
#define C64(x) x
#else
#define C64(x) x##ull
#endif

#define IMAGE_OFFSET C64(0xffffffff80000000)
#define IMAGE_LOAD   C64(0x100000)
#define DIRECT_BASE  C64(0xffff800000000000)
#define IOMAP_BASE   C64(0xffffc00000000000)
#define IOMAP_END    C64(0xffffc10000000000)
#define VIEW_BASE    C64(0xffffc10000000000)
#define VIEW_END     C64(0xffffc20000000000)
#define STACK_BASE   C64(0xffffd00000000000)

/* One slot of the stack area; offsets of the usable parts, everything else in it is guard. */
#define STACK_SLOT    0x10000
#define STACK_MAIN    0x1000
#define STACK_MAIN_SZ 0x4000
#define STACK_NMI     0x6000
#define STACK_DF      0x9000
#define STACK_MC      0xc000
#define STACK_IST_SZ  0x2000

#define BOOT_STACK_SIZE 0x4000

#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_CODE32 0x18
#define SEL_TSS    0x20

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)
#define CR0_EM (1 << 2)
#define CR0_TS (1 << 3)
#define CR0_ET (1 << 4)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_NW (1 << 29)
#define CR0_CD (1 << 30)
#define CR0_PG (1 << 31)

#define CR4_PAE        (1 << 5)
#define CR4_MCE        (1 << 6)
#define CR4_OSFXSR     (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
#define CR4_OSXSAVE    (1 << 18)
#define CR4_SMAP       (1 << 21)
#define CR4_SMEP       (1 << 20)
#define CR4_SMAP       (1 << 21)

#define MSR_EFER    0xc0000080
#define MSR_GS_BASE 0xc0000101
#define EFER_LME    (1 << 8)
#define EFER_NXE    (1 << 11)

/* struct pcpu, checked in desc.c */
#define PCPU_SELF 0
#define PCPU_ID   8

#endif
