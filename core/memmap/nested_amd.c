/* SPDX-License-Identifier: MIT */
/*
 * AMD nested paging uses the host's long-mode page table format (APMv2 15.25.5
 * and 5.3): every guest access counts as a user access, so the user bit is set
 * in all entries; no-execute stays clear. Uncached memory is PCD and PWT (PAT
 * entry 3, UC at reset: APMv2 7.8.2); the guest's PAT combines with it by
 * APMv2 15.25.8. The large-page PAT bit (12) is never used.
 *
 * has_1g is what the format can; a machine without 1 GiB pages (CPUID
 * 80000001 EDX bit 26) clears it in its copy.
 */
#include <taproot/nested.h>

#define PTE_P   (1ull << 0)
#define PTE_RW  (1ull << 1)
#define PTE_US  (1ull << 2)
#define PTE_PWT (1ull << 3)
#define PTE_PCD (1ull << 4)
#define PTE_A   (1ull << 5)
#define PTE_D   (1ull << 6)
#define PTE_PS  (1ull << 7)

const struct nested_format nested_amd = {
	.name = "AMD nested paging",
	.table_bits = PTE_P | PTE_RW | PTE_US | PTE_A,
	/* Accessed and dirty are set beforehand: the processor then never writes the tables. */
	.leaf_bits = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D,
	.large_bit = PTE_PS,
	.present_mask = PTE_P,
	.write_bit = PTE_RW,
	.cache_bits = {[NESTED_WB] = 0, [NESTED_UC] = PTE_PCD | PTE_PWT},
	.address_mask = 0x000ffffffffff000ull,
	.levels = 4,
	.has_1g = true,
};
