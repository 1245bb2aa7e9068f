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

/* svm_exit.c */
void svm_handle_exit(struct vcpu *v);
/* svm_inject.c: choose the event for the next entry. */
void svm_prepare_events(struct vcpu *v);
/* svm_inject.c: take over what the exit interrupted (APMv2 15.7.2). */
void svm_collect_events(struct vcpu *v);

#endif
