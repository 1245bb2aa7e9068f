/* SPDX-License-Identifier: MIT */
/*
 * Hosted configuration space. See host_pci.h.
 *
 * Functions are found wherever they were put: bridges forward everything, as
 * if their bus numbers were right.
 */
#include <stdlib.h>
#include <taproot/errno.h>

#include "host_pci_private.h"

#define ECAMS_MAX 64u

struct host_pci *host_pci_functions[FUNCTIONS_MAX];
unsigned host_pci_function_count;
static struct host_pci *segment0[0x10000];
static struct {
	unsigned segment, first, last;
} ecam[ECAMS_MAX];
static unsigned ecam_count;
static struct {
	sbdf_t sbdf;
	unsigned reg, len;
	uint32_t value;
} forced = {.sbdf = {0xffffffffu}};

void (*host_pci_write_hook)(sbdf_t sbdf, unsigned reg);
unsigned host_pci_read_count;
unsigned host_pci_write_count;

void host_pci_reset(void)
{
	for (unsigned i = 0; i < host_pci_function_count; i++) {
		struct host_pci *p = host_pci_functions[i];

		if (sbdf_segment(p->sbdf) == 0) {
			segment0[p->sbdf.v] = NULL;
		}
		host_pci_memory_forget(p);
		free(p);
	}
	host_pci_function_count = 0;
	ecam_count = 0;
	host_pci_write_hook = NULL;
	host_pci_read_count = 0;
	host_pci_write_count = 0;
	host_iomap_write_count = 0;
	host_iomap_left = 1000000;
	host_pci_window(0, 0);
	host_pci_force_read(SBDF_NONE, 0, 0, 0);
	host_iomap_force_read(UINT64_MAX, 0);
}

struct host_pci *host_pci_find(sbdf_t sbdf)
{
	if (sbdf_segment(sbdf) == 0) {
		return segment0[sbdf.v];
	}
	for (unsigned i = 0; i < host_pci_function_count; i++) {
		if (host_pci_functions[i]->present && host_pci_functions[i]->sbdf.v == sbdf.v) {
			return host_pci_functions[i];
		}
	}
	return NULL;
}

struct host_pci *host_pci_enter(struct host_pci *again, sbdf_t sbdf)
{
	struct host_pci *p = again ? again : calloc(1, sizeof(*p));

	ASSERT(p && !host_pci_find(sbdf));
	if (!again) {
		ASSERT(host_pci_function_count < FUNCTIONS_MAX);
		host_pci_functions[host_pci_function_count++] = p;
	}
	p->sbdf = sbdf;
	p->present = true;
	p->size = PCI_CONFIG_EXT_SIZE;
	if (sbdf_segment(sbdf) == 0) {
		segment0[sbdf.v] = p;
	}
	return p;
}

static struct host_pci *function_new(sbdf_t sbdf)
{
	return host_pci_enter(NULL, sbdf);
}

void host_pci_remove(struct host_pci *p)
{
	p->present = false;
	if (sbdf_segment(p->sbdf) == 0) {
		segment0[p->sbdf.v] = NULL;
	}
}

/* ---- registers ---- */

uint32_t host_pci_get(const struct host_pci *p, unsigned reg, unsigned len)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < len; i++) {
		value |= (uint32_t)p->config[reg + i] << (8 * i);
	}
	return value;
}

static void put(uint8_t *image, unsigned reg, unsigned len, uint32_t value)
{
	for (unsigned i = 0; i < len; i++) {
		image[reg + i] = (uint8_t)(value >> (8 * i));
	}
}

void host_pci_set(struct host_pci *p, unsigned reg, unsigned len, uint32_t value)
{
	put(p->config, reg, len, value);
}

void host_pci_writable(struct host_pci *p, unsigned reg, unsigned len, uint32_t mask)
{
	put(p->writable, reg, len, mask);
}

unsigned host_pci_bar_reg(const struct host_pci *p, unsigned index)
{
	if (index != ROM) {
		return PCI_REG_BAR0 + 4 * index;
	}
	return (p->config[PCI_REG_HEADER_TYPE] & PCI_HEADER_LAYOUT) == PCI_HEADER_BRIDGE
		       ? PCI_REG_ROM_BRIDGE
		       : PCI_REG_ROM;
}

