/* SPDX-License-Identifier: MIT */
/* memmap: base types, look-up, transactions, what is told about them, E820. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "mem_fixture.h"

#define BAR 0xfe000000ull

static void assert_covers(const struct memmap *m)
{
	assert_int_equal(m->range[0].start.v, 0);
	assert_int_equal(m->range[m->count - 1].end.v, m->limit);
	assert_true(m->count <= m->capacity);
	for (unsigned i = 0; i < m->count; i++) {
		assert_true(m->range[i].start.v < m->range[i].end.v);
		if (i) {
			assert_int_equal(m->range[i].start.v, m->range[i - 1].end.v);
		}
	}
}

static void empty_map_is_one_hole(void **state)
{
	(void)state;
	assert_int_equal(dom0->memmap.count, 1);
	assert_int_equal(type_at(&dom0->memmap, 0), MEM_HOLE);
	assert_int_equal(type_at(&dom0->memmap, FIXTURE_LIMIT - 1), MEM_HOLE);
	assert_null(memmap_find(&dom0->memmap, gpa(FIXTURE_LIMIT)));
	assert_null(memmap_find(&dom0->memmap, gpa(UINT64_MAX)));
}

static void base_types_replace_and_merge(void **state)
{
	struct memmap *m = &dom0->memmap;

	(void)state;
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(GIB), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(m, gpa(0x1000), gpa(0x3000), MEM_RESERVED), 0);
	assert_int_equal(m->count, 4);
	assert_int_equal(type_at(m, 0xfff), MEM_RAM);
	assert_int_equal(type_at(m, 0x1000), MEM_RESERVED);
	assert_int_equal(type_at(m, 0x2fff), MEM_RESERVED);
	assert_int_equal(type_at(m, 0x3000), MEM_RAM);
	assert_int_equal(memmap_set_base(m, gpa(0x1000), gpa(0x3000), MEM_RAM), 0);
	assert_int_equal(m->count, 2);
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(FIXTURE_LIMIT), MEM_HOLE), 0);
	assert_int_equal(m->count, 1);
	assert_covers(m);
	assert_int_equal(host_change_calls, 0);
	assert_int_equal(domu->memmap.generation, 0);
}

static void base_type_refusals(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step s = step_claim(BAR, 0x1000, MEM_MMIO, 1);

	(void)state;
	assert_int_equal(memmap_set_base(m, gpa(1), gpa(0x1000), MEM_RAM), -EINVAL);
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(0x1001), MEM_RAM), -EINVAL);
	assert_int_equal(memmap_set_base(m, gpa(0x1000), gpa(0x1000), MEM_RAM), -EINVAL);
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(FIXTURE_LIMIT + 0x1000), MEM_RAM), -EINVAL);
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(0x1000), MEM_MMIO), -EINVAL);
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(0x1000), MEM_TYPE_COUNT), -EINVAL);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(BAR + 1 * MIB), MEM_RAM), -EBUSY);
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(BAR), MEM_RAM), 0);
}

static void base_type_needs_room(void **state)
{
	struct mem_range storage[3];
	struct memmap m;

	(void)state;
	memmap_init(&m, NULL, storage, 3, FIXTURE_LIMIT);
	assert_int_equal(memmap_set_base(&m, gpa(0x1000), gpa(0x2000), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(&m, gpa(0x5000), gpa(0x6000), MEM_RAM), -ENOSPC);
	assert_covers(&m);
}

static void claim_covers_and_release_uncovers(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step s = step_claim(BAR, 0x4000, MEM_MMIO, 3);
	const struct mem_range *r;

	(void)state;
	/* One claim over a hole, a reserved range, the low MiB's kind, and a hole again. */
	assert_int_equal(memmap_set_base(m, gpa(BAR + 0x1000), gpa(BAR + 0x2000), MEM_RESERVED), 0);
	assert_int_equal(memmap_set_base(m, gpa(BAR + 0x2000), gpa(BAR + 0x3000), MEM_LOW), 0);
	assert_int_equal(transact(m, &s, 1), 0);
	for (uint64_t a = BAR; a < BAR + 0x4000; a += 0x800) {
		r = memmap_find(m, gpa(a));
		assert_int_equal(r->type, MEM_MMIO);
		assert_int_equal(r->claim.v, BAR);
		assert_int_equal(r->owner.v, s.owner.v);
		assert_true(memmap_is_claim(r));
	}
	s = step_release(BAR, 0x4000, 3);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(type_at(m, BAR), MEM_HOLE);
	assert_int_equal(type_at(m, BAR + 0x1000), MEM_RESERVED);
	assert_int_equal(type_at(m, BAR + 0x2000), MEM_LOW);
	assert_int_equal(type_at(m, BAR + 0x3000), MEM_HOLE);
	assert_covers(m);
}

