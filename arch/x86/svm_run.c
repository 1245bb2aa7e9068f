// SPDX-License-Identifier: MIT
/*
 * The run loop of a processor with SVM: enter the guest (APMv2 15.5), take the
 * machine's interrupts, carry out the exit. All that every exit pays for is
 * in this file and svm_entry.S; what seldom happens is elsewhere, behind one
 * test: run.c (work before an entry) and svm_inject.c (events).
 */
#include <taproot/arch.h>
#include "svm.h"

/* svm_entry.S. Keeps RSP and RBP only: it is called where no other register holds anything. */
static inline void enter_guest(uint64_t gpr[16], hpa_t vmcb, hpa_t host_vmcb)
{
	__asm__ volatile("call svm_enter_guest"
			 : "+D"(gpr), "+a"(vmcb.v), "+d"(host_vmcb.v)
			 :
			 : "rbx", "rcx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
			   "r15", "cc", "memory");
}

/* Choose this entry's TLB_CONTROL (APMv2 15.16.1) after a shootdown, or without a valid ASID. */
static __attribute__((noinline)) void renew_asid(struct vcpu *v, struct svm_cpu *c)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;

	if (__atomic_exchange_n(&v->arch->flush, 0, __ATOMIC_SEQ_CST)) {
		if (svm_caps.features & SVM_FEATURE_FLUSH_BY_ASID) {
			b->tlb_control = TLB_FLUSH_ASID;
		} else {
			s->asid.generation = 0;
		}
	}
	if (asid_assign(&c->asids, &s->asid, arch_cpu_this())) {
		b->tlb_control = TLB_FLUSH_ALL;
	}
	b->asid = s->asid.number;
}

static inline void prepare_events(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b)
{
	uint64_t vintr = b->vintr & ~VINTR_TPR_MASK;

	b->eventinj = 0;
	if (b->icpt_misc1 & ICPT_VINTR) {
		vintr &= ~(VINTR_IRQ | 0xfull << VINTR_PRIO_SHIFT);
		b->icpt_misc1 &= ~ICPT_VINTR;
	}
	b->vintr = vintr | vlapic_tpr_class(&v->lapic);
	if (__builtin_expect(s->reinject | v->arch->exception.valid | vlapic_events(&v->lapic),
			     0)) {
		svm_choose_event(v);
	}
}

/* Take over what the guest did to CR8, and the event that the exit interrupted (APMv2 15.7.2). */
static inline void collect_events(struct vcpu *v, struct svm_vcpu *s, const struct vmcb *b)
{
	unsigned tpr = b->vintr & VINTR_TPR_MASK;

	if (tpr != vlapic_tpr_class(&v->lapic)) {
		vlapic_set_tpr_class(&v->lapic, tpr);
	}
	if (__builtin_expect(b->exitintinfo & EVENT_VALID, 0)) {
		svm_keep_event(s, b->exitintinfo);
	}
}

static inline void enter(struct vcpu *v, struct svm_vcpu *s, struct svm_cpu *c)
{
	struct vcpu_arch *a = v->arch;
	struct vmcb *b = s->vmcb;

	prepare_events(v, s, b);
	b->rax = a->gpr[REG_RAX];
	b->rsp = a->gpr[REG_RSP];
	b->rip = a->rip;
	b->tlb_control = TLB_NONE;
	/* From here on a shootdown sends an interrupt, which ends the run at once. */
	__atomic_store_n(&a->in_guest, 1, __ATOMIC_SEQ_CST);
	if (__builtin_expect(__atomic_load_n(&a->flush, __ATOMIC_SEQ_CST) ||
				     !asid_valid(&c->asids, &s->asid, v->cpu),
			     0)) {
		renew_asid(v, c);
	}
	enter_guest(a->gpr, s->vmcb_hpa, c->host_vmcb);
}

static inline void leave(struct vcpu *v, struct svm_vcpu *s, const struct vmcb *b)
{
	struct vcpu_arch *a = v->arch;

	__atomic_store_n(&a->in_guest, 0, __ATOMIC_RELEASE);
	a->gpr[REG_RAX] = b->rax;
	a->gpr[REG_RSP] = b->rsp;
	a->rip = b->rip;
	collect_events(v, s, b);
}

/* Who met the hole: what is at RIP, or the processor on its way (APMv2 15.25.6). */
static inline enum hvm_access npf_access(const struct vcpu *v, const struct vmcb *b)
{
	if (__builtin_expect(svm_of(v)->reinject != 0, 0)) {
		return ACCESS_DELIVERY;
	}
	if (__builtin_expect((b->exitinfo1 & (NPF_WALK | NPF_FETCH)) != 0, 0)) {
		return b->exitinfo1 & NPF_WALK ? ACCESS_WALK : ACCESS_FETCH;
	}
	return ACCESS_DATA;
}

static inline void handle_exit(struct vcpu *v, struct vmcb *b)
{
	uint64_t code = b->exitcode;

	if (code == VMEXIT_NPF) {
		hvm_mmio_fault(v, gpa(b->exitinfo2), npf_access(v, b));
	} else if (code < VMEXIT_COUNT && svm_exit_table[code]) {
		svm_exit_table[code](v, b);
	} else {
		svm_exit_other(v, b);
	}
}

void svm_run(struct vcpu *v)
{
	for (;;) {
		struct svm_vcpu *s;

		v = hvm_next(v);
		enter(v, svm_of(v), this_cpu()->svm);
		/* Looked up again: the guest had all the registers that could keep it. */
		v = this_cpu()->vcpu;
		s = svm_of(v);
		leave(v, s, s->vmcb);
		irq_window();
		handle_exit(v, s->vmcb);
	}
}
