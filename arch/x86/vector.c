// SPDX-License-Identifier: MIT
/*
 * Vectors of each processor and the messages that reach them (SDM 3A 11.11,
 * APMv2 16.8). 0x30..0xef are given to interrupt sources. Every interrupt is
 * acknowledged at the local APIC here, at once, so no EOI of ours is ever
 * outstanding when a guest runs.
 *
 * A vector that was freed is retired first: its processor gives it back when
 * it finds none pending there (SDM 3A 11.8.4, IRR).
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
#include "svm.h"
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

static bool is_retired(const struct pcpu *p, unsigned vector)
{
	return p->retired[vector / 32] >> vector % 32 & 1;
}

int arch_vector_alloc_at(unsigned cpu, unsigned vector, struct irq_source *src)
{
	struct pcpu *p = cpu < pcpu_count ? pcpus[cpu] : NULL;
	int rc = -ENOSPC;

	if (!p || p->apic_id > APIC_ID_MSI_MAX) {
		return -ENOSPC;
	}
	lock_acquire(&vector_lock);
	if (p->vector[vector] == src && is_retired(p, vector)) {
		p->retired[vector / 32] &= ~(1u << vector % 32); /* back to where it came from */
		rc = (int)vector;
	} else if (!p->vector[vector]) {
		__atomic_store_n(&p->vector[vector], src, __ATOMIC_RELEASE);
		rc = (int)vector;
	}
	lock_release(&vector_lock);
	return rc;
}

/* Give back this processor's retired vectors, but those with an interrupt to be taken. */
static COLD void vector_drain(struct pcpu *p)
{
	bool left = false;

	lock_acquire(&vector_lock);
	for (unsigned word = 0; word < VECTOR_COUNT / 32; word++) {
		uint32_t pending = p->retired[word] ? lapic_read(LAPIC_IRR + 16 * word) : 0;
		uint32_t done = p->retired[word] & ~pending;

		for (uint32_t bits = done; bits; bits &= bits - 1) {
			__atomic_store_n(&p->vector[word * 32 + (unsigned)__builtin_ctz(bits)],
					 NULL, __ATOMIC_RELEASE);
		}
		p->retired[word] &= pending;
		left = left || p->retired[word];
	}
	p->retiring = left;
	lock_release(&vector_lock);
}

void arch_vector_free(unsigned cpu, unsigned vector)
{
	struct pcpu *p = pcpus[cpu];

	lock_acquire(&vector_lock);
	p->retired[vector / 32] |= 1u << vector % 32;
	p->retiring = true;
	lock_release(&vector_lock);
	if (p == this_cpu()) {
		vector_drain(p);
	} else {
		smp_kick(cpu);
	}
}

unsigned vector_count(void)
{
	unsigned count = 0;

	for (unsigned cpu = 0; cpu < pcpu_count; cpu++) {
		lock_acquire(&vector_lock);
		for (unsigned v = VECTOR_FIRST; v <= VECTOR_LAST; v++) {
			count += pcpus[cpu]->vector[v] && !is_retired(pcpus[cpu], v);
		}
		lock_release(&vector_lock);
	}
	return count;
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

static void dispatch(struct pcpu *p, unsigned vector)
{
	struct irq_source *src;

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

void irq_dispatch(unsigned vector)
{
	struct pcpu *p = this_cpu();

	p->irq_count++;
	dispatch(p, vector);
	if (__builtin_expect(__atomic_load_n(&p->retiring, __ATOMIC_RELAXED), 0)) {
		vector_drain(p);
	}
}

/* The highest interrupt in service (SDM 3A 11.8.4), though nobody serves it: from its beginning. */
static COLD void serve_again(struct pcpu *p)
{
	for (unsigned word = VECTOR_COUNT / 32; word-- > 0;) {
		uint32_t isr = lapic_read(LAPIC_ISR + 16 * word);

		if (isr) {
			unsigned vector = 32 * word + 31 - (unsigned)__builtin_clz(isr);

			log_guest("cpu%u: vector %x in service at rest, served once more", p->id,
				  vector);
			if (vector < VECTOR_FIRST || vector == VECTOR_SPURIOUS) {
				lapic_eoi();
			} else {
				irq_dispatch(vector);
			}
			return;
		}
	}
}

bool irq_rest(void)
{
	if (!svm_caps.emulated || lapic_is_x2apic() || !(lapic_read(LAPIC_PPR) >> 4)) {
		return false;
	}
	serve_again(this_cpu());
	return true;
}
