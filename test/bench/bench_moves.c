/* SPDX-License-Identifier: MIT */
/*
 * Large moves of BARs: in how many pieces they are done, and how long the
 * longest is, the access itself included: that is how long interrupts are
 * off. Nanoseconds of this machine, the best of some rounds: for comparison
 * only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <taproot/domain.h>
#include <taproot/iommu.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>

#include "host.h"
#include "host_mem.h"
#include "host_pci.h"

#define ECAM   0x2000000000ull
#define PLACE  0x100000000000ull
#define ROUNDS 15u
#define SRIOV  0x160u
#define VFS    64u

static struct nested npt, dma;
static struct domain *d;
static const sbdf_t dev = {0x0100};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* not what others take */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

/* A function with a BAR of `size` bytes (0: with virtual functions), and two trees of these
 * formats. */
static void machine(uint64_t size, struct nested_format processor, struct nested_format device)
{
	struct host_pci *p;

	host_reset();
	host_mem_reset();
	host_pci_reset();
	p = host_pci_add(dev, 0x8086, 0x10c9, 0x0200, false);
	if (size) {
		host_pci_bar(p, 0, PCI_BAR_TYPE_64, size);
	} else {
		host_pci_bar(p, 0, PCI_BAR_TYPE_64, MIB);
		host_pci_extcap(p, 0x100, 1);
		host_pci_cap_sriov(p, SRIOV, VFS, 128, 1);
		host_pci_vf_bar(p, 0, PCI_BAR_TYPE_64, 0x4000);
		host_pci_vf_bar(p, 3, PCI_BAR_TYPE_64, 0x4000);
		host_pci_vf_msix(p, 3, 3, 0, 3, 0x2000);
	}
	host_pci_bar_set(p, 0, PLACE);
	d = domain_create(0, true, 1ull << 46, 1024);
	check(d && domain_add_vcpu(d, 0, 0, false) == 0);
	check(nested_init(&npt, &processor) == 0 && nested_init(&dma, &device) == 0);
	check(host_nested_attach(d, &npt) && host_nested_attach(d, &dma));
	check(pci_root_create(d, &(struct pci_window){.bus_last = 255, .bus0 = {ECAM}}, 1) == 0);
	check(pci_root_enumerate(d->pci) == 0);
}

static struct {
	double longest, all;
	unsigned pieces;
} result;

static void note(double start)
{
	double took = now() - start;

	result.longest = took > result.longest ? took : result.longest;
	result.all += took;
	result.pieces++;
}

/* An access, and what its vCPU does before it goes on. */
static void write_config(unsigned reg, unsigned len, uint32_t value)
{
	struct vcpu *v = d->vcpu[0];
	double start = now();

	host_vcpu_set(v);
	(void)ioreq_mmio_write(d, gpa(ECAM + ((uint64_t)dev.v << 12) + reg), len, value);
	note(start);
	while (v->deferred) {
		start = now();
		(void)vcpu_deferred_piece(v);
		note(start);
	}
	host_vcpu_set(NULL);
}

static void measure(const char *name, unsigned reg)
{
	double longest = 1e12, all = 1e12;

	for (unsigned i = 0; i < ROUNDS; i++) {
		result.longest = result.all = 0;
		result.pieces = 0;
		write_config(reg, 4, (uint32_t)(PLACE >> 32) + 0x100 * (1 + i % 2));
		longest = result.longest < longest ? result.longest : longest;
		all = result.all < all ? result.all : all;
	}
	printf("moves: %-46s %4u pieces, longest %6.1f us, all %8.1f us\n", name, result.pieces,
	       longest / 1e3, all / 1e3);
}

int main(void)
{
	struct nested_format large = nested_vtd, medium = nested_vtd, small = nested_vtd;
	struct nested_format medium_npt = nested_amd;

	medium.has_1g = small.has_1g = medium_npt.has_1g = false;
	small.only_4k = true;
	machine(8 * GIB, nested_amd, large);
	write_config(PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	measure("8 GiB", PCI_REG_BAR0 + 4);
	machine(8 * GIB, medium_npt, medium);
	write_config(PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	measure("8 GiB, no 1 GiB pages", PCI_REG_BAR0 + 4);
	machine(256 * GIB, medium_npt, medium);
	write_config(PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	measure("256 GiB, no 1 GiB pages", PCI_REG_BAR0 + 4);
	machine(8 * GIB, nested_amd, small);
	write_config(PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	measure("8 GiB, devices' tables of 4 KiB pages", PCI_REG_BAR0 + 4);
	machine(0, nested_amd, large);
	write_config(SRIOV + SRIOV_REG_BAR0 + 4, 4, (uint32_t)(PLACE >> 32) + 1);
	write_config(SRIOV + SRIOV_REG_BAR0 + 16, 4, (uint32_t)(PLACE >> 32) + 2);
	write_config(SRIOV + SRIOV_REG_COUNT, 2, VFS);
	write_config(SRIOV + SRIOV_REG_CONTROL, 2, SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY);
	check(d->memmap.count > 2 * VFS);
	measure("64 virtual functions, two BARs and MSI-X", SRIOV + SRIOV_REG_BAR0 + 16);
	return 0;
}
