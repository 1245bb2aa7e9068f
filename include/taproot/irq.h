/* SPDX-License-Identifier: MIT */
/*
 * Interrupt sources of the machine and their two mask states.
 *
 * A source (an IO-APIC pin, an MSI, an MSI-X entry) is open when both the
 * guest's mask and ours are clear. The guest programs a message (which vector
 * at which of its processors); the machine is programmed with a vector of
 * ours, and irq_source_fire() carries one to the other. Re-routing uses our
 * mask, so a guest never sees it and no interrupt is lost.
 */
#ifndef TAPROOT_IRQ_H
#define TAPROOT_IRQ_H

#include <taproot/lock.h>
#include <taproot/types.h>

struct vcpu;

enum irq_kind { IRQ_PIN, IRQ_MSI, IRQ_MSIX, IRQ_OURS };

struct irq_source;

/* The hardware side of a kind of source. mask and route are called with the source's lock held. */
struct irq_source_ops {
	/* Set or clear the mask in the machine. */
	void (*mask)(struct irq_source *src, bool masked);
	/* Program the machine to deliver at src->cpu / src->vector. Called with the source masked.
	 */
	void (*route)(struct irq_source *src);
	/*
	 * IRQ_PIN and IRQ_OURS: what to do instead of delivering the message;
	 * NULL: deliver msi_addr/msi_data. Called with no lock held.
	 */
	void (*fire)(struct irq_source *src);
};

/*
 * Part of its owner (a pin, a table entry), who serializes the calls that
 * change it: pci_lock for MSI and MSI-X, irq_lock for pins. `lock` is for
 * irq_source_fire(), which comes from any processor at any time.
 */
struct irq_source {
	struct lock lock;
	const struct irq_source_ops *ops;
	struct domain *domain;
	void *ctx;      /* of ops: the function, the IO-APIC ... */
	uint16_t index; /* pin or table entry */
	uint8_t kind;
	bool guest_masked; /* what the guest wants */
	bool host_masked;  /* what we want */
	bool bound;        /* has a vector of ours */
	bool level;
	bool same_vector; /* no mask bit: moves with its vector, by the address alone, or not at all */
	uint8_t vector;     /* ours */
	uint16_t cpu;       /* where */
	uint8_t old_vector; /* kept after a re-route until an interrupt came, as one may be in
			       flight */
	uint16_t old_cpu;
	bool old_bound;
	uint64_t msi_addr; /* the guest's message (PCI 3.0 6.8.1), as of when it was last open */
	uint32_t msi_data;
	uint64_t fired; /* how many times, for the books */
	/* Interrupt remapping (core/iommu/remap.c). */
	sbdf_t requester;         /* who sends it; pins: found by their IO-APIC */
	uint32_t remap;           /* number of its entry + 1; 0: none */
	uint16_t remap_requester; /* whom the entry accepts */
	uint8_t remap_verify;     /* enum remap_verify */
	bool remap_block;         /* its entry is one of a block, which its owner gives back */
};

void irq_source_init(struct irq_source *src, const struct irq_source_ops *ops, enum irq_kind kind,
		     struct domain *d, void *ctx, unsigned index);
/*
 * The guest's state of the source changed: mask and message. Binds a vector at
 * the first unmask, re-routes when the message goes to another processor,
 * opens or closes the machine's mask as both states say. When no vector is
 * left the source stays closed and the log says so. A message that comes with
 * guest_masked is not taken over: what is under way goes where the last open one said.
 */
void irq_source_update(struct irq_source *src, bool guest_masked, uint64_t msi_addr,
		       uint32_t msi_data);
/* Our own mask. */
void irq_source_hold(struct irq_source *src, bool masked);
/* Program the machine again with what it should have (after a reset of the device). */
void irq_source_restore(struct irq_source *src);
/* Give back the vector; closes the source. */
void irq_source_release(struct irq_source *src);
/* The machine's interrupt arrived. Called by the architecture with no lock held. */
void irq_source_fire(struct irq_source *src);

/*
 * A pin of one of the machine's IO-APICs (82093AA 3.2.4). `mode` holds the
 * polarity and trigger bits of its redirection entry (IRQ_PIN_*).
 */
#define IRQ_PIN_LOW   (1u << 13)
#define IRQ_PIN_LEVEL (1u << 15)

struct irq_pin {
	struct irq_source src; /* src.index: the pin */
	uint16_t ioapic;       /* number of the IO-APIC, as for arch_ioapic_read() */
	uint16_t mode;
};

/* The hardware side of pins; `fire` is the owner's. */
void irq_pin_mask(struct irq_source *src, bool masked);
void irq_pin_route(struct irq_source *src);
/* Polarity and trigger; programs the machine again when the pin is bound. */
void irq_pin_set_mode(struct irq_pin *pin, unsigned mode);

/* Delivery modes of messages, redirection entries, LVT and ICR (SDM 3A 11.6.1). */
enum irq_mode {
	IRQ_MODE_FIXED,
	IRQ_MODE_LOWEST,
	IRQ_MODE_SMI,
	IRQ_MODE_RESERVED,
	IRQ_MODE_NMI,
	IRQ_MODE_INIT,
	IRQ_MODE_STARTUP,
	IRQ_MODE_EXTINT,
};

#define IRQ_BROADCAST8  0xffu       /* of messages and xAPIC senders */
#define IRQ_BROADCAST32 0xffffffffu /* of x2APIC senders */

struct irq_message {
	uint32_t dest;
	uint32_t broadcast; /* which destination names all */
	uint8_t vector;
	uint8_t mode; /* enum irq_mode */
	bool logical;
	bool level;
	bool hint; /* one of the destinations suffices */
};

/*
 * Deliver to the domain's virtual local APICs; `except` is left out (NULL:
 * nobody). Returns how many accepted it.
 */
unsigned irq_deliver(struct domain *d, const struct irq_message *m, const struct vcpu *except);
/*
 * The machine's NMI line: to the vCPUs whose local APIC has LINT1 as an NMI and
 * open (SDM 3A 11.5.1), which the MADT says it is.
 */
void irq_deliver_nmi_pin(struct domain *d);
/* Take an MSI apart (SDM 3A 11.11, xAPIC format). False: not an interrupt address. */
bool irq_message_parse(uint64_t addr, uint32_t data, struct irq_message *m) MUST_CHECK;
/* Deliver a message to the domain's virtual local APICs (SDM 3A 11.11, xAPIC format). */
void irq_deliver_msi(struct domain *d, uint64_t addr, uint32_t data);
/* The processor on which the first vCPU the message names runs. */
unsigned irq_target_cpu(struct domain *d, uint64_t addr, uint32_t data);

#endif
