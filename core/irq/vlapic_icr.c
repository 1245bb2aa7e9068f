/* SPDX-License-Identifier: MIT */
/*
 * Interprocessor interrupts of a virtual local APIC (SDM 3A 11.6.1, 11.12.9;
 * APMv2 16.5): fixed, lowest priority and NMI, all shorthands, to the vCPUs of
 * the domain. Delivery is immediate, so the delivery status is always idle.
 *
 * Deliberately not supported: INIT and start-up to vCPUs that exist (a domain
 * starts with all the vCPUs it will have running or none beside the first);
 * they and SMI are logged and dropped. To processors that do not exist they
 * have no effect, as on a machine.
 */
#include <taproot/domain.h>
#include <taproot/irq.h>
#include <taproot/log.h>

#include "vlapic_internal.h"

#define ICR_LOGICAL   (1u << 11)
#define ICR_ASSERT    (1u << 14)
#define ICR_LEVEL     (1u << 15)
#define ICR_SHORTHAND 18

enum icr_shorthand { ICR_DEST, ICR_SELF, ICR_ALL, ICR_OTHERS };

/* Is there a vCPU, other than `except`, that the message names? */
static bool vlapic_any_target(const struct domain *d, const struct irq_message *m,
			      const struct vcpu *except)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (d->vcpu[i] != except &&
		    vlapic_matches(&d->vcpu[i]->lapic, m->dest, m->logical, m->broadcast)) {
			return true;
		}
	}
	return false;
}

/* INIT, start-up and SMI: nothing happens, which is right where nobody is meant. */
static void vlapic_send_start(struct vlapic *l, const struct irq_message *m,
			      const struct vcpu *except)
{
	struct vcpu *v = l->vcpu;

	if (vlapic_any_target(v->domain, m, except)) {
		log_guest("vlapic: d%uv%u: IPI %#llx (delivery mode %u) has no effect",
			  v->domain->id, v->id, (unsigned long long)l->icr, m->mode);
	}
}

static void vlapic_send(struct vlapic *l, const struct irq_message *m, const struct vcpu *except)
{
	switch (m->mode) {
	case IRQ_MODE_FIXED:
	case IRQ_MODE_LOWEST:
		if (m->vector < 16) {
			vlapic_error(l, ESR_SEND_VECTOR);
			return;
		}
		(void)irq_deliver(l->vcpu->domain, m, except);
		return;
	case IRQ_MODE_NMI:
		(void)irq_deliver(l->vcpu->domain, m, except);
		return;
	case IRQ_MODE_INIT:
		/* INIT level de-assert only synchronizes arbitration IDs of old parts. */
		if ((l->icr & ICR_LEVEL) && !(l->icr & ICR_ASSERT)) {
			return;
		}
		vlapic_send_start(l, m, except);
		return;
	default:
		vlapic_send_start(l, m, except);
		return;
	}
}

void vlapic_send_icr(struct vlapic *l)
{
	uint32_t low = (uint32_t)l->icr;
	uint32_t high = (uint32_t)(l->icr >> 32);
	bool x2apic = vlapic_is_x2apic(l);
	struct irq_message m = {
		.dest = x2apic ? high : high >> 24,
		.broadcast = x2apic ? IRQ_BROADCAST32 : IRQ_BROADCAST8,
		.vector = (uint8_t)low,
		.mode = (low >> 8) & 7,
		.logical = low & ICR_LOGICAL,
	};

	switch ((enum icr_shorthand)((low >> ICR_SHORTHAND) & 3)) {
	case ICR_SELF:
		m.dest = l->id;
		m.logical = false;
		m.broadcast = IRQ_BROADCAST32;
		vlapic_send(l, &m, NULL);
		return;
	case ICR_ALL:
		m.dest = m.broadcast;
		vlapic_send(l, &m, NULL);
		return;
	case ICR_OTHERS:
		m.dest = m.broadcast;
		vlapic_send(l, &m, l->vcpu);
		return;
	case ICR_DEST:
	default:
		vlapic_send(l, &m, NULL);
		return;
	}
}

void vlapic_send_self(struct vlapic *l, unsigned vector)
{
	if (vector < 16) {
		vlapic_error(l, ESR_SEND_VECTOR);
		return;
	}
	(void)vlapic_accept(l, vector, false);
}
