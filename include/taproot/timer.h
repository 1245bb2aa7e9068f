/* SPDX-License-Identifier: MIT */
/*
 * One timer queue per processor, on the one-shot timer that the architecture
 * provides. Virtual APIC timers, PV timers, watchdogs and rate limits are its
 * clients. Time is in ticks of arch_time().
 */
#ifndef TAPROOT_TIMER_H
#define TAPROOT_TIMER_H

#include <taproot/types.h>

#define TIMER_CPUS_MAX 256

/* Part of its owner, who serializes timer_set() and timer_cancel(); the queue's lock guards the
 * rest. */
struct timer {
	uint64_t deadline;
	void (*fn)(struct timer *t); /* called from timer_run(), the timer not queued any more */
	struct timer *next;
	uint16_t cpu; /* whose queue it is on */
	bool queued;
};

/* An empty queue for processor `cpu`, which runs no timers now: it comes up, or it is gone. */
void timer_cpu_reset(unsigned cpu);

void timer_init(struct timer *t, void (*fn)(struct timer *t));
/* Queue on this processor (moving it when queued). A deadline in the past fires at the next chance.
 */
void timer_set(struct timer *t, uint64_t deadline);
/* After return the function is not running on this processor and will not be called. */
void timer_cancel(struct timer *t);
/* Run what is due on this processor and arm the hardware for the next. */
void timer_run(void);

/* Conversions that do not overflow for any uint64_t input a guest can choose. */
uint64_t timer_ns_to_ticks(uint64_t ns);
uint64_t timer_ticks_to_ns(uint64_t ticks);

#endif
