/* SPDX-License-Identifier: MIT */
/*
 * MSI-X (PCI 3.0 6.8.2): the capability and the state of the entries. Enable
 * and Function Mask in the machine are the guest's. Each entry has the guest's
 * message and mask in our memory, and an interrupt source that owns the
 * entry in the machine; so the mask bit there is the sum of both masks, and
 * an entry is bound to a vector when it is first enabled and unmasked with a
 * valid message.
 *
 * The machine's table is written through a window that exists only while the
 * BAR is mapped. What could not be written (decoding off, device in D3) is
 * written when it can. Until we had the table once, and while its BAR decodes
 * where it could not be mapped, MSI-X stays off in the machine.
 *
 * A capability that lies (table outside its BAR, table and pending bits on top
 * of each other) is refused: its enable bit cannot be set.
 */
#include <taproot/iommu.h>
#include <taproot/log.h>

#include "pci_internal.h"

uint32_t msix_pba_size(const struct pci_msix *m)
{
	return ALIGN_UP(m->count, 64u) / 8;
}

static uint32_t msix_table_size(const struct pci_msix *m)
{
	return m->count * MSIX_ENTRY_SIZE;
}

bool msix_enabled(const struct pci_function *f)
{
	return f->msix.offset && (f->msix.control & MSIX_CTL_ENABLE);
}

/* ---- the machine's table ---- */

/* Where a dword of an entry is in the window; false: the machine cannot hear us now. */
static bool msix_reach(struct pci_function *f, unsigned index, unsigned field, uint32_t *at)
{
	struct pci_msix *m = &f->msix;

	if (!m->region[0].mapped || f->sleeping || f->stale || f->gone) {
		return false;
	}
	*at = (uint32_t)(m->table - m->region[0].offset) + index * MSIX_ENTRY_SIZE + field;
	return true;
}

static void msix_set(struct pci_function *f, unsigned index, unsigned field, uint32_t value)
{
	uint32_t at;

	if (!msix_reach(f, index, field, &at)) {
		f->msix.dirty = true;
		return;
	}
	arch_iomap_write(&f->msix.region[0].window, at, 4, value);
}

static void msix_source_mask(struct irq_source *src, bool masked)
{
	struct pci_function *f = src->ctx;
	uint32_t control = f->msix.entry[src->index].control & ~MSIX_ENTRY_MASKED;

	msix_set(f, src->index, MSIX_ENTRY_CONTROL, control | (masked ? MSIX_ENTRY_MASKED : 0));
}

static void msix_source_route(struct irq_source *src)
{
	struct pci_function *f = src->ctx;
	uint64_t address;
	uint32_t data;

	remap_message(src, &address, &data);
	msix_set(f, src->index, MSIX_ENTRY_ADDRESS, (uint32_t)address);
	msix_set(f, src->index, MSIX_ENTRY_ADDRESS_HI, (uint32_t)(address >> 32));
	msix_set(f, src->index, MSIX_ENTRY_DATA, data);
}

static const struct irq_source_ops msix_source_ops = {
	.mask = msix_source_mask,
	.route = msix_source_route,
};

/* Whoever had the machine before us may have left entries open. */
static void msix_mask_unknown(struct pci_function *f)
{
	f->msix.known = true;
	for (unsigned i = 0; i < f->msix.count; i++) {
		uint32_t at, control;

		if (!msix_reach(f, i, MSIX_ENTRY_CONTROL, &at)) {
			f->msix.known = false;
			return;
		}
		control = (uint32_t)arch_iomap_read(&f->msix.region[0].window, at, 4);
		if (!(control & MSIX_ENTRY_MASKED)) {
			arch_iomap_write(&f->msix.region[0].window, at, 4,
					 control | MSIX_ENTRY_MASKED);
		}
	}
}

static void msix_write_control(struct pci_function *f, uint16_t control)
{
	arch_pci_write(f->sbdf, f->msix.offset + MSIX_REG_CONTROL, 2, control);
}

