/* SPDX-License-Identifier: MIT */
/*
 * The domain's IO-APICs: redirection entries, delivery, remote IRR and EOI
 * (82093AA 3.2.4; ICH9 datasheet 13.5.7). Registers are in vioapic_mmio.c.
 *
 * A level interrupt of the machine: its pin is masked by us and the message
 * delivered; the guest's EOI clears remote IRR and opens the pin again, and if
 * the line is still up the machine interrupts anew. `remote IRR` and our mask
 * of a pin are therefore the same thing, seen from the two sides.
 *
 * Deliberately not supported: delivery modes SMI, INIT and ExtINT (there is no
 * virtual PIC); such an entry is kept and its pin stays closed.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>

#include "vioapic_internal.h"

/* The entry's message in the form of an MSI (SDM 3A 11.11). */
static uint64_t vioapic_message_addr(uint64_t entry)
{
	return 0xfee00000ull | (entry >> RTE_DEST_SHIFT) << 12 |
	       ((entry & RTE_LOGICAL) ? 1u << 2 : 0);
}

static bool vioapic_is_level(uint64_t entry)
{
	unsigned mode = RTE_MODE(entry);

	return (entry & RTE_LEVEL) && (mode == IRQ_MODE_FIXED || mode == IRQ_MODE_LOWEST);
}

static bool vioapic_is_open(uint64_t entry)
{
	unsigned mode = RTE_MODE(entry);

	return !(entry & RTE_MASKED) &&
	       (mode == IRQ_MODE_FIXED || mode == IRQ_MODE_LOWEST || mode == IRQ_MODE_NMI);
}

static unsigned vioapic_pin_number(const struct vioapic_pin *p)
{
	return (unsigned)(p - p->io->pin);
}

/* Remote IRR and, of a pin of the machine, our mask. */
static void vioapic_set_remote_irr(struct vioapic_pin *p, bool set)
{
	unsigned n = vioapic_pin_number(p);
	uint64_t bit = 1ull << (n % 64);

	if (set) {
		p->entry |= RTE_REMOTE_IRR;
		p->io->in_service[n / 64] |= bit;
	} else {
		p->entry &= ~RTE_REMOTE_IRR;
		p->io->in_service[n / 64] &= ~bit;
	}
	if (!p->emulated) {
		irq_source_hold(&p->phys.src, set);
	}
}

/* Send the pin's message. False: nobody accepted it. */
static bool vioapic_send(struct vioapic_pin *p)
{
	struct irq_message m = {
		.dest = (uint32_t)(p->entry >> RTE_DEST_SHIFT),
		.broadcast = IRQ_BROADCAST8,
		.vector = (uint8_t)p->entry,
		.mode = RTE_MODE(p->entry),
		.logical = p->entry & RTE_LOGICAL,
		.level = vioapic_is_level(p->entry),
	};

	p->delivered++;
	return irq_deliver(p->io->domain, &m, NULL) != 0;
}

/* An emulated line that is up at a level pin interrupts as long as it can. */
static void vioapic_service_line(struct vioapic_pin *p)
{
	if (p->line && vioapic_is_open(p->entry) && vioapic_is_level(p->entry) &&
	    !(p->entry & RTE_REMOTE_IRR) && vioapic_send(p)) {
		vioapic_set_remote_irr(p, true);
	}
}

/* The machine's pin interrupted. */
static void vioapic_fire(struct irq_source *src)
{
	struct vioapic_pin *p = container_of(src, struct vioapic_pin, phys.src);
	struct domain *d = p->io->domain;

	lock_acquire(&d->irq_lock);
	if (!vioapic_is_level(p->entry)) {
		if (vioapic_is_open(p->entry)) {
			(void)vioapic_send(p);
		}
	} else if (!(p->entry & RTE_REMOTE_IRR)) {
		/* Not while it is in service: that one came before our mask took hold. */
		irq_source_hold(src, true);
		if (vioapic_is_open(p->entry) && vioapic_send(p)) {
			vioapic_set_remote_irr(p, true);
		}
	}
	lock_release(&d->irq_lock);
}

