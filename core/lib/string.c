// SPDX-License-Identifier: MIT
/*
 * Memory and string functions of the image (C17 7.24). The compiler also
 * calls the mem* ones on its own. Hosted programs use their C library's.
 *
 * The string instructions are left out on purpose: this file is core and
 * knows no processor; word loops do for copies that are not on a trap path.
 */
#include <taproot/string.h>
#include <taproot/types.h>

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	for (; n >= 8; n -= 8, d += 8, s += 8) {
		*(word_t *)d = *(const word_t *)s;
	}
	while (n--) {
		*d++ = *s++;
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (d == s || n == 0) {
		return dst;
	}
	if (d < s || d >= s + n) {
		/* A word is read before its place is written: safe for d < s, however close. */
		for (; n >= 8; n -= 8, d += 8, s += 8) {
			*(word_t *)d = *(const word_t *)s;
		}
		while (n--) {
			*d++ = *s++;
		}
		return dst;
	}
	while (n >= 8) {
		n -= 8;
		*(word_t *)(d + n) = *(const word_t *)(s + n);
	}
	while (n--) {
		d[n] = s[n];
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	uint64_t word = (uint8_t)c * 0x0101010101010101ull;

	for (; n >= 8; n -= 8, d += 8) {
		*(word_t *)d = word;
	}
	while (n--) {
		*d++ = (uint8_t)c;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y) {
			return *x - *y;
		}
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		n++;
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b || !*a) {
			return (uint8_t)*a - (uint8_t)*b;
		}
	}
	return 0;
}
