/* SPDX-License-Identifier: MIT */
/* What a processor offers of SVM, and whether that is enough (APMv2 15.4). */
#ifndef ARCH_X86_SVM_CAPS_H
#define ARCH_X86_SVM_CAPS_H

#include <taproot/types.h>

struct svm_caps {
	bool amd_leaf;       /* CPUID 0x8000000A exists */
	bool svm;            /* CPUID 0x80000001 ECX[2] */
	uint64_t vm_cr;      /* MSR 0xC0010114 */
	uint32_t asid_count; /* CPUID 0x8000000A EBX */
	uint32_t features;   /* CPUID 0x8000000A EDX */
	bool emulated;       /* svm_emulated() */
};

#define SVM_FEATURE_NPT           (1u << 0)
#define SVM_FEATURE_NRIP          (1u << 3)
#define SVM_FEATURE_FLUSH_BY_ASID (1u << 6)
#define SVM_FEATURE_DECODE        (1u << 7)

#define VM_CR_SVMDIS (1ull << 4)
#define VM_CR_LOCK   (1ull << 3)

/* NULL when it is enough, else one line: what is missing and what to do. Pure. */
const char *svm_refusal(const struct svm_caps *caps);

/*
 * Is the processor QEMU's emulated one? `leaf`: EBX, ECX, EDX of CPUID 0x40000000. It (10.0)
 * can deliver an interrupt of EVENTINJ a second time, RFLAGS.IF or not, when something else
 * makes it leave its inner loop before the next exit. And a VMRUN with a virtual interrupt can lose
 * the note that a physical one has come from another processor, as it does not lock the word that
 * both write: it stays in the local APIC until the next one. Pure.
 */
bool svm_emulated(const uint32_t leaf[3]);

#endif
