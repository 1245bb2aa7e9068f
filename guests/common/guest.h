/* SPDX-License-Identifier: MIT */
/*
 * What the test kernels share: ports, memory, a console on com1, checks and
 * their verdict, the machine's ACPI tables. Processor instructions are in cpu.h,
 * exceptions in trap.h, the local APIC and other processors in apic.h.
 */
#ifndef GUESTS_GUEST_H
#define GUESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value for say() and check(). */
#define U(x)     ((uint64_t)(x))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Xen ABI, hvm/start_info.h (version 1). */
struct pvh_start {
	uint32_t magic, version, flags, module_count;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline uint32_t read32(uint64_t a)
{
	uint32_t v;

	__asm__ volatile("movl (%1), %0" : "=a"(v) : "r"(a) : "memory");
	return v;
}

static inline void write32(uint64_t a, uint32_t v)
{
	__asm__ volatile("movl %0, (%1)" : : "a"(v), "r"(a) : "memory");
}

static inline uint16_t read16(uint64_t a)
{
	uint16_t v;

	__asm__ volatile("movw (%1), %0" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline void write16(uint64_t a, uint16_t v)
{
	__asm__ volatile("movw %0, (%1)" : : "r"(v), "r"(a) : "memory");
}

/* Console: printf with %s %u %x, whose numbers are uint64_t. */
void say(const char *format, ...);
void say_list(const char *format, __builtin_va_list ap);
/* The table with this signature, or NULL. */
const uint8_t *find_table(const struct pvh_start *si, const char *signature);
/* Off, by the FADT's PM1a control block and sleep type 0 (QEMU's S5), or stop. */
void power_off(const struct pvh_start *si) __attribute__((noreturn));

/* Exceptions, the other tables and the time: first thing in guest_main(). */
void guest_begin(const struct pvh_start *si, const char *name);
/* Count a check; a failed one is printed, by format and values as say() has them. Is `ok`. */
#define check(ok, ...)                                                                             \
	({                                                                                         \
		bool check_ok = (ok);                                                              \
		check_result(check_ok, __VA_ARGS__);                                               \
	})
bool check_result(bool ok, const char *format, ...);
/* Say that something cannot be checked here, and why. */
void skip(const char *reason);
/* The verdict's line, and off. */
void guest_end(void) __attribute__((noreturn));
/* The failure from which there is no way on. */
void guest_fail(const char *format, ...) __attribute__((noreturn));
/* Is this word on the command line? */
bool option(const char *word);

extern const struct pvh_start *start_info;
/* Time stamp counter ticks in a microsecond, by the PM timer. */
extern uint64_t tsc_per_us;

static inline uint64_t after_us(uint64_t us)
{
	return rdtsc() + us * tsc_per_us;
}

void delay_us(uint64_t us);

/* Wait until `condition` holds, `us` microseconds at most; is it so? */
#define WAIT(condition, us)                                                                        \
	({                                                                                         \
		uint64_t wait_end = after_us(us);                                                  \
		while (!(condition) && rdtsc() < wait_end) {                                       \
			__asm__ volatile("pause" : : : "memory");                                  \
		}                                                                                  \
		(bool)(condition);                                                                 \
	})

void guest_main(const struct pvh_start *si);

#endif
