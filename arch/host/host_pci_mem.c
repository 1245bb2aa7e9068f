/* SPDX-License-Identifier: MIT */
/*
 * Hosted device memory, windows on it, and messages of devices. See host_pci.h.
 *
 * A BAR decodes when the command register says so; memory is kept in pages that
 * appear when they are touched.
 */
#include <stdlib.h>
#include <taproot/errno.h>

#include "host_pci_private.h"

static uint64_t forced_address = UINT64_MAX;
static uint64_t forced_value;
static uint64_t window_base, window_size;

void host_pci_window(uint64_t base, uint64_t size)
{
	window_base = base;
	window_size = size;
}
unsigned host_iomap_write_count;
unsigned host_iomap_left = 1000000;

void host_pci_memory_forget(struct host_pci *p)
{
	while (p->memory) {
		struct memory_page *page = p->memory;

		p->memory = page->next;
		free(page);
	}
}

/* ---- device memory ---- */

static uint8_t *memory_at(struct host_pci *p, unsigned bar, uint64_t offset)
{
	struct memory_page *page = p->memory;

	while (page && (page->bar != bar || page->page != offset / PAGE_SIZE)) {
		page = page->next;
	}
	if (!page) {
		page = calloc(1, sizeof(*page));
		ASSERT(page);
		page->bar = bar;
		page->page = offset / PAGE_SIZE;
		page->next = p->memory;
		p->memory = page;
	}
	return &page->byte[offset % PAGE_SIZE];
}

uint64_t host_pci_memory_get(struct host_pci *p, unsigned bar, uint64_t offset, unsigned len)
{
	uint64_t value = 0;

	if (offset % PAGE_SIZE + len <= PAGE_SIZE) {
		memcpy(&value, memory_at(p, bar, offset), len);
		return value;
	}
	for (unsigned i = 0; i < len; i++) {
		value |= (uint64_t)*memory_at(p, bar, offset + i) << (8 * i);
	}
	return value;
}

void host_pci_memory_set(struct host_pci *p, unsigned bar, uint64_t offset, unsigned len,
			 uint64_t value)
{
	if (offset % PAGE_SIZE + len <= PAGE_SIZE) {
		memcpy(memory_at(p, bar, offset), &value, len);
		return;
	}
	for (unsigned i = 0; i < len; i++) {
		*memory_at(p, bar, offset + i) = (uint8_t)(value >> (8 * i));
	}
}

static bool bar_decodes(const struct host_pci *p, unsigned index, uint64_t address,
			uint64_t *offset)
{
	uint32_t low = host_pci_get(p, host_pci_bar_reg(p, index), 4);
	uint64_t base;

	if (p->vf_of) {
		return host_pci_vf_decodes(p, index, address, offset);
	}
	base = index == ROM ? low & PCI_ROM_MASK : low & PCI_BAR_MEM_MASK;

	if (!p->bar_size[index] || !(host_pci_get(p, PCI_REG_COMMAND, 2) & PCI_CMD_MEMORY) ||
	    (index == ROM ? !(low & PCI_ROM_ENABLE) : low & PCI_BAR_IO)) {
		return false;
	}
	if (p->pm && (p->config[p->pm + PM_REG_CSR] & PM_CSR_STATE) == PM_STATE_D3) {
		return false;
	}
	if (host_pci_bar_is_64(p, index)) {
		base |= (uint64_t)host_pci_get(p, host_pci_bar_reg(p, index + 1), 4) << 32;
	}
	*offset = address - base;
	return *offset < p->bar_size[index];
}

/* Who answers at a physical address; NULL: nobody. */
static struct host_pci *decode(uint64_t address, unsigned *bar, uint64_t *offset)
{
	for (unsigned i = 0; i < host_pci_function_count; i++) {
		for (unsigned b = 0; host_pci_functions[i]->present && b < BARS; b++) {
			if (bar_decodes(host_pci_functions[i], b, address, offset)) {
				*bar = b;
				return host_pci_functions[i];
			}
		}
	}
	return NULL;
}

