// SPDX-License-Identifier: MIT
/*
 * The date and time of the machine's clock (MC146818A data sheet; ACPI 6.5
 * 4.8.2.4), read once at boot, before the clock is the hardware domain's.
 *
 * The registers are read twice: two readings that are equal, none of them during
 * an update, are one moment. The century is this one.
 *
 * Deliberately not supported: UEFI's GetTime(), machines without the clock.
 */
#include <taproot/arch.h>
#include <taproot/date.h>
#include <taproot/log.h>
#include <taproot/string.h>
#include "x86.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

#define REG_A          0x0a
#define REG_A_UPDATING 0x80
#define REG_B          0x0b
#define REG_B_24_HOURS 0x02
#define REG_B_BINARY   0x04
#define HOUR_PM        0x80

#define CENTURY      2000
#define TRIES        16
#define UPDATE_READS 20000 /* an update takes 2 ms; a port read about a microsecond */

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, FIELDS };

static const uint8_t field_register[FIELDS] = {0, 2, 4, 7, 8, 9};

static uint8_t cmos_read(uint8_t reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static bool updating(void)
{
	return cmos_read(REG_A) & REG_A_UPDATING;
}

/* False: the update does not end, so there is no clock. */
static bool update_over(void)
{
	for (unsigned i = 0; i < UPDATE_READS; i++) {
		if (!updating()) {
			return true;
		}
	}
	return false;
}

/* The fields between two updates. */
static bool fields_read(uint8_t field[FIELDS])
{
	for (unsigned i = 0; i < FIELDS; i++) {
		field[i] = cmos_read(field_register[i]);
	}
	return !updating();
}

static bool fields_stable(uint8_t field[FIELDS])
{
	uint8_t again[FIELDS];

	for (unsigned i = 0; i < TRIES && update_over(); i++) {
		if (fields_read(field) && fields_read(again) &&
		    memcmp(field, again, sizeof(again)) == 0) {
			return true;
		}
	}
	return false;
}

static unsigned from_bcd(uint8_t v)
{
	return (unsigned)(v >> 4) * 10 + (v & 0xf);
}

uint64_t arch_wallclock(void)
{
	uint8_t field[FIELDS], mode = cmos_read(REG_B);
	unsigned n[FIELDS];
	uint64_t seconds;
	bool pm;

	if (!fields_stable(field)) {
		log_notice("time: the machine's clock cannot be read");
		return 0;
	}
	pm = !(mode & REG_B_24_HOURS) && (field[HOUR] & HOUR_PM);
	if (!(mode & REG_B_24_HOURS)) {
		field[HOUR] &= (uint8_t)~HOUR_PM;
	}
	for (unsigned i = 0; i < FIELDS; i++) {
		n[i] = mode & REG_B_BINARY ? field[i] : from_bcd(field[i]);
	}
	if (!(mode & REG_B_24_HOURS)) {
		n[HOUR] = n[HOUR] % 12 + (pm ? 12 : 0);
	}
	seconds =
		date_to_seconds(CENTURY + n[YEAR], n[MONTH], n[DAY], n[HOUR], n[MINUTE], n[SECOND]);
	if (!seconds) {
		log_notice("time: the machine's clock shows no date");
	}
	return seconds;
}
