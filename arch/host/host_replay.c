/* SPDX-License-Identifier: MIT */
/*
 * The replayer. See host_replay.h and doc/record-format.md.
 *
 * What the machine answered to a read that went through is taken from the
 * recording, as registers that change by themselves are no part of what is
 * compared. A hostile recording must not do more than be refused: this is also
 * what the fuzz target runs.
 */
#include <stdlib.h>
#include <string.h>
#include <taproot/domain.h>
#include <taproot/heap.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>
#include <taproot/record.h>

#include "host.h"
#include "host_mem.h"
#include "host_pci.h"
#include "host_replay.h"

#define CPUS          16u
#define RANGES        4096u
#define FUNCTIONS_MAX 2048u
#define SHOWN_MAX     20u
#define EMITTED_MAX   16u
#define BARS          7u

/* What the recorder said about the access being played: it and its effects. */
static struct {
	struct record record[EMITTED_MAX];
	unsigned count;
	size_t skip; /* bytes of a function's snapshot that follow */
} emitted;

struct replay {
	const uint8_t *data;
	size_t size;
	size_t at;
	FILE *report;
	struct replay_result *result;
	struct domain *domain;
	struct pci_window window[PCI_WINDOWS_MAX];
	unsigned window_count;
	struct memmap_step held[256]; /* claims of others than the root complex */
	unsigned held_count;
	uint32_t counter;
};

static void sink(const void *data, size_t size)
{
	struct record r;

	if (emitted.skip) {
		emitted.skip -= MIN(size, emitted.skip);
		return;
	}
	if (size != sizeof(r)) {
		return;
	}
	memcpy(&r, data, sizeof(r));
	if (r.type == RECORD_FUNCTION) {
		emitted.skip = r.reg + RECORD_BARS * sizeof(uint64_t);
	} else if (emitted.count < EMITTED_MAX) {
		emitted.record[emitted.count++] = r;
	}
}

/* ---- reading ---- */

static bool next(struct replay *p, struct record *r)
{
	if (p->size - p->at < sizeof(*r)) {
		p->result->truncated = p->at != p->size;
		return false;
	}
	memcpy(r, p->data + p->at, sizeof(*r));
	p->at += sizeof(*r);
	if (r->counter != p->counter) {
		p->result->lost += r->counter - p->counter;
	}
	p->counter = r->counter + 1;
	return true;
}

static const uint8_t *take(struct replay *p, size_t size)
{
	const uint8_t *found = p->data + p->at;

	if (p->size - p->at < size) {
		p->result->truncated = true;
		p->at = p->size;
		return NULL;
	}
	p->at += size;
	return found;
}

/* ---- the machine ---- */

static const char *play_header(struct replay *p)
{
	struct record r;

	if (!next(p, &r) || r.type != RECORD_HEADER || r.asked != RECORD_MAGIC) {
		return "not a recording";
	}
	if (r.sbdf != RECORD_VERSION || r.reg != RECORD_SIZE) {
		return "a version of the format that this program does not know";
	}
	if (r.value < 4 * GIB || r.value > 1ull << 52 || r.value % PAGE_SIZE) {
		return "an address space of impossible size";
	}
	host_reset();
	host_mem_reset();
	host_pci_reset();
	host_cpu_set_count(CPUS);
	if (r.access) {
		host_remap_start();
	}
	p->domain = domain_create(0, true, r.value, RANGES);
	for (unsigned i = 0; p->domain && i < CPUS; i++) {
		if (domain_add_vcpu(p->domain, i, i, false)) {
			return "out of memory";
		}
	}
	p->result->domain = p->domain;
	return p->domain ? NULL : "out of memory";
}

static void play_window(struct replay *p, const struct record *r)
{
	if (p->window_count < PCI_WINDOWS_MAX) {
		p->window[p->window_count++] = (struct pci_window){
			.segment = (uint16_t)r->sbdf,
			.bus_first = r->access,
			.bus_last = r->verdict,
			.bus0 = hpa(r->asked),
		};
	}
}

