/* SPDX-License-Identifier: MIT */
/*
 * What the files of the virtual IO-APIC share: the redirection entry (82093AA
 * 3.2.4) and register numbers (82093AA 3.1). For core/irq/vioapic*.c only.
 */
#ifndef TAPROOT_CORE_IRQ_VIOAPIC_INTERNAL_H
#define TAPROOT_CORE_IRQ_VIOAPIC_INTERNAL_H

#include <taproot/ioreq.h>
#include <taproot/vioapic.h>

#define IOAPIC_REG_ID          0x00
#define IOAPIC_REG_VERSION     0x01
#define IOAPIC_REG_ARBITRATION 0x02
#define IOAPIC_REG_ENTRY       0x10

#define RTE_VECTOR     0xffull
#define RTE_MODE(e)    (((e) >> 8) & 7)
#define RTE_LOGICAL    (1ull << 11)
#define RTE_LOW        (1ull << 13)
#define RTE_REMOTE_IRR (1ull << 14)
#define RTE_LEVEL      (1ull << 15)
#define RTE_MASKED     (1ull << 16)
#define RTE_DEST_SHIFT 56
/* All but delivery status and remote IRR, which are the IO-APIC's, and reserved bits. */
#define RTE_WRITABLE (0xffull << RTE_DEST_SHIFT | 0x1afffull)

extern const struct mmio_ops vioapic_mmio_ops;

/* The guest wrote the entry of a pin. irq_lock is held. */
void vioapic_write_entry(struct vioapic_pin *p, uint64_t entry);
/* The EOI of a level vector, for one IO-APIC. irq_lock is held. */
void vioapic_eoi_one(struct vioapic *io, unsigned vector);

#endif
