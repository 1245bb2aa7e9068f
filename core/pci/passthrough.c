/* SPDX-License-Identifier: MIT */
/*
 * Functions of the machine that the hardware domain drives itself. Which
 * concern decodes a dword was settled when the function was admitted; a read
 * or write is one table look-up and one call. What is no concern's goes to the
 * machine unchanged.
 *
 * What is answered from our memory is so only while the function answers, too: one
 * that was pulled out reads all ones everywhere (PCIe 6.0 2.3.2).
 *
 * A function that may have been reset (FLR, D3 to D0) is looked at first. One
 * that answers with another identity has been replaced: it is admitted anew.
 */
#include "pci_internal.h"

const struct pci_concern pci_concerns[CONCERN_COUNT] = {
	[CONCERN_PLAIN] = {NULL, NULL},
	[CONCERN_COMMAND] = {NULL, header_write_command},
	[CONCERN_BAR] = {NULL, bar_write},
	[CONCERN_ROM] = {NULL, bar_write_rom},
	[CONCERN_PM] = {NULL, reset_write_pm},
	[CONCERN_EXPRESS] = {NULL, reset_write_express},
	[CONCERN_AF] = {NULL, reset_write_af},
	[CONCERN_BRIDGE] = {NULL, bridge_write_control},
	[CONCERN_BUSES] = {NULL, bridge_write_buses},
	[CONCERN_LINK] = {NULL, bridge_write_link},
	[CONCERN_SLOT] = {NULL, bridge_write_slot},
	[CONCERN_MSI] = {msi_read, msi_write},
	[CONCERN_MSIX] = {msix_read, msix_write},
	[CONCERN_MSI_REFUSED] = {NULL, msi_write_refused},
	[CONCERN_MSIX_REFUSED] = {NULL, msix_write_refused},
	[CONCERN_REBAR] = {NULL, rebar_write},
	[CONCERN_REBAR_VF] = {NULL, rebar_write_vf},
	[CONCERN_REBAR_REFUSED] = {NULL, rebar_write_refused},
	[CONCERN_SRIOV] = {NULL, sriov_write},
	[CONCERN_SRIOV_REFUSED] = {NULL, sriov_write_refused},
	[CONCERN_HIDDEN] = {hide_read, hide_write},
};

static const struct pci_concern *concern_of(const struct pci_function *f, unsigned reg)
{
	if (reg < PCI_CONFIG_SIZE) {
		return &pci_concerns[f->concern[reg / 4]];
	}
	for (unsigned i = 0; i < f->span_count; i++) {
		if (reg - f->span[i].first < f->span[i].size) {
			return &pci_concerns[f->span[i].concern];
		}
	}
	return &pci_concerns[CONCERN_PLAIN];
}

/* It may have been reset since the last access. */
static COLD void look_again(struct pci_function *f)
{
	lock_acquire(&f->root->domain->pci_lock);
	reset_look(f);
	lock_release(&f->root->domain->pci_lock);
}

/* A concern's answer; out of our memory it counts only while the function answers. */
static COLD enum verdict own_read(const struct pci_concern *concern, struct pci_function *f,
				  struct pci_access *a)
{
	enum verdict verdict = concern->read(f, a);

	if (verdict == VERDICT_DONE && !reset_answers(f)) {
		a->value = (uint32_t)ones(a->len);
	}
	return verdict;
}

static enum verdict concern_read(struct pci_function *f, struct pci_access *a)
{
	const struct pci_concern *concern = concern_of(f, a->reg);

	return concern->read ? own_read(concern, f, a) : VERDICT_PERFORM;
}

/* The function has hidden capabilities: does this dword lead around one? */
static COLD enum verdict linked_read(struct pci_function *f, struct pci_access *a)
{
	const struct pci_link *l = hide_find_link(f, a->reg);
	enum verdict verdict = concern_read(f, a);

	if (!l) {
		return verdict;
	}
	if (verdict == VERDICT_PERFORM) {
		a->value = arch_pci_read(a->sbdf, a->reg, a->len);
	}
	if (a->value == (uint32_t)ones(a->len)) {
		return VERDICT_DONE; /* nobody answers */
	}
	a->value = (a->value & ~access_extract(a, l->mask)) | access_extract(a, l->value & l->mask);
	return VERDICT_DONE;
}

static enum verdict passthrough_read(void *ctx, struct pci_access *a)
{
	struct pci_function *f = ctx;

	if (__atomic_load_n(&f->stale, __ATOMIC_RELAXED)) {
		look_again(f);
	}
	return f->link_count ? linked_read(f, a) : concern_read(f, a);
}

static enum verdict passthrough_write(void *ctx, struct pci_access *a, struct pci_effects *effects)
{
	struct pci_function *f = ctx;
	const struct pci_concern *concern;

	if (f->stale) {
		reset_look(f);
	}
	concern = concern_of(f, a->reg);
	return concern->write ? concern->write(f, a, effects) : VERDICT_PERFORM;
}

static bool passthrough_plain(void *ctx, const struct pci_access *a)
{
	const struct pci_function *f = ctx;

	return !concern_of(f, a->reg)->write && !__atomic_load_n(&f->stale, __ATOMIC_RELAXED);
}

/* Not who was admitted: absent for now, or another device was put in its place. */
static void passthrough_strange(struct pci_function *f, sbdf_t sbdf)
{
	struct pci_root *root = f->root;
	uint32_t identity = arch_pci_read(sbdf, PCI_REG_VENDOR, 4);
	const struct pci_slot *slot = pci_slot_find(root, sbdf);

	lock_acquire(&root->domain->pci_lock);
	if (slot->ops != &pci_passthrough_ops || slot->ctx != f) {
		/* Another processor saw it first. */
	} else if (!pci_identity_present(identity)) {
		reset_mark_absent(f);
	} else if (identity != f->identity) {
		f->gone = true;
		pci_drop(f, "has been replaced");
		(void)pci_admit(root, sbdf, identity);
	}
	lock_release(&root->domain->pci_lock);
}

static void passthrough_identified(void *ctx, const struct pci_access *a)
{
	struct pci_function *f = ctx;

	/* A virtual function has none (SR-IOV 1.1 3.4.1.1). */
	if (!f->pf && a->value != access_extract(a, f->identity)) {
		passthrough_strange(f, a->sbdf);
	}
}

const struct pci_ops pci_passthrough_ops = {
	.name = "passthrough",
	.read = passthrough_read,
	.write = passthrough_write,
	.plain = passthrough_plain,
	.identified = passthrough_identified,
	.apply = pci_apply,
};
