/* SPDX-License-Identifier: MIT */
/*
 * Spin locks.
 *
 * Hypervisor code runs with interrupts off except in two windows of the run
 * loop (arch/x86/run.c), where no lock is held; so a lock needs no
 * interrupt-saving form. Lock order (outermost first):
 *
 *	uart.lock -> domain.pci_lock -> domain.mem_lock -> event_domain.lock -> vtime.lock,
 *	domain.irq_lock, domain.watchdog_lock, input of hvc0
 *	-> irq_source.lock -> iommu, remapping entries -> vector table, IO-APICs and
 *	config ports of the machine, IOMMU queues -> timer queue -> page pool, heap, vcpu_life -> recorder -> log
 *
 * No lock is held across a function call to another processor. A shootdown
 * under mem_lock is no such wait: it needs the others to leave the guest, not
 * to take a lock (doc/locking.md).
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
