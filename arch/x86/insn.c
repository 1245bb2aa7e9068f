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

#define INLINE static inline __attribute__((always_inline))

/* What the opcode tables say about an opcode; 0: unsupported, length unknown */
#define A_SIZE		0x000f	/* memory operand's bytes; 0: the operand size */
#define A_MODRM		0x0010	/* a ModRM byte follows */
#define A_IMM8		0x0020
#define A_IMMZ		0x0040	/* 16 or 32 bits by operand size */
#define A_MOFFS		0x0080	/* absolute offset of address size, reg is rAX */
#define A_GROUP0	0x0100	/* ModRM.reg must be 0 */
#define A_GROUP3	0x0200	/* an immediate only for ModRM.reg 0 and 1 */
#define A_EXTEND	0x0400	/* destination has the operand size */
#define A_SIGNED	0x0800	/* the extension is by sign */
#define A_MOVSXD	0x1000	/* 64-bit code: MOVSXD; else ARPL, unsupported */
#define A_PREFIX	0x2000
#define A_SINGLE	0x2001	/* unsupported, nothing follows the opcode */
#define A_KIND_SHIFT	14	/* enum insn_kind; INSN_NONE: unsupported */
#define A_LOAD		(INSN_LOAD << A_KIND_SHIFT)
#define A_STORE		(INSN_STORE << A_KIND_SHIFT)
#define A_TAIL		(A_IMM8 | A_IMMZ | A_MOFFS)

/* Short names that keep the tables in rows of 16 */
#define M	A_MODRM
#define MB	(A_MODRM | A_IMM8)
#define MZ	(A_MODRM | A_IMMZ)
#define S	A_SINGLE
#define P	A_PREFIX
#define LDB	(A_MODRM | A_LOAD | 1)
#define LDV	(A_MODRM | A_LOAD)
#define STB	(A_MODRM | A_STORE | 1)
#define STV	(A_MODRM | A_STORE)
#define LOB	(A_MOFFS | A_LOAD | 1)
#define LOV	(A_MOFFS | A_LOAD)
#define SOB	(A_MOFFS | A_STORE | 1)
#define SOV	(A_MOFFS | A_STORE)
#define SIB8	(STB | A_GROUP0 | A_IMM8)
#define SIZ	(STV | A_GROUP0 | A_IMMZ)
#define G3B	(MB | A_GROUP3)
#define G3Z	(MZ | A_GROUP3)
#define SXD	(LDV | A_EXTEND | A_SIGNED | A_MOVSXD | 4)
#define ZXB	(LDB | A_EXTEND)
#define ZXW	(A_MODRM | A_LOAD | A_EXTEND | 2)
#define SXB	(ZXB | A_SIGNED)
#define SXW	(ZXW | A_SIGNED)

/*
 * APMv3 tables. Rows 40 and the P are what note_prefix() must see; in 16 and
 * 32-bit code 40-4F are INC and DEC, without a memory operand.
 */
