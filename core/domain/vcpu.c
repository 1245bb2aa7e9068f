/* SPDX-License-Identifier: MIT */
/*
 * The life of a vCPU (vcpu.h; SDM 3A 8.4.3, 9.1.1; APMv2 14.1.3, 16.5; Xen
 * public headers vcpu.h).
 *
 * The state changes at once, when a message is sent; the registers change when
 * the vCPU's processor attends to it. So INIT followed by a start-up message
 * needs no wait in between, and the second of two start-up messages finds a
 * vCPU that does not wait and is dropped, as on a machine.
 *
 * VCPU_WAITS comes with VCPU_INIT, which goes when the vCPU's processor attends to
 * it, between two exits: a vCPU that waits without that request is in no hypercall, and
 * comes into none before it is started. A soft reset keeps it so by VCPU_HELD.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/log.h>
#include <taproot/vcpu.h>

static uint32_t state_of(const struct vcpu *v)
{
	return __atomic_load_n(&v->life.state, __ATOMIC_ACQUIRE);
}

/* Replace the state when it is still `old`. */
static bool state_replace(struct vcpu *v, uint32_t *old, uint32_t new)
{
	return __atomic_compare_exchange_n(&v->life.state, old, new, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

void vcpu_send_init(struct vcpu *v)
{
	uint32_t old = state_of(v);

	do {
		if (old & VCPU_HELD) {
			return;
		}
	} while (!state_replace(v, &old, VCPU_WAITS | VCPU_INIT));
	arch_vcpu_kick(v);
}

void vcpu_send_startup(struct vcpu *v, unsigned page)
{
	uint32_t old = state_of(v);

	do {
		if (!(old & VCPU_WAITS) || (old & VCPU_HELD)) {
			return;
		}
	} while (!state_replace(v, &old,
				(old & VCPU_INIT) | VCPU_STARTUP | (page & 0xff) << 8));
	arch_vcpu_kick(v);
}

int vcpu_up(struct vcpu *v)
{
	uint32_t old = state_of(v);

	do {
		if (old & VCPU_WAITS) {
			return -EINVAL;
		}
	} while (!state_replace(v, &old, old & ~VCPU_IS_DOWN));
	arch_vcpu_kick(v);
	return 0;
}

static bool any_up(const struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (vcpu_is_up(d->vcpu[i])) {
			return true;
		}
	}
	return false;
}

int vcpu_down(struct vcpu *v)
{
	uint32_t old = state_of(v);

	do {
		if (old & VCPU_HELD) {
			return -EBUSY;
		}
	} while (!state_replace(v, &old, old | VCPU_IS_DOWN));
	if (!any_up(v->domain)) {
		log_info("d%u: all its vCPUs are down", v->domain->id);
		arch_domain_end(v->domain, DOMAIN_POWEROFF);
	}
	arch_vcpu_kick(v);
	return 0;
}

bool vcpu_is_up(const struct vcpu *v)
{
	return !(state_of(v) & VCPU_STOPPED);
}

/* ---- soft reset ---- */

static bool has_stopped(uint32_t state)
{
	return (state & (VCPU_WAITS | VCPU_INIT)) == VCPU_WAITS;
}

static void hold_stopped(struct vcpu *v)
{
	uint32_t old = state_of(v);

	while (!state_replace(v, &old,
			      VCPU_HELD | VCPU_WAITS | (has_stopped(old) ? 0 : VCPU_INIT))) {
	}
	arch_vcpu_kick(v);
}

bool vcpu_hold_others(struct vcpu *v)
{
	struct domain *d = v->domain;
	uint32_t old = state_of(v);

	if (__atomic_exchange_n(&d->vcpus_held, true, __ATOMIC_ACQ_REL)) {
		return false;
	}
	do {
		if (old & VCPU_STOPPED) {
			__atomic_store_n(&d->vcpus_held, false, __ATOMIC_RELEASE);
			return false;
		}
	} while (!state_replace(v, &old, old | VCPU_HELD));
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (d->vcpu[i] != v) {
			hold_stopped(d->vcpu[i]);
		}
	}
	return true;
}

bool vcpu_others_stopped(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (d->vcpu[i] != v && !has_stopped(state_of(d->vcpu[i]))) {
			return false;
		}
	}
	return true;
}

void vcpu_release_all(struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		__atomic_fetch_and(&d->vcpu[i]->life.state, ~VCPU_HELD, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&d->vcpus_held, false, __ATOMIC_RELEASE);
}

/* ---- on its own processor ---- */

bool vcpu_stirs(const struct vcpu *v)
{
	uint32_t state = state_of(v);

	return (state & VCPU_REQUESTS) || !(state & VCPU_STOPPED);
}

static void load(struct vcpu *v)
{
	struct vcpu_registers r;

	lock_acquire(&v->life.lock);
	r = v->life.start;
	lock_release(&v->life.lock);
	arch_vcpu_load(v, &r);
}

bool vcpu_attend(struct vcpu *v)
{
	uint32_t old = __atomic_fetch_and(&v->life.state, ~(VCPU_REQUESTS | VCPU_PAGE),
					  __ATOMIC_ACQ_REL);

	if (old & VCPU_INIT) {
		v->deferred = NULL;
		if (v->wait) {
			v->wait = NULL;
			event_wait_end(v);
		}
		vlapic_init_reset(&v->lapic);
		arch_vcpu_reset(v);
	}
	if (old & (VCPU_STARTUP | VCPU_LOAD)) {
		/* What came for a processor that waits is not remembered (SDM 3A 8.4.1). */
		(void)vlapic_take_nmi(&v->lapic);
	}
	if (old & VCPU_STARTUP) {
		arch_vcpu_startup(v, (old & VCPU_PAGE) >> 8);
	}
	if (old & VCPU_LOAD) {
		load(v);
	}
	return !(old & VCPU_STOPPED);
}