static void claims_that_are_refused(void **state)
{
	static const enum mem_type no[] = {MEM_RAM, MEM_ACPI, MEM_NVS, MEM_UNUSABLE, MEM_OURS,
					   MEM_DENY};
	struct memmap *m = &dom0->memmap;
	struct mem_range met;
	struct memmap_step s;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(no); i++) {
		uint64_t a = BAR + 0x10000 * i;

		assert_int_equal(memmap_set_base(m, gpa(a + 0x3000), gpa(a + 0x4000), no[i]), 0);
		s = step_claim(a, 0x4000, MEM_MMIO, 1);
		assert_int_equal(memmap_check(m, &s, 1, &met), -EBUSY);
		assert_int_equal(met.type, no[i]);
		assert_int_equal(met.start.v, a + 0x3000);
		s = step_claim(a, 0x3000, MEM_MMIO, 1);
		assert_int_equal(transact(m, &s, 1), 0);
		s = step_claim(a + 0x2000, 0x1000, MEM_TRAP, 2);
		assert_int_equal(memmap_check(m, &s, 1, &met), -EBUSY);
		assert_int_equal(met.owner.v, sbdf_make(0, 0, 1, 0).v);
	}
}

static void malformed_steps(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step good = step_claim(BAR, 0x1000, MEM_TRAP, 1);
	struct memmap_step s;

	(void)state;
	s = good, s.start.v++;
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.size = 0;
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.size = 0x1800;
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.size = UINT64_MAX & PAGE_MASK;
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.start = gpa(FIXTURE_LIMIT);
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.type = MEM_RAM;
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.ops = NULL;
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.kind = (enum memmap_step_kind)7;
	assert_int_equal(memmap_check(m, &s, 1, NULL), -EINVAL);
	s = good, s.start = gpa(FIXTURE_LIMIT - 0x1000);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(type_at(m, FIXTURE_LIMIT - 1), MEM_TRAP);
}

static void release_must_match(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step s = step_claim(BAR, 0x3000, MEM_MMIO, 1);

	(void)state;
	assert_int_equal(transact(m, &s, 1), 0);
	s = step_release(BAR, 0x2000, 1);
	assert_int_equal(memmap_check(m, &s, 1, NULL), -ENOENT);
	s = step_release(BAR, 0x4000, 1);
	assert_int_equal(memmap_check(m, &s, 1, NULL), -ENOENT);
	s = step_release(BAR + 0x1000, 0x2000, 1);
	assert_int_equal(memmap_check(m, &s, 1, NULL), -ENOENT);
	s = step_release(BAR, 0x3000, 2);
	assert_int_equal(memmap_check(m, &s, 1, NULL), -ENOENT);
	s = step_release(BAR - 0x1000, 0x1000, 1);
	assert_int_equal(memmap_check(m, &s, 1, NULL), -ENOENT);
	s = step_release(BAR, 0x3000, 1);
	assert_int_equal(memmap_check(&domu->memmap, &s, 1, NULL), -ENOENT);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(transact(m, &s, 1), -ENOENT);
}

/* The check follows the steps in their order without carrying them out. */
static void check_is_sequential(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step s[5];

	(void)state;
	s[0] = step_claim(BAR, 0x2000, MEM_MMIO, 1);
	assert_int_equal(transact(m, s, 1), 0);

	/* Move onto a place that overlaps the old one: only after the release. */
	s[0] = step_release(BAR, 0x2000, 1);
	s[1] = step_claim(BAR + 0x1000, 0x2000, MEM_MMIO, 1);
	assert_int_equal(memmap_check(m, s, 2, NULL), 0);
	s[2] = s[0], s[0] = s[1], s[1] = s[2];
	assert_int_equal(memmap_check(m, s, 2, NULL), -EBUSY);

	/* Two claims of one transaction that meet. */
	s[0] = step_claim(BAR + 0x8000, 0x2000, MEM_MMIO, 1);
	s[1] = step_claim(BAR + 0x9000, 0x1000, MEM_MMIO, 2);
	assert_int_equal(memmap_check(m, s, 2, NULL), -EBUSY);

	/* Released in between, claimed again, released again. */
	s[0] = step_release(BAR, 0x2000, 1);
	s[1] = step_claim(BAR, 0x4000, MEM_MMIO, 1);
	s[2] = step_release(BAR, 0x4000, 1);
	s[3] = step_claim(BAR, 0x1000, MEM_TRAP, 1);
	s[4] = step_claim(BAR + 0x1000, 0x1000, MEM_MMIO, 1);
	assert_int_equal(memmap_check(m, s, 5, NULL), 0);
	s[3] = step_release(BAR, 0x4000, 1);
	assert_int_equal(memmap_check(m, s, 4, NULL), -ENOENT);
	s[2] = step_release(BAR, 0x2000, 1);
	assert_int_equal(memmap_check(m, s, 3, NULL), -ENOENT);
}