int arch_iomap_init(struct iomap *map, uint32_t pages)
{
	if (host_iomap_left == 0) {
		return -ENOMEM;
	}
	host_iomap_left--;
	map->va = NULL;
	map->pages = pages;
	map->base = hpa(UINT64_MAX);
	return 0;
}

void arch_iomap_set(struct iomap *map, hpa_t base)
{
	ASSERT(map->pages && base.v % PAGE_SIZE == 0);
	map->base = base;
}

static void iomap_check(const struct iomap *map, uint32_t offset, unsigned len)
{
	ASSERT(len == 1 || len == 2 || len == 4 || len == 8);
	ASSERT(map->base.v != UINT64_MAX && offset % len == 0);
	ASSERT(offset + len <= map->pages * PAGE_SIZE);
}

uint64_t arch_iomap_read(const struct iomap *map, uint32_t offset, unsigned len)
{
	struct host_pci *p;
	unsigned bar;
	uint64_t at;

	iomap_check(map, offset, len);
	if (map->base.v + offset == forced_address) {
		return forced_value;
	}
	at = map->base.v + offset - window_base;
	if (at < window_size && len <= 4) {
		return arch_pci_read((sbdf_t){(uint32_t)(at >> 12)}, at & 0xfff, len);
	}
	p = decode(map->base.v + offset, &bar, &at);
	return p ? host_pci_memory_get(p, bar, at, len) : ones(len);
}

void arch_iomap_write(const struct iomap *map, uint32_t offset, unsigned len, uint64_t value)
{
	struct host_pci *p;
	unsigned bar;
	uint64_t at;

	iomap_check(map, offset, len);
	host_iomap_write_count++;
	p = decode(map->base.v + offset, &bar, &at);
	if (p) {
		host_pci_memory_set(p, bar, at, len, value);
	}
}

/* ---- what devices and tests do ---- */

void host_iomap_force_read(uint64_t address, uint64_t value)
{
	forced_address = address;
	forced_value = value;
}

bool host_pci_fire_msix(struct host_pci *p, unsigned index)
{
	uint32_t control = host_pci_get(p, p->msix + MSIX_REG_CONTROL, 2);
	uint32_t table = host_pci_get(p, p->msix + MSIX_REG_TABLE, 4);
	uint64_t at = (table & MSIX_OFFSET_MASK) + index * MSIX_ENTRY_SIZE;
	unsigned bar = table & MSIX_BIR_MASK;

	if (!(control & MSIX_CTL_ENABLE) || (control & MSIX_CTL_MASKALL) ||
	    (host_pci_memory_get(p, bar, at + MSIX_ENTRY_CONTROL, 4) & MSIX_ENTRY_MASKED)) {
		return false;
	}
	return host_msi(host_pci_memory_get(p, bar, at, 8),
			(uint32_t)host_pci_memory_get(p, bar, at + MSIX_ENTRY_DATA, 4));
}

bool host_pci_fire_msi_nth(struct host_pci *p, unsigned index)
{
	uint32_t control = host_pci_get(p, p->msi + MSI_REG_CONTROL, 2);
	unsigned count = 1u << ((control & MSI_CTL_ALLOCATED) >> 4);
	bool is64 = control & MSI_CTL_64;
	uint64_t address = host_pci_get(p, p->msi + MSI_REG_ADDRESS, 4);
	uint32_t data = host_pci_get(p, p->msi + (is64 ? MSI_REG_DATA_64 : MSI_REG_DATA_32), 2);
	uint32_t mask = host_pci_get(p, p->msi + (is64 ? MSI_REG_MASK_64 : MSI_REG_MASK_32), 4);

	if (!(control & MSI_CTL_ENABLE) || index >= count ||
	    ((control & MSI_CTL_MASKABLE) && (mask >> index & 1))) {
		return false;
	}
	if (is64) {
		address |= (uint64_t)host_pci_get(p, p->msi + MSI_REG_ADDRESS_HI, 4) << 32;
	}
	return host_msi(address, (data & ~(count - 1)) | index);
}

bool host_pci_fire_msi(struct host_pci *p)
{
	return host_pci_fire_msi_nth(p, 0);
}
