/* SPDX-License-Identifier: MIT */
/*
 * Work that is too long for one access: it is done in pieces, between which
 * interrupts are taken, before the vCPU that caused it goes on. All of it is
 * the domain's, not the vCPU's: two vCPUs that have some do each other's, and
 * both go on when nothing is left.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/pci.h>

static int go_on(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool more = memmap_follow_on(d);

	/* Mappings first: a piece of this may make more of those. */
	return more || (d->pci && pci_root_go_on(d->pci)) ? -EAGAIN : 0;
}

bool domain_defer(struct domain *d)
{
	struct vcpu *v = arch_vcpu_current(d);

	if (v) {
		v->deferred = go_on;
	}
	return v != NULL;
}

bool vcpu_deferred_piece(struct vcpu *v)
{
	int (*deferred)(struct vcpu *) = v->deferred;

	/* Cleared before: a piece may leave work of its own. */
	v->deferred = NULL;
	if (deferred && deferred(v)) {
		v->deferred = deferred;
	}
	return v->deferred != NULL;
}
