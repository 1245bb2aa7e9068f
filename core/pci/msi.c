/* SPDX-License-Identifier: MIT */
/*
 * Message Signalled Interrupts (PCI 3.0 6.8.1). The guest's control, address,
 * data and mask are kept and shown to it; the machine has the message of a
 * vector of ours. Pending bits are the machine's.
 *
 * The enable bit in the machine is the guest's, except while there is no
 * vector for it. A function without mask bits cannot be silenced otherwise
 * than by that bit, which would turn its interrupts into INTx: a re-route
 * changes the address alone, with one vector on both processors.
 *
 * Deliberately not supported: more than one message a function. Multiple
 * Message Capable reads as one message.
 */
#include <taproot/iommu.h>
#include <taproot/log.h>

#include "pci_internal.h"

/* Registers in dwords from the capability, by the form of the capability. */
static unsigned reg_data(const struct pci_msi *m)
{
	return m->offset + (m->is64 ? MSI_REG_DATA_64 : MSI_REG_DATA_32);
}

static unsigned reg_mask(const struct pci_msi *m)
{
	return m->offset + (m->is64 ? MSI_REG_MASK_64 : MSI_REG_MASK_32);
}

bool msi_address_valid(uint64_t address)
{
	return address >> 20 == 0xfee;
}

bool msi_enabled(const struct pci_function *f)
{
	return f->msi.offset && (f->msi.control & MSI_CTL_ENABLE);
}

/* ---- the machine's side ---- */

static void msi_source_mask(struct irq_source *src, bool masked)
{
	struct pci_function *f = src->ctx;

	if (f->msi.maskable && !f->gone) {
		arch_pci_write(f->sbdf, reg_mask(&f->msi), 4, masked ? 1 : 0);
	}
}

static void msi_source_route(struct irq_source *src)
{
	struct pci_function *f = src->ctx;
	uint64_t address;
	uint32_t data;

	remap_message(src, &address, &data);
	arch_pci_write(f->sbdf, f->msi.offset + MSI_REG_ADDRESS, 4, (uint32_t)address);
	if (f->msi.is64) {
		arch_pci_write(f->sbdf, f->msi.offset + MSI_REG_ADDRESS_HI, 4,
			       (uint32_t)(address >> 32));
	}
	arch_pci_write(f->sbdf, reg_data(&f->msi), 2, data & 0xffff);
}

static const struct irq_source_ops msi_source_ops = {
	.mask = msi_source_mask,
	.route = msi_source_route,
};

static void msi_write_control(struct pci_function *f, uint16_t control)
{
	arch_pci_write(f->sbdf, f->msi.offset + MSI_REG_CONTROL, 2, control);
}

uint32_t msi_apply(struct pci_function *f)
{
	struct pci_msi *m = &f->msi;
	bool masked = (m->mask & 1) || !msi_address_valid(m->address);

	if (!msi_enabled(f)) {
		m->blocked = false;
		irq_source_release(&m->src);
		return PCI_RESULT_NONE;
	}
	if (masked && !m->src.bound) {
		msi_source_mask(&m->src, true);
	}
	irq_source_update(&m->src, masked, m->address, m->data);
	if (m->blocked && m->src.bound) {
		m->blocked = false;
		msi_write_control(f, m->control & ~MSI_CTL_ALLOCATED);
	}
	return (m->src.bound ? PCI_RESULT_BOUND : 0) |
	       (m->src.bound && !masked ? PCI_RESULT_OPEN : 0);
}

void msi_renew(struct pci_function *f)
{
	struct pci_msi *m = &f->msi;

	if (m->src.bound && !m->blocked &&
	    !(arch_pci_read(f->sbdf, m->offset + MSI_REG_CONTROL, 2) & MSI_CTL_ENABLE)) {
		irq_source_restore(&m->src);
	}
}

void msi_drop(struct pci_function *f)
{
	if (!msi_enabled(f)) {
		return;
	}
	f->msi.control &= ~MSI_CTL_ENABLE;
	if (!f->gone) {
		msi_write_control(f, f->msi.control & ~MSI_CTL_ALLOCATED);
	}
	(void)msi_apply(f);
}

void msi_look(struct pci_function *f)
{
	struct pci_msi *m = &f->msi;
	uint16_t control;

	if (!m->offset || (!f->lost && (!msi_enabled(f) || m->blocked))) {
		return;
	}
	control = (uint16_t)arch_pci_read(f->sbdf, m->offset + MSI_REG_CONTROL, 2);
	if (!(control & MSI_CTL_ENABLE)) {
		m->control &= ~(MSI_CTL_ENABLE | MSI_CTL_ALLOCATED);
		m->address = 0;
		m->data = 0;
		m->mask = 0;
		(void)msi_apply(f);
	}
}

/* ---- admission ---- */