static const uint16_t map_primary[256] = {
	/* 00 */ M, M, M, M, 0, 0, 0, 0, M, M, M, M, 0, 0, 0, 0,
	/* 10 */ M, M, M, M, 0, 0, 0, 0, M, M, M, M, 0, 0, 0, 0,
	/* 20 */ M, M, M, M, 0, 0, P, 0, M, M, M, M, 0, 0, P, 0,
	/* 30 */ M, M, M, M, 0, 0, P, 0, M, M, M, M, 0, 0, P, 0,
	/* 40 */ P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P,
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
	/* 30 */ 0, 0, 0, 0, 0, 0, 0, 0, M, 0, MB, 0, 0, 0, 0, 0,
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

/* REX bits (APMv3 1.2.7) and, above them, what else prefixes say. */
#define REX_B		0x01
#define REX_X		0x02
#define REX_R		0x04
#define REX_W		0x08
#define REX_PRESENT	0x40
#define REX_BITS	0xff
#define PFX_OPERAND	0x100	/* 66 */
#define PFX_ADDRESS	0x200	/* 67 */
#define PFX_BLOCKING	0x400	/* F0, F2 or F3 */

/* Operand size in bytes by mode / 32, by 66 and REX.W (APMv3 1.2.2, 1.2.7). */
static const uint8_t operand_sizes[3][2][2] = {
	{ { 2, 2 }, { 4, 4 } },
	{ { 4, 4 }, { 2, 2 } },
	{ { 4, 8 }, { 2, 8 } },
};

/* Address size in bytes by mode / 32 and 67 (APMv3 1.2.3). */
static const uint8_t address_sizes[3][2] = { { 2, 4 }, { 4, 2 }, { 8, 4 } };

/*
 * How ModRM forms an address. SIB and the absolute form replace the base;
 * REX.B leaves INSN_REG_NONE as it is.
 */
struct form {
	uint8_t base;
	uint8_t index;
	uint8_t disp_size;
	uint8_t special;		/* enum form_special */
};

enum form_special { FORM_PLAIN = 0, FORM_SIB, FORM_RIP, FORM_REGISTER };

#define NO INSN_REG_NONE
#define BX 3
#define SP 4
#define BP 5
#define SI 6
#define DI 7

#define FORMS16(disp) \
	{ BX, SI, disp, 0 }, { BX, DI, disp, 0 }, { BP, SI, disp, 0 }, \
	{ BP, DI, disp, 0 }, { SI, NO, disp, 0 }, { DI, NO, disp, 0 }, \
	{ BP, NO, disp, 0 }, { BX, NO, disp, 0 }
#define FORMS32(disp) \
	{ 0, NO, disp, 0 }, { 1, NO, disp, 0 }, { 2, NO, disp, 0 }, \
	{ BX, NO, disp, 0 }, { NO, NO, disp, FORM_SIB }, \
	{ BP, NO, disp, 0 }, { SI, NO, disp, 0 }, { DI, NO, disp, 0 }
#define FORM_R { NO, NO, 0, FORM_REGISTER }
#define FORMS_R FORM_R, FORM_R, FORM_R, FORM_R, FORM_R, FORM_R, FORM_R, FORM_R

/* By ModRM.mod * 8 + ModRM.rm (SDM 2A table 2-1). */
static const struct form forms16[32] = {
	{ BX, SI, 0, 0 }, { BX, DI, 0, 0 }, { BP, SI, 0, 0 },
	{ BP, DI, 0, 0 }, { SI, NO, 0, 0 }, { DI, NO, 0, 0 },
	{ NO, NO, 2, 0 }, { BX, NO, 0, 0 },
	FORMS16(1), FORMS16(2), FORMS_R,
};

/* The same for 32 and 64-bit addressing (SDM 2A table 2-2, 2.2.1.6). */
static const struct form forms32[32] = {
	{ 0, NO, 0, 0 }, { 1, NO, 0, 0 }, { 2, NO, 0, 0 },
	{ BX, NO, 0, 0 }, { NO, NO, 0, FORM_SIB },
	{ NO, NO, 4, FORM_RIP }, { SI, NO, 0, 0 }, { DI, NO, 0, 0 },
	FORMS32(1), FORMS32(4), FORMS_R,
};

/*
 * The state of one decode; at never passes end. It is meant to live in
 * registers, for which every function that takes it must be inlined.
 */
struct decoder {
	const uint8_t *at;
	const uint8_t *end;
	unsigned int mode;		/* 16, 32 or 64 */
	unsigned int prefixes;		/* REX and PFX_* */
	unsigned int segment;		/* INSN_REG_NONE: no override */
	unsigned int operand_size;
	unsigned int address_size;
	unsigned int modrm;		/* 0 where there is none */
};

INLINE bool take_byte(struct decoder *d, unsigned int *byte)
{
	if (d->at == d->end) {
		return false;
	}
	*byte = *d->at++;
	return true;
}

/* Take a little-endian number of 0, 1, 2, 4 or 8 bytes, sign-extended. */
INLINE bool take_signed(struct decoder *d, unsigned int size, int64_t *value)
{
	const uint8_t *from = d->at;
	int32_t dword;
	int16_t word;

	if (size == 0) {
		return true;
	}
	if (size > (size_t)(d->end - from)) {
		return false;
	}
	d->at += size;
	if (size == 1) {
		*value = (int8_t)from[0];
	} else if (size == 4) {
		__builtin_memcpy(&dword, from, sizeof(dword));
		*value = dword;
	} else if (size == 2) {
		__builtin_memcpy(&word, from, sizeof(word));
		*value = word;
	} else {
		__builtin_memcpy(value, from, sizeof(*value));
	}
	return true;
}

/*
 * Take note of a prefix; false: in this mode it is an opcode (INC, DEC). A REX
 * counts only right before the opcode, so each prefix, another REX too, undoes
 * the one before it (APMv3 1.2.7).
 */
INLINE bool note_prefix(struct decoder *d, unsigned int byte)
{
	d->prefixes &= ~REX_BITS;
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		/* 64-bit code ignores these four (APMv3 1.2.4) */
		if (d->mode != 64) {
			d->segment = (byte >> 3) & 3;
		}
		return true;
	case 0x64: case 0x65:
		d->segment = byte & 7;
		return true;
	case 0x66:
		d->prefixes |= PFX_OPERAND;
		return true;
	case 0x67:
		d->prefixes |= PFX_ADDRESS;
		return true;
	case 0xf0: case 0xf2: case 0xf3:
		d->prefixes |= PFX_BLOCKING;
		return true;
	default:
		d->prefixes |= byte;
		return d->mode == 64;
	}
}

