/* SPDX-License-Identifier: MIT */
/* Where boot.c hands over: on the boot processor's own stack and the final page tables. */
#ifndef X86_MAIN_H
#define X86_MAIN_H

#include "boot.h"

NORETURN void hypervisor_main(struct boot_info *info);

#endif
