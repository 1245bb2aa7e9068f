/* SPDX-License-Identifier: MIT */
/*
 * Functions of the machine: how one is found and taken into the index. At
 * boot memory comes from the allocators; a function that appears later, at its
 * first access on a trap path, takes what was set aside, and is refused with
 * a line in the log when that is used up.
 *
 * It leaves the index when its bus gets another number, when its slot says that
 * it is gone (bridge.c), when the domain reports that and it does not answer, or
 * when another device answers in its place.
 */
#include <taproot/errno.h>
#include <taproot/iommu.h>
#include <taproot/log.h>
#include <taproot/record.h>

#include "pci_internal.h"

bool pci_identity_present(uint32_t identity)
{
	uint32_t vendor = identity & 0xffff;

	return vendor != PCI_VENDOR_NONE && vendor != PCI_VENDOR_NOT_READY && vendor != 0;
}

void pci_map(struct pci_function *f)
{
	struct pci_effects effects;

	effects.count = 0;
	bar_follow(f, &effects);
	if (effects.count) {
		map_apply(f, &effects);
	}
}

/* The recording gets the function as it is now: sizes known, messages off, nothing mapped. */
static void admit_record(const struct pci_function *f)
{
	uint64_t sizes[PCI_BARS_MAX];

	if (record_on) {
		for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
			sizes[i] = f->bar[i].size;
		}
		record_function(f->root->domain, f->sbdf, sizes, PCI_BARS_MAX);
	}
}

struct pci_function *pci_admit(struct pci_root *root, sbdf_t sbdf, uint32_t identity)
{
	struct pci_slot *slot = pci_slot_make(root, sbdf);
	struct pci_function *f = slot ? spare_function_take(root) : NULL;

	if (!f) {
		root->refused_count++;
		log_guest("pci: " SBDF_FMT
			  " (%04x:%04x) is refused: nothing left for another function",
			  SBDF_ARGS(sbdf), identity & 0xffff, identity >> 16);
		return NULL;
	}
	f->root = root;
	f->sbdf = sbdf;
	f->identity = identity;
	header_admit(f);
	admit_record(f);
	f->next = root->functions;
	root->functions = f;
	root->function_count++;
	root->domain->refill = true;
	pci_map(f);
	/* What is set aside for one that appears later does not do for all of a machine's. */
	if (root->booting && iommu_refill(root->domain)) {
		log_error("pci: no memory to let " SBDF_FMT " do DMA", SBDF_ARGS(sbdf));
	}
	iommu_device_add(root->domain, sbdf);
	pci_slot_publish(slot, &pci_passthrough_ops, f);
	return f;
}

void pci_leave(struct pci_function *f)
{
	struct pci_root *root = f->root;
	struct pci_slot *slot = pci_slot_find(root, f->sbdf);
	struct pci_function **link = &root->functions;
	struct pci_effects effects;

	lock_assert(&root->domain->pci_lock);
	msi_drop(f);
	msi_leave(f);
	msix_drop(f);
	iommu_device_hold(f->sbdf);
	/* Whoever looks it up without a lock may still find it for a moment. */
	__atomic_store_n(&slot->ops, NULL, __ATOMIC_RELEASE);
	effects.count = 0;
	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		if (f->bar[i].state != BAR_OFF) {
			pci_effect_add(&effects, PCI_EFFECT_UNMAP, i, 0, f->bar[i].at);
		}
	}
	if (effects.count) {
		map_apply(f, &effects);
	}
	while (*link != f) {
		link = &(*link)->next;
	}
	*link = f->next;
	root->function_count--;
}

void pci_drop(struct pci_function *f, const char *why)
{
	log_guest("pci: " SBDF_FMT " (%04x:%04x) %s: dropped", SBDF_ARGS(f->sbdf),
		  f->identity & 0xffff, f->identity >> 16, why);
	sriov_drop(f);
	pci_leave(f);
	spare_function_put(f->root, f);
}

