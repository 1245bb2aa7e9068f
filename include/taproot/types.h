/* SPDX-License-Identifier: MIT */
/*
 * Basic types of the core.
 *
 * Addresses of different spaces are different single-field structs, so that
 * mixing them does not compile; `.v` is the number. No arithmetic macros:
 * `gpa(x.v + 4096)` says what it does.
 */
#ifndef TAPROOT_TYPES_H
#define TAPROOT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Guest physical address: what a domain's page tables and devices name. */
typedef struct {
	uint64_t v;
} gpa_t;

/* Host physical address: what the machine's buses see. */
typedef struct {
	uint64_t v;
} hpa_t;

/* I/O virtual address: what a device behind an IOMMU names. */
typedef struct {
	uint64_t v;
} iova_t;

/* PCI segment, bus, device, function: (seg << 16) | (bus << 8) | (dev << 3) | fn. */
typedef struct {
	uint32_t v;
} sbdf_t;

static inline gpa_t gpa(uint64_t v)
{
	return (gpa_t){v};
}

static inline hpa_t hpa(uint64_t v)
{
	return (hpa_t){v};
}

static inline sbdf_t sbdf_make(unsigned seg, unsigned bus, unsigned dev, unsigned fn)
{
	return (sbdf_t){(seg << 16) | (bus << 8) | (dev << 3) | fn};
}

static inline unsigned sbdf_segment(sbdf_t s)
{
	return s.v >> 16;
}

static inline unsigned sbdf_bus(sbdf_t s)
{
	return (s.v >> 8) & 0xff;
}

static inline unsigned sbdf_device(sbdf_t s)
{
	return (s.v >> 3) & 0x1f;
}

static inline unsigned sbdf_function(sbdf_t s)
{
	return s.v & 7;
}

/* "%04x:%02x:%02x.%x" and its arguments, for log lines. */
#define SBDF_FMT "%04x:%02x:%02x.%x"
#define SBDF_ARGS(s) sbdf_segment(s), sbdf_bus(s), sbdf_device(s), sbdf_function(s)

#define SBDF_NONE ((sbdf_t){0xffffffffu})

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ull
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define MIB        (1024ull * 1024)
#define GIB        (1024ull * MIB)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* `a` is a power of two that fits the type of `x`, whatever its own type. */
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + (__typeof__(x))(a)-1, a)

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NORETURN __attribute__((noreturn))
/* Seldom called: kept out of its callers, so that they need few registers and little stack. */
#define COLD __attribute__((noinline, cold))

/* All ones of an access of `len` bytes (1, 2, 4 or 8): what a master abort reads. */
static inline uint64_t ones(unsigned len)
{
	return len >= 8 ? UINT64_MAX : (1ull << (len * 8)) - 1;
}

struct domain;
struct vcpu;

#endif
