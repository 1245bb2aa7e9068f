/* SPDX-License-Identifier: MIT */
/*
 * What accesses cost from the trapped port or page to the end, nested tables
 * included, with few and with many functions present: no row may grow with
 * their number. Nanoseconds of this machine, the hosted machine's part
 * included: for comparison only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <taproot/domain.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>

#include "host.h"
#include "host_mem.h"
#include "host_pci.h"

#define ECAM   0x2000000000ull
#define BAR    0x4000000000ull
#define TABLE  0xc0000000ull
#define ROUNDS 100000u

static struct nested nested;
static struct domain *d;
static const sbdf_t nic = {0x0010};
static uint64_t sum;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void cfg_write(unsigned reg, unsigned len, uint32_t value)
{
	(void)ioreq_mmio_write(d, gpa(ECAM + ((uint64_t)nic.v << 12) + reg), len, value);
}

static void read_cf8(void)
{
	ioreq_port_write(d, 0xcf8, 4, 0x80000000u | nic.v << 8);
	sum += ioreq_port_read(d, 0xcfc, 4);
}

static void read_ecam(void)
{
	uint64_t value;

	(void)ioreq_mmio_read(d, gpa(ECAM + ((uint64_t)nic.v << 12)), 4, &value);
	sum += value;
}

static void write_ecam(void)
{
	cfg_write(PCI_REG_INTERRUPT, 1, 11);
}

static void toggle_decode(void)
{
	cfg_write(PCI_REG_COMMAND, 2, 0);
	cfg_write(PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
}

static void move_bar(void)
{
	static uint32_t high;

	high ^= 1;
	cfg_write(PCI_REG_COMMAND, 2, 0);
	cfg_write(PCI_REG_BAR0 + 4, 4, (uint32_t)(BAR >> 32) + high);
	cfg_write(PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
}

static void mask_entry(void)
{
	(void)ioreq_mmio_write(d, gpa(TABLE + MSIX_ENTRY_CONTROL), 4, 1);
	(void)ioreq_mmio_write(d, gpa(TABLE + MSIX_ENTRY_CONTROL), 4, 0);
}

static void read_entry(void)
{
	uint64_t value;

	(void)ioreq_mmio_read(d, gpa(TABLE + 8), 4, &value);
	sum += value;
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"config read, CF8/CFC", read_cf8},
	{"config read, ECAM", read_ecam},
	{"config write, ECAM", write_ecam},
	{"decode off and on, 1 MiB BAR and MSI-X BAR", toggle_decode},
	{"1 MiB BAR moved", move_bar},
	{"MSI-X entry masked and unmasked", mask_entry},
	{"MSI-X table read", read_entry},
};

static void machine(unsigned others)
{
	struct host_pci *p;

	host_reset();
	host_mem_reset();
	host_pci_reset();
	p = host_pci_add(nic, 0x8086, 0x10c9, 0x0200, false);
	host_pci_bar(p, 0, PCI_BAR_TYPE_64, MIB);
	host_pci_bar(p, 2, PCI_BAR_TYPE_32, 16384);
	host_pci_bar_set(p, 0, BAR);
	host_pci_bar_set(p, 2, TABLE);
	host_pci_cap_msix(p, 0x40, 8, 2, 0, 2, 0x2000);
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	for (unsigned i = 0; i < others; i++) {
		p = host_pci_add((sbdf_t){0x1000 + 8 * i}, 0x1af4, 0x1041, 0xff00, false);
		host_pci_bar(p, 0, PCI_BAR_TYPE_64, MIB);
		host_pci_bar_set(p, 0, BAR + GIB + i * 2 * MIB);
		host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	}
	d = domain_create(0, true, 1ull << 46, 8192);
	if (!d || domain_add_vcpu(d, 0, 0, false) || nested_init(&nested, &nested_amd) ||
	    !host_nested_attach(d, &nested) ||
	    pci_root_create(d, &(struct pci_window){.bus_last = 255, .bus0 = {ECAM}}, 1) ||
	    pci_root_enumerate(d->pci)) {
		abort();
	}
	(void)ioreq_mmio_write(d, gpa(TABLE), 8, 0xfee00000);
	(void)ioreq_mmio_write(d, gpa(TABLE + 8), 8, 0x40);
	cfg_write(0x42, 2, MSIX_CTL_ENABLE);
}

int main(void)
{
	static const unsigned others[] = {0, 1023};

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		machine(others[i]);
		for (unsigned c = 0; c < ARRAY_SIZE(cases); c++) {
			double start = now();

			for (unsigned n = 0; n < ROUNDS; n++) {
				cases[c].run();
			}
			printf("pci: %4u functions: %-45s %5.0f ns\n", others[i] + 1, cases[c].name,
			       (now() - start) / ROUNDS);
		}
	}
	return sum == 0;
}
