/* SPDX-License-Identifier: MIT */
/*
 * ACPI: what all tables have in common, and the roots.
 *
 * Header check, checksum, RSDP (revisions 0 and 2), entries of RSDT and XSDT.
 * ACPI 6.5 5.2.5 to 5.2.8. Pure functions over bytes that may be hostile.
 *
 * Not supported: RSDP revisions that are neither ACPI 1.0's nor 2.0's are
 * read as the nearest lower one, as the specification asks.
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

bool acpi_checksum_ok(const void *table, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + acpi_u8(table, i));
	}
	return sum == 0;
}

int acpi_table_check(const void *table, size_t len, const char *signature, size_t min,
		     size_t *table_len, struct acpi_refusal *why)
{
	uint32_t own;

	if (len < SDT_HEADER_LEN) {
		return acpi_refuse(why, "shorter than a table header", len);
	}
	if (signature != NULL && memcmp(table, signature, 4) != 0) {
		return acpi_refuse(why, "wrong signature", 0);
	}
	own = acpi_u32(table, SDT_LENGTH);
	if (own < SDT_HEADER_LEN || own < min) {
		return acpi_refuse(why, "length field below the minimum of its kind", SDT_LENGTH);
	}
	if (own > len) {
		return acpi_refuse(why, "length field beyond the bytes there are", SDT_LENGTH);
	}
	*table_len = own;
	return 0;
}

int acpi_parse_rsdp(const void *p, size_t len, struct acpi_rsdp *out, struct acpi_refusal *why)
{
	if (len < RSDP_V1_LEN) {
		return acpi_refuse(why, "shorter than an RSDP", len);
	}
	if (memcmp(p, RSDP_SIGNATURE, 8) != 0) {
		return acpi_refuse(why, "wrong signature", 0);
	}
	if (!acpi_checksum_ok(p, RSDP_V1_LEN)) {
		return acpi_refuse(why, "wrong checksum", RSDP_CHECKSUM);
	}
	memset(out, 0, sizeof(*out));
	memcpy(out->oem, (const uint8_t *)p + RSDP_OEM, sizeof(out->oem));
	out->revision = acpi_u8(p, RSDP_REVISION);
	out->rsdt = hpa(acpi_u32(p, RSDP_RSDT));
	if (out->revision >= 2) {
		uint32_t own;

		if (len < RSDP_V2_LEN) {
			return acpi_refuse(why, "shorter than a revision 2 RSDP", len);
		}
		own = acpi_u32(p, RSDP_LENGTH);
		if (own < RSDP_V2_LEN || own > len) {
			return acpi_refuse(why, "length field out of bounds", RSDP_LENGTH);
		}
		if (!acpi_checksum_ok(p, own)) {
			return acpi_refuse(why, "wrong extended checksum", RSDP_CHECKSUM2);
		}
		out->xsdt = hpa(acpi_u64(p, RSDP_XSDT));
	}
	if (out->rsdt.v == 0 && out->xsdt.v == 0) {
		return acpi_refuse(why, "names neither RSDT nor XSDT", RSDP_RSDT);
	}
	return 0;
}

int acpi_root_entries(const void *table, size_t len, unsigned entry_len, struct acpi_refusal *why)
{
	size_t own;
	int ret = acpi_table_check(table, len, entry_len == 8 ? "XSDT" : "RSDT", SDT_HEADER_LEN,
				   &own, why);

	if (ret != 0) {
		return ret;
	}
	if (own > ACPI_TABLE_LEN_MAX) {
		return acpi_refuse(why, "longer than any root table", SDT_LENGTH);
	}
	return (int)((own - SDT_HEADER_LEN) / entry_len);
}

hpa_t acpi_root_entry(const void *table, unsigned entry_len, unsigned i)
{
	size_t at = SDT_HEADER_LEN + (size_t)i * entry_len;

	return hpa(entry_len == 8 ? acpi_u64(table, at) : acpi_u32(table, at));
}
