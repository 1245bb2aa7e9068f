/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: memmap, its transactions, and the nested tables behind it.
 *
 * Input: operations of five bytes on two domains. Beside each map runs a model
 * that has one entry a page and no cleverness. Checked after each operation:
 * the answer is the model's, map and model agree page by page, the changes told
 * are the pages whose type changed and no others, the nested tables say what
 * the map says, and the other domain noticed nothing.
 *
 * Half of the operations are a vCPU's: the tables then follow in small pieces, of
 * which the input lets some come before the next operation. In between no
 * page with a handler, and none that is denied, may be mapped.
 */
#include <string.h>

#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>

#include "host.h"
#include "host_mem.h"
#include "require.h"

#define PAGES    1152u /* 4.5 MiB: superpages and their edges */
#define OPS_MAX  32u
#define RANGES   40u
#define STEPS    4u
#define OP_BYTES 5u
#define VCPUS    2u
#define PIECE    64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model_page {
	uint8_t base, type;
	uint16_t claim; /* first page of the claim */
	uint8_t owner;
};

struct side {
	struct domain *domain;
	struct nested nested;
	struct model_page page[PAGES];
};

static struct side side[2];
static struct model_page trial[PAGES];

static bool claimed(const struct model_page *p)
{
	return p->type != p->base && p->type != MEM_OPEN;
}

/* Ranges the map needs for this model. */
static unsigned model_ranges(const struct model_page *p)
{
	unsigned count = 1;

	for (unsigned i = 1; i < PAGES; i++) {
		count += p[i].type != p[i - 1].type || p[i].base != p[i - 1].base ||
			 (claimed(&p[i]) && p[i].claim != p[i - 1].claim);
	}
	return count;
}

static bool claimable(uint8_t base)
{
	return base == MEM_HOLE || base == MEM_RESERVED || base == MEM_LOW;
}

static int model_step(struct model_page *p, const struct memmap_step *s)
{
	unsigned first = (unsigned)(s->start.v / PAGE_SIZE);
	unsigned count = (unsigned)(s->size / PAGE_SIZE);
	unsigned end = first + count;

	if (first >= PAGES || end > PAGES) {
		return -EINVAL;
	}
	if (s->kind == MEMMAP_RELEASE && end < PAGES && claimed(&p[end]) && p[end].claim == first) {
		return -ENOENT;
	}
	for (unsigned i = first; i < end; i++) {
		if (s->kind == MEMMAP_CLAIM && (claimed(&p[i]) || !claimable(p[i].base))) {
			return -EBUSY;
		}
		if (s->kind == MEMMAP_RELEASE &&
		    (!claimed(&p[i]) || p[i].claim != first || p[i].owner != s->owner.v)) {
			return -ENOENT;
		}
	}
	for (unsigned i = first; i < end; i++) {
		bool claim = s->kind == MEMMAP_CLAIM;

		p[i].type = claim ? (uint8_t)s->type : p[i].base;
		p[i].claim = (uint16_t)first;
		p[i].owner = (uint8_t)s->owner.v;
	}
	return 0;
}

static const struct mmio_ops ops = {"fuzz", NULL, NULL};

static struct memmap_step decode_step(const uint8_t *d)
{
	static const enum mem_type types[] = {MEM_MMIO, MEM_TRAP, MEM_DENY, MEM_MMIO};
	static const uint16_t sizes[] = {1, 2, 3, 8, 64, 512, 513, 700};
	struct memmap_step s = {
		.kind = d[0] & 8 ? MEMMAP_RELEASE : MEMMAP_CLAIM,
		.type = types[d[0] >> 4 & 3],
		.start = gpa((d[1] * 8u + (d[2] & 7u)) % PAGES * PAGE_SIZE),
		.size = sizes[d[2] >> 3 & 7] * PAGE_SIZE,
		.owner = {d[2] >> 6 & 1},
		.ops = &ops,
	};

	if (d[2] & 0x80) {
		s.start = gpa(s.start.v & ~(2 * MIB - 1));
	}
	return s;
}

