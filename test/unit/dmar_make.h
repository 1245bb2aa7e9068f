/* SPDX-License-Identifier: MIT */
/* DMAR structures made by tests (VT-d 4.1 8.3 to 8.8), in the buffer of acpi_make.h. */
#ifndef TEST_DMAR_MAKE_H
#define TEST_DMAR_MAKE_H

#include "acpi_make.h"

static inline void make_dmar(struct maker *m, unsigned width, unsigned flags)
{
	make_start(m, "DMAR", 48);
	m->b[DMAR_WIDTH] = (uint8_t)(width - 1);
	m->b[DMAR_FLAGS] = (uint8_t)flags;
}

/* A structure of `len` bytes so far; returns where it begins. */
static inline size_t make_structure(struct maker *m, unsigned type, unsigned len)
{
	size_t at = m->len;

	make_put(m, 2, type);
	make_put(m, 2, len);
	m->len = at + len;
	return at;
}

static inline size_t make_drhd(struct maker *m, bool all, unsigned segment, uint64_t base)
{
	size_t at = make_structure(m, 0, 16);

	m->b[at + 4] = all;
	acpi_put(m->b, at + 6, 2, segment);
	acpi_put(m->b, at + 8, 8, base);
	return at;
}

static inline size_t make_rmrr(struct maker *m, unsigned segment, uint64_t base, uint64_t limit)
{
	size_t at = make_structure(m, 1, 24);

	acpi_put(m->b, at + 6, 2, segment);
	acpi_put(m->b, at + 8, 8, base);
	acpi_put(m->b, at + 16, 8, limit);
	return at;
}

/* A scope of the structure at `at`: `hops` pairs of device and function. */
static inline void make_scope(struct maker *m, size_t at, unsigned type, unsigned id, unsigned bus,
			      unsigned hops, const uint8_t *path)
{
	make_put(m, 1, type);
	make_put(m, 1, 6 + 2 * hops);
	make_put(m, 2, 0);
	make_put(m, 1, id);
	make_put(m, 1, bus);
	for (unsigned i = 0; i < 2 * hops; i++) {
		make_put(m, 1, path[i]);
	}
	acpi_put(m->b, at + 2, 2, m->len - at);
}

static inline void make_scope1(struct maker *m, size_t at, unsigned type, unsigned id, unsigned bus,
			       unsigned device, unsigned function)
{
	const uint8_t path[] = {(uint8_t)device, (uint8_t)function};

	make_scope(m, at, type, id, bus, 1, path);
}

#endif
