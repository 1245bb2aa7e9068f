/* SPDX-License-Identifier: MIT */
/*
 * System time and wall clock (Xen public headers xen.h: struct vcpu_time_info,
 * wc_* of struct shared_info). A guest computes the time from its TSC by a
 * multiplier and a shift; the hypervisor computes it by the same two numbers
 * from arch_time(), so that both agree to the nanosecond for ever and nothing
 * has to be adjusted: what a vCPU is told changes only with its TSC offset.
 *
 * A record is written between two odd-even steps of its version, which is kept
 * by us: the guest may scribble over its copy, not over what we write next.
 *
 * Deliberately not supported: machines whose time stamp counters differ or
 * change their rate; where the counter is not invariant, TSC_STABLE is not set
 * and guests order the vCPUs' readings themselves.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/event.h>
#include <taproot/string.h>
#include <taproot/vtime.h>

#include "event_internal.h"

#define NS_PER_SECOND 1000000000ull

/*
 * ns = (ticks * 2^shift) * mul / 2^32 with mul in [2^31, 2^32): the most exact
 * form there is. Division by hand: 2^62 over a rate that may be any.
 */
static void time_scale(struct event_domain *e, uint64_t hz)
{
	uint64_t part = NS_PER_SECOND, whole = hz;
	uint32_t mul = 0;

	e->time_shift = 0;
	for (; part >= whole; whole <<= 1) {
		e->time_shift++;
	}
	for (; part << 1 < whole; part <<= 1) {
		e->time_shift--;
	}
	for (unsigned i = 0; i < 32; i++) {
		part <<= 1;
		mul <<= 1;
		if (part >= whole) {
			part -= whole;
			mul |= 1;
		}
	}
	e->time_mul = mul;
}

/* System time at `ticks`, as a guest computes it. */
static uint64_t time_at(const struct event_domain *e, uint64_t ticks)
{
	uint64_t delta = ticks - e->time_base;

	delta = e->time_shift < 0 ? delta >> -e->time_shift : delta << e->time_shift;
	return (uint64_t)((unsigned __int128)delta * e->time_mul >> 32);
}

uint64_t vtime_now(const struct domain *d)
{
	return d->event ? time_at(d->event, arch_time()) : timer_ticks_to_ns(arch_time());
}

uint64_t vtime_to_ticks(const struct domain *d, uint64_t ns)
{
	uint64_t ticks = arch_time();
	uint64_t now = time_at(d->event, ticks);

	if (ns <= now) {
		return ticks;
	}
	/* One more, so that it is not early by what the division drops. */
	if (__builtin_add_overflow(ticks, timer_ns_to_ticks(ns - now), &ticks) ||
	    ticks == UINT64_MAX) {
		return UINT64_MAX;
	}
	return ticks + 1;
}

static void time_write(struct vcpu_time_info *to, const struct vcpu_time_info *t)
{
	__atomic_store_n(&to->version, t->version - 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&to->tsc_timestamp, t->tsc_timestamp, __ATOMIC_RELAXED);
	__atomic_store_n(&to->system_time, t->system_time, __ATOMIC_RELAXED);
	__atomic_store_n(&to->tsc_to_system_mul, t->tsc_to_system_mul, __ATOMIC_RELAXED);
	__atomic_store_n(&to->tsc_shift, t->tsc_shift, __ATOMIC_RELAXED);
	__atomic_store_n(&to->flags, t->flags, __ATOMIC_RELAXED);
	__atomic_store_n(&to->version, t->version, __ATOMIC_RELEASE);
}

/*
 * The copy at the linear address, by the page tables of `by`, which runs here.
 * False: it is not mapped now, which is the guest's business.
 */
static bool time_copy(struct vcpu *by, uint64_t to, const struct vcpu_time_info *t)
{
	uint32_t version = t->version - 1;

	return arch_copy_to_guest(by, to, &version, sizeof(version)) == 0 &&
	       arch_copy_to_guest(by, to + sizeof(version), (const char *)t + sizeof(version),
				  sizeof(*t) - sizeof(version)) == 0 &&
	       arch_copy_to_guest(by, to, &t->version, sizeof(t->version)) == 0;
}

