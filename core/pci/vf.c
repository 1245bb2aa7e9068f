/* SPDX-License-Identifier: MIT */
/*
 * Virtual functions (SR-IOV 1.1 2.1.2, 3.4): functions of the machine whose
 * vendor and device ID read as all ones (3.4.1.1), whose BARs are a share of
 * the physical function's VF BARs (3.3.14), and which decode when that says so
 * (VF MSE), not by their own command register. All else, MSI-X, power
 * management and function-level reset, is as in other functions, and so are
 * the concerns that decode it.
 *
 * Up to 100 ms after VF Enable a virtual function need not answer (3.3.3.1).
 * One that does not is in the index all the same, without capabilities and
 * unmapped; it is looked at again at each access, and taken as it is when it
 * answers.
 *
 * There may be 256 of them, and each costs config accesses, transactions and
 * shootdowns: what is done for all of them is done in pieces (sriov.c).
 *
 * Deliberately not supported: virtual functions with header registers of their
 * own where the specification has zeros; they pass as the machine has them.
 */
#include <taproot/heap.h>
#include <taproot/iommu.h>
#include <taproot/log.h>

#include "pci_internal.h"

/* Virtual functions whose mappings are looked at in one piece. */
#define FOLLOW_PIECE 4u

sbdf_t vf_sbdf(const struct pci_function *pf, unsigned number)
{
	return (sbdf_t){pf->sbdf.v + pf->sriov.first + number * pf->sriov.stride};
}

void vf_place(struct pci_function *vf)
{
	const struct pci_sriov *s = &vf->pf->sriov;

	for (unsigned i = 0; i < PCI_BARS_NORMAL; i++) {
		struct pci_bar *b = &vf->bar[i];

		b->function = vf;
		b->index = (uint8_t)i;
		/* While it is mapped, its size stays what it was mapped with. */
		if (b->state == BAR_OFF) {
			b->kind = s->bar[i].kind;
			b->size = s->bar[i].size;
		}
		b->value = b->size ? (s->bar[i].value & ~(b->size - 1)) + vf->number * b->size : 0;
	}
}

/* ---- it answers ---- */

bool vf_answers(const struct pci_function *vf)
{
	return arch_pci_read(vf->sbdf, PCI_REG_REVISION, 4) != 0xffffffffu;
}

void vf_open(struct pci_function *vf)
{
	vf->class_code = (uint16_t)arch_pci_read(vf->sbdf, PCI_REG_CLASS, 2);
	vf->layout = PCI_HEADER_NORMAL;
	vf->bar_count = PCI_BARS_NORMAL;
	vf_place(vf); /* their sizes may be other ones than when it entered */
	cap_admit(vf);
	cap_admit_extended(vf);
	vf->waiting = false;
}

/* ---- in and out of the index ---- */

/*
 * The struct of the next number; they are made in order, and kept. NULL: no memory, of which the
 * last eighth is for others.
 */
static struct pci_function *vf_struct(struct pci_function *pf, struct pci_function *last)
{
	struct pci_function **link = last ? &last->sibling : &pf->sriov.made;

	if (!*link && page_free_count() > page_total_count() / 8) {
		*link = spare_function_make();
	}
	return *link;
}

static bool vf_enter(struct pci_function *pf, struct pci_function *vf, unsigned number)
{
	struct pci_root *root = pf->root;
	struct pci_function *sibling = vf->sibling;
	sbdf_t sbdf = vf_sbdf(pf, number);
	struct pci_slot *slot = pci_slot_make(root, sbdf);

	if (!slot || slot->ops) {
		log_guest("pci: " SBDF_FMT ": its virtual function %u, " SBDF_FMT
			  ", is refused: %s",
			  SBDF_ARGS(pf->sbdf), number, SBDF_ARGS(sbdf),
			  slot ? slot->ops->name : "no memory");
		root->refused_count++;
		return false;
	}
	spare_function_clean(vf);
	vf->root = root;
	vf->sibling = sibling;
	vf->pf = pf;
	vf->number = (uint16_t)number;
	vf->sbdf = sbdf;
	vf->identity = (pf->identity & 0xffff) |
		       arch_pci_read(pf->sbdf, pf->sriov.offset + SRIOV_REG_DEVICE, 2) << 16;
	vf->waiting = true;
	vf->stale = true;
	vf->exists = true;
	vf_place(vf);
	vf->next = root->functions;
	root->functions = vf;
	root->function_count++;
	pci_slot_publish(slot, &pci_passthrough_ops, vf);
	iommu_device_add(root->domain, sbdf);
	reset_look(vf);
	return true;
}

