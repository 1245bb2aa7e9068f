// SPDX-License-Identifier: MIT
/*
 * Events into the guest (APMv2 15.20): one a VM entry, in this order: what the
 * last exit interrupted, an exception of ours, an NMI, an interrupt. When an
 * interrupt has to wait, a virtual interrupt with an intercept asks for an exit as
 * soon as the guest can take one (APMv2 15.21.4).
 */
#include <taproot/arch.h>
#include <taproot/log.h>
#include "cpu.h"
#include "svm.h"

static void window_open(struct vmcb *b, unsigned priority)
{
	b->vintr |= VINTR_IRQ | ((uint64_t)priority << VINTR_PRIO_SHIFT);
	b->icpt_misc1 |= ICPT_VINTR;
	b->icpt_cr |= ICPT_CR8_WRITE;
}

/* In real mode there are no error codes, and VMRUN refuses one (APMv2 15.20). */
static uint64_t exception_event(struct hvm_exception *e, bool real_mode)
{
	uint64_t event = EVENT_VALID | EVENT_TYPE_EXCEPTION | e->vector;

	if (e->has_error && !real_mode) {
		event |= EVENT_ERROR_VALID | (uint64_t)e->error << 32;
	}
	e->valid = false;
	return event;
}

/* Time for an IRET to run when an NMI waits for it. */
#define IRET_NS 20000u

/*
 * NMIs stay masked until the IRET has run, which its intercept comes before: the
 * vCPU is past it when RIP is elsewhere (APMv2 15.20). An NMI that waits for
 * that gets an exit soon, by a timer.
 */
bool hvm_nmi_masked(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	if (a->nmi_masked && a->nmi_iret && a->rip != a->nmi_iret_rip) {
		a->nmi_masked = false;
		a->nmi_iret = false;
	}
	return a->nmi_masked;
}

static void inject_nmi(struct vcpu *v, struct vmcb *b)
{
	if (hvm_nmi_masked(v)) {
		if (v->arch->nmi_iret && __atomic_load_n(&v->lapic.nmi_pending, __ATOMIC_RELAXED)) {
			timer_set(&svm_of(v)->nmi_timer, arch_time() + timer_ns_to_ticks(IRET_NS));
		}
		return;
	}
	if ((b->int_state & 1) || !vlapic_take_nmi(&v->lapic)) {
		return;
	}
	v->arch->nmi_masked = true;
	v->arch->nmi_iret = false;
	b->icpt_misc1 |= ICPT_IRET;
	b->eventinj = EVENT_VALID | EVENT_TYPE_NMI | 2;
}

/*
 * The event channel upcall past the local APIC (Xen ABI hvm/params.h): due for as
 * long as the guest has not taken note of it, whatever TPR says.
 */
static void inject_callback(struct vcpu *v, struct vmcb *b)
{
	int vector = event_callback_pending(v);

	if (vector < 0) {
		return;
	}
	if (!b->eventinj && (b->rflags & RFLAGS_IF) && !(b->int_state & 1)) {
		b->eventinj = EVENT_VALID | EVENT_TYPE_INTR | (unsigned)vector;
	} else {
		window_open(b, 0xf);
		b->vintr |= VINTR_IGN_TPR;
	}
}

/*
 * Inject the interrupt that is due, or ask for an exit when one can be taken: by
 * a window, or for one that waits for a lower TPR by the write of CR8. (The
 * window's own priority would do for that on a processor. QEMU 10.0 opens it at
 * an equal priority too, for ever, and fails when CR8 is written below it.)
 */
static void inject_interrupt(struct vcpu *v, struct vmcb *b)
{
	int vector;

	inject_callback(v, b);
	vector = vlapic_pending(&v->lapic);
	if (vector >= 0 && !b->eventinj && (b->rflags & RFLAGS_IF) && !(b->int_state & 1)) {
		vlapic_take(&v->lapic, (unsigned)vector);
		b->eventinj = EVENT_VALID | EVENT_TYPE_INTR | (unsigned)vector;
	}
	vector = vlapic_pending(&v->lapic);
	if (vector >= 0) {
		window_open(b, (unsigned)vector >> 4);
	} else if (vlapic_pending_below_tpr(&v->lapic) >= 0) {
		b->icpt_cr |= ICPT_CR8_WRITE;
	}
}

/*
 * Where an injected interrupt may come twice (svm_caps.h) the run ends before the guest's next
 * instruction, by an interrupt to ourselves, and the next entry goes on without an event.
 */
static inline void inject_once(const struct vmcb *b)
{
	if (svm_caps.emulated &&
	    (b->eventinj & (EVENT_VALID | EVENT_TYPE_MASK)) == (EVENT_VALID | EVENT_TYPE_INTR)) {
		smp_kick(arch_cpu_this());
	}
}

void svm_choose_event(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;

	if (s->reinject) {
		b->eventinj = s->reinject;
		s->reinject = 0;
	} else if (v->arch->exception.valid) {
		b->eventinj = exception_event(&v->arch->exception, !(b->cr0 & CR0_PE));
	} else {
		inject_nmi(v, b);
	}
	inject_interrupt(v, b);
	inject_once(b);
}

void hvm_inject(struct vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	struct hvm_exception *e = &v->arch->exception;
	struct svm_vcpu *s = svm_of(v);

	/*
	 * While an exception was in delivery, a contributory fault on top of a
	 * contributory one or a page fault doubles (APMv2 8.2.9); #UD is benign.
	 */
	if (vector != EXC_UD && (s->reinject & EVENT_VALID) &&
	    (s->reinject & EVENT_TYPE_MASK) == EVENT_TYPE_EXCEPTION) {
		unsigned first = s->reinject & 0xff;

		if (first == EXC_DF) {
			log_notice("d%u vcpu%u: triple fault", v->domain->id, v->id);
			arch_domain_end(v->domain, DOMAIN_CRASHED);
			return;
		}
		if (first == EXC_PF || first == 0 || (first >= 10 && first <= 13)) {
			vector = EXC_DF;
			has_error = true;
			error = 0;
		}
	}
	s->reinject = 0;
	*e = (struct hvm_exception){true, has_error, (uint8_t)vector, error};
}

/* #DB is a trap behind the instruction, and says so in DR6.BS (APMv2 13.1.3, 13.1.1.3). */
COLD void svm_single_step(struct vcpu *v, struct vmcb *b)
{
	b->dr6 |= DR6_BS;
	v->arch->exception = (struct hvm_exception){true, false, EXC_DB, 0};
}

void hvm_skip(struct vcpu *v, unsigned length)
{
	struct vmcb *b = svm_of(v)->vmcb;

	v->arch->rip += length;
	if (!(b->efer & EFER_LMA) || !(b->cs.attrib & SEG_ATTRIB_L)) {
		v->arch->rip &= 0xffffffffu;
	}
	b->int_state &= ~1ull;
	if (__builtin_expect(b->rflags & RFLAGS_TF, 0)) {
		svm_single_step(v, b);
	}
}
