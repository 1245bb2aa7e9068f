/* SPDX-License-Identifier: MIT */
/*
 * Base Address Registers and the expansion ROM (PCI 3.0 6.2.5.1, 6.2.5.2):
 * sizes, found once with decoding off, and a shadow of what was written.
 *
 * What the domain writes goes to the machine as it is; the shadow follows and
 * says which mappings have to. Sizing by the domain (all ones) is a move like
 * any other: with decoding off it changes nothing, with decoding on the BAR is
 * at the top of the address space for a while, as on a machine.
 *
 * Deliberately not supported: Enhanced Allocation (PCIe 6.0 7.8.5).
 */
#include <taproot/log.h>

#include "pci_internal.h"

bool bar_is_memory(const struct pci_bar *b)
{
	return b->size && (b->kind == BAR_MEM32 || b->kind == BAR_MEM64 || b->kind == BAR_ROM);
}

uint64_t bar_address(const struct pci_bar *b)
{
	return b->value & ~(b->size - 1);
}

bool bar_enabled(const struct pci_bar *b)
{
	const struct pci_function *f = b->function;

	if (!bar_is_memory(b)) {
		return false;
	}
	if (f->pf) {
		return !f->waiting && sriov_decodes(f->pf);
	}
	if (!(f->command & PCI_CMD_MEMORY)) {
		return false;
	}
	return b->kind != BAR_ROM || (b->value & PCI_ROM_ENABLE);
}

/* ---- admission ---- */

static unsigned bar_reg(const struct pci_function *f, unsigned index)
{
	if (index != PCI_BAR_ROM) {
		return PCI_REG_BAR0 + 4 * index;
	}
	return f->layout == PCI_HEADER_BRIDGE ? PCI_REG_ROM_BRIDGE : PCI_REG_ROM;
}

/* Write ones, read what sticks, put the old value back. */
static uint32_t bar_probe(sbdf_t sbdf, unsigned reg, uint32_t pattern, uint32_t *old)
{
	uint32_t mask;

	*old = arch_pci_read(sbdf, reg, 4);
	arch_pci_write(sbdf, reg, 4, pattern);
	mask = arch_pci_read(sbdf, reg, 4);
	arch_pci_write(sbdf, reg, 4, *old);
	return mask;
}

/* The size that a mask of writable address bits means: its lowest bit. */
static uint64_t bar_size(sbdf_t sbdf, unsigned reg, uint64_t mask, uint64_t top)
{
	uint64_t size = mask & -mask;

	if (mask && ((mask + size) & (top - 1))) {
		log_notice("pci: " SBDF_FMT ": BAR at %#x has holes in its address bits (%#lx)",
			   SBDF_ARGS(sbdf), reg, mask);
	}
	return size;
}

unsigned bar_find(sbdf_t sbdf, unsigned reg, bool last, struct bar_found *out)
{
	uint32_t old, mask, old_high, mask_high;

	mask = bar_probe(sbdf, reg, 0xffffffffu, &old);
	*out = (struct bar_found){.kind = BAR_NONE, .value = old};
	if (mask == 0 || mask == 0xffffffffu) {
		return 1;
	}
	if (mask & PCI_BAR_IO) {
		out->kind = BAR_IO;
		/* The upper half need not be implemented (PCI 3.0 6.2.5.1). */
		out->size = bar_size(sbdf, reg, mask & PCI_BAR_IO_MASK & 0xffff, 1ull << 16);
		return 1;
	}
	if ((mask & PCI_BAR_TYPE_MASK) != PCI_BAR_TYPE_64) {
		out->kind = BAR_MEM32;
		out->size = bar_size(sbdf, reg, mask & PCI_BAR_MEM_MASK, 1ull << 32);
		return 1;
	}
	if (last) {
		log_notice("pci: " SBDF_FMT ": BAR at %#x is 64-bit but the last one; not decoded",
			   SBDF_ARGS(sbdf), reg);
		return 1;
	}
	mask_high = bar_probe(sbdf, reg + 4, 0xffffffffu, &old_high);
	out->kind = BAR_MEM64;
	out->value |= (uint64_t)old_high << 32;
	out->size = bar_size(sbdf, reg, (uint64_t)mask_high << 32 | (mask & PCI_BAR_MEM_MASK),
			     mask_high ? 0 : 1ull << 32);
	return 2;
}

