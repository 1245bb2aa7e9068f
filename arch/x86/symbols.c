// SPDX-License-Identifier: MIT
/*
 * Function names for the backtrace. The table is made from the first link by
 * tools/mksyms.sh: sorted low halves of addresses (the image lies within the
 * top 2 GiB), and names.
 */
#include "cpu.h"
#include "x86.h"

extern const uint32_t symbol_count;
extern const uint32_t symbol_address[], symbol_name[];
extern const char symbol_names[];
extern char text_start[], text_end[];

const char *symbol_find(uint64_t address, uint64_t *offset)
{
	uint32_t low = (uint32_t)address;
	uint32_t first = 0, end = symbol_count;

	if (address < (uint64_t)text_start || address >= (uint64_t)text_end || symbol_count == 0 ||
	    symbol_address[0] > low) {
		*offset = 0;
		return "?";
	}
	/* The last symbol at or below the address lies in [first, end). */
	while (end - first > 1) {
		uint32_t mid = first + (end - first) / 2;

		if (symbol_address[mid] <= low) {
			first = mid;
		} else {
			end = mid;
		}
	}
	*offset = low - symbol_address[first];
	return symbol_names + symbol_name[first];
}