static void check_reserves_room(void **state)
{
	struct mem_range storage[8];
	struct memmap m;
	struct memmap_step s[4];

	(void)state;
	memmap_init(&m, NULL, storage, 8, FIXTURE_LIMIT);
	for (unsigned i = 0; i < 4; i++) {
		s[i] = step_claim(BAR + i * 0x2000, 0x1000, MEM_MMIO, i);
	}
	assert_int_equal(memmap_check(&m, s, 4, NULL), -ENOSPC);
	assert_int_equal(transact(&m, s, 3), 0);
	assert_covers(&m);
	for (unsigned i = 0; i < 3; i++) {
		s[i] = step_release(BAR + i * 0x2000, 0x1000, i);
	}
	assert_int_equal(transact(&m, s, 3), 0);
	/* The boundaries of the old claims give way. */
	for (unsigned i = 0; i < 3; i++) {
		s[i] = step_claim(BAR + i * 0x4000, 0x1000, MEM_MMIO, i);
	}
	assert_int_equal(transact(&m, s, 3), 0);
	assert_covers(&m);
	assert_int_equal(type_at(&m, BAR + 0x8000), MEM_MMIO);
	assert_int_equal(type_at(&m, BAR + 0x2000), MEM_HOLE);
}

static void commit_tells_the_net_change(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step s[3] = {step_claim(BAR, 0x3000, MEM_MMIO, 1)};
	const struct memmap_change *c = &host_change[0].change;

	(void)state;
	assert_int_equal(transact(m, s, 1), 0);
	assert_int_equal(host_change_calls, 1);
	assert_int_equal(host_change_count, 1);
	assert_ptr_equal(host_change[0].domain, dom0);
	assert_int_equal(c->start.v, BAR);
	assert_int_equal(c->end.v, BAR + 0x3000);
	assert_int_equal(c->from, MEM_HOLE);
	assert_int_equal(c->to, MEM_MMIO);

	/* Two pages up: one page goes, two come, the middle one does not change. */
	host_changes_clear();
	s[0] = step_release(BAR, 0x3000, 1);
	s[1] = step_claim(BAR + 0x1000, 0x3000, MEM_MMIO, 1);
	assert_int_equal(transact(m, s, 2), 0);
	assert_int_equal(host_change_calls, 1);
	assert_int_equal(host_change_count, 2);
	assert_int_equal(c->start.v, BAR);
	assert_int_equal(c->end.v, BAR + 0x1000);
	assert_int_equal(c->to, MEM_HOLE);
	c = &host_change[1].change;
	assert_int_equal(c->start.v, BAR + 0x3000);
	assert_int_equal(c->end.v, BAR + 0x4000);
	assert_int_equal(c->to, MEM_MMIO);

	/* Put aside and taken again: nothing to tell, but a new generation. */
	host_changes_clear();
	s[0] = step_release(BAR + 0x1000, 0x3000, 1);
	s[1] = step_claim(BAR + 0x1000, 0x3000, MEM_MMIO, 2);
	assert_int_equal(transact(m, s, 2), 0);
	assert_int_equal(host_change_count, 0);
	assert_int_equal(m->generation, 6);
}

static void many_changes_come_in_pieces(void **state)
{
	struct memmap_step s[100];
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		s[i] = step_claim(BAR + i * 0x2000, 0x1000, MEM_MMIO, 1);
	}
	assert_int_equal(transact(&dom0->memmap, s, 100), 0);
	assert_true(host_change_calls > 1);
	assert_int_equal(host_change_count, 100);
	for (unsigned i = 0; i < 100; i++) {
		seen += type_at(&dom0->memmap, host_change[i].change.start.v) == MEM_MMIO;
	}
	assert_int_equal(seen, 100);
}