static const struct irq_source_ops vioapic_pin_ops = {
	.mask = irq_pin_mask,
	.route = irq_pin_route,
	.fire = vioapic_fire,
};

/* Carry the guest's entry to the pin of the machine. */
static void vioapic_update_phys(struct vioapic_pin *p)
{
	bool level = vioapic_is_level(p->entry);
	unsigned mode = (level ? IRQ_PIN_LEVEL : 0) | (p->entry & RTE_LOW ? IRQ_PIN_LOW : 0);
	bool masked = !vioapic_is_open(p->entry);
	uint64_t addr = vioapic_message_addr(p->entry);
	uint32_t data = (uint32_t)p->entry & 0x7ff;

	/* Close first, open last: polarity and trigger never change in between while open. */
	if (masked) {
		irq_source_update(&p->phys.src, true, addr, data);
	}
	irq_pin_set_mode(&p->phys, mode);
	/* A message that nobody accepted left the pin held: it gets another chance. */
	irq_source_hold(&p->phys.src, p->entry & RTE_REMOTE_IRR);
	if (!masked) {
		irq_source_update(&p->phys.src, false, addr, data);
	}
}

void vioapic_write_entry(struct vioapic_pin *p, uint64_t entry)
{
	lock_assert(&p->io->domain->irq_lock);
	p->entry = (entry & RTE_WRITABLE) | (p->entry & RTE_REMOTE_IRR);
	if (!(entry & RTE_MASKED) && !vioapic_is_open(entry)) {
		log_guest("vioapic: d%u: pin %u of IO-APIC %u: delivery mode %llu has no effect",
			  p->io->domain->id, vioapic_pin_number(p), p->io->index,
			  (unsigned long long)RTE_MODE(entry));
	}
	/* An entry that turns to edge forgets what was in service: the EOI of old drivers. */
	if (!vioapic_is_level(p->entry) && (p->entry & RTE_REMOTE_IRR)) {
		vioapic_set_remote_irr(p, false);
	}
	if (p->emulated) {
		vioapic_service_line(p);
	} else {
		vioapic_update_phys(p);
	}
}

void vioapic_eoi_one(struct vioapic *io, unsigned vector)
{
	lock_assert(&io->domain->irq_lock);
	for (unsigned word = 0; word < VIOAPIC_WORDS; word++) {
		uint64_t bits = io->in_service[word];

		while (bits) {
			struct vioapic_pin *p =
				&io->pin[word * 64 + (unsigned)__builtin_ctzll(bits)];

			bits &= bits - 1;
			if ((p->entry & RTE_VECTOR) == vector) {
				vioapic_set_remote_irr(p, false);
				vioapic_service_line(p);
			}
		}
	}
}

void vioapic_eoi(struct domain *d, unsigned vector)
{
	lock_acquire(&d->irq_lock);
	for (unsigned i = 0; i < d->ioapics.count; i++) {
		vioapic_eoi_one(&d->ioapics.io[i], vector);
	}
	lock_release(&d->irq_lock);
}

/* The pin of a GSI, or NULL. */
static struct vioapic_pin *vioapic_find(struct domain *d, uint32_t gsi)
{
	for (unsigned i = 0; i < d->ioapics.count; i++) {
		struct vioapic *io = &d->ioapics.io[i];

		if (gsi >= io->gsi_base && gsi - io->gsi_base < io->pins) {
			return &io->pin[gsi - io->gsi_base];
		}
	}
	return NULL;
}

int vioapic_emulate_gsi(struct domain *d, uint32_t gsi)
{
	struct vioapic_pin *p = vioapic_find(d, gsi);
	int error = 0;

	if (!p) {
		return -ENOENT;
	}
	lock_acquire(&d->irq_lock);
	if (p->emulated || p->phys.src.bound) {
		error = -EBUSY;
	} else {
		p->emulated = true;
	}
	lock_release(&d->irq_lock);
	return error;
}

