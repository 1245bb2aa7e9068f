/* SPDX-License-Identifier: MIT */
/*
 * Resizable BARs (PCIe 6.0 7.8.6): a write to a control register gives a BAR
 * another size. Software turns decoding off before (7.8.6.3); for one that does
 * not, the BAR is unmapped, resized, and mapped with the size it has then. A
 * reset may give it back the size it had at power-on: it is looked at again.
 *
 * The same for VF Resizable BARs (7.8.7), which size the share of each virtual
 * function; while virtual functions decode, they are not written. What the new
 * size means for them is in sriov.c.
 *
 * A size that would leave an MSI-X table or pending bits outside is not
 * written.
 */
#include <taproot/log.h>

#include "pci_internal.h"

static unsigned control_reg(const struct pci_rebar *r, unsigned i)
{
	return r->offset + REBAR_REG_CONTROL + i * REBAR_ENTRY_SIZE;
}

/* What a control register says; 0: no size. A share of a VF BAR has System Page Size at least. */
static uint64_t size_of(const struct pci_function *f, bool vf, uint32_t control)
{
	unsigned code = (control & REBAR_CTL_SIZE) >> REBAR_CTL_SIZE_SHIFT;
	uint64_t size = code < 44 ? MIB << code : 0;
	uint64_t page;

	if (!vf || !size) {
		return size;
	}
	page = arch_pci_read(f->sbdf, f->sriov.offset + SRIOV_REG_PAGE_SIZE, 4);
	return MAX(size, page * PAGE_SIZE);
}

/* Are table and pending bits of MSI-X inside, when the BAR has `size` bytes? */
static bool holds_msix(const struct pci_function *f, unsigned bar, uint64_t size)
{
	const struct pci_msix *m = &f->msix;

	if (!m->offset) {
		return true;
	}
	return (m->table_bar != bar || m->table + (uint64_t)m->count * MSIX_ENTRY_SIZE <= size) &&
	       (m->pba_bar != bar || (uint64_t)m->pba + msix_pba_size(m) <= size);
}

/* And those of each virtual function, in its share of a VF BAR? */
static bool holds_vf_msix(const struct pci_function *pf, unsigned bar, uint64_t size)
{
	const struct pci_function *vf = pf->sriov.made;

	while (vf && (!vf->exists || holds_msix(vf, bar, size))) {
		vf = vf->sibling;
	}
	return !vf;
}

/* ---- accesses ---- */

/* NULL, or why the BAR is not given this size. */
static const char *resize_fault(const struct pci_function *f, unsigned bar, uint64_t size)
{
	return holds_msix(f, bar, size) ? NULL : "its MSI-X table would be outside";
}

static const char *resize_vf_fault(const struct pci_function *f, unsigned bar, uint64_t size)
{
	if (sriov_decodes(f)) {
		return "virtual functions decode it";
	}
	return holds_vf_msix(f, bar, size) ? NULL : "an MSI-X table would be outside";
}

static enum verdict write_control(struct pci_function *f, const struct pci_rebar *r,
				  struct pci_access *a, struct pci_effects *e)
{
	bool vf = r == &f->sriov.rebar;
	unsigned at = (a->reg & ~3u) - r->offset;
	unsigned i = (at - REBAR_REG_CONTROL) / REBAR_ENTRY_SIZE;
	const char *fault = "no such size";
	uint64_t size;

	if (at < REBAR_REG_CONTROL || (at - REBAR_REG_CONTROL) % REBAR_ENTRY_SIZE) {
		return VERDICT_PERFORM; /* what it can do: read-only */
	}
	size = size_of(f, vf, access_merge(a, r->control[i], REBAR_CTL_SIZE));
	if (vf && size && size == f->sriov.bar[r->bar[i]].size) {
		return VERDICT_PERFORM;
	}
	if (size) {
		fault = vf ? resize_vf_fault(f, r->bar[i], size) : resize_fault(f, r->bar[i], size);
	}
	if (fault) {
		log_guest("pci: " SBDF_FMT ": %sBAR %u is not resized to %#lx bytes: %s",
			  SBDF_ARGS(f->sbdf), vf ? "VF " : "", r->bar[i], size, fault);
		return VERDICT_DONE;
	}
	pci_effect_add(e, vf ? PCI_EFFECT_VF_RESIZE : PCI_EFFECT_RESIZE, r->bar[i], i, size);
	return VERDICT_PERFORM;
}

enum verdict rebar_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	return write_control(f, &f->rebar, a, e);
}

enum verdict rebar_write_vf(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	/* Another vCPU's write may still wait for them to leave: it comes first. */
	sriov_finish_leaving(f);
	return write_control(f, &f->sriov.rebar, a, e);
}

enum verdict rebar_write_refused(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e)
{
	(void)f;
	(void)a;
	(void)e;
	return VERDICT_DONE;
}

/* ---- what follows ---- */

