// SPDX-License-Identifier: MIT
/*
 * What a processor does for its vCPU between an exit and the next entry when
 * it is not just entering again: deferred work, refills, HLT, NMIs, the end of
 * the domain. The loop itself is the vendor's (svm_exit.c), around hvm_next().
 *
 * Interrupts are taken in irq_window() and irq_wait() only; no lock is held
 * there (lock.h).
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/irq.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include <xen/vcpu.h>
#include "cpu.h"
#include "hvm.h"
#include "power.h"

#define LEAVE_WAIT 10000 /* microseconds in which all vCPUs leave the guest */

/* All vCPUs were kicked; give them the time to be out of the guest. */
static void wait_left(const struct domain *d)
{
	uint64_t end = arch_time() + ticks_from_us(LEAVE_WAIT);

	for (unsigned i = 0; i < d->vcpu_count; i++) {
		while (__atomic_load_n(&d->vcpu[i]->arch->in_guest, __ATOMIC_ACQUIRE) &&
		       arch_time() < end) {
			cpu_pause();
		}
	}
}

/*
 * The domain is gone: what that means for the machine when it is the hardware
 * domain. The first processor to come here sees to it, the others stop.
 */
static NORETURN void domain_ended(struct domain *d)
{
	static bool begun;

	if (__atomic_exchange_n(&begun, true, __ATOMIC_ACQ_REL)) {
		machine_halt();
	}
	wait_left(d);
	switch (__atomic_load_n(&d->end, __ATOMIC_ACQUIRE)) {
	case DOMAIN_REBOOT:
		log_info("d%u: reboot", d->id);
		reset_machine();
	case DOMAIN_POWEROFF:
		log_info("d%u: power-off", d->id);
		power_off_machine();
		log_info("d%u: powered off, but the machine still runs: halted", d->id);
		machine_halt();
	default:
		hvm_log_vcpus(d);
		log_notice("d%u: crashed%s", d->id, options.noreboot ? ": halted (noreboot)" : "");
		if (options.noreboot) {
			machine_halt();
		}
		reset_machine();
	}
}

/* What the vCPU has left of its domain's to be done, then what trap paths have used up. */
static void catch_up(struct vcpu *v)
{
	while (v->behind && v->domain->end == DOMAIN_RUNNING) {
		vcpu_catch_up(v);
		irq_window();
	}
	hvm_refill(v->domain);
}

/* A piece of it. Before the next, what has come meanwhile: the end of the domain, INIT. */
static void deferred_work(struct vcpu *v)
{
	if (v->deferred(v) == 0) {
		v->deferred = NULL;
	}
	irq_window();
}

void hvm_pass_nmi(void)
{
	struct pcpu *p = this_cpu();

	if (p->nmi_pending) {
		p->nmi_pending = false;
		if (hardware_domain) {
			irq_deliver_nmi_pin(hardware_domain);
		}
	}
}

/* Does anything end HLT (APMv3 HLT): an interrupt that is enabled, an NMI that is not masked? */
static bool wakes(struct vcpu *v)
{
	if (__atomic_load_n(&v->lapic.nmi_pending, __ATOMIC_RELAXED) && !hvm_nmi_masked(v)) {
		return true;
	}
	return hvm->interrupts_enabled(v) &&
	       (vlapic_pending(&v->lapic) >= 0 || event_callback_pending(v) >= 0);
}

/*
 * HLT, or a hypercall that sleeps: until there is something to deliver, or what
 * the vCPU waits for. The check and the sleep are one step, interrupts off. A
 * request to start or stop comes in between; a vCPU that still sleeps then
 * goes on with it.
 */
static void wait_for_event(struct vcpu *v)
{
	for (;;) {
		hvm_pass_nmi();
		if (v->domain->end != DOMAIN_RUNNING || vcpu_needs_attention(&v->life)) {
			vtime_runstate(v, RUNSTATE_running);
			return;
		}
		if (wakes(v) || (v->wait && v->wait(v))) {
			break;
		}
		vtime_runstate(v, RUNSTATE_blocked);
		if (!irq_rest()) {
			irq_wait();
		}
	}
	vtime_runstate(v, RUNSTATE_running);
	v->arch->halted = 0;
	if (v->wait) {
		v->wait = NULL;
		event_wait_end(v);
	}
}

/* Not started yet, or down: only what starts it, or ends the domain, ends the sleep. */
static void wait_for_start(struct vcpu *v)
{
	vtime_runstate(v, RUNSTATE_offline);
	while (v->domain->end == DOMAIN_RUNNING && !vcpu_stirs(v)) {
		hvm_pass_nmi();
		if (!irq_rest()) {
			irq_wait();
		}
	}
	vtime_runstate(v, RUNSTATE_running);
}

struct vcpu *hvm_work(struct vcpu *v)
{
	while (hvm_has_work(v)) {
		if (v->domain->end != DOMAIN_RUNNING) {
			domain_ended(v->domain);
		}
		/* Before what stops or resets the vCPU: it is part of its last instruction. */
		if (v->behind || v->domain->refill) {
			catch_up(v);
			if (v->behind) {
				continue;
			}
		}
		if (vcpu_needs_attention(&v->life) && !vcpu_attend(v)) {
			wait_for_start(v);
			continue;
		}
		if (v->deferred) {
			deferred_work(v);
			continue;
		}
		hvm_pass_nmi();
		if (v->arch->halted || v->wait) {
			wait_for_event(v);
		}
		v = hvm_schedule(v);
	}
	return v;
}

void hvm_run(struct vcpu *v)
{
	this_cpu()->vcpu = v;
	vtime_runstate(v, RUNSTATE_running);
	hvm->run(v);
}
