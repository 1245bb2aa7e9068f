/* SPDX-License-Identifier: MIT */
/*
 * A guest's time by the Xen ABI: vcpu_time_info (pvclock), the wall clock in
 * shared_info, PV timers, runstate accounting (Xen public headers xen.h, vcpu.h).
 * System time counts nanoseconds since the domain was created.
 */
#ifndef TAPROOT_VTIME_H
#define TAPROOT_VTIME_H

#include <taproot/timer.h>

struct domain;
struct vcpu;

/* Part of struct vcpu; its processor's, except where said. */
struct vtime {
	struct timer singleshot;
	struct timer periodic;
	uint64_t period;          /* ticks; 0: no periodic timer */
	uint32_t runstate;        /* RUNSTATE_* */
	uint64_t runstate_since;  /* arch_time() */
	uint64_t runstate_ns[4];
	uint64_t runstate_area;   /* linear address; 0: none */
	gpa_t runstate_gpa;       /* by physical address; UINT64_MAX: none */
	uint64_t time_area;
	gpa_t time_gpa;
};

void vtime_vcpu_init(struct vcpu *v);
/* Nanoseconds of system time now. */
uint64_t vtime_now(const struct domain *d);
/* The vCPU's TSC offset changed, or its vcpu_info moved: write its vcpu_time_info again. */
void vtime_update(struct vcpu *v);
/* Seconds since 1970 at system time 0, and nanoseconds: at start from the RTC, later XENPF_settime64. */
void vtime_set_wallclock(struct domain *d, uint64_t sec, uint32_t nsec);
/* From now on the vCPU is in this state (vcpu.h RUNSTATE_*); the times before are booked. */
void vtime_runstate(struct vcpu *v, uint32_t state);

#endif
