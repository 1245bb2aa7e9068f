/* SPDX-License-Identifier: MIT */
/*
 * Interrupt messages of a domain: from an address and data, or a redirection
 * entry in that form, to the virtual local APICs they name (SDM 3A 11.11,
 * 11.6.2; APMv2 16.6).
 *
 * "Lowest priority" goes to the enabled destination with the lowest TPR, the
 * first of equals, so that irq_target_cpu() can foresee it.
 *
 * Deliberately not supported: SMI (no virtual SMM), ExtINT (no virtual PIC),
 * INIT and start-up messages from devices; they are logged and dropped.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/irq.h>
#include <taproot/log.h>

#include "vlapic_internal.h"

bool irq_message_parse(uint64_t addr, uint32_t data, struct irq_message *m)
{
	*m = (struct irq_message){
		.dest = (uint32_t)(addr >> 12) & 0xff,
		.broadcast = IRQ_BROADCAST8,
		.logical = addr & (1u << 2),
		.hint = addr & (1u << 3),
		.vector = (uint8_t)data,
		.mode = (data >> 8) & 7,
		.level = data & (1u << 15),
	};
	return addr >> 20 == 0xfee;
}

/* The only vCPU that `m` can name when that is plain from its form, or NULL. */
static struct vcpu *irq_single_target(struct domain *d, const struct irq_message *m)
{
	struct vcpu *v;

	if (m->logical || m->dest == m->broadcast || m->dest >= DOMAIN_APIC_IDS) {
		return NULL;
	}
	v = d->by_apic_id[m->dest];
	return v && vlapic_matches(&v->lapic, m->dest, false, m->broadcast) ? v : NULL;
}

/* Hand the message to one local APIC. */
static bool irq_deliver_one(struct vcpu *v, const struct irq_message *m)
{
	switch (m->mode) {
	case IRQ_MODE_FIXED:
	case IRQ_MODE_LOWEST:
		return vlapic_accept(&v->lapic, m->vector, m->level);
	case IRQ_MODE_NMI:
		vlapic_accept_nmi(&v->lapic);
		return true;
	default:
		log_guest("irq: d%u: message of delivery mode %u has no effect", v->domain->id,
			  m->mode);
		return false;
	}
}

/* The destination that an arbitration by priority finds; NULL when there is none. */
static struct vcpu *irq_lowest_target(struct domain *d, const struct irq_message *m,
				      const struct vcpu *except)
{
	struct vcpu *best = NULL;
	uint32_t best_tpr = UINT32_MAX;

	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v == except || !vlapic_enabled(&v->lapic) ||
		    !vlapic_matches(&v->lapic, m->dest, m->logical, m->broadcast)) {
			continue;
		}
		uint32_t tpr = __atomic_load_n(&v->lapic.tpr, __ATOMIC_RELAXED);
		if (tpr < best_tpr) {
			best = v;
			best_tpr = tpr;
		}
	}
	return best;
}

unsigned irq_deliver(struct domain *d, const struct irq_message *m, const struct vcpu *except)
{
	struct vcpu *single = irq_single_target(d, m);
	unsigned count = 0;

	if (single) {
		return single != except && irq_deliver_one(single, m);
	}
	if (m->mode == IRQ_MODE_LOWEST || m->hint) {
		struct vcpu *v = irq_lowest_target(d, m, except);

		return v && irq_deliver_one(v, m);
	}
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v != except && vlapic_matches(&v->lapic, m->dest, m->logical, m->broadcast)) {
			count += irq_deliver_one(v, m);
		}
	}
	return count;
}

void irq_deliver_nmi_pin(struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vlapic *l = &d->vcpu[i]->lapic;
		uint32_t lvt = __atomic_load_n(&l->lvt[LVT_LINT1], __ATOMIC_RELAXED);

		if (!(lvt & LVT_MASKED) && (lvt >> 8 & 7) == IRQ_MODE_NMI) {
			vlapic_accept_nmi(l);
		}
	}
}

void irq_deliver_msi(struct domain *d, uint64_t addr, uint32_t data)
{
	struct irq_message m;

	if (!irq_message_parse(addr, data, &m)) {
		log_guest("irq: d%u: message to %#llx (data %#x) is no interrupt", d->id,
			  (unsigned long long)addr, data);
		return;
	}
	(void)irq_deliver(d, &m, NULL);
}

unsigned irq_target_cpu(struct domain *d, uint64_t addr, uint32_t data)
{
	struct irq_message m;
	struct vcpu *v = NULL;

	if (irq_message_parse(addr, data, &m)) {
		v = irq_single_target(d, &m);
		if (!v) {
			v = irq_lowest_target(d, &m, NULL);
		}
	}
	if (!v) {
		v = d->vcpu[0];
	}
	return v ? v->cpu : 0;
}
