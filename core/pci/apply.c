/* SPDX-License-Identifier: MIT */
/*
 * Carrying out a write that has effects, in the order a machine needs: a
 * message is programmed before it is enabled and taken back after it is
 * disabled; mappings follow once the register says so. The write that disables
 * virtual functions waits for the last of them to leave (sriov.c).
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
static void apply_interrupt(struct pci_function *f, struct pci_effect *effect, bool on)
{
	switch (effect->kind) {
	case PCI_EFFECT_MSI:
		if (msi_enabled(f) == on) {
			effect->result = msi_apply(f);
		}
		break;
	case PCI_EFFECT_MSIX_ALL:
		if (msix_enabled(f) == on) {
			msix_apply_all(f);
		}
		break;
	default:
		break;
	}
}

/* Before the register is written, while the functions can still be reached. False: it is not to be
 * written now. */
static bool apply_before(struct pci_function *f, struct pci_access *a, struct pci_effect *effect)
{
	bool own = f->msi.offset == (a->reg & ~3);

	switch (effect->kind) {
	case PCI_EFFECT_BUSES:
		bridge_renumber(f, (uint32_t)effect->address);
		break;
	case PCI_EFFECT_VFS:
		return sriov_prepare(f, a, effect);
	case PCI_EFFECT_RESIZE:
		rebar_prepare(f, effect);
		break;
	case PCI_EFFECT_VF_RESIZE:
		vf_close(f);
		break;
	case PCI_EFFECT_MSI:
		if (own) {
			msi_renew(f);
		}
		apply_interrupt(f, effect, true);
		/* No vector was left for it: it must not be enabled. */
		if (own && msi_enabled(f) && msi_unready(f)) {
			access_clear(a, (uint32_t)MSI_CTL_ENABLE << 16);
			f->msi.blocked = true;
		}
		break;
	default:
		apply_interrupt(f, effect, true);
	}
	return true;
}

static void apply_after(struct pci_function *f, struct pci_effect *effect)
{
	switch (effect->kind) {
	case PCI_EFFECT_RESET:
		reset_mark(f, effect);
		break;
	case PCI_EFFECT_VFS:
		sriov_apply(f, effect);
		break;
	case PCI_EFFECT_RESIZE:
		rebar_apply(f, effect);
		break;
	case PCI_EFFECT_VF_RESIZE:
		sriov_resized(f);
		break;
	default:
		apply_interrupt(f, effect, false);
	}
}

void pci_apply(void *ctx, struct pci_access *a, enum verdict verdict, struct pci_effects *e)
{
	struct pci_function *f = ctx;
	bool mapping = false;

	lock_assert(&f->root->domain->pci_lock);
	for (unsigned i = 0; i < e->count; i++) {
		if (!apply_before(f, a, &e->effect[i])) {
			return;
		}
		mapping |= e->effect[i].kind == PCI_EFFECT_MAP ||
			   e->effect[i].kind == PCI_EFFECT_UNMAP;
	}
	if (verdict == VERDICT_PERFORM) {
		arch_pci_write(a->sbdf, a->reg, a->len, a->value);
	}
	if (mapping) {
		map_apply(f, e);
	}
	for (unsigned i = 0; i < e->count; i++) {
		apply_after(f, &e->effect[i]);
	}
}