void vioapic_set_line(struct domain *d, uint32_t gsi, bool level)
{
	struct vioapic_pin *p = vioapic_find(d, gsi);

	if (!p || !p->emulated) {
		return;
	}
	lock_acquire(&d->irq_lock);
	bool rise = level && !p->line;

	p->line = level;
	if (vioapic_is_level(p->entry)) {
		vioapic_service_line(p);
	} else if (rise && vioapic_is_open(p->entry)) {
		/* An edge at a masked pin is lost (82093AA 3.2.4, interrupt mask). */
		(void)vioapic_send(p);
	}
	lock_release(&d->irq_lock);
}

int vioapic_get_entry(struct domain *d, uint32_t gsi, uint64_t *entry)
{
	struct vioapic_pin *p = vioapic_find(d, gsi);

	if (!p) {
		return -ENOENT;
	}
	lock_acquire(&d->irq_lock);
	*entry = p->entry;
	lock_release(&d->irq_lock);
	return 0;
}

int vioapic_add(struct domain *d, unsigned index, gpa_t base, uint32_t id, uint32_t gsi_base)
{
	struct vioapic *io = &d->ioapics.io[d->ioapics.count];
	uint32_t version = arch_ioapic_read(index, IOAPIC_REG_VERSION);
	uint32_t pins = MIN(((version >> 16) & 0xff) + 1, (uint32_t)VIOAPIC_PINS_MAX);

	if (d->ioapics.count == VIOAPIC_MAX) {
		return -ENOSPC;
	}
	*io = (struct vioapic){
		.domain = d,
		.index = index,
		.gsi_base = gsi_base,
		.pins = pins,
		.version = (version & 0xff) | (pins - 1) << 16,
		.id = (id & 0xf) << 24,
		.base = base,
		.pin = heap_alloc(pins * sizeof(*io->pin)),
	};
	if (!io->pin) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < pins; i++) {
		irq_source_init(&io->pin[i].phys.src, &vioapic_pin_ops, IRQ_PIN, d, NULL, i);
		io->pin[i].phys.ioapic = (uint16_t)index;
		io->pin[i].io = io;
		io->pin[i].entry = RTE_MASKED;
	}
	int error = ioreq_claim_mmio(d, gpa(base.v & PAGE_MASK), PAGE_SIZE, &vioapic_mmio_ops, io);
	if (error) {
		heap_free(io->pin);
		io->pin = NULL;
		return error;
	}
	d->ioapics.count++;
	return 0;
}

static void vioapic_log_pin(const struct vioapic_pin *p)
{
	const struct irq_source *src = &p->phys.src;

	if (p->emulated) {
		log_info("  gsi %u: entry %#llx, emulated, line %u, %llu delivered",
			 p->io->gsi_base + vioapic_pin_number(p), (unsigned long long)p->entry,
			 p->line, (unsigned long long)p->delivered);
	} else if (src->bound) {
		log_info("  gsi %u: entry %#llx, cpu %u vector %#x%s, %llu fired, %llu delivered",
			 p->io->gsi_base + vioapic_pin_number(p), (unsigned long long)p->entry,
			 src->cpu, src->vector, src->host_masked ? " held" : "",
			 (unsigned long long)src->fired, (unsigned long long)p->delivered);
	}
}

void vioapic_log(struct domain *d)
{
	for (unsigned i = 0; i < d->ioapics.count; i++) {
		const struct vioapic *io = &d->ioapics.io[i];

		log_info("d%u: IO-APIC %u at %#llx, gsi %u to %u", d->id, io->index,
			 (unsigned long long)io->base.v, io->gsi_base, io->gsi_base + io->pins - 1);
		for (unsigned n = 0; n < io->pins; n++) {
			vioapic_log_pin(&io->pin[n]);
		}
	}
}