/* Write the time wherever the guest has it. `by`: the vCPU that runs here. vtime.lock held. */
static void time_publish(struct vcpu *v, struct vcpu *by)
{
	struct event_domain *e = v->domain->event;
	struct vcpu_time_info t = {
		.version = v->time.version += 2,
		.tsc_timestamp = e->time_base + arch_tsc_offset(v),
		.tsc_to_system_mul = e->time_mul,
		.tsc_shift = e->time_shift,
		.flags = arch_time_stable() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
	};

	lock_assert(&v->time.lock);
	time_write(&event_info(v)->time, &t);
	if (v->time.time_page) {
		time_write(v->time.time_page, &t);
	}
	if (by && v->time.time_area) {
		(void)time_copy(by, v->time.time_area, &t);
	}
}

void vtime_update(struct vcpu *v)
{
	if (!v->domain->event) {
		return;
	}
	lock_acquire(&v->time.lock);
	time_publish(v, v->arch && v->cpu == arch_cpu_this() ? v : NULL);
	lock_release(&v->time.lock);
}

/* ---- wall clock ---- */

void vtime_write_wallclock(struct event_domain *e)
{
	struct shared_info *s = event_shared(e);

	e->wallclock_version += 2;
	__atomic_store_n(&s->wc_version, e->wallclock_version - 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&s->wc_sec, (uint32_t)e->wallclock_sec, __ATOMIC_RELAXED);
	__atomic_store_n(&s->wc_sec_hi, (uint32_t)(e->wallclock_sec >> 32), __ATOMIC_RELAXED);
	__atomic_store_n(&s->wc_nsec, e->wallclock_nsec, __ATOMIC_RELAXED);
	__atomic_store_n(&s->wc_version, e->wallclock_version, __ATOMIC_RELEASE);
}

void vtime_set_wallclock(struct domain *d, uint64_t sec, uint32_t nsec)
{
	struct event_domain *e = d->event;

	if (!e) {
		return;
	}
	lock_acquire(&e->lock);
	e->wallclock_sec = sec;
	e->wallclock_nsec = nsec;
	vtime_write_wallclock(e);
	lock_release(&e->lock);
}

/* ---- creation and areas ---- */

void vtime_domain_init(struct domain *d)
{
	struct event_domain *e = d->event;

	e->time_base = arch_time();
	time_scale(e, arch_time_hz());
	vtime_set_wallclock(d, arch_wallclock(), 0);
}

int vtime_area_page(struct domain *d, uint64_t a, size_t size, void **out)
{
	lock_assert(&d->mem_lock);
	if (a % sizeof(uint64_t) || a % PAGE_SIZE > PAGE_SIZE - size) {
		return -ENXIO;
	}
	*out = arch_guest_ram(d, gpa(a));
	return *out ? 0 : -EINVAL;
}

void vtime_register_time(struct vcpu *v, struct vcpu *caller, uint64_t linear)
{
	lock_acquire(&v->time.lock);
	v->time.time_area = linear;
	time_publish(v, caller);
	lock_release(&v->time.lock);
}

int vtime_register_time_phys(struct vcpu *v, uint64_t a)
{
	struct domain *d = v->domain;
	void *page = NULL;
	int rc = 0;

	lock_acquire(&d->mem_lock);
	if (a != UINT64_MAX) {
		rc = vtime_area_page(d, a, sizeof(struct vcpu_time_info), &page);
	}
	if (rc == 0) {
		lock_acquire(&v->time.lock);
		v->time.time_gpa = gpa(a);
		v->time.time_page = page;
		time_publish(v, NULL);
		lock_release(&v->time.lock);
	}
	lock_release(&d->mem_lock);
	return rc;
}
