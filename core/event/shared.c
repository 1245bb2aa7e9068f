/* SPDX-License-Identifier: MIT */
/*
 * Where shared_info and each vcpu_info are (Xen public headers xen.h, vcpu.h
 * VCPUOP_register_vcpu_info, memory.h XENMAPSPACE_shared_info): in a page of
 * ours at first, then in pages of the domain's RAM that it names. How events
 * survive a move is in upcall.c.
 *
 * The RAM behind a registered place cannot be given back (event_uses()),
 * which is why places are registered under mem_lock, so its address in our
 * view stays good without looking it up again. A page that is left is the guest's
 * alone once no processor is in the middle of an access to it: the guest hears of the
 * move after that (arch_quiesce()).
 *
 * Deliberately not supported: unmapping shared_info; a soft reset takes it back.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/event.h>
#include <taproot/heap.h>
#include <taproot/string.h>

#include "event_internal.h"

/* The vcpu_info of a vCPU that named no place. */
static struct vcpu_info *info_default(struct vcpu *v, struct shared_info *s)
{
	return v->id < XEN_LEGACY_MAX_VCPUS ? &s->vcpu_info[v->id]
					    : (struct vcpu_info *)v->event.own;
}

void event_vcpu_init(struct vcpu *v)
{
	struct event_domain *e = v->domain->event;
	struct event_vcpu *ev = &v->event;

	ev->info_gpa = GPA_NONE;
	ev->poll_until = UINT64_MAX;
	event_poll_init(v);
	if (e) {
		ev->info = info_default(v, e->shared);
		ev->callback_vector = e->callback_vector;
		vtime_update(v);
	}
}

int event_domain_init(struct domain *d)
{
	struct event_domain *e = heap_alloc(sizeof(*e));

	if (!e) {
		return -ENOMEM;
	}
	e->own = page_alloc();
	e->port[0] = page_alloc();
	if (!e->own || !e->port[0]) {
		if (e->own) {
			page_free(e->own);
		}
		heap_free(e);
		return -ENOMEM;
	}
	e->shared = e->own;
	e->shared_gpa = GPA_NONE;
	e->free_from = 1;
	e->port[0][0] = (union event_port){.state = PORT_RESERVED}.word;
	d->event = e;
	vtime_domain_init(d);
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		event_vcpu_init(d->vcpu[i]);
	}
	return 0;
}

