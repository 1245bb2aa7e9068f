// SPDX-License-Identifier: MIT
/*
 * Accesses of the guest to memory that the nested tables do not map
 * (APMv2 15.25.6): the instruction is read, decoded and carried out by ioreq;
 * or the page is one the hardware domain may have, and gets mapped.
 *
 * What instruction may touch a trapped page: doc/insn.md. Others raise #UD.
 */
#include <taproot/insn.h>
#include <taproot/ioreq.h>
#include <taproot/log.h>
#include <taproot/string.h>
#include "hvm.h"

/* An access in terms of the guest's linear address space, at most two pages. */
struct access {
	uint64_t linear; /* where one page suffices, only the offset in it */
	gpa_t first;     /* where its first byte is */
	unsigned len;
};

enum outcome { OUTCOME_DONE, OUTCOME_RETRY };

/* A piece in one page, not RAM. PERFORM: the page is mapped now, the guest does the access itself. */
static enum outcome read_piece(struct vcpu *v, gpa_t a, unsigned len, uint64_t *value)
{
	return ioreq_mmio_read(v->domain, a, len, value) == VERDICT_PERFORM ? OUTCOME_RETRY
									      : OUTCOME_DONE;
}

static enum outcome write_piece(struct vcpu *v, gpa_t a, unsigned len, uint64_t value)
{
	return ioreq_mmio_write(v->domain, a, len, value) == VERDICT_PERFORM ? OUTCOME_RETRY
									       : OUTCOME_DONE;
}

/* The other page's piece of an access that crosses one; it may be RAM. */
static enum outcome read_other(struct vcpu *v, gpa_t a, unsigned len, uint64_t *value)
{
	void *ram = hvm_guest_ram(v, a);

	*value = 0;
	if (ram) {
		memcpy(value, ram, len);
		return OUTCOME_DONE;
	}
	return read_piece(v, a, len, value);
}

static enum outcome write_other(struct vcpu *v, gpa_t a, unsigned len, uint64_t value)
{
	void *ram = hvm_guest_ram(v, a);

	if (ram) {
		memcpy(ram, &value, len);
		return OUTCOME_DONE;
	}
	return write_piece(v, a, len, value);
}

/* An access over a page boundary, one page of which faulted: the pieces in order. */
static COLD enum outcome crossing_read(struct vcpu *v, const struct access *ac, uint64_t *value)
{
	unsigned n = (unsigned)(PAGE_SIZE - (ac->linear & 0xfff));
	enum outcome o = read_other(v, ac->first, n, value);
	uint64_t rest;
	gpa_t a;

	if (o != OUTCOME_DONE) {
		return o;
	}
	if (!hvm_translate(v, ac->linear + n, &a)) {
		return OUTCOME_RETRY; /* the processor finds the same and faults */
	}
	o = read_other(v, a, ac->len - n, &rest);
	*value |= rest << (8 * n);
	return o;
}

static COLD enum outcome crossing_write(struct vcpu *v, const struct access *ac, uint64_t value)
{
	unsigned n = (unsigned)(PAGE_SIZE - (ac->linear & 0xfff));
	enum outcome o;
	gpa_t a;

	if (!hvm_translate(v, ac->linear + n, &a)) {
		return OUTCOME_RETRY;
	}
	o = write_other(v, ac->first, n, value & ones(n));
	return o == OUTCOME_DONE ? write_other(v, a, ac->len - n, value >> (8 * n)) : o;
}

static bool crosses(const struct access *ac)
{
	return (ac->linear & 0xfff) + ac->len > PAGE_SIZE;
}

static enum outcome access_read(struct vcpu *v, const struct access *ac, uint64_t *value)
{
	return crosses(ac) ? crossing_read(v, ac, value) : read_piece(v, ac->first, ac->len, value);
}

static enum outcome access_write(struct vcpu *v, const struct access *ac, uint64_t value)
{
	return crosses(ac) ? crossing_write(v, ac, value)
			   : write_piece(v, ac->first, ac->len, value);
}

