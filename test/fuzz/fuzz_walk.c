/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the walk of a guest's page tables (arch/x86/walk.c; APMv2 5.2
 * to 5.3.3), and fetching and decoding an instruction through it, on memory
 * that the guest filled.
 *
 * Input: a head of 32 bytes (mode, control registers, address, instruction
 * offset), then records of ten bytes that fill memory: at a place of their
 * own, or where the walk reads next, so that it gets deep. The pages lie
 * apart, so that the sanitizer sees a read past one. Beside it runs a model:
 * one table that says which bits index which level. Checked: same answer, same
 * entries in the trail, the trail breaks when an entry changes, and the bytes
 * fetched page by page are those that the model finds one by one.
 */
#include <stdlib.h>
#include <string.h>

#include <taproot/insn.h>

#include "walk.h"
#include "require.h"

#define PAGES  16u
#define HOLE   7u /* a page that is not RAM */
#define HEAD   32u
#define RECORD 10u
#define TEXT   16u
#define OFFSET (PAGE_SIZE - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

static uint8_t *page[PAGES];

static uint8_t *ram_at(uint64_t a)
{
	return a / PAGE_SIZE < PAGES && a / PAGE_SIZE != HOLE ? page[a / PAGE_SIZE] + a % PAGE_SIZE
							      : NULL;
}

static void *ram(void *ctx, gpa_t a)
{
	(void)ctx;
	return ram_at(a.v);
}

/* ---- the model ---- */

struct level {
	uint8_t shift, bits;
	bool large; /* may end the walk */
};

struct mode {
	const struct level *level;
	uint8_t count, entry_size, linear_bits;
	uint64_t cr3_mask, entry_mask;
};

static const struct level long5[] = {
	{48, 9, false}, {39, 9, false}, {30, 9, true}, {21, 9, true}, {12, 9, false}};
static const struct level pae[] = {{30, 2, false}, {21, 9, true}, {12, 9, false}};
static const struct level legacy[] = {{22, 10, true}, {12, 10, false}};

enum { NO_PAGING, LEGACY, PAE, LONG4, LONG5, MODES };

static const struct mode modes[MODES] = {
	[LEGACY] = {legacy, 2, 4, 32, 0xfffff000, 0xfffff000},
	[PAE] = {pae, 3, 8, 32, 0xffffffe0, 0xffffffffff000},
	[LONG4] = {long5 + 1, 4, 8, 64, 0xffffffffff000, 0xffffffffff000},
	[LONG5] = {long5, 5, 8, 64, 0xffffffffff000, 0xffffffffff000},
};

struct answer {
	bool ok;
	uint64_t gpa;
	uint64_t missing; /* where the entry is that ended the walk */
	unsigned count;
	uint64_t at[WALK_LEVELS_MAX]; /* entries read */
};

static unsigned mode_of(const struct walk_state *s)
{
	if (!(s->cr0 >> 31 & 1)) {
		return NO_PAGING;
	}
	if (s->efer >> 10 & 1) {
		return s->cr4 >> 12 & 1 ? LONG5 : LONG4;
	}
	return s->cr4 >> 5 & 1 ? PAE : LEGACY;
}

