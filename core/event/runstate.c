/* SPDX-License-Identifier: MIT */
/*
 * How long a vCPU was in which state (Xen public headers vcpu.h, struct
 * vcpu_runstate_info). Times are booked in nanoseconds of system time from one
 * reading to the next, so the four always add up to the vCPU's age.
 *
 * The guest's copy is written at each change: by linear address with the
 * vCPU's own page tables, where XEN_RUNSTATE_UPDATE brackets the update when
 * the guest asked for that by vm_assist; by physical address always with it.
 *
 * Deliberately not supported: RUNSTATE_runnable. Every vCPU has a processor of
 * its own, so it never waits for one.
 */
#include <taproot/arch.h>
#include <taproot/event.h>
#include <taproot/vtime.h>

#include "event_internal.h"

static void book(struct vtime *t, uint64_t now)
{
	/* Readings of several processors may be a few ticks apart. */
	if (now > t->runstate_since) {
		t->runstate_ns[t->runstate] += now - t->runstate_since;
		t->runstate_since = now;
	}
}

static void fill(const struct vtime *t, struct vcpu_runstate_info *r)
{
	*r = (struct vcpu_runstate_info){
		.state = (int)t->runstate,
		.state_entry_time = t->runstate_since,
	};
	for (unsigned i = 0; i < ARRAY_SIZE(r->time); i++) {
		r->time[i] = t->runstate_ns[i];
	}
}

static void copy_phys(struct vcpu_runstate_info *to, const struct vcpu_runstate_info *r)
{
	__atomic_store_n(&to->state_entry_time, r->state_entry_time | XEN_RUNSTATE_UPDATE,
			 __ATOMIC_SEQ_CST);
	__atomic_store_n(&to->state, r->state, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ARRAY_SIZE(r->time); i++) {
		__atomic_store_n(&to->time[i], r->time[i], __ATOMIC_RELAXED);
	}
	__atomic_store_n(&to->state_entry_time, r->state_entry_time, __ATOMIC_RELEASE);
}

/* False: the area is not mapped now, which is the guest's business. */
static bool copy_linear(struct vcpu *by, uint64_t to, struct vcpu_runstate_info *r, bool flag)
{
	uint64_t entry = r->state_entry_time;
	uint64_t at = to + offsetof(struct vcpu_runstate_info, state_entry_time);

	if (!flag) {
		return arch_copy_to_guest(by, to, r, sizeof(*r)) == 0;
	}
	r->state_entry_time |= XEN_RUNSTATE_UPDATE;
	return arch_copy_to_guest(by, at, &r->state_entry_time, sizeof(entry)) == 0 &&
	       arch_copy_to_guest(by, to, r, sizeof(*r)) == 0 &&
	       arch_copy_to_guest(by, at, &entry, sizeof(entry)) == 0;
}

/* `by`: the vCPU that runs here. vtime.lock held. */
static void publish(struct vcpu *v, struct vcpu *by)
{
	uint64_t assist = __atomic_load_n(&v->domain->vm_assist, __ATOMIC_RELAXED);
	struct vcpu_runstate_info r;

	lock_assert(&v->time.lock);
	fill(&v->time, &r);
	if (v->time.runstate_page) {
		copy_phys(v->time.runstate_page, &r);
	}
	if (v->time.runstate_area && by) {
		(void)copy_linear(by, v->time.runstate_area, &r,
				  assist >> VMASST_TYPE_runstate_update_flag & 1);
	}
}

void vtime_runstate(struct vcpu *v, uint32_t state)
{
	struct vtime *t = &v->time;

	if (!v->domain->event || state == t->runstate) {
		return;
	}
	lock_acquire(&t->lock);
	book(t, vtime_now(v->domain));
	t->runstate = state;
	publish(v, v);
	lock_release(&t->lock);
}

uint32_t vtime_get_runstate(struct vcpu *v, uint64_t *since, uint64_t ns[4])
{
	struct vtime *t = &v->time;
	uint64_t now;
	uint32_t state;

	lock_acquire(&t->lock);
	now = vtime_now(v->domain);
	state = t->runstate;
	*since = t->runstate_since;
	for (unsigned i = 0; i < ARRAY_SIZE(t->runstate_ns); i++) {
		ns[i] = t->runstate_ns[i];
	}
	ns[state] += now > *since ? now - *since : 0;
	lock_release(&t->lock);
	return state;
}

void vtime_register_runstate(struct vcpu *v, struct vcpu *caller, uint64_t linear)
{
	lock_acquire(&v->time.lock);
	v->time.runstate_area = linear;
	publish(v, caller);
	lock_release(&v->time.lock);
}

int vtime_register_runstate_phys(struct vcpu *v, uint64_t a)
{
	struct domain *d = v->domain;
	void *page = NULL;
	int rc = 0;

	lock_acquire(&d->mem_lock);
	if (a != UINT64_MAX) {
		rc = vtime_area_page(d, a, sizeof(struct vcpu_runstate_info), &page);
	}
	if (rc == 0) {
		lock_acquire(&v->time.lock);
		v->time.runstate_gpa = gpa(a);
		v->time.runstate_page = page;
		publish(v, NULL);
		lock_release(&v->time.lock);
	}
	lock_release(&d->mem_lock);
	return rc;
}

void vtime_vcpu_init(struct vcpu *v)
{
	struct vtime *t = &v->time;

	*t = (struct vtime){
		.runstate = RUNSTATE_offline,
		.runstate_since = v->domain->event ? vtime_now(v->domain) : 0,
		.runstate_gpa = GPA_NONE,
		.time_gpa = GPA_NONE,
	};
	pvtimer_init(v);
}

void vtime_reset(struct vcpu *v)
{
	struct vtime *t = &v->time;

	lock_acquire(&t->lock);
	t->runstate_area = 0;
	t->runstate_gpa = GPA_NONE;
	t->runstate_page = NULL;
	t->time_area = 0;
	t->time_gpa = GPA_NONE;
	t->time_page = NULL;
	lock_release(&t->lock);
	pvtimer_stop_singleshot(v);
	pvtimer_set_periodic(v, 0);
}
