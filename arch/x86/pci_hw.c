// SPDX-License-Identifier: MIT
/*
 * Configuration space of the machine: ECAM where a window is known
 * (PCIe 6.0 7.2.2), mechanism #1 through 0xCF8/0xCFC for the first 256 bytes
 * of segment 0 elsewhere (PCI 3.0 3.2.2.3.2).
 *
 * Windows are added at boot or by a hypercall and never taken away, so that
 * readers need no lock.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/lock.h>
#include "cpu.h"
#include "paging.h"
#include "x86.h"

#define ECAM_MAX   64
#define BUS_SIZE   MIB
#define CF8_ENABLE (1u << 31)

/* Functions first.v to first.v + count - 1, 4 KiB of registers each from `va` on. */
struct ecam {
	sbdf_t first;
	uint32_t count;
	volatile uint8_t *va;
};

static struct ecam ecam[ECAM_MAX];
static unsigned ecam_count;   /* written last: readers see whole entries */
static struct lock ecam_lock; /* adding */
static struct lock cf8_lock;  /* address and data belong together */

int arch_pci_add_ecam(unsigned segment, unsigned bus_first, unsigned bus_last, hpa_t bus0)
{
	uint64_t size = (uint64_t)(bus_last - bus_first + 1) * BUS_SIZE;
	uint64_t start = bus0.v + bus_first * BUS_SIZE;
	sbdf_t first = sbdf_make(segment, bus_first, 0, 0);
	uint32_t count = (bus_last - bus_first + 1) * 256;
	volatile void *va;
	int rc = 0;

	if (segment > 0xffff || bus_last > 255 || bus_first > bus_last || start % BUS_SIZE ||
	    start + size < start || start + size > 1ull << cpu_features.phys_bits) {
		return -EINVAL;
	}
	lock_acquire(&ecam_lock);
	for (unsigned i = 0; i < ecam_count; i++) {
		if (first.v < ecam[i].first.v + ecam[i].count && ecam[i].first.v < first.v + count) {
			rc = -EEXIST;
		}
	}
	if (rc == 0 && ecam_count == ECAM_MAX) {
		rc = -ENOSPC;
	}
	if (rc == 0) {
		va = iomap_fixed(hpa(start), size);
		if (va) {
			ecam[ecam_count] = (struct ecam){first, count, va};
			__atomic_store_n(&ecam_count, ecam_count + 1, __ATOMIC_RELEASE);
		} else {
			rc = -ENOMEM;
		}
	}
	lock_release(&ecam_lock);
	return rc;
}

static inline volatile void *ecam_address(sbdf_t sbdf, unsigned reg)
{
	unsigned count = __atomic_load_n(&ecam_count, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < count; i++) {
		uint64_t n = sbdf.v - ecam[i].first.v;

		if (sbdf.v >= ecam[i].first.v && n < ecam[i].count) {
			return ecam[i].va + n * 4096 + reg;
		}
	}
	return NULL;
}

static bool cf8_reaches(sbdf_t sbdf, unsigned reg)
{
	return sbdf_segment(sbdf) == 0 && reg < 256;
}

static void cf8_select(sbdf_t sbdf, unsigned reg)
{
	outl(0xcf8, CF8_ENABLE | (sbdf.v & 0xffff) << 8 | (reg & 0xfc));
}

static COLD uint32_t cf8_read(sbdf_t sbdf, unsigned reg, unsigned len)
{
	uint32_t v;

	if (!cf8_reaches(sbdf, reg)) {
		return (uint32_t)ones(len);
	}
	lock_acquire(&cf8_lock);
	cf8_select(sbdf, reg);
	v = arch_port_read((uint16_t)(0xcfc + (reg & 3)), len);
	lock_release(&cf8_lock);
	return v;
}

static COLD void cf8_write(sbdf_t sbdf, unsigned reg, unsigned len, uint32_t value)
{
	if (cf8_reaches(sbdf, reg)) {
		lock_acquire(&cf8_lock);
		cf8_select(sbdf, reg);
		arch_port_write((uint16_t)(0xcfc + (reg & 3)), len, value);
		lock_release(&cf8_lock);
	}
}

uint32_t arch_pci_read(sbdf_t sbdf, unsigned reg, unsigned len)
{
	volatile void *p = ecam_address(sbdf, reg);

	if (p) {
		switch (len) {
		case 1:
			return *(volatile uint8_t *)p;
		case 2:
			return *(volatile uint16_t *)p;
		default:
			return *(volatile uint32_t *)p;
		}
	}
	return cf8_read(sbdf, reg, len);
}

void arch_pci_write(sbdf_t sbdf, unsigned reg, unsigned len, uint32_t value)
{
	volatile void *p = ecam_address(sbdf, reg);

	if (p) {
		switch (len) {
		case 1:
			*(volatile uint8_t *)p = (uint8_t)value;
			break;
		case 2:
			*(volatile uint16_t *)p = (uint16_t)value;
			break;
		default:
			*(volatile uint32_t *)p = value;
			break;
		}
	} else {
		cf8_write(sbdf, reg, len, value);
	}
}
