/* SPDX-License-Identifier: MIT */
/*
 * What the files of event channels and guest time share: the table of ports,
 * the pages, setting a port pending. For core/event/ only.
 *
 * shared_info and vcpu_info are written by the guest at any time, on any
 * processor: every access is one atomic operation on an aligned word, and
 * nothing read there is used as an index.
 */
#ifndef TAPROOT_CORE_EVENT_INTERNAL_H
#define TAPROOT_CORE_EVENT_INTERNAL_H

#include <abi/xen.h>
#include <taproot/domain.h>
#include <xen/event_channel.h>
#include <xen/vcpu.h>

#define PORTS_PER_PAGE (PAGE_SIZE / sizeof(uint64_t))
#define PORT_PAGES     (EVENT_PORTS / PORTS_PER_PAGE)
#define PORT_WORD_BITS 64u

#define GPA_NONE ((gpa_t){UINT64_MAX})

enum port_state {
	PORT_FREE,
	PORT_RESERVED, /* port 0 */
	PORT_UNBOUND,
	PORT_INTERDOMAIN,
	PORT_VIRQ,
	PORT_IPI,
};

/* A port, read and written as one word, so that senders need no lock. */
union event_port {
	uint64_t word;
	struct {
		uint8_t state;   /* enum port_state */
		uint8_t virq;    /* PORT_VIRQ */
		uint16_t vcpu;   /* who is told */
		uint16_t domain; /* PORT_UNBOUND: who may bind; PORT_INTERDOMAIN: the other end */
		uint16_t port;   /* PORT_INTERDOMAIN */
	};
};

_Static_assert(sizeof(union event_port) == sizeof(uint64_t), "a port is one word");
_Static_assert(sizeof(struct vcpu_info) == 64, "Xen ABI xen.h");
_Static_assert(sizeof(struct vcpu_time_info) == 32, "Xen ABI xen.h");
_Static_assert(sizeof(struct shared_info) <= PAGE_SIZE, "Xen ABI xen.h");
_Static_assert(EVTCHN_2L_NR_CHANNELS == EVENT_PORTS, "Xen ABI event_channel.h");
_Static_assert(sizeof(((struct event_vcpu *)NULL)->own) == sizeof(struct vcpu_info), "own");
_Static_assert(ARRAY_SIZE(((struct event_vcpu *)NULL)->virq_port) == NR_VIRQS, "virq_port");

/* Allocated by event_domain_init(); lives as long as its domain. */
struct event_domain {
	struct lock lock; /* event_lock: changes of ports, of the pages and of callbacks */
	uint64_t *port[PORT_PAGES]; /* union event_port; read without the lock; pages stay */
	uint32_t pollers;           /* vCPUs with event.polls; atomics */
	unsigned free_from;         /* no port below is free */
	struct shared_info *shared; /* atomics; senders read it without the lock */
	struct shared_info *own;    /* where it is before the guest gave a page */
	gpa_t shared_gpa;
	uint8_t callback_vector; /* 0: none */
	uint64_t wallclock_sec;  /* at system time 0 */
	uint32_t wallclock_nsec;
	uint32_t wallclock_version;
	uint64_t time_base; /* arch_time() of system time 0 */
	uint32_t time_mul;  /* vcpu_time_info.tsc_to_system_mul */
	int8_t time_shift;
};

/* sched_op.c: the vCPU's timer of polls, once, before it runs. */
void event_poll_init(struct vcpu *v);

/* ---- ports: evtchn.c ---- */

static inline union event_port port_read(const struct event_domain *e, unsigned port)
{
	union event_port p = {.word = 0};
	uint64_t *page;

	if (port < EVENT_PORTS) {
		page = __atomic_load_n(&e->port[port / PORTS_PER_PAGE], __ATOMIC_ACQUIRE);
		if (page) {
			p.word = __atomic_load_n(&page[port % PORTS_PER_PAGE], __ATOMIC_ACQUIRE);
		}
	}
	return p;
}

/* Close all ports but the reserved one, `limit` at most. False: there are more. */
bool event_close_all(struct domain *d, unsigned limit);

/* ---- pending bits and upcalls: upcall.c ---- */

/* A port of the domain becomes pending: tell `vcpu`. From any processor, without a lock. */
void event_set_pending(struct domain *d, unsigned port, unsigned vcpu);
/* The port's pending bit goes. */
void event_clear_pending(struct domain *d, unsigned port);
/* The guest's mask of a port is cleared; an event that waited is told to `vcpu`. */
void event_unmask(struct domain *d, unsigned port, unsigned vcpu);
/* The pages moved: what is pending and not masked is told again. */
void event_tell_again(struct domain *d);
bool event_is_pending(const struct domain *d, unsigned port);

static inline struct shared_info *event_shared(const struct event_domain *e)
{
	return __atomic_load_n(&e->shared, __ATOMIC_SEQ_CST);
}

static inline struct vcpu_info *event_info(const struct vcpu *v)
{
	return __atomic_load_n(&v->event.info, __ATOMIC_SEQ_CST);
}

/* ---- pages: shared.c ---- */

/* VCPUOP_register_vcpu_info. -EINVAL, -ENXIO as the ABI says. */
int event_register_vcpu_info(struct vcpu *v, bool self, uint64_t gfn, uint32_t offset) MUST_CHECK;

/* ---- time: vtime.c, runstate.c, pvtimer.c ---- */

/* System time 0 is now; the wall clock is the machine's. */
void vtime_domain_init(struct domain *d);
/* The wall clock into shared_info; event_lock held. */
void vtime_write_wallclock(struct event_domain *e);
/* Linear or physical address of a copy of vcpu_time_info; 0 and UINT64_MAX take it away. */
void vtime_register_time(struct vcpu *v, struct vcpu *caller, uint64_t linear);
int vtime_register_time_phys(struct vcpu *v, uint64_t a) MUST_CHECK;
void vtime_register_runstate(struct vcpu *v, struct vcpu *caller, uint64_t linear);
int vtime_register_runstate_phys(struct vcpu *v, uint64_t a) MUST_CHECK;
/*
 * The `size` bytes of an area at physical address `a`. -ENXIO: not aligned or
 * in two pages, -EINVAL: not RAM. mem_lock held.
 */
int vtime_area_page(struct domain *d, uint64_t a, size_t size, void **out) MUST_CHECK;
/* Areas forgotten, timers stopped. */
void vtime_reset(struct vcpu *v);

/* 0: stop. */
void pvtimer_init(struct vcpu *v);
void pvtimer_set_singleshot(struct vcpu *v, uint64_t ns);
void pvtimer_stop_singleshot(struct vcpu *v);
void pvtimer_set_periodic(struct vcpu *v, uint64_t period_ns);

#endif