static const char *play_range(struct replay *p, const struct record *r)
{
	enum mem_type base = r->access;

	if (base != MEM_HOLE &&
	    memmap_set_base(&p->domain->memmap, gpa(r->asked), gpa(r->value), base)) {
		return "a range of the address space that does not fit";
	}
	if (r->verdict != r->access && r->verdict != MEM_OPEN &&
	    p->held_count < ARRAY_SIZE(p->held)) {
		p->held[p->held_count++] = (struct memmap_step){
			.kind = MEMMAP_CLAIM,
			.type = MEM_DENY,
			.start = gpa(r->asked),
			.size = r->value - r->asked,
			.owner = SBDF_NONE,
		};
	}
	return NULL;
}

static const char *play_function(struct replay *p, const struct record *r, bool ready)
{
	uint64_t sizes[RECORD_BARS];
	const uint8_t *config, *bars;

	if (r->reg != PCI_CONFIG_SIZE && r->reg != PCI_CONFIG_EXT_SIZE) {
		return "a function with an impossible number of registers";
	}
	config = take(p, r->reg);
	bars = config ? take(p, sizeof(sizes)) : NULL;
	if (!bars) {
		return NULL;
	}
	memcpy(sizes, bars, sizeof(sizes));
	for (unsigned i = 0; i < BARS; i++) {
		if (sizes[i] & (sizes[i] - 1)) {
			return "a BAR whose size is no power of two";
		}
	}
	if (ready && host_pci_find((sbdf_t){r->sbdf})) {
		host_pci_remove(host_pci_find((sbdf_t){r->sbdf})); /* another device in its place */
	}
	if (host_pci_find((sbdf_t){r->sbdf}) || r->sbdf >= PCI_SEGMENTS_MAX << 16 ||
	    p->result->functions == FUNCTIONS_MAX) {
		return "a function twice, out of reach, or one too many";
	}
	host_pci_load((sbdf_t){r->sbdf}, config, r->reg, sizes);
	p->result->functions++;
	return NULL;
}

static const char *play_ready(struct replay *p)
{
	struct memmap *m = &p->domain->memmap;

	if (pci_root_create(p->domain, p->window, p->window_count)) {
		return "the root complex could not be created";
	}
	/* Those of the windows are refused here: the root has them. */
	for (unsigned i = 0; i < p->held_count; i++) {
		if (memmap_check(m, &p->held[i], 1, NULL) == 0) {
			memmap_commit(m, &p->held[i], 1);
		}
	}
	record_init(sink);
	return pci_root_enumerate(p->domain->pci) ? "the functions could not be enumerated" : NULL;
}

/* ---- accesses ---- */

static void describe(FILE *f, const char *who, const struct record *r)
{
	sbdf_t s = {r->sbdf};

	fprintf(f, "  %s ", who);
	if (r->type == RECORD_EFFECT) {
		fprintf(f, "effect %u bar %u index %u address %#llx result %u\n", r->access,
			r->verdict, r->reg, (unsigned long long)r->asked, r->count);
		return;
	}
	fprintf(f,
		"%s " SBDF_FMT " %s %u at %#x: asked %#llx, verdict %u, value %#llx, %u effects\n",
		r->type == RECORD_CONFIG ? "config" : "MSI-X", SBDF_ARGS(s),
		r->access & RECORD_WRITE ? "write" : "read", r->access & RECORD_LEN, r->reg,
		(unsigned long long)r->asked, r->verdict, (unsigned long long)r->value, r->count);
}

static bool same(const struct record *a, const struct record *b)
{
	return a->type == b->type && a->access == b->access && a->verdict == b->verdict &&
	       a->count == b->count && a->sbdf == b->sbdf && a->reg == b->reg &&
	       a->asked == b->asked && a->value == b->value;
}

/* Compare the access and its effects with what was emitted; effects missing in the file count too.
 */
static void compare(struct replay *p, const struct record *r)
{
	static const struct record none;
	struct record expect = *r;
	bool equal = true, bound = false;

	for (unsigned i = 0; i <= r->count; i++) {
		const struct record *got = i < emitted.count ? &emitted.record[i] : &none;

		if (i && !next(p, &expect)) {
			return; /* the recording ends in the middle of an access */
		}
		bound |= i && (expect.count & (PCI_RESULT_BOUND | PCI_RESULT_OPEN));
		if (same(&expect, got)) {
			continue;
		}
		if (p->report && equal && p->result->differences < SHOWN_MAX) {
			fprintf(p->report, "access %lu, record %u:\n", p->result->accesses,
				expect.counter);
			describe(p->report, "recorded:", &expect);
			describe(p->report, "replayed:", got);
		}
		equal = false;
	}
	p->result->differences += !equal;
	if (r->type == RECORD_MSIX && (r->access & RECORD_WRITE)) {
		p->result->msix_writes++;
		p->result->msix_bound += bound;
	}
}

