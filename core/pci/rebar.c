/* SPDX-License-Identifier: MIT */
/*
 * Resizable BARs (PCIe 6.0 7.8.6): a write to a control register gives a BAR
 * another size. Software turns decoding off before (7.8.6.3); for one that does
 * not, the BAR is unmapped, resized, and mapped with the size it has then.
 *
 * A size that would leave the MSI-X table or pending bits outside is not
 * written.
 *
 * Deliberately not supported: VF Resizable BARs (7.8.7); their sizes are looked
 * for when the page size is written only.
 */
#include <taproot/log.h>

#include "pci_internal.h"

static unsigned control_reg(const struct pci_rebar *r, unsigned i)
{
	return r->offset + REBAR_REG_CONTROL + i * REBAR_ENTRY_SIZE;
}

static uint64_t size_of(uint32_t control)
{
	unsigned code = (control & REBAR_CTL_SIZE) >> REBAR_CTL_SIZE_SHIFT;

	return code < 44 ? MIB << code : 0;
}

/* Are table and pending bits of MSI-X inside, when the BAR has `size` bytes? */
static bool holds_msix(const struct pci_function *f, unsigned bar, uint64_t size)
{
	const struct pci_msix *m = &f->msix;

	if (!m->offset) {
		return true;
	}
	return (m->table_bar != bar || m->table + m->count * MSIX_ENTRY_SIZE <= size) &&
	       (m->pba_bar != bar || m->pba + msix_pba_size(m) <= size);
}

enum verdict rebar_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	struct pci_rebar *r = &f->rebar;
	unsigned at = (a->reg & ~3u) - r->offset;
	unsigned i = (at - REBAR_REG_CONTROL) / REBAR_ENTRY_SIZE;
	uint64_t size;

	if (at < REBAR_REG_CONTROL || (at - REBAR_REG_CONTROL) % REBAR_ENTRY_SIZE) {
		return VERDICT_PERFORM; /* what it can do: read-only */
	}
	size = size_of(access_merge(a, r->control[i], REBAR_CTL_SIZE));
	if (!size || !holds_msix(f, r->bar[i], size)) {
		log_guest("pci: " SBDF_FMT ": BAR %u is not resized to %#lx bytes: %s",
			  SBDF_ARGS(f->sbdf), r->bar[i], size,
			  size ? "its MSI-X table would be outside" : "no such size");
		return VERDICT_DONE;
	}
	pci_effect_add(e, PCI_EFFECT_RESIZE, r->bar[i], i, size);
	return VERDICT_PERFORM;
}

void rebar_prepare(struct pci_function *f, const struct pci_effect *effect)
{
	struct pci_effects effects;

	effects.count = 0;
	if (f->bar[effect->bar].state != BAR_OFF) {
		pci_effect_add(&effects, PCI_EFFECT_UNMAP, effect->bar, 0, 0);
		map_apply(f, &effects);
	}
}

void rebar_apply(struct pci_function *f, struct pci_effect *effect)
{
	struct pci_rebar *r = &f->rebar;
	unsigned i = effect->index;
	uint64_t size;

	r->control[i] = arch_pci_read(f->sbdf, control_reg(r, i), 4);
	/* The device decides; one that takes what nobody wrote is not decoded any more. */
	size = size_of(r->control[i]);
	f->bar[effect->bar].size = holds_msix(f, effect->bar, size) ? size : 0;
	bar_reload(f);
	pci_map(f);
}

/* NULL, or why these BARs cannot be resized. */
static const char *rebar_fault(const struct pci_function *f, const struct pci_rebar *r)
{
	if (f->rebar.count) {
		return "not the first";
	}
	for (unsigned i = 0; i < r->count; i++) {
		const struct pci_bar *b = &f->bar[r->bar[i]];

		if (r->bar[i] >= f->bar_count || !bar_is_memory(b)) {
			return "of a BAR that is none of memory";
		}
		if (size_of(r->control[i]) != b->size) {
			return "its size is not the BAR's";
		}
	}
	return r->count ? NULL : "without BARs";
}

enum verdict rebar_write_refused(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e)
{
	(void)f;
	(void)a;
	(void)e;
	return VERDICT_DONE;
}

void rebar_admit(struct pci_function *f, unsigned offset)
{
	struct pci_rebar r = {.offset = (uint16_t)offset};
	uint32_t first;
	const char *fault;

	if (offset + REBAR_REG_CONTROL + 4 > PCI_CONFIG_EXT_SIZE) {
		return; /* cut off, so that there is no control register */
	}
	first = arch_pci_read(f->sbdf, offset + REBAR_REG_CONTROL, 4);
	r.count = (first & REBAR_CTL_COUNT) >> REBAR_CTL_COUNT_SHIFT;
	if (r.count > PCI_BARS_NORMAL || control_reg(&r, r.count) > PCI_CONFIG_EXT_SIZE) {
		r.count = 0;
	}
	for (unsigned i = 0; i < r.count; i++) {
		r.control[i] = arch_pci_read(f->sbdf, control_reg(&r, i), 4);
		r.bar[i] = r.control[i] & REBAR_CTL_BAR;
	}
	fault = rebar_fault(f, &r);
	if (fault) {
		log_notice("pci: " SBDF_FMT ": resizable BARs at %#x are refused: %s",
			   SBDF_ARGS(f->sbdf), offset, fault);
		(void)header_set_concern(f, offset + 4, MAX(r.count, 1u) * REBAR_ENTRY_SIZE,
					 CONCERN_REBAR_REFUSED);
	} else if (header_set_concern(f, offset + 4, r.count * REBAR_ENTRY_SIZE, CONCERN_REBAR)) {
		f->rebar = r;
	}
}