/* Every dword from the capability to its end. */
static unsigned msi_size(const struct pci_msi *m)
{
	return (m->is64 ? MSI_REG_MASK_64 : MSI_REG_MASK_32) + (m->maskable ? 8 : 0);
}

void msi_admit(struct pci_function *f, unsigned offset)
{
	uint32_t header = arch_pci_read(f->sbdf, offset, 4);
	struct pci_msi *m = &f->msi;
	struct pci_msi found = {
		.offset = (uint8_t)offset,
		.header = (uint16_t)header,
		.control = header >> 16,
		.is64 = (header >> 16) & MSI_CTL_64,
		.maskable = (header >> 16) & MSI_CTL_MASKABLE,
	};

	if (found.control & MSI_CTL_ENABLE) {
		log_info("pci: " SBDF_FMT ": MSI was enabled; now off", SBDF_ARGS(f->sbdf));
		found.control &= ~MSI_CTL_ENABLE;
		arch_pci_write(f->sbdf, offset + MSI_REG_CONTROL, 2, found.control);
	}
	if (m->offset || !header_set_concern(f, offset, msi_size(&found), CONCERN_MSI)) {
		log_notice("pci: " SBDF_FMT ": MSI capability at %#x is refused",
			   SBDF_ARGS(f->sbdf), offset);
		(void)header_set_concern(f, offset, 4, CONCERN_MSI_REFUSED);
		return;
	}
	*m = found;
	m->control &= ~(MSI_CTL_CAPABLE | MSI_CTL_ALLOCATED);
	irq_source_init(&m->src, &msi_source_ops, IRQ_MSI, f->root->domain, f, 0);
	m->src.requester = f->sbdf;
	m->src.same_vector = !m->maskable;
}

/* ---- accesses ---- */

/* The dword as the guest sees it; false: it is the machine's. */
static bool msi_dword(const struct pci_msi *m, unsigned reg, uint32_t *dword)
{
	if (reg == m->offset) {
		*dword = (uint32_t)m->control << 16 | m->header;
	} else if (reg == m->offset + MSI_REG_ADDRESS) {
		*dword = (uint32_t)m->address;
	} else if (m->is64 && reg == m->offset + MSI_REG_ADDRESS_HI) {
		*dword = (uint32_t)(m->address >> 32);
	} else if (reg == reg_data(m)) {
		*dword = m->data;
	} else if (reg == reg_mask(m)) {
		*dword = m->mask;
	} else {
		return false;
	}
	return true;
}

enum verdict msi_read(struct pci_function *f, struct pci_access *a)
{
	uint32_t dword;

	if (!msi_dword(&f->msi, a->reg & ~3u, &dword)) {
		return VERDICT_PERFORM;
	}
	a->value = access_extract(a, dword);
	return VERDICT_DONE;
}

static enum verdict msi_write_header(struct pci_function *f, struct pci_access *a,
				     struct pci_effects *e)
{
	struct pci_msi *m = &f->msi;
	uint32_t old = (uint32_t)m->control << 16;
	uint32_t new = access_merge(a, old, (MSI_CTL_ENABLE | MSI_CTL_ALLOCATED) << 16);

	m->control = (uint16_t)(new >> 16);
	access_clear(a, MSI_CTL_ALLOCATED << 16);
	if ((old | new) & (MSI_CTL_ENABLE << 16)) {
		pci_effect_add(e, PCI_EFFECT_MSI, 0, 0, m->address);
	}
	return VERDICT_PERFORM;
}

enum verdict msi_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	struct pci_msi *m = &f->msi;
	unsigned reg = a->reg & ~3u;
	uint32_t dword;

	if (reg == m->offset) {
		return msi_write_header(f, a, e);
	}
	if (!msi_dword(m, reg, &dword)) {
		return VERDICT_PERFORM;
	}
	if (reg == m->offset + MSI_REG_ADDRESS) {
		dword = access_merge(a, dword, MSI_ADDRESS_MASK);
		m->address = (m->address & ~0xffffffffull) | dword;
	} else if (m->is64 && reg == m->offset + MSI_REG_ADDRESS_HI) {
		dword = access_merge(a, dword, 0xffffffffu);
		m->address = (m->address & 0xffffffffull) | (uint64_t)dword << 32;
	} else if (reg == reg_data(m)) {
		m->data = access_merge(a, dword, 0xffff);
	} else {
		m->mask = access_merge(a, dword, 1);
	}
	if (msi_enabled(f)) {
		pci_effect_add(e, PCI_EFFECT_MSI, 0, 0, m->address);
	}
	return VERDICT_DONE;
}

enum verdict msi_write_refused(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	(void)f;
	(void)e;
	access_clear(a, MSI_CTL_ENABLE << 16);
	return VERDICT_PERFORM;
}
