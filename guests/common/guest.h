/* SPDX-License-Identifier: MIT */
/* What the test kernels share: ports, memory, a console on com1, the machine's ACPI tables. */
#ifndef GUESTS_GUEST_H
#define GUESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Xen ABI, hvm/start_info.h (version 1). */
struct start_info {
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

/* Console: printf with %s %u %x. */
void say(const char *format, ...);
/* The table with this signature, or NULL. */
const uint8_t *find_table(const struct start_info *si, const char *signature);
/* Off, by the FADT's PM1a control block and sleep type 0 (QEMU's S5), or stop. */
void power_off(const struct start_info *si);

void guest_main(const struct start_info *si);

#endif