/* Decoding goes off and on: no range is moved in memory after the first time. */
static void toggling_leaves_the_array_alone(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step on = step_claim(BAR, 0x100000, MEM_MMIO, 1);
	struct memmap_step off = step_release(BAR, 0x100000, 1);
	unsigned count;

	(void)state;
	assert_int_equal(transact(m, &on, 1), 0);
	count = m->count;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(transact(m, &off, 1), 0);
		assert_int_equal(m->count, count);
		assert_int_equal(transact(m, &on, 1), 0);
		assert_int_equal(m->count, count);
	}
}

static void touched_pages_open(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step s = step_claim(BAR, 0x3000, MEM_MMIO, 1);

	(void)state;
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(0x1000), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(m, gpa(BAR), gpa(BAR + 0x1000), MEM_RESERVED), 0);
	assert_int_equal(memmap_open(m, gpa(0x10)), -EBUSY);
	assert_int_equal(memmap_open(m, gpa(FIXTURE_LIMIT)), -EINVAL);
	assert_int_equal(memmap_open(m, gpa(BAR + 0x1234)), 0);
	assert_int_equal(type_at(m, BAR + 0x1000), MEM_OPEN);
	assert_int_equal(type_at(m, BAR + 0xfff), MEM_RESERVED);
	assert_int_equal(type_at(m, BAR + 0x2000), MEM_HOLE);
	assert_int_equal(memmap_open(m, gpa(FIXTURE_LIMIT - 1)), 0);
	assert_int_equal(memmap_open(m, gpa(BAR + 0x1000)), -EBUSY);
	assert_int_equal(host_change_calls, 2);
	/* A BAR may come to lie there, and its release gives back the hole. */
	assert_int_equal(transact(m, &s, 1), 0);
	s = step_release(BAR, 0x3000, 1);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(type_at(m, BAR + 0x1000), MEM_HOLE);
	assert_covers(m);
}

static void opening_is_bounded(void **state)
{
	unsigned opened = 0;

	(void)state;
	while (memmap_open(&dom0->memmap, gpa(BAR + opened * 0x2000)) == 0) {
		opened++;
	}
	assert_in_range(opened, FIXTURE_RANGES / 4, FIXTURE_RANGES * 3 / 8);
	assert_int_equal(memmap_open(&dom0->memmap, gpa(BAR + opened * 0x2000)), -ENOSPC);
	/* What claims need is still there. */
	for (unsigned i = 0; i < FIXTURE_RANGES / 8; i++) {
		struct memmap_step s = step_claim(GIB + i * 0x2000ull, 0x1000, MEM_MMIO, 1);

		assert_int_equal(transact(&dom0->memmap, &s, 1), 0);
	}
}

static void neighbours_opened_are_one_range(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FIXTURE_RANGES * 8; i++) {
		assert_int_equal(memmap_open(&dom0->memmap, gpa(BAR + i * 0x1000ull)), 0);
	}
	assert_covers(&dom0->memmap);
}

static void e820_from_base_types(void **state)
{
	struct memmap *m = &dom0->memmap;
	struct memmap_step s = step_claim(3 * GIB + 0x1000, 0x1000, MEM_MMIO, 1);
	struct e820_entry e[8];

	(void)state;
	assert_int_equal(memmap_set_base(m, gpa(0), gpa(0x9f000), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(m, gpa(0x9f000), gpa(MIB), MEM_LOW), 0);
	assert_int_equal(memmap_set_base(m, gpa(MIB), gpa(GIB), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(m, gpa(GIB), gpa(GIB + MIB), MEM_ACPI), 0);
	assert_int_equal(memmap_set_base(m, gpa(GIB + MIB), gpa(GIB + 2 * MIB), MEM_NVS), 0);
	assert_int_equal(memmap_set_base(m, gpa(GIB + 2 * MIB), gpa(2 * GIB), MEM_OURS), 0);
	assert_int_equal(memmap_set_base(m, gpa(2 * GIB), gpa(3 * GIB), MEM_UNUSABLE), 0);
	assert_int_equal(memmap_set_base(m, gpa(3 * GIB), gpa(3 * GIB + MIB), MEM_RESERVED), 0);
	assert_int_equal(memmap_set_base(m, gpa(3 * GIB + MIB), gpa(3 * GIB + 2 * MIB), MEM_DENY),
			 0);
	assert_int_equal(transact(m, &s, 1), 0);
	assert_int_equal(memmap_build_e820(m, e, 7), -ENOSPC);
	assert_int_equal(memmap_build_e820(m, e, 8), 8);
	assert_int_equal(e[0].type, E820_RAM);
	assert_int_equal(e[0].size, 0x9f000);
	assert_int_equal(e[1].type, E820_RESERVED);
	assert_int_equal(e[2].type, E820_RAM);
	assert_int_equal(e[3].type, E820_ACPI);
	assert_int_equal(e[4].type, E820_NVS);
	assert_int_equal(e[5].type, E820_RESERVED);
	assert_int_equal(e[5].start, GIB + 2 * MIB);
	assert_int_equal(e[6].type, E820_UNUSABLE);
	/* A BAR inside a reserved area does not cut it; the next reserved range joins. */
	assert_int_equal(e[7].type, E820_RESERVED);
	assert_int_equal(e[7].start, 3 * GIB);
	assert_int_equal(e[7].size, 2 * MIB);
	memmap_log(m);
}

static void types_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MEM_TYPE_COUNT; i++) {
		assert_non_null(memmap_type_name((enum mem_type)i));
	}
	assert_string_equal(memmap_type_name(MEM_TYPE_COUNT), "?");
}