void msix_catch_up(struct pci_function *f)
{
	struct pci_msix *m = &f->msix;

	if (f->sleeping || f->stale || !m->region[0].mapped) {
		return;
	}
	if (!m->known) {
		msix_mask_unknown(f);
	}
	if (m->dirty) {
		m->dirty = false;
		for (unsigned i = 0; i < m->count; i++) {
			irq_source_restore(&m->entry[i].src);
		}
	}
	if (m->blocked) {
		m->blocked = false;
		msix_write_control(f, m->control);
	}
}

void msix_region_map(struct msix_region *r, uint64_t page, uint64_t bar_at)
{
	if (r->window.base.v != page) {
		arch_iomap_set(&r->window, hpa(page));
	}
	r->offset = page - bar_at;
	r->mapped = true;
	if (r == &r->function->msix.region[0]) {
		msix_catch_up(r->function);
	}
}

void msix_region_unmap(struct msix_region *r)
{
	r->mapped = false;
}

void msix_region_refused(struct msix_region *r)
{
	struct pci_function *f = r->function;
	struct pci_msix *m = &f->msix;

	if (r == &m->region[0] && msix_enabled(f) && !m->blocked) {
		m->blocked = true;
		msix_write_control(f, m->control & ~MSIX_CTL_ENABLE);
	}
}

/* ---- sources ---- */

uint32_t msix_apply_entry(struct pci_function *f, unsigned index)
{
	struct msix_entry *entry = &f->msix.entry[index];
	bool masked = (entry->control & MSIX_ENTRY_MASKED) || !msi_address_valid(entry->address);

	irq_source_update(&entry->src, masked, entry->address, entry->data);
	return (entry->src.bound ? PCI_RESULT_BOUND : 0) |
	       (entry->src.bound && !masked ? PCI_RESULT_OPEN : 0);
}

/* The guest enables what the machine has disabled: by a reset we did not see, entries are lost. */
static void msix_renew(struct pci_function *f)
{
	struct pci_msix *m = &f->msix;

	if (arch_pci_read(f->sbdf, m->offset + MSIX_REG_CONTROL, 2) & MSIX_CTL_ENABLE) {
		return;
	}
	for (unsigned i = 0; i < m->count; i++) {
		if (m->entry[i].src.bound) {
			irq_source_restore(&m->entry[i].src);
		}
	}
}

void msix_apply_all(struct pci_function *f)
{
	bool on = msix_enabled(f);

	if (on) {
		msix_renew(f);
	}
	for (unsigned i = 0; i < f->msix.count; i++) {
		struct msix_entry *entry = &f->msix.entry[i];

		if (on && !(entry->control & MSIX_ENTRY_MASKED)) {
			(void)msix_apply_entry(f, i);
		} else if (!on && entry->src.bound) {
			irq_source_release(&entry->src);
		}
	}
}

static void msix_forget(struct pci_msix *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		m->entry[i].address = 0;
		m->entry[i].data = 0;
		m->entry[i].control = MSIX_ENTRY_MASKED;
	}
}

void msix_look(struct pci_function *f)
{
	struct pci_msix *m = &f->msix;
	uint16_t control;

	if (!m->offset || (!f->lost && (!msix_enabled(f) || m->blocked))) {
		return;
	}
	control = (uint16_t)arch_pci_read(f->sbdf, m->offset + MSIX_REG_CONTROL, 2);
	if (!(control & MSIX_CTL_ENABLE)) {
		/* Entries are masked after a reset, whether it was enabled or not (6.8.2.9). */
		m->control = control;
		m->blocked = false;
		msix_apply_all(f);
		msix_forget(m);
		m->known = false;
	}
}

void msix_drop(struct pci_function *f)
{
	struct pci_msix *m = &f->msix;

	if (!msix_enabled(f)) {
		return;
	}
	m->control &= ~MSIX_CTL_ENABLE;
	m->blocked = false;
	if (!f->gone) {
		msix_write_control(f, m->control);
	}
	msix_apply_all(f);
}

uint32_t msix_entry_read(const struct msix_entry *entry, unsigned field)
{
	switch (field) {
	case MSIX_ENTRY_ADDRESS:
		return (uint32_t)entry->address;
	case MSIX_ENTRY_ADDRESS_HI:
		return (uint32_t)(entry->address >> 32);
	case MSIX_ENTRY_DATA:
		return entry->data;
	default:
		return entry->control;
	}
}

