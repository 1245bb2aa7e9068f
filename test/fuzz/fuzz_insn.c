// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the MMIO instruction decoder (arch/x86/insn.c).
 *
 * Input: one byte choosing the mode, then instruction bytes. Checked for any
 * input: no byte outside the given ones is read (exact allocation under ASan),
 * fields stay in range, bytes after the instruction do not matter, a shorter
 * input never turns into another instruction, results touch one register and
 * addresses stay inside their size. The comparison with libZydis is in
 * test/unit/test_insn.c.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <taproot/insn.h>

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_size(unsigned int size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* Decode from a copy of the exact length, so that ASan sees overreads. */
static enum insn_status decode_exact(const uint8_t *bytes, unsigned int len,
				     unsigned int mode, struct insn *insn)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum insn_status status;

	REQUIRE(copy != NULL);
	memcpy(copy, bytes, len);
	status = insn_decode(copy, len, mode, insn);
	free(copy);
	return status;
}

static void check_fields(const struct insn *insn, unsigned int mode,
			 unsigned int len)
{
	unsigned int reg_max = mode == 64 ? 15 : 7;

	REQUIRE(insn->kind == INSN_LOAD || insn->kind == INSN_STORE);
	REQUIRE(insn->length >= 2 && insn->length <= INSN_LENGTH_MAX);
	REQUIRE(insn->length <= len);
	REQUIRE(insn->mode == mode);
	REQUIRE(is_size(insn->size) && is_size(insn->dest_size));
	REQUIRE(insn->dest_size >= insn->size);
	REQUIRE(mode == 64 || insn->dest_size <= 4);
	REQUIRE(insn->reg <= reg_max);
	REQUIRE(!insn->high_byte || insn->reg <= 3);
	REQUIRE(!insn->has_imm || insn->kind == INSN_STORE);
	REQUIRE(insn->segment < INSN_SEGMENT_COUNT);
	REQUIRE(insn->address_size != 1 && is_size(insn->address_size));
	REQUIRE(insn->base <= reg_max || insn->base == INSN_REG_NONE);
	REQUIRE(insn->index <= reg_max || insn->index == INSN_REG_NONE);
	REQUIRE(insn->index != 4 && insn->scale <= 3);
	REQUIRE(!insn->rip_relative ||
		(mode == 64 && insn->base == INSN_REG_NONE &&
		 insn->index == INSN_REG_NONE));
}

static void check_use(const struct insn *insn)
{
	static const uint64_t segbase[INSN_SEGMENT_COUNT] = { 0 };
	uint64_t before[16], after[16], address;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		before[i] = 0xfedcba9876543210 * (i + 1);
	}
	address = insn_effective_address(insn, before, ~0ULL, segbase);
	REQUIRE(insn->address_size == 8 ||
		address >> (8 * insn->address_size) == 0);
	address = insn_store_value(insn, before);
	REQUIRE(insn->size == 8 || address >> (8 * insn->size) == 0);

	memcpy(after, before, sizeof(after));
	insn_load_result(insn, after, 0x8899aabbccddeeff);
	for (i = 0; i < 16; i++) {
		REQUIRE(i == insn->reg || after[i] == before[i]);
	}
}

/* Less input must say so, until the last byte of the instruction is there. */
static void check_prefixes_of(const uint8_t *bytes, const struct insn *whole)
{
	struct insn cut;
	unsigned int len;

	for (len = 0; len < whole->length; len++) {
		REQUIRE(decode_exact(bytes, len, whole->mode, &cut) ==
			INSN_TRUNCATED);
	}
	REQUIRE(decode_exact(bytes, whole->length, whole->mode, &cut) ==
		INSN_OK);
	REQUIRE(cut.length == whole->length && cut.kind == whole->kind &&
		cut.size == whole->size && cut.reg == whole->reg &&
		cut.base == whole->base && cut.index == whole->index &&
		cut.disp == whole->disp && cut.imm == whole->imm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int modes[] = { 64, 32, 16 };
	struct insn insn;
	unsigned int mode, len;

	if (size < 1 || size > 64) {
		return 0;
	}
	mode = modes[data[0] % 3];
	len = (unsigned int)size - 1;
	switch (decode_exact(data + 1, len, mode, &insn)) {
	case INSN_OK:
		check_fields(&insn, mode, len);
		check_use(&insn);
		check_prefixes_of(data + 1, &insn);
		break;
	case INSN_TRUNCATED:
		REQUIRE(len < INSN_LENGTH_MAX);
		break;
	case INSN_UNSUPPORTED:
		REQUIRE(insn.length <= len);
		break;
	case INSN_INVALID:
		break;
	}
	return 0;
}