static void do_transaction(struct side *s, const uint8_t *d, size_t left)
{
	struct memmap *m = &s->domain->memmap;
	unsigned count = 1 + (d[0] >> 6);
	struct memmap_step step[STEPS];
	unsigned claims = 0;
	int want = 0, rc;

	memcpy(trial, s->page, sizeof(trial));
	for (unsigned i = 0; i < count; i++) {
		step[i] = decode_step(d + ((i + 1) * OP_BYTES <= left ? i * OP_BYTES : 0));
		if (i) {
			step[i].start.v ^= (uint64_t)(d[3] & 3) << PAGE_SHIFT;
		}
		claims += step[i].kind == MEMMAP_CLAIM;
	}
	for (unsigned i = 0; i < count && want == 0; i++) {
		want = model_step(trial, &step[i]);
	}
	rc = memmap_check(m, step, count, NULL);
	if (want == 0 && rc == -ENOSPC) {
		REQUIRE(model_ranges(s->page) + 2 * claims > RANGES);
		return;
	}
	REQUIRE(rc == want);
	if (rc == 0) {
		memmap_commit(m, step, count);
		memcpy(s->page, trial, sizeof(trial));
	}
}

static void do_base(struct side *s, const uint8_t *d)
{
	static const enum mem_type types[] = {MEM_HOLE, MEM_RAM, MEM_RESERVED, MEM_ACPI,
					      MEM_LOW,  MEM_NVS, MEM_UNUSABLE, MEM_OURS};
	struct memmap_step where = decode_step(d);
	unsigned first = (unsigned)(where.start.v / PAGE_SIZE);
	unsigned end = first + (unsigned)(where.size / PAGE_SIZE);
	enum mem_type type = types[d[3] & 7];
	int rc = memmap_set_base(&s->domain->memmap, where.start, gpa(end * PAGE_SIZE), type);
	int want = end > PAGES ? -EINVAL : 0;

	for (unsigned i = first; i < end && want == 0; i++) {
		want = claimed(&s->page[i]) ? -EBUSY : 0;
	}
	if (want == 0 && rc == -ENOSPC) {
		REQUIRE(model_ranges(s->page) + 2 > RANGES);
		return;
	}
	REQUIRE(rc == want);
	for (unsigned i = first; i < end && rc == 0; i++) {
		s->page[i] = (struct model_page){.base = type, .type = type};
	}
	/* Nobody is told of base types: what is built on them is derived anew. */
	while (rc == 0 && nested_sync(&s->nested, &s->domain->memmap, gpa(0),
				      gpa(PAGES * PAGE_SIZE)) == -ENOMEM) {
		nested_flushed(&s->nested);
		REQUIRE(nested_refill(&s->nested, s->nested.reserve_count + 1) == 0);
	}
	nested_flushed(&s->nested);
}

static void do_open(struct side *s, const uint8_t *d)
{
	unsigned i = (d[1] * 8u + (d[2] & 7u)) % PAGES;
	uint8_t type = s->page[i].type;
	int rc = memmap_open(&s->domain->memmap, gpa(i * PAGE_SIZE + (d[3] & 0xf)));

	if (type != MEM_HOLE && type != MEM_RESERVED) {
		REQUIRE(rc == -EBUSY);
	} else if (rc == -ENOSPC) {
		REQUIRE(model_ranges(s->page) + RANGES / 4 + 2 > RANGES);
	} else {
		REQUIRE(rc == 0);
		s->page[i].type = MEM_OPEN;
	}
}

/* Nobody reaches a page behind its handler's back. */
static void check_hidden(const struct side *s)
{
	struct nested_leaf leaf;

	for (unsigned i = 0; i < PAGES; i++) {
		if (s->page[i].type == MEM_TRAP || s->page[i].type == MEM_DENY) {
			REQUIRE(!nested_lookup(&s->nested, gpa(i * PAGE_SIZE), &leaf));
		}
	}
}

/* What vCPUs do before they go on: `count` pieces at most. */
static void go_on(struct side *s, unsigned count)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		struct vcpu *v = s->domain->vcpu[i];

		host_vcpu_set(v);
		while (v->behind && count) {
			vcpu_catch_up(v);
			count--;
		}
	}
	host_vcpu_set(NULL);
}

