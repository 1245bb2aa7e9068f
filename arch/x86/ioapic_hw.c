// SPDX-License-Identifier: MIT
/*
 * The machine's IO-APICs (82093AA datasheet; ICH9 datasheet 13.5): an index
 * register and a data register, with a lock around the pair.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/lock.h>
#include <taproot/log.h>
#include <taproot/vioapic.h>
#include "cpu.h"

#define IOREGSEL    0x00
#define IOWIN       0x10
#define IOEOI       0x40
#define REG_VERSION 1
#define VERSION_EOI 0x20u /* from this one on it has the EOI register */
#define REG_ENTRY   0x10
#define ENTRY_MASK  (1u << 16)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_IRR   (1u << 14)

struct ioapic_hw {
	struct iomap page;
	uint32_t offset; /* in the page: addresses are aligned to 1 KiB */
	unsigned pins;
	bool has_eoi;
	struct lock lock; /* index and data belong together */
};

static struct ioapic_hw ioapics[VIOAPIC_MAX];

uint32_t arch_ioapic_read(unsigned index, unsigned reg)
{
	struct ioapic_hw *io = &ioapics[index];
	uint32_t v;

	lock_acquire(&io->lock);
	arch_iomap_write(&io->page, io->offset + IOREGSEL, 4, reg);
	v = (uint32_t)arch_iomap_read(&io->page, io->offset + IOWIN, 4);
	lock_release(&io->lock);
	return v;
}

void arch_ioapic_write(unsigned index, unsigned reg, uint32_t value)
{
	struct ioapic_hw *io = &ioapics[index];

	lock_acquire(&io->lock);
	arch_iomap_write(&io->page, io->offset + IOREGSEL, 4, reg);
	arch_iomap_write(&io->page, io->offset + IOWIN, 4, value);
	lock_release(&io->lock);
}

bool arch_ioapic_eoi(unsigned index, unsigned vector)
{
	const struct ioapic_hw *io = &ioapics[index];

	if (io->has_eoi) {
		arch_iomap_write(&io->page, io->offset + IOEOI, 4, vector);
	}
	return io->has_eoi;
}

unsigned ioapic_hw_pins(unsigned index)
{
	return index < ARRAY_SIZE(ioapics) ? ioapics[index].pins : 0;
}

/* What firmware had under way ends here: the EOI register serves level entries only. */
static void entry_close(unsigned index, unsigned pin)
{
	unsigned reg = REG_ENTRY + 2 * pin;
	uint32_t low = arch_ioapic_read(index, reg);

	if (low & ENTRY_IRR) {
		arch_ioapic_write(index, reg, low | ENTRY_LEVEL | ENTRY_MASK);
		if (!arch_ioapic_eoi(index, low & 0xff)) {
			log_info("IO-APIC %u: pin %u was in service; an edge entry forgets that",
				 index, pin);
		}
	}
	arch_ioapic_write(index, reg, ENTRY_MASK);
	arch_ioapic_write(index, reg + 1, 0);
}

int ioapic_hw_add(unsigned index, hpa_t base)
{
	struct ioapic_hw *io;
	uint32_t version;

	if (index >= ARRAY_SIZE(ioapics) || base.v & 0x3ff) {
		return -EINVAL;
	}
	io = &ioapics[index];
	if (arch_iomap_init(&io->page, 1) < 0) {
		return -ENOMEM;
	}
	arch_iomap_set(&io->page, hpa(base.v & PAGE_MASK));
	io->offset = (uint32_t)(base.v & (PAGE_SIZE - 1));
	version = arch_ioapic_read(index, REG_VERSION);
	if (version == UINT32_MAX) {
		log_notice("IO-APIC %u at %llx does not answer", index, (unsigned long long)base.v);
		return -ENODEV;
	}
	io->has_eoi = (version & 0xff) >= VERSION_EOI;
	io->pins = MIN((version >> 16 & 0xff) + 1, (unsigned)VIOAPIC_PINS_MAX);
	for (unsigned pin = 0; pin < io->pins; pin++) {
		entry_close(index, pin);
	}
	return 0;
}
