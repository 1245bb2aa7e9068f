// SPDX-License-Identifier: MIT
/*
 * Tests of the MMIO instruction decoder (arch/x86/insn.c).
 *
 * Differential against libZydis: every opcode of the two main maps with every
 * ModRM byte under many prefix sets, every SIB byte for the decoded opcodes,
 * random byte strings, and truncation at each length. Addresses are computed
 * by both. Write-back to registers is checked against written-out values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <taproot/insn.h>

#include "insn_oracle.h"

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RANDOM_COUNT 200000
#define MAX_PREFIXES 6

static const unsigned int modes[] = { 16, 32, 64 };

static uint64_t random_state = 0x9e3779b97f4a7c15;

/* xorshift64*: the same sequence in each run. */
static uint64_t random64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1d;
}

static void fill_random(uint8_t *bytes, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		bytes[i] = (uint8_t)(random64() >> 32);
	}
}

static void fail_with_bytes(const char *what, unsigned int mode,
			    const uint8_t *bytes, unsigned int len)
{
	char text[3 * 32 + 1] = "";
	unsigned int i;

	for (i = 0; i < len && i < 32; i++) {
		snprintf(text + 3 * i, 4, "%02x ", bytes[i]);
	}
	fail_msg("%u-bit, %s: %s", mode, what, text);
}

static void check(struct insn_oracle *oracle, const uint8_t *bytes,
		  unsigned int len)
{
	const char *differs = insn_oracle_check(oracle, bytes, len);

	if (differs) {
		fail_with_bytes(differs, oracle->mode, bytes, len);
	}
}

struct prefixes {
	uint8_t count;
	uint8_t bytes[MAX_PREFIXES];
};

/* Legacy sets; in 64-bit code each is also tried with every REX. */
static const struct prefixes legacy_sets[] = {
	{ 0, { 0 } },
	{ 1, { 0x66 } },
	{ 1, { 0x67 } },
	{ 2, { 0x66, 0x67 } },
	{ 2, { 0x64, 0x67 } },
	{ 1, { 0x26 } },
	{ 1, { 0x2e } },
	{ 1, { 0x36 } },
	{ 1, { 0x3e } },
	{ 1, { 0x64 } },
	{ 1, { 0x65 } },
	{ 2, { 0x64, 0x2e } },
	{ 2, { 0x26, 0x65 } },
	{ 3, { 0x66, 0x65, 0x66 } },
	{ 1, { 0xf0 } },
	{ 1, { 0xf2 } },
	{ 1, { 0xf3 } },
	{ 2, { 0xf3, 0x66 } },
	{ 5, { 0x66, 0x67, 0x65, 0x66, 0x67 } },
};

static const uint8_t decoded_primary[] = {
	0x63, 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xc6, 0xc7,
};
static const uint8_t decoded_secondary[] = { 0xb6, 0xb7, 0xbe, 0xbf };

/* All ModRM bytes behind the given prefixes and opcode. */
static void sweep_modrm(struct insn_oracle *oracle, const uint8_t *head,
			unsigned int head_len, unsigned int sib_step)
{
	uint8_t bytes[32];
	unsigned int modrm, sib;

	fill_random(bytes, sizeof(bytes));
	memcpy(bytes, head, head_len);
	for (modrm = 0; modrm < 256; modrm++) {
		bytes[head_len] = modrm;
		if ((modrm & 7) != 4 || modrm >= 0xc0) {
			check(oracle, bytes, INSN_LENGTH_MAX);
			continue;
		}
		for (sib = 0; sib < 256; sib += sib_step) {
			bytes[head_len + 1] = sib;
			check(oracle, bytes, INSN_LENGTH_MAX);
		}
	}
}

/*
 * One prefix set (and REX, if not 0) with the decoded opcodes; behind legacy
 * prefixes every seventh SIB byte will do.
 */
static void sweep_decoded(struct insn_oracle *oracle,
			  const struct prefixes *set, unsigned int rex)
{
	uint8_t head[MAX_PREFIXES + 3];
	unsigned int len = set->count, step = len ? 7 : 1, i;

	memcpy(head, set->bytes, len);
	if (rex) {
		head[len++] = rex;
	}
	for (i = 0; i < ARRAY_COUNT(decoded_primary); i++) {
		head[len] = decoded_primary[i];
		sweep_modrm(oracle, head, len + 1, step);
	}
	head[len] = 0x0f;
	for (i = 0; i < ARRAY_COUNT(decoded_secondary); i++) {
		head[len + 1] = decoded_secondary[i];
		sweep_modrm(oracle, head, len + 2, step);
	}
}

