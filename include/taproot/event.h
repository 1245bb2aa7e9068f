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
#include <taproot/types.h>

#define EVENT_PORTS 4096 /* 64-bit 2-level ABI */

struct domain;
struct vcpu;
struct event_domain; /* ports; core/event */

/* Part of struct vcpu. */
struct event_vcpu {
	void *info;             /* struct vcpu_info, never NULL once the domain's ABI is on */
	gpa_t info_gpa;         /* where the guest wants it; UINT64_MAX: in shared_info or ours */
	uint8_t upcall_vector;  /* HVMOP_set_evtchn_upcall_vector; 0: none */
	uint32_t virq_port[24]; /* by VIRQ number; 0: not bound */
};

/* The Xen ABI's state of a domain and a vCPU. -ENOMEM. */
int event_domain_init(struct domain *d) MUST_CHECK;
void event_vcpu_init(struct vcpu *v);

/* Raise a virtual interrupt of a vCPU (VIRQ_TIMER ...), or one of the domain (VIRQ_CONSOLE ...). */
void event_send_virq(struct vcpu *v, unsigned virq);
void event_send_global_virq(struct domain *d, unsigned virq);

/*
 * HVM_PARAM_CALLBACK_IRQ: how events reach vCPUs without a vector of their own
 * (hvm/params.h). Vectors only: -EINVAL for lines and PCI pins. 0 turns it off.
 */
int event_set_callback(struct domain *d, uint64_t via) MUST_CHECK;
/* HVMOP_set_evtchn_upcall_vector: an edge interrupt of the virtual local APIC. -EINVAL: below 16. */
int event_set_upcall_vector(struct vcpu *v, uint8_t vector) MUST_CHECK;
/* The callback vector the vCPU should take now, past its local APIC; -1: none. */
int event_callback_pending(const struct vcpu *v);
/* Is an upcall pending and not masked by the guest? (wakes a blocked vCPU) */
bool event_pending(const struct vcpu *v);

/* shared_info moves to the frame at `a` of the domain's RAM. -EINVAL: not RAM. */
int event_move_shared_info(struct domain *d, gpa_t a) MUST_CHECK;
/* Is any of [a, a + PAGE_SIZE) in use as shared_info, vcpu_info or time area? Such a page cannot be given back. */
bool event_uses_page(const struct domain *d, gpa_t a);
/* Soft reset: all ports closed, pages back to ours, callbacks off. */
void event_reset(struct domain *d);
/* For the key handler. */
void event_log(const struct domain *d);

#endif
