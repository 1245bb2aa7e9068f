// SPDX-License-Identifier: MIT
/*
 * All the instructions that may touch a trapped page (doc/insn.md), on ECAM, judged by
 * the same registers through CF8: loads and stores of every size, addressing
 * form and register, in rings 0 and 3, in 64-bit and 32-bit code, with operands
 * and with code across page boundaries; and that others raise #UD.
 */
#include "apic.h"

#define PATTERN 0x1122334455667788ull

struct insn {
	uint64_t (*code)(void);
	uint64_t kind;
	const char *name;
};

extern const struct insn loads[], stores[], refusals[];
extern void load32(void), load32_word(void), store32(void);

static uint64_t ecam, function;
static uint32_t function_cf8;
static uint8_t page[8192] __attribute__((aligned(4096)));

static uint32_t cf8_read(uint32_t a)
{
	outl(0xcf8, a);
	return inl(0xcfc);
}

static bool find_function(void)
{
	for (uint32_t dev = 1; dev < 32; dev++) {
		if (cf8_read(0x80000000u | dev << 11) == 0x11e81234) {
			function_cf8 = 0x80000000u | dev << 11;
			function = ecam + (dev << 15);
			return true;
		}
	}
	return false;
}

/* ---- one instruction, by its function ---- */

struct call {
	const struct insn *insn;
	uint64_t address, in, out;
};

static void call_insn(void *arg)
{
	struct call *c = arg;
	uint64_t rax = c->in, code = (uint64_t)c->insn->code;

	__asm__ volatile("call *%[code]"
			 : "+a"(rax), [code] "+b"(code)
			 : "D"(c->address), "c"(0)
			 : "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
			   "cc");
	c->out = rax;
}

/* What RAX has to be after a load of `kind` (code.S) of these bytes. */
static uint64_t loaded(uint64_t kind, uint64_t v)
{
	switch (kind) {
	case 1:
		return (PATTERN & ~0xffull) | (v & 0xff);
	case 16:
		return (PATTERN & ~0xff00ull) | (v & 0xff00);
	case 2:
		return (PATTERN & ~0xffffull) | (v & 0xffff);
	case 4:
		return (uint32_t)v;
	case 8:
		return v;
	case 34:
		return (PATTERN & ~0xffffull) | (v & 0xff);
	case 33:
		return v & 0xff;
	case 36:
		return v & 0xffff;
	case 66:
		return (PATTERN & ~0xffffull) | (uint16_t)(int8_t)v;
	case 68:
		return (uint32_t)(int8_t)v;
	case 72:
		return (uint64_t)(int8_t)v;
	case 69:
		return (uint32_t)(int16_t)v;
	case 73:
		return (uint64_t)(int16_t)v;
	case 74:
		return (uint64_t)(int32_t)v;
	default:
		guest_fail("kind %u", kind);
	}
}

static void check_loads(const char *where, int (*run)(void (*)(void *), void *), int end)
{
	uint64_t v = cf8_read(0x80000000u) | (uint64_t)cf8_read(0x80000004u) << 32;

	wrmsr(MSR_FS_BASE, ecam);
	for (const struct insn *i = loads; i->code; i++) {
		struct call c = {i, ecam, PATTERN, 0};

		check(run(call_insn, &c) == end, "%s: %s: vector %u", where, i->name,
		      U(this_trap()->vector));
		check(c.out == loaded(i->kind, v), "%s: %s: %x, not %x", where, i->name, c.out,
		      loaded(i->kind, v));
	}
}

static void check_stores(const char *where, int (*run)(void (*)(void *), void *), int end)
{
	uint8_t value = 0x11;

	wrmsr(MSR_FS_BASE, function);
	for (const struct insn *i = stores; i->code; i++) {
		struct call c = {i, function + 0x3c, 0, 0};
		uint8_t want;
		uint32_t got;

		value = (uint8_t)(value * 5 + 3);
		c.in = 0x8877665544330000ull | value | (uint64_t)(uint8_t)~value << 8;
		want = i->kind == 1 ? value : i->kind == 2 ? (uint8_t)~value : i->kind == 3 ? 0x3a : 0xff;
		check(run(call_insn, &c) == end, "%s: %s: vector %u", where, i->name,
		      U(this_trap()->vector));
		got = cf8_read(function_cf8 + 0x3c) & 0xff;
		check(got == want, "%s: %s: %x, not %x", where, i->name, U(got), U(want));
	}
}

static void check_refusals(void)
{
	uint32_t before = cf8_read(function_cf8 + 0x3c);

	for (const struct insn *i = refusals; i->code; i++) {
		struct call c = {i, function + 0x3c, PATTERN, 0};

		check(try_run(call_insn, &c) == EXC_UD, "%s: vector %u", i->name,
		      U(this_trap()->vector));
		check(this_trap()->error == 0 && this_trap()->frame.rax == PATTERN,
		      "%s: RAX %x", i->name, this_trap()->frame.rax);
	}
	check(cf8_read(function_cf8 + 0x3c) == before, "a refused instruction wrote");
}

