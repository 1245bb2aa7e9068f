/* SPDX-License-Identifier: MIT */
/*
 * Single Root I/O Virtualization: the capability of a physical function
 * (SR-IOV 1.1 3.3). Its registers are the machine's; a shadow of VF Enable, VF
 * MSE and the VF BARs says which virtual functions there are and where they
 * decode. What a virtual function is to the root complex is in vf.c.
 *
 * The sizes of the VF BARs are found at admission, and again before VF Enable
 * when the System Page Size is another one, as they depend on it (3.3.12,
 * 3.3.14). First VF Offset and VF Stride count as they are when VF Enable has
 * been set, as NumVFs and ARI Capable Hierarchy change them (3.3.9, 3.3.10).
 * While VF Enable is set, NumVFs and System Page Size are not written: the
 * specification leaves open what that does.
 *
 * Structs for virtual functions are allocated before the domain goes on, not
 * at the access that enables them, and stay with their physical function.
 *
 * What concerns all virtual functions is done in pieces, before the vCPU that
 * wrote goes on (vcpu.behind). They enter one by one after VF Enable was set; the
 * write that clears it is carried out when the last one has left, as it must
 * still hear us before. After a move, no table is written before its virtual
 * function's turn. Another vCPU meets each of them before or after its turn; a
 * write of its to the capability, while they leave, ends that first.
 *
 * Deliberately not supported: VF Migration (3.3.3.2; no device has it).
 */
#include <taproot/log.h>

#include "pci_internal.h"

/* What a PCI_EFFECT_VFS is about: its index. */
enum { VFS_OFF, VFS_ON, VFS_MOVE };

bool sriov_decodes(const struct pci_function *pf)
{
	const uint16_t both = SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY;

	return pf->sriov.count && (pf->sriov.control & both) == both;
}

struct pci_function *sriov_owner(const struct pci_root *root, sbdf_t sbdf)
{
	for (struct pci_function *pf = root->physical; pf; pf = pf->sriov.next) {
		uint32_t distance = sbdf.v - vf_sbdf(pf, 0).v;
		uint32_t stride = MAX(pf->sriov.stride, 1);

		if (pf->sriov.count && distance % stride == 0 &&
		    distance / stride < pf->sriov.count) {
			return pf;
		}
	}
	return NULL;
}

/* ---- sizes ---- */

static void sriov_size(struct pci_function *f)
{
	struct pci_sriov *s = &f->sriov;
	unsigned reg = s->offset + SRIOV_REG_BAR0;

	for (unsigned i = 0; i < PCI_BARS_NORMAL;) {
		struct bar_found found;
		unsigned taken = bar_find(f->sbdf, reg + 4 * i, i + 1 == PCI_BARS_NORMAL, &found);

		if (found.kind == BAR_IO) {
			log_notice("pci: " SBDF_FMT ": VF BAR %u at %#x is of I/O space; not "
				   "decoded",
				   SBDF_ARGS(f->sbdf), i, reg + 4 * i);
			found = (struct bar_found){.kind = BAR_NONE};
		}
		s->bar[i].size = found.size;
		s->bar[i].value = found.value;
		s->bar[i].kind = found.kind;
		if (taken == 2) {
			s->bar[i + 1].kind = BAR_HIGH;
			s->bar[i + 1].size = 0;
		}
		i += taken;
	}
	s->page_size = arch_pci_read(f->sbdf, s->offset + SRIOV_REG_PAGE_SIZE, 4);
}

/* Is one at another address than the shadow has it? */
static bool sriov_reload_bars(struct pci_function *f)
{
	struct pci_sriov *s = &f->sriov;
	unsigned reg = s->offset + SRIOV_REG_BAR0;
	uint64_t old[PCI_BARS_NORMAL];
	bool moved = false;

	for (unsigned i = 0; i < PCI_BARS_NORMAL; i++) {
		old[i] = s->bar[i].value;
		if (s->bar[i].kind == BAR_HIGH) {
			s->bar[i - 1].value |= (uint64_t)arch_pci_read(f->sbdf, reg + 4 * i, 4)
					       << 32;
		} else {
			s->bar[i].value = arch_pci_read(f->sbdf, reg + 4 * i, 4);
		}
	}
	for (unsigned i = 0; i < PCI_BARS_NORMAL; i++) {
		if (s->bar[i].size) {
			moved |= ((old[i] ^ s->bar[i].value) & ~(s->bar[i].size - 1)) != 0;
		}
	}
	return moved;
}

