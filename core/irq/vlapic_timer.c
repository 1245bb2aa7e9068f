/* SPDX-License-Identifier: MIT */
/*
 * The timer of the virtual local APIC: one-shot, periodic and TSC-deadline
 * (SDM 3A 11.5.4; APMv2 16.4.1).
 *
 * The APIC bus clock is the time stamp counter divided by the smallest power
 * of two that brings it to 250 MHz or less: a guest calibrates it like any
 * other, counts convert by shifts, and the longest count (2^32 - 1, divided by
 * 128) stays far below 2^64. A count is kept as the time at which it ends, so
 * nothing ticks; a masked timer has no timer of ours at all.
 *
 * Deliberately not supported: periods below 100 us. Such a timer counts as
 * programmed and interrupts at most that often.
 */
#include <taproot/arch.h>
#include <taproot/vlapic.h>

#include "vlapic_internal.h"

#define BUS_HZ_MAX        250000000ull
#define PERIOD_MINIMUM_NS 100000ull

/* Ticks of arch_time() per count, as a power of two (SDM 3A 11.5.4 figure 11-10). */
static unsigned vlapic_timer_scale(const struct vlapic *l)
{
	uint32_t code = (l->timer_divide & 3) | ((l->timer_divide >> 1) & 4);

	return l->timer_shift + ((code + 1) & 7);
}

static uint64_t vlapic_timer_period(const struct vlapic *l)
{
	return (uint64_t)l->timer_initial << vlapic_timer_scale(l);
}

static uint32_t vlapic_timer_mode(const struct vlapic *l)
{
	return l->lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

/* Ask for our own timer when the guest's can interrupt. */
static void vlapic_timer_arm(struct vlapic *l, uint64_t at)
{
	if (l->timer_running && !(l->lvt[LVT_TIMER] & LVT_MASKED)) {
		timer_set(&l->timer, at);
	} else {
		timer_cancel(&l->timer);
	}
}

void vlapic_timer_stop(struct vlapic *l)
{
	l->timer_running = false;
	timer_cancel(&l->timer);
}

/* The count reached 0 by `now`: interrupt, and go on or stop. */
static void vlapic_timer_expire(struct vlapic *l, uint64_t now)
{
	uint64_t period = vlapic_timer_period(l);

	vlapic_post_lvt(l, LVT_TIMER);
	if (vlapic_timer_mode(l) == LVT_TIMER_PERIOD && period) {
		l->timer_expiry += ((now - l->timer_expiry) / period + 1) * period;
	} else {
		vlapic_timer_stop(l);
	}
}

/* Bring the state up to `now`; what our own timer has not delivered yet is delivered here. */
static void vlapic_timer_sync(struct vlapic *l, uint64_t now)
{
	if (l->timer_running && now >= l->timer_expiry) {
		vlapic_timer_expire(l, now);
	}
}

static void vlapic_timer_fire(struct timer *t)
{
	struct vlapic *l = container_of(t, struct vlapic, timer);
	uint64_t now = arch_time();

	if (!l->timer_running) {
		return;
	}
	vlapic_timer_sync(l, now);
	vlapic_timer_arm(l, MAX(l->timer_expiry, now + l->timer_minimum));
}

void vlapic_timer_init(struct vlapic *l)
{
	timer_init(&l->timer, vlapic_timer_fire);
	l->timer_shift = 0;
	while (arch_time_hz() >> l->timer_shift > BUS_HZ_MAX) {
		l->timer_shift++;
	}
	l->timer_minimum = timer_ns_to_ticks(PERIOD_MINIMUM_NS);
}

void vlapic_timer_set_initial(struct vlapic *l, uint32_t count)
{
	if (vlapic_timer_mode(l) == LVT_TIMER_TSC) {
		return;
	}
	l->timer_initial = count;
	l->timer_running = count != 0;
	l->timer_expiry = arch_time() + vlapic_timer_period(l);
	vlapic_timer_arm(l, l->timer_expiry);
}

uint32_t vlapic_timer_current(struct vlapic *l)
{
	unsigned scale = vlapic_timer_scale(l);
	uint64_t now = arch_time();

	if (vlapic_timer_mode(l) == LVT_TIMER_TSC) {
		return 0;
	}
	vlapic_timer_sync(l, now);
	if (!l->timer_running) {
		return 0;
	}
	return (uint32_t)((l->timer_expiry - now + (1ull << scale) - 1) >> scale);
}

/* The count that is left goes on at the new speed. */
void vlapic_timer_set_divide(struct vlapic *l, uint32_t divide)
{
	uint32_t left = vlapic_timer_current(l);

	l->timer_divide = divide;
	if (vlapic_timer_mode(l) == LVT_TIMER_TSC || !l->timer_running) {
		return;
	}
	l->timer_expiry = arch_time() + ((uint64_t)left << vlapic_timer_scale(l));
	vlapic_timer_arm(l, l->timer_expiry);
}

/* SDM 3A 11.5.4.1: a change to or from TSC-deadline mode disarms. */
void vlapic_timer_set_lvt(struct vlapic *l, uint32_t lvt)
{
	uint32_t changed;

	vlapic_timer_sync(l, arch_time());
	changed = (lvt ^ l->lvt[LVT_TIMER]) & LVT_TIMER_MODE;
	__atomic_store_n(&l->lvt[LVT_TIMER], lvt, __ATOMIC_RELAXED);
	if (changed & LVT_TIMER_TSC) {
		l->timer_running = false;
		l->timer_initial = 0;
	}
	vlapic_timer_arm(l, l->timer_expiry);
}

uint64_t vlapic_timer_deadline(struct vlapic *l)
{
	if (vlapic_timer_mode(l) != LVT_TIMER_TSC) {
		return 0;
	}
	vlapic_timer_sync(l, arch_time());
	return l->timer_running ? l->timer_expiry : 0;
}

void vlapic_timer_set_deadline(struct vlapic *l, uint64_t deadline)
{
	if (vlapic_timer_mode(l) != LVT_TIMER_TSC) {
		return;
	}
	l->timer_expiry = deadline;
	l->timer_running = deadline != 0;
	vlapic_timer_sync(l, arch_time());
	vlapic_timer_arm(l, l->timer_expiry);
}