/* ---- readers without the lock ---- */

#define READERS   2
#define ROUNDS    20000u
#define WANDERERS 8u

static const struct mmio_ops trap_ops = {"trap", fixture_read, fixture_write};
static bool writer_done;

/* Each claim's handler has its own start as context, so a torn copy shows. */
static void *reader(void *arg)
{
	struct memmap *m = arg;
	uint64_t seen = 0;

	/* At its end the writer leaves some claims. */
	for (uint64_t i = 0; !__atomic_load_n(&writer_done, __ATOMIC_ACQUIRE) || !seen; i++) {
		gpa_t a = gpa(BAR + i * 0x1234567 % (WANDERERS * MIB));
		struct mem_range r;

		if (!memmap_lookup(m, a, &r) || r.start.v > a.v || r.end.v <= a.v) {
			return NULL;
		}
		if (r.type == MEM_TRAP) {
			seen++;
			if (r.ops != &trap_ops || (uint64_t)r.ctx != r.claim.v ||
			    r.claim.v != r.start.v) {
				return NULL;
			}
		} else if (r.type != MEM_HOLE || r.ops) {
			return NULL;
		}
	}
	return (void *)(seen + 1);
}

/* Claims come and go, so that the ranges behind them move in the array. */
static void *writer(void *arg)
{
	struct domain *d = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start = BAR + i % WANDERERS * MIB + i / WANDERERS % 16 * PAGE_SIZE;
		struct memmap_step step = {
			.kind = i / WANDERERS % 32 < 16 ? MEMMAP_CLAIM : MEMMAP_RELEASE,
			.type = MEM_TRAP,
			.start = gpa(start),
			.size = PAGE_SIZE,
			.owner = SBDF_NONE,
			.ops = &trap_ops,
			.ctx = (void *)start,
		};

		lock_acquire(&d->mem_lock);
		if (memmap_check(&d->memmap, &step, 1, NULL) == 0) {
			memmap_commit(&d->memmap, &step, 1);
		}
		lock_release(&d->mem_lock);
	}
	__atomic_store_n(&writer_done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void lookups_while_it_changes(void **state)
{
	pthread_t thread[READERS + 1];
	void *seen;

	(void)state;
	writer_done = false;
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(pthread_create(&thread[i], NULL, reader, &dom0->memmap), 0);
	}
	assert_int_equal(pthread_create(&thread[READERS], NULL, writer, dom0), 0);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(thread[i], &seen);
		assert_true((uint64_t)seen > 1);
	}
	pthread_join(thread[READERS], NULL);
	assert_int_equal(dom0->memmap.generation % 2, 0);
	assert_int_equal(dom0->memmap.generation, 2 * ROUNDS);
	assert_covers(&dom0->memmap);
}

#define TEST(fn) cmocka_unit_test_setup(fn, fixture_domains)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_map_is_one_hole),
		TEST(base_types_replace_and_merge),
		TEST(base_type_refusals),
		TEST(base_type_needs_room),
		TEST(claim_covers_and_release_uncovers),
		TEST(claims_that_are_refused),
		TEST(malformed_steps),
		TEST(release_must_match),
		TEST(check_is_sequential),
		TEST(check_reserves_room),
		TEST(commit_tells_the_net_change),
		TEST(many_changes_come_in_pieces),
		TEST(toggling_leaves_the_array_alone),
		TEST(touched_pages_open),
		TEST(opening_is_bounded),
		TEST(neighbours_opened_are_one_range),
		TEST(e820_from_base_types),
		TEST(types_have_names),
		TEST(lookups_while_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
