// SPDX-License-Identifier: MIT
/*
 * Function calls on other processors. A call lives on its caller's stack and
 * is pushed onto the target's list without a lock; the target takes the whole
 * list at its interrupt. A caller that waits serves its own list, so that two
 * processors may call each other.
 *
 * Not to be called with a lock held: the target may be waiting for it.
 */
#include <taproot/arch.h>
#include <taproot/panic.h>
#include "cpu.h"
#include "lapic.h"
#include "x86.h"

struct call {
	struct call *next;
	void (*fn)(void *arg);
	void *arg;
	uint32_t *left; /* calls of this round not yet done */
};

void smp_serve_calls(void)
{
	struct call *c = __atomic_exchange_n(&this_cpu()->calls, NULL, __ATOMIC_ACQUIRE);

	while (c) {
		/* The caller's stack may be gone right after the count goes down. */
		struct call *next = c->next;

		c->fn(c->arg);
		__atomic_sub_fetch(c->left, 1, __ATOMIC_RELEASE);
		c = next;
	}
}

static void call_push(struct pcpu *p, struct call *c)
{
	c->next = __atomic_load_n(&p->calls, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&p->calls, &c->next, c, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED)) {
	}
	lapic_send(p->apic_id, ICR_MODE_FIXED | VECTOR_CALL);
}

static void call_one(struct pcpu *p, void (*fn)(void *arg), void *arg)
{
	uint32_t left = 1;
	struct call c = {NULL, fn, arg, &left};

	if (p == this_cpu()) {
		fn(arg);
		return;
	}
	ASSERT(p->online);
	call_push(p, &c);
	while (__atomic_load_n(&left, __ATOMIC_ACQUIRE)) {
		smp_serve_calls();
		cpu_pause();
	}
}

void smp_call(unsigned cpu, void (*fn)(void *arg), void *arg)
{
	if (cpu != SMP_ALL) {
		ASSERT(cpu < pcpu_count);
		call_one(pcpus[cpu], fn, arg);
		return;
	}
	for (unsigned i = 0; i < pcpu_count; i++) {
		call_one(pcpus[i], fn, arg);
	}
}

static void pass(void *arg)
{
	(void)arg;
}

/* A call is taken where nothing is under way: in a window of the run loop, in a wait for calls. */
void arch_quiesce(void)
{
	smp_call(SMP_ALL, pass, NULL);
}

void smp_kick(unsigned cpu)
{
	lapic_send(pcpus[cpu]->apic_id, ICR_MODE_FIXED | VECTOR_KICK);
}