/* Somebody may have admitted it while we waited for the lock. */
static bool admit_absent(struct pci_root *root, sbdf_t sbdf, uint32_t identity)
{
	struct pci_slot *slot;
	bool there;

	lock_acquire(&root->domain->pci_lock);
	slot = pci_slot_find(root, sbdf);
	there = slot && slot->ops;
	if (!there) {
		there = pci_admit(root, sbdf, identity) != NULL;
	}
	lock_release(&root->domain->pci_lock);
	return there;
}

/* A virtual function that is not in the index, because nothing was left for it, or not yet. */
static COLD bool absent_is_virtual(struct pci_root *root, sbdf_t sbdf)
{
	bool is;

	lock_acquire(&root->domain->pci_lock);
	is = sriov_owner(root, sbdf) != NULL;
	lock_release(&root->domain->pci_lock);
	return is;
}

enum verdict pci_access_absent(struct pci_root *root, struct pci_access *a)
{
	uint32_t identity;

	if (!root->domain->hardware) {
		a->value = (uint32_t)ones(a->len);
		return VERDICT_REJECT;
	}
	identity = arch_pci_read(a->sbdf, PCI_REG_VENDOR, 4);
	if (!pci_identity_present(identity)) {
		if (root->physical && absent_is_virtual(root, a->sbdf)) {
			a->value = (uint32_t)ones(a->len);
			return VERDICT_REJECT;
		}
		/* Nothing, or not ready yet: the machine knows. */
		if (a->write) {
			return VERDICT_PERFORM;
		}
		a->value = (a->reg & ~3u) == PCI_REG_VENDOR
				   ? access_extract(a, identity)
				   : arch_pci_read(a->sbdf, a->reg, a->len);
		return VERDICT_PERFORM;
	}
	if (!admit_absent(root, a->sbdf, identity)) {
		a->value = (uint32_t)ones(a->len);
		return VERDICT_REJECT;
	}
	if (a->write) {
		return VERDICT_DONE; /* the caller finds it in the index now */
	}
	return pci_slot_read(pci_slot_find(root, a->sbdf), a);
}

/* ---- reports by the domain ---- */

int pci_device_add(struct pci_root *root, sbdf_t s)
{
	struct pci_slot *slot = pci_slot_find(root, s);
	uint32_t identity;

	if (slot && slot->ops) {
		return 0;
	}
	identity = arch_pci_read(s, PCI_REG_VENDOR, 4);
	if (!root->domain->hardware || !pci_identity_present(identity)) {
		return -ENODEV;
	}
	return admit_absent(root, s, identity) ? 0 : -ENOMEM;
}

int pci_vf_add(struct pci_root *root, sbdf_t vf, sbdf_t pf)
{
	struct pci_slot *slot = pci_slot_find(root, pf);
	const struct pci_function *owner;
	int rc = 0;

	if (!slot || slot->ops != &pci_passthrough_ops) {
		return -ENODEV;
	}
	lock_acquire(&root->domain->pci_lock);
	while (sriov_go_on(root)) {
		if (domain_defer(root->domain)) {
			lock_release(&root->domain->pci_lock);
			return -EAGAIN;
		}
	}
	owner = sriov_owner(root, vf);
	slot = pci_slot_find(root, vf);
	if (!owner || owner->sbdf.v != pf.v) {
		rc = -EINVAL;
	} else if (!slot || !slot->ops) {
		rc = -ENOMEM;
	}
	lock_release(&root->domain->pci_lock);
	return rc;
}

int pci_device_remove(struct pci_root *root, sbdf_t s)
{
	struct pci_slot *slot = pci_slot_find(root, s);
	struct pci_function *f;
	int rc = -ENODEV;

	lock_acquire(&root->domain->pci_lock);
	if (slot && slot->ops == &pci_passthrough_ops) {
		f = slot->ctx;
		rc = 0;
		if (!f->pf && arch_pci_read(s, PCI_REG_VENDOR, 4) == 0xffffffffu) {
			f->gone = true;
			pci_drop(f, "does not answer");
		}
	}
	lock_release(&root->domain->pci_lock);
	return rc;
}
