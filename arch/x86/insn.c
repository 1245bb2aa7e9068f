// SPDX-License-Identifier: MIT
/*
 * Decoder for the instructions that reach trapped pages (see taproot/insn.h).
 *
 * Encodings are APMv3 1.2 (prefixes, REX, ModRM, SIB), appendix A (opcode
 * maps) and SDM 2A chapter 2. It runs on each access to ECAM, APIC and MSI-X
 * pages, so opcodes are looked up, not compared, and only prefixes loop.
 *
 * Deliberately not supported: the length of VEX, EVEX, XOP and branch
 * instructions (reported as 0, not known), and 66 63 in 64-bit code, where
 * vendors disagree on how much memory MOVSXD reads.
 */
#include <stddef.h>

#include <taproot/insn.h>

/* What the opcode tables say about an opcode; 0: unsupported, length unknown */
#define A_MODRM		0x0001	/* a ModRM byte follows */
#define A_LOAD		0x0002	/* supported, memory to register */
#define A_STORE		0x0004	/* supported, register or immediate to memory */
#define A_BYTE		0x0008	/* 8-bit memory operand, else operand size */
#define A_WORD		0x0010	/* 16-bit memory operand */
#define A_EXTEND	0x0020	/* destination has the operand size */
#define A_SIGNED	0x0040	/* the extension is by sign */
#define A_IMM8		0x0080
#define A_IMMZ		0x0100	/* 16 or 32 bits by operand size */
#define A_MOFFS		0x0200	/* absolute offset of address size, reg is rAX */
#define A_GROUP0	0x0400	/* ModRM.reg must be 0 */
#define A_GROUP3	0x0800	/* an immediate only for ModRM.reg 0 and 1 */
#define A_SINGLE	0x1000	/* unsupported, nothing follows the opcode */
#define A_PREFIX	0x2000
#define A_MOVSXD	0x4000	/* 64-bit code: MOVSXD; else ARPL, unsupported */

/* Short names that keep the tables in rows of 16 */
#define M	A_MODRM
#define MB	(A_MODRM | A_IMM8)
#define MZ	(A_MODRM | A_IMMZ)
#define S	A_SINGLE
#define P	A_PREFIX
#define LDB	(A_MODRM | A_LOAD | A_BYTE)
#define LDV	(A_MODRM | A_LOAD)
#define STB	(A_MODRM | A_STORE | A_BYTE)
#define STV	(A_MODRM | A_STORE)
#define LOB	(A_MOFFS | A_LOAD | A_BYTE)
#define LOV	(A_MOFFS | A_LOAD)
#define SOB	(A_MOFFS | A_STORE | A_BYTE)
#define SOV	(A_MOFFS | A_STORE)
#define SIB8	(STB | A_GROUP0 | A_IMM8)
#define SIZ	(STV | A_GROUP0 | A_IMMZ)
#define G3B	(MB | A_GROUP3)
#define G3Z	(MZ | A_GROUP3)
#define SXD	(LDV | A_EXTEND | A_SIGNED | A_MOVSXD)
#define ZXB	(LDB | A_EXTEND)
#define ZXW	(A_MODRM | A_LOAD | A_WORD | A_EXTEND)
#define SXB	(ZXB | A_SIGNED)
#define SXW	(ZXW | A_SIGNED)

/* APMv3 table A-1. REX (40-4F) is dealt with before the lookup. */
static const uint16_t map_primary[256] = {
	/* 00 */ M, M, M, M, 0, 0, 0, 0, M, M, M, M, 0, 0, 0, 0,
	/* 10 */ M, M, M, M, 0, 0, 0, 0, M, M, M, M, 0, 0, 0, 0,
	/* 20 */ M, M, M, M, 0, 0, P, 0, M, M, M, M, 0, 0, P, 0,
	/* 30 */ M, M, M, M, 0, 0, P, 0, M, M, M, M, 0, 0, P, 0,
	/* 40 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 50 */ S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
	/* 60 */ 0, 0, 0, SXD, P, P, P, P, 0, MZ, 0, MB, S, S, S, S,
	/* 70 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 80 */ MB, MZ, 0, MB, M, M, M, M, STB, STV, LDB, LDV, M, M, M, 0,
	/* 90 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* a0 */ LOB, LOV, SOB, SOV, S, S, S, S, 0, 0, S, S, S, S, S, S,
	/* b0 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* c0 */ MB, MB, 0, 0, 0, 0, SIB8, SIZ, 0, 0, 0, 0, 0, 0, 0, 0,
	/* d0 */ M, M, M, M, 0, 0, 0, S, M, M, M, M, M, M, M, M,
	/* e0 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* f0 */ P, 0, P, P, 0, 0, G3B, G3Z, 0, 0, 0, 0, 0, 0, M, M,
};

