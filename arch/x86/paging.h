/* SPDX-License-Identifier: MIT */
/*
 * Our own page tables (APMv2 5.3, 4 levels): one tree for all processors.
 * Entries are added at boot and by arch_iomap_init(); nothing is ever
 * unmapped but boot-time views and the windows of arch_iomap_set().
 */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#include <taproot/types.h>
#include "boot.h"

#define PTE_P       (1ull << 0)
#define PTE_W       (1ull << 1)
#define PTE_A       (1ull << 5)
#define PTE_D       (1ull << 6)
#define PTE_PS      (1ull << 7)
#define PTE_NX      (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

/* Whole leaf attributes; accessed and dirty are set so that the processor writes none of them. */
#define PAGE_RX (PTE_P | PTE_A | PTE_D)
#define PAGE_RO (PTE_P | PTE_A | PTE_D | PTE_NX)
#define PAGE_RW (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)
#define PAGE_UC (PAGE_RW | 1ull << 3 | 1ull << 4) /* PWT | PCD: PAT entry 3 */

/* The final tables; cr3 for every processor. */
extern uint64_t paging_cr3;
/* Where the image is now. */
extern uint64_t image_hpa;

/* Pages for tables come from here until heap_init(); returns the first page not used. */
void paging_pool_init(uint64_t start, uint64_t end);
uint64_t paging_pool_close(void);

/* Build the final tables: the image at its new place `image`, and the direct map. */
void paging_build(const struct boot_info *info, uint64_t image);

/*
 * Map [va, va + size) to `a`, page aligned, by the largest pages alignment
 * allows. What is mapped there must be nothing or 4 KiB pages. -ENOMEM.
 */
int paging_map(uint64_t va, uint64_t a, uint64_t size, uint64_t attributes) MUST_CHECK;
/* The same in another tree. */
int paging_map_in(uint64_t *root, uint64_t va, uint64_t a, uint64_t size,
		  uint64_t attributes) MUST_CHECK;
/* The 4 KiB entry of `va`; NULL when no table reaches that far. */
uint64_t *paging_entry(uint64_t va);
/* Physical address of any mapped virtual address; UINT64_MAX: not mapped. */
uint64_t paging_translate(uint64_t va);

/* Map the stacks of processor `cpu`; returns 0 or -ENOMEM. */
int stack_map(unsigned cpu) MUST_CHECK;

/* A window on device memory for good, by large pages (phys.c). NULL: out of memory. */
volatile void *iomap_fixed(hpa_t a, uint64_t size) MUST_CHECK;
/* Make device windows that others moved visible here; see phys.c. */
void iomap_sync(void);

#endif
