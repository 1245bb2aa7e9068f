/* SPDX-License-Identifier: MIT */
/*
 * Interprocessor interrupts of a virtual local APIC (SDM 3A 11.6.1, 11.12.9;
 * APMv2 16.5): fixed, lowest priority, NMI, INIT and start-up, all shorthands,
 * to the vCPUs of the domain. Delivery is immediate, so the delivery status
 * is always idle.
 *
 * INIT and start-up messages with the shorthands that include the sender are
 * no valid combinations (SDM 3A table 11-3, 11-4) and have no effect.
 *
 * Deliberately not supported: SMI and reserved delivery modes; they are logged
 * and dropped. To processors that do not exist they have no effect, as on a
 * machine.
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

/* INIT, start-up, SMI: to each vCPU that the message names, other than `except`. */
static void vlapic_send_start(struct vlapic *l, const struct irq_message *m,
			      const struct vcpu *except)
{
	struct domain *d = l->vcpu->domain;

	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v == except ||
		    !vlapic_matches(&v->lapic, m->dest, m->logical, m->broadcast)) {
			continue;
		}
		if (m->mode == IRQ_MODE_INIT) {
			vcpu_send_init(v);
		} else if (m->mode == IRQ_MODE_STARTUP) {
			vcpu_send_startup(v, m->vector);
		} else {
			log_guest("vlapic: d%uv%u: IPI %#llx (delivery mode %u) has no effect",
				  d->id, l->vcpu->id, (unsigned long long)l->icr, m->mode);
		}
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

static bool vlapic_is_start(unsigned mode)
{
	return mode == IRQ_MODE_INIT || mode == IRQ_MODE_STARTUP;
}

void vlapic_send_icr(struct vlapic *l)
{
	uint32_t low = (uint32_t)l->icr;
	uint32_t high = (uint32_t)(l->icr >> 32);
	bool x2apic = vlapic_is_x2apic(l);
	enum icr_shorthand shorthand = (low >> ICR_SHORTHAND) & 3;
	struct irq_message m = {
		.dest = x2apic ? high : high >> 24,
		.broadcast = x2apic ? IRQ_BROADCAST32 : IRQ_BROADCAST8,
		.vector = (uint8_t)low,
		.mode = (low >> 8) & 7,
		.logical = low & ICR_LOGICAL,
	};

	if (vlapic_is_start(m.mode) && (shorthand == ICR_SELF || shorthand == ICR_ALL)) {
		return;
	}
	switch (shorthand) {
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
