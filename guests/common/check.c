// SPDX-License-Identifier: MIT
/*
 * Checks and the verdict of a test kernel, and its time. The last line a test
 * kernel prints is `guest: NAME: pass` or `guest: NAME: fail: ...`, with figures.
 */
#include <stdarg.h>
#include "guest.h"
#include "trap.h"

#define PM_TIMER_HZ 3579545u
#define CALIBRATION (PM_TIMER_HZ / 100)

const struct pvh_start *start_info;
uint64_t tsc_per_us;

static const char *guest_name;
static uint64_t checks, failures, skips;

/* Ticks in a second, by the PM timer (ACPI 6.5 4.8.3.3) at `port`. */
static uint64_t measure(uint16_t port)
{
	uint32_t begin = inl(port), past = 0;
	uint64_t tsc = rdtsc();

	while (past < CALIBRATION) {
		past = (inl(port) - begin) & 0xffffff;
	}
	return (rdtsc() - tsc) * PM_TIMER_HZ / past;
}

/* The middle one of three: a busy machine may stop us between two readings. */
static void calibrate(void)
{
	const uint8_t *fadt = find_table(start_info, "FACP");
	uint16_t port = fadt ? (uint16_t)read32((uint64_t)fadt + 76) : 0;
	uint64_t a, b, c;

	if (!port) {
		guest_fail("no PM timer");
	}
	a = measure(port);
	b = measure(port);
	c = measure(port);
	tsc_per_us = (a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b)) / 1000000;
	tsc_per_us = tsc_per_us ? tsc_per_us : 1;
}

void guest_begin(const struct pvh_start *si, const char *name)
{
	start_info = si;
	guest_name = name;
	trap_init(0);
	calibrate();
	say("guest: %s: begins, %u ticks in a microsecond\n", name, tsc_per_us);
}

bool check_result(bool ok, const char *format, ...)
{
	va_list ap;

	checks++;
	if (!ok) {
		failures++;
		say("guest: failed: ");
		va_start(ap, format);
		say_list(format, ap);
		va_end(ap);
		say("\n");
	}
	return ok;
}

void skip(const char *reason)
{
	skips++;
	say("guest: skipped: %s\n", reason);
}

void guest_end(void)
{
	if (failures) {
		say("guest: %s: fail: %u of %u checks\n", guest_name, failures, checks);
	} else {
		say("guest: %s: pass: %u checks, %u skipped\n", guest_name, checks, skips);
	}
	power_off(start_info);
}

void guest_fail(const char *format, ...)
{
	va_list ap;

	say("guest: %s: fail: ", guest_name);
	va_start(ap, format);
	say_list(format, ap);
	va_end(ap);
	say("\n");
	power_off(start_info);
}

void delay_us(uint64_t us)
{
	uint64_t end = after_us(us);

	while (rdtsc() < end) {
		__asm__ volatile("pause");
	}
}

bool option(const char *word)
{
	const char *p = (const char *)start_info->cmdline;

	while (p && *p) {
		unsigned n = 0;

		while (word[n] && p[n] == word[n]) {
			n++;
		}
		if (!word[n] && (p[n] == 0 || p[n] == ' ')) {
			return true;
		}
		while (*p && *p != ' ') {
			p++;
		}
		while (*p == ' ') {
			p++;
		}
	}
	return false;
}