void msix_entry_write(struct msix_entry *entry, unsigned field, uint32_t value)
{
	switch (field) {
	case MSIX_ENTRY_ADDRESS:
		entry->address = (entry->address & ~0xffffffffull) | (value & MSI_ADDRESS_MASK);
		break;
	case MSIX_ENTRY_ADDRESS_HI:
		entry->address = (entry->address & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case MSIX_ENTRY_DATA:
		entry->data = value;
		break;
	default:
		entry->control = value;
	}
}

/* ---- the capability ---- */

enum verdict msix_read(struct pci_function *f, struct pci_access *a)
{
	const struct pci_msix *m = &f->msix;

	if (!m->blocked) {
		return VERDICT_PERFORM;
	}
	a->value = access_extract(a, (uint32_t)m->control << 16 | m->header);
	return VERDICT_DONE;
}

enum verdict msix_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	struct pci_msix *m = &f->msix;
	uint32_t old = (uint32_t)m->control << 16;
	uint32_t new = access_merge(a, old, (MSIX_CTL_ENABLE | MSIX_CTL_MASKALL) << 16);

	m->control = (uint16_t)(new >> 16);
	/* Decoding may go off later: that does not stop messages. */
	m->blocked = msix_enabled(f) && (m->blocked || (!(old >> 16 & MSIX_CTL_ENABLE) &&
							!(m->region[0].mapped && m->known)));
	if (m->blocked) {
		access_clear(a, MSIX_CTL_ENABLE << 16);
	}
	if ((old | new) & (MSIX_CTL_ENABLE << 16)) {
		pci_effect_add(e, PCI_EFFECT_MSIX_ALL, 0, 0, 0);
	}
	return VERDICT_PERFORM;
}

enum verdict msix_write_refused(struct pci_function *f, struct pci_access *a, struct pci_effects *e)
{
	(void)f;
	(void)e;
	access_clear(a, MSIX_CTL_ENABLE << 16);
	return VERDICT_PERFORM;
}

/* ---- admission ---- */

/* NULL, or what is wrong with `size` bytes at `offset` of BAR `bar`. */
static const char *msix_place_fault(const struct pci_function *f, unsigned bar, uint32_t offset,
				    uint32_t size)
{
	if (bar >= f->bar_count || !bar_is_memory(&f->bar[bar])) {
		return "is in no memory BAR";
	}
	if (offset >= f->bar[bar].size || size > f->bar[bar].size - offset) {
		return "runs past the end of its BAR";
	}
	return NULL;
}

static const char *msix_fault(const struct pci_function *f, const struct pci_msix *m,
			      const char **which)
{
	const char *fault;

	*which = "table";
	fault = msix_place_fault(f, m->table_bar, m->table, msix_table_size(m));
	if (!fault) {
		*which = "pending bit array";
		fault = msix_place_fault(f, m->pba_bar, m->pba, msix_pba_size(m));
	}
	if (!fault && m->table_bar == m->pba_bar &&
	    m->table < (uint64_t)m->pba + msix_pba_size(m) &&
	    m->pba < (uint64_t)m->table + msix_table_size(m)) {
		fault = "overlaps the table";
	}
	return fault;
}

/* The pages of a stretch of a BAR. */
static void msix_region_set(struct msix_region *r, struct pci_function *f, unsigned bar,
			    uint32_t offset, uint32_t size)
{
	uint64_t end = ALIGN_UP((uint64_t)offset + size, PAGE_SIZE);

	r->function = f;
	r->bar = (uint8_t)bar;
	r->first = (uint32_t)ALIGN_DOWN(offset, PAGE_SIZE);
	r->pages = (uint32_t)((end - r->first) / PAGE_SIZE);
}