/* ---- virtual functions come and go ---- */

static uint16_t sriov_get(const struct pci_function *f, unsigned reg)
{
	return (uint16_t)arch_pci_read(f->sbdf, f->sriov.offset + reg, 2);
}

/* NULL, or why these virtual functions cannot be. */
static const char *sriov_fault(const struct pci_function *f, unsigned count)
{
	const struct pci_sriov *s = &f->sriov;

	if (count > s->total || count > sriov_get(f, SRIOV_REG_INITIAL)) {
		return "more than it has";
	}
	if (count && s->first == 0) {
		return "the first one is itself";
	}
	if (count > 1 && s->stride == 0) {
		return "all have one number";
	}
	if (count && (f->sbdf.v & 0xffff) + s->first + (uint64_t)(count - 1) * s->stride > 0xffff) {
		return "beyond the last bus";
	}
	return NULL;
}

static void sriov_enable(struct pci_function *f)
{
	struct pci_sriov *s = &f->sriov;
	unsigned count = sriov_get(f, SRIOV_REG_COUNT);
	const char *fault;

	s->first = sriov_get(f, SRIOV_REG_OFFSET);
	s->stride = sriov_get(f, SRIOV_REG_STRIDE);
	fault = sriov_fault(f, count);
	if (fault) {
		log_guest("pci: " SBDF_FMT ": SR-IOV at %#x: %u virtual functions, offset %u, "
			  "stride %u: %s; refused",
			  SBDF_ARGS(f->sbdf), s->offset, count, s->first, s->stride, fault);
		s->control &= ~(SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY);
		arch_pci_write(f->sbdf, s->offset + SRIOV_REG_CONTROL, 2, s->control);
		return;
	}
	s->count = (uint16_t)count;
	if (count) {
		vf_make_begin(f);
		if (!domain_defer(f->root->domain)) {
			f->root->domain->refill = true;
		}
	}
}

/* ---- in pieces ---- */

static bool busy(const struct pci_sriov *s)
{
	return s->leaves || s->wanted || s->round;
}

/* All have left: the write that they left for. */
static void sriov_left(struct pci_function *pf)
{
	struct pci_access *a = &pf->sriov.last_write;

	pf->sriov.count = 0;
	if (a->len) {
		arch_pci_write(a->sbdf, a->reg, a->len, a->value);
		a->len = 0;
	}
}

static void leave_on(struct pci_function *pf)
{
	if (!vf_leave_next(pf)) {
		sriov_left(pf);
	}
}

static void make_on(struct pci_function *pf)
{
	bool booting = pf->root->booting;

	pf->root->booting = true; /* allocation is allowed */
	(void)vf_make_next(pf);
	pf->root->booting = booting;
}

bool sriov_go_on(struct pci_root *root)
{
	struct pci_function *pf = root->physical;

	while (pf && !busy(&pf->sriov)) {
		pf = pf->sriov.next;
	}
	if (!pf) {
		return false;
	}
	if (pf->sriov.leaves) {
		leave_on(pf);
	} else if (pf->sriov.wanted) {
		make_on(pf);
	} else {
		(void)vf_follow_next(pf);
	}
	return true;
}

void sriov_finish_leaving(struct pci_function *pf)
{
	while (pf->sriov.leaves) {
		leave_on(pf);
	}
}

/* No virtual functions any more, and nothing is written for it. */
static void sriov_disable(struct pci_function *pf)
{
	pf->sriov.last_write.len = 0;
	vf_leave_begin(pf);
	sriov_finish_leaving(pf);
}

static void sriov_follow(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;

	vf_follow_begin(pf);
	if (s->moved) {
		/* They still enter: this vCPU waits for that as well, and for the move after it. */
		(void)domain_defer(pf->root->domain);
	} else if (vf_follow_next(pf) && !domain_defer(pf->root->domain)) {
		while (vf_follow_next(pf)) {
		}
	}
}

