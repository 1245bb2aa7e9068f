/* SPDX-License-Identifier: MIT */
/*
 * VT-d second-level translation (VT-d 4.1 9.8): read and write bits instead of
 * present and writable; an entry is present when any of them is set. The cache
 * type is the device's affair (snooping), so RAM and device memory look alike.
 *
 * Levels and large pages are what the format can; the driver cuts them down to
 * what the machine's units say (CAP.SAGAW and CAP.SLLPS, 11.4.2).
 */
#include <taproot/nested.h>

#define SL_R  (1ull << 0)
#define SL_W  (1ull << 1)
#define SL_PS (1ull << 7)

const struct nested_format nested_vtd = {
	.name = "VT-d second level",
	.table_bits = SL_R | SL_W,
	.leaf_bits = SL_R | SL_W,
	.large_bit = SL_PS,
	.present_mask = SL_R | SL_W,
	.write_bit = SL_W,
	.cache_bits = {[NESTED_WB] = 0, [NESTED_UC] = 0},
	.address_mask = 0x000ffffffffff000ull,
	.levels = 4,
	.has_1g = true,
};
