// SPDX-License-Identifier: MIT
/*
 * Vectors of each processor and the messages that reach them (SDM 3A 11.11,
 * APMv2 16.8). 0x30..0xef are given to interrupt sources. Every interrupt is
 * acknowledged at the local APIC here, at once, so no EOI of ours is ever
 * outstanding when a guest runs.
 *
 * Without interrupt remapping in x2APIC format a message has eight bits for
 * the APIC id.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/iommu.h>
#include <taproot/irq.h>
#include <taproot/lock.h>
#include <taproot/log.h>
#include <taproot/timer.h>
#include "cpu.h"
#include "lapic.h"
#include "x86.h"

#define MSI_ADDRESS     0xfee00000ull
#define APIC_ID_MSI_MAX 254 /* 255 is the broadcast */

static struct lock vector_lock;

int arch_vector_alloc(unsigned cpu, struct irq_source *src)
{
	struct pcpu *p = cpu < pcpu_count ? pcpus[cpu] : NULL;
	int rc = -ENOSPC;

	if (!p || (p->apic_id > APIC_ID_MSI_MAX && !iommu_remaps_wide())) {
		return -ENOSPC;
	}
	lock_acquire(&vector_lock);
	for (unsigned v = VECTOR_FIRST; v <= VECTOR_LAST; v++) {
		if (!p->vector[v]) {
			__atomic_store_n(&p->vector[v], src, __ATOMIC_RELEASE);
			rc = (int)v;
			break;
		}
	}
	lock_release(&vector_lock);
	return rc;
}

int arch_vector_alloc_at(unsigned cpu, unsigned vector, struct irq_source *src)
{
	struct pcpu *p = cpu < pcpu_count ? pcpus[cpu] : NULL;
	int rc = -ENOSPC;

	if (!p || p->apic_id > APIC_ID_MSI_MAX) {
		return -ENOSPC;
	}
	lock_acquire(&vector_lock);
	if (!p->vector[vector]) {
		__atomic_store_n(&p->vector[vector], src, __ATOMIC_RELEASE);
		rc = (int)vector;
	}
	lock_release(&vector_lock);
	return rc;
}

void arch_vector_free(unsigned cpu, unsigned vector)
{
	lock_acquire(&vector_lock);
	__atomic_store_n(&pcpus[cpu]->vector[vector], NULL, __ATOMIC_RELEASE);
	lock_release(&vector_lock);
}

void arch_msi_message(unsigned cpu, unsigned vector, uint64_t *addr, uint32_t *data)
{
	*addr = MSI_ADDRESS | (uint64_t)pcpus[cpu]->apic_id << 12;
	*data = vector;
}

uint64_t arch_ioapic_entry(unsigned cpu, unsigned vector)
{
	return (uint64_t)pcpus[cpu]->apic_id << 56 | vector;
}

static void error_interrupt(void)
{
	lapic_write(LAPIC_ESR, 0);
	log_guest("local APIC error, status %x", lapic_read(LAPIC_ESR));
}

static void own_interrupt(struct pcpu *p, unsigned vector)
{
	switch (vector) {
	case VECTOR_TIMER:
		timer_run();
		return;
	case VECTOR_CALL:
		smp_serve_calls();
		return;
	case VECTOR_KICK:
		return;
	case VECTOR_ERROR:
		error_interrupt();
		return;
	default:
		p->irq_unknown++;
		log_guest("interrupt on vector %x of cpu%u that belongs to nobody", vector, p->id);
	}
}

void irq_dispatch(unsigned vector)
{
	struct pcpu *p = this_cpu();
	struct irq_source *src;

	p->irq_count++;
	if (vector == VECTOR_SPURIOUS || vector < VECTOR_FIRST) {
		/* Spurious ones of local APIC and 8259: no EOI (SDM 3A 11.9). */
		return;
	}
	src = __atomic_load_n(&p->vector[vector], __ATOMIC_ACQUIRE);
	if (src && src->level) {
		/* Its pin is masked first: an EOI with the line still up would interrupt again. */
		irq_source_fire(src);
		lapic_eoi();
		return;
	}
	lapic_eoi();
	if (src) {
		irq_source_fire(src);
	} else {
		own_interrupt(p, vector);
	}
}
