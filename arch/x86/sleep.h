/* SPDX-License-Identifier: MIT */
/* Which writes of the PM1 control registers may put the machine to sleep. */
#ifndef ARCH_X86_SLEEP_H
#define ARCH_X86_SLEEP_H

#include <taproot/acpi.h>

/* What the machine's AML names, and which of the two registers is written. */
struct sleep_policy {
	struct acpi_sleep s3, s5;
};

enum sleep_verdict {
	SLEEP_NONE,    /* the write does not ask for a sleep state */
	SLEEP_OFF,     /* soft off: passes */
	SLEEP_REFUSED, /* passes without SLP_EN */
};

/*
 * A write of `len` (1 or 2) bytes at byte `offset` (0 or 1) of PM1a (`b` false) or
 * PM1b control (ACPI 6.5 4.8.3.2.1). *value is what may be written. Only S5
 * passes; where AML does not tell which type that is, any but S3's.
 */
enum sleep_verdict sleep_filter(const struct sleep_policy *p, bool b, unsigned offset, unsigned len,
				uint32_t *value);

#endif
