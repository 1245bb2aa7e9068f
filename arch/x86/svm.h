/* SPDX-License-Identifier: MIT */
/* Private to the SVM files. */
#ifndef ARCH_X86_SVM_H
#define ARCH_X86_SVM_H

#include "asid.h"
#include "hvm.h"
#include "svm_caps.h"
#include "vmcb.h"

/* A vCPU's SVM state: vcpu_arch.vendor. */
struct svm_vcpu {
	struct vmcb *vmcb;
	hpa_t vmcb_hpa;
	struct asid asid;
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
/* svm_inject.c: choose the event for this entry; EVENTINJ is clear and no window open. */
void svm_choose_event(struct vcpu *v);

#endif
