/* SPDX-License-Identifier: MIT */
/*
 * Resets that the domain starts through configuration space: function-level
 * reset (PCIe 6.0 6.6.2, 7.5.3.4; AF ECN), D3hot to D0 (PM 1.2 5.4.1; not with
 * No_Soft_Reset) and, by bridge.c, Secondary Bus Reset. It takes time (up to
 * 100 ms), so functions are only marked here, and at the next access, if they
 * answer, their registers tell: mappings follow them, and a message whose
 * enable bit is clear is forgotten, as the domain has to program it again.
 *
 * Link Disable and a slot without power reset what is behind them (bridge.c).
 *
 * Deliberately not supported: resets by other ways (a device's own registers). A
 * message that is enabled after one is written again (msi_renew(), msix_renew());
 * a function that was seen absent is marked.
 */
#include <taproot/iommu.h>

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
		pci_effect_add(e, PCI_EFFECT_RESET, 0,
			       f->keeps ? PCI_RESET_NOT : PCI_RESET_FUNCTION, 0);
	}
	f->sleeping = sleeping;
	return VERDICT_PERFORM;
}

enum verdict reset_write_express(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e)
{
	(void)f;
	if (sets(a, EXP_DEVCTL_FLR)) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, PCI_RESET_FUNCTION, 0);
	}
	return VERDICT_PERFORM;
}

enum verdict reset_write_af(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	(void)f;
	if (sets(a, AF_CTL_FLR)) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, PCI_RESET_FUNCTION, 0);
	}
	return VERDICT_PERFORM;
}

static void mark(struct pci_function *f, bool lost)
{
	f->sleeping = f->sleeping && !lost;
	f->lost = f->lost || lost;
	__atomic_store_n(&f->stale, true, __ATOMIC_RELAXED);
	if (lost) {
		iommu_device_hold(f->sbdf);
	}
}

/* What resets a physical function ends its virtual ones (SR-IOV 1.1 2.2.3). */
static void mark_virtual(struct pci_function *pf, bool lost)
{
	for (struct pci_function *vf = pf->sriov.made; vf; vf = vf->sibling) {
		if (vf->exists) {
			mark(vf, lost);
		}
	}
}

void reset_mark_absent(struct pci_function *f)
{
	mark(f, true);
	mark_virtual(f, true);
}

void reset_mark_behind(struct pci_function *f)
{
	for (struct pci_function *g = f->root->functions; g; g = g->next) {
		if (bridge_leads_to(f, f->buses, g->sbdf)) {
			mark(g, true);
		}
	}
}

void reset_mark(struct pci_function *f, const struct pci_effect *effect)
{
	if (effect->index == PCI_RESET_SLOT) {
		bridge_look_slot(f);
		return;
	}
	if (effect->index != PCI_RESET_BEHIND) {
		mark(f, effect->index == PCI_RESET_FUNCTION);
		mark_virtual(f, effect->index == PCI_RESET_FUNCTION);
		return;
	}
	reset_mark_behind(f);
}

void reset_read_state(struct pci_function *f)
{
	uint32_t csr;

	if (f->pm) {
		csr = arch_pci_read(f->sbdf, f->pm + PM_REG_CSR, 2);
		f->sleeping = (csr & PM_CSR_STATE) == PM_STATE_D3;
		f->keeps = csr & PM_CSR_NO_RESET;
	}
}

bool reset_answers(const struct pci_function *f)
{
	return f->pf ? vf_answers(f) : arch_pci_read(f->sbdf, PCI_REG_VENDOR, 4) == f->identity;
}

void reset_look(struct pci_function *f)
{
	struct pci_effects effects;

	lock_assert(&f->root->domain->pci_lock);
	if (!f->stale || !reset_answers(f)) {
		return;
	}
	if (f->waiting) {
		vf_open(f);
	}
	/* While it is stale nothing is written to its table, which may not be where it was. */
	msi_look(f);
	msix_look(f);
	sriov_look(f);
	rebar_look(f);
	if (f->lost) {
		iommu_device_back(f->root->domain, f->sbdf);
	}
	f->lost = false;
	__atomic_store_n(&f->stale, false, __ATOMIC_RELAXED);
	effects.count = 0;
	reset_read_state(f);
	f->command = (uint16_t)arch_pci_read(f->sbdf, PCI_REG_COMMAND, 2);
	bar_reload(f);
	bar_follow(f, &effects);
	map_apply(f, &effects);
	msix_catch_up(f);
}
