/* SPDX-License-Identifier: MIT */
/* Dates of the Gregorian calendar as seconds since 1970, UTC. */
#ifndef TAPROOT_DATE_H
#define TAPROOT_DATE_H

#include <taproot/types.h>

/* Seconds since 1970-01-01 00:00:00; months and days count from 1. 0: not a date from 1970 on. */
uint64_t date_to_seconds(unsigned year, unsigned month, unsigned day, unsigned hour,
			 unsigned minute, unsigned second);

#endif
