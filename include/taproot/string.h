/* SPDX-License-Identifier: MIT */
/*
 * The few string functions of the core, with the C library's names and
 * contracts. In the image core/lib/string.c provides them; hosted programs
 * take them from their C library.
 */
#ifndef TAPROOT_STRING_H
#define TAPROOT_STRING_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

#endif
