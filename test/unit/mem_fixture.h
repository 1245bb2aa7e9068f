/* SPDX-License-Identifier: MIT */
/*
 * Common to the tests of the memory modules: two domains, and
 * handlers that remember what reached them. Included after cmocka.h by one
 * test program each.
 */
#ifndef TAPROOT_TEST_MEM_FIXTURE_H
#define TAPROOT_TEST_MEM_FIXTURE_H

#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>

#include "host.h"
#include "host_mem.h"

#define FIXTURE_LIMIT  (1ull << 40)
#define FIXTURE_RANGES 256

static struct domain *dom0, *domu;

/* A new machine with a hardware domain and a second one; their memmaps are one hole each. */
static inline int fixture_domains(void **state)
{
	(void)state;
	host_reset();
	host_mem_reset();
	dom0 = domain_create(0, true, FIXTURE_LIMIT, FIXTURE_RANGES);
	domu = domain_create(1, false, FIXTURE_LIMIT, FIXTURE_RANGES);
	return dom0 && domu ? 0 : -1;
}

/* A trapped page's handler: reads give the low bits of the offset, writes are remembered. */
struct fixture_handler {
	unsigned reads, writes;
	uint64_t offset, value;
	unsigned len;
};

static inline uint64_t fixture_read(void *ctx, uint64_t offset, unsigned len)
{
	struct fixture_handler *h = ctx;
	uint64_t value = 0;

	h->reads++;
	h->offset = offset;
	h->len = len;
	for (unsigned i = 0; i < len; i++) {
		value |= ((offset + i) & 0xff) << (8 * i);
	}
	return value;
}

static inline void fixture_write(void *ctx, uint64_t offset, unsigned len, uint64_t value)
{
	struct fixture_handler *h = ctx;

	h->writes++;
	h->offset = offset;
	h->len = len;
	h->value = value;
}

static const struct mmio_ops fixture_ops = {"fixture", fixture_read, fixture_write};

static inline struct memmap_step step_claim(uint64_t start, uint64_t size, enum mem_type type,
					    unsigned device)
{
	return (struct memmap_step){
		.kind = MEMMAP_CLAIM,
		.type = type,
		.start = gpa(start),
		.size = size,
		.owner = sbdf_make(0, 0, device, 0),
		.ops = type == MEM_TRAP ? &fixture_ops : NULL,
	};
}

static inline struct memmap_step step_release(uint64_t start, uint64_t size, unsigned device)
{
	return (struct memmap_step){
		.kind = MEMMAP_RELEASE,
		.start = gpa(start),
		.size = size,
		.owner = sbdf_make(0, 0, device, 0),
	};
}

/* Check and commit; the check's answer. */
static inline int transact(struct memmap *m, const struct memmap_step *steps, unsigned count)
{
	int rc = memmap_check(m, steps, count, NULL);

	if (rc == 0) {
		memmap_commit(m, steps, count);
	}
	return rc;
}

static inline uint8_t type_at(const struct memmap *m, uint64_t a)
{
	return memmap_find(m, gpa(a))->type;
}

#endif
