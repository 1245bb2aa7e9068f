/* SPDX-License-Identifier: MIT */
/* The rows of the table of hypercalls; see hypercall_matrix.h. */
#include <abi/domctl.h>
#include <abi/physdev.h>
#include <abi/platform.h>
#include <abi/vcpu.h>
#include <abi/version.h>
#include <taproot/errno.h>
#include <taproot/types.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include "hypercall_matrix.h"

/* In the fixture's memory, besides the argument itself. */
#define BUFFER 0x103000ull
#define FRAME  HYPERCALL_FRAME
/* The frames of a reservation: the test puts FRAME there. */
#define LIST {(xen_pfn_t *)HYPERCALL_LIST}

#define CALL(n) #n, .number = __HYPERVISOR_##n
#define PLAIN   .target = -1
#define ARGUMENT(type, ...) .arg = &(const type){__VA_ARGS__}, .size = sizeof(type)
#define ABOUT(type, field, ...) ARGUMENT(type, __VA_ARGS__), .target = offsetof(type, field)

/* Results: to self, another, an absent one. */
#define ROW(a, b, c) {a, b, c}
#define ALL(r)       ROW(r, r, r)
#define HARDWARE_ONLY .result = {ROW(OK, OK, -ESRCH), ALL(-EPERM)}
/* The usual way: oneself, and the hardware domain anybody. */
#define USUAL .result = {ROW(OK, OK, -ESRCH), ROW(OK, -EPERM, -ESRCH)}
/* The machine: for the hardware domain only, and about nobody. */
#define MACHINE        MACHINE_BUT(OK)
#define MACHINE_BUT(r) PLAIN, .result = {ALL(r), ALL(-EPERM)}
#define PLATFORM(n, ...)                                                                           \
	ARGUMENT(struct xen_platform_op, .cmd = n, .interface_version = XENPF_INTERFACE_VERSION,   \
		 .u = {__VA_ARGS__})
#define SYSCTL(n, ...)                                                                             \
	ARGUMENT(struct xen_sysctl, .cmd = n, .interface_version = SYSCTL_VERSION_4_17,            \
		 .u = {__VA_ARGS__})
#define BOTH(r) .result = {ALL(r), ALL(r)}
#define WHOLE_TEXT "the length; ENOBUFS: a buffer that is shorter"

