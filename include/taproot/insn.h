/* SPDX-License-Identifier: MIT */
/*
 * Decoder for the instructions that reach trapped pages.
 *
 * A pure function from instruction bytes to "load or store, how wide, which
 * register or immediate, at which effective address": MOV (88-8B, A0-A3, C6,
 * C7), MOVZX, MOVSX and MOVSXD, in 16, 32 and 64-bit code with every prefix
 * and addressing form (APMv3 1.2-1.7, SDM 2A chapter 2).
 *
 * Deliberately not supported: everything else. LOCK, REP, read-modify-write,
 * string, segment register and vector instructions are INSN_UNSUPPORTED; the
 * caller answers by the table in doc/insn.md. This is a decoder, not an
 * emulator, and grows only by what a guest is seen to need.
 */
#ifndef TAPROOT_INSN_H
#define TAPROOT_INSN_H

#include <stdbool.h>
#include <stdint.h>

/* The longest instruction a processor executes (APMv3 1.1, SDM 2A 2.3.11). */
#define INSN_LENGTH_MAX 15

/* In insn.base and insn.index: the address has no such part. */
#define INSN_REG_NONE 0xff

enum insn_status {
	INSN_OK = 0,
	/* The bytes end before the instruction does: fetch more, decode again. */
	INSN_TRUNCATED,
	/* A legal instruction outside our set, or one not worth naming illegal. */
	INSN_UNSUPPORTED,
	/* A processor raises #UD or #GP for it: longer than 15 bytes, C6 /1... */
	INSN_INVALID,
};

enum insn_kind {
	INSN_NONE = 0,
	INSN_LOAD,
	INSN_STORE,
};

/* Hardware's segment register numbers, the index into segbase[]. */
enum insn_segment {
	INSN_ES = 0,
	INSN_CS,
	INSN_SS,
	INSN_DS,
	INSN_FS,
	INSN_GS,
	INSN_SEGMENT_COUNT,
};

/*
 * One decoded instruction. Filled by insn_decode(), owned by its caller, holds
 * no pointers. Only .length is meaningful unless the status was INSN_OK, and
 * that only with INSN_UNSUPPORTED, where 0 means the length is not known.
 */
struct insn {
	uint8_t kind;		/* enum insn_kind */
	uint8_t length;		/* bytes of the whole instruction */
	uint8_t mode;		/* 16, 32 or 64, as given */
	uint8_t size;		/* bytes read or written in memory: 1, 2, 4, 8 */
	uint8_t dest_size;	/* loads: bytes of the register written */
	uint8_t reg;		/* data register, 0-15; with high_byte 0-3 */
	bool high_byte;		/* reg means AH, CH, DH or BH */
	bool sign_extend;	/* loads: from size to dest_size by sign */
	bool has_imm;		/* stores: imm is the value, reg is not used */
	bool rip_relative;	/* the address counts from the next instruction */
	uint8_t segment;	/* enum insn_segment, overrides applied */
	uint8_t address_size;	/* bytes of the offset: 2, 4, 8 */
	uint8_t base;		/* register, or INSN_REG_NONE */
	uint8_t index;		/* register, or INSN_REG_NONE */
	uint8_t scale;		/* index counts this many times: log2, 0-3 */
	int64_t disp;		/* displacement, sign-extended; A0-A3: offset */
	uint64_t imm;		/* sign-extended to 64 bits */
};

/*
 * Decode the instruction at bytes[0..len); len may exceed INSN_LENGTH_MAX and
 * no byte past the limit is read. mode is the code segment's: 16, 32 or 64.
 */
enum insn_status insn_decode(const uint8_t *bytes, unsigned int len,
			     unsigned int mode, struct insn *out);

/*
 * Instructions decoded lately, one table per vCPU, so that a driver's accessor
 * is decoded once. An entry is found by the instruction's own bytes and not by
 * its address: decoding is a pure function of them, so nothing ever makes an
 * entry stale, whatever the guest does to its code. All zero is empty.
 */
#define INSN_CACHE_SHIFT 4

struct insn_cache_entry {
	uint64_t bytes[2];
	struct insn insn;		/* kind INSN_NONE: empty */
	uint64_t unused[2];		/* a power of two: indexed by a shift */
};

struct insn_cache {
	struct insn uncached;		/* what had too few bytes for an entry */
	struct insn_cache_entry entries[1 << INSN_CACHE_SHIFT];
};

/*
 * As insn_decode(), with *out valid until the next call with the same cache.
 * Fewer than 16 bytes, and what is not INSN_OK, are decoded each time.
 */
enum insn_status insn_decode_cached(struct insn_cache *cache,
				    const uint8_t *bytes, unsigned int len,
				    unsigned int mode,
				    const struct insn **out);

/* Does the operand's address depend on a segment's base? */
static inline bool insn_needs_segment(const struct insn *insn)
{
	return insn->mode != 64 || insn->segment >= INSN_FS;
}

/*
 * The linear address of the memory operand. gpr[] is in hardware order (rax,
 * rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8...), rip is the address of this
 * instruction and segbase[] is indexed by enum insn_segment; 64-bit code uses
 * the bases of FS and GS only. Limits and canonical form are not checked: the
 * processor did, before the access trapped.
 */
uint64_t insn_effective_address(const struct insn *insn,
				const uint64_t gpr[16], uint64_t rip,
				const uint64_t segbase[INSN_SEGMENT_COUNT]);

/* The value a store writes, in the low insn->size bytes, the rest zero. */
uint64_t insn_store_value(const struct insn *insn, const uint64_t gpr[16]);

/*
 * Complete a load: put value (its low insn->size bytes) into the register,
 * extended to dest_size. Byte and word registers keep their other bits, dword
 * registers are zero-extended (APMv1 3.1.2).
 */
void insn_load_result(const struct insn *insn, uint64_t gpr[16],
		      uint64_t value);

#endif /* TAPROOT_INSN_H */
