/* SPDX-License-Identifier: MIT */
/*
 * sched_op (Xen public headers sched.h): a vCPU gives its processor away or
 * ends its domain. Sleeping is the run loop's, which asks vcpu.wait after every
 * kick; what ends a domain is in core/hypercall/shutdown.c.
 *
 * Deliberately not supported: SCHEDOP_pin_override (-ENOSYS): vCPUs do not move.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/event.h>
#include <taproot/hypercall.h>
#include <taproot/vtime.h>
#include <xen/sched.h>

#include "event_internal.h"

/* ---- block and poll ---- */

static bool block_over(struct vcpu *v)
{
	return event_pending(v) || vlapic_pending(&v->lapic) >= 0;
}

static bool poll_over(struct vcpu *v)
{
	const struct event_vcpu *ev = &v->event;

	for (unsigned i = 0; i < ev->poll_count; i++) {
		if (event_is_pending(v->domain, ev->poll_port[i])) {
			return true;
		}
	}
	return arch_time() >= ev->poll_until;
}

/* The timer interrupt has brought the processor out of its sleep: poll_over() sees the rest. */
static void poll_timeout(struct timer *t)
{
	(void)t;
}

void event_poll_init(struct vcpu *v)
{
	timer_init(&v->event.poll_timer, poll_timeout);
}

void event_wait_end(struct vcpu *v)
{
	if (v->event.polls) {
		__atomic_store_n(&v->event.polls, false, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(&v->domain->event->pollers, 1, __ATOMIC_SEQ_CST);
		timer_cancel(&v->event.poll_timer);
	}
}

/* A sender sets the port, then looks for pollers; a poller sets `polls`, then looks at the port. */
static void poll_start(struct vcpu *v, uint64_t timeout)
{
	struct event_vcpu *ev = &v->event;

	event_wait_end(v); /* nothing of an earlier one is left queued */
	ev->poll_until = timeout ? vtime_to_ticks(v->domain, timeout) : UINT64_MAX;
	__atomic_store_n(&ev->polls, true, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&v->domain->event->pollers, 1, __ATOMIC_SEQ_CST);
	if (poll_over(v)) {
		event_wait_end(v);
		return;
	}
	if (ev->poll_until != UINT64_MAX) {
		timer_set(&ev->poll_timer, ev->poll_until);
	}
	v->wait = poll_over;
}

static int64_t op_poll(struct hypercall *h)
{
	struct event_vcpu *ev = &h->v->event;
	evtchn_port_t port[EVENT_POLL_MAX];
	struct sched_poll a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	if (a.nr_ports > EVENT_POLL_MAX) {
		return -EINVAL;
	}
	if (copy_from_guest(h, port, HANDLE(a.ports), a.nr_ports * sizeof(port[0]))) {
		return -EFAULT;
	}
	for (unsigned i = 0; i < a.nr_ports; i++) {
		if (port[i] >= EVENT_PORTS) {
			return -EINVAL;
		}
		ev->poll_port[i] = (uint16_t)port[i];
	}
	ev->poll_count = (uint8_t)a.nr_ports;
	poll_start(h->v, a.timeout);
	return 0;
}

static int64_t op_yield(struct hypercall *h)
{
	(void)h;
	return 0;
}

static int64_t op_block(struct hypercall *h)
{
	h->v->wait = block_over;
	return 0;
}

/* ---- the end of a domain ---- */

static int64_t op_shutdown(struct hypercall *h)
{
	struct sched_shutdown a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	return hypercall_shutdown(h, a.reason);
}

static int64_t op_shutdown_code(struct hypercall *h)
{
	struct sched_shutdown a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	return hypercall_shutdown_code(h, a.reason);
}

static int64_t op_remote_shutdown(struct hypercall *h)
{
	struct sched_remote_shutdown a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	return hypercall_remote_shutdown(h, a.domain_id, a.reason);
}

static int64_t op_watchdog(struct hypercall *h)
{
	struct sched_watchdog a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	return hypercall_watchdog(h, a.id, a.timeout);
}

static hypercall_fn *const ops[] = {
	[SCHEDOP_yield] = op_yield,
	[SCHEDOP_block] = op_block,
	[SCHEDOP_shutdown] = op_shutdown,
	[SCHEDOP_poll] = op_poll,
	[SCHEDOP_remote_shutdown] = op_remote_shutdown,
	[SCHEDOP_shutdown_code] = op_shutdown_code,
	[SCHEDOP_watchdog] = op_watchdog,
};

int64_t hypercall_sched_op(struct hypercall *h)
{
	uint32_t op = (uint32_t)h->arg[0];

	if (op >= ARRAY_SIZE(ops) || !ops[op] || !h->v->domain->event) {
		return -ENOSYS;
	}
	return ops[op](h);
}
