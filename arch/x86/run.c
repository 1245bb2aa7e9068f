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
#include <taproot/log.h>
#include <taproot/option.h>
#include "cpu.h"
#include "hvm.h"

/* The domain is gone: what that means for the machine when it is the hardware domain. */
static NORETURN void domain_ended(struct domain *d)
{
	switch (__atomic_load_n(&d->end, __ATOMIC_ACQUIRE)) {
	case DOMAIN_REBOOT:
		log_info("d%u: reboot", d->id);
		reset_machine();
	case DOMAIN_POWEROFF:
		log_info("d%u: powered off, but the machine still runs: halted", d->id);
		machine_halt();
	default:
		log_notice("d%u: crashed%s", d->id, options.noreboot ? ": halted (noreboot)" : "");
		if (options.noreboot) {
			machine_halt();
		}
		reset_machine();
	}
}

static void deferred_work(struct vcpu *v)
{
	while (v->deferred) {
		if (v->deferred(v) == 0) {
			v->deferred = NULL;
		}
		irq_window();
	}
	hvm_refill(v->domain);
}

/* An NMI of the machine (SERR#, watchdog) is the hardware domain's. */
static void pass_nmi(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (p->nmi_pending) {
		p->nmi_pending = false;
		if (v->domain->hardware) {
			vlapic_accept_nmi(&v->lapic);
		}
	}
}

/* Does anything end HLT (APMv3 HLT): an interrupt that is enabled, an NMI that is not masked? */
static bool wakes(struct vcpu *v)
{
	if (__atomic_load_n(&v->lapic.nmi_pending, __ATOMIC_RELAXED) && !v->arch->nmi_masked) {
		return true;
	}
	return hvm->interrupts_enabled(v) && vlapic_pending(&v->lapic) >= 0;
}

/* HLT: sleep until there is something to deliver. The check and the sleep are one step, interrupts off. */
static void wait_for_event(struct vcpu *v)
{
	for (;;) {
		pass_nmi(v);
		if (v->domain->end != DOMAIN_RUNNING || wakes(v)) {
			break;
		}
		irq_wait();
	}
	v->arch->halted = 0;
}

struct vcpu *hvm_work(struct vcpu *v)
{
	while (hvm_has_work(v)) {
		if (v->domain->end != DOMAIN_RUNNING) {
			domain_ended(v->domain);
		}
		if (v->deferred != NULL || v->domain->refill) {
			deferred_work(v);
		}
		pass_nmi(v);
		if (v->arch->halted) {
			wait_for_event(v);
		}
		v = hvm_schedule(v);
	}
	return v;
}

void hvm_run(struct vcpu *v)
{
	this_cpu()->vcpu = v;
	hvm->run(v);
}