void sriov_look(struct pci_function *pf)
{
	struct pci_sriov *s = &pf->sriov;
	uint16_t control;
	bool moved;

	if (!s->offset) {
		return;
	}
	sriov_finish_leaving(pf);
	control = sriov_get(pf, SRIOV_REG_CONTROL);
	if (s->count && !(control & SRIOV_CTL_ENABLE)) {
		sriov_disable(pf);
	}
	moved = (s->control ^ control) & (SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY);
	s->control = control;
	moved |= rebar_look_vf(pf);
	moved |= sriov_reload_bars(pf);
	/* A move takes the tables away for a while: not for a mere look. */
	if (moved && s->count) {
		sriov_follow(pf);
	}
}

void sriov_resized(struct pci_function *pf)
{
	(void)rebar_look_vf(pf);
	(void)sriov_reload_bars(pf);
	if (pf->sriov.count) {
		sriov_follow(pf);
	}
}

void sriov_drop(struct pci_function *pf)
{
	struct pci_root *root = pf->root;
	struct pci_function **link = &root->physical;

	if (!pf->sriov.offset) {
		return;
	}
	sriov_disable(pf);
	while (pf->sriov.made) {
		struct pci_function *vf = pf->sriov.made;

		pf->sriov.made = vf->sibling;
		spare_function_put(root, vf);
	}
	while (*link != pf) {
		link = &(*link)->sriov.next;
	}
	*link = pf->sriov.next;
}

/* ---- accesses ---- */

static enum verdict sriov_write_control(struct pci_function *f, struct pci_access *a,
					struct pci_effects *e)
{
	struct pci_sriov *s = &f->sriov;
	uint16_t old = s->control;

	s->control = (uint16_t)access_merge(a, old, 0xffff);
	if ((old ^ s->control) & SRIOV_CTL_ENABLE) {
		pci_effect_add(e, PCI_EFFECT_VFS, 0,
			       s->control & SRIOV_CTL_ENABLE ? VFS_ON : VFS_OFF, 0);
	} else if (s->count && ((old ^ s->control) & SRIOV_CTL_MEMORY)) {
		pci_effect_add(e, PCI_EFFECT_VFS, 0, VFS_MOVE, 0);
	}
	return VERDICT_PERFORM;
}

static enum verdict sriov_write_bar(struct pci_function *f, struct pci_access *a,
				    struct pci_effects *e, unsigned index)
{
	struct pci_sriov *s = &f->sriov;
	unsigned shift = 0;
	uint32_t dword;

	if (s->bar[index].kind == BAR_HIGH) {
		index--;
		shift = 32;
	}
	dword = access_merge(a, (uint32_t)(s->bar[index].value >> shift), 0xffffffffu);
	s->bar[index].value = (s->bar[index].value & ~(0xffffffffull << shift)) | (uint64_t)dword
											  << shift;
	if (sriov_decodes(f)) {
		pci_effect_add(e, PCI_EFFECT_VFS, 0, VFS_MOVE, 0);
	}
	return VERDICT_PERFORM;
}

enum verdict sriov_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	struct pci_sriov *s = &f->sriov;
	unsigned reg = (a->reg & ~3u) - s->offset;

	/* Another vCPU's write has not been carried out yet: it comes first. */
	sriov_finish_leaving(f);
	if (reg == SRIOV_REG_CONTROL) {
		return sriov_write_control(f, a, e);
	}
	if (reg >= SRIOV_REG_BAR0 && reg < SRIOV_REG_BAR0 + 4 * PCI_BARS_NORMAL) {
		return sriov_write_bar(f, a, e, (reg - SRIOV_REG_BAR0) / 4);
	}
	if (reg == SRIOV_REG_COUNT || reg == SRIOV_REG_PAGE_SIZE) {
		return s->control & SRIOV_CTL_ENABLE ? VERDICT_DONE : VERDICT_PERFORM;
	}
	return VERDICT_PERFORM;
}

enum verdict sriov_write_refused(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e)
{
	(void)f;
	(void)e;
	access_clear(a, SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY);
	return VERDICT_PERFORM;
}

