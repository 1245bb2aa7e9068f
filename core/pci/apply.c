/* SPDX-License-Identifier: MIT */
/*
 * Carrying out a write that has effects, in the order a machine needs: a
 * message is programmed before it is enabled and taken back after it is
 * disabled; mappings follow once the register says so.
 */
#include "pci_internal.h"

struct pci_effect *pci_effect_add(struct pci_effects *e, enum pci_effect_kind kind, unsigned bar,
				  unsigned index, uint64_t address)
{
	struct pci_effect *effect;

	ASSERT(e->count < PCI_EFFECTS_MAX);
	effect = &e->effect[e->count++];
	*effect = (struct pci_effect){
		.kind = (uint8_t)kind,
		.bar = (uint8_t)bar,
		.index = (uint16_t)index,
		.address = address,
	};
	return effect;
}

/* Effects on interrupts; `on`: those that come before the register write. */
static bool apply_interrupt(struct pci_function *f, struct pci_effect *effect, bool on)
{
	switch (effect->kind) {
	case PCI_EFFECT_MSI:
		if (msi_enabled(f) == on) {
			effect->result = msi_apply(f);
		}
		return true;
	case PCI_EFFECT_MSIX_ALL:
		if (msix_enabled(f) == on) {
			msix_apply_all(f);
		}
		return true;
	default:
		return false;
	}
}

void pci_apply(void *ctx, struct pci_access *a, enum verdict verdict, struct pci_effects *e)
{
	struct pci_function *f = ctx;
	bool mapping = false;

	lock_assert(&f->root->domain->pci_lock);
	for (unsigned i = 0; i < e->count; i++) {
		struct pci_effect *effect = &e->effect[i];

		if (effect->kind == PCI_EFFECT_BUSES) {
			/* While the functions can still be reached. */
			bridge_renumber(f, (uint32_t)effect->address);
			continue;
		}
		if (effect->kind == PCI_EFFECT_VFS) {
			sriov_prepare(f, effect);
			continue;
		}
		if (effect->kind == PCI_EFFECT_MSI && f->msi.offset == (a->reg & ~3)) {
			msi_renew(f);
		}
		if (apply_interrupt(f, effect, true)) {
			/* No vector was left for it: it must not be enabled. */
			if (effect->kind == PCI_EFFECT_MSI && f->msi.offset == (a->reg & ~3) &&
			    msi_enabled(f) && msi_unready(f)) {
				access_clear(a, (uint32_t)MSI_CTL_ENABLE << 16);
				f->msi.blocked = true;
			}
		} else if (effect->kind != PCI_EFFECT_RESET) {
			mapping = true;
		}
	}
	if (verdict == VERDICT_PERFORM) {
		arch_pci_write(a->sbdf, a->reg, a->len, a->value);
	}
	if (mapping) {
		map_apply(f, e);
	}
	for (unsigned i = 0; i < e->count; i++) {
		if (e->effect[i].kind == PCI_EFFECT_RESET) {
			reset_mark(f, &e->effect[i]);
		} else if (e->effect[i].kind == PCI_EFFECT_VFS) {
			sriov_apply(f, &e->effect[i]);
		} else {
			(void)apply_interrupt(f, &e->effect[i], false);
		}
	}
}
