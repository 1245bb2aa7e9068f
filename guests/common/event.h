/* SPDX-License-Identifier: MIT */
/*
 * Event channels of a test kernel, 2-level ABI (Xen public headers
 * event_channel.h): shared_info in a page of its own, a vcpu_info a processor, and
 * the handler of upcalls that counts each port's events.
 */
#ifndef GUESTS_EVENT_H
#define GUESTS_EVENT_H

#include "apic.h"
#include "xen.h"
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define EVENT_PORTS 4096u

extern struct shared_info shared;
/* The vcpu_info of each processor, where it is now. */
extern struct vcpu_info *volatile vcpu_infos[CPUS_MAX];
/* Events taken, by port; and a function to be called for each. */
extern volatile uint64_t event_taken[EVENT_PORTS];
extern void (*volatile event_hook)(uint32_t port);

/* shared_info to our page, all ports masked. */
void event_init(void);
/* This processor hears of events by a vector of its own; or all by the callback vector (0: none). */
int64_t event_upcall_vector(unsigned vcpu, uint8_t vector);
int64_t event_callback_vector(uint8_t vector);
/* Handlers: of an upcall vector, with EOI, and of the callback vector, without. */
void event_upcall(struct frame *f);
void event_callback(struct frame *f);

/* Operations; ports or negative errors. */
int64_t event_bind_ipi(unsigned vcpu);
int64_t event_bind_virq(unsigned virq, unsigned vcpu);
int64_t event_alloc_unbound(void);
int64_t event_bind_interdomain(uint32_t remote);
int64_t event_close(uint32_t port);
int64_t event_send(uint32_t port);
int64_t event_unmask(uint32_t port);
int64_t event_poll(uint32_t port, uint64_t timeout_ns);
int64_t event_reset(void);

static inline void event_mask(uint32_t port)
{
	__atomic_fetch_or(&shared.evtchn_mask[port / 64], 1ull << port % 64, __ATOMIC_SEQ_CST);
}

static inline bool event_is_pending(uint32_t port)
{
	return __atomic_load_n(&shared.evtchn_pending[port / 64], __ATOMIC_SEQ_CST) >> port % 64 & 1;
}

static inline void event_clear(uint32_t port)
{
	__atomic_fetch_and(&shared.evtchn_pending[port / 64], ~(1ull << port % 64), __ATOMIC_SEQ_CST);
}

#endif