static void decoded_opcodes_agree_with_zydis(void **state)
{
	struct insn_oracle oracle;
	unsigned int m, i, rex;

	(void)state;
	for (m = 0; m < ARRAY_COUNT(modes); m++) {
		insn_oracle_init(&oracle, modes[m]);
		for (i = 0; i < ARRAY_COUNT(legacy_sets); i++) {
			sweep_decoded(&oracle, &legacy_sets[i], 0);
			if (modes[m] != 64 || i >= 5) {
				continue;
			}
			for (rex = 0x40; rex < 0x50; rex++) {
				sweep_decoded(&oracle, &legacy_sets[i], rex);
			}
		}
	}
}

static void all_opcodes_agree_with_zydis(void **state)
{
	struct insn_oracle oracle;
	uint8_t head[MAX_PREFIXES + 2];
	unsigned int m, i, opcode, len;

	(void)state;
	for (m = 0; m < ARRAY_COUNT(modes); m++) {
		insn_oracle_init(&oracle, modes[m]);
		for (i = 0; i < ARRAY_COUNT(legacy_sets); i++) {
			len = legacy_sets[i].count;
			memcpy(head, legacy_sets[i].bytes, len);
			for (opcode = 0; opcode < 256; opcode++) {
				head[len] = opcode;
				sweep_modrm(&oracle, head, len + 1, 101);
				head[len] = 0x0f;
				head[len + 1] = opcode;
				sweep_modrm(&oracle, head, len + 2, 101);
			}
		}
	}
}

/* A REX that is not last, and one after another, must not count. */
static void rex_position_agrees_with_zydis(void **state)
{
	static const struct prefixes sets[] = {
		{ 2, { 0x48, 0x66 } },
		{ 2, { 0x4f, 0x65 } },
		{ 2, { 0x48, 0x41 } },
		{ 3, { 0x44, 0x67, 0x41 } },
		{ 4, { 0x4f, 0x66, 0x4f, 0x64 } },
	};
	struct insn_oracle oracle;
	unsigned int i;

	(void)state;
	insn_oracle_init(&oracle, 64);
	for (i = 0; i < ARRAY_COUNT(sets); i++) {
		sweep_decoded(&oracle, &sets[i], 0);
	}
}

/* Random bytes, half of them led by prefixes and a decoded opcode. */
static void random_bytes_agree_with_zydis(void **state)
{
	static const uint8_t leads[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2,
		0xf3, 0x40, 0x41, 0x44, 0x48, 0x4f,
	};
	struct insn_oracle oracle[ARRAY_COUNT(modes)];
	uint8_t bytes[INSN_LENGTH_MAX];
	unsigned int i, at;

	(void)state;
	for (i = 0; i < ARRAY_COUNT(modes); i++) {
		insn_oracle_init(&oracle[i], modes[i]);
	}
	for (i = 0; i < RANDOM_COUNT; i++) {
		fill_random(bytes, sizeof(bytes));
		if (random64() >> 63) {
			at = 0;
			while (at < 10 && random64() % 3) {
				bytes[at++] =
					leads[random64() % ARRAY_COUNT(leads)];
			}
			bytes[at] = decoded_primary[random64() %
					ARRAY_COUNT(decoded_primary)];
		}
		check(&oracle[i % ARRAY_COUNT(modes)], bytes,
		      random64() % (INSN_LENGTH_MAX + 1));
		check(&oracle[i % ARRAY_COUNT(modes)], bytes, sizeof(bytes));
	}
}

static const ZydisDecodedOperand *memory_operand(struct insn_oracle *oracle)
{
	bool first = oracle->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;

	return &oracle->operands[first ? 0 : 1];
}

static uint64_t linear(unsigned int mode, unsigned int segment,
		       uint64_t offset, const uint64_t *segbase)
{
	if (mode != 64) {
		return (uint32_t)(offset + segbase[segment]);
	}
	return segment == INSN_FS || segment == INSN_GS
		       ? offset + segbase[segment] : offset;
}

