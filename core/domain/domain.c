/* SPDX-License-Identifier: MIT */
/*
 * Creation of domains and their virtual processors. Everything starts empty:
 * the address space is one hole, no port is claimed, no IO-APIC is there; who
 * builds a domain fills it in.
 *
 * Deliberately not supported yet: destruction. The hardware domain's end is the
 * machine's.
 */
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/panic.h>

struct domain *hardware_domain;
struct domain *domain_list;

struct domain *domain_find(uint16_t id)
{
	struct domain *d = domain_list;

	while (d && d->id != id) {
		d = d->next;
	}
	return d;
}

struct domain *domain_create(uint16_t id, bool hardware, uint64_t address_limit, unsigned ranges)
{
	struct domain *d = heap_alloc(sizeof(*d));
	struct mem_range *storage = heap_alloc(ranges * sizeof(*storage));

	if (!d || !storage) {
		if (d) {
			heap_free(d);
		}
		if (storage) {
			heap_free(storage);
		}
		return NULL;
	}
	d->id = id;
	d->hardware = hardware;
	memmap_init(&d->memmap, d, storage, ranges, address_limit);
	d->next = domain_list;
	domain_list = d;
	if (hardware) {
		ASSERT(id == 0);
		hardware_domain = d;
	}
	return d;
}

int domain_add_vcpu(struct domain *d, uint32_t apic_id, unsigned cpu, bool x2apic)
{
	struct vcpu *v;

	if (d->vcpu_count == DOMAIN_VCPUS_MAX) {
		return -ENOSPC;
	}
	v = heap_alloc(sizeof(*v));
	if (!v) {
		return -ENOMEM;
	}
	v->domain = d;
	v->id = d->vcpu_count;
	v->cpu = cpu;
	v->life.state = v->id ? VCPU_WAITS : 0;
	vlapic_init(&v->lapic, v, apic_id, v->id == 0, x2apic);
	vtime_vcpu_init(v);
	event_vcpu_init(v);
	if (apic_id < DOMAIN_APIC_IDS) {
		d->by_apic_id[apic_id] = v;
	}
	d->vcpu[d->vcpu_count++] = v;
	return 0;
}