static uint64_t entry_value(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

static uint64_t large_address(unsigned mode, uint64_t entry, uint64_t inside)
{
	if (mode == LEGACY && inside > 0xfff) {
		return (entry & 0xffc00000) + (entry >> 13 & 0xff) * 0x100000000;
	}
	return entry & modes[mode].entry_mask & ~inside;
}

static void model_walk(const struct walk_state *s, uint64_t linear, struct answer *w)
{
	unsigned mode = mode_of(s);
	const struct mode *m = &modes[mode];
	uint64_t table = s->cr3 & m->cr3_mask;

	memset(w, 0, sizeof(*w));
	if (mode == NO_PAGING || m->linear_bits == 32) {
		linear = (uint32_t)linear;
	}
	w->ok = mode == NO_PAGING;
	w->gpa = linear;
	for (unsigned i = 0; i < m->count; i++) {
		const struct level *l = &m->level[i];
		uint64_t index = linear >> l->shift & ((1u << l->bits) - 1);
		uint64_t inside = (1ull << l->shift) - 1;
		uint64_t entry;

		w->missing = table + index * m->entry_size;
		if (!ram_at(w->missing)) {
			return;
		}
		w->at[w->count++] = w->missing;
		entry = entry_value(ram_at(w->missing), m->entry_size);
		if (!(entry & 1)) {
			return;
		}
		if (i + 1 == m->count ||
		    (l->large && (entry >> 7 & 1) && (mode != LEGACY || (s->cr4 >> 4 & 1)))) {
			w->ok = true;
			w->gpa = large_address(mode, entry, inside) + (linear & inside);
			return;
		}
		table = entry & m->entry_mask;
	}
}

/* ---- one translation, both ways ---- */

/*
 * An access of ours finds what the walk finds, or nothing. In the mode it is for
 * a read of a mapped canonical address that is not a user's page never fails;
 * accessed bits are set on the way, the dirty bit by a write alone.
 */
static void access(const struct walk_state *s, uint64_t linear, const struct answer *want)
{
	const struct walk_request req = {.write = linear & 1, .user_denied = linear & 2};
	bool la57 = s->cr4 >> 12 & 1;
	uint64_t top = (uint64_t)((int64_t)linear >> (la57 ? 56 : 47));
	bool meant = mode_of(s) > PAE && (top == 0 || top == UINT64_MAX);
	uint8_t saved[WALK_LEVELS_MAX][8];
	gpa_t got = {0};
	bool ok;

	for (unsigned i = 0; i < want->count; i++) {
		memcpy(saved[i], ram_at(want->at[i] & ~7ull), 8);
	}
	ok = walk_access(s, &req, linear, ram, NULL, &got);
	REQUIRE(!ok || (meant && want->ok && got.v == want->gpa));
	REQUIRE(ok || !meant || !want->ok || req.write || req.user_denied);
	for (unsigned i = 0; ok && i < want->count; i++) {
		REQUIRE(ram_at(want->at[i])[0] & 0x20);
		REQUIRE(!req.write || i + 1 < want->count || (ram_at(want->at[i])[0] & 0x40));
	}
	for (unsigned i = want->count; i-- > 0;) {
		memcpy(ram_at(want->at[i] & ~7ull), saved[i], 8);
	}
}

static bool translate(const struct walk_state *s, uint64_t linear, uint64_t *gpa_out)
{
	struct walk_trail trail;
	struct answer want;
	gpa_t got = {0};
	bool kept = mode_of(s) >= PAE;

	model_walk(s, linear, &want);
	REQUIRE(walk_translate(s, linear, ram, NULL, &trail, &got) == want.ok);
	REQUIRE(!want.ok || got.v == want.gpa);
	REQUIRE(trail.count == (kept ? want.count : 0));
	for (unsigned i = 0; i < trail.count; i++) {
		REQUIRE((const uint8_t *)trail.entry[i] == ram_at(want.at[i]));
		REQUIRE(trail.value[i] == entry_value(ram_at(want.at[i]), 8));
	}
	REQUIRE(walk_trail_holds(&trail) == (trail.count != 0));
	for (unsigned i = 0; i < trail.count; i++) {
		uint8_t *byte = ram_at(want.at[i]) + (linear + i) % 8;

		*byte ^= 0x20;
		REQUIRE(!walk_trail_holds(&trail));
		*byte ^= 0x20;
	}
	access(s, linear, &want);
	*gpa_out = got.v;
	return want.ok;
}

/* As guestmem.c fetches: whole pieces of pages. */
static unsigned fetch(const struct walk_state *s, uint64_t linear, uint8_t *text)
{
	unsigned done = 0;

	while (done < TEXT) {
		unsigned left = PAGE_SIZE - (unsigned)((linear + done) & OFFSET);
		unsigned n = MIN(TEXT - done, left);
		uint64_t a;

		if (!translate(s, linear + done, &a) || !ram_at(a)) {
			break;
		}
		memcpy(text + done, ram_at(a), n);
		done += n;
	}
	return done;
}

static unsigned model_fetch(const struct walk_state *s, uint64_t linear, uint8_t *text)
{
	struct answer w;
	unsigned done;

	for (done = 0; done < TEXT; done++) {
		model_walk(s, linear + done, &w);
		if (!w.ok || !ram_at(w.gpa)) {
			break;
		}
		text[done] = *ram_at(w.gpa);
	}
	return done;
}

static void fetch_and_decode(const struct walk_state *s, uint64_t linear, unsigned bits)
{
	static const uint64_t bases[INSN_SEGMENT_COUNT];
	uint8_t text[TEXT], model[TEXT];
	uint64_t regs[16], a;
	struct insn insn;
	unsigned length = fetch(s, linear, text);
	uint8_t *exact;

	REQUIRE(model_fetch(s, linear, model) == length);
	REQUIRE(memcmp(text, model, length) == 0);
	exact = malloc(length ? length : 1);
	REQUIRE(exact != NULL);
	memcpy(exact, text, length);
	switch (insn_decode(exact, length, bits, &insn)) {
	case INSN_OK:
		REQUIRE(insn.length <= length && insn.length <= INSN_LENGTH_MAX);
		for (unsigned i = 0; i < 16; i++) {
			regs[i] = linear * (i + 1);
		}
		/* Where it goes is the guest's choice as well. */
		(void)translate(s, insn_effective_address(&insn, regs, linear, bases), &a);
		break;
	case INSN_TRUNCATED:
		REQUIRE(length < INSN_LENGTH_MAX);
		break;
	default:
		break;
	}
	free(exact);
}

/* ---- one input ---- */

static void set_state(struct walk_state *s, const uint8_t *head)
{
	s->cr0 = head[0] & 1 || head[0] > 15 ? 1ull << 31 : 0;
	s->efer = head[0] & 2 ? 1ull << 10 : 0;
	s->cr4 = (head[0] & 4 ? 1ull << 5 : 0) | (head[0] & 8 ? 1ull << 12 : 0) |
		 (head[0] & 16 ? 1ull << 4 : 0);
	memcpy(&s->cr3, head + 8, 8);
	if (head[0] & 32) {
		s->cr3 &= 0xffff;
	}
}

/* A record: flags, offset, then the value; mostly a table that is near. */
static void fill(const struct walk_state *s, uint64_t linear, const uint8_t *r)
{
	unsigned mode = mode_of(s);
	unsigned width = mode == LEGACY ? 4 : 8;
	uint64_t value = entry_value(r + 2, 8);
	uint64_t at = (r[1] | (r[0] & 0xf) << 8) * 16ull;
	struct answer w;

	if (r[0] & 0x10) { /* where the walk goes on */
		model_walk(s, linear, &w);
		at = w.ok ? w.gpa & ~7ull : w.missing;
		if (!w.ok && !(r[0] & 0x20)) {
			value = (value & 0xfffffffffffff8full) | 1 | (r[0] & 0x40 ? 0x80 : 0);
			value &= r[0] & 0x80 ? UINT64_MAX : 0xffff;
		}
	}
	if (ram_at(at) && (at & OFFSET) + width <= PAGE_SIZE) {
		memcpy(ram_at(at), &value, width);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned bits[] = {64, 32, 16, 64};
	struct walk_state s;
	uint64_t linear, a;

	if (size < HEAD) {
		return 0;
	}
	for (unsigned i = 0; i < PAGES; i++) {
		page[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
		REQUIRE(page[i] != NULL);
		memset(page[i], 0, PAGE_SIZE);
	}
	set_state(&s, data);
	memcpy(&linear, data + 16, 8);
	for (size_t at = HEAD; at + RECORD <= size; at += RECORD) {
		fill(&s, linear, data + at);
		(void)translate(&s, linear, &a);
	}
	fetch_and_decode(&s, linear, bits[data[1] & 3]);
	fetch_and_decode(&s, linear | (OFFSET - data[2] % 16), bits[data[1] & 3]);
	(void)translate(&s, linear ^ entry_value(data + 24, 8), &a);
	for (unsigned i = 0; i < PAGES; i++) {
		free(page[i]);
	}
	return 0;
}

/* Seeds: in each mode a walk to its end, with an instruction there. */
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	static const uint8_t head[] = {0, 1 | 16, 1 | 4, 1 | 2 | 4, 1 | 2 | 4 | 8};
	static const uint8_t text[] = {0x89, 0x88, 0x80, 0x40, 0x30, 0x20, 0x10, 0x90};
	unsigned mode = index % MODES;
	uint8_t *p = buf + HEAD;
	bool big = index >= MODES;

	if (index >= 2 * MODES || size < 256) {
		return 0;
	}
	memset(buf, 0, 256);
	buf[0] = head[mode];
	buf[1] = mode < LONG4;
	buf[9] = 0x10; /* CR3 1000h */
	memcpy(buf + 16, "\xf8\x6f\x34\x12\x00\x80\xff\xff", 8);
	for (unsigned i = 0; i < (unsigned)modes[mode].count + 1; i++) {
		p[0] = 0x10 | (big && i + 2 == modes[mode].count ? 0x40 : 0);
		p[3] = (uint8_t)(0x20 + 0x10 * i);
		if (i == modes[mode].count) {
			memcpy(p + 2, text, sizeof(text));
		}
		p += RECORD;
	}
	return (size_t)(p - buf);
}