/* APMv3 tables, opcodes after 0F. */
static const uint16_t map_secondary[256] = {
	/* 00 */ M, M, M, M, 0, 0, 0, 0, 0, 0, 0, 0, 0, M, 0, MB,
	/* 10 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 20 */ 0, 0, 0, 0, 0, 0, 0, 0, M, M, M, M, M, M, M, M,
	/* 30 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 40 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 50 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 60 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 70 */ MB, MB, MB, MB, M, M, M, 0, 0, M, 0, 0, M, M, M, M,
	/* 80 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 90 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* a0 */ 0, 0, 0, M, MB, M, 0, 0, 0, 0, 0, M, MB, M, M, M,
	/* b0 */ M, M, M, M, M, M, ZXB, ZXW, M, M, MB, M, M, M, SXB, SXW,
	/* c0 */ M, M, MB, M, MB, MB, MB, M, 0, 0, 0, 0, 0, 0, 0, 0,
	/* d0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* e0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* f0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
};

#undef M
#undef MB
#undef MZ
#undef S
#undef P

#define REX_W 0x8
#define REX_R 0x4
#define REX_X 0x2
#define REX_B 0x1

enum { GPR_BX = 3, GPR_SP = 4, GPR_BP = 5, GPR_SI = 6, GPR_DI = 7 };

/* Base and index of 16-bit addressing by ModRM.rm (APMv3 table A-33). */
static const uint8_t base16[8] = {
	GPR_BX, GPR_BX, GPR_BP, GPR_BP, GPR_SI, GPR_DI, GPR_BP, GPR_BX,
};
static const uint8_t index16[8] = {
	GPR_SI, GPR_DI, GPR_SI, GPR_DI, INSN_REG_NONE, INSN_REG_NONE,
	INSN_REG_NONE, INSN_REG_NONE,
};

/* The state of one decode; pos never passes limit. */
struct decoder {
	const uint8_t *bytes;
	unsigned int pos;
	unsigned int limit;
	unsigned int mode;
	unsigned int rex;		/* 0, or 40-4F */
	unsigned int operand_size;	/* 2, 4 or 8 */
	unsigned int address_size;	/* 2, 4 or 8 */
	unsigned int modrm;
	uint8_t segment;		/* INSN_REG_NONE: no override */
	bool operand_prefix;		/* 66 */
	bool address_prefix;		/* 67 */
	bool blocking_prefix;		/* F0, F2 or F3 */
};

static bool take_byte(struct decoder *d, unsigned int *byte)
{
	if (d->pos >= d->limit) {
		return false;
	}
	*byte = d->bytes[d->pos++];
	return true;
}

/* Take a little-endian number of 0, 1, 2, 4 or 8 bytes, sign-extended. */
static bool take_signed(struct decoder *d, unsigned int size, int64_t *value)
{
	const uint8_t *from = d->bytes + d->pos;
	int32_t dword;
	int16_t word;

	if (size > d->limit - d->pos) {
		return false;
	}
	d->pos += size;
	switch (size) {
	case 0:
		*value = 0;
		break;
	case 1:
		*value = (int8_t)from[0];
		break;
	case 2:
		__builtin_memcpy(&word, from, sizeof(word));
		*value = word;
		break;
	case 4:
		__builtin_memcpy(&dword, from, sizeof(dword));
		*value = dword;
		break;
	default:
		__builtin_memcpy(value, from, sizeof(*value));
		break;
	}
	return true;
}

static void note_prefix(struct decoder *d, unsigned int byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		/* 64-bit code ignores these four (APMv3 1.2.4) */
		if (d->mode != 64) {
			d->segment = (byte >> 3) & 3;
		}
		break;
	case 0x64: case 0x65:
		d->segment = byte & 7;
		break;
	case 0x66:
		d->operand_prefix = true;
		break;
	case 0x67:
		d->address_prefix = true;
		break;
	default:
		d->blocking_prefix = true;
		break;
	}
}

/*
 * Take prefixes and the first opcode byte. A REX counts only right before the
 * opcode: any prefix after it, another REX too, undoes it (APMv3 1.2.7).
 */
static bool take_prefixes(struct decoder *d, unsigned int *opcode)
{
	bool wide = d->mode != 16;

	for (;;) {
		if (!take_byte(d, opcode)) {
			return false;
		}
		if (d->mode == 64 && (*opcode & 0xf0) == 0x40) {
			d->rex = *opcode;
		} else if (map_primary[*opcode] & A_PREFIX) {
			d->rex = 0;
			note_prefix(d, *opcode);
		} else {
			break;
		}
	}

	d->operand_size = wide != d->operand_prefix ? 4 : 2;
	d->address_size = wide != d->address_prefix ? 4 : 2;
	if (d->mode == 64) {
		if (d->rex & REX_W) {
			d->operand_size = 8;
		}
		d->address_size = d->address_prefix ? 4 : 8;
	}
	return true;
}

