/* SPDX-License-Identifier: MIT */
/*
 * The recorder: builds records and hands them to a sink, in the order of a
 * counter that lets a reader see what was lost on the way. The format, and how
 * a replay uses it, is in doc/record-format.md.
 *
 * Only the hardware domain is recorded. Deliberately not supported: buffering;
 * the sink decides (a serial port is slow, a module page is not).
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/iommu.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>
#include <taproot/record.h>
#include <taproot/string.h>

bool record_on;

static struct {
	struct lock lock;
	void (*sink)(const void *data, size_t size);
	uint32_t counter;
} recorder;

void record_init(void (*sink)(const void *data, size_t size))
{
	lock_acquire(&recorder.lock);
	recorder.sink = sink;
	recorder.counter = 0;
	lock_release(&recorder.lock);
	__atomic_store_n(&record_on, sink != NULL, __ATOMIC_RELEASE);
}

/* With the recorder's lock held. */
static void emit(struct record *r)
{
	r->counter = recorder.counter++;
	if (recorder.sink) {
		recorder.sink(r, sizeof(*r));
	}
}

static void emit_one(struct record *r)
{
	lock_acquire(&recorder.lock);
	emit(r);
	lock_release(&recorder.lock);
}

/* An access and its effects, together. */
static void emit_access(struct record *r, const struct pci_effects *effects)
{
	lock_acquire(&recorder.lock);
	r->count = effects ? (uint8_t)effects->count : 0;
	emit(r);
	for (unsigned i = 0; i < r->count; i++) {
		const struct pci_effect *e = &effects->effect[i];
		struct record effect = {
			.type = RECORD_EFFECT,
			.access = e->kind,
			.verdict = e->bar,
			.count = (uint8_t)e->result,
			.sbdf = r->sbdf,
			.reg = e->index,
			.asked = e->address,
		};

		emit(&effect);
	}
	lock_release(&recorder.lock);
}

/* ---- the machine ---- */

void record_machine(struct domain *d)
{
	const struct memmap *m = &d->memmap;
	struct record header = {
		.type = RECORD_HEADER,
		.sbdf = RECORD_VERSION,
		.reg = RECORD_SIZE,
		.asked = RECORD_MAGIC,
		.value = m->limit,
		.access = remap_has_blocks(),
	};
	struct pci_window w;

	if (!d->hardware) {
		return;
	}
	emit_one(&header);
	for (unsigned i = 0; pci_root_window(d->pci, i, &w); i++) {
		struct record r = {
			.type = RECORD_WINDOW,
			.access = w.bus_first,
			.verdict = w.bus_last,
			.sbdf = w.segment,
			.asked = w.bus0.v,
		};

		emit_one(&r);
	}
	for (unsigned i = 0; i < m->count; i++) {
		struct record r = {
			.type = RECORD_RANGE,
			.access = m->range[i].base,
			.verdict = m->range[i].type,
			.asked = m->range[i].start.v,
			.value = m->range[i].end.v,
		};

		emit_one(&r);
	}
}

/* Registers in pieces; with the recorder's lock held. */
static void emit_registers(sbdf_t sbdf, unsigned size)
{
	uint32_t piece[RECORD_SIZE / 4];

	for (unsigned reg = 0; reg < size; reg += RECORD_SIZE) {
		for (unsigned i = 0; i < ARRAY_SIZE(piece); i++) {
			piece[i] = arch_pci_read(sbdf, reg + 4 * i, 4);
		}
		if (recorder.sink) {
			recorder.sink(piece, sizeof(piece));
		}
	}
}

void record_function(struct domain *d, sbdf_t sbdf, const uint64_t *sizes, unsigned count)
{
	bool extended = arch_pci_read(sbdf, PCI_CONFIG_SIZE, 4) != 0xffffffffu;
	uint64_t bars[RECORD_BARS] = {0};
	struct record r = {
		.type = RECORD_FUNCTION,
		.sbdf = sbdf.v,
		.reg = extended ? PCI_CONFIG_EXT_SIZE : PCI_CONFIG_SIZE,
	};

	if (!d->hardware) {
		return;
	}
	memcpy(bars, sizes, MIN(count, RECORD_BARS) * sizeof(*sizes));
	lock_acquire(&recorder.lock);
	emit(&r);
	emit_registers(sbdf, r.reg);
	if (recorder.sink) {
		recorder.sink(bars, sizeof(bars));
	}
	lock_release(&recorder.lock);
}

void record_ready(struct domain *d)
{
	struct record r = {.type = RECORD_READY};

	if (d->hardware) {
		emit_one(&r);
	}
}

/* ---- accesses ---- */

void record_config(struct domain *d, const struct pci_access *asked, enum verdict verdict,
		   uint32_t value, const struct pci_effects *effects)
{
	struct record r = {
		.type = RECORD_CONFIG,
		.access = asked->len | (asked->write ? RECORD_WRITE : 0),
		.verdict = (uint8_t)verdict,
		.sbdf = asked->sbdf.v,
		.reg = asked->reg,
		.asked = asked->write ? asked->value : 0,
		.value = value,
	};

	if (d->hardware) {
		emit_access(&r, effects);
	}
}

void record_msix(struct domain *d, sbdf_t sbdf, unsigned bar, uint64_t offset, unsigned len,
		 bool write, uint64_t value, enum verdict verdict,
		 const struct pci_effects *effects)
{
	struct record r = {
		.type = RECORD_MSIX,
		.access = (uint8_t)(len | (write ? RECORD_WRITE : 0)),
		.verdict = (uint8_t)(verdict | bar << 4),
		.sbdf = sbdf.v,
		.reg = (uint32_t)offset,
		.asked = write ? value : 0,
		.value = value,
	};

	if (d->hardware) {
		emit_access(&r, effects);
	}
}