/*
 * Take prefixes and opcode and say what the opcode is: INSN_OK with *attr, or
 * how the decode ends.
 */
INLINE enum insn_status take_opcode(struct decoder *d, unsigned int *attr)
{
	unsigned int opcode;

	for (;;) {
		if (!take_byte(d, &opcode)) {
			return INSN_TRUNCATED;
		}
		*attr = map_primary[opcode];
		if (*attr != A_PREFIX) {
			break;
		}
		if (!note_prefix(d, opcode)) {
			return INSN_UNSUPPORTED;
		}
	}
	if (opcode == 0x0f) {
		if (!take_byte(d, &opcode)) {
			return INSN_TRUNCATED;
		}
		*attr = map_secondary[opcode];
		/* Both maps are uniform: ModRM, and 3A has an immediate byte */
		if ((opcode == 0x38 || opcode == 0x3a) &&
		    !take_byte(d, &opcode)) {
			return INSN_TRUNCATED;
		}
	}
	return *attr ? INSN_OK : INSN_UNSUPPORTED;
}

/* The SIB byte (SDM 2A table 2-3, 2.2.1.2). */
INLINE bool take_sib(struct decoder *d, unsigned int *base,
		     unsigned int *disp_size, struct insn *out)
{
	unsigned int sib, index;

	if (!take_byte(d, &sib)) {
		return false;
	}
	index = ((sib >> 3) & 7) | (d->prefixes & REX_X) << 2;
	if (index != SP) {
		out->index = index;
		out->scale = sib >> 6;
	}
	if ((sib & 7) == BP && d->modrm < 0x40) {
		*disp_size = 4;
	} else {
		*base = sib & 7;
	}
	return true;
}

/* ModRM, SIB and displacement. */
INLINE bool take_modrm(struct decoder *d, struct insn *out)
{
	unsigned int base, disp_size, row;
	const struct form *form;

	if (!take_byte(d, &d->modrm)) {
		return false;
	}
	row = ((d->modrm >> 3) & 0x18) | (d->modrm & 7);
	form = d->address_size == 2 ? &forms16[row] : &forms32[row];
	base = form->base;
	disp_size = form->disp_size;
	out->index = form->index;
	if (form->special == FORM_SIB) {
		if (!take_sib(d, &base, &disp_size, out)) {
			return false;
		}
	} else if (form->special == FORM_RIP) {
		out->rip_relative = d->mode == 64;
	}
	base |= (d->prefixes & REX_B) << 3;
	out->base = base;
	if ((base & ~1U) == SP) {
		out->segment = INSN_SS;
	}
	return take_signed(d, disp_size, &out->disp);
}

/* The offset of A0-A3 (zero-extended) or the immediate. */
INLINE bool take_tail(struct decoder *d, unsigned int attr, struct insn *out)
{
	unsigned int size = d->operand_size == 2 ? 2 : 4;
	unsigned int unused = 64 - 8 * d->address_size;
	int64_t imm;

	if (attr & A_MOFFS) {
		if (!take_signed(d, d->address_size, &out->disp)) {
			return false;
		}
		out->disp = (int64_t)((uint64_t)out->disp << unused >> unused);
		return true;
	}
	if ((attr & A_GROUP3) && (d->modrm & 0x38) > 0x08) {
		return true;
	}
	if (!take_signed(d, attr & A_IMM8 ? 1 : size, &imm)) {
		return false;
	}
	out->imm = (uint64_t)imm;
	out->has_imm = true;
	return true;
}

/* All bytes are taken: is it one of ours? */
INLINE enum insn_status judge(const struct decoder *d, unsigned int attr)
{
	if (!(attr >> A_KIND_SHIFT) || (d->prefixes & PFX_BLOCKING)) {
		return INSN_UNSUPPORTED;
	}
	if ((attr & A_GROUP0) && (d->modrm & 0x38)) {
		/* C6 F8 and C7 F8 are XABORT and XBEGIN */
		return d->modrm == 0xf8 ? INSN_UNSUPPORTED : INSN_INVALID;
	}
	if (d->modrm >= 0xc0) {
		return INSN_UNSUPPORTED;
	}
	if ((attr & A_MOVSXD) && (d->mode != 64 || d->operand_size == 2)) {
		return INSN_UNSUPPORTED;
	}
	return INSN_OK;
}

