/* SPDX-License-Identifier: MIT */
/*
 * Capabilities that the domain does not see: which, why (doc/capabilities.md),
 * and a list that stays whole without them.
 *
 * The registers of a hidden capability read zero and writes to them are
 * dropped. The pointer that led to it, in the capability before it or in the
 * header, reads as the next one that is shown (PCI 3.0 6.7). The first extended
 * capability is found by its place, not by a pointer, so its header becomes a
 * null capability: ID 0 and the pointer to the next one shown (PCIe 6.0
 * 7.6.2). That is an empty list when there is none.
 *
 * Deliberately not supported: capabilities that come and go. A list is walked
 * once, at admission.
 */
#include <taproot/iommu.h>
#include <taproot/log.h>

#include "pci_internal.h"

/*
 * Entries of our IOMMU tables admit untranslated requests only (VT-d 4.1 9.3, TT): a device that
 * asks for translations, or sends requests by address space, is refused there.
 */
static bool untranslated_only(const struct pci_function *f)
{
	(void)f;
	return iommu_has_tables();
}

static const struct cap_rule rules[] = {
	{.extended = true,
	 .id = PCI_EXTCAPID_ATS,
	 .size = ATS_SIZE,
	 .control = ATS_REG_CONTROL,
	 .enable = ATS_CTL_ENABLE,
	 .applies = untranslated_only},
	{.extended = true,
	 .id = PCI_EXTCAPID_PRI,
	 .size = PRI_SIZE,
	 .control = PRI_REG_CONTROL,
	 .enable = PRI_CTL_ENABLE,
	 .applies = untranslated_only},
	{.extended = true,
	 .id = PCI_EXTCAPID_PASID,
	 .size = PASID_SIZE,
	 .control = PASID_REG_CONTROL,
	 .enable = PASID_CTL_ENABLE,
	 .applies = untranslated_only},
};

const struct cap_rule *cap_rules = rules;
unsigned cap_rule_count = ARRAY_SIZE(rules);

static const struct cap_rule *rule_find(const struct pci_function *f, bool extended, unsigned id)
{
	for (unsigned i = 0; i < cap_rule_count; i++) {
		const struct cap_rule *r = &cap_rules[i];

		if (r->extended == extended && r->id == id && r->applies(f)) {
			return r;
		}
	}
	return NULL;
}

bool hide_cap(struct pci_function *f, bool extended, unsigned id, unsigned offset)
{
	const struct cap_rule *r = rule_find(f, extended, id);
	unsigned end = extended ? PCI_CONFIG_EXT_SIZE : PCI_CONFIG_SIZE;
	uint32_t control;

	if (!r) {
		return false;
	}
	/* Who had the machine before us may have left it on. */
	if (r->control && offset + r->control + 2u <= end) {
		control = arch_pci_read(f->sbdf, offset + r->control, 2);
		if (control & r->enable) {
			arch_pci_write(f->sbdf, offset + r->control, 2, control & ~r->enable);
		}
	}
	(void)header_set_concern(f, offset, MIN(r->size, end - offset), CONCERN_HIDDEN);
	return true;
}

void hide_link(struct pci_function *f, unsigned reg, uint32_t mask, uint32_t value)
{
	struct pci_link *l = f->link;

	while (l < f->link + f->link_count && l->reg != reg) {
		l++;
	}
	if (l == f->link + PCI_LINKS_MAX) {
		log_notice("pci: " SBDF_FMT ": too many hidden capabilities; list ends at %#x",
			   SBDF_ARGS(f->sbdf), reg);
		return;
	}
	if (l == f->link + f->link_count) {
		f->link_count++;
		*l = (struct pci_link){.reg = (uint16_t)reg};
	}
	l->mask |= mask;
	l->value = (l->value & ~mask) | (value & mask);
}

const struct pci_link *hide_find_link(const struct pci_function *f, unsigned reg)
{
	for (unsigned i = 0; i < f->link_count; i++) {
		if (f->link[i].reg == (reg & ~3u)) {
			return &f->link[i];
		}
	}
	return NULL;
}

enum verdict hide_read(struct pci_function *f, struct pci_access *a)
{
	(void)f;
	a->value = 0;
	return VERDICT_DONE;
}

enum verdict hide_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	(void)f;
	(void)a;
	(void)e;
	return VERDICT_DONE;
}
