/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI (Xen public headers event_channel.h, xen.h), and
 * the pages they live in: shared_info of a domain and vcpu_info of each vCPU.
 *
 * Both start in memory of ours. When the guest names a frame of its RAM for
 * shared_info (XENMEM_add_to_physmap) or a place for a vcpu_info
 * (VCPUOP_register_vcpu_info), the contents move there and that memory, which
 * stays the guest's RAM at its own address, is the page from then on: identity
 * of the hardware domain holds. The guest may scribble over it; nothing in it
 * is trusted.
 */
#ifndef TAPROOT_EVENT_H
#define TAPROOT_EVENT_H

#include <taproot/lock.h>
#include <taproot/timer.h>
#include <taproot/types.h>

#define EVENT_PORTS    4096 /* 64-bit 2-level ABI */
#define EVENT_POLL_MAX 127  /* ports that SCHEDOP_poll can name */

struct domain;
struct vcpu;
struct event_domain; /* ports; core/event */

/* Part of struct vcpu. */
struct event_vcpu {
	void *info;              /* struct vcpu_info, never NULL once the domain's ABI is on; atomics */
	gpa_t info_gpa;          /* where the guest wants it; UINT64_MAX: in shared_info or `own` */
	uint8_t upcall_vector;   /* HVMOP_set_evtchn_upcall_vector; 0: none */
	uint8_t callback_vector; /* the domain's, while the vCPU has none of its own; 0: none */
	uint32_t virq_port[24];  /* by VIRQ number; 0: not bound; atomics */
	uint64_t own[8];         /* a vcpu_info for vCPUs that have none in shared_info */
	/* SCHEDOP_poll: the vCPU's processor's, `polls` any processor's to read. */
	uint16_t poll_port[EVENT_POLL_MAX];
	uint8_t poll_count;
	bool polls;
	uint64_t poll_until;     /* arch_time(); UINT64_MAX: for ever */
	struct timer poll_timer;
};

/* The Xen ABI's state of a domain and a vCPU. -ENOMEM. */
int event_domain_init(struct domain *d) MUST_CHECK;
void event_vcpu_init(struct vcpu *v);

/*
 * Raise a virtual interrupt of a vCPU (VIRQ_TIMER ...), or one of the domain
 * (VIRQ_CONSOLE ...). From any processor, with any lock held; nothing happens
 * when it is not bound.
 */
void event_send_virq(struct vcpu *v, unsigned virq);
void event_send_global_virq(struct domain *d, unsigned virq);

/*
 * HVM_PARAM_CALLBACK_IRQ: how events reach vCPUs without a vector of their own
 * (hvm/params.h). Vectors only. 0 turns it off, and so does a line: Linux sets
 * line 1 when all its vCPUs have vectors of their own. -EINVAL: PCI pins,
 * unknown kinds, vectors below 16.
 */
int event_set_callback(struct domain *d, uint64_t via) MUST_CHECK;
/* HVMOP_set_evtchn_upcall_vector: an edge interrupt of the virtual local APIC. -EINVAL: below 16. */
int event_set_upcall_vector(struct vcpu *v, uint8_t vector) MUST_CHECK;
/* The callback vector the vCPU should take now, past its local APIC; -1: none. */
int event_callback_pending(const struct vcpu *v);
/*
 * Is an upcall pending? (wakes a blocked vCPU) The mask byte of vcpu_info has no
 * meaning for vCPUs with an interrupt flag of their own.
 */
bool event_pending(const struct vcpu *v);
/* The local APIC of `v` was enabled by software: an upcall that it did not take comes now. */
void event_lapic_enabled(struct vcpu *v);
/* The vCPU goes on after a sleep with v->wait, whatever woke it. */
void event_wait_end(struct vcpu *v);

/*
 * shared_info moves to the page `a` of the domain's RAM; the page it was in is the domain's
 * again. -EINVAL: not RAM. Takes mem_lock; no lock is held.
 */
int event_move_shared_info(struct domain *d, gpa_t a) MUST_CHECK;
/*
 * Is any of the pages in [a, a + size) in use as shared_info, vcpu_info or time area?
 * Such a page cannot be given back. Asked under mem_lock, the answer holds until its release.
 */
bool event_uses(const struct domain *d, gpa_t a, uint64_t size);
/* The frame of the domain's RAM that shared_info is in; UINT64_MAX: one of ours. */
uint64_t event_shared_info_frame(const struct domain *d);
/* Soft reset: all ports closed, pages back to ours, callbacks off. No lock is held. */
void event_reset(struct domain *d);
/* For the key handler. */
void event_log(const struct domain *d);

#endif
