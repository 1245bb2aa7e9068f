/* SPDX-License-Identifier: MIT */
/*
 * Common to the tests of the root complex: a machine with RAM below 2 GiB, an
 * ECAM window for segment 0 and a small one for segment 1, the hardware domain
 * and a second domain with a root complex and no device. A test adds devices,
 * then calls fixture_start(). Included after cmocka.h by one test program each.
 */
#ifndef TAPROOT_TEST_PCI_FIXTURE_H
#define TAPROOT_TEST_PCI_FIXTURE_H

#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/ioreq.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>
#include <string.h>

#include "host.h"
#include "host_mem.h"
#include "host_pci.h"

#define FIXTURE_LIMIT    (1ull << 40)
#define FIXTURE_RAM      (2 * GIB)
#define FIXTURE_ECAM     0xb0000000ull
#define FIXTURE_ECAM1    0x2000000000ull
#define FIXTURE_OURS     0x7f000000ull
#define FIXTURE_RSVD     0xe0000000ull
#define FIXTURE_MSG(cpu) (0xfee00000ull | (uint64_t)(cpu) << 12)

static const struct pci_window fixture_windows[] = {
	{.segment = 0, .bus_first = 0, .bus_last = 255, .bus0 = {FIXTURE_ECAM}},
	{.segment = 1, .bus_first = 0x10, .bus_last = 0x1f, .bus0 = {FIXTURE_ECAM1}},
};

static struct domain *dom0, *domu;

static inline void fixture_domain_memory(struct domain *d)
{
	assert_int_equal(memmap_set_base(&d->memmap, gpa(0), gpa(FIXTURE_RAM), MEM_RAM), 0);
	assert_int_equal(memmap_set_base(&d->memmap, gpa(FIXTURE_OURS),
					 gpa(FIXTURE_OURS + 16 * MIB), MEM_OURS),
			 0);
	assert_int_equal(memmap_set_base(&d->memmap, gpa(FIXTURE_ECAM),
					 gpa(FIXTURE_ECAM + 256 * MIB), MEM_RESERVED),
			 0);
	assert_int_equal(memmap_set_base(&d->memmap, gpa(FIXTURE_RSVD),
					 gpa(FIXTURE_RSVD + 16 * MIB), MEM_RESERVED),
			 0);
}

/* Two domains with root complexes that take `count` windows. */
static inline int fixture_create(unsigned count)
{
	host_reset();
	host_mem_reset();
	host_pci_reset();
	host_cpu_set_count(4);
	dom0 = domain_create(0, true, FIXTURE_LIMIT, 256);
	domu = domain_create(1, false, FIXTURE_LIMIT, 256);
	assert_non_null(dom0);
	assert_non_null(domu);
	fixture_domain_memory(dom0);
	fixture_domain_memory(domu);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(domain_add_vcpu(dom0, i, i, false), 0);
		vlapic_mmio_write(&dom0->vcpu[i]->lapic, 0xf0, 4, 0x1ff);
	}
	assert_int_equal(domain_add_vcpu(domu, 0, 0, false), 0);
	assert_int_equal(pci_root_create(dom0, fixture_windows, count), 0);
	assert_int_equal(pci_root_create(domu, fixture_windows, 1), 0);
	return 0;
}

static inline int fixture_machine(void **state)
{
	(void)state;
	return fixture_create(ARRAY_SIZE(fixture_windows));
}

static inline void fixture_start(void)
{
	assert_int_equal(pci_root_enumerate(dom0->pci), 0);
}

/* ---- accesses as a guest makes them ---- */

static inline uint64_t mem_read(struct domain *d, uint64_t a, unsigned len)
{
	uint64_t value = 0;

	(void)ioreq_mmio_read(d, gpa(a), len, &value);
	return value;
}

static inline void mem_write(struct domain *d, uint64_t a, unsigned len, uint64_t value)
{
	(void)ioreq_mmio_write(d, gpa(a), len, value);
}

static inline uint64_t ecam_address(sbdf_t s, unsigned reg)
{
	return (sbdf_segment(s) ? FIXTURE_ECAM1 : FIXTURE_ECAM) + ((uint64_t)(s.v & 0xffff) << 12) +
	       reg;
}