const struct matrix_row matrix[] = {
	/* ---- xen_version ---- */
	{CALL(xen_version), .operation = "version", .args = {XENVER_version}, PLAIN, BOTH(OK)},
	{CALL(xen_version), .operation = "extraversion", .args = {XENVER_extraversion, AT_ARG}, PLAIN,
	 BOTH(OK)},
	{CALL(xen_version), .operation = "compile_info", .args = {XENVER_compile_info, AT_ARG}, PLAIN,
	 BOTH(OK)},
	{CALL(xen_version), .operation = "capabilities", .args = {XENVER_capabilities, AT_ARG}, PLAIN,
	 BOTH(OK)},
	{CALL(xen_version), .operation = "changeset", .args = {XENVER_changeset, AT_ARG}, PLAIN,
	 BOTH(OK)},
	{CALL(xen_version), .operation = "platform_parameters",
	 .args = {XENVER_platform_parameters, AT_ARG}, PLAIN, BOTH(OK)},
	{CALL(xen_version), .operation = "get_features", .args = {XENVER_get_features, AT_ARG},
	 ARGUMENT(struct xen_feature_info, .submap_idx = 0), PLAIN, BOTH(OK),
	 "EINVAL: a map beyond the first"},
	{CALL(xen_version), .operation = "pagesize", .args = {XENVER_pagesize}, PLAIN, BOTH(OK),
	 "EINVAL: with an argument"},
	{CALL(xen_version), .operation = "guest_handle", .args = {XENVER_guest_handle, AT_ARG}, PLAIN,
	 BOTH(OK)},
	{CALL(xen_version), .operation = "commandline", .args = {XENVER_commandline, AT_ARG}, PLAIN,
	 BOTH(OK), "`<denied>` to others"},
	{CALL(xen_version), .operation = "build_id", .args = {XENVER_build_id, AT_ARG}, PLAIN,
	 .result = {ALL(-ENODATA), ALL(-EPERM)}, "there is none"},
	{CALL(xen_version), .operation = "extraversion2", .args = {XENVER_extraversion2}, PLAIN,
	 BOTH(OK), WHOLE_TEXT},
	{CALL(xen_version), .operation = "capabilities2", .args = {XENVER_capabilities2}, PLAIN,
	 BOTH(OK), WHOLE_TEXT},
	{CALL(xen_version), .operation = "changeset2", .args = {XENVER_changeset2}, PLAIN, BOTH(OK),
	 WHOLE_TEXT},
	{CALL(xen_version), .operation = "commandline2", .args = {XENVER_commandline2}, MACHINE,
	 WHOLE_TEXT},

	/* ---- hvm_op ---- */
	{CALL(hvm_op), .operation = "set_param CALLBACK_IRQ", .args = {HVMOP_set_param, AT_ARG},
	 ABOUT(struct xen_hvm_param, domid, .index = HVM_PARAM_CALLBACK_IRQ), USUAL,
	 "EINVAL: PCI pins, vectors below 16"},
	{CALL(hvm_op), .operation = "set_param STORE_EVTCHN", .args = {HVMOP_set_param, AT_ARG},
	 ABOUT(struct xen_hvm_param, domid, .index = HVM_PARAM_STORE_EVTCHN), USUAL,
	 "and CONSOLE_EVTCHN"},
	{CALL(hvm_op), .operation = "set_param STORE_PFN", .args = {HVMOP_set_param, AT_ARG},
	 ABOUT(struct xen_hvm_param, domid, .index = HVM_PARAM_STORE_PFN),
	 .result = {ROW(-EPERM, OK, -ESRCH), ROW(-EPERM, -EPERM, -ESRCH)},
	 "and CONSOLE_PFN: the builder's to set"},
	{CALL(hvm_op), .operation = "set_param, another", .args = {HVMOP_set_param, AT_ARG},
	 ABOUT(struct xen_hvm_param, domid, .index = HVM_PARAM_VIRIDIAN),
	 .result = {ROW(-EINVAL, -EINVAL, -ESRCH), ROW(-EINVAL, -EPERM, -ESRCH)}},
	{CALL(hvm_op), .operation = "get_param", .args = {HVMOP_get_param, AT_ARG},
	 ABOUT(struct xen_hvm_param, domid, .index = HVM_PARAM_STORE_PFN), USUAL,
	 "EINVAL: one that is not listed above"},
	{CALL(hvm_op), .operation = "set_evtchn_upcall_vector",
	 .args = {HVMOP_set_evtchn_upcall_vector, AT_ARG},
	 ARGUMENT(struct xen_hvm_evtchn_upcall_vector, .vcpu = 1, .vector = 0x40), PLAIN, BOTH(OK),
	 "EINVAL: vectors below 16; ENOENT: no such vCPU"},
	{CALL(hvm_op), .operation = "flush_tlbs", .args = {HVMOP_flush_tlbs}, PLAIN, BOTH(OK),
	 "EINVAL: with an argument"},
	{CALL(hvm_op), .operation = "pagetable_dying", .args = {HVMOP_pagetable_dying, AT_ARG},
	 ABOUT(struct xen_hvm_pagetable_dying, domid, .gpa = 0), USUAL, "no effect"},
	{CALL(hvm_op), .operation = "get_time", .args = {HVMOP_get_time, AT_ARG}, PLAIN, BOTH(OK)},
	{CALL(hvm_op), .operation = "get_mem_type", .args = {HVMOP_get_mem_type, AT_ARG},
	 ABOUT(struct xen_hvm_get_mem_type, domid, .pfn = FRAME), USUAL},
	{CALL(hvm_op), .operation = "xentrace", .args = {HVMOP_xentrace, AT_ARG}, PLAIN,
	 BOTH(-EOPNOTSUPP)},
	{CALL(hvm_op), .operation = "guest_request_vm_event", .args = {HVMOP_guest_request_vm_event},
	 PLAIN, BOTH(-EOPNOTSUPP)},
	{CALL(hvm_op), .operation = "altp2m", .args = {HVMOP_altp2m, AT_ARG}, PLAIN,
	 BOTH(-EOPNOTSUPP)},

	/* ---- console_io, vm_assist, set_timer_op ---- */
	{CALL(console_io), .operation = "write", .args = {CONSOLEIO_write, 1, AT_ARG}, PLAIN,
	 .result = {ALL(OK), ALL(-EPERM)}, "E2BIG: more than 2 GiB"},
	{CALL(console_io), .operation = "read", .args = {CONSOLEIO_read, 1, AT_ARG}, PLAIN,
	 .result = {ALL(OK), ALL(-EPERM)}, "the number of characters; E2BIG: more than 2 GiB"},
	{CALL(vm_assist), .operation = "enable, disable",
	 .args = {VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag}, PLAIN, BOTH(OK),
	 "EINVAL: another type than runstate_update_flag"},
	{CALL(set_timer_op), .operation = "set_timer_op", .args = {1}, PLAIN, BOTH(OK)},

	/* ---- sched_op ---- */
	{CALL(sched_op), .operation = "yield", .args = {SCHEDOP_yield}, PLAIN, BOTH(OK)},
	{CALL(sched_op), .operation = "block", .args = {SCHEDOP_block}, PLAIN, BOTH(OK)},
	{CALL(sched_op), .operation = "poll", .args = {SCHEDOP_poll, AT_ARG},
	 ARGUMENT(struct sched_poll, .nr_ports = 0, .timeout = 1), PLAIN, BOTH(OK),
	 "EINVAL: more than 127 ports, or one that cannot be"},
	{CALL(sched_op), .operation = "shutdown", .args = {SCHEDOP_shutdown, AT_ARG},
	 ARGUMENT(struct sched_shutdown, .reason = SHUTDOWN_poweroff), PLAIN, BOTH(OK),
	 "EINVAL: no such reason"},
	{CALL(sched_op), .operation = "shutdown, suspend", .args = {SCHEDOP_shutdown, AT_ARG},
	 ARGUMENT(struct sched_shutdown, .reason = SHUTDOWN_suspend), PLAIN, BOTH(-EOPNOTSUPP)},
	{CALL(sched_op), .operation = "shutdown, soft_reset", .args = {SCHEDOP_shutdown, AT_ARG},
	 ARGUMENT(struct sched_shutdown, .reason = SHUTDOWN_soft_reset), PLAIN, BOTH(OK)},
	{CALL(sched_op), .operation = "shutdown_code", .args = {SCHEDOP_shutdown_code, AT_ARG},
	 ARGUMENT(struct sched_shutdown, .reason = SHUTDOWN_crash), PLAIN, BOTH(OK),
	 "EOPNOTSUPP: suspend, soft_reset"},
	{CALL(sched_op), .operation = "remote_shutdown", .args = {SCHEDOP_remote_shutdown, AT_ARG},
	 ABOUT(struct sched_remote_shutdown, domain_id, .reason = SHUTDOWN_poweroff),
	 .result = {ROW(-EPERM, -EOPNOTSUPP, -ESRCH), ROW(-EPERM, -EPERM, -ESRCH)}},
	{CALL(sched_op), .operation = "watchdog", .args = {SCHEDOP_watchdog, AT_ARG},
	 ARGUMENT(struct sched_watchdog, .timeout = 10), PLAIN, BOTH(OK),
	 "its number; EINVAL: no such watchdog, a new one of 0 seconds; ENOSPC: a third one"},
	{CALL(sched_op), .operation = "pin_override", .args = {SCHEDOP_pin_override, AT_ARG}, PLAIN,
	 BOTH(-ENOSYS)},

	/* ---- event_channel_op ---- */
	{CALL(event_channel_op), .operation = "alloc_unbound", .args = {EVTCHNOP_alloc_unbound, AT_ARG},
	 ABOUT(struct evtchn_alloc_unbound, dom, .remote_dom = DOMID_SELF), USUAL},
	{CALL(event_channel_op), .operation = "bind_interdomain",
	 .args = {EVTCHNOP_bind_interdomain, AT_ARG},
	 ABOUT(struct evtchn_bind_interdomain, remote_dom, .remote_port = 5),
	 .result = {ROW(-EINVAL, -EINVAL, -ESRCH), ROW(-EINVAL, -EINVAL, -ESRCH)},
	 "works when the other side offered the port to the caller, which is not so here"},
	{CALL(event_channel_op), .operation = "bind_virq", .args = {EVTCHNOP_bind_virq, AT_ARG},
	 ARGUMENT(struct evtchn_bind_virq, .virq = VIRQ_TIMER), PLAIN, BOTH(OK),
	 "EINVAL: no such VIRQ; EEXIST: bound already; ENOENT: no such vCPU"},
	{CALL(event_channel_op), .operation = "bind_virq, global", .args = {EVTCHNOP_bind_virq, AT_ARG},
	 ARGUMENT(struct evtchn_bind_virq, .virq = VIRQ_CONSOLE), PLAIN, BOTH(OK),
	 "CONSOLE and the like, raised for the hardware domain only"},
	{CALL(event_channel_op), .operation = "bind_ipi", .args = {EVTCHNOP_bind_ipi, AT_ARG},
	 ARGUMENT(struct evtchn_bind_ipi, .vcpu = 1), PLAIN, BOTH(OK), "ENOENT: no such vCPU"},
	{CALL(event_channel_op), .operation = "bind_pirq", .args = {EVTCHNOP_bind_pirq, AT_ARG},
	 ARGUMENT(struct evtchn_bind_pirq, .pirq = 1), PLAIN, BOTH(-EINVAL),
	 "interrupts are native"},
	{CALL(event_channel_op), .operation = "bind_vcpu", .args = {EVTCHNOP_bind_vcpu, AT_ARG},
	 ARGUMENT(struct evtchn_bind_vcpu, .port = 5), PLAIN, BOTH(-EINVAL), "here: no such port"},
	{CALL(event_channel_op), .operation = "close", .args = {EVTCHNOP_close, AT_ARG},
	 ARGUMENT(struct evtchn_close, .port = 5), PLAIN, BOTH(-EINVAL), "here: no such port"},
	{CALL(event_channel_op), .operation = "send", .args = {EVTCHNOP_send, AT_ARG},
	 ARGUMENT(struct evtchn_send, .port = 5), PLAIN, BOTH(-EINVAL), "here: no such port"},
	{CALL(event_channel_op), .operation = "unmask", .args = {EVTCHNOP_unmask, AT_ARG},
	 ARGUMENT(struct evtchn_unmask, .port = 4096), PLAIN, BOTH(-EINVAL), "here: no such port"},
	{CALL(event_channel_op), .operation = "status", .args = {EVTCHNOP_status, AT_ARG},
	 ABOUT(struct evtchn_status, dom, .port = 5), USUAL},
	{CALL(event_channel_op), .operation = "reset", .args = {EVTCHNOP_reset, AT_ARG},
	 ABOUT(struct evtchn_reset, dom, .dom = 0),
	 .result = {ROW(OK, -EINVAL, -ESRCH), ROW(OK, -EPERM, -ESRCH)}},
	{CALL(event_channel_op), .operation = "init_control", .args = {EVTCHNOP_init_control, AT_ARG},
	 PLAIN, BOTH(-ENOSYS), "the FIFO ABI and all after it"},

	/* ---- vcpu_op ---- */
	{CALL(vcpu_op), .operation = "initialise", .args = {VCPUOP_initialise, 0, AT_ARG}, PLAIN,
	 BOTH(-EINVAL), "here: zeroes are no state of a vCPU; EEXIST: it is initialised"},
	{CALL(vcpu_op), .operation = "up", .args = {VCPUOP_up, 0}, PLAIN, BOTH(OK),
	 "EINVAL: not initialised"},
	{CALL(vcpu_op), .operation = "down", .args = {VCPUOP_down, 1}, PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "is_up", .args = {VCPUOP_is_up, 0}, PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "get_runstate_info", .args = {VCPUOP_get_runstate_info, 0, AT_ARG},
	 PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "register_runstate_memory_area",
	 .args = {VCPUOP_register_runstate_memory_area, 0, AT_ARG},
	 ARGUMENT(uint64_t, BUFFER), PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "register_vcpu_time_memory_area",
	 .args = {VCPUOP_register_vcpu_time_memory_area, 0, AT_ARG},
	 ARGUMENT(uint64_t, BUFFER), PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "register_runstate_phys_area",
	 .args = {VCPUOP_register_runstate_phys_area, 0, AT_ARG},
	 ARGUMENT(uint64_t, BUFFER), PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "register_vcpu_time_phys_area",
	 .args = {VCPUOP_register_vcpu_time_phys_area, 0, AT_ARG},
	 ARGUMENT(uint64_t, BUFFER), PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "register_vcpu_info",
	 .args = {VCPUOP_register_vcpu_info, 1, AT_ARG},
	 ARGUMENT(struct vcpu_register_vcpu_info, .mfn = FRAME), PLAIN, BOTH(OK),
	 "ENXIO: not aligned or not in one page; EINVAL: not RAM of the domain, or registered already"},
	{CALL(vcpu_op), .operation = "set_periodic_timer", .args = {VCPUOP_set_periodic_timer, 0, AT_ARG},
	 ARGUMENT(struct vcpu_set_periodic_timer, .period_ns = 10000000), PLAIN, BOTH(OK),
	 "EINVAL: shorter than 1 ms"},
	{CALL(vcpu_op), .operation = "stop_periodic_timer", .args = {VCPUOP_stop_periodic_timer, 0},
	 PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "set_singleshot_timer",
	 .args = {VCPUOP_set_singleshot_timer, 0, AT_ARG},
	 ARGUMENT(struct vcpu_set_singleshot_timer, .timeout_abs_ns = 10000000), PLAIN, BOTH(OK),
	 "EINVAL: another vCPU than the caller; ETIME: in the past, when asked to say so"},
	{CALL(vcpu_op), .operation = "stop_singleshot_timer", .args = {VCPUOP_stop_singleshot_timer, 0},
	 PLAIN, BOTH(OK), "EINVAL: another vCPU than the caller"},
	{CALL(vcpu_op), .operation = "send_nmi", .args = {VCPUOP_send_nmi, 1}, PLAIN, BOTH(OK)},
	{CALL(vcpu_op), .operation = "get_physid", .args = {VCPUOP_get_physid, 0, AT_ARG}, PLAIN,
	 .result = {ALL(OK), ALL(-EINVAL)}},
	{CALL(vcpu_op), .operation = "any, for an absent vCPU", .args = {VCPUOP_is_up, 2}, PLAIN,
	 BOTH(-ENOENT)},

	/* ---- memory_op ---- */
	{CALL(memory_op), .operation = "increase_reservation",
	 .args = {XENMEM_increase_reservation, AT_ARG},
	 ABOUT(struct xen_memory_reservation, domid, .nr_extents = 1, .extent_start = LIST),
	 .result = {ALL(NONE), ALL(NONE)}},
	{CALL(memory_op), .operation = "decrease_reservation",
	 .args = {XENMEM_decrease_reservation, AT_ARG},
	 ABOUT(struct xen_memory_reservation, domid, .nr_extents = 1, .extent_start = LIST),
	 .result = {ROW(DONE, DONE, NONE), ROW(DONE, NONE, NONE)},
	 "how many extents were done"},
	{CALL(memory_op), .operation = "populate_physmap", .args = {XENMEM_populate_physmap, AT_ARG},
	 ABOUT(struct xen_memory_reservation, domid, .nr_extents = 1, .extent_start = LIST),
	 .result = {ALL(NONE), ALL(NONE)},
	 "how many extents were done; here: the page is there already"},
	{CALL(memory_op), .operation = "maximum_ram_page", .args = {XENMEM_maximum_ram_page}, PLAIN,
	 BOTH(OK)},
	{CALL(memory_op), .operation = "current_reservation",
	 .args = {XENMEM_current_reservation, AT_ARG}, ABOUT(struct { domid_t id; }, id, .id = 0),
	 USUAL},
	{CALL(memory_op), .operation = "maximum_reservation",
	 .args = {XENMEM_maximum_reservation, AT_ARG}, ABOUT(struct { domid_t id; }, id, .id = 0),
	 USUAL},
	{CALL(memory_op), .operation = "maximum_gpfn", .args = {XENMEM_maximum_gpfn, AT_ARG},
	 ABOUT(struct { domid_t id; }, id, .id = 0), USUAL},
	{CALL(memory_op), .operation = "add_to_physmap", .args = {XENMEM_add_to_physmap, AT_ARG},
	 ABOUT(struct xen_add_to_physmap, domid, .space = XENMAPSPACE_shared_info, .gpfn = FRAME),
	 USUAL, "EINVAL: not RAM; EOPNOTSUPP: grant tables, foreign pages"},
	{CALL(memory_op), .operation = "add_to_physmap_batch",
	 .args = {XENMEM_add_to_physmap_batch, AT_ARG},
	 ABOUT(struct xen_add_to_physmap_batch, domid, .space = XENMAPSPACE_shared_info), USUAL},
	{CALL(memory_op), .operation = "remove_from_physmap",
	 .args = {XENMEM_remove_from_physmap, AT_ARG},
	 ABOUT(struct xen_remove_from_physmap, domid, .gpfn = FRAME), USUAL,
	 "ENOENT: nothing there"},
	{CALL(memory_op), .operation = "memory_map", .args = {XENMEM_memory_map, AT_ARG},
	 ARGUMENT(struct xen_memory_map, .nr_entries = 0), PLAIN, BOTH(OK)},
	{CALL(memory_op), .operation = "machine_memory_map", .args = {XENMEM_machine_memory_map, AT_ARG},
	 ARGUMENT(struct xen_memory_map, .nr_entries = 0), PLAIN,
	 .result = {ALL(OK), ALL(-EPERM)}},
	{CALL(memory_op), .operation = "claim_pages", .args = {XENMEM_claim_pages, AT_ARG},
	 ABOUT(struct xen_memory_reservation, domid, .nr_extents = 0), HARDWARE_ONLY},
	{CALL(memory_op), .operation = "exchange", .args = {XENMEM_exchange, AT_ARG}, PLAIN,
	 BOTH(-EOPNOTSUPP), "and acquire_resource, set_memory_map, PoD, vNUMA"},
	{CALL(memory_op), .operation = "machphys_mfn_list", .args = {XENMEM_machphys_mfn_list, AT_ARG},
	 PLAIN, BOTH(-ENOSYS), "PV only, as machphys_mapping"},
	{CALL(memory_op), .operation = "reserved_device_memory_map",
	 .args = {XENMEM_reserved_device_memory_map, AT_ARG},
	 ARGUMENT(struct xen_reserved_device_memory_map, .flags = XENMEM_RDM_ALL), MACHINE,
	 "ENOBUFS: more regions than there is room for"},

	/* ---- physdev_op ---- */
	{CALL(physdev_op), .operation = "pci_mmcfg_reserved",
	 .args = {PHYSDEVOP_pci_mmcfg_reserved, AT_ARG},
	 ARGUMENT(struct physdev_pci_mmcfg_reserved, .flags = 0), MACHINE_BUT(-ENODEV),
	 "here: not known, and not reserved; EBUSY: its place is taken; EEXIST: its buses are; "
	 "ENODEV: configuration space is not there; EINVAL, ENOSPC"},
	{CALL(physdev_op), .operation = "pci_device_add", .args = {PHYSDEVOP_pci_device_add, AT_ARG},
	 ARGUMENT(struct physdev_pci_device_add, .bus = 9), MACHINE_BUT(-ENODEV),
	 "here: nobody answers; EINVAL: no virtual function; ENOMEM"},
	{CALL(physdev_op), .operation = "pci_device_remove",
	 .args = {PHYSDEVOP_pci_device_remove, AT_ARG},
	 ARGUMENT(struct physdev_pci_device, .bus = 9), MACHINE_BUT(-ENODEV), "here: not known"},
	{CALL(physdev_op), .operation = "pci_device_reset", .args = {PHYSDEVOP_pci_device_reset, AT_ARG},
	 ARGUMENT(struct pci_device_reset, .dev.bus = 9), MACHINE_BUT(-ENODEV), "here: not known"},
	{CALL(physdev_op), .operation = "setup_gsi", .args = {PHYSDEVOP_setup_gsi, AT_ARG},
	 ARGUMENT(struct physdev_setup_gsi, .gsi = -1), MACHINE_BUT(-EINVAL),
	 "here: no such pin; otherwise no effect"},
	{CALL(physdev_op), .operation = "dbgp_op", .args = {PHYSDEVOP_dbgp_op, AT_ARG},
	 ARGUMENT(struct physdev_dbgp_op, .op = PHYSDEVOP_DBGP_RESET_DONE), MACHINE, "no effect"},
	{CALL(physdev_op), .operation = "map_pirq", .args = {PHYSDEVOP_map_pirq, AT_ARG}, PLAIN,
	 BOTH(-ENOSYS), "and all that is about interrupts as event channels"},

	/* ---- platform_op ---- */
	{CALL(platform_op), .operation = "settime64", .args = {AT_ARG},
	 PLATFORM(XENPF_settime64, .settime64.secs = 1800000000), MACHINE,
	 "and settime32; EINVAL: after the year 2242, or before 1970 at system time 0"},
	{CALL(platform_op), .operation = "get_cpuinfo", .args = {AT_ARG},
	 PLATFORM(XENPF_get_cpuinfo, .pcpu_info.xen_cpuid = 0), MACHINE, "and get_cpu_version"},
	{CALL(platform_op), .operation = "firmware_info, shift keys", .args = {AT_ARG},
	 PLATFORM(XENPF_firmware_info, .firmware_info.type = XEN_FW_KBD_SHIFT_FLAGS), MACHINE},
	{CALL(platform_op), .operation = "firmware_info, disks and monitors", .args = {AT_ARG},
	 PLATFORM(XENPF_firmware_info, .firmware_info.type = XEN_FW_DISK_INFO), MACHINE_BUT(-ESRCH)},
	{CALL(platform_op), .operation = "firmware_info, EFI", .args = {AT_ARG},
	 PLATFORM(XENPF_firmware_info, .firmware_info.type = XEN_FW_EFI_INFO), MACHINE_BUT(-ENOSYS)},
	{CALL(platform_op), .operation = "get_dom0_console", .args = {AT_ARG},
	 PLATFORM(XENPF_get_dom0_console, .settime32.secs = 0), MACHINE_BUT(-ENODEV),
	 "there is no screen"},
	{CALL(platform_op), .operation = "any, of another version", .args = {AT_ARG},
	 ARGUMENT(struct xen_platform_op, .cmd = XENPF_get_cpuinfo), MACHINE_BUT(-EACCES)},

	/* ---- sysctl ---- */
	{CALL(sysctl), .operation = "readconsole", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_readconsole, .readconsole.count = 0), MACHINE},
	{CALL(sysctl), .operation = "physinfo", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_physinfo, .physinfo.pad = 0), MACHINE},
	{CALL(sysctl), .operation = "sched_id", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_sched_id, .sched_id.sched_id = 0), MACHINE, "null"},
	{CALL(sysctl), .operation = "getdomaininfolist", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_getdomaininfolist, .getdomaininfolist.max_domains = 0), MACHINE},
	{CALL(sysctl), .operation = "debug_keys", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_debug_keys, .debug_keys.nr_keys = 0), MACHINE, "E2BIG: more than 8"},
	{CALL(sysctl), .operation = "availheap", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_availheap, .availheap.node = -1), MACHINE},
	{CALL(sysctl), .operation = "cputopoinfo", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_cputopoinfo, .cputopoinfo.num_cpus = 0), MACHINE},
	{CALL(sysctl), .operation = "numainfo", .args = {AT_ARG},
	 SYSCTL(XEN_SYSCTL_numainfo, .numainfo.num_nodes = 0), MACHINE, "one node"},
	{CALL(sysctl), .operation = "any, of another version", .args = {AT_ARG},
	 ARGUMENT(struct xen_sysctl, .cmd = XEN_SYSCTL_physinfo, .interface_version = 0x14),
	 MACHINE_BUT(-EACCES), "0x15 is Xen 4.17's and 4.20's"},

	/* ---- domctl ---- */
	{CALL(domctl), .operation = "getdomaininfo", .args = {AT_ARG},
	 ABOUT(struct xen_domctl, domain, .cmd = XEN_DOMCTL_getdomaininfo,
	       .interface_version = DOMCTL_VERSION_4_20),
	 .result = {ROW(-ESRCH, OK, -ESRCH), ALL(-EPERM)},
	 "by number only; in version 0x15 an absent domain means the next one"},
	{CALL(domctl), .operation = "getvcpuinfo", .args = {AT_ARG},
	 ABOUT(struct xen_domctl, domain, .cmd = XEN_DOMCTL_getvcpuinfo,
	       .interface_version = DOMCTL_VERSION_4_20),
	 .result = {ROW(-ESRCH, OK, -ESRCH), ALL(-EPERM)}, "EINVAL: no such vCPU"},
	{CALL(domctl), .operation = "getvcpuaffinity", .args = {AT_ARG},
	 ABOUT(struct xen_domctl, domain, .cmd = XEN_DOMCTL_getvcpuaffinity,
	       .interface_version = DOMCTL_VERSION_4_20),
	 .result = {ROW(-ESRCH, OK, -ESRCH), ALL(-EPERM)},
	 "EINVAL: no such vCPU, a map of more than 1024 processors"},
	{CALL(domctl), .operation = "any, of another version", .args = {AT_ARG},
	 ARGUMENT(struct xen_domctl, .cmd = XEN_DOMCTL_getdomaininfo, .interface_version = 0x16),
	 MACHINE_BUT(-EACCES), "0x15 is Xen 4.17's, 0x17 is 4.20's"},
};

const unsigned matrix_count = ARRAY_SIZE(matrix);
