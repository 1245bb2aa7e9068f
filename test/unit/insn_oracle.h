/* SPDX-License-Identifier: MIT */
/*
 * Judge of the MMIO instruction decoder: the same bytes through libZydis.
 *
 * insn_oracle_check() decodes with both and compares every field of struct
 * insn; it returns NULL when they agree, else the name of what differs.
 *
 * Deliberately not judged: the length of instructions outside our set where
 * our decoder says it does not know it (0), and which of UNSUPPORTED and
 * INVALID is said of bytes that libZydis refuses.
 */
#ifndef TEST_INSN_ORACLE_H
#define TEST_INSN_ORACLE_H

#include <Zydis/Zydis.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <taproot/insn.h>

/* What libZydis made of the bytes. */
struct insn_oracle {
	ZydisDecoder decoder;
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	unsigned int mode;
};

static inline void insn_oracle_init(struct insn_oracle *oracle,
				    unsigned int mode)
{
	ZydisMachineMode machine = ZYDIS_MACHINE_MODE_LONG_64;
	ZydisStackWidth stack = ZYDIS_STACK_WIDTH_64;

	if (mode == 32) {
		machine = ZYDIS_MACHINE_MODE_LEGACY_32;
		stack = ZYDIS_STACK_WIDTH_32;
	} else if (mode == 16) {
		machine = ZYDIS_MACHINE_MODE_LEGACY_16;
		stack = ZYDIS_STACK_WIDTH_16;
	}
	oracle->mode = mode;
	ZydisDecoderInit(&oracle->decoder, machine, stack);
}

/* LOCK and REP are outside our set wherever they stand. */
static inline bool insn_oracle_blocked(const struct insn_oracle *oracle)
{
	unsigned int i;

	for (i = 0; i < oracle->instruction.raw.prefix_count; i++) {
		switch (oracle->instruction.raw.prefixes[i].value) {
		case 0xf0: case 0xf2: case 0xf3:
			return true;
		default:
			break;
		}
	}
	return false;
}

static inline bool insn_oracle_is_gpr(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		return true;
	default:
		return false;
	}
}

/* Is this instruction one that doc/insn.md lists as decoded? */
static inline bool insn_oracle_supported(const struct insn_oracle *oracle)
{
	const ZydisDecodedOperand *op = oracle->operands;

	switch (oracle->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
		break;
	case ZYDIS_MNEMONIC_MOVSXD:
		if (oracle->instruction.operand_width == 16) {
			return false;
		}
		break;
	default:
		return false;
	}
	if (insn_oracle_blocked(oracle)) {
		return false;
	}
	if (op[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		return op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		       insn_oracle_is_gpr(op[1].reg.value);
	}
	return op[1].type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       insn_oracle_is_gpr(op[0].reg.value);
}

static inline unsigned int insn_oracle_reg(ZydisRegister reg)
{
	return reg == ZYDIS_REGISTER_NONE ? INSN_REG_NONE
					  : (uint8_t)ZydisRegisterGetId(reg);
}

static inline const char *
insn_oracle_check_data(const ZydisDecodedOperand *data, const struct insn *insn)
{
	ZydisRegister reg = data->reg.value;
	unsigned int id;

	if (data->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		if (!insn->has_imm) {
			return "has_imm";
		}
		return insn->imm == data->imm.value.u ? NULL : "imm";
	}
	if (insn->has_imm) {
		return "has_imm";
	}
	if (insn->high_byte !=
	    (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)) {
		return "high_byte";
	}
	if (insn->high_byte) {
		id = reg - ZYDIS_REGISTER_AH;
	} else if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B) {
		id = reg - ZYDIS_REGISTER_SPL + 4;
	} else if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL) {
		id = reg - ZYDIS_REGISTER_AL;
	} else {
		id = insn_oracle_reg(reg);
	}
	return insn->reg == id ? NULL : "reg";
}

/*
 * libZydis 4.0 reports R13D as the base where 64-bit code has 32-bit addresses,
 * REX.B and a SIB without base (mod 0, base 5). Processors use the displacement
 * alone (SDM 2A table 2-3, note 1; tried with LEA).
 */
static inline bool insn_oracle_phantom_base(const struct insn_oracle *oracle,
					    const ZydisDecodedOperandMem *mem)
{
	return mem->base == ZYDIS_REGISTER_R13D &&
	       oracle->instruction.raw.modrm.mod == 0 &&
	       oracle->instruction.raw.modrm.rm == 4 &&
	       oracle->instruction.raw.sib.base == 5;
}

