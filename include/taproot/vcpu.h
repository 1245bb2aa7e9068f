/* SPDX-License-Identifier: MIT */
/*
 * The life of a vCPU: started by INIT and start-up messages of the local APIC
 * (SDM 3A 8.4.3, APMv2 16.5) or by VCPUOP_initialise and up (Xen public headers
 * vcpu.h, hvm/hvm_vcpu.h), taken down again by INIT or VCPUOP_down.
 *
 * Requests come from any processor and are one atomic word; what they ask of
 * the vCPU's registers is done by its own processor, between two entries.
 */
#ifndef TAPROOT_VCPU_H
#define TAPROOT_VCPU_H

#include <taproot/lock.h>
#include <taproot/types.h>

struct domain;
struct vcpu;
struct vcpu_hvm_context;

/* Bits of vcpu_life.state. 0: runs, nothing to do. */
#define VCPU_WAITS   (1u << 0) /* for a start-up message or VCPUOP_initialise */
#define VCPU_IS_DOWN (1u << 1) /* VCPUOP_down, or initialised and not up yet */
#define VCPU_INIT    (1u << 2) /* request: the state after INIT */
#define VCPU_STARTUP (1u << 3) /* request: real mode at the page VCPU_PAGE */
#define VCPU_LOAD    (1u << 4) /* request: the registers in `start` */
#define VCPU_HELD    (1u << 5) /* a soft reset is under way: nobody starts or stops it */
#define VCPU_PAGE    (0xffu << 8)

#define VCPU_REQUESTS (VCPU_INIT | VCPU_STARTUP | VCPU_LOAD)
#define VCPU_STOPPED  (VCPU_WAITS | VCPU_IS_DOWN)

/* A segment register; `attrib` as in hvm_vcpu.h: descriptor bits 47:40, then 55:52. */
struct vcpu_segment {
	uint32_t base;
	uint32_t limit;
	uint16_t attrib;
};

/* What a vCPU starts with; what is not here is as after INIT. */
struct vcpu_registers {
	uint64_t gpr[8]; /* by hardware's number: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI */
	uint64_t rip, rflags;
	uint64_t cr0, cr3, cr4, efer;
	struct vcpu_segment cs, ds, ss, es, tr;
};

/* Part of struct vcpu. */
struct vcpu_life {
	uint32_t state;             /* any processor, by atomics */
	struct lock lock;           /* `start` */
	struct vcpu_registers start;
};

/* ---- from any processor ---- */

/* INIT and start-up messages arrive. A start-up message counts after INIT only. */
void vcpu_send_init(struct vcpu *v);
void vcpu_send_startup(struct vcpu *v, unsigned page);

/*
 * VCPUOP_initialise: the registers of a vCPU that waits to be started; it is
 * down then. -EINVAL: not a state a vCPU may have, -EEXIST: it does not wait.
 */
int vcpu_initialise(struct vcpu *v, const struct vcpu_hvm_context *c) MUST_CHECK;
/* VCPUOP_up. -EINVAL: it waits to be initialised. */
int vcpu_up(struct vcpu *v) MUST_CHECK;
/*
 * VCPUOP_down: stops before its next instruction. The last one up ends the domain (power-off).
 * -EBUSY: a soft reset is under way.
 */
int vcpu_down(struct vcpu *v) MUST_CHECK;
/* VCPUOP_is_up. */
bool vcpu_is_up(const struct vcpu *v);

/*
 * A soft reset by `v`, on its processor: the other vCPUs of the domain are to stop, and until
 * vcpu_release_all() nobody starts or stops any of them. False: `v` is to stop itself, for the
 * soft reset of another one or because it was asked to.
 */
bool vcpu_hold_others(struct vcpu *v) MUST_CHECK;
/* They have stopped: none is in a hypercall, nor will be. */
bool vcpu_others_stopped(const struct vcpu *v);
void vcpu_release_all(struct domain *d);

/* ---- the vCPU's own processor, in the run loop ---- */

/* Does vcpu_attend() have to be called before the next entry, also by a vCPU in HLT? */
static inline bool vcpu_needs_attention(const struct vcpu_life *l)
{
	return __atomic_load_n(&l->state, __ATOMIC_ACQUIRE) != 0;
}
/* Carry out the requests. False: the vCPU is stopped, its processor sleeps until vcpu_stirs(). */
bool vcpu_attend(struct vcpu *v);
/* A stopped vCPU has a request to carry out, or may run. */
bool vcpu_stirs(const struct vcpu *v);

#endif
