/* SPDX-License-Identifier: MIT */
/*
 * Hosted functions with SR-IOV (SR-IOV 1.1 3.3, 3.4): virtual functions that
 * appear and vanish with VF Enable, decode a share of the VF BARs with VF MSE,
 * and have neither vendor nor device ID. See host_pci.h.
 *
 * Sizes follow the System Page Size (3.3.12).
 */
#include "host_pci_private.h"

/* Where a virtual function has its capabilities. */
#define VF_MSIX    0x70u
#define VF_EXPRESS 0xa0u

static uint32_t reg_get(const struct host_pci *p, unsigned reg, unsigned len)
{
	return host_pci_get(p, p->sriov + reg, len);
}

void host_pci_extcap(struct host_pci *p, unsigned offset, unsigned id)
{
	unsigned last = PCI_EXTCAP_FIRST;

	while (PCI_EXTCAP_NEXT(host_pci_get(p, last, 4))) {
		last = PCI_EXTCAP_NEXT(host_pci_get(p, last, 4));
	}
	if (offset != last) {
		host_pci_set(p, last, 4,
			     (host_pci_get(p, last, 4) & 0xfffff) | (uint32_t)offset << 20);
	}
	host_pci_set(p, offset, 4, id | 1u << 16);
}

void host_pci_cap_sriov(struct host_pci *p, unsigned offset, unsigned total, unsigned first,
			unsigned stride)
{
	ASSERT(total <= VFS_MAX);
	host_pci_extcap(p, offset, PCI_EXTCAPID_SRIOV);
	p->sriov = offset;
	host_pci_set(p, offset + SRIOV_REG_INITIAL, 2, total);
	host_pci_set(p, offset + SRIOV_REG_TOTAL, 2, total);
	host_pci_set(p, offset + SRIOV_REG_OFFSET, 2, first);
	host_pci_set(p, offset + SRIOV_REG_STRIDE, 2, stride);
	host_pci_set(p, offset + SRIOV_REG_DEVICE, 2, 0x10ca);
	host_pci_set(p, offset + SRIOV_REG_PAGES, 4, 0x553);
	host_pci_set(p, offset + SRIOV_REG_PAGE_SIZE, 4, 1);
	host_pci_writable(p, offset + SRIOV_REG_CONTROL, 2, 0x1f);
	host_pci_writable(p, offset + SRIOV_REG_COUNT, 2, 0xffff);
	host_pci_writable(p, offset + SRIOV_REG_PAGE_SIZE, 4, 0x553);
}

/* Which bits of the VF BARs can be written with the page size as it is. */
static void set_masks(struct host_pci *p)
{
	uint64_t page = (uint64_t)reg_get(p, SRIOV_REG_PAGE_SIZE, 4) << 12;

	for (unsigned i = 0; i < PCI_BARS_NORMAL; i++) {
		unsigned reg = p->sriov + SRIOV_REG_BAR0 + 4 * i;
		uint64_t mask;

		if (!p->vf_bar_size[i]) {
			continue;
		}
		p->vf_bar_now[i] = MAX(p->vf_bar_size[i], page);
		mask = ~(p->vf_bar_now[i] - 1);
		host_pci_writable(p, reg, 4, (uint32_t)mask & PCI_BAR_MEM_MASK);
		if ((host_pci_get(p, reg, 4) & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64) {
			host_pci_writable(p, reg + 4, 4, (uint32_t)(mask >> 32));
			i++;
		}
	}
}

void host_pci_vf_bar(struct host_pci *p, unsigned index, uint32_t bits, uint64_t size)
{
	p->vf_bar_size[index] = size;
	host_pci_set(p, p->sriov + SRIOV_REG_BAR0 + 4 * index, 4, bits);
	set_masks(p);
}

void host_pci_vf_msix(struct host_pci *p, unsigned count, unsigned table_bar, uint32_t table,
		      unsigned pba_bar, uint32_t pba)
{
	p->vf_msix_count = count;
	p->vf_msix_table = table | table_bar;
	p->vf_msix_pba = pba | pba_bar;
}

struct host_pci *host_pci_vf(struct host_pci *p, unsigned number)
{
	return number < VFS_MAX && p->vf[number] && p->vf[number]->present ? p->vf[number] : NULL;
}

/* ---- virtual functions ---- */

static void vf_create(struct host_pci *p, struct host_pci *vf)
{
	memset(vf->config, 0, sizeof(vf->config));
	memset(vf->writable, 0, sizeof(vf->writable));
	host_pci_set(vf, PCI_REG_VENDOR, 4, 0xffffffffu);
	host_pci_set(vf, PCI_REG_CLASS, 2, host_pci_get(p, PCI_REG_CLASS, 2));
	host_pci_writable(vf, PCI_REG_COMMAND, 2, PCI_CMD_MASTER);
	host_pci_cap_express(vf, VF_EXPRESS);
	if (p->vf_msix_count) {
		host_pci_cap_msix(vf, VF_MSIX, p->vf_msix_count, p->vf_msix_table & MSIX_BIR_MASK,
				  p->vf_msix_table & MSIX_OFFSET_MASK,
				  p->vf_msix_pba & MSIX_BIR_MASK,
				  p->vf_msix_pba & MSIX_OFFSET_MASK);
	}
}

/* The virtual functions are those that the registers say. */
void host_pci_sriov_written(struct host_pci *p)
{
	bool on = reg_get(p, SRIOV_REG_CONTROL, 2) & SRIOV_CTL_ENABLE;
	unsigned count = on && !p->vf_late ? reg_get(p, SRIOV_REG_COUNT, 2) : 0;

	set_masks(p);
	for (unsigned n = 0; n < VFS_MAX; n++) {
		sbdf_t s = {p->sbdf.v + reg_get(p, SRIOV_REG_OFFSET, 2) +
			    n * reg_get(p, SRIOV_REG_STRIDE, 2)};

		if (n < count && !host_pci_vf(p, n) && s.v <= 0xffff && !host_pci_find(s)) {
			p->vf[n] = host_pci_enter(p->vf[n], s);
			p->vf[n]->vf_of = p;
			p->vf[n]->vf_number = n;
			vf_create(p, p->vf[n]);
		} else if (n >= count && host_pci_vf(p, n)) {
			host_pci_memory_forget(p->vf[n]);
			host_pci_remove(p->vf[n]);
		}
	}
}

void host_pci_vf_late(struct host_pci *p, bool late)
{
	p->vf_late = late;
	host_pci_sriov_written(p);
}

bool host_pci_vf_decodes(const struct host_pci *vf, unsigned index, uint64_t address,
			 uint64_t *offset)
{
	const uint32_t both = SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY;
	const struct host_pci *p = vf->vf_of;
	unsigned reg = p->sriov + SRIOV_REG_BAR0 + 4 * index;
	uint64_t base;

	if (index >= PCI_BARS_NORMAL || !p->vf_bar_size[index] ||
	    (reg_get(p, SRIOV_REG_CONTROL, 2) & both) != both) {
		return false;
	}
	base = host_pci_get(p, reg, 4);
	if ((base & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64) {
		base |= (uint64_t)host_pci_get(p, reg + 4, 4) << 32;
	}
	base &= ~0xfull;
	*offset = address - base - vf->vf_number * p->vf_bar_now[index];
	return *offset < p->vf_bar_now[index];
}