static void addresses_agree_with_zydis(void **state)
{
	uint64_t gpr[16], segbase[INSN_SEGMENT_COUNT], rip, expected, address;
	struct insn_oracle oracle;
	uint8_t bytes[INSN_LENGTH_MAX];
	struct insn insn;
	unsigned int i, j, at, agreed = 0;

	(void)state;
	for (i = 0; i < RANDOM_COUNT; i++) {
		insn_oracle_init(&oracle, modes[i % ARRAY_COUNT(modes)]);
		fill_random((uint8_t *)gpr, sizeof(gpr));
		fill_random((uint8_t *)segbase, sizeof(segbase));
		fill_random(bytes, sizeof(bytes));
		rip = random64() >> (oracle.mode == 64 ? 0 : 32);
		at = 0;
		for (j = 0; j < legacy_sets[i % 14].count; j++) {
			bytes[at++] = legacy_sets[i % 14].bytes[j];
		}
		if (oracle.mode == 64 && (i & 1)) {
			bytes[at++] = 0x40 | (random64() & 15);
		}
		bytes[at] = decoded_primary[random64() %
					    ARRAY_COUNT(decoded_primary)];
		if (insn_decode(bytes, sizeof(bytes), oracle.mode, &insn)) {
			continue;
		}
		check(&oracle, bytes, sizeof(bytes));
		if (insn_oracle_phantom_base(&oracle,
					     &memory_operand(&oracle)->mem)) {
			continue;
		}
		expected = linear(oracle.mode, insn.segment,
				  insn_oracle_offset(&oracle,
						     memory_operand(&oracle),
						     gpr, rip), segbase);
		address = insn_effective_address(&insn, gpr, rip, segbase);
		if (address != expected) {
			fail_with_bytes("address", oracle.mode, bytes,
					insn.length);
		}
		agreed++;
	}
	assert_true(agreed > RANDOM_COUNT / 4);
}

/* Cut at each length: truncated until the last byte is there, then OK. */
static void truncated_until_complete(void **state)
{
	static const uint8_t whole[] = {
		0x65, 0x66, 0x67, 0x4f, 0xc7, 0x84, 0x88, 0x78, 0x56, 0x34,
		0x12, 0xf0, 0xde, 0xbc, 0x9a,
	};
	uint8_t *exact;
	struct insn insn;
	unsigned int len;

	(void)state;
	for (len = 0; len <= sizeof(whole); len++) {
		/* An allocation of the exact size lets ASan see overreads */
		exact = malloc(len ? len : 1);
		assert_non_null(exact);
		memcpy(exact, whole, len);
		assert_int_equal(insn_decode(exact, len, 64, &insn),
				 len < sizeof(whole) ? INSN_TRUNCATED
						     : INSN_OK);
		free(exact);
	}
	assert_int_equal(insn.length, sizeof(whole));
	assert_int_equal(insn.size, 8);
	assert_int_equal(insn.imm, 0xffffffff9abcdef0);
}

static void length_limit_is_15(void **state)
{
	uint8_t bytes[32];
	struct insn insn;

	(void)state;
	memset(bytes, 0x66, sizeof(bytes));
	bytes[13] = 0x8b;
	bytes[14] = 0x00;
	assert_int_equal(insn_decode(bytes, 14, 64, &insn), INSN_TRUNCATED);
	assert_int_equal(insn_decode(bytes, 32, 64, &insn), INSN_OK);
	assert_int_equal(insn.length, 15);
	bytes[13] = 0x66;
	bytes[14] = 0x8b;
	bytes[15] = 0x00;
	assert_int_equal(insn_decode(bytes, 32, 64, &insn), INSN_INVALID);
	assert_int_equal(insn_decode(bytes, 15, 64, &insn), INSN_INVALID);
	assert_int_equal(insn_decode(bytes, 14, 64, &insn), INSN_TRUNCATED);
	assert_int_equal(insn_decode(bytes, 0, 64, &insn), INSN_TRUNCATED);
}

