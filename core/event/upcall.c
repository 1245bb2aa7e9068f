/* SPDX-License-Identifier: MIT */
/*
 * Pending events and how a vCPU hears of them (Xen public headers xen.h:
 * struct shared_info, struct vcpu_info): the pending bit of the port, the
 * selector word of the vCPU, its upcall_pending, then an interrupt: the vCPU's
 * own vector as an edge of its local APIC, or the domain's callback vector,
 * which goes past the local APIC for as long as upcall_pending is set.
 *
 * A page may move while an event is set in it. The mover publishes the new
 * page, then takes over the bits of the old one; who sets a bit looks afterwards
 * whether the page is still the one, and sets it again when not. Either sees
 * the other; all these operations are sequentially consistent.
 *
 * Deliberately not supported: callbacks by an interrupt line or PCI pin; the
 * mask byte of vcpu_info, which has no meaning for vCPUs with RFLAGS.IF.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/event.h>
#include <xen/hvm/params.h>

#include "event_internal.h"

#define VECTOR_MIN 16

#define CALLBACK_TYPE_SHIFT 56

static void upcall_deliver(struct vcpu *v)
{
	uint8_t vector = __atomic_load_n(&v->event.upcall_vector, __ATOMIC_SEQ_CST);

	if (vector) {
		(void)vlapic_accept(&v->lapic, vector, false);
	} else {
		arch_vcpu_kick(v);
	}
}

static void upcall_raise(struct vcpu *v)
{
	struct vcpu_info *i;
	uint8_t before;

	do {
		i = event_info(v);
		before = __atomic_exchange_n(&i->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	} while (i != event_info(v));
	if (!before) {
		upcall_deliver(v);
	}
}

/* A word of pending bits has something for `v`. */
static void event_select(struct vcpu *v, unsigned word)
{
	uint64_t bit = 1ull << word, before;
	struct vcpu_info *i;

	do {
		i = event_info(v);
		before = __atomic_fetch_or(&i->evtchn_pending_sel, bit, __ATOMIC_SEQ_CST);
	} while (i != event_info(v));
	if (!(before & bit)) {
		upcall_raise(v);
	}
}

/* vCPUs in SCHEDOP_poll look for themselves whether it was for them. */
static void event_wake_pollers(struct domain *d)
{
	if (!__atomic_load_n(&d->event->pollers, __ATOMIC_SEQ_CST)) {
		return;
	}
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (__atomic_load_n(&d->vcpu[i]->event.polls, __ATOMIC_SEQ_CST)) {
			arch_vcpu_kick(d->vcpu[i]);
		}
	}
}

void event_set_pending(struct domain *d, unsigned port, unsigned vcpu)
{
	struct event_domain *e = d->event;
	unsigned word = port / PORT_WORD_BITS;
	uint64_t bit = 1ull << (port % PORT_WORD_BITS), before;
	struct shared_info *s;

	if (vcpu >= d->vcpu_count) {
		return;
	}
	do {
		s = event_shared(e);
		before = __atomic_fetch_or(&s->evtchn_pending[word], bit, __ATOMIC_SEQ_CST);
	} while (s != event_shared(e));
	if (before & bit) {
		return;
	}
	if (!(__atomic_load_n(&s->evtchn_mask[word], __ATOMIC_SEQ_CST) & bit)) {
		event_select(d->vcpu[vcpu], word);
	}
	event_wake_pollers(d);
}

void event_clear_pending(struct domain *d, unsigned port)
{
	uint64_t bit = 1ull << (port % PORT_WORD_BITS);

	__atomic_fetch_and(&event_shared(d->event)->evtchn_pending[port / PORT_WORD_BITS], ~bit,
			   __ATOMIC_SEQ_CST);
}

