/* SPDX-License-Identifier: MIT */
/*
 * A domain as the tools see it (Xen ABI domctl.h, xen_domctl_getdomaininfo).
 * Sums over vCPUs are taken while they run: a snapshot of each, not of all.
 */
#include <taproot/balloon.h>
#include <taproot/string.h>
#include <taproot/vcpu.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "control.h"

struct domain *domain_from(uint32_t id)
{
	struct domain *found = NULL;

	for (struct domain *d = domain_list; d; d = d->next) {
		if (d->id >= id && (!found || d->id < found->id)) {
			found = d;
		}
	}
	return found;
}

static uint32_t shutdown_code(const struct domain *d)
{
	switch (__atomic_load_n(&d->end, __ATOMIC_ACQUIRE)) {
	case DOMAIN_POWEROFF:
		return SHUTDOWN_poweroff;
	case DOMAIN_REBOOT:
		return SHUTDOWN_reboot;
	default:
		return SHUTDOWN_crash;
	}
}

static void add_vcpu(struct vcpu *v, struct xen_domctl_getdomaininfo *out)
{
	uint64_t since, ns[4];
	uint32_t state = vtime_get_runstate(v, &since, ns);

	out->cpu_time += ns[RUNSTATE_running];
	out->max_vcpu_id = v->id;
	if (!vcpu_is_up(v)) {
		return;
	}
	out->nr_online_vcpus++;
	if (state == RUNSTATE_running) {
		out->flags |= XEN_DOMINF_running;
	}
	if (state != RUNSTATE_blocked) {
		out->flags &= ~XEN_DOMINF_blocked;
	}
}

void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *out)
{
	memset(out, 0, sizeof(*out));
	out->domain = d->id;
	out->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	out->flags = XEN_DOMINF_blocked;
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		add_vcpu(d->vcpu[i], out);
	}
	if (out->nr_online_vcpus == 0) {
		out->flags = 0;
	}
	out->flags |= XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
	if (__atomic_load_n(&d->end, __ATOMIC_ACQUIRE) != DOMAIN_RUNNING) {
		out->flags |= XEN_DOMINF_shutdown | shutdown_code(d) << XEN_DOMINF_shutdownshift;
	}
	out->tot_pages = balloon_pages(d);
	out->max_pages = balloon_pages_max(d);
	out->shared_info_frame = event_shared_info_frame(d);
	out->gpaddr_bits = (uint8_t)__builtin_ctzll(d->memmap.limit);
	out->arch_config.emulation_flags =
		XEN_X86_EMU_LAPIC | XEN_X86_EMU_IOAPIC | XEN_X86_EMU_VPCI;
}