static void unusual_input_is_refused(void **state)
{
	static const uint8_t mov[] = { 0x8b, 0x00 };
	static const uint8_t c6_1[] = { 0xc6, 0x08, 0x00 };
	static const uint8_t xbegin[] = { 0xc7, 0xf8, 0, 0, 0, 0 };
	static const uint8_t locked[] = { 0xf0, 0x01, 0x08 };
	static const uint8_t movs[] = { 0xf3, 0x48, 0xa5 };
	static const uint8_t sse[] = { 0x0f, 0x11, 0x44, 0x24, 0x08 };
	static const uint8_t vex[] = { 0xc5, 0xf8, 0x11, 0x00 };
	static const uint8_t movsxd16[] = { 0x66, 0x63, 0x00 };
	struct insn insn;

	(void)state;
	assert_int_equal(insn_decode(mov, 2, 48, &insn), INSN_INVALID);
	assert_int_equal(insn_decode(c6_1, 3, 64, &insn), INSN_INVALID);
	assert_int_equal(insn_decode(xbegin, 6, 64, &insn), INSN_UNSUPPORTED);
	assert_int_equal(insn.length, 6);
	assert_int_equal(insn_decode(locked, 3, 64, &insn), INSN_UNSUPPORTED);
	assert_int_equal(insn.length, 3);
	assert_int_equal(insn_decode(movs, 3, 64, &insn), INSN_UNSUPPORTED);
	assert_int_equal(insn.length, 3);
	assert_int_equal(insn_decode(sse, 5, 64, &insn), INSN_UNSUPPORTED);
	assert_int_equal(insn.length, 5);
	assert_int_equal(insn_decode(vex, 4, 64, &insn), INSN_UNSUPPORTED);
	assert_int_equal(insn.length, 0);
	assert_int_equal(insn_decode(movsxd16, 3, 64, &insn),
			 INSN_UNSUPPORTED);
}

/* A load into rbx = 1122334455667788 of memory ...f0debc9a, and its result. */
struct load_case {
	const char *text;
	uint8_t len;
	uint8_t bytes[4];
	uint64_t result;
};

static const struct load_case load_cases[] = {
	{ "mov bl,[rax]", 2, { 0x8a, 0x18 }, 0x112233445566779a },
	{ "mov bh,[rax]", 2, { 0x8a, 0x38 }, 0x1122334455669a88 },
	{ "mov bx,[rax]", 3, { 0x66, 0x8b, 0x18 }, 0x112233445566bc9a },
	{ "mov ebx,[rax]", 2, { 0x8b, 0x18 }, 0xf0debc9a },
	{ "mov rbx,[rax]", 3, { 0x48, 0x8b, 0x18 }, 0x87654321f0debc9a },
	{ "movzx bx,byte", 4, { 0x66, 0x0f, 0xb6, 0x18 }, 0x112233445566009a },
	{ "movzx ebx,byte", 3, { 0x0f, 0xb6, 0x18 }, 0x9a },
	{ "movzx ebx,word", 3, { 0x0f, 0xb7, 0x18 }, 0xbc9a },
	{ "movzx rbx,word", 4, { 0x48, 0x0f, 0xb7, 0x18 }, 0xbc9a },
	{ "movsx bx,byte", 4, { 0x66, 0x0f, 0xbe, 0x18 }, 0x112233445566ff9a },
	{ "movsx ebx,byte", 3, { 0x0f, 0xbe, 0x18 }, 0xffffff9a },
	{ "movsx rbx,byte", 4, { 0x48, 0x0f, 0xbe, 0x18 },
	  0xffffffffffffff9a },
	{ "movsx ebx,word", 3, { 0x0f, 0xbf, 0x18 }, 0xffffbc9a },
	{ "movsx rbx,word", 4, { 0x48, 0x0f, 0xbf, 0x18 },
	  0xffffffffffffbc9a },
	{ "movsxd rbx,dword", 3, { 0x48, 0x63, 0x18 }, 0xfffffffff0debc9a },
	{ "movsxd ebx,dword", 2, { 0x63, 0x18 }, 0xf0debc9a },
};

static void loads_write_back(void **state)
{
	uint64_t gpr[16];
	struct insn insn;
	unsigned int i, j;

	(void)state;
	for (i = 0; i < ARRAY_COUNT(load_cases); i++) {
		for (j = 0; j < 16; j++) {
			gpr[j] = 0x1122334455667788;
		}
		assert_int_equal(insn_decode(load_cases[i].bytes,
					     load_cases[i].len, 64, &insn),
				 INSN_OK);
		insn_load_result(&insn, gpr, 0x87654321f0debc9a);
		if (gpr[3] != load_cases[i].result) {
			fail_msg("%s: %016llx", load_cases[i].text,
				 (unsigned long long)gpr[3]);
		}
		for (j = 0; j < 16; j++) {
			assert_true(j == 3 || gpr[j] == 0x1122334455667788);
		}
	}
}

