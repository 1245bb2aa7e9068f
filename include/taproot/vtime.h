/* SPDX-License-Identifier: MIT */
/*
 * A guest's time by the Xen ABI: vcpu_time_info (pvclock), the wall clock in
 * shared_info, PV timers, runstate accounting (Xen public headers xen.h, vcpu.h).
 * System time counts nanoseconds since the domain was created.
 */
#ifndef TAPROOT_VTIME_H
#define TAPROOT_VTIME_H

#include <taproot/lock.h>
#include <taproot/timer.h>

struct domain;
struct vcpu;

/*
 * Part of struct vcpu. Areas are places in the guest's memory that are written
 * at every change: by linear address (page tables of the vCPU, so only by its
 * processor) or by physical address.
 */
struct vtime {
	struct lock lock;         /* all of this */
	struct timer singleshot;
	struct timer periodic;
	uint64_t period;          /* ticks; 0: no periodic timer */
	uint64_t periodic_next;   /* arch_time() */
	uint32_t version;         /* of vcpu_time_info, even */
	uint32_t runstate;        /* RUNSTATE_* */
	uint64_t runstate_since;  /* system time, ns */
	uint64_t runstate_ns[4];  /* up to runstate_since */
	uint64_t runstate_area;   /* linear address; 0: none */
	gpa_t runstate_gpa;       /* UINT64_MAX: none */
	void *runstate_page;      /* what is at runstate_gpa */
	uint64_t time_area;
	gpa_t time_gpa;
	void *time_page;
};

void vtime_vcpu_init(struct vcpu *v);
/* Nanoseconds of system time now. */
uint64_t vtime_now(const struct domain *d);
/* The vCPU's TSC offset changed, or its vcpu_info moved: write its vcpu_time_info again. */
void vtime_update(struct vcpu *v);
/* Seconds since 1970 at system time 0, and nanoseconds: at start from the RTC, later XENPF_settime64. */
void vtime_set_wallclock(struct domain *d, uint64_t sec, uint32_t nsec);
/* From now on the vCPU is in this state (vcpu.h RUNSTATE_*); the times before are booked. Its processor. */
void vtime_runstate(struct vcpu *v, uint32_t state);
/* Nanoseconds the vCPU has been in each state up to now; the state it is in. Any processor. */
uint32_t vtime_get_runstate(struct vcpu *v, uint64_t *since, uint64_t ns[4]);
/* arch_time() at which it is `ns` of system time; now when that is past, UINT64_MAX beyond reach. */
uint64_t vtime_to_ticks(const struct domain *d, uint64_t ns);

#endif
