// SPDX-License-Identifier: MIT
/* The order of the questions is that of APMv2 15.4 (enabling SVM). */
#include "svm_caps.h"

const char *svm_refusal(const struct svm_caps *caps)
{
	if (!caps->svm) {
		return "no SVM: the processor offers no AMD hardware virtualization; "
		       "use a processor with SVM (in QEMU: -cpu EPYC,+svm,+npt)";
	}
	if (caps->vm_cr & VM_CR_SVMDIS) {
		return "SVM is locked by the firmware (VM_CR.SVMDIS); "
		       "enable virtualization (SVM mode) in the firmware's set-up";
	}
	if (!caps->amd_leaf || !(caps->features & SVM_FEATURE_NPT)) {
		return "no nested paging (NPT): use a processor that has it "
		       "(in QEMU: -cpu EPYC,+svm,+npt)";
	}
	if (caps->asid_count < 2) {
		return "SVM offers fewer than two ASIDs, one of which is the host's: "
		       "use another processor";
	}
	return NULL;
}

bool svm_emulated(const uint32_t leaf[3])
{
	return leaf[0] == 0x54474354 && leaf[1] == 0x43544743 && leaf[2] == 0x47435447; /* TCG */
}