/* While they still hear us. Two steps are all there is to one virtual function. */
static bool sriov_leave(struct pci_function *f, const struct pci_access *a)
{
	vf_leave_begin(f);
	f->sriov.last_write.len = 0;
	leave_on(f);
	if (f->sriov.leaves) {
		leave_on(f);
	}
	if (f->sriov.leaves && domain_defer(f->root->domain)) {
		f->sriov.last_write = *a;
		return false;
	}
	sriov_finish_leaving(f);
	return true;
}

bool sriov_prepare(struct pci_function *f, const struct pci_access *a,
		   const struct pci_effect *effect)
{
	switch (effect->index) {
	case VFS_OFF:
		return sriov_leave(f, a);
	case VFS_ON:
		if (arch_pci_read(f->sbdf, f->sriov.offset + SRIOV_REG_PAGE_SIZE, 4) !=
		    f->sriov.page_size) {
			sriov_size(f);
		}
		return true;
	default:
		vf_close(f);
		return true;
	}
}

void sriov_apply(struct pci_function *f, struct pci_effect *effect)
{
	if (effect->index == VFS_ON) {
		sriov_enable(f);
		effect->result = f->sriov.count;
	} else if (effect->index == VFS_MOVE) {
		sriov_follow(f);
	}
}

/* ---- admission ---- */

static const char *sriov_admit_fault(const struct pci_function *f, unsigned offset)
{
	unsigned total = arch_pci_read(f->sbdf, offset + SRIOV_REG_TOTAL, 2);
	unsigned initial = arch_pci_read(f->sbdf, offset + SRIOV_REG_INITIAL, 2);

	if (f->sriov.offset) {
		return "not the first";
	}
	if (f->layout != PCI_HEADER_NORMAL) {
		return "in a bridge";
	}
	return initial > total ? "InitialVFs exceeds TotalVFs" : NULL;
}

static void sriov_refuse(struct pci_function *f, unsigned offset, const char *fault)
{
	uint32_t control = arch_pci_read(f->sbdf, offset + SRIOV_REG_CONTROL, 2);

	log_notice("pci: " SBDF_FMT ": SR-IOV at %#x is refused: %s", SBDF_ARGS(f->sbdf), offset,
		   fault);
	arch_pci_write(f->sbdf, offset + SRIOV_REG_CONTROL, 2,
		       control & ~(SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY));
	(void)header_set_concern(f, offset + SRIOV_REG_CONTROL, 4, CONCERN_SRIOV_REFUSED);
}

void sriov_admit(struct pci_function *f, unsigned offset)
{
	struct pci_sriov *s = &f->sriov;
	const char *fault;
	uint16_t control;

	if (offset + SRIOV_SIZE > PCI_CONFIG_EXT_SIZE) {
		log_notice("pci: " SBDF_FMT ": SR-IOV at %#x is cut off", SBDF_ARGS(f->sbdf),
			   offset);
		return;
	}
	fault = sriov_admit_fault(f, offset);
	if (fault) {
		sriov_refuse(f, offset, fault);
		return;
	}
	if (!header_set_concern(f, offset, SRIOV_SIZE, CONCERN_SRIOV)) {
		return;
	}
	s->offset = (uint16_t)offset;
	s->total = sriov_get(f, SRIOV_REG_TOTAL);
	s->next = f->root->physical;
	f->root->physical = f;
	control = sriov_get(f, SRIOV_REG_CONTROL);
	if (control & SRIOV_CTL_MEMORY) {
		arch_pci_write(f->sbdf, offset + SRIOV_REG_CONTROL, 2, control & ~SRIOV_CTL_MEMORY);
	}
	sriov_size(f);
	s->control = control;
	if (control & SRIOV_CTL_MEMORY) {
		arch_pci_write(f->sbdf, offset + SRIOV_REG_CONTROL, 2, control);
	}
	if (control & SRIOV_CTL_ENABLE) {
		log_info("pci: " SBDF_FMT ": firmware has enabled %u virtual functions",
			 SBDF_ARGS(f->sbdf), sriov_get(f, SRIOV_REG_COUNT));
		sriov_enable(f);
	}
}