static bool access_valid(const struct record *r, unsigned longest)
{
	unsigned len = r->access & RECORD_LEN;

	return (len == 1 || len == 2 || len == 4 || len == 8) && len <= longest &&
	       r->reg % len == 0;
}

static const char *play_config(struct replay *p, const struct record *r)
{
	struct pci_access a = {
		.sbdf = {r->sbdf},
		.reg = (uint16_t)r->reg,
		.len = r->access & RECORD_LEN,
		.write = r->access & RECORD_WRITE,
		.value = (uint32_t)r->asked,
	};

	if (!access_valid(r, 4) || r->reg >= PCI_CONFIG_EXT_SIZE) {
		return "an impossible access";
	}
	if (!a.write && (r->verdict & 0xf) == VERDICT_PERFORM) {
		host_pci_force_read(a.sbdf, a.reg, a.len, (uint32_t)r->value);
	}
	(void)pci_access(p->domain->pci, &a);
	host_pci_force_read(SBDF_NONE, 0, 0, 0);
	return NULL;
}

static const char *play_msix(struct replay *p, const struct record *r)
{
	unsigned len = r->access & RECORD_LEN;
	/* A page may begin before a BAR smaller than a page. */
	uint64_t offset = r->reg >= 0xfffff000u ? (uint64_t)(int32_t)r->reg : r->reg;
	struct pci_bar_info bar;
	uint64_t value;
	gpa_t a;

	if (!access_valid(r, 8)) {
		return "an impossible access";
	}
	if (!pci_bar_info(p->domain->pci, (sbdf_t){r->sbdf}, r->verdict >> 4, &bar)) {
		return NULL; /* shows as a difference */
	}
	a = gpa(bar.address + offset);
	if (r->access & RECORD_WRITE) {
		(void)ioreq_mmio_write(p->domain, a, len, r->asked);
		return NULL;
	}
	if ((r->verdict & 0xf) == VERDICT_PERFORM) {
		host_iomap_force_read(a.v, r->value);
	}
	(void)ioreq_mmio_read(p->domain, a, len, &value);
	host_iomap_force_read(UINT64_MAX, 0);
	return NULL;
}

static const char *play_one(struct replay *p, const struct record *r, bool *ready)
{
	const char *error;

	switch (r->type) {
	case RECORD_FUNCTION:
		return play_function(p, r, *ready);
	case RECORD_WINDOW:
		play_window(p, r);
		return NULL;
	case RECORD_RANGE:
		return *ready ? "a range among accesses" : play_range(p, r);
	case RECORD_READY:
		if (*ready) {
			return "two enumerations";
		}
		*ready = true;
		return play_ready(p);
	case RECORD_CONFIG:
	case RECORD_MSIX:
		if (!*ready) {
			return "an access before the enumeration";
		}
		emitted.count = 0;
		emitted.skip = 0;
		error = r->type == RECORD_CONFIG ? play_config(p, r) : play_msix(p, r);
		if (!error) {
			p->result->accesses++;
			compare(p, r);
		}
		return error;
	default:
		return "a record of unknown type";
	}
}

void host_replay(const void *data, size_t size, FILE *report, struct replay_result *result)
{
	struct replay *p = calloc(1, sizeof(*p));
	bool ready = false;
	struct record r;

	memset(result, 0, sizeof(*result));
	if (!p) {
		result->error = "out of memory";
		return;
	}
	p->data = data;
	p->size = size;
	p->report = report;
	p->result = result;
	result->error = play_header(p);
	while (!result->error && next(p, &r)) {
		result->error = play_one(p, &r, &ready);
	}
	if (!result->error && !ready) {
		result->error = "the recording ends before the enumeration";
	}
	record_init(NULL);
	free(p);
}
