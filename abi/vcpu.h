/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op sub-operations that Xen's public headers have since 4.18 (vcpu.h);
 * those of Debian 12 (4.17) end at 13. The argument is struct
 * vcpu_register_runstate_memory_area or struct vcpu_register_time_memory_area
 * with a guest physical address, in one page and aligned to 8; all ones takes the area away.
 */
#ifndef TAPROOT_ABI_VCPU_H
#define TAPROOT_ABI_VCPU_H

#include <abi/xen.h>
#include <xen/vcpu.h>

#ifndef VCPUOP_register_runstate_phys_area
#define VCPUOP_register_runstate_phys_area  14
#define VCPUOP_register_vcpu_time_phys_area 15
#endif

#endif
