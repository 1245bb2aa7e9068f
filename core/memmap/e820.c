/* SPDX-License-Identifier: MIT */
/*
 * What a domain is told about its memmap: the E820 (ACPI 6.5 15.1; PVH
 * start_info's memmap table has the same layout), and what the log shows.
 *
 * The E820 is derived from the base types: a BAR is no E820 matter, wherever
 * it lies. Holes are absent. Memory of ours is reserved, never absent, or the
 * domain would place BARs there.
 */
#include <taproot/errno.h>
#include <taproot/log.h>
#include <taproot/memmap.h>

static const struct {
	const char *name;
	uint8_t e820; /* 0: not listed */
} types[MEM_TYPE_COUNT] = {
	[MEM_HOLE] = {"hole", 0},
	[MEM_RAM] = {"RAM", E820_RAM},
	[MEM_RESERVED] = {"reserved", E820_RESERVED},
	[MEM_ACPI] = {"ACPI", E820_ACPI},
	[MEM_NVS] = {"NVS", E820_NVS},
	[MEM_UNUSABLE] = {"unusable", E820_UNUSABLE},
	[MEM_OURS] = {"ours", E820_RESERVED},
	[MEM_LOW] = {"low", E820_RESERVED},
	[MEM_MMIO] = {"MMIO", 0},
	[MEM_TRAP] = {"trap", 0},
	[MEM_DENY] = {"deny", E820_RESERVED},
	[MEM_OPEN] = {"open", 0},
};

const char *memmap_type_name(enum mem_type type)
{
	return type < MEM_TYPE_COUNT ? types[type].name : "?";
}

int memmap_build_e820(const struct memmap *m, struct e820_entry *out, unsigned capacity)
{
	unsigned count = 0;

	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];
		uint32_t type = types[r->base].e820;
		uint64_t size = r->end.v - r->start.v;

		if (type == 0) {
			continue;
		}
		if (count && out[count - 1].type == type &&
		    out[count - 1].start + out[count - 1].size == r->start.v) {
			out[count - 1].size += size;
			continue;
		}
		if (count == capacity) {
			return -ENOSPC;
		}
		out[count++] = (struct e820_entry){r->start.v, size, type, 0};
	}
	return (int)count;
}

void memmap_log(const struct memmap *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];
		uint64_t end = r->end.v;

		while (i + 1 < m->count && m->range[i + 1].type == r->type &&
		       m->range[i + 1].base == r->base && m->range[i + 1].owner.v == r->owner.v &&
		       m->range[i + 1].ops == r->ops) {
			end = m->range[++i].end.v;
		}
		if (r->owner.v != SBDF_NONE.v) {
			log_info("memmap: [%012lx, %012lx) %s over %s, " SBDF_FMT "%s%s", r->start.v,
				 end, types[r->type].name, types[r->base].name,
				 SBDF_ARGS(r->owner), r->ops ? " " : "", r->ops ? r->ops->name : "");
		} else if (r->type != r->base) {
			log_info("memmap: [%012lx, %012lx) %s over %s%s%s", r->start.v, end,
				 types[r->type].name, types[r->base].name, r->ops ? " " : "",
				 r->ops ? r->ops->name : "");
		} else {
			log_info("memmap: [%012lx, %012lx) %s", r->start.v, end,
				 types[r->type].name);
		}
	}
}