static inline const char *
insn_oracle_check_address(const struct insn_oracle *oracle,
			  const ZydisDecodedOperand *operand,
			  const struct insn *insn)
{
	const ZydisDecodedOperandMem *mem = &operand->mem;
	bool rip = mem->base == ZYDIS_REGISTER_RIP ||
		   mem->base == ZYDIS_REGISTER_EIP;
	bool phantom = insn_oracle_phantom_base(oracle, mem);
	unsigned int base = rip || phantom ? INSN_REG_NONE
					   : insn_oracle_reg(mem->base);
	unsigned int unused = 0;
	uint64_t disp;
	static const ZydisRegister segments[] = {
		ZYDIS_REGISTER_ES, ZYDIS_REGISTER_CS, ZYDIS_REGISTER_SS,
		ZYDIS_REGISTER_DS, ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS,
	};

	if (insn->address_size * 8 != oracle->instruction.address_width) {
		return "address_size";
	}
	if (insn->segment >= INSN_SEGMENT_COUNT ||
	    mem->segment != segments[insn->segment]) {
		return "segment";
	}
	if (insn->rip_relative != rip) {
		return "rip_relative";
	}
	if (insn->base != base) {
		return "base";
	}
	if (insn->index != insn_oracle_reg(mem->index)) {
		return "index";
	}
	if (insn->index != INSN_REG_NONE && 1U << insn->scale != mem->scale) {
		return "scale";
	}
	/* A0-A3: an absolute offset, which libZydis sign-extends */
	if (insn->base == INSN_REG_NONE && insn->index == INSN_REG_NONE &&
	    !rip) {
		unused = 64 - 8 * insn->address_size;
	}
	disp = mem->disp.has_displacement ? (uint64_t)mem->disp.value : 0;
	if (phantom) {
		disp = (uint64_t)oracle->instruction.raw.disp.value;
	}
	return (uint64_t)insn->disp << unused == disp << unused ? NULL : "disp";
}

/* The offset by libZydis's own address arithmetic, segment base not added. */
static inline uint64_t insn_oracle_offset(const struct insn_oracle *oracle,
					  const ZydisDecodedOperand *operand,
					  const uint64_t gpr[16], uint64_t rip)
{
	ZydisRegisterContext context;
	ZyanU64 offset = 0;
	unsigned int i;

	memset(&context, 0, sizeof(context));
	for (i = 0; i < 16; i++) {
		context.values[ZYDIS_REGISTER_RAX + i] = gpr[i];
		context.values[ZYDIS_REGISTER_EAX + i] = (uint32_t)gpr[i];
		context.values[ZYDIS_REGISTER_AX + i] = (uint16_t)gpr[i];
	}
	ZydisCalcAbsoluteAddressEx(&oracle->instruction, operand, rip,
				   &context, &offset);
	return offset;
}

static inline const char *
insn_oracle_check_fields(struct insn_oracle *oracle, const struct insn *insn)
{
	const ZydisDecodedOperand *first = &oracle->operands[0];
	const ZydisDecodedOperand *second = &oracle->operands[1];
	bool store = first->type == ZYDIS_OPERAND_TYPE_MEMORY;
	const ZydisDecodedOperand *mem = store ? first : second;
	const char *differs;

	if (insn->kind != (store ? INSN_STORE : INSN_LOAD)) {
		return "kind";
	}
	if (insn->length != oracle->instruction.length) {
		return "length";
	}
	if (insn->mode != oracle->mode) {
		return "mode";
	}
	if (insn->size * 8 != mem->size) {
		return "size";
	}
	if (!store && insn->dest_size * 8 != first->size) {
		return "dest_size";
	}
	if (insn->sign_extend !=
	    (oracle->instruction.mnemonic == ZYDIS_MNEMONIC_MOVSX ||
	     oracle->instruction.mnemonic == ZYDIS_MNEMONIC_MOVSXD)) {
		return "sign_extend";
	}
	differs = insn_oracle_check_data(store ? second : first, insn);
	return differs ? differs
		       : insn_oracle_check_address(oracle, mem, insn);
}

static inline const char *insn_oracle_check(struct insn_oracle *oracle,
					    const uint8_t *bytes,
					    unsigned int len)
{
	struct insn insn;
	enum insn_status status = insn_decode(bytes, len, oracle->mode, &insn);
	ZyanStatus zydis = ZydisDecoderDecodeFull(&oracle->decoder, bytes, len,
						  &oracle->instruction,
						  oracle->operands);

	if (ZYAN_SUCCESS(zydis) && insn_oracle_supported(oracle)) {
		if (status != INSN_OK) {
			return "status: not OK";
		}
		return insn_oracle_check_fields(oracle, &insn);
	}
	if (status == INSN_OK) {
		return "status: OK";
	}
	if (ZYAN_SUCCESS(zydis)) {
		if (status != INSN_UNSUPPORTED) {
			return "status: not UNSUPPORTED";
		}
		return !insn.length ||
		       insn.length == oracle->instruction.length
			       ? NULL : "length (unsupported)";
	}
	if (zydis == ZYDIS_STATUS_NO_MORE_DATA && status == INSN_INVALID) {
		return "status: INVALID for truncated";
	}
	return NULL;
}

#endif /* TEST_INSN_ORACLE_H */