void vf_make_begin(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;

	s->wanted = true;
	s->next_number = 0;
	s->made_count = 0;
	s->at = NULL;
}

/* The struct of the last one is where the next begins. */
bool vf_make_next(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;

	if (s->next_number < s->count) {
		struct pci_function *vf = vf_struct(pf, s->at);

		if (vf) {
			s->made_count += vf_enter(pf, vf, s->next_number++);
			s->at = vf;
			return true;
		}
		log_guest("pci: " SBDF_FMT ": no memory for virtual functions from %u on",
			  SBDF_ARGS(pf->sbdf), s->next_number);
		pf->root->refused_count += s->count - s->next_number;
	}
	log_guest("pci: " SBDF_FMT ": %u virtual functions from " SBDF_FMT " on",
		  SBDF_ARGS(pf->sbdf), s->made_count, SBDF_ARGS(vf_sbdf(pf, 0)));
	s->wanted = false;
	if (s->moved) {
		vf_follow_begin(pf);
	}
	return false;
}

void vf_leave_begin(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;

	s->wanted = false;
	s->moved = false;
	s->round = 0;
	s->leaves = true;
	s->made_count = 0;
	s->at = s->made;
}

bool vf_leave_next(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;

	while (s->at && !s->at->exists) {
		s->at = s->at->sibling;
	}
	if (s->at) {
		s->at->gone = pf->gone;
		pci_leave(s->at);
		s->at->exists = false;
		s->made_count++;
		return true;
	}
	if (s->made_count) {
		log_guest("pci: " SBDF_FMT ": virtual functions off", SBDF_ARGS(pf->sbdf));
	}
	s->leaves = false;
	return false;
}

/* ---- mappings ---- */

/* Those of `vf` that are not where they will be, or as large, go; and then they may be so. */
static void vf_unmap_moved(struct pci_function *vf)
{
	bool on = !vf->waiting && sriov_decodes(vf->pf);
	struct pci_effects effects;

	effects.count = 0;
	for (unsigned i = 0; i < PCI_BARS_NORMAL; i++) {
		struct pci_bar *b = &vf->bar[i];
		bool moved = b->at != bar_address(b) || b->size != vf->pf->sriov.bar[i].size;

		if (b->state != BAR_OFF && (!on || moved)) {
			pci_effect_add(&effects, PCI_EFFECT_UNMAP, i, 0, b->at);
		}
	}
	if (effects.count) {
		map_apply(vf, &effects);
		vf_place(vf);
	}
}

void vf_close(struct pci_function *pf)
{
	for (struct pci_function *vf = pf->sriov.made; vf; vf = vf->sibling) {
		if (vf->exists) {
			msix_region_unmap(&vf->msix.region[0]);
			msix_region_unmap(&vf->msix.region[1]);
		}
	}
}

/* Also when it has begun before: the registers have changed again. */
void vf_follow_begin(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;

	vf_close(pf);
	s->moved = s->wanted;
	if (!s->wanted) {
		s->round = 1;
		s->at = s->made;
	}
}

/* In two rounds: where one will be, another may still be. */
bool vf_follow_next(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;

	for (unsigned n = 0; s->at && n < FOLLOW_PIECE; s->at = s->at->sibling) {
		if (!s->at->exists) {
			continue;
		}
		n++;
		if (s->round == 1) {
			vf_place(s->at);
			vf_unmap_moved(s->at);
		} else {
			pci_map(s->at);
			map_show_regions(s->at);
		}
	}
	if (!s->at) {
		s->round = s->round == 1 ? 2 : 0;
		s->at = s->made;
	}
	return s->round != 0;
}
