/* SPDX-License-Identifier: MIT */
/*
 * Resets that the domain starts through configuration space: function-level
 * reset (PCIe 6.0 6.6.2, 7.5.3.4; AF ECN), D3hot to D0 (PM 1.2 5.4.1) and a
 * bridge's Secondary Bus Reset (Bridge 1.2 3.2.5.18). What is lost depends on
 * the device, and it takes time (up to 100 ms). So functions are only marked
 * here, and at the next access, if they answer, their registers tell: mappings
 * follow them, and an interrupt whose enable bit is gone is forgotten, as the
 * domain has to program it again.
 *
 * Deliberately not supported: resets by other ways (link disable, power off
 * by a hotplug slot, a device's own registers).
 */
#include "pci_internal.h"

/* Does the write cover bit `bit` of its dword, setting it? */
static bool sets(const struct pci_access *a, uint32_t bit)
{
	return access_merge(a, 0, bit) != 0;
}

enum verdict reset_write_pm(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	uint32_t state = access_merge(a, f->sleeping ? PM_STATE_D3 : PM_STATE_D0, PM_CSR_STATE);
	bool sleeping = (state & PM_CSR_STATE) == PM_STATE_D3;

	if (f->sleeping && !sleeping) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, 0, 0);
	}
	f->sleeping = sleeping;
	return VERDICT_PERFORM;
}

enum verdict reset_write_express(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e)
{
	(void)f;
	if (sets(a, EXP_DEVCTL_FLR)) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, 0, 0);
	}
	return VERDICT_PERFORM;
}

enum verdict reset_write_af(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	(void)f;
	if (sets(a, AF_CTL_FLR)) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, 0, 0);
	}
	return VERDICT_PERFORM;
}

enum verdict reset_write_bridge(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	(void)f;
	if (sets(a, (uint32_t)PCI_BRIDGE_CTL_RESET << 16)) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, 1, 0);
	}
	return VERDICT_PERFORM;
}

static void mark(struct pci_function *f)
{
	f->sleeping = false;
	__atomic_store_n(&f->stale, true, __ATOMIC_RELAXED);
}

void reset_mark(struct pci_function *f, const struct pci_effect *effect)
{
	unsigned secondary, subordinate;

	if (effect->index == 0) {
		mark(f);
		return;
	}
	secondary = arch_pci_read(f->sbdf, PCI_REG_SECONDARY, 1);
	subordinate = arch_pci_read(f->sbdf, PCI_REG_SUBORDINATE, 1);
	for (struct pci_function *g = f->root->functions; g; g = g->next) {
		if (sbdf_segment(g->sbdf) == sbdf_segment(f->sbdf) && g != f &&
		    sbdf_bus(g->sbdf) >= secondary && sbdf_bus(g->sbdf) <= subordinate) {
			mark(g);
		}
	}
}

void reset_look(struct pci_function *f)
{
	struct pci_effects effects;

	lock_assert(&f->root->domain->pci_lock);
	if (!f->stale || arch_pci_read(f->sbdf, PCI_REG_VENDOR, 4) != f->identity) {
		return;
	}
	__atomic_store_n(&f->stale, false, __ATOMIC_RELAXED);
	effects.count = 0;
	f->command = (uint16_t)arch_pci_read(f->sbdf, PCI_REG_COMMAND, 2);
	bar_reload(f);
	bar_follow(f, &effects);
	map_apply(f, &effects);
	msi_look(f);
	msix_look(f);
}
