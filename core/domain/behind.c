/* SPDX-License-Identifier: MIT */
/*
 * Work that is too long for one access: it is done in pieces, between which
 * interrupts are taken, before the vCPU that caused it goes on. All of it is
 * the domain's, not the vCPU's: two vCPUs that have some do each other's, and
 * both go on when nothing is left.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/pci.h>

bool domain_defer(struct domain *d)
{
	struct vcpu *v = arch_vcpu_current(d);

	if (v) {
		v->behind = true;
	}
	return v != NULL;
}

void vcpu_catch_up(struct vcpu *v)
{
	struct domain *d = v->domain;

	/*
	 * Cleared before: a piece may leave work of its own. Mappings first: a piece of the rest
	 * may make more of those; and once more, as another vCPU may have done the last such piece.
	 */
	v->behind = false;
	if (memmap_follow_on(d) || (d->pci && pci_root_go_on(d->pci)) || memmap_follow_on(d)) {
		v->behind = true;
	}
}
