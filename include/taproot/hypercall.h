/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: the Xen guest ABI (Xen public headers, xen.h). One table from
 * number to handler; every handler gets its arguments as values and copies
 * guest memory in once, checks the copy, and works on the copy.
 *
 * 64-bit callers at CPL 0 only; 32-bit callers get -ENOSYS.
 */
#ifndef TAPROOT_HYPERCALL_H
#define TAPROOT_HYPERCALL_H

#include <taproot/arch.h>
#include <taproot/domain.h>

#define HYPERCALL_ARGS 6

/* A hypercall in progress; on the stack of the processor that runs the caller. */
struct hypercall {
	struct vcpu *v; /* the caller */
	uint64_t op;
	uint64_t arg[HYPERCALL_ARGS];
	/*
	 * Set by a long operation: the instruction is executed again with the
	 * arguments as they are in `arg` now, after interrupts and other work.
	 */
	bool again;
};

typedef int64_t hypercall_fn(struct hypercall *h);

/* Carry out a hypercall; the value for the caller, unless h->again. */
int64_t hypercall_run(struct hypercall *h);

/* What a caller may do to a domain: the privilege hook. */
enum hypercall_right {
	RIGHT_QUERY,   /* ask about it: itself, or the hardware domain about any */
	RIGHT_CONTROL, /* change it: the hardware domain about any, itself where the operation says */
	RIGHT_MACHINE, /* the machine: the hardware domain only; no target */
};

/*
 * The domain that `id` names (DOMID_SELF: the caller) when the caller has the
 * right to it. -ESRCH: there is none, -EPERM: not the caller's.
 */
int hypercall_target(const struct vcpu *caller, uint16_t id, enum hypercall_right right,
		     struct domain **out) MUST_CHECK;
/* RIGHT_MACHINE: 0 or -EPERM. */
int hypercall_machine(const struct vcpu *caller) MUST_CHECK;

/*
 * Copies between our memory and the caller's, by its linear addresses and page
 * tables now. Only its RAM is touched; -EFAULT: some of it is not there (part
 * may have been copied) or, for to_guest, not writable.
 */
static inline MUST_CHECK int copy_from_guest(struct hypercall *h, void *to, uint64_t linear,
					     size_t len)
{
	return arch_copy_from_guest(h->v, to, linear, len);
}

static inline MUST_CHECK int copy_to_guest(struct hypercall *h, uint64_t linear, const void *from,
					   size_t len)
{
	return arch_copy_to_guest(h->v, linear, from, len);
}

/* ---- handlers, each beside what it is about ---- */

hypercall_fn hypercall_memory_op;        /* core/hypercall/memory.c */
hypercall_fn hypercall_set_timer_op;     /* core/event */
hypercall_fn hypercall_xen_version;      /* core/hypercall/version.c */
hypercall_fn hypercall_console_io;       /* core/hypercall/console.c */
hypercall_fn hypercall_vm_assist;        /* core/hypercall/misc.c */
hypercall_fn hypercall_vcpu_op;          /* core/event */
hypercall_fn hypercall_sched_op;         /* core/event */
hypercall_fn hypercall_event_channel_op; /* core/event */
hypercall_fn hypercall_physdev_op;       /* core/hypercall/physdev.c */
hypercall_fn hypercall_hvm_op;           /* core/hypercall/hvm_op.c */
hypercall_fn hypercall_sysctl;           /* core/hypercall/sysctl.c */
hypercall_fn hypercall_domctl;           /* core/hypercall/domctl.c */
hypercall_fn hypercall_platform_op;      /* core/hypercall/platform.c */

/* ---- sub-operations of sched_op that end a domain: core/hypercall/shutdown.c ---- */

/* SCHEDOP_shutdown, SCHEDOP_shutdown_code: SHUTDOWN_* of sched.h. */
int64_t hypercall_shutdown(struct hypercall *h, uint32_t reason);
int64_t hypercall_shutdown_code(struct hypercall *h, uint32_t reason);
int64_t hypercall_remote_shutdown(struct hypercall *h, uint16_t domain, uint32_t reason);
/* SCHEDOP_watchdog: timeout in seconds. */
int64_t hypercall_watchdog(struct hypercall *h, uint32_t id, uint32_t timeout);

#endif
