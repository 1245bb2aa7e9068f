// SPDX-License-Identifier: MIT
/* A bug of ours: one line with its place and state, then the architecture's report. */
#include <stdarg.h>
#include <taproot/arch.h>
#include <taproot/fmt.h>
#include <taproot/panic.h>

void panic_at(const char *file, int line, const char *format, ...)
{
	char text[200];
	int n = fmt_snprintf(text, sizeof(text), "PANIC cpu%u %s:%d: ", arch_cpu_this(), file, line);
	size_t used = MIN((size_t)n, sizeof(text) - 1);
	va_list ap;

	/* Not through log_write(): the log's lock may be held by the code that failed. */
	va_start(ap, format);
	n = fmt_vsnprintf(text + used, sizeof(text) - used, format, ap);
	va_end(ap);
	used = MIN(used + (size_t)n, sizeof(text) - 1);
	arch_console_write(text, used);
	arch_console_write("\n", 1);
	arch_panic();
}
