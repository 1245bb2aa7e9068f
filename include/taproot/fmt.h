/* SPDX-License-Identifier: MIT */
/*
 * Bounded formatting. Conversions: %% %c %s %d %i %u %x %X %p, flags '0' '-'
 * '#', width (also `*`), precision for %s (also `.*`), lengths h hh l ll z. No floating point.
 * The result is always terminated when size > 0; the return value is the
 * length the whole text has, as with the C library's vsnprintf.
 */
#ifndef TAPROOT_FMT_H
#define TAPROOT_FMT_H

#include <stdarg.h>
#include <taproot/types.h>

int fmt_vsnprintf(char *buf, size_t size, const char *format, va_list ap) PRINTF(3, 0);
int fmt_snprintf(char *buf, size_t size, const char *format, ...) PRINTF(3, 4);

/*
 * Parse an unsigned number: decimal, or hexadecimal after 0x. `end` receives
 * the first character not used. Returns 0, -EINVAL (no digit) or -ERANGE.
 */
int fmt_parse_u64(const char *s, const char **end, uint64_t *value) MUST_CHECK;

#endif
