/* SPDX-License-Identifier: MIT */
/*
 * ACPI: the values that put the machine to sleep.
 *
 * A search for the bytes of Name(_Sx_, Package(){a, b, ...}) in a DSDT or SSDT:
 * NameOp, the name with or without the root character, PackageOp, PkgLength,
 * the number of elements, integers (ACPI 6.5 20.2.2 to 20.2.5, 7.4.2). All
 * lengths are checked against both the table and the package.
 *
 * Deliberately no interpreter: a package that a method returns, or whose
 * elements are computed, is not found; what an If() would hide, is.
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

#define SLP_TYP_MAX 7 /* three bits of PM1 control, ACPI 6.5 table 4.16 */

/* PkgLength, 20.2.4: its value, and how many bytes encode it. False: cut off. */
static bool package_length(const uint8_t *p, size_t left, size_t *value, size_t *bytes)
{
	unsigned follow;

	if (left == 0) {
		return false;
	}
	follow = p[0] >> 6;
	*bytes = follow + 1;
	if (left < *bytes) {
		return false;
	}
	if (follow == 0) {
		*value = p[0] & 0x3f;
		return true;
	}
	*value = p[0] & 0x0f;
	for (unsigned i = 0; i < follow; i++) {
		*value |= (size_t)p[1 + i] << (4 + 8 * i);
	}
	return true;
}

/* A constant integer at *at, which moves behind it. False: something else is there. */
static bool integer(const uint8_t *p, size_t end, size_t *at, uint32_t *value)
{
	unsigned len;

	if (*at >= end) {
		return false;
	}
	switch (p[(*at)++]) {
	case AML_ZERO:
		*value = 0;
		return true;
	case AML_ONE:
		*value = 1;
		return true;
	case AML_BYTE_PREFIX:
		len = 1;
		break;
	case AML_WORD_PREFIX:
		len = 2;
		break;
	case AML_DWORD_PREFIX:
		len = 4;
		break;
	default:
		return false;
	}
	if (end - *at < len) {
		return false;
	}
	*value = 0;
	for (unsigned i = 0; i < len; i++) {
		*value |= (uint32_t)p[(*at)++] << (8 * i);
	}
	return true;
}

/* The package at `p`, after PackageOp. */
static bool read_package(const uint8_t *p, size_t left, uint8_t *typ_a, uint8_t *typ_b)
{
	size_t end;
	size_t at;
	uint32_t a;
	uint32_t b;

	/* The length counts its own bytes. */
	if (!package_length(p, left, &end, &at) || end > left || end < at + 1) {
		return false;
	}
	if (p[at] == 0) {
		return false;
	}
	if (p[at++] == 1) {
		/* Some firmware packs both values into one element. */
		if (!integer(p, end, &at, &a)) {
			return false;
		}
		b = (a >> 8) & 0xff;
		a &= 0xff;
	} else if (!integer(p, end, &at, &a) || !integer(p, end, &at, &b)) {
		return false;
	}
	if (a > SLP_TYP_MAX || b > SLP_TYP_MAX) {
		return false;
	}
	*typ_a = (uint8_t)a;
	*typ_b = (uint8_t)b;
	return true;
}

int acpi_find_sleep_type(const uint8_t *aml, size_t len, char state, uint8_t *typ_a, uint8_t *typ_b)
{
	const uint8_t name[4] = {'_', 'S', (uint8_t)state, '_'};

	/* NameOp before, PackageOp after the name. */
	for (size_t i = 1; len >= 5 && i <= len - 5; i++) {
		bool named;

		if (aml[i + 4] != AML_PACKAGE || memcmp(aml + i, name, sizeof(name)) != 0) {
			continue;
		}
		named = aml[i - 1] == AML_NAME ||
			(i >= 2 && aml[i - 1] == AML_ROOT_CHAR && aml[i - 2] == AML_NAME);
		if (named && read_package(aml + i + 5, len - i - 5, typ_a, typ_b)) {
			return 0;
		}
	}
	return -ENOENT;
}
