/* SPDX-License-Identifier: MIT */
/*
 * How a domain ends by its own wish (Xen ABI sched.h, SHUTDOWN_*), by its
 * watchdog, or starts over (soft reset: kexec and kdump).
 *
 * A soft reset takes back what the ABI lent the domain: event channels,
 * shared pages, timers, parameters, watchdogs, and ballooned pages are there again.
 * Its memory stays as it is, and the call returns; the caller's other vCPUs, which no longer
 * have code to run, wait to be started again. It begins when they have stopped, so that
 * none of them, in a hypercall just then, binds or registers something afterwards. Of
 * several vCPUs that ask for it at the same time one carries it out and stops the others.
 *
 * Deliberately not supported: suspend, which needs somebody who resumes, and
 * the end of another domain (remote_shutdown) as long as there is none.
 */
#include <taproot/balloon.h>
#include <taproot/console.h>
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <taproot/log.h>
#include <taproot/string.h>
#include <xen/sched.h>
#include <xen/xen.h>

#define SECOND_NS 1000000000ull

static const char *const reason_names[] = {
	[SHUTDOWN_poweroff] = "power-off", [SHUTDOWN_reboot] = "reboot",
	[SHUTDOWN_suspend] = "suspend",    [SHUTDOWN_crash] = "crash",
	[SHUTDOWN_watchdog] = "watchdog",  [SHUTDOWN_soft_reset] = "soft reset",
};

/* The domain ends for `reason`, or for the one it latched before. */
static void domain_shutdown(struct domain *d, uint32_t reason)
{
	uint32_t latched = __atomic_load_n(&d->shutdown_latched, __ATOMIC_RELAXED);

	reason = latched ? latched - 1 : reason;
	log_notice("d%u: shutdown: %s", d->id, reason_names[reason]);
	switch (reason) {
	case SHUTDOWN_poweroff:
		arch_domain_end(d, DOMAIN_POWEROFF);
		break;
	case SHUTDOWN_reboot:
		arch_domain_end(d, DOMAIN_REBOOT);
		break;
	default:
		arch_domain_end(d, DOMAIN_CRASHED);
		break;
	}
}

/* ---- watchdogs ---- */

/* The time may have been set anew while the timer was on its way. */
static void watchdog_bites(struct timer *t)
{
	struct domain_watchdog *w = container_of(t, struct domain_watchdog, timer);
	bool late;

	lock_acquire(&w->domain->watchdog_lock);
	late = w->used && arch_time() >= t->deadline;
	lock_release(&w->domain->watchdog_lock);
	if (late) {
		domain_shutdown(w->domain, SHUTDOWN_watchdog);
	}
}

static void watchdog_set(struct domain *d, struct domain_watchdog *w, uint32_t timeout)
{
	uint64_t now = arch_time();
	uint64_t ticks = timer_ns_to_ticks(timeout * SECOND_NS);

	if (!w->used) {
		w->domain = d;
		w->used = true;
		timer_init(&w->timer, watchdog_bites);
	}
	timer_set(&w->timer, ticks > UINT64_MAX - now ? UINT64_MAX : now + ticks);
}

static void watchdog_clear(struct domain_watchdog *w)
{
	if (w->used) {
		w->used = false;
		timer_cancel(&w->timer);
	}
}

/* A new one; its number. */
static int64_t watchdog_new(struct domain *d, uint32_t timeout)
{
	if (timeout == 0) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < DOMAIN_WATCHDOGS; i++) {
		if (!d->watchdog[i].used) {
			watchdog_set(d, &d->watchdog[i], timeout);
			return i + 1;
		}
	}
	return -ENOSPC;
}

static int64_t watchdog_op(struct domain *d, uint32_t id, uint32_t timeout)
{
	if (id == 0) {
		return watchdog_new(d, timeout);
	}
	if (id > DOMAIN_WATCHDOGS || !d->watchdog[id - 1].used) {
		return -EINVAL;
	}
	if (timeout == 0) {
		watchdog_clear(&d->watchdog[id - 1]);
	} else {
		watchdog_set(d, &d->watchdog[id - 1], timeout);
	}
	return 0;
}

int64_t hypercall_watchdog(struct hypercall *h, uint32_t id, uint32_t timeout)
{
	struct domain *d = h->v->domain;
	int64_t rc;

	lock_acquire(&d->watchdog_lock);
	rc = watchdog_op(d, id, timeout);
	lock_release(&d->watchdog_lock);
	return rc;
}

/* ---- shutdown ---- */

/* Before the caller's next instruction (vcpu.deferred). */
static int soft_reset(struct vcpu *caller)
{
	struct domain *d = caller->domain;
	int rc = vcpu_others_stopped(caller) ? balloon_in_all(d) : -EAGAIN;

	if (rc == -EAGAIN) {
		return rc;
	}
	if (rc) {
		log_guest("d%u: soft reset: no memory to give all of its pages back", d->id);
	}
	log_guest("d%u: soft reset", d->id);
	event_reset(d);
	lock_acquire(&d->watchdog_lock);
	for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++) {
		watchdog_clear(&d->watchdog[i]);
	}
	lock_release(&d->watchdog_lock);
	for (unsigned i = 0; i < ARRAY_SIZE(d->param); i++) {
		__atomic_store_n(&d->param[i], 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&d->vm_assist, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&d->shutdown_latched, 0, __ATOMIC_RELAXED);
	if (d->hardware) {
		console_input_clear();
	}
	vcpu_release_all(d);
	return 0;
}

/* One that may not is stopped before it asks again. */
static void soft_reset_start(struct hypercall *h)
{
	if (vcpu_hold_others(h->v)) {
		h->v->deferred = soft_reset;
	} else {
		h->again = true;
	}
}

int64_t hypercall_shutdown(struct hypercall *h, uint32_t reason)
{
	struct domain *d = h->v->domain;

	switch (reason) {
	case SHUTDOWN_poweroff:
	case SHUTDOWN_reboot:
	case SHUTDOWN_crash:
	case SHUTDOWN_watchdog:
		domain_shutdown(d, reason);
		return 0;
	case SHUTDOWN_soft_reset:
		soft_reset_start(h);
		return 0;
	case SHUTDOWN_suspend:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

/* Only the reasons that end a domain can be latched. */
int64_t hypercall_shutdown_code(struct hypercall *h, uint32_t reason)
{
	if (reason > SHUTDOWN_MAX) {
		return -EINVAL;
	}
	if (reason == SHUTDOWN_suspend || reason == SHUTDOWN_soft_reset) {
		return -EOPNOTSUPP;
	}
	__atomic_store_n(&h->v->domain->shutdown_latched, reason + 1, __ATOMIC_RELAXED);
	return 0;
}

int64_t hypercall_remote_shutdown(struct hypercall *h, uint16_t domain, uint32_t reason)
{
	struct domain *d;
	int rc = hypercall_target(h->v, domain, RIGHT_CONTROL, &d);

	if (rc) {
		return rc;
	}
	if (d == h->v->domain) {
		return -EPERM;
	}
	return reason > SHUTDOWN_MAX ? -EINVAL : -EOPNOTSUPP;
}