static void loads_reach_rex_registers(void **state)
{
	static const uint8_t spl[] = { 0x40, 0x8a, 0x20 };
	static const uint8_t r12b[] = { 0x44, 0x8a, 0x20 };
	static const uint8_t r12d[] = { 0x44, 0x8b, 0x20 };
	static const uint8_t moffs[] = { 0xa1, 8, 7, 6, 5, 4, 3, 2, 1 };
	uint64_t gpr[16] = { 0 };
	uint64_t segbase[INSN_SEGMENT_COUNT] = { 1, 2, 3, 4, 5, 6 };
	struct insn insn;

	(void)state;
	assert_int_equal(insn_decode(spl, 3, 64, &insn), INSN_OK);
	insn_load_result(&insn, gpr, 0x99);
	assert_int_equal(gpr[4], 0x99);
	assert_int_equal(insn_decode(r12b, 3, 64, &insn), INSN_OK);
	gpr[12] = ~0ULL;
	insn_load_result(&insn, gpr, 0);
	assert_int_equal(gpr[12], 0xffffffffffffff00);
	assert_int_equal(insn_decode(r12d, 3, 64, &insn), INSN_OK);
	insn_load_result(&insn, gpr, 5);
	assert_int_equal(gpr[12], 5);
	assert_int_equal(insn_decode(moffs, 9, 64, &insn), INSN_OK);
	assert_int_equal(insn.reg, 0);
	assert_int_equal(insn_effective_address(&insn, gpr, 0, segbase),
			 0x0102030405060708);
}

static void stores_give_their_value(void **state)
{
	static const uint8_t bh[] = { 0x88, 0x38 };
	static const uint8_t bx[] = { 0x66, 0x89, 0x18 };
	static const uint8_t ebx[] = { 0x89, 0x18 };
	static const uint8_t imm8[] = { 0xc6, 0x00, 0x80 };
	static const uint8_t imm64[] = { 0x48, 0xc7, 0x00, 1, 0, 0, 0x80 };
	uint64_t gpr[16] = { 0 };
	struct insn insn;

	(void)state;
	gpr[3] = 0x1122334455667788;
	assert_int_equal(insn_decode(bh, 2, 32, &insn), INSN_OK);
	assert_int_equal(insn_store_value(&insn, gpr), 0x77);
	assert_int_equal(insn_decode(bx, 3, 32, &insn), INSN_OK);
	assert_int_equal(insn_store_value(&insn, gpr), 0x7788);
	assert_int_equal(insn_decode(ebx, 2, 64, &insn), INSN_OK);
	assert_int_equal(insn_store_value(&insn, gpr), 0x55667788);
	assert_int_equal(insn_decode(imm8, 3, 64, &insn), INSN_OK);
	assert_int_equal(insn_store_value(&insn, gpr), 0x80);
	assert_int_equal(insn_decode(imm64, 7, 64, &insn), INSN_OK);
	assert_int_equal(insn_store_value(&insn, gpr), 0xffffffff80000001);
}

/* Hits, misses and evictions all give what a plain decode gives. */
static void cache_agrees_with_plain_decode(void **state)
{
	static struct insn_cache cache;
	uint8_t pool[64][16];
	const struct insn *cached;
	struct insn plain;
	unsigned int i, mode, len, which;

	(void)state;
	fill_random(pool[0], sizeof(pool));
	memset(pool[0], 0, sizeof(pool[0]));
	for (i = 1; i < ARRAY_COUNT(pool); i++) {
		pool[i][0] = decoded_primary[i % ARRAY_COUNT(decoded_primary)];
	}
	assert_int_equal(insn_decode_cached(&cache, pool[0], 16, 0, &cached),
			 INSN_INVALID);
	for (i = 0; i < RANDOM_COUNT; i++) {
		which = random64() % ARRAY_COUNT(pool);
		mode = modes[random64() % ARRAY_COUNT(modes)];
		len = random64() % 4 ? 16 : random64() % 16;
		assert_int_equal(insn_decode(pool[which], len, mode, &plain),
				 insn_decode_cached(&cache, pool[which], len,
						    mode, &cached));
		assert_memory_equal(&plain, cached, sizeof(plain));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoded_opcodes_agree_with_zydis),
		cmocka_unit_test(all_opcodes_agree_with_zydis),
		cmocka_unit_test(rex_position_agrees_with_zydis),
		cmocka_unit_test(random_bytes_agree_with_zydis),
		cmocka_unit_test(addresses_agree_with_zydis),
		cmocka_unit_test(truncated_until_complete),
		cmocka_unit_test(length_limit_is_15),
		cmocka_unit_test(unusual_input_is_refused),
		cmocka_unit_test(loads_write_back),
		cmocka_unit_test(loads_reach_rex_registers),
		cmocka_unit_test(stores_give_their_value),
		cmocka_unit_test(cache_agrees_with_plain_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
