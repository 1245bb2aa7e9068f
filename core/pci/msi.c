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
 * Several messages of a function (6.8.1.3) differ in the low bits of the data,
 * which the device counts up. Each is a source of its own, with its own mask
 * bit; the device is told the first of a block of remapping entries. Without
 * interrupt remapping they would need neighbouring vectors of ours, moving
 * together: there Multiple Message Capable reads as one message.
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

static struct irq_source *msi_source(struct pci_msi *m, unsigned i)
{
	return i ? &m->more[i - 1].src : &m->src;
}

static void msi_source_mask(struct irq_source *src, bool masked)
{
	struct pci_function *f = src->ctx;
	struct pci_msi *m = &f->msi;
	uint32_t bit = 1u << src->index;

	m->machine_mask = masked ? m->machine_mask | bit : m->machine_mask & ~bit;
	if (m->maskable && !f->gone) {
		arch_pci_write(f->sbdf, reg_mask(m), 4, m->machine_mask);
	}
}

static void msi_source_route(struct irq_source *src)
{
	struct pci_function *f = src->ctx;
	uint64_t address;
	uint32_t data;

	/* In a block the first message stands for all. */
	remap_message(f->msi.block ? &f->msi.src : src, &address, &data);
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

/* Control as the machine has to have it: with the messages that there are sources for. */
static uint16_t msi_machine_control(const struct pci_msi *m)
{
	unsigned log2 = (m->control & MSI_CTL_ALLOCATED) >> 4;

	while (1u << log2 > m->offered) {
		log2--;
	}
	return (uint16_t)((m->control & ~MSI_CTL_ALLOCATED) | log2 << 4);
}

/* How many messages the guest has enabled. */
static unsigned msi_wanted(const struct pci_msi *m)
{
	return 1u << ((msi_machine_control(m) & MSI_CTL_ALLOCATED) >> 4);
}

static void msi_write_control(struct pci_function *f, uint16_t control)
{
	arch_pci_write(f->sbdf, f->msi.offset + MSI_REG_CONTROL, 2, control);
}

/* ---- messages ---- */

static void msi_block_sources(struct pci_msi *m, struct irq_source **out)
{
	for (unsigned i = 0; i < m->messages; i++) {
		out[i] = msi_source(m, i);
	}
}

static void msi_stop(struct pci_msi *m)
{
	struct irq_source *src[MSI_MESSAGES_MAX];

	for (unsigned i = 0; i < m->messages; i++) {
		irq_source_release(msi_source(m, i));
	}
	if (m->block) {
		msi_block_sources(m, src);
		remap_block_release(src, m->messages);
		m->block = false;
	}
	m->messages = 0;
}

/* The guest begins to use `count` messages. Several without a block stay unbound. */
static void msi_begin(struct pci_function *f, unsigned count)
{
	struct irq_source *src[MSI_MESSAGES_MAX];
	struct pci_msi *m = &f->msi;
	int rc;

	m->messages = (uint8_t)count;
	m->machine_mask = (uint32_t)(ones(8) >> (64 - count));
	if (m->maskable) {
		arch_pci_write(f->sbdf, reg_mask(m), 4, m->machine_mask);
	}
	if (count == 1) {
		return;
	}
	msi_block_sources(m, src);
	rc = remap_block_take(src, count);
	m->block = rc == 0;
	if (m->block) {
		msi_source_route(&m->src);
	} else {
		log_guest("pci: " SBDF_FMT ": no block of %u remapping entries for MSI (error %d)",
			  SBDF_ARGS(f->sbdf), count, rc);
	}
}

bool msi_unready(struct pci_function *f)
{
	struct pci_msi *m = &f->msi;

	for (unsigned i = 0; i < m->messages; i++) {
		if (!(m->mask >> i & 1) && !msi_source(m, i)->bound) {
			return true;
		}
	}
	return false;
}

/* Bring one message to what the guest wants. */
static void msi_apply_one(struct pci_msi *m, unsigned i)
{
	uint32_t low = m->messages - 1u;
	bool masked = (m->mask >> i & 1) || !msi_address_valid(m->address);

	if (m->messages > 1 && !m->block) {
		return;
	}
	irq_source_update(msi_source(m, i), masked, m->address, (m->data & ~low) | (i & low));
}

uint32_t msi_apply(struct pci_function *f)
{
	struct pci_msi *m = &f->msi;
	uint32_t result = PCI_RESULT_NONE;

	if (!msi_enabled(f)) {
		m->blocked = false;
		msi_stop(m);
		return result;
	}
	if (m->messages != msi_wanted(m)) {
		msi_stop(m);
		msi_begin(f, msi_wanted(m));
	}
	for (unsigned i = 0; i < m->messages; i++) {
		msi_apply_one(m, i);
		result |= msi_source(m, i)->bound ? PCI_RESULT_BOUND : 0;
		result |= msi_source(m, i)->bound && !msi_source(m, i)->guest_masked
				  ? PCI_RESULT_OPEN
				  : 0;
	}
	if (m->blocked && !msi_unready(f)) {
		m->blocked = false;
		msi_write_control(f, msi_machine_control(m));
	}
	return result;
}

void msi_renew(struct pci_function *f)
{
	struct pci_msi *m = &f->msi;

	if (!m->messages || m->blocked ||
	    (arch_pci_read(f->sbdf, m->offset + MSI_REG_CONTROL, 2) & MSI_CTL_ENABLE)) {
		return;
	}
	for (unsigned i = 0; i < m->messages; i++) {
		if (msi_source(m, i)->bound) {
			irq_source_restore(msi_source(m, i));
		}
	}
}

void msi_drop(struct pci_function *f)
{
	if (!msi_enabled(f)) {
		return;
	}
	f->msi.control &= ~MSI_CTL_ENABLE;
	if (!f->gone) {
		msi_write_control(f, msi_machine_control(&f->msi));
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

/* As many messages as the device has, where there are remapping entries for them, and memory. */
static void msi_offer(struct pci_function *f)
{
	struct pci_msi *m = &f->msi;
	unsigned capable = 1u << ((m->control & MSI_CTL_CAPABLE) >> 1);

	m->offered = 1;
	if (capable == 1 || capable > MSI_MESSAGES_MAX || !remap_has_blocks()) {
		return;
	}
	m->more = spare_entries_take(f->root, capable - 1);
	if (m->more) {
		m->offered = (uint8_t)capable;
	}
}

void msi_leave(struct pci_function *f)
{
	if (f->msi.more) {
		spare_entries_put(f->root, f->msi.more, f->msi.offered - 1u);
		f->msi.more = NULL;
		f->msi.offered = 1;
	}
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
	msi_offer(f);
	m->control &= ~(MSI_CTL_CAPABLE | MSI_CTL_ALLOCATED);
	for (unsigned i = 0; 1u << i <= m->offered; i++) {
		m->control = (uint16_t)((m->control & ~MSI_CTL_CAPABLE) | i << 1);
	}
	for (unsigned i = 0; i < m->offered; i++) {
		struct irq_source *src = msi_source(m, i);

		irq_source_init(src, &msi_source_ops, IRQ_MSI, f->root->domain, f, i);
		src->requester = f->sbdf;
		src->same_vector = !m->maskable;
	}
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
	access_set(a, (uint32_t)(msi_machine_control(m) & MSI_CTL_ALLOCATED) << 16);
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
		m->mask = access_merge(a, dword, (uint32_t)(ones(8) >> (64 - m->offered)));
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
