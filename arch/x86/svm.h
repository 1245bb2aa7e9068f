/* SPDX-License-Identifier: MIT */
/* Private to the SVM files. */
#ifndef ARCH_X86_SVM_H
#define ARCH_X86_SVM_H

#include "asid.h"
#include "hvm.h"
#include "svm_caps.h"
#include "vmcb.h"

#define EXC_MC 18

/* A vCPU's SVM state: vcpu_arch.vendor. */
struct svm_vcpu {
	struct vmcb *vmcb;
	hpa_t vmcb_hpa;
	struct asid asid;
	struct timer nmi_timer; /* its interrupt ends a run, that is all */
	uint64_t reinject; /* EXITINTINFO of an event that the exit interrupted */
};

/* A processor's: its host save area and where VMSAVE keeps our TR, GS and the like. */
struct svm_cpu {
	hpa_t host_vmcb;
	struct asid_pool asids;
	bool enabled;
};

extern struct svm_caps svm_caps;
extern struct svm_cpu svm_cpu[];

static inline struct svm_vcpu *svm_of(const struct vcpu *v)
{
	return v->arch->vendor;
}

/* svm_exit.c: hvm_ops.run. */
NORETURN void svm_run(struct vcpu *v);
/* svm_inject.c: an instruction was carried out for a guest that single-steps: its trap. */
void svm_single_step(struct vcpu *v, struct vmcb *b);
/* svm_inject.c: choose the event for this entry; EVENTINJ is clear and no window open. */
void svm_choose_event(struct vcpu *v);

/*
 * svm_inject.c: the exit interrupted the delivery of this event, which comes
 * again at the next entry. Software interrupts and exceptions (INTn; INT3 and
 * INTO, vectors 3 and 4) are executed again instead: the exit left RIP at them.
 */
static inline void svm_keep_event(struct svm_vcpu *s, uint64_t event)
{
	uint64_t type = event & EVENT_TYPE_MASK, vector = event & 0xff;

	if (type == EVENT_TYPE_SOFT ||
	    (type == EVENT_TYPE_EXCEPTION && (vector == 3 || vector == 4))) {
		return;
	}
	s->reinject = event;
}

#endif