/* Take the opcode bytes after the first and say what the opcode is. */
static bool take_opcode(struct decoder *d, unsigned int opcode,
			unsigned int *attr)
{
	unsigned int last;

	if (opcode != 0x0f) {
		*attr = map_primary[opcode];
		return true;
	}
	if (!take_byte(d, &opcode)) {
		return false;
	}
	*attr = map_secondary[opcode];
	if (opcode == 0x38 || opcode == 0x3a) {
		/* Both maps are uniform: ModRM, and 3A has an immediate byte */
		*attr = A_MODRM | (opcode == 0x3a ? A_IMM8 : 0);
		return take_byte(d, &last);
	}
	return true;
}

/* The memory operand of 16-bit addressing (APMv3 1.4.3, table A-33). */
static bool take_address16(struct decoder *d, struct insn *out)
{
	static const uint8_t disp_size[4] = { 0, 1, 2, 0 };
	unsigned int mod = d->modrm >> 6;
	unsigned int rm = d->modrm & 7;

	if (mod == 0 && rm == 6) {
		return take_signed(d, 2, &out->disp);
	}
	if (mod != 3) {
		out->base = base16[rm];
		out->index = index16[rm];
	}
	return take_signed(d, disp_size[mod], &out->disp);
}

/* The memory operand of 32 and 64-bit addressing (APMv3 1.4.2-1.4.4, 1.7). */
static bool take_address(struct decoder *d, struct insn *out)
{
	static const uint8_t disp_size[4] = { 0, 1, 4, 0 };
	unsigned int mod = d->modrm >> 6;
	unsigned int low = d->modrm & 7;
	unsigned int size = disp_size[mod];
	bool has_sib = low == 4;
	unsigned int sib;

	if (mod == 3) {
		return true;
	}
	if (has_sib) {
		unsigned int index;

		if (!take_byte(d, &sib)) {
			return false;
		}
		low = sib & 7;
		index = ((sib >> 3) & 7) | (d->rex & REX_X ? 8 : 0);
		if (index != GPR_SP) {
			out->index = index;
			out->scale = sib >> 6;
		}
	}
	if (mod == 0 && low == 5) {
		out->rip_relative = !has_sib && d->mode == 64;
		size = 4;
	} else {
		out->base = low | (d->rex & REX_B ? 8 : 0);
	}
	return take_signed(d, size, &out->disp);
}

static bool take_modrm(struct decoder *d, struct insn *out)
{
	bool ok;

	if (!take_byte(d, &d->modrm)) {
		return false;
	}
	ok = d->address_size == 2 ? take_address16(d, out)
				  : take_address(d, out);
	if (out->base == GPR_SP || out->base == GPR_BP) {
		out->segment = INSN_SS;
	}
	return ok;
}

/* A0-A3: the offset stands in the instruction, zero-extended. */
static bool take_moffs(struct decoder *d, struct insn *out)
{
	if (!take_signed(d, d->address_size, &out->disp)) {
		return false;
	}
	if (d->address_size < 8) {
		out->disp &= (1ULL << (8 * d->address_size)) - 1;
	}
	return true;
}

static bool take_immediate(struct decoder *d, unsigned int attr,
			   struct insn *out)
{
	unsigned int size = 1;
	int64_t imm;

	if ((attr & A_GROUP3) && ((d->modrm >> 3) & 7) > 1) {
		return true;
	}
	if (attr & A_IMMZ) {
		size = d->operand_size == 2 ? 2 : 4;
	}
	if (!take_signed(d, size, &imm)) {
		return false;
	}
	out->imm = (uint64_t)imm;
	out->has_imm = true;
	return true;
}

/* The data register; without REX, 4-7 are AH-BH for bytes (APMv3 2.3.1.2). */
static void set_register(const struct decoder *d, struct insn *out)
{
	unsigned int reg = ((d->modrm >> 3) & 7) | (d->rex & REX_R ? 8 : 0);
	unsigned int width = out->kind == INSN_LOAD ? out->dest_size
						    : out->size;

	out->high_byte = width == 1 && !d->rex && reg >= 4;
	out->reg = out->high_byte ? reg - 4 : reg;
}

