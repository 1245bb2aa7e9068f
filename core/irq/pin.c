/* SPDX-License-Identifier: MIT */
/*
 * Pins of the machine's IO-APICs (82093AA 3.2.4; ICH9 datasheet 13.5.7): the
 * hardware side of a source of kind IRQ_PIN.
 *
 * The redirection entry is computed, not read back, so a mask is one write.
 * The mask is set before the high dword changes: an entry with half of a new
 * destination must never be open.
 *
 * A level interrupt may be under way with the old vector when the entry gets a
 * new one: the EOI for the old one would not find the entry, and its remote IRR
 * would stay set for ever. So it has its EOI before the vector changes, by the
 * EOI register (ICH9 datasheet 13.5.4). IO-APICs without one have to do with an
 * entry that is written as edge for a moment, which forgets its remote IRR
 * (82093AA 3.2.4); some take no notice of a line that rises in that moment.
 *
 * A remapped entry (VT-d 4.1 5.1.5.1) has the same mask, polarity and trigger.
 *
 * Deliberately not supported: delivery modes other than fixed.
 */
#include <taproot/arch.h>
#include <taproot/iommu.h>
#include <taproot/irq.h>

#define IOAPIC_ENTRY(pin) (0x10 + 2 * (pin))
#define IOAPIC_MASKED     (1u << 16)
#define IOAPIC_REMOTE_IRR (1u << 14)
#define IOAPIC_VECTOR     0xffu

/* The low dword as it is when open. */
static uint32_t irq_pin_low(const struct irq_pin *pin)
{
	return (uint32_t)remap_pin_entry(&pin->src) | pin->mode;
}

void irq_pin_mask(struct irq_source *src, bool masked)
{
	struct irq_pin *pin = container_of(src, struct irq_pin, src);
	/* Unbound it has its trigger all the same: a line that rises before an unmask counts. */
	uint32_t low = src->bound ? irq_pin_low(pin) : pin->mode;

	arch_ioapic_write(pin->ioapic, IOAPIC_ENTRY(src->index),
			  low | (masked ? IOAPIC_MASKED : 0));
}

/* The entry, which is masked, forgets an interrupt that is under way. */
static void irq_pin_end(struct irq_pin *pin)
{
	unsigned reg = IOAPIC_ENTRY(pin->src.index);
	uint32_t low = arch_ioapic_read(pin->ioapic, reg);

	if (low & IOAPIC_REMOTE_IRR && !arch_ioapic_eoi(pin->ioapic, low & IOAPIC_VECTOR)) {
		arch_ioapic_write(pin->ioapic, reg,
				  (irq_pin_low(pin) & ~IRQ_PIN_LEVEL) | IOAPIC_MASKED);
	}
}

void irq_pin_route(struct irq_source *src)
{
	struct irq_pin *pin = container_of(src, struct irq_pin, src);
	uint64_t entry = remap_pin_entry(src);

	if (pin->mode & IRQ_PIN_LEVEL) {
		irq_pin_end(pin);
	}
	arch_ioapic_write(pin->ioapic, IOAPIC_ENTRY(src->index), irq_pin_low(pin) | IOAPIC_MASKED);
	arch_ioapic_write(pin->ioapic, IOAPIC_ENTRY(src->index) + 1, (uint32_t)(entry >> 32));
}

void irq_pin_set_mode(struct irq_pin *pin, unsigned mode)
{
	if (pin->mode == mode) {
		return;
	}
	pin->mode = (uint16_t)mode;
	pin->src.level = mode & IRQ_PIN_LEVEL;
	if (pin->src.bound) {
		irq_source_restore(&pin->src);
	} else {
		irq_pin_mask(&pin->src, true);
	}
}
