// SPDX-License-Identifier: MIT
/* See guest.h. */
#include <stdarg.h>
#include "guest.h"

#define COM1 0x3f8

static void put(char c)
{
	while (!(inb(COM1 + 5) & 0x20)) {
	}
	outb(COM1, (uint8_t)c);
}

static void put_number(uint64_t v, unsigned base)
{
	char text[24];
	unsigned n = 0;

	do {
		text[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n) {
		put(text[--n]);
	}
}

void say_list(const char *format, va_list ap)
{
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			put(*f);
			continue;
		}
		f++;
		if (*f == 's') {
			for (const char *s = va_arg(ap, const char *); *s; s++) {
				put(*s);
			}
		} else {
			put_number(va_arg(ap, uint64_t), *f == 'x' ? 16 : 10);
		}
	}
}

void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say_list(format, ap);
	va_end(ap);
}

static bool same(const uint8_t *p, const char *signature)
{
	return p[0] == signature[0] && p[1] == signature[1] && p[2] == signature[2] &&
	       p[3] == signature[3];
}

const uint8_t *find_table(const struct pvh_start *si, const char *signature)
{
	const uint8_t *rsdp = (const uint8_t *)si->rsdp;
	const uint8_t *xsdt = (const uint8_t *)*(const uint64_t *)(rsdp + 24);
	uint32_t length = *(const uint32_t *)(xsdt + 4);

	for (uint32_t at = 36; at + 8 <= length; at += 8) {
		uint64_t a = (uint64_t)read32((uint64_t)xsdt + at) |
			     (uint64_t)read32((uint64_t)xsdt + at + 4) << 32;

		if (same((const uint8_t *)a, signature)) {
			return (const uint8_t *)a;
		}
	}
	return NULL;
}

void power_off(const struct pvh_start *si)
{
	const uint8_t *fadt = find_table(si, "FACP");

	if (fadt) {
		outw((uint16_t)read32((uint64_t)fadt + 64), 1 << 13);
	}
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}
