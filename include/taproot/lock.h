/* SPDX-License-Identifier: MIT */
/*
 * Spin locks.
 *
 * Hypervisor code runs with interrupts off except in two windows of the run
 * loop (arch/x86/run.c), where no lock is held; so a lock needs no
 * interrupt-saving form. Lock order (outermost first):
 *
 *	domain.pci_lock -> domain.mem_lock -> domain.irq_lock -> vlapic.lock
 *	-> vector table -> timer queue -> page pool / heap -> log
 *
 * No lock is held while waiting for another processor (doc/locking.md).
 */
#ifndef TAPROOT_LOCK_H
#define TAPROOT_LOCK_H

#include <taproot/panic.h>

struct lock {
	uint32_t held;
};

static inline void lock_acquire(struct lock *l)
{
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED)) {
			__builtin_ia32_pause();
		}
	}
}

static inline void lock_release(struct lock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

static inline void lock_assert(const struct lock *l)
{
	ASSERT(__atomic_load_n(&l->held, __ATOMIC_RELAXED));
}

#endif