/* The device decides; a BAR that takes a size that cannot be is not decoded any more: 0. */
static uint64_t read_size(struct pci_function *f, struct pci_rebar *r, unsigned i)
{
	bool vf = r == &f->sriov.rebar;
	uint64_t size;

	r->control[i] = arch_pci_read(f->sbdf, control_reg(r, i), 4);
	size = size_of(f, vf, r->control[i]);
	return (vf ? holds_vf_msix : holds_msix)(f, r->bar[i], size) ? size : 0;
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
	f->bar[effect->bar].size = read_size(f, &f->rebar, effect->index);
	bar_reload(f);
	pci_map(f);
}

void rebar_look(struct pci_function *f)
{
	for (unsigned i = 0; i < f->rebar.count; i++) {
		unsigned bar = f->rebar.bar[i];
		uint64_t size = read_size(f, &f->rebar, i);

		if (size != f->bar[bar].size) {
			/* It was mapped with the other one. */
			rebar_prepare(f, &(struct pci_effect){.bar = (uint8_t)bar});
			f->bar[bar].size = size;
		}
	}
}

bool rebar_look_vf(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;
	bool changed = false;

	for (unsigned i = 0; i < s->rebar.count; i++) {
		unsigned bar = s->rebar.bar[i];
		uint64_t size = read_size(pf, &s->rebar, i);

		changed |= size != s->bar[bar].size;
		s->bar[bar].size = size;
	}
	return changed;
}

/* ---- admission ---- */

/* NULL, or why the BAR cannot be one that is resized. */
static const char *bar_fault(const struct pci_function *f, bool vf, unsigned bar, uint64_t size)
{
	struct pci_bar b;

	if (bar >= (vf ? PCI_BARS_NORMAL : f->bar_count)) {
		return "of a BAR that is none of memory";
	}
	b = f->bar[bar];
	if (vf) {
		b.kind = f->sriov.bar[bar].kind;
		b.size = f->sriov.bar[bar].size;
	}
	if (!bar_is_memory(&b)) {
		return "of a BAR that is none of memory";
	}
	return b.size == size ? NULL : "its size is not the BAR's";
}

/* Read the capability at r->offset. NULL, or why these BARs cannot be resized. */
static const char *read_all(struct pci_function *f, struct pci_rebar *r, bool vf)
{
	uint32_t first = arch_pci_read(f->sbdf, control_reg(r, 0), 4);
	unsigned count = (first & REBAR_CTL_COUNT) >> REBAR_CTL_COUNT_SHIFT;
	const char *fault = NULL;

	if (count == 0 || count > PCI_BARS_NORMAL || control_reg(r, count) > PCI_CONFIG_EXT_SIZE) {
		return "without BARs";
	}
	r->count = (uint8_t)count;
	for (unsigned i = 0; i < count && !fault; i++) {
		r->control[i] = arch_pci_read(f->sbdf, control_reg(r, i), 4);
		r->bar[i] = r->control[i] & REBAR_CTL_BAR;
		fault = bar_fault(f, vf, r->bar[i], size_of(f, vf, r->control[i]));
	}
	return fault;
}

/* `fault`: what is known against it already. */
static void admit(struct pci_function *f, struct pci_rebar *to, unsigned offset, const char *fault)
{
	struct pci_rebar r = {.offset = (uint16_t)offset};
	bool vf = to == &f->sriov.rebar;
	const char *read_fault;

	if (offset + REBAR_REG_CONTROL + 4 > PCI_CONFIG_EXT_SIZE) {
		return; /* cut off, so that there is no control register */
	}
	read_fault = read_all(f, &r, vf);
	fault = fault ? fault : read_fault;
	if (fault) {
		log_notice("pci: " SBDF_FMT ": %sresizable BARs at %#x are refused: %s",
			   SBDF_ARGS(f->sbdf), vf ? "VF " : "", offset, fault);
		(void)header_set_concern(f, offset + 4, MAX(r.count, 1u) * REBAR_ENTRY_SIZE,
					 CONCERN_REBAR_REFUSED);
	} else if (header_set_concern(f, offset + 4, r.count * REBAR_ENTRY_SIZE,
				      vf ? CONCERN_REBAR_VF : CONCERN_REBAR)) {
		*to = r;
	}
}

void rebar_admit(struct pci_function *f, unsigned offset)
{
	admit(f, &f->rebar, offset, f->rebar.count ? "not the first" : NULL);
}

void rebar_note_vf(struct pci_function *f, unsigned offset)
{
	if (f->sriov.rebar.offset) {
		admit(f, &f->sriov.rebar, offset, "not the first");
	} else {
		f->sriov.rebar.offset = (uint16_t)offset;
	}
}

void rebar_admit_vf(struct pci_function *f)
{
	if (f->sriov.rebar.offset) {
		admit(f, &f->sriov.rebar, f->sriov.rebar.offset,
		      f->sriov.offset ? NULL : "without virtual functions");
	}
}