static void msix_set_regions(struct pci_function *f)
{
	struct pci_msix *m = &f->msix;
	struct msix_region *table = &m->region[0];
	struct msix_region *pba = &m->region[1];
	uint32_t first;
	uint64_t end;

	msix_region_set(table, f, m->table_bar, m->table, msix_table_size(m));
	msix_region_set(pba, f, m->pba_bar, m->pba, msix_pba_size(m));
	if (table->bar != pba->bar || table->first >= pba->first + pba->pages * PAGE_SIZE ||
	    pba->first >= table->first + table->pages * PAGE_SIZE) {
		return;
	}
	first = MIN(table->first, pba->first);
	end = MAX(table->first + table->pages * PAGE_SIZE, pba->first + pba->pages * PAGE_SIZE);
	table->first = first;
	table->pages = (uint32_t)((end - first) / PAGE_SIZE);
	pba->pages = 0;
}

/* Entries and windows: from the allocator while booting, from what is set aside later. */
static bool msix_allocate(struct pci_function *f)
{
	struct pci_root *root = f->root;
	struct pci_msix *m = &f->msix;

	if (m->room < m->count) {
		if (m->entry) {
			spare_entries_put(root, m->entry, m->room);
		}
		m->entry = spare_entries_take(root, m->count);
		m->room = m->entry ? m->count : 0;
	}
	if (!m->entry) {
		return false;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct msix_region *r = &m->region[i];

		if (r->pages > r->window.pages &&
		    (!root->booting || arch_iomap_init(&r->window, r->pages))) {
			return false;
		}
	}
	for (unsigned i = 0; i < m->count; i++) {
		irq_source_init(&m->entry[i].src, &msix_source_ops, IRQ_MSIX, root->domain, f, i);
		m->entry[i].src.requester = f->sbdf;
	}
	msix_forget(m);
	return true;
}

static void msix_refuse(struct pci_function *f, unsigned offset)
{
	f->msix.offset = 0;
	f->msix.region[0].pages = 0;
	f->msix.region[1].pages = 0;
	(void)header_set_concern(f, offset, 4, CONCERN_MSIX_REFUSED);
}

void msix_admit(struct pci_function *f, unsigned offset)
{
	uint16_t control = (uint16_t)arch_pci_read(f->sbdf, offset + MSIX_REG_CONTROL, 2);
	struct pci_msix *m = &f->msix;
	const char *fault, *which;
	uint32_t table, pba;

	if (control & MSIX_CTL_ENABLE) {
		log_info("pci: " SBDF_FMT ": MSI-X was enabled; now off", SBDF_ARGS(f->sbdf));
		control &= ~MSIX_CTL_ENABLE;
		arch_pci_write(f->sbdf, offset + MSIX_REG_CONTROL, 2, control);
	}
	if (m->offset || offset + MSIX_REG_PBA >= PCI_CONFIG_SIZE) {
		log_notice("pci: " SBDF_FMT ": MSI-X capability at %#x is refused: %s",
			   SBDF_ARGS(f->sbdf), offset, m->offset ? "not the first" : "cut off");
		(void)header_set_concern(f, offset, 4, CONCERN_MSIX_REFUSED);
		return;
	}
	table = arch_pci_read(f->sbdf, offset + MSIX_REG_TABLE, 4);
	pba = arch_pci_read(f->sbdf, offset + MSIX_REG_PBA, 4);
	m->offset = (uint8_t)offset;
	m->header = (uint16_t)arch_pci_read(f->sbdf, offset, 2);
	m->control = control;
	m->count = (control & MSIX_CTL_SIZE) + 1;
	m->table_bar = table & MSIX_BIR_MASK;
	m->pba_bar = pba & MSIX_BIR_MASK;
	m->table = table & MSIX_OFFSET_MASK;
	m->pba = pba & MSIX_OFFSET_MASK;
	fault = msix_fault(f, m, &which);
	if (!fault) {
		which = "table";
		msix_set_regions(f);
		fault = msix_allocate(f) ? NULL : "has no room in our memory";
	}
	if (fault) {
		log_notice("pci: " SBDF_FMT ": MSI-X %s at BAR %u + %#x %s; refused (%#x)",
			   SBDF_ARGS(f->sbdf), which, which[0] == 't' ? m->table_bar : m->pba_bar,
			   which[0] == 't' ? m->table : m->pba, fault, offset);
		msix_refuse(f, offset);
		return;
	}
	if (!header_set_concern(f, offset, 4, CONCERN_MSIX)) {
		m->offset = 0;
		m->region[0].pages = 0;
		m->region[1].pages = 0;
	}
}