bool host_pci_bar_is_64(const struct host_pci *p, unsigned index)
{
	uint32_t bits = host_pci_get(p, host_pci_bar_reg(p, index), 4);

	return index != ROM && !(bits & PCI_BAR_IO) &&
	       (bits & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64;
}

void host_pci_bar(struct host_pci *p, unsigned index, uint32_t bits, uint64_t size)
{
	unsigned reg = host_pci_bar_reg(p, index);
	uint64_t mask = ~(size - 1);

	p->bar_size[index] = size;
	if (index == ROM) {
		host_pci_writable(p, reg, 4, ((uint32_t)mask & PCI_ROM_MASK) | PCI_ROM_ENABLE);
		return;
	}
	host_pci_set(p, reg, 4, bits);
	host_pci_writable(p, reg, 4,
			  (uint32_t)mask &
				  (bits & PCI_BAR_IO ? PCI_BAR_IO_MASK : PCI_BAR_MEM_MASK));
	if (host_pci_bar_is_64(p, index)) {
		host_pci_writable(p, reg + 4, 4, (uint32_t)(mask >> 32));
	}
}

void host_pci_bar_set(struct host_pci *p, unsigned index, uint64_t address)
{
	unsigned reg = host_pci_bar_reg(p, index);
	uint32_t bits = host_pci_get(p, reg, 4) & (index == ROM ? PCI_ROM_ENABLE : 0xf);

	host_pci_set(p, reg, 4, (uint32_t)address | bits);
	if (host_pci_bar_is_64(p, index)) {
		host_pci_set(p, reg + 4, 4, (uint32_t)(address >> 32));
	}
}

/* Bits of the header that software writes (PCI 3.0 6.2.2, 6.2.4; Bridge 1.2 3.2). */
static void header_masks(struct host_pci *p)
{
	bool bridge = (p->config[PCI_REG_HEADER_TYPE] & PCI_HEADER_LAYOUT) == PCI_HEADER_BRIDGE;

	host_pci_writable(p, PCI_REG_COMMAND, 2, 0x0547);
	put(p->clears, PCI_REG_STATUS, 2, 0xf900);
	host_pci_writable(p, 0x0c, 1, 0xff);
	host_pci_writable(p, PCI_REG_INTERRUPT, 1, 0xff);
	if (bridge) {
		host_pci_writable(p, PCI_REG_PRIMARY, 4, 0xffffffffu);
		host_pci_writable(p, PCI_REG_BRIDGE_CTL, 2, 0x0fff);
		host_pci_writable(p, 0x20, 4, 0xfff0fff0u);
	}
}

struct host_pci *host_pci_add(sbdf_t sbdf, uint16_t vendor, uint16_t device, uint16_t class_code,
			      bool bridge)
{
	struct host_pci *p = function_new(sbdf);

	host_pci_set(p, PCI_REG_VENDOR, 2, vendor);
	host_pci_set(p, PCI_REG_DEVICE, 2, device);
	host_pci_set(p, PCI_REG_CLASS, 2, class_code);
	host_pci_set(p, PCI_REG_HEADER_TYPE, 1, bridge ? PCI_HEADER_BRIDGE : PCI_HEADER_NORMAL);
	header_masks(p);
	return p;
}

/* ---- capabilities ---- */

void host_pci_cap(struct host_pci *p, unsigned offset, unsigned id, unsigned size)
{
	host_pci_set(p, offset, 1, id);
	host_pci_set(p, offset + 1, 1, p->config[PCI_REG_CAP_POINTER]);
	host_pci_set(p, PCI_REG_CAP_POINTER, 1, offset);
	host_pci_set(p, PCI_REG_STATUS, 2,
		     host_pci_get(p, PCI_REG_STATUS, 2) | PCI_STS_CAPABILITIES);
	for (unsigned i = 2; i < size; i++) {
		p->writable[offset + i] = 0;
	}
}

/* Write masks of an MSI capability whose control register is set. */
static void msi_masks(struct host_pci *p, unsigned offset)
{
	uint32_t control = host_pci_get(p, offset + MSI_REG_CONTROL, 2);
	bool is64 = control & MSI_CTL_64;

	p->msi = offset;
	host_pci_writable(p, offset + MSI_REG_CONTROL, 2, MSI_CTL_ENABLE | MSI_CTL_ALLOCATED);
	host_pci_writable(p, offset + MSI_REG_ADDRESS, 4, MSI_ADDRESS_MASK);
	if (is64) {
		host_pci_writable(p, offset + MSI_REG_ADDRESS_HI, 4, 0xffffffffu);
	}
	host_pci_writable(p, offset + (is64 ? MSI_REG_DATA_64 : MSI_REG_DATA_32), 2, 0xffff);
	if (control & MSI_CTL_MASKABLE) {
		host_pci_writable(p, offset + (is64 ? MSI_REG_MASK_64 : MSI_REG_MASK_32), 4,
				  0xffffffffu);
	}
}

void host_pci_cap_msi(struct host_pci *p, unsigned offset, bool is64, bool maskable,
		      unsigned messages_log2)
{
	host_pci_cap(p, offset, PCI_CAPID_MSI, 0x18);
	host_pci_set(p, offset + MSI_REG_CONTROL, 2,
		     (is64 ? MSI_CTL_64 : 0) | (maskable ? MSI_CTL_MASKABLE : 0) |
			     messages_log2 << 1);
	msi_masks(p, offset);
}

static unsigned msix_count(const struct host_pci *p)
{
	return (host_pci_get(p, p->msix + MSIX_REG_CONTROL, 2) & MSIX_CTL_SIZE) + 1;
}

/* Entries are masked after reset (PCI 3.0 6.8.2.9). */
static void msix_reset(struct host_pci *p)
{
	uint32_t table = host_pci_get(p, p->msix + MSIX_REG_TABLE, 4);

	for (unsigned i = 0; i < msix_count(p) && (table & MSIX_BIR_MASK) < ROM; i++) {
		host_pci_memory_set(p, table & MSIX_BIR_MASK,
				    (table & MSIX_OFFSET_MASK) + i * MSIX_ENTRY_SIZE +
					    MSIX_ENTRY_CONTROL,
				    4, MSIX_ENTRY_MASKED);
	}
}

static void msix_masks(struct host_pci *p, unsigned offset)
{
	p->msix = offset;
	host_pci_writable(p, offset + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE | MSIX_CTL_MASKALL);
	msix_reset(p);
}

void host_pci_cap_msix(struct host_pci *p, unsigned offset, unsigned count, unsigned table_bar,
		       uint32_t table, unsigned pba_bar, uint32_t pba)
{
	host_pci_cap(p, offset, PCI_CAPID_MSIX, 12);
	host_pci_set(p, offset + MSIX_REG_CONTROL, 2, count - 1);
	host_pci_set(p, offset + MSIX_REG_TABLE, 4, table | table_bar);
	host_pci_set(p, offset + MSIX_REG_PBA, 4, pba | pba_bar);
	msix_masks(p, offset);
}

void host_pci_cap_express(struct host_pci *p, unsigned offset)
{
	host_pci_cap(p, offset, PCI_CAPID_EXPRESS, 0x3c);
	host_pci_set(p, offset + EXP_REG_DEVCAP, 4, EXP_DEVCAP_FLR);
	host_pci_writable(p, offset + EXP_REG_DEVCTL, 2, 0x7fff);
	p->express = offset;
}

void host_pci_cap_pm(struct host_pci *p, unsigned offset)
{
	host_pci_cap(p, offset, PCI_CAPID_PM, 8);
	host_pci_writable(p, offset + PM_REG_CSR, 2, PM_CSR_STATE);
	p->pm = offset;
}

static struct host_rebar rebar_set(struct host_pci *p, unsigned id, unsigned offset, unsigned bar,
				   uint64_t size)
{
	struct host_rebar r = {.control = offset + REBAR_REG_CONTROL};
	unsigned code = 0;

	while (MIB << code < size) {
		code++;
	}
	r.initial = bar | 1u << REBAR_CTL_COUNT_SHIFT | code << REBAR_CTL_SIZE_SHIFT;
	host_pci_extcap(p, offset, id);
	host_pci_set(p, offset + REBAR_REG_CAP, 4, 0xfffffff0u);
	host_pci_set(p, r.control, 4, r.initial);
	host_pci_writable(p, r.control, 4, REBAR_CTL_SIZE);
	return r;
}

void host_pci_cap_rebar(struct host_pci *p, unsigned offset, unsigned bar)
{
	p->rebar = rebar_set(p, PCI_EXTCAPID_REBAR, offset, bar, p->bar_size[bar]);
}

void host_pci_cap_vf_rebar(struct host_pci *p, unsigned offset, unsigned bar)
{
	p->vf_rebar = rebar_set(p, PCI_EXTCAPID_VF_REBAR, offset, bar, p->vf_bar_size[bar]);
}

/* The BARs get their new size; where they were does not count any more. */
static void rebar_written(struct host_pci *p, const struct host_rebar *r)
{
	uint32_t control = host_pci_get(p, r->control, 4);
	unsigned bar = control & REBAR_CTL_BAR;
	uint64_t size = MIB << ((control & REBAR_CTL_SIZE) >> REBAR_CTL_SIZE_SHIFT);

	if (r == &p->rebar && size != p->bar_size[bar]) {
		host_pci_bar(p, bar, host_pci_get(p, host_pci_bar_reg(p, bar), 4) & 0xf, size);
	} else if (r == &p->vf_rebar && size != p->vf_bar_size[bar]) {
		unsigned reg = p->sriov + SRIOV_REG_BAR0 + 4 * bar;

		host_pci_vf_bar(p, bar, host_pci_get(p, reg, 4) & 0xf, size);
	}
}

struct host_pci *host_pci_load(sbdf_t sbdf, const uint8_t *config, unsigned size,
			       const uint64_t *bar_sizes)
{
	struct host_pci *p = function_new(sbdf);
	unsigned guard = PCI_CAPS_MAX;

	p->size = size;
	memcpy(p->config, config, size);
	header_masks(p);
	for (unsigned i = 0; i < BARS; i++) {
		if (bar_sizes[i]) {
			uint64_t was = host_pci_get(p, host_pci_bar_reg(p, i), 4);

			if (host_pci_bar_is_64(p, i) && i + 1 < ROM) {
				was |= (uint64_t)host_pci_get(p, host_pci_bar_reg(p, i + 1), 4)
				       << 32;
			}
			host_pci_bar(p, i, (uint32_t)was & 0xf, bar_sizes[i]);
			host_pci_set(p, host_pci_bar_reg(p, i), 4, (uint32_t)was);
			if (host_pci_bar_is_64(p, i)) {
				host_pci_set(p, host_pci_bar_reg(p, i + 1), 4,
					     (uint32_t)(was >> 32));
			}
		}
	}
	if (!(host_pci_get(p, PCI_REG_STATUS, 2) & PCI_STS_CAPABILITIES)) {
		return p;
	}
	for (unsigned at = p->config[PCI_REG_CAP_POINTER] & PCI_CAP_POINTER_MASK;
	     at >= PCI_REG_DEVICE_SPECIFIC && at <= 0xe8 && guard--;
	     at = p->config[at + 1] & PCI_CAP_POINTER_MASK) {
		if (p->config[at] == PCI_CAPID_MSI) {
			msi_masks(p, at);
		} else if (p->config[at] == PCI_CAPID_MSIX) {
			msix_masks(p, at);
		} else if (p->config[at] == PCI_CAPID_EXPRESS) {
			p->express = at;
		} else if (p->config[at] == PCI_CAPID_PM) {
			host_pci_writable(p, at + PM_REG_CSR, 2, PM_CSR_STATE);
			p->pm = at;
		}
	}
	return p;
}

/* ---- the architecture's functions: configuration space ---- */

static bool reachable(sbdf_t sbdf, unsigned reg)
{
	if (sbdf_segment(sbdf) == 0 && reg < PCI_CONFIG_SIZE) {
		return true;
	}
	for (unsigned i = 0; i < ecam_count; i++) {
		if (ecam[i].segment == sbdf_segment(sbdf) && sbdf_bus(sbdf) >= ecam[i].first &&
		    sbdf_bus(sbdf) <= ecam[i].last) {
			return true;
		}
	}
	return false;
}

int arch_pci_add_ecam(unsigned segment, unsigned bus_first, unsigned bus_last, hpa_t bus0)
{
	(void)bus0;
	if (bus_first > bus_last || bus_last > 255 || segment > 0xffff) {
		return -EINVAL;
	}
	for (unsigned i = 0; i < ecam_count; i++) {
		if (ecam[i].segment == segment && ecam[i].first <= bus_last &&
		    bus_first <= ecam[i].last) {
			return -EEXIST;
		}
	}
	if (ecam_count == ECAMS_MAX) {
		return -ENOSPC;
	}
	ecam[ecam_count].segment = segment;
	ecam[ecam_count].first = bus_first;
	ecam[ecam_count++].last = bus_last;
	return 0;
}

static void check(unsigned reg, unsigned len)
{
	ASSERT((len == 1 || len == 2 || len == 4) && reg % len == 0 &&
	       reg + len <= PCI_CONFIG_EXT_SIZE);
}

uint32_t arch_pci_read(sbdf_t sbdf, unsigned reg, unsigned len)
{
	const struct host_pci *p = host_pci_find(sbdf);

	check(reg, len);
	host_pci_read_count++;
	if (forced.sbdf.v == sbdf.v && forced.reg == reg && forced.len == len) {
		return forced.value;
	}
	if (!p || !reachable(sbdf, reg) || reg >= p->size) {
		return (uint32_t)ones(len);
	}
	return host_pci_get(p, reg, len);
}

/* Registers and memory as after power-on. */
static void function_reset(struct host_pci *p)
{
	for (unsigned i = 0; i < PCI_CONFIG_EXT_SIZE; i++) {
		p->config[i] &= (uint8_t)~p->writable[i];
	}
	for (unsigned i = 0; i < 2; i++) {
		const struct host_rebar *r = i ? &p->vf_rebar : &p->rebar;

		if (r->control) {
			host_pci_set(p, r->control, 4, r->initial);
			rebar_written(p, r);
		}
	}
	host_pci_memory_forget(p);
	if (p->msix) {
		msix_reset(p);
	}
	if (p->sriov) {
		host_pci_set(p, p->sriov + SRIOV_REG_PAGE_SIZE, 4, 1);
		host_pci_sriov_written(p);
	}
}

void host_pci_reset_one(struct host_pci *p)
{
	function_reset(p);
}

static void secondary_bus_reset(const struct host_pci *bridge)
{
	for (unsigned i = 0; i < host_pci_function_count; i++) {
		struct host_pci *p = host_pci_functions[i];
		unsigned bus = sbdf_bus(p->sbdf);

		if (sbdf_segment(p->sbdf) == sbdf_segment(bridge->sbdf) && p != bridge &&
		    bridge->config[PCI_REG_SECONDARY] > sbdf_bus(bridge->sbdf) &&
		    bus >= bridge->config[PCI_REG_SECONDARY] &&
		    bus <= bridge->config[PCI_REG_SUBORDINATE]) {
			function_reset(p);
		}
	}
}

void arch_pci_write(sbdf_t sbdf, unsigned reg, unsigned len, uint32_t value)
{
	struct host_pci *p = host_pci_find(sbdf);
	unsigned state = p && p->pm ? p->config[p->pm + PM_REG_CSR] & PM_CSR_STATE : 0;

	check(reg, len);
	if (host_pci_write_hook) {
		host_pci_write_hook(sbdf, reg);
	}
	host_pci_write_count++;
	if (!p || !reachable(sbdf, reg) || reg >= p->size) {
		return;
	}
	for (unsigned i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(value >> (8 * i));
		uint8_t mask = p->writable[reg + i];

		p->config[reg + i] = (uint8_t)((p->config[reg + i] & ~mask) | (byte & mask));
		p->config[reg + i] &= (uint8_t) ~(byte & p->clears[reg + i]);
	}
	if (p->express && reg <= p->express + EXP_REG_DEVCTL + 1 &&
	    reg + len > p->express + EXP_REG_DEVCTL + 1 &&
	    (value >> (8 * (p->express + EXP_REG_DEVCTL + 1 - reg)) & 0x80)) {
		function_reset(p);
	}
	if ((p->config[PCI_REG_HEADER_TYPE] & PCI_HEADER_LAYOUT) == PCI_HEADER_BRIDGE &&
	    reg <= PCI_REG_BRIDGE_CTL && reg + len > PCI_REG_BRIDGE_CTL &&
	    (host_pci_get(p, PCI_REG_BRIDGE_CTL, 2) & PCI_BRIDGE_CTL_RESET)) {
		secondary_bus_reset(p);
	}
	if (p->rebar.control && (reg & ~3u) == p->rebar.control) {
		rebar_written(p, &p->rebar);
	}
	if (p->vf_rebar.control && (reg & ~3u) == p->vf_rebar.control) {
		rebar_written(p, &p->vf_rebar);
	}
	if (p->sriov && reg >= p->sriov && reg < p->sriov + SRIOV_SIZE) {
		host_pci_sriov_written(p);
	}
	if (state == PM_STATE_D3 &&
	    (p->config[p->pm + PM_REG_CSR] & (PM_CSR_STATE | PM_CSR_NO_RESET)) == PM_STATE_D0) {
		function_reset(p);
	}
}

/* ---- for replays ---- */

void host_pci_force_read(sbdf_t sbdf, unsigned reg, unsigned len, uint32_t value)
{
	forced.sbdf = sbdf;
	forced.reg = reg;
	forced.len = len;
	forced.value = value;
}
