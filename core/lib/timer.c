/* SPDX-License-Identifier: MIT */
/*
 * One timer queue per processor: a list sorted by deadline behind a lock, on
 * the one-shot timer of the architecture.
 *
 * A timer runs on the processor that set it. Other processors may cancel or
 * move it, which is what the lock is for; the hardware of another processor
 * is not touched then, its next interrupt finds nothing due and arms anew.
 *
 * Deliberately not supported: timers by the thousand (a list is searched).
 */
#include <taproot/arch.h>
#include <taproot/lock.h>
#include <taproot/timer.h>

/* How many timers one interrupt runs, so that one that sets itself into the past cannot hold us. */
#define TIMER_BATCH 64

#define NS_PER_SECOND 1000000000ull

struct timer_queue {
	struct lock lock;
	struct timer *head;
	uint64_t armed; /* what the hardware was told; the owning processor's */
	bool started;
} __attribute__((aligned(64)));

static struct timer_queue timer_queues[TIMER_CPUS_MAX];

void timer_cpu_reset(unsigned cpu)
{
	timer_queues[cpu] = (struct timer_queue){.armed = UINT64_MAX};
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){.fn = fn};
}

/* Tell the hardware about `deadline` unless it knows. */
static void timer_arm(struct timer_queue *q, uint64_t deadline)
{
	if (!q->started || q->armed != deadline) {
		q->started = true;
		q->armed = deadline;
		arch_timer_arm(deadline);
	}
}

static uint64_t timer_next_deadline(const struct timer_queue *q)
{
	lock_assert(&q->lock);
	return q->head ? q->head->deadline : UINT64_MAX;
}

/* Take `t` off whatever queue it is on. */
static void timer_unlink(struct timer *t)
{
	while (__atomic_load_n(&t->queued, __ATOMIC_ACQUIRE)) {
		struct timer_queue *q = &timer_queues[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];

		lock_acquire(&q->lock);
		for (struct timer **link = &q->head; *link; link = &(*link)->next) {
			if (*link == t) {
				*link = t->next;
				__atomic_store_n(&t->queued, false, __ATOMIC_RELEASE);
				break;
			}
		}
		lock_release(&q->lock);
	}
}

void timer_set(struct timer *t, uint64_t deadline)
{
	unsigned cpu = arch_cpu_this();
	struct timer_queue *q = &timer_queues[cpu];
	uint64_t next;

	timer_unlink(t);
	lock_acquire(&q->lock);
	struct timer **link = &q->head;
	while (*link && (*link)->deadline <= deadline) {
		link = &(*link)->next;
	}
	t->deadline = deadline;
	t->next = *link;
	*link = t;
	__atomic_store_n(&t->cpu, (uint16_t)cpu, __ATOMIC_RELAXED);
	__atomic_store_n(&t->queued, true, __ATOMIC_RELEASE);
	next = timer_next_deadline(q);
	lock_release(&q->lock);
	timer_arm(q, next);
}

void timer_cancel(struct timer *t)
{
	struct timer_queue *q = &timer_queues[arch_cpu_this()];
	uint64_t next;

	if (!__atomic_load_n(&t->queued, __ATOMIC_ACQUIRE)) {
		return;
	}
	timer_unlink(t);
	lock_acquire(&q->lock);
	next = timer_next_deadline(q);
	lock_release(&q->lock);
	timer_arm(q, next);
}

/* The first timer of the queue when it is due, taken off; NULL otherwise. */
static struct timer *timer_pop_due(struct timer_queue *q, uint64_t now)
{
	struct timer *t;

	lock_acquire(&q->lock);
	t = q->head;
	if (t && t->deadline <= now) {
		q->head = t->next;
		__atomic_store_n(&t->queued, false, __ATOMIC_RELEASE);
	} else {
		t = NULL;
	}
	lock_release(&q->lock);
	return t;
}

void timer_run(void)
{
	struct timer_queue *q = &timer_queues[arch_cpu_this()];
	uint64_t now = arch_time();
	uint64_t next;

	/* The one-shot has fired: whatever comes next, the hardware has to be told. */
	q->started = false;
	for (unsigned i = 0; i < TIMER_BATCH; i++) {
		struct timer *t = timer_pop_due(q, now);

		if (!t) {
			break;
		}
		t->fn(t);
	}
	lock_acquire(&q->lock);
	next = timer_next_deadline(q);
	lock_release(&q->lock);
	timer_arm(q, next);
}

/* value * to / from, all ones where that does not fit; from, to < 2^33. */
static uint64_t timer_scale(uint64_t value, uint64_t from, uint64_t to)
{
	uint64_t whole;
	uint64_t sum;

	if (__builtin_mul_overflow(value / from, to, &whole) ||
	    __builtin_add_overflow(whole, value % from * to / from, &sum)) {
		return UINT64_MAX;
	}
	return sum;
}

uint64_t timer_ns_to_ticks(uint64_t ns)
{
	return timer_scale(ns, NS_PER_SECOND, arch_time_hz());
}

uint64_t timer_ticks_to_ns(uint64_t ticks)
{
	return timer_scale(ticks, arch_time_hz(), NS_PER_SECOND);
}
