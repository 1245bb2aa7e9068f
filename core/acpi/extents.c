/* SPDX-License-Identifier: MIT */
/*
 * ACPI: which pages the machine's tables lie in, so that they can be mapped
 * for the hardware domain wherever the firmware put them.
 */
#include <taproot/acpi.h>
#include <taproot/string.h>

/* Insert in address order, joined with what it touches. Returns the new count. */
static unsigned insert(struct acpi_extent *out, unsigned count, unsigned max, struct acpi_extent e)
{
	unsigned at = 0;
	unsigned last;

	while (at < count && out[at].end.v < e.start.v) {
		at++;
	}
	for (last = at; last < count && out[last].start.v <= e.end.v; last++) {
		e.start.v = MIN(e.start.v, out[last].start.v);
		e.end.v = MAX(e.end.v, out[last].end.v);
	}
	if (last == at && count == max) {
		/* No room: the gap to a neighbour is taken in as well. */
		at = MIN(at, count - 1);
		out[at].start.v = MIN(out[at].start.v, e.start.v);
		out[at].end.v = MAX(out[at].end.v, e.end.v);
		return count;
	}
	memmove(&out[at + 1], &out[last], (count - last) * sizeof(*out));
	out[at] = e;
	return count + 1 - (last - at);
}

unsigned acpi_host_extents(const struct acpi_host *host, struct acpi_extent *out, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < host->table_count && max != 0; i++) {
		const struct acpi_table *t = &host->table[i];
		struct acpi_extent e = {
			.start = hpa(t->address.v & PAGE_MASK),
			.end = hpa(ALIGN_UP(t->address.v + t->length, PAGE_SIZE)),
		};

		count = insert(out, count, max, e);
	}
	return count;
}
