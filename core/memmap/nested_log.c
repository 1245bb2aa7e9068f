/* SPDX-License-Identifier: MIT */
/* What second-level page tables map, for the log: adjacent leaves of equal offset and bits joined. */
#include <taproot/log.h>
#include <taproot/nested.h>

void nested_log(const struct nested *n)
{
	struct nested_leaf leaf, run = {.size = 0};
	bool more = nested_next(n, gpa(0), &leaf);

	log_info("nested: %s, %u table pages, %u in reserve", n->format.name, n->table_pages,
		 n->reserve_count);
	while (more || run.size) {
		uint64_t leaf_bits = more ? leaf.bits & ~n->format.large_bit : 0;

		if (more && run.size && run.gpa.v + run.size == leaf.gpa.v &&
		    run.hpa.v + run.size == leaf.hpa.v && run.bits == leaf_bits) {
			run.size += leaf.size;
		} else {
			if (run.size) {
				log_info("nested: [%012lx, %012lx) -> %012lx bits %lx", run.gpa.v,
					 run.gpa.v + run.size, run.hpa.v, run.bits);
			}
			run = leaf;
			run.bits = leaf_bits;
			run.size = more ? leaf.size : 0;
		}
		if (more) {
			more = nested_next(n, gpa(leaf.gpa.v + leaf.size), &leaf);
		}
	}
}