void event_unmask(struct domain *d, unsigned port, unsigned vcpu)
{
	struct event_domain *e = d->event;
	unsigned word = port / PORT_WORD_BITS;
	uint64_t bit = 1ull << (port % PORT_WORD_BITS), before;
	struct shared_info *s;

	do {
		s = event_shared(e);
		before = __atomic_fetch_and(&s->evtchn_mask[word], ~bit, __ATOMIC_SEQ_CST);
	} while (s != event_shared(e));
	if ((before & bit) && vcpu < d->vcpu_count && event_is_pending(d, port)) {
		event_select(d->vcpu[vcpu], word);
	}
}

bool event_is_pending(const struct domain *d, unsigned port)
{
	const struct shared_info *s = event_shared(d->event);
	uint64_t bits =
		__atomic_load_n(&s->evtchn_pending[port / PORT_WORD_BITS], __ATOMIC_SEQ_CST);

	return bits >> (port % PORT_WORD_BITS) & 1;
}

void event_tell_again(struct domain *d)
{
	const struct shared_info *s = event_shared(d->event);

	lock_assert(&d->event->lock);
	for (unsigned word = 0; word < ARRAY_SIZE(s->evtchn_pending); word++) {
		uint64_t bits = __atomic_load_n(&s->evtchn_pending[word], __ATOMIC_SEQ_CST) &
				~__atomic_load_n(&s->evtchn_mask[word], __ATOMIC_SEQ_CST);

		for (; bits; bits &= bits - 1) {
			unsigned port = word * PORT_WORD_BITS + (unsigned)__builtin_ctzll(bits);
			union event_port p = port_read(d->event, port);

			if (p.state > PORT_RESERVED && p.vcpu < d->vcpu_count) {
				event_select(d->vcpu[p.vcpu], word);
			}
		}
	}
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (event_pending(d->vcpu[i])) {
			upcall_deliver(d->vcpu[i]);
		}
	}
	event_wake_pollers(d);
}

/* ---- vectors ---- */

bool event_pending(const struct vcpu *v)
{
	const struct vcpu_info *i = event_info(v);

	return i && __atomic_load_n(&i->evtchn_upcall_pending, __ATOMIC_SEQ_CST);
}

int event_callback_pending(const struct vcpu *v)
{
	uint8_t vector = __atomic_load_n(&v->event.callback_vector, __ATOMIC_RELAXED);

	return vector && event_pending(v) ? vector : -1;
}

/* Who takes the domain's vector: the vCPUs that have none of their own. event_lock held. */
static void choose_vector(struct vcpu *v)
{
	struct event_domain *e = v->domain->event;

	lock_assert(&e->lock);
	__atomic_store_n(&v->event.callback_vector, v->event.upcall_vector ? 0 : e->callback_vector,
			 __ATOMIC_SEQ_CST);
	if (event_pending(v)) {
		upcall_deliver(v);
	}
}

int event_set_callback(struct domain *d, uint64_t via)
{
	struct event_domain *e = d->event;
	uint8_t vector = 0;

	if (!e) {
		return -EINVAL;
	}
	switch (via >> CALLBACK_TYPE_SHIFT) {
	case HVM_PARAM_CALLBACK_TYPE_GSI:
		break;
	case HVM_PARAM_CALLBACK_TYPE_VECTOR:
		vector = (uint8_t)via;
		if (vector < VECTOR_MIN) {
			return -EINVAL;
		}
		break;
	default:
		return -EINVAL;
	}
	lock_acquire(&e->lock);
	e->callback_vector = vector;
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		choose_vector(d->vcpu[i]);
	}
	lock_release(&e->lock);
	return 0;
}

int event_set_upcall_vector(struct vcpu *v, uint8_t vector)
{
	struct event_domain *e = v->domain->event;

	if (!e || vector < VECTOR_MIN) {
		return -EINVAL;
	}
	lock_acquire(&e->lock);
	__atomic_store_n(&v->event.upcall_vector, vector, __ATOMIC_SEQ_CST);
	choose_vector(v);
	lock_release(&e->lock);
	return 0;
}

void event_lapic_enabled(struct vcpu *v)
{
	if (event_pending(v)) {
		upcall_deliver(v);
	}
}
