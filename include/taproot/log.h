/* SPDX-License-Identifier: MIT */
/*
 * The log: levels, time stamps, rate limits.
 *
 * error = a bug of ours or a machine that cannot be used; notice = a domain or
 * firmware misbehaves; info; trace. A line that a domain can cause must go
 * through log_guest(), which limits the rate per call site and says how many
 * lines it left out.
 */
#ifndef TAPROOT_LOG_H
#define TAPROOT_LOG_H

#include <taproot/types.h>

enum log_level { LOG_ERROR, LOG_NOTICE, LOG_INFO, LOG_TRACE };

extern enum log_level log_threshold;

void log_write(enum log_level level, const char *format, ...) PRINTF(2, 3);

/* Arguments are evaluated only when the line is written: they must have no effects. */
#define log_error(...)  log_write(LOG_ERROR, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)                                  \
	do {                                           \
		if (log_threshold >= LOG_INFO) {       \
			log_write(LOG_INFO, __VA_ARGS__); \
		}                                      \
	} while (0)
#define log_trace(...)                                  \
	do {                                            \
		if (log_threshold >= LOG_TRACE) {       \
			log_write(LOG_TRACE, __VA_ARGS__); \
		}                                       \
	} while (0)

/* State of one rate-limited call site: a token bucket, 10 lines, one more a second. */
struct log_limit {
	uint64_t stamp;    /* arch_time() of the last refill */
	uint32_t tokens;   /* lines that may still be written */
	uint32_t dropped;  /* lines left out since the last one written */
	bool started;
};

/* True when a line may be written now; writes a line about dropped ones itself. */
bool log_limit_pass(struct log_limit *limit);

#define log_guest(...)                                                  \
	do {                                                            \
		static struct log_limit log_limit_;                     \
		if (log_limit_pass(&log_limit_)) {                      \
			log_write(LOG_NOTICE, __VA_ARGS__);             \
		}                                                       \
	} while (0)

#define LOG_RING_SIZE 32768u

/*
 * The last LOG_RING_SIZE bytes of the log, for readers other than the console: up to `size`
 * characters from *position on (0: the oldest there is), which moves behind them. How many.
 */
size_t log_ring_read(uint64_t *position, char *buf, size_t size);
/* Forget what the ring holds now. */
void log_ring_clear(void);

#endif
