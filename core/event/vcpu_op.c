/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op (Xen public headers vcpu.h): the vCPUs of the caller's own domain;
 * their places in its memory, their timers, their life (vcpu.h of the core).
 *
 * Deliberately not supported: vCPUs of other domains (that is domctl).
 */
#include <abi/vcpu.h>
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/event.h>
#include <taproot/hypercall.h>
#include <taproot/vtime.h>
#include <xen/hvm/hvm_vcpu.h>

#include "event_internal.h"

#define PERIOD_MIN_NS 1000000ull
#define PERIOD_MAX_NS (UINT64_MAX >> 9) /* a year; its ticks stay far below 2^64 */

/* h->arg: operation, vCPU number, address of the argument. `v` is the vCPU meant. */
typedef int64_t vcpu_op_fn(struct hypercall *h, struct vcpu *v);

static int64_t op_initialise(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_hvm_context c;

	if (copy_from_guest(h, &c, h->arg[2], sizeof(c))) {
		return -EFAULT;
	}
	return vcpu_initialise(v, &c);
}

static int64_t op_up(struct hypercall *h, struct vcpu *v)
{
	(void)h;
	return vcpu_up(v);
}

static int64_t op_down(struct hypercall *h, struct vcpu *v)
{
	(void)h;
	return vcpu_down(v);
}

static int64_t op_is_up(struct hypercall *h, struct vcpu *v)
{
	(void)h;
	return vcpu_is_up(v);
}

static int64_t op_get_runstate(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_runstate_info r = {.state = 0};

	r.state = (int)vtime_get_runstate(v, &r.state_entry_time, r.time);
	return copy_to_guest(h, h->arg[2], &r, sizeof(r));
}

/* The address in the structures that register a place. */
static int area_address(struct hypercall *h, uint64_t *address)
{
	_Static_assert(sizeof(struct vcpu_register_runstate_memory_area) == sizeof(uint64_t) &&
			       sizeof(struct vcpu_register_time_memory_area) == sizeof(uint64_t),
		       "Xen ABI vcpu.h");
	return copy_from_guest(h, address, h->arg[2], sizeof(*address));
}

static int64_t op_register_runstate(struct hypercall *h, struct vcpu *v)
{
	uint64_t address;

	if (area_address(h, &address)) {
		return -EFAULT;
	}
	vtime_register_runstate(v, h->v, address);
	return 0;
}

static int64_t op_register_runstate_phys(struct hypercall *h, struct vcpu *v)
{
	uint64_t address;

	return area_address(h, &address) ? -EFAULT : vtime_register_runstate_phys(v, address);
}

static int64_t op_register_time(struct hypercall *h, struct vcpu *v)
{
	uint64_t address;

	if (area_address(h, &address)) {
		return -EFAULT;
	}
	vtime_register_time(v, h->v, address);
	return 0;
}

static int64_t op_register_time_phys(struct hypercall *h, struct vcpu *v)
{
	uint64_t address;

	return area_address(h, &address) ? -EFAULT : vtime_register_time_phys(v, address);
}

static int64_t op_register_vcpu_info(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_register_vcpu_info a;

	if (copy_from_guest(h, &a, h->arg[2], sizeof(a))) {
		return -EFAULT;
	}
	return event_register_vcpu_info(v, v == h->v, a.mfn, a.offset);
}

static int64_t op_set_periodic(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_set_periodic_timer a;

	if (copy_from_guest(h, &a, h->arg[2], sizeof(a))) {
		return -EFAULT;
	}
	if (a.period_ns < PERIOD_MIN_NS || a.period_ns > PERIOD_MAX_NS) {
		return -EINVAL;
	}
	pvtimer_set_periodic(v, a.period_ns);
	return 0;
}

static int64_t op_stop_periodic(struct hypercall *h, struct vcpu *v)
{
	(void)h;
	pvtimer_set_periodic(v, 0);
	return 0;
}

static int64_t op_set_singleshot(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_set_singleshot_timer a;

	if (v != h->v) {
		return -EINVAL;
	}
	if (copy_from_guest(h, &a, h->arg[2], sizeof(a))) {
		return -EFAULT;
	}
	if ((a.flags & VCPU_SSHOTTMR_future) && a.timeout_abs_ns < vtime_now(v->domain)) {
		return -ETIME;
	}
	pvtimer_set_singleshot(v, a.timeout_abs_ns);
	return 0;
}

static int64_t op_stop_singleshot(struct hypercall *h, struct vcpu *v)
{
	if (v != h->v) {
		return -EINVAL;
	}
	pvtimer_stop_singleshot(v);
	return 0;
}

static int64_t op_send_nmi(struct hypercall *h, struct vcpu *v)
{
	if (h->arg[2]) {
		return -EINVAL;
	}
	vlapic_accept_nmi(&v->lapic);
	return 0;
}

/*
 * Of pinned vCPUs, which the hardware domain has: its APIC IDs are the
 * machine's, its ACPI IDs vCPU numbers.
 */
static int64_t op_get_physid(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_get_physid a = {.phys_id = (uint64_t)v->id << 32 | v->lapic.id};

	if (!v->domain->hardware) {
		return -EINVAL;
	}
	return copy_to_guest(h, h->arg[2], &a, sizeof(a));
}

static vcpu_op_fn *const ops[] = {
	[VCPUOP_initialise] = op_initialise,
	[VCPUOP_up] = op_up,
	[VCPUOP_down] = op_down,
	[VCPUOP_is_up] = op_is_up,
	[VCPUOP_get_runstate_info] = op_get_runstate,
	[VCPUOP_register_runstate_memory_area] = op_register_runstate,
	[VCPUOP_set_periodic_timer] = op_set_periodic,
	[VCPUOP_stop_periodic_timer] = op_stop_periodic,
	[VCPUOP_set_singleshot_timer] = op_set_singleshot,
	[VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
	[VCPUOP_register_vcpu_info] = op_register_vcpu_info,
	[VCPUOP_send_nmi] = op_send_nmi,
	[VCPUOP_get_physid] = op_get_physid,
	[VCPUOP_register_vcpu_time_memory_area] = op_register_time,
	[VCPUOP_register_runstate_phys_area] = op_register_runstate_phys,
	[VCPUOP_register_vcpu_time_phys_area] = op_register_time_phys,
};

int64_t hypercall_vcpu_op(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	uint32_t op = (uint32_t)h->arg[0];
	uint32_t id = (uint32_t)h->arg[1];

	if (!d->event) {
		return -ENOSYS;
	}
	if (id >= d->vcpu_count) {
		return -ENOENT;
	}
	if (op >= ARRAY_SIZE(ops) || !ops[op]) {
		return -ENOSYS;
	}
	return ops[op](h, d->vcpu[id]);
}
