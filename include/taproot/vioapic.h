/* SPDX-License-Identifier: MIT */
/*
 * The domain's IO-APICs (82093AA; ICH9 datasheet 13.5), one to one with the
 * machine's: same address, id, version and pins. A pin is bound to its
 * physical interrupt when the guest first unmasks its redirection entry.
 */
#ifndef TAPROOT_VIOAPIC_H
#define TAPROOT_VIOAPIC_H

#include <taproot/irq.h>
#include <taproot/lock.h>

#define VIOAPIC_MAX      16
#define VIOAPIC_PINS_MAX 240

struct vioapic_pin {
	struct irq_pin phys; /* the machine's pin, unless `emulated` */
	struct vioapic *io;
	uint64_t entry;     /* the guest's redirection entry */
	uint64_t delivered; /* messages sent, for the books */
	bool line;          /* level of an emulated device's line */
	bool emulated;      /* driven by an emulated device; the machine's pin is not the guest's */
};

#define VIOAPIC_WORDS ((VIOAPIC_PINS_MAX + 63) / 64)

struct vioapic {
	struct domain *domain;
	uint32_t index; /* of the machine's IO-APIC: arch_ioapic_read() */
	uint32_t gsi_base;
	uint32_t pins;
	uint32_t version; /* register 1 */
	uint32_t id;      /* register 0 as the guest sees it */
	uint32_t select;  /* IOREGSEL */
	gpa_t base;
	uint64_t in_service[VIOAPIC_WORDS]; /* pins whose remote IRR is set */
	struct vioapic_pin *pin;            /* heap, as long as the domain */
};

struct vioapics {
	struct vioapic io[VIOAPIC_MAX];
	unsigned count;
};

/* Model IO-APIC `index` of the machine at `base` and claim its page. -ENOMEM or a claim's error. */
int vioapic_add(struct domain *d, unsigned index, gpa_t base, uint32_t id,
		uint32_t gsi_base) MUST_CHECK;
/* GSI is driven by a device of ours from now on. -ENOENT when no IO-APIC has it, -EBUSY when bound.
 */
int vioapic_emulate_gsi(struct domain *d, uint32_t gsi) MUST_CHECK;
/* Level of an emulated device's line. */
void vioapic_set_line(struct domain *d, uint32_t gsi, bool level);
/* Entry of the guest's redirection table, for reports; -ENOENT. */
int vioapic_get_entry(struct domain *d, uint32_t gsi, uint64_t *entry) MUST_CHECK;
/* A vCPU's local APIC broadcast an EOI for a level-triggered vector. */
void vioapic_eoi(struct domain *d, unsigned vector);
/* Write the routing to the log. */
void vioapic_log(struct domain *d);

#endif