static inline uint32_t cfg_read(sbdf_t s, unsigned reg, unsigned len)
{
	return (uint32_t)mem_read(dom0, ecam_address(s, reg), len);
}

static inline void cfg_write(sbdf_t s, unsigned reg, unsigned len, uint32_t value)
{
	mem_write(dom0, ecam_address(s, reg), len, value);
}

static inline uint32_t cf8_read(struct domain *d, sbdf_t s, unsigned reg, unsigned len)
{
	ioreq_port_write(d, 0xcf8, 4, 0x80000000u | (s.v & 0xffff) << 8 | (reg & 0xfc));
	return ioreq_port_read(d, (uint16_t)(0xcfc + (reg & 3)), len);
}

static inline void cf8_write(struct domain *d, sbdf_t s, unsigned reg, unsigned len, uint32_t value)
{
	ioreq_port_write(d, 0xcf8, 4, 0x80000000u | (s.v & 0xffff) << 8 | (reg & 0xfc));
	ioreq_port_write(d, (uint16_t)(0xcfc + (reg & 3)), len, value);
}

/* ---- what the memmap says ---- */

static inline unsigned type_at(uint64_t a)
{
	return memmap_find(&dom0->memmap, gpa(a))->type;
}

static inline uint32_t owner_at(uint64_t a)
{
	return memmap_find(&dom0->memmap, gpa(a))->owner.v;
}

static inline struct pci_root_stats stats(void)
{
	struct pci_root_stats s;

	pci_root_stats(dom0->pci, &s);
	return s;
}

/* Vectors that vCPU `n` has been sent and not taken. */
static inline bool vector_pending(unsigned n, unsigned vector)
{
	return dom0->vcpu[n]->lapic.irr[vector / 32] >> (vector % 32) & 1;
}

static inline void vectors_clear(void)
{
	for (unsigned n = 0; n < dom0->vcpu_count; n++) {
		memset(dom0->vcpu[n]->lapic.irr, 0, sizeof(dom0->vcpu[n]->lapic.irr));
	}
}

/* ---- a device with everything: 64-bit BAR 0, MSI, MSI-X in BAR 2, PM, Express ---- */

#define NIC_BAR0  0xc0000000ull
#define NIC_BAR2  0xc0100000ull
#define NIC_MSIX  0x70u
#define NIC_MSI   0x50u
#define NIC_PM    0x40u
#define NIC_EXP   0xa0u
#define NIC_COUNT 8u

static inline struct host_pci *fixture_nic(sbdf_t s)
{
	struct host_pci *p = host_pci_add(s, 0x8086, 0x10c9, 0x0200, false);

	host_pci_bar(p, 0, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 1 * MIB);
	host_pci_bar(p, 2, PCI_BAR_TYPE_32, 16384);
	host_pci_bar(p, 3, PCI_BAR_IO, 32);
	host_pci_bar(p, PCI_BARS_NORMAL, 0, 64 * 1024);
	host_pci_bar_set(p, 0, NIC_BAR0);
	host_pci_bar_set(p, 2, NIC_BAR2);
	host_pci_bar_set(p, 3, 0xc000);
	host_pci_cap_express(p, NIC_EXP);
	host_pci_cap_msix(p, NIC_MSIX, NIC_COUNT, 2, 0, 2, 0x2000);
	host_pci_cap_msi(p, NIC_MSI, true, true, 3);
	host_pci_cap_pm(p, NIC_PM);
	return p;
}

/* The VF BARs 0 and 3, of 64 bits each, of the SR-IOV capability at `sriov`. */
static inline void fixture_vf_bars(sbdf_t pf, unsigned sriov, uint64_t bar0, uint64_t bar3)
{
	cfg_write(pf, sriov + SRIOV_REG_BAR0, 4, (uint32_t)bar0);
	cfg_write(pf, sriov + SRIOV_REG_BAR0 + 4, 4, (uint32_t)(bar0 >> 32));
	cfg_write(pf, sriov + SRIOV_REG_BAR0 + 12, 4, (uint32_t)bar3);
	cfg_write(pf, sriov + SRIOV_REG_BAR0 + 16, 4, (uint32_t)(bar3 >> 32));
}

#endif
