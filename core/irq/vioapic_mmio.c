/* SPDX-License-Identifier: MIT */
/*
 * Registers of the virtual IO-APIC (82093AA 3.1; ICH9 datasheet 13.5.1):
 * IOREGSEL, IOWIN and, from version 0x20 on, EOI.
 *
 * IOREGSEL takes bytes, words and dwords, of which the low byte counts. IOWIN
 * and EOI take dwords; a narrower read gives its part of the dword. Everything
 * else reads 0 and drops writes.
 *
 * Deliberately not supported: the boot configuration register (index 3) and
 * the IRQ pin assertion register (ICH2 and older).
 */
#include <taproot/domain.h>
#include <taproot/log.h>

#include "vioapic_internal.h"

#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_EOI    0x40

#define IOAPIC_VERSION_EOI 0x20

static uint32_t vioapic_reg_read(const struct vioapic *io)
{
	unsigned n;

	switch (io->select) {
	case IOAPIC_REG_ID:
	case IOAPIC_REG_ARBITRATION:
		return io->id;
	case IOAPIC_REG_VERSION:
		return io->version;
	default:
		break;
	}
	n = (io->select - IOAPIC_REG_ENTRY) / 2;
	if (io->select < IOAPIC_REG_ENTRY || n >= io->pins) {
		return 0;
	}
	return (uint32_t)(io->pin[n].entry >> ((io->select & 1) ? 32 : 0));
}

static void vioapic_reg_write(struct vioapic *io, uint32_t value)
{
	unsigned n = (io->select - IOAPIC_REG_ENTRY) / 2;
	uint64_t entry;

	if (io->select == IOAPIC_REG_ID) {
		io->id = value & 0x0f000000;
		return;
	}
	if (io->select < IOAPIC_REG_ENTRY || n >= io->pins) {
		return;
	}
	entry = io->pin[n].entry;
	if (io->select & 1) {
		entry = (uint32_t)entry | (uint64_t)value << 32;
	} else {
		entry = (entry & ~0xffffffffull) | value;
	}
	vioapic_write_entry(&io->pin[n], entry);
}

/* Offset from the registers' base; the claim is the page they are in. */
static uint64_t vioapic_offset(const struct vioapic *io, uint64_t offset)
{
	return offset - (io->base.v & (PAGE_SIZE - 1));
}

static uint64_t vioapic_mmio_read(void *ctx, uint64_t offset, unsigned len)
{
	struct vioapic *io = ctx;
	uint64_t reg = vioapic_offset(io, offset);
	uint32_t value = 0;

	lock_acquire(&io->domain->irq_lock);
	switch (reg & ~3ull) {
	case IOAPIC_SELECT:
		value = io->select;
		break;
	case IOAPIC_WINDOW:
		value = vioapic_reg_read(io);
		break;
	default:
		break;
	}
	lock_release(&io->domain->irq_lock);
	return (value >> ((reg & 3) * 8)) & ones(len);
}

static void vioapic_mmio_write(void *ctx, uint64_t offset, unsigned len, uint64_t value)
{
	struct vioapic *io = ctx;
	uint64_t reg = vioapic_offset(io, offset);

	lock_acquire(&io->domain->irq_lock);
	if (reg == IOAPIC_SELECT && len <= 4) {
		io->select = value & 0xff;
	} else if (reg == IOAPIC_WINDOW && len == 4) {
		vioapic_reg_write(io, (uint32_t)value);
	} else if (reg == IOAPIC_EOI && len == 4 && (io->version & 0xff) >= IOAPIC_VERSION_EOI) {
		vioapic_eoi_one(io, value & 0xff);
	} else {
		log_guest("vioapic: d%u: write of %u bytes at offset %#llx of IO-APIC %u dropped",
			  io->domain->id, len, (unsigned long long)reg, io->index);
	}
	lock_release(&io->domain->irq_lock);
}

const struct mmio_ops vioapic_mmio_ops = {
	.name = "ioapic",
	.read = vioapic_mmio_read,
	.write = vioapic_mmio_write,
};
