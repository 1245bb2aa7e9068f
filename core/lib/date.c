/* SPDX-License-Identifier: MIT */
/*
 * Dates as seconds. Years are counted from March, so that the leap day is the
 * last of its year and the days before each month are one linear expression.
 *
 * Deliberately not supported: leap seconds (second 60 is refused), years past 9999.
 */
#include <taproot/date.h>

#define DAYS_TO_1970 719468u /* from 0000-03-01 */

static unsigned days_in(unsigned year, unsigned month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2) {
		return leap ? 29 : 28;
	}
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

uint64_t date_to_seconds(unsigned year, unsigned month, unsigned day, unsigned hour,
			 unsigned minute, unsigned second)
{
	unsigned y = month > 2 ? year : year - 1;
	unsigned m = month > 2 ? month - 3 : month + 9;
	uint64_t days;

	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 ||
	    day > days_in(year, month) || hour > 23 || minute > 59 || second > 59) {
		return 0;
	}
	days = y * 365ull + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
	return ((days * 24 + hour) * 60 + minute) * 60 + second;
}
