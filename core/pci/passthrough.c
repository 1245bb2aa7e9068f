/* SPDX-License-Identifier: MIT */
/*
 * Functions of the machine that the hardware domain drives itself. Which
 * concern decodes a dword was settled when the function was admitted; a read
 * or write is one table look-up and one call. What is no concern's goes to the
 * machine unchanged.
 *
 * A function that may have been reset (FLR, D3 to D0) is looked at first.
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
	[CONCERN_BRIDGE] = {NULL, reset_write_bridge},
	[CONCERN_MSI] = {msi_read, msi_write},
	[CONCERN_MSIX] = {NULL, msix_write},
	[CONCERN_MSI_REFUSED] = {NULL, msi_write_refused},
	[CONCERN_MSIX_REFUSED] = {NULL, msix_write_refused},
};

static const struct pci_concern *concern_of(const struct pci_function *f, unsigned reg)
{
	return &pci_concerns[reg < PCI_CONFIG_SIZE ? f->concern[reg / 4] : CONCERN_PLAIN];
}

/* It may have been reset since the last access. */
static COLD void look_again(struct pci_function *f)
{
	lock_acquire(&f->root->domain->pci_lock);
	reset_look(f);
	lock_release(&f->root->domain->pci_lock);
}

static enum verdict passthrough_read(void *ctx, struct pci_access *a)
{
	struct pci_function *f = ctx;
	const struct pci_concern *concern = concern_of(f, a->reg);

	if (__atomic_load_n(&f->stale, __ATOMIC_RELAXED)) {
		look_again(f);
	}
	return concern->read ? concern->read(f, a) : VERDICT_PERFORM;
}

static enum verdict passthrough_write(void *ctx, struct pci_access *a, struct pci_effects *effects)
{
	struct pci_function *f = ctx;
	const struct pci_concern *concern = concern_of(f, a->reg);

	if (f->stale) {
		reset_look(f);
	}
	return concern->write ? concern->write(f, a, effects) : VERDICT_PERFORM;
}

const struct pci_ops pci_passthrough_ops = {
	.name = "passthrough",
	.read = passthrough_read,
	.write = passthrough_write,
	.apply = pci_apply,
};