/* What it does with which register. */
INLINE void describe(const struct decoder *d, unsigned int attr,
		     struct insn *out)
{
	unsigned int size = attr & A_SIZE;
	unsigned int dest_size;

	size = size ? size : d->operand_size;
	dest_size = attr & A_EXTEND ? d->operand_size : size;
	out->mode = d->mode;
	out->kind = attr >> A_KIND_SHIFT;
	out->size = size;
	out->dest_size = dest_size;
	out->sign_extend = attr & A_SIGNED;
	out->address_size = d->address_size;
	if (d->segment != INSN_REG_NONE) {
		out->segment = d->segment;
	}
	if (!(attr & A_MODRM)) {
		/* A0-A3 use rAX whatever REX.R says */
		return;
	}
	out->reg = ((d->modrm >> 3) & 7) | (d->prefixes & REX_R) << 1;
	/* Without REX, byte registers 4-7 are AH-BH (APMv1 3.1.2) */
	if (dest_size == 1 && !(d->prefixes & REX_BITS) && out->reg >= SP) {
		out->reg -= SP;
		out->high_byte = true;
	}
}

/* Not inlined, so that a hit in the cache does not save its registers. */
__attribute__((noinline))
enum insn_status insn_decode(const uint8_t *bytes, unsigned int len,
			     unsigned int mode, struct insn *out)
{
	struct decoder d = {
		.at = bytes,
		.end = bytes + (len < INSN_LENGTH_MAX ? len : INSN_LENGTH_MAX),
		.mode = mode,
		.segment = INSN_REG_NONE,
	};
	enum insn_status status;
	unsigned int attr;

	*out = (struct insn){
		.segment = INSN_DS,
		.base = INSN_REG_NONE,
		.index = INSN_REG_NONE,
	};
	if (mode != 64 && mode != 32 && mode != 16) {
		return INSN_INVALID;
	}
	status = take_opcode(&d, &attr);
	if (status == INSN_UNSUPPORTED) {
		return status;
	}
	if (status == INSN_OK) {
		d.operand_size = operand_sizes[mode / 32]
					      [!!(d.prefixes & PFX_OPERAND)]
					      [!!(d.prefixes & REX_W)];
		d.address_size = address_sizes[mode / 32]
					      [!!(d.prefixes & PFX_ADDRESS)];
		if (((attr & A_MODRM) && !take_modrm(&d, out)) ||
		    ((attr & A_TAIL) && !take_tail(&d, attr, out))) {
			status = INSN_TRUNCATED;
		}
	}
	if (status != INSN_OK) {
		/* With 15 bytes at hand, a missing one is one too many */
		return len < INSN_LENGTH_MAX ? INSN_TRUNCATED : INSN_INVALID;
	}
	out->length = d.at - bytes;
	status = judge(&d, attr);
	if (status == INSN_OK) {
		describe(&d, attr, out);
	}
	return status;
}

/* Fill an entry; whatever is not INSN_OK leaves INSN_NONE, an empty one. */
static __attribute__((noinline))
enum insn_status fill_entry(struct insn_cache_entry *entry,
			    const uint8_t *bytes, unsigned int len,
			    unsigned int mode)
{
	__builtin_memcpy(entry->bytes, bytes, sizeof(entry->bytes));
	return insn_decode(bytes, len, mode, &entry->insn);
}

enum insn_status insn_decode_cached(struct insn_cache *cache,
				    const uint8_t *bytes, unsigned int len,
				    unsigned int mode,
				    const struct insn **out)
{
	struct insn_cache_entry *entry;
	uint64_t low, high;

	if (len < sizeof(entry->bytes)) {
		*out = &cache->uncached;
		return insn_decode(bytes, len, mode, &cache->uncached);
	}
	__builtin_memcpy(&low, bytes, sizeof(low));
	__builtin_memcpy(&high, bytes + sizeof(low), sizeof(high));
	/* Fibonacci hashing; the first 8 bytes tell accessors apart */
	entry = &cache->entries[low * 0x9e3779b97f4a7c15 >>
				(64 - INSN_CACHE_SHIFT)];
	*out = &entry->insn;
	if (entry->bytes[0] == low && entry->bytes[1] == high &&
	    entry->insn.mode == mode && entry->insn.kind != INSN_NONE) {
		return INSN_OK;
	}
	return fill_entry(entry, bytes, len, mode);
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