/* All bytes are taken: is it one of ours, and what does it do? */
static enum insn_status classify(const struct decoder *d, unsigned int attr,
				 struct insn *out)
{
	out->length = d->pos;
	if (!(attr & (A_LOAD | A_STORE)) || d->blocking_prefix) {
		return INSN_UNSUPPORTED;
	}
	if (attr & A_MODRM) {
		if ((attr & A_GROUP0) && (d->modrm & 0x38)) {
			/* C6 F8 and C7 F8 are XABORT and XBEGIN */
			return d->modrm == 0xf8 ? INSN_UNSUPPORTED
						: INSN_INVALID;
		}
		if (d->modrm >= 0xc0) {
			return INSN_UNSUPPORTED;
		}
	}
	if ((attr & A_MOVSXD) && (d->mode != 64 || d->operand_size == 2)) {
		return INSN_UNSUPPORTED;
	}

	out->kind = attr & A_LOAD ? INSN_LOAD : INSN_STORE;
	out->size = attr & A_BYTE ? 1 : attr & A_WORD ? 2 : d->operand_size;
	out->dest_size = attr & A_EXTEND ? d->operand_size : out->size;
	if (attr & A_MOVSXD) {
		out->size = 4;
	}
	out->sign_extend = attr & A_SIGNED;
	out->address_size = d->address_size;
	if (d->segment != INSN_REG_NONE) {
		out->segment = d->segment;
	}
	set_register(d, out);
	return INSN_OK;
}

/* Take everything behind the opcode; false: the bytes do not suffice. */
static bool take_operands(struct decoder *d, unsigned int attr,
			  struct insn *out)
{
	if ((attr & A_MODRM) && !take_modrm(d, out)) {
		return false;
	}
	if ((attr & A_MOFFS) && !take_moffs(d, out)) {
		return false;
	}
	if (attr & (A_IMM8 | A_IMMZ)) {
		return take_immediate(d, attr, out);
	}
	return true;
}

enum insn_status insn_decode(const uint8_t *bytes, unsigned int len,
			     unsigned int mode, struct insn *out)
{
	struct decoder d = {
		.bytes = bytes,
		.limit = len < INSN_LENGTH_MAX ? len : INSN_LENGTH_MAX,
		.mode = mode,
		.segment = INSN_REG_NONE,
	};
	/* With 15 bytes at hand, a missing one is one too many */
	enum insn_status overrun = len < INSN_LENGTH_MAX ? INSN_TRUNCATED
							 : INSN_INVALID;
	unsigned int opcode, attr;

	*out = (struct insn){
		.mode = mode,
		.segment = INSN_DS,
		.base = INSN_REG_NONE,
		.index = INSN_REG_NONE,
	};
	if (mode != 16 && mode != 32 && mode != 64) {
		return INSN_INVALID;
	}
	if (!take_prefixes(&d, &opcode) || !take_opcode(&d, opcode, &attr)) {
		return overrun;
	}
	if (!attr) {
		return INSN_UNSUPPORTED;
	}
	if (!take_operands(&d, attr, out)) {
		return overrun;
	}
	return classify(&d, attr, out);
}

static uint64_t mask_of(unsigned int size)
{
	return ~0ULL >> (64 - 8 * size);
}

uint64_t insn_effective_address(const struct insn *insn,
				const uint64_t gpr[16], uint64_t rip,
				const uint64_t segbase[INSN_SEGMENT_COUNT])
{
	uint64_t offset = (uint64_t)insn->disp;

	if (insn->base != INSN_REG_NONE) {
		offset += gpr[insn->base];
	}
	if (insn->index != INSN_REG_NONE) {
		offset += gpr[insn->index] << insn->scale;
	}
	if (insn->rip_relative) {
		offset += rip + insn->length;
	}
	offset &= mask_of(insn->address_size);

	if (insn->mode != 64) {
		return (offset + segbase[insn->segment]) & mask_of(4);
	}
	return insn->segment >= INSN_FS ? offset + segbase[insn->segment]
					: offset;
}

uint64_t insn_store_value(const struct insn *insn, const uint64_t gpr[16])
{
	uint64_t value = insn->imm;

	if (!insn->has_imm) {
		value = gpr[insn->reg] >> (insn->high_byte ? 8 : 0);
	}
	return value & mask_of(insn->size);
}

void insn_load_result(const struct insn *insn, uint64_t gpr[16],
		      uint64_t value)
{
	unsigned int shift = 64 - 8 * insn->size;
	uint64_t *reg = &gpr[insn->reg];

	value <<= shift;
	value = insn->sign_extend ? (uint64_t)((int64_t)value >> shift)
				  : value >> shift;
	switch (insn->dest_size) {
	case 1:
		shift = insn->high_byte ? 8 : 0;
		*reg = (*reg & ~(0xffULL << shift)) | (value & 0xff) << shift;
		break;
	case 2:
		*reg = (*reg & ~0xffffULL) | (value & 0xffff);
		break;
	case 4:
		*reg = (uint32_t)value;
		break;
	default:
		*reg = value;
		break;
	}
}