/* One BAR; returns how many registers it takes. */
static unsigned bar_size_one(struct pci_function *f, unsigned index)
{
	struct pci_bar *b = &f->bar[index];
	struct bar_found found;
	unsigned taken;

	taken = bar_find(f->sbdf, bar_reg(f, index), index + 1 >= f->bar_count, &found);
	b->kind = found.kind;
	b->size = found.size;
	b->value = found.value;
	if (taken == 2) {
		f->bar[index + 1].kind = BAR_HIGH;
	}
	return taken;
}

static void bar_size_rom(struct pci_function *f)
{
	struct pci_bar *b = &f->bar[PCI_BAR_ROM];
	uint32_t old;
	uint32_t mask = bar_probe(f->sbdf, bar_reg(f, PCI_BAR_ROM), PCI_ROM_MASK, &old);

	if (mask == 0 || mask == 0xffffffffu) {
		return;
	}
	b->kind = BAR_ROM;
	b->value = old;
	b->size = bar_size(f->sbdf, bar_reg(f, PCI_BAR_ROM), mask & PCI_ROM_MASK, 1ull << 32);
}

void bar_admit(struct pci_function *f)
{
	/* Memory behind a host bridge may go with its decoding: it stays on. */
	bool quiet = f->class_code != 0x0600;

	if (quiet) {
		arch_pci_write(f->sbdf, PCI_REG_COMMAND, 2,
			       f->command & ~(PCI_CMD_IO | PCI_CMD_MEMORY));
	}
	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		f->bar[i].function = f;
		f->bar[i].index = (uint8_t)i;
	}
	for (unsigned i = 0; i < f->bar_count;) {
		i += bar_size_one(f, i);
	}
	bar_size_rom(f);
	if (quiet) {
		arch_pci_write(f->sbdf, PCI_REG_COMMAND, 2, f->command);
	}
	for (unsigned i = 0; i < f->bar_count; i++) {
		f->concern[bar_reg(f, i) / 4] = CONCERN_BAR;
	}
	f->concern[bar_reg(f, PCI_BAR_ROM) / 4] = CONCERN_ROM;
}

void bar_reload(struct pci_function *f)
{
	if (f->pf) {
		vf_place(f);
		return;
	}
	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		struct pci_bar *b = &f->bar[i];

		if (b->kind == BAR_NONE || b->kind == BAR_HIGH) {
			continue;
		}
		b->value = arch_pci_read(f->sbdf, bar_reg(f, i), 4);
		if (b->kind == BAR_MEM64) {
			b->value |= (uint64_t)arch_pci_read(f->sbdf, bar_reg(f, i + 1), 4) << 32;
		}
	}
}

/* ---- accesses ---- */

/* The effect that brings one BAR's mapping to what its registers say, if it is not there. */
static void bar_follow_one(struct pci_bar *b, struct pci_effects *e)
{
	bool on = bar_enabled(b);

	if (on && (b->state == BAR_OFF || b->at != bar_address(b))) {
		pci_effect_add(e, PCI_EFFECT_MAP, b->index, 0, bar_address(b));
	} else if (!on && b->state != BAR_OFF) {
		pci_effect_add(e, PCI_EFFECT_UNMAP, b->index, 0, b->at);
	}
}

void bar_follow(struct pci_function *f, struct pci_effects *e)
{
	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		bar_follow_one(&f->bar[i], e);
	}
}

enum verdict bar_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	struct pci_bar *b = &f->bar[(a->reg - PCI_REG_BAR0) / 4];
	unsigned shift = 0;
	uint32_t dword;

	if (b->kind == BAR_HIGH) {
		b--;
		shift = 32;
	}
	dword = access_merge(a, (uint32_t)(b->value >> shift), 0xffffffffu);
	b->value = (b->value & ~(0xffffffffull << shift)) | (uint64_t)dword << shift;
	bar_follow_one(b, e);
	return VERDICT_PERFORM;
}

enum verdict bar_write_rom(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	struct pci_bar *b = &f->bar[PCI_BAR_ROM];

	b->value = access_merge(a, (uint32_t)b->value, 0xffffffffu);
	bar_follow_one(b, e);
	return VERDICT_PERFORM;
}
