// SPDX-License-Identifier: MIT
/*
 * Sleep states: the hypervisor does not survive S1 to S4, whose wake-up goes to
 * the domain's vector with nobody below it (ACPI 6.5 4.8.3.2.1, 16.1).
 */
#include "sleep.h"

#define SLP_TYP_SHIFT 10
#define SLP_TYP_MASK  7u
#define SLP_EN        (1u << 13)

static bool is_type(const struct acpi_sleep *s, bool b, unsigned type)
{
	return s->known && type == (b ? s->typ_b : s->typ_a);
}

enum sleep_verdict sleep_filter(const struct sleep_policy *p, bool b, unsigned offset, unsigned len,
				uint32_t *value)
{
	uint32_t word = (*value & (uint32_t)ones(len)) << (8 * offset);
	unsigned type = word >> SLP_TYP_SHIFT & SLP_TYP_MASK;

	if (!(word & SLP_EN)) {
		return SLEEP_NONE;
	}
	if (p->s5.known ? is_type(&p->s5, b, type) : !is_type(&p->s3, b, type)) {
		return SLEEP_OFF;
	}
	*value &= ~(SLP_EN >> (8 * offset));
	return SLEEP_REFUSED;
}