/* Find where the access begins; the faulting address may be that of its second page. */
static bool locate(struct vcpu *v, const struct insn *in, gpa_t fault, struct access *ac)
{
	static const uint64_t flat[INSN_SEGMENT_COUNT];
	uint64_t own[INSN_SEGMENT_COUNT];
	const uint64_t *base = flat;

	ac->len = in->size;
	ac->first = fault;
	/* Inside a page and not at its beginning it can only be the first byte. */
	ac->linear = fault.v & 0xfff;
	if (ac->linear != 0 && !crosses(ac)) {
		return true;
	}
	if (insn_needs_segment(in)) {
		hvm->segment_bases(v, own);
		base = own;
	}
	ac->linear = insn_effective_address(in, v->arch->gpr, v->arch->rip, base);
	if ((ac->linear & 0xfff) == (fault.v & 0xfff)) {
		return true;
	}
	/* Only the second page of a crossing access can fault at another offset, its first byte. */
	return (fault.v & 0xfff) == 0 && hvm_translate(v, ac->linear, &ac->first);
}

static COLD void refuse_instruction(struct vcpu *v, gpa_t a, const uint8_t *bytes, unsigned n)
{
	uint8_t b[8] = {0};

	memcpy(b, bytes, MIN(n, (unsigned)sizeof(b)));
	log_guest("d%u vcpu%u: instruction %02x %02x %02x %02x %02x %02x %02x %02x at 0x%llx cannot "
		  "access trapped 0x%llx: #UD (doc/insn.md)",
		  v->domain->id, v->id, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
		  (unsigned long long)v->arch->rip, (unsigned long long)a.v);
	hvm_inject(v, EXC_UD, false, 0);
}

/*
 * Memory that is the domain's, but is not mapped yet (a hole or reserved page
 * touched for the first time, a page dropped for want of a table): mapped now, and
 * whatever touched it does so again. False: a handler's, or refused.
 */
static COLD bool map_missing(struct vcpu *v, gpa_t a)
{
	struct mem_range r;
	uint64_t value;

	return memmap_lookup(&v->domain->memmap, a, &r) && r.type != MEM_TRAP &&
	       ioreq_mmio_read(v->domain, a, 1, &value) == VERDICT_PERFORM;
}

/* An instruction outside our set, or that we cannot read. */
static COLD void not_decoded(struct vcpu *v, gpa_t fault, const uint8_t *bytes, unsigned n)
{
	gpa_t a;

	if (map_missing(v, fault)) {
		return;
	}
	if (n == 0 && !hvm_translate(v, hvm_code_linear(v), &a)) {
		return; /* gone since the fault: the guest executes it again, and faults itself */
	}
	refuse_instruction(v, fault, bytes, n);
}

static void emulate(struct vcpu *v, gpa_t fault)
{
	uint8_t bytes[HVM_FETCH];
	uint64_t value = 0;
	struct access ac;
	const struct insn *in;
	enum outcome o;
	unsigned n, mode;

	n = hvm_fetch_insn(v, bytes, &mode);
	if (n == 0 || insn_decode_cached(&v->arch->insns, bytes, n, mode, &in) != INSN_OK ||
	    !locate(v, in, fault, &ac)) {
		not_decoded(v, fault, bytes, n);
		return;
	}
	if (in->kind == INSN_LOAD) {
		o = access_read(v, &ac, &value);
		if (o == OUTCOME_DONE) {
			insn_load_result(in, v->arch->gpr, value);
		}
	} else {
		o = access_write(v, &ac, insn_store_value(in, v->arch->gpr));
	}
	if (o == OUTCOME_DONE) {
		hvm_skip(v, in->length);
	}
}

/*
 * Page tables, instructions, descriptor tables or stacks outside RAM: fine once
 * the page is mapped, but the processor cannot read from a handler.
 */
static COLD void by_processor(struct vcpu *v, gpa_t a, enum hvm_access access)
{
	static const char *const what[] = {"data", "instructions", "page tables",
					   "an event's tables or stack"};

	if (map_missing(v, a)) {
		return;
	}
	log_guest("d%u vcpu%u: %s in memory at 0x%llx that cannot be mapped: #GP", v->domain->id,
		  v->id, what[access], (unsigned long long)a.v);
	hvm_inject(v, EXC_GP, true, 0);
}

void hvm_mmio_fault(struct vcpu *v, gpa_t a, enum hvm_access access)
{
	v->arch->exits[CAUSE_MMIO]++;
	if (access == ACCESS_DATA) {
		emulate(v, a);
	} else {
		by_processor(v, a, access);
	}
}
