/* SPDX-License-Identifier: MIT */
/*
 * ACPI: the MCFG table, windows of memory-mapped configuration space.
 *
 * PCI Firmware 3.3 4.1.2. A window that makes no sense (buses backwards, a
 * base that is no multiple of 1 MiB, beyond the address space, overlapping an
 * earlier window) is left out and counted; the others stay usable. Whoever
 * uses the table keeps the domain off those as well.
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

/* Addresses that a window of whole buses takes, PCIe 6.0 7.2.2. */
static uint64_t ecam_start(const struct acpi_ecam *e)
{
	return e->bus0.v + ((uint64_t)e->bus_first << 20);
}

static uint64_t ecam_last(const struct acpi_ecam *e)
{
	return e->bus0.v + ((uint64_t)e->bus_last << 20) + MIB - 1;
}

/* NULL, or what is wrong with the window. */
static const char *judge(const struct acpi_mcfg *m, const struct acpi_ecam *e)
{
	if (e->bus_last < e->bus_first) {
		return "window with its buses backwards";
	}
	if (e->bus0.v == 0 || (e->bus0.v & (MIB - 1)) != 0) {
		return "window at no multiple of 1 MiB";
	}
	if (e->bus0.v >= 1ull << 52) {
		return "window beyond the address space";
	}
	for (unsigned i = 0; i < m->count; i++) {
		const struct acpi_ecam *o = &m->ecam[i];

		if (e->segment == o->segment && e->bus_first <= o->bus_last &&
		    o->bus_first <= e->bus_last) {
			return "window for buses that have one";
		}
		if (ecam_start(e) <= ecam_last(o) && ecam_start(o) <= ecam_last(e)) {
			return "window over another one";
		}
	}
	if (m->count == ACPI_ECAMS_MAX) {
		return "more windows than supported";
	}
	return NULL;
}

/* Remember a window that is left out, if it has a place. */
static void refuse_window(struct acpi_mcfg *m, const struct acpi_ecam *e)
{
	if (e->bus_first <= e->bus_last && e->bus0.v != 0 && e->bus0.v < 1ull << 52 &&
	    m->refused_count < ACPI_ECAMS_MAX) {
		m->refused[m->refused_count++] = *e;
	}
}

int acpi_parse_mcfg(const void *table, size_t len, struct acpi_mcfg *out, struct acpi_refusal *why)
{
	size_t own = 0;
	int ret = acpi_table_check(table, len, "MCFG", MCFG_ENTRIES, &own, why);

	if (ret != 0) {
		return ret;
	}
	memset(out, 0, sizeof(*out));
	for (size_t at = MCFG_ENTRIES; own - at >= MCFG_ENTRY_LEN; at += MCFG_ENTRY_LEN) {
		struct acpi_ecam e = {
			.bus0 = hpa(acpi_u64(table, at + MCFG_BASE)),
			.segment = acpi_u16(table, at + MCFG_SEGMENT),
			.bus_first = acpi_u8(table, at + MCFG_BUS_FIRST),
			.bus_last = acpi_u8(table, at + MCFG_BUS_LAST),
		};
		const char *reason = judge(out, &e);

		if (reason == NULL) {
			out->ecam[out->count++] = e;
			continue;
		}
		refuse_window(out, &e);
		if (out->left_out++ == 0) {
			out->first.reason = reason;
			out->first.offset = (uint32_t)at;
		}
	}
	return 0;
}