static void copy_words(void *to, const void *from, size_t size)
{
	uint64_t *t = to;
	const uint64_t *f = from;

	for (size_t i = 0; i < size / sizeof(*t); i++) {
		__atomic_store_n(&t[i], __atomic_load_n(&f[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
	}
}

/* `v`'s vcpu_info is `to` from now on; what was set in the old one meanwhile is taken over. */
static void info_move(struct vcpu *v, struct vcpu_info *to)
{
	struct vcpu_info *from = event_info(v);

	if (from == to) {
		return;
	}
	copy_words(to, from, sizeof(*to));
	__atomic_store_n(&v->event.info, to, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&to->evtchn_pending_sel,
			  __atomic_load_n(&from->evtchn_pending_sel, __ATOMIC_SEQ_CST),
			  __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&from->evtchn_upcall_pending, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&to->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	}
	vtime_update(v);
}

static void shared_move(struct domain *d, struct shared_info *to, gpa_t a)
{
	struct event_domain *e = d->event;
	struct shared_info *from = e->shared;

	lock_assert(&e->lock);
	if (from != to) {
		copy_words(to, from, sizeof(*to));
		__atomic_store_n(&e->shared, to, __ATOMIC_SEQ_CST);
		for (unsigned i = 0; i < ARRAY_SIZE(to->evtchn_pending); i++) {
			__atomic_fetch_or(
				&to->evtchn_pending[i],
				__atomic_load_n(&from->evtchn_pending[i], __ATOMIC_SEQ_CST),
				__ATOMIC_SEQ_CST);
		}
		vtime_write_wallclock(e);
	}
	e->shared_gpa = a;
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (d->vcpu[i]->event.info_gpa.v == UINT64_MAX) {
			info_move(d->vcpu[i], info_default(d->vcpu[i], to));
		}
	}
	event_tell_again(d);
}

int event_move_shared_info(struct domain *d, gpa_t a)
{
	struct event_domain *e = d->event;
	gpa_t before = GPA_NONE;
	void *page;

	if (!e || a.v % PAGE_SIZE) {
		return -EINVAL;
	}
	lock_acquire(&d->mem_lock);
	page = arch_guest_ram(d, a);
	if (page) {
		lock_acquire(&e->lock);
		before = e->shared_gpa;
		shared_move(d, page, a);
		lock_release(&e->lock);
	}
	lock_release(&d->mem_lock);
	if (before.v != UINT64_MAX && before.v != a.v) {
		arch_quiesce();
	}
	return page ? 0 : -EINVAL;
}

int event_register_vcpu_info(struct vcpu *v, bool self, uint64_t gfn, uint32_t offset)
{
	struct domain *d = v->domain;
	struct event_domain *e = d->event;
	gpa_t a = gpa((gfn << PAGE_SHIFT) + offset);
	int rc = -EINVAL;
	void *place;

	if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || offset % sizeof(uint64_t)) {
		return -ENXIO;
	}
	/* Once only, by the vCPU itself or while it does not run. */
	if (gfn > UINT64_MAX >> PAGE_SHIFT || (!self && vcpu_is_up(v))) {
		return -EINVAL;
	}
	lock_acquire(&d->mem_lock);
	place = arch_guest_ram(d, a);
	lock_acquire(&e->lock);
	if (place && v->event.info_gpa.v == UINT64_MAX) {
		v->event.info_gpa = a;
		info_move(v, place);
		event_lapic_enabled(v);
		rc = 0;
	}
	lock_release(&e->lock);
	lock_release(&d->mem_lock);
	return rc;
}

/* A registered place lies in one page. */
static bool within(gpa_t place, gpa_t a, uint64_t size)
{
	return place.v != UINT64_MAX && place.v - a.v < size;
}

bool event_uses(const struct domain *d, gpa_t a, uint64_t size)
{
	const struct event_domain *e = d->event;

	if (!e) {
		return false;
	}
	if (within(e->shared_gpa, a, size)) {
		return true;
	}
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		const struct vcpu *v = d->vcpu[i];

		if (within(v->event.info_gpa, a, size) || within(v->time.runstate_gpa, a, size) ||
		    within(v->time.time_gpa, a, size)) {
			return true;
		}
	}
	return false;
}

void event_reset(struct domain *d)
{
	struct event_domain *e = d->event;

	if (!e) {
		return;
	}
	(void)event_close_all(d, EVENT_PORTS);
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		vtime_reset(d->vcpu[i]);
	}
	lock_acquire(&d->mem_lock);
	lock_acquire(&e->lock);
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct event_vcpu *ev = &d->vcpu[i]->event;

		ev->info_gpa = GPA_NONE;
		__atomic_store_n(&ev->upcall_vector, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&ev->callback_vector, 0, __ATOMIC_SEQ_CST);
	}
	e->callback_vector = 0;
	shared_move(d, e->own, GPA_NONE);
	memset(e->own->evtchn_pending, 0, sizeof(e->own->evtchn_pending));
	memset(e->own->evtchn_mask, 0, sizeof(e->own->evtchn_mask));
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vcpu_info *info = event_info(d->vcpu[i]);

		__atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	}
	lock_release(&e->lock);
	lock_release(&d->mem_lock);
	arch_quiesce();
}

uint64_t event_shared_info_frame(const struct domain *d)
{
	uint64_t a = UINT64_MAX;

	if (d->event) {
		a = __atomic_load_n(&d->event->shared_gpa.v, __ATOMIC_RELAXED);
	}
	return a == UINT64_MAX ? UINT64_MAX : a / PAGE_SIZE;
}