/* ---- 32-bit code ---- */

static uint64_t run32(void (*code)(void), uint64_t address, uint64_t cs)
{
	check(try_code(code, address, cs, (uint64_t)page + 4096, 2) == VECTOR_USER,
	      "32-bit code: vector %u", U(this_trap()->vector));
	return this_trap()->frame.rax;
}

static void check_code32(void)
{
	static const uint64_t segments[] = {SEL_CODE32, SEL_USER_CODE32};
	uint32_t v = cf8_read(0x80000000u);

	for (unsigned i = 0; i < COUNT(segments); i++) {
		check(run32(load32, ecam, segments[i]) == v, "32-bit load");
		check(run32(load32_word, ecam, segments[i]) == (0x11220000 | (v & 0xffff)),
		      "32-bit load of a word: %x", this_trap()->frame.rax);
		write32(function + 0x3c, 0);
		(void)run32(store32, function + 0x3c, segments[i]);
		check((cf8_read(function_cf8 + 0x3c) & 0xff) == 0x27, "32-bit store");
	}
}

/* ---- boundaries ---- */

/* Code bytes that end in RET, at an offset of the page. */
static uint64_t run_bytes(unsigned at, const uint8_t *bytes, unsigned n)
{
	struct insn insn = {(uint64_t(*)(void))(uint64_t)(page + at), 0, ""};
	struct call c = {&insn, ecam, PATTERN, 0};

	for (unsigned i = 0; i < n; i++) {
		*(volatile uint8_t *)(page + at + i) = bytes[i];
	}
	check(try_run(call_insn, &c) == -1, "code at %x: vector %u", U(at), U(this_trap()->vector));
	return c.out;
}

static void check_code_boundary(void)
{
	/* MOV EAX, [RDI + disp32], RET; MOV EAX, moffs64, RET. */
	static const uint8_t load[] = {0x8b, 0x87, 0, 0, 0, 0, 0xc3};
	uint8_t moffs[] = {0xa1, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3};
	uint8_t moffs8[] = {0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3};
	uint32_t v = cf8_read(0x80000000u);

	for (unsigned i = 0; i < 8; i++) {
		moffs[1 + i] = moffs8[1 + i] = (uint8_t)(ecam >> 8 * i);
	}
	for (unsigned at = 4096 - 16; at <= 4096; at++) {
		check(run_bytes(at, load, sizeof(load)) == v, "code at %x", U(at));
		check(run_bytes(at, moffs, sizeof(moffs)) == v, "moffs at %x", U(at));
		check(run_bytes(at, moffs8, sizeof(moffs8)) == ((PATTERN & ~0xffull) | (v & 0xff)),
		      "byte moffs at %x", U(at));
	}
}

static uint64_t bytes_at(uint64_t a, unsigned n)
{
	uint64_t v = 0;

	while (n--) {
		v = v << 8 | *(volatile uint8_t *)(a + n);
	}
	return v;
}

/* From one function's page into the next one's, which is another's or nobody's. */
static void check_data_boundary(void)
{
	uint64_t first = function + 0x1000 - 8;

	for (unsigned i = 1; i < 8; i++) {
		uint64_t a = first + i;

		check(*(volatile uint64_t *)a == bytes_at(a, 8), "8 bytes at %x", a);
	}
	for (unsigned i = 5; i < 8; i++) {
		uint64_t a = first + i;

		check(read32(a) == bytes_at(a, 4), "4 bytes at %x", a);
	}
	check(*(volatile uint16_t *)(first + 7) == bytes_at(first + 7, 2), "2 bytes");
	/* Into the next device's first registers, which are not all ones. */
	check(bytes_at(ecam + 0x1000 - 2, 4) == read32(ecam + 0x1000 - 2), "across, to 00:00.1");
	*(volatile uint64_t *)(first + 3) = 0;
	check(read32(function) == 0x11e81234, "a write across the end");
}

void guest_main(const struct pvh_start *si)
{
	const uint8_t *mcfg;

	guest_begin(si, "mmio");
	mcfg = find_table(si, "MCFG");
	if (!mcfg) {
		guest_fail("no MCFG");
	}
	ecam = read32((uint64_t)mcfg + 44);
	if (!find_function()) {
		guest_fail("no edu");
	}
	check_loads("ring 0", try_run, -1);
	check_loads("ring 3", try_user, VECTOR_USER);
	check_stores("ring 0", try_run, -1);
	check_stores("ring 3", try_user, VECTOR_USER);
	check_refusals();
	check_code32();
	check_code_boundary();
	check_data_boundary();
	guest_end();
}
