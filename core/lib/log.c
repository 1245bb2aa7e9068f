// SPDX-License-Identifier: MIT
/*
 * The log: a line is formatted once, kept in a ring in memory and written to
 * the console with its time since power-on and its level.
 *
 * Not supported: lines longer than LINE_MAX (cut, marked with "...").
 */
#include <stdarg.h>
#include <taproot/arch.h>
#include <taproot/fmt.h>
#include <taproot/lock.h>
#include <taproot/log.h>
#include <taproot/string.h>

#define LINE_MAX     240
#define LIMIT_BURST  10

enum log_level log_threshold = LOG_INFO;

static struct lock log_lock;
static char ring[LOG_RING_SIZE];
static uint64_t ring_written; /* characters ever written */
static uint64_t ring_cleared; /* what was written before is not given out any more */

static const char level_letter[] = {'E', 'N', 'I', 'T'};

static void ring_put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ring[(ring_written + i) % LOG_RING_SIZE] = s[i];
	}
	ring_written += n;
}

/* "[  1.234567] I " */
static size_t put_stamp(char *line, size_t size, enum log_level level)
{
	uint64_t hz = arch_time_hz();
	uint64_t now = arch_time();
	uint64_t s = hz ? now / hz : 0;
	uint64_t us = hz ? (now % hz) * 1000000 / hz : 0;

	return (size_t)fmt_snprintf(line, size, "[%4llu.%06llu] %c ", (unsigned long long)s,
				    (unsigned long long)us, level_letter[level]);
}

static void write_line(enum log_level level, const char *format, va_list ap)
{
	char line[LINE_MAX];
	size_t n = put_stamp(line, sizeof(line), level);
	int length;

	length = fmt_vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	if (n + (size_t)length > sizeof(line) - 2) {
		memcpy(line + sizeof(line) - 5, "...", 3);
		n = sizeof(line) - 2;
	} else {
		n += (size_t)length;
	}
	line[n++] = '\n';
	lock_acquire(&log_lock);
	ring_put(line, n);
	arch_console_write(line, n);
	lock_release(&log_lock);
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list ap;

	if (level > log_threshold) {
		return;
	}
	va_start(ap, format);
	write_line(level, format, ap);
	va_end(ap);
}

/* Refill the bucket by the whole seconds since the last time. */
static void limit_refill(struct log_limit *limit, uint64_t now, uint64_t hz)
{
	if (!limit->started) {
		limit->started = true;
		limit->stamp = now;
		limit->tokens = LIMIT_BURST;
	} else if (hz && now - limit->stamp >= hz) {
		uint64_t more = (now - limit->stamp) / hz;

		limit->stamp = now;
		limit->tokens = (uint32_t)MIN(limit->tokens + more, (uint64_t)LIMIT_BURST);
	}
}

bool log_limit_pass(struct log_limit *limit)
{
	static struct lock limit_lock;
	uint32_t dropped = 0;
	bool pass;

	lock_acquire(&limit_lock);
	limit_refill(limit, arch_time(), arch_time_hz());
	pass = limit->tokens > 0;
	if (pass) {
		limit->tokens--;
		dropped = limit->dropped;
		limit->dropped = 0;
	} else {
		limit->dropped++;
	}
	lock_release(&limit_lock);
	if (dropped) {
		log_write(LOG_NOTICE, "(%u similar lines left out)", dropped);
	}
	return pass;
}

size_t log_ring_read(uint64_t *position, char *buf, size_t size)
{
	size_t n;

	lock_acquire(&log_lock);
	if (ring_written > LOG_RING_SIZE && *position < ring_written - LOG_RING_SIZE) {
		*position = ring_written - LOG_RING_SIZE;
	}
	*position = MAX(*position, ring_cleared);
	for (n = 0; n < size && *position < ring_written; n++, (*position)++) {
		buf[n] = ring[*position % LOG_RING_SIZE];
	}
	lock_release(&log_lock);
	return n;
}

void log_ring_clear(void)
{
	lock_acquire(&log_lock);
	ring_cleared = ring_written;
	lock_release(&log_lock);
}
