/* SPDX-License-Identifier: MIT */
/*
 * Common to the tests of event channels: two vCPUs of the hardware domain that have an upcall
 * vector, and what a guest does with its ports. Included after cmocka.h by one test program each.
 */
#ifndef TAPROOT_TEST_EVENT_PORTS_H
#define TAPROOT_TEST_EVENT_PORTS_H

#include "event_fixture.h"

static struct vcpu *v0, *v1;

static inline int setup(void **state)
{
	if (fixture_events(state)) {
		return -1;
	}
	v0 = dom0->vcpu[0];
	v1 = dom0->vcpu[1];
	for (unsigned i = 0; i < dom0->vcpu_count; i++) {
		if (event_set_upcall_vector(dom0->vcpu[i], VECTOR)) {
			return -1;
		}
	}
	return 0;
}

/* What a guest's upcall handler does; the number of events, the last in *port. */
static inline unsigned handle(struct vcpu *v, unsigned *port)
{
	struct shared_info *s = shared_of(v->domain);
	struct vcpu_info *i = info_of(v);
	unsigned count = 0;
	uint64_t sel;

	__atomic_store_n(&i->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	sel = __atomic_exchange_n(&i->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	for (; sel; sel &= sel - 1) {
		unsigned word = (unsigned)__builtin_ctzll(sel);
		uint64_t bits = __atomic_load_n(&s->evtchn_pending[word], __ATOMIC_SEQ_CST) &
				~__atomic_load_n(&s->evtchn_mask[word], __ATOMIC_SEQ_CST);

		for (; bits; bits &= bits - 1) {
			*port = word * 64 + (unsigned)__builtin_ctzll(bits);
			__atomic_fetch_and(&s->evtchn_pending[word], ~(bits & -bits),
					   __ATOMIC_SEQ_CST);
			count++;
		}
	}
	return count;
}

static inline struct evtchn_status status(struct vcpu *v, uint16_t dom, uint32_t port)
{
	struct evtchn_status s = {.dom = dom, .port = port};

	assert_int_equal(evtchn(v, EVTCHNOP_status, &s, sizeof(s)), 0);
	return s;
}

static inline int64_t place_info(struct vcpu *v, unsigned id, uint64_t gfn, uint32_t offset)
{
	struct vcpu_register_vcpu_info a = {.mfn = gfn, .offset = offset};

	return vcpu_op(v, VCPUOP_register_vcpu_info, id, &a, sizeof(a));
}

#endif
