/* SPDX-License-Identifier: MIT */
/*
 * Bridges (Bridge 1.2 3.2.5): the bus numbers, by which the functions behind
 * a bridge have their places in the index, and Secondary Bus Reset
 * (3.2.5.18).
 *
 * A bridge that gets other numbers drops the functions that had the old ones;
 * under the new ones they are admitted at their first access. The numbers as
 * last written are kept, as a reset of the bridge itself clears them without
 * moving anybody.
 *
 * Ports with a slot (PCIe 6.0 6.7): who is pulled out of it is dropped when the
 * slot's registers are written and say that nobody is there.
 *
 * Deliberately not supported: the bridge's windows, which are the machine's
 * and the domain's affair.
 */
#include "pci_internal.h"

static unsigned secondary_of(uint32_t buses)
{
	return buses >> 8 & 0xff;
}

static unsigned subordinate_of(uint32_t buses)
{
	return buses >> 16 & 0xff;
}

void bridge_admit(struct pci_function *f)
{
	f->buses = arch_pci_read(f->sbdf, PCI_REG_PRIMARY, 4);
	f->resets = arch_pci_read(f->sbdf, PCI_REG_BRIDGE_CTL, 2) & PCI_BRIDGE_CTL_RESET;
	f->concern[PCI_REG_PRIMARY / 4] = CONCERN_BUSES;
	f->concern[PCI_REG_BRIDGE_CTL / 4] = CONCERN_BRIDGE;
}

bool bridge_leads_to(const struct pci_function *f, uint32_t buses, sbdf_t sbdf)
{
	unsigned bus = sbdf_bus(sbdf);

	/* Not set up, or leading back: as in enumeration, nothing is behind it. */
	return sbdf_segment(sbdf) == sbdf_segment(f->sbdf) && bus >= secondary_of(buses) &&
	       bus <= subordinate_of(buses) && secondary_of(buses) > sbdf_bus(f->sbdf);
}

/* Both edges: the devices are reset at the first, and may have been looked at since. */
enum verdict bridge_write_control(struct pci_function *f, struct pci_access *a,
				  struct pci_effects *e)
{
	uint32_t bit = (uint32_t)PCI_BRIDGE_CTL_RESET << 16;
	bool resets = access_merge(a, f->resets ? bit : 0, bit) != 0;

	if (f->resets || resets) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, PCI_RESET_BEHIND, 0);
	}
	f->resets = resets;
	return VERDICT_PERFORM;
}

enum verdict bridge_write_buses(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	uint32_t old = f->buses;

	f->buses = access_merge(a, old, 0xffffffffu);
	if ((old ^ f->buses) & PCI_BRIDGE_BUSES) {
		pci_effect_add(e, PCI_EFFECT_BUSES, 0, 0, old);
	}
	return VERDICT_PERFORM;
}

/* Link Disable is a reset of what is behind it, at both edges as above (PCIe 6.0 6.6.1). */
enum verdict bridge_write_link(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	bool unlinked =
		access_merge(a, f->unlinked ? EXP_LINKCTL_DISABLE : 0, EXP_LINKCTL_DISABLE) != 0;

	if (f->unlinked || unlinked) {
		pci_effect_add(e, PCI_EFFECT_RESET, 0, PCI_RESET_BEHIND, 0);
	}
	f->unlinked = unlinked;
	return VERDICT_PERFORM;
}

/*
 * The domain's driver writes here when it turns off power, and when it has seen that a card came or
 * went (it clears the status bit that told it): the moment to look.
 */
enum verdict bridge_write_slot(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	(void)f;
	(void)a;
	pci_effect_add(e, PCI_EFFECT_RESET, 0, PCI_RESET_SLOT, 0);
	return VERDICT_PERFORM;
}

void bridge_admit_express(struct pci_function *f, unsigned offset)
{
	if (f->layout != PCI_HEADER_BRIDGE || f->port ||
	    offset + EXP_REG_SLOTCTL + 4 > PCI_CONFIG_SIZE ||
	    !(arch_pci_read(f->sbdf, offset + EXP_REG_CAPS, 2) & EXP_CAPS_SLOT)) {
		return;
	}
	if (header_set_concern(f, offset + EXP_REG_LINKCTL, 4, CONCERN_LINK) &&
	    header_set_concern(f, offset + EXP_REG_SLOTCTL, 4, CONCERN_SLOT)) {
		f->port = (uint8_t)offset;
	}
}

/* ---- functions that leave ---- */

/* Those that the bridge, with `buses`, leads to but does not any more with `now`. */
static void bridge_drop(struct pci_function *f, uint32_t buses, uint32_t now, bool gone,
			const char *why)
{
	struct pci_function *g = f->root->functions;

	while (g) {
		/* Virtual functions go with their physical one. */
		if (!g->pf && bridge_leads_to(f, buses, g->sbdf) &&
		    !bridge_leads_to(f, now, g->sbdf)) {
			g->gone = gone;
			pci_drop(g, why);
			g = f->root->functions;
		} else {
			g = g->next;
		}
	}
}

void bridge_look_slot(struct pci_function *f)
{
	uint32_t slot = arch_pci_read(f->sbdf, f->port + EXP_REG_SLOTCTL, 4);

	if (slot == 0xffffffffu) {
		return;
	}
	if (!(slot >> 16 & EXP_SLOTSTS_PRESENCE)) {
		bridge_drop(f, f->buses, 0, true, "is pulled out");
	} else if (slot & EXP_SLOTCTL_OFF) {
		reset_mark_behind(f);
	}
}

void bridge_renumber(struct pci_function *f, uint32_t old)
{
	bool moved = secondary_of(old) != secondary_of(f->buses);

	bridge_drop(f, old, moved ? 0 : f->buses, false, "gets another number");
}
