/* SPDX-License-Identifier: MIT */
/*
 * Domains, virtual processors and physical processors.
 *
 * struct domain: allocated at domain creation, freed at its end (later
 * issue); fields are guarded as their comments say. The hardware domain has id 0.
 */
#ifndef TAPROOT_DOMAIN_H
#define TAPROOT_DOMAIN_H

#include <taproot/event.h>
#include <taproot/ioreq.h>
#include <taproot/lock.h>
#include <taproot/memmap.h>
#include <taproot/uart.h>
#include <taproot/vcpu.h>
#include <taproot/vioapic.h>
#include <taproot/vlapic.h>
#include <taproot/vtime.h>

#define DOMAIN_VCPUS_MAX 256
#define DOMAIN_APIC_IDS  256

struct pci_root;
struct domain_arch;
struct vcpu_arch;

/* How a domain ended. */
enum domain_end { DOMAIN_RUNNING, DOMAIN_POWEROFF, DOMAIN_REBOOT, DOMAIN_CRASHED };

/* SCHEDOP_watchdog: ends the domain unless it is set again in time. */
#define DOMAIN_WATCHDOGS 2
struct domain_watchdog {
	struct timer timer;
	struct domain *domain;
	bool used;
};

struct vcpu {
	struct domain *domain;
	uint32_t id;
	uint32_t cpu; /* processor it runs on */
	struct vcpu_life life;
	struct vlapic lapic;
	struct event_vcpu event;
	struct vtime time;
	struct vcpu_arch *arch;
	/*
	 * What the vCPU sleeps for (SCHEDOP_poll and the like), besides what
	 * always wakes it; NULL: nothing. Asked after every kick, by its processor.
	 */
	bool (*wait)(struct vcpu *v);
	/*
	 * Work to be done before the vCPU executes its next instruction, in
	 * pieces when long: set by its processor, run by the run loop, which takes
	 * interrupts in between. INIT and the end of the domain drop it.
	 */
	int (*deferred)(struct vcpu *v); /* returns 0 when finished, -EAGAIN for another round */
	uint64_t debug_keys; /* of XEN_SYSCTL_debug_keys, those to come; the first in the low byte */
	/*
	 * Something of the domain's is left to be done in pieces (domain_defer()), before this
	 * vCPU executes its next instruction and before it is stopped or reset: set and cleared
	 * on its processor.
	 */
	bool behind;
};

struct domain {
	uint16_t id;
	struct domain *next;    /* of domain_list */
	bool hardware;          /* the hardware domain: unclaimed ports and config space are the machine's */
	struct lock pci_lock;   /* config space state: writes, and reads of trapped registers */
	struct lock mem_lock;   /* memmap changes and nested tables */
	struct lock irq_lock;   /* IO-APICs, interrupt sources */
	struct memmap memmap;   /* mem_lock for changes */
	uint32_t mmio_hint[IOREQ_HINTS]; /* ioreq's, without a lock */
	struct port_map ports;  /* changed at creation only */
	struct vioapics ioapics; /* irq_lock */
	struct pci_root *pci;   /* pci_lock */
	struct uart uart;
	struct vcpu *vcpu[DOMAIN_VCPUS_MAX];
	unsigned vcpu_count;
	struct vcpu *by_apic_id[DOMAIN_APIC_IDS]; /* those below DOMAIN_APIC_IDS; fixed at creation */
	bool vcpus_held;        /* a vCPU resets the domain (vcpu_hold_others()); atomics */
	bool xen_abi;           /* Xen CPUID leaves and hypercalls are there */
	struct event_domain *event;
	uint64_t param[64];     /* HVM_PARAM_*, as the guest reads them */
	struct domain_watchdog watchdog[DOMAIN_WATCHDOGS]; /* watchdog_lock */
	struct lock watchdog_lock;
	uint32_t shutdown_latched; /* SCHEDOP_shutdown_code: SHUTDOWN_* + 1; 0: none; atomics */
	uint64_t vm_assist;     /* bit n: VMASST_TYPE_ n is on; atomics */
	bool refill; /* something set aside for trap paths was used: fill it up at the next entry */
	uint32_t end; /* enum domain_end, written once */
	struct domain_arch *arch;
};

/* The hardware domain. */
extern struct domain *hardware_domain;
/* All domains; they are created at boot, and none goes away. */
extern struct domain *domain_list;

/* The domain with this id; NULL: there is none. */
struct domain *domain_find(uint16_t id);

/* An empty domain with room for `ranges` memmap ranges. NULL: out of memory. */
struct domain *domain_create(uint16_t id, bool hardware, uint64_t address_limit, unsigned ranges);
/*
 * A vCPU with its virtual local APIC; `cpu` is where it runs. The first one
 * runs, the others wait to be started. -ENOMEM, -ENOSPC.
 */
int domain_add_vcpu(struct domain *d, uint32_t apic_id, unsigned cpu, bool x2apic) MUST_CHECK;

/*
 * Something of the domain is left to be done in pieces: tables that follow its memmap, virtual
 * functions. The vCPU that runs on this processor does it before its next instruction; any
 * other may help. False: none runs here, so the caller does it now.
 */
bool domain_defer(struct domain *d);
/* A piece of what is left; vcpu.behind says whether that was all. No lock is held. */
void vcpu_catch_up(struct vcpu *v);

struct frames;

/* Less than this the hardware domain is never given: kernel, initrd and their unpacking. */
#define HWDOM_MEM_MIN (128 * MIB)

/*
 * Lay out the hardware domain's address space from the machine's E820 (which
 * may be unsorted, overlapping and unaligned) and hand out the RAM: the
 * hypervisor keeps [ours_start, ours_end), the domain gets `dom0_mem` bytes of
 * RAM (0: all), low addresses first, the rest stays free. `f` is filled with
 * every frame of RAM and its owner. Returns 0; -EINVAL: the E820 has no RAM
 * that could be used, -ENOSPC: memmap or `f` too small; the log says which.
 */
int hwdom_build_memmap(struct domain *d, const struct e820_entry *host, unsigned count,
		       hpa_t ours_start, hpa_t ours_end, uint64_t dom0_mem,
		       struct frames *f) MUST_CHECK;

#endif
