/* SPDX-License-Identifier: MIT */
/*
 * PV timers: one single-shot and one periodic timer a vCPU, both raise
 * VIRQ_TIMER (Xen public headers vcpu.h VCPUOP_set_*_timer, xen.h set_timer_op).
 * They are on the timer queue of the processor that set them: the vCPU's own
 * for single-shot ones, which only the vCPU itself may set.
 *
 * Deliberately not supported: periods below a millisecond (-EINVAL, as the ABI
 * allows).
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/event.h>
#include <taproot/hypercall.h>
#include <taproot/vtime.h>

#include "event_internal.h"

/* What set_timer_op does with a deadline that makes no sense: kernels of old passed such. */
#define FAR_AWAY_NS (1ull << 50)
#define FALLBACK_NS 100000000ull

static void singleshot_fire(struct timer *t)
{
	struct vcpu *v = container_of(t, struct vcpu, time.singleshot);

	event_send_virq(v, VIRQ_TIMER);
}

static void periodic_fire(struct timer *t)
{
	struct vcpu *v = container_of(t, struct vcpu, time.periodic);
	struct vtime *time = &v->time;
	uint64_t now = arch_time();
	bool due;

	lock_acquire(&time->lock);
	/* Stopped or started anew by another processor meanwhile? */
	due = time->period != 0 && now >= time->periodic_next;
	if (due) {
		time->periodic_next +=
			((now - time->periodic_next) / time->period + 1) * time->period;
		timer_set(t, time->periodic_next);
	}
	lock_release(&time->lock);
	if (due) {
		event_send_virq(v, VIRQ_TIMER);
	}
}

void pvtimer_init(struct vcpu *v)
{
	timer_init(&v->time.singleshot, singleshot_fire);
	timer_init(&v->time.periodic, periodic_fire);
}

void pvtimer_stop_singleshot(struct vcpu *v)
{
	timer_cancel(&v->time.singleshot);
}

void pvtimer_set_singleshot(struct vcpu *v, uint64_t ns)
{
	uint64_t at = vtime_to_ticks(v->domain, ns);

	if (at > arch_time()) {
		timer_set(&v->time.singleshot, at);
	} else {
		timer_cancel(&v->time.singleshot);
		event_send_virq(v, VIRQ_TIMER);
	}
}

void pvtimer_set_periodic(struct vcpu *v, uint64_t period_ns)
{
	struct vtime *time = &v->time;

	lock_acquire(&time->lock);
	time->period = timer_ns_to_ticks(period_ns);
	if (time->period) {
		time->periodic_next = arch_time() + time->period;
		timer_set(&time->periodic, time->periodic_next);
	} else {
		timer_cancel(&time->periodic);
	}
	lock_release(&time->lock);
}

int64_t hypercall_set_timer_op(struct hypercall *h)
{
	uint64_t ns = h->arg[0];
	uint64_t now;

	if (!h->v->domain->event) {
		return -ENOSYS;
	}
	now = vtime_now(h->v->domain);
	if (ns == 0) {
		pvtimer_stop_singleshot(h->v);
	} else if ((int64_t)ns < 0 || (ns > now && ns - now >= FAR_AWAY_NS)) {
		pvtimer_set_singleshot(h->v, now + FALLBACK_NS);
	} else {
		pvtimer_set_singleshot(h->v, ns);
	}
	return 0;
}
