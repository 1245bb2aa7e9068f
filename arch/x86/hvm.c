// SPDX-License-Identifier: MIT
/*
 * The architecture's side of domains: nested tables that follow the memmap,
 * the shootdown of stale translations, kicks (the part of arch.h that needs
 * hardware virtualization).
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/iommu.h>
#include <taproot/log.h>
#include <taproot/pci.h>
#include "cpu.h"
#include "hvm.h"

const struct hvm_ops *hvm = &svm_ops;

unsigned hvm_phys_bits(void)
{
	return MIN((unsigned)cpu_features.phys_bits, 48u);
}

int hvm_domain_init(struct domain *d)
{
	struct nested_format format = nested_amd;
	int rc;

	d->arch = heap_alloc(sizeof(*d->arch));
	if (!d->arch) {
		return -ENOMEM;
	}
	format.has_1g = format.has_1g && cpu_features.gib_pages;
	rc = nested_init(&d->arch->npt, &format);
	if (rc == 0) {
		rc = nested_refill(&d->arch->npt, HVM_RESERVE_PAGES);
	}
	return rc ? rc : hvm->domain_init(d);
}

int hvm_vcpu_init(struct vcpu *v, const struct hvm_start *start)
{
	v->arch = heap_alloc(sizeof(*v->arch));
	if (!v->arch) {
		return -ENOMEM;
	}
	v->arch->rip = start ? start->entry : 0xfff0;
	hvm_msr_init(v);
	return hvm->vcpu_init(v, start);
}

void hvm_refill(struct domain *d)
{
	struct nested *n = &d->arch->npt;

	__atomic_store_n(&d->refill, false, __ATOMIC_SEQ_CST);
	if (iommu_refill(d)) {
		log_guest("d%u: no memory for tables of the IOMMU", d->id);
	}
	if (d->pci && pci_root_refill(d->pci)) {
		log_guest("d%u: no memory for PCI functions that appear", d->id);
	}
	memmap_follow_missed(d);
	lock_acquire(&d->mem_lock);
	if (n->reserve_count < HVM_RESERVE_PAGES / 2 && nested_refill(n, HVM_RESERVE_PAGES)) {
		log_error("d%u: no memory for nested page tables (%u pages free)", d->id,
			  (unsigned)page_free_count());
	}
	lock_release(&d->mem_lock);
}

/*
 * A vCPU outside the guest flushes when it enters; one inside is kicked out.
 * Processors that spin for a lock are outside, so a lock may be held here.
 */
unsigned hvm_shootdown(struct domain *d)
{
	unsigned kicked = 0;

	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpu[i];

		if (!v->arch) {
			continue;
		}
		__atomic_store_n(&v->arch->flush, 1, __ATOMIC_SEQ_CST);
		if (v->cpu != arch_cpu_this() &&
		    __atomic_load_n(&v->arch->in_guest, __ATOMIC_SEQ_CST)) {
			kicked++;
			smp_kick(v->cpu);
		}
	}
	/* Who enters meanwhile flushes first. */
	for (unsigned i = 0; kicked && i < d->vcpu_count; i++) {
		const struct vcpu *v = d->vcpu[i];

		while (v->arch && v->cpu != arch_cpu_this() &&
		       __atomic_load_n(&v->arch->in_guest, __ATOMIC_ACQUIRE) &&
		       __atomic_load_n(&v->arch->flush, __ATOMIC_ACQUIRE)) {
			cpu_pause();
		}
	}
	return kicked;
}

/* What a hypercall may not take for tables: trap paths, other hypercalls, what starts later. */
#define POOL_KEEP 96
/* What stays set aside between hypercalls, so that a series of them does not take and give. */
#define SERIES_PAGES 128

static void trim(struct domain *d, unsigned pages)
{
	nested_trim(&d->arch->npt, HVM_RESERVE_PAGES + pages);
	iommu_settle(d, pages);
}

int arch_memmap_prepare(struct domain *d, unsigned pages)
{
	int rc = iommu_prepare(d, pages);

	lock_assert(&d->mem_lock);
	if (rc == 0) {
		rc = nested_refill(&d->arch->npt, HVM_RESERVE_PAGES + pages);
	}
	if (rc || page_free_count() < POOL_KEEP) {
		trim(d, 0);
		return -ENOMEM;
	}
	return 0;
}

void arch_memmap_settle(struct domain *d)
{
	trim(d, SERIES_PAGES);
}

void arch_memmap_changed(struct domain *d, const struct memmap_change *changes, unsigned count)
{
	/* Not built yet: derived as a whole later. */
	if (d->arch && d->arch->npt.root) {
		memmap_follow(d, changes, count);
	}
}

/* When the reserve is used up, once more with what it has freed until now. */
static int sync_processors(struct domain *d, gpa_t start, gpa_t *end, unsigned work)
{
	struct nested *n = &d->arch->npt;
	gpa_t at = start;
	int rc = nested_sync_part(n, &d->memmap, &at, *end, work);

	if (rc && n->freed_count) {
		(void)hvm_shootdown(d);
		nested_flushed(n);
		at = start;
		rc = nested_sync_part(n, &d->memmap, &at, *end, work);
	}
	*end = at;
	return rc;
}

/* The work is shared by the trees. */
int arch_memmap_sync(struct domain *d, gpa_t *at, gpa_t end, unsigned *work)
{
	const struct nested *n = &d->arch->npt;
	unsigned tables;
	uint64_t enough = iommu_work(d, &tables) + n->work + *work;
	unsigned share = *work / (1 + tables);
	gpa_t stop = end;
	int rc = sync_processors(d, *at, &stop, share);
	int rc_devices = iommu_sync(d, *at, &stop, share);
	uint64_t done = iommu_work(d, &tables) + n->work;

	*work = stop.v < end.v || done >= enough ? 0 : (unsigned)(enough - done);
	*at = stop;
	return rc ? rc : rc_devices;
}

void arch_memmap_flush(struct domain *d)
{
	__atomic_store_n(&d->refill, true, __ATOMIC_RELAXED);
	(void)hvm_shootdown(d);
	nested_flushed(&d->arch->npt);
	iommu_flush(d);
}

void hvm_log_vcpus(struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (!vcpu_is_up(d->vcpu[i])) {
			log_info("vcpu%u: down", i);
		} else {
			hvm->log_state(d->vcpu[i]);
		}
	}
}

struct vcpu *arch_vcpu_current(const struct domain *d)
{
	struct vcpu *v = this_cpu()->vcpu;

	return v && v->domain == d ? v : NULL;
}

void arch_vcpu_kick(struct vcpu *v)
{
	/* On its own processor a vCPU is outside the guest now, and looks before it enters. */
	if (v->cpu != arch_cpu_this()) {
		smp_kick(v->cpu);
	}
}

void arch_domain_end(struct domain *d, unsigned reason)
{
	uint32_t running = DOMAIN_RUNNING;

	if (__atomic_compare_exchange_n(&d->end, &running, reason, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		for (unsigned i = 0; i < d->vcpu_count; i++) {
			arch_vcpu_kick(d->vcpu[i]);
		}
	}
}

void arch_domain_flush(struct domain *d)
{
	(void)hvm_shootdown(d);
}

uint64_t arch_tsc_offset(const struct vcpu *v)
{
	/* A vCPU is known to the core before it is built here. */
	return v->arch ? v->arch->tsc_offset : 0;
}

void arch_port_trap(struct domain *d, uint16_t first, uint32_t count, bool trap)
{
	for (uint32_t i = 0; i < count; i++) {
		hvm->port_trap(d, (uint16_t)(first + i), trap);
	}
}