static void check_agreement(const struct side *s, bool tables)
{
	const struct memmap *m = &s->domain->memmap;
	uint64_t at = 0;
	gpa_t where;

	REQUIRE(m->count <= m->capacity);
	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		REQUIRE(r->start.v == at && r->end.v > at);
		REQUIRE(memmap_find(m, r->start) == r && memmap_find(m, gpa(r->end.v - 1)) == r);
		for (; at < r->end.v; at += PAGE_SIZE) {
			const struct model_page *p = &s->page[at / PAGE_SIZE];

			REQUIRE(r->type == p->type && r->base == p->base);
			REQUIRE(!claimed(p) || r->claim.v == p->claim * PAGE_SIZE);
			REQUIRE((r->type == MEM_TRAP) == (r->ops != NULL));
		}
	}
	REQUIRE(at == m->limit);
	REQUIRE(!tables || !memmap_is_followed(m) || nested_matches(&s->nested, m, &where));
	if (tables) {
		check_hidden(s);
	}
}

/* What was told is in order, happened, and is all that happened. */
static void check_changes(const struct side *s, const struct model_page *before)
{
	unsigned told = 0, changed = 0;

	REQUIRE(host_change_count <= HOST_CHANGES_MAX);
	if (host_change_count == 0 && memcmp(before, s->page, sizeof(s->page)) == 0) {
		return;
	}
	for (unsigned i = 0; i < host_change_count; i++) {
		const struct memmap_change *c = &host_change[i].change;

		REQUIRE(host_change[i].domain == s->domain);
		REQUIRE(c->start.v < c->end.v);
		REQUIRE(i == 0 || host_change[i - 1].change.end.v <= c->start.v);
		for (uint64_t a = c->start.v; a < c->end.v; a += PAGE_SIZE) {
			REQUIRE(before[a / PAGE_SIZE].type == c->from);
			REQUIRE(s->page[a / PAGE_SIZE].type == c->to && c->from != c->to);
			told++;
		}
	}
	for (unsigned i = 0; i < PAGES; i++) {
		changed += before[i].type != s->page[i].type;
	}
	REQUIRE(told == changed);
}

static void begin(void)
{
	host_reset();
	host_mem_reset();
	for (unsigned i = 0; i < 2; i++) {
		memset(side[i].page, 0, sizeof(side[i].page));
		side[i].domain =
			domain_create((uint16_t)i, i == 0, PAGES * PAGE_SIZE, RANGES);
		REQUIRE(side[i].domain && nested_init(&side[i].nested, &nested_amd) == 0);
		REQUIRE(host_nested_attach(side[i].domain, &side[i].nested));
		side[i].domain->memmap.piece = PIECE;
		for (unsigned n = 0; n < VCPUS; n++) {
			REQUIRE(domain_add_vcpu(side[i].domain, n, n, false) == 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model_page before[PAGES];

	begin();
	if (size > OPS_MAX * OP_BYTES) {
		size = OPS_MAX * OP_BYTES;
	}
	for (; size >= OP_BYTES; data += OP_BYTES, size -= OP_BYTES) {
		struct side *s = &side[data[4] & 1];
		struct side *other = &side[!(data[4] & 1)];
		uint64_t generation = other->domain->memmap.generation;
		uint64_t mine = s->domain->memmap.generation;

		memcpy(before, s->page, sizeof(before));
		host_changes_clear();
		if (data[4] & 2) {
			host_vcpu_set(s->domain->vcpu[data[4] >> 2 & 1]);
		}
		switch (data[0] & 7) {
		case 0:
			do_base(s, data);
			REQUIRE(host_change_count == 0);
			break;
		case 1:
			do_open(s, data);
			check_changes(s, before);
			break;
		default:
			do_transaction(s, data, size);
			check_changes(s, before);
			break;
		}
		if (s->domain->memmap.generation != mine) {
			check_agreement(s, size / OP_BYTES % 8 == 0);
		}
		host_vcpu_set(NULL);
		REQUIRE(other->domain->memmap.generation == generation);
		go_on(s, data[4] >> 3 & 3);
	}
	for (unsigned i = 0; i < 2; i++) {
		go_on(&side[i], UINT32_MAX);
		REQUIRE(memmap_is_followed(&side[i].domain->memmap));
		check_agreement(&side[i], true);
	}
	return 0;
}
