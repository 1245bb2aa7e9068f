// SPDX-License-Identifier: MIT
/*
 * Hypercalls with arguments that no kernel passes: pointers to nowhere, to
 * devices and to the hypervisor, structures across pages, pages that cannot be
 * written, huge counts, wrong versions, unknown operations, callers that may
 * not. Each has one right error; the memory beside is as it was. (abi=xen)
 *
 * What each operation does with good arguments is not tried here.
 */
#include "apic.h"
#include "page.h"
#include "xen.h"
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

/* memory.h has these for tools only. */
#define MEMOP_CLAIM_PAGES  24
#define MEMOP_RESERVED_MAP 27

#define HYPERCALL_MSR 0x40000000u
#define NOWHERE       0x700000000000ull

extern void call64(void), call32(void);
extern int64_t call_page(uint64_t stub, uint64_t kept[8]);

static uint8_t page[2][4096] __attribute__((aligned(4096)));
static uint8_t stack[4096] __attribute__((aligned(16)));

static bool in_ram(uint64_t a)
{
	struct entry {
		uint64_t addr, size;
		uint32_t type, reserved;
	} const *e = (const void *)start_info->memmap;

	for (unsigned i = 0; i < start_info->memmap_entries; i++) {
		if (e[i].type == 1 && a >= e[i].addr && a - e[i].addr < e[i].size) {
			return true;
		}
	}
	return false;
}

/* ---- who calls, and how ---- */

static void check_callers(void)
{
	uint64_t top = (uint64_t)stack + sizeof(stack);
	int64_t version = hypercall2(__HYPERVISOR_xen_version, XENVER_version, NULL);

	check(version >> 16 == 4, "version %x", U(version));
	(void)try_code(call64, 0, SEL_USER_CODE64, top, 2);
	check((int64_t)this_trap()->frame.rax == -XEN_EPERM, "64-bit ring 3: %x",
	      this_trap()->frame.rax);
	(void)try_code(call32, 0, SEL_USER_CODE32, top, 2);
	check((int32_t)this_trap()->frame.rax == -XEN_EPERM ||
		      (int32_t)this_trap()->frame.rax == -XEN_ENOSYS,
	      "32-bit ring 3: %x", this_trap()->frame.rax);
	(void)try_code(call32, 0, SEL_CODE32, top, 2);
	check((int32_t)this_trap()->frame.rax == -XEN_ENOSYS, "32-bit ring 0: %x",
	      this_trap()->frame.rax);
	check(!(this_trap()->frame.rax >> 32), "32-bit ring 0: a wide result");
}

static void check_page(void)
{
	static const uint64_t kept[] = {0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666, 0x7777};
	uint64_t now[8];

	check(try_wrmsr(HYPERCALL_MSR, (uint64_t)page[0]) == -1, "hypercall page: vector %u",
	      U(this_trap()->vector));
	check(call_page((uint64_t)page[0] + 32 * __HYPERVISOR_xen_version, now) ==
		      hypercall2(__HYPERVISOR_xen_version, XENVER_version, NULL),
	      "a call by the page");
	for (unsigned i = 0; i < COUNT(kept); i++) {
		check(now[i] == kept[i], "register %u after a call: %x", U(i), now[i]);
	}
	check(call_page((uint64_t)page[0] + 32 * 63, now) == -XEN_ENOSYS, "the page's last call");
	check(try_wrmsr(HYPERCALL_MSR, (uint64_t)page[0] | 1) == EXC_GP, "hypercall page 1");
	check(try_wrmsr(HYPERCALL_MSR, 0xfee00000) == EXC_GP, "a hypercall page at the APIC");
	check(try_wrmsr(HYPERCALL_MSR, 0xb0000000) == EXC_GP, "a hypercall page in ECAM");
	check(try_wrmsr(HYPERCALL_MSR, 0xfffffffff000ull) == EXC_GP, "a hypercall page nowhere");
	check(try_wrmsr(HYPERCALL_MSR, ~0xfffull) == EXC_GP, "a hypercall page at the end");
}

/* Prefixes without a meaning, and the end of a page. */
static void check_encodings(void)
{
	static const uint8_t codes[][5] = {
		{0x0f, 0x01, 0xd9, 0xc3, 0},
		{0x48, 0x0f, 0x01, 0xd9, 0xc3},
		{0x3e, 0x0f, 0x01, 0xd9, 0xc3},
	};
	uint64_t kept[8];

	for (unsigned n = 0; n < COUNT(codes); n++) {
		for (unsigned at = 4090; at < 4096; at++) {
			uint8_t *to = page[0] + at - 7;

			/* MOV EAX, 17 before it. */
			to[0] = 0x48;
			to[1] = 0xc7;
			to[2] = 0xc0;
			*(volatile uint32_t *)(to + 3) = __HYPERVISOR_xen_version;
			for (unsigned i = 0; i < sizeof(codes[n]); i++) {
				*(volatile uint8_t *)(to + 7 + i) = codes[n][i];
			}
			check(call_page((uint64_t)to, kept) >> 16 == 4, "code %u at %x", U(n), U(at));
		}
	}
}

/* ---- pointers ---- */

#define ARGUMENT 0xffffffffu /* argument 1 or 2 is the pointer */

/* Operations whose pointer is argument `where`, and what else they need. */
static const struct pointer_case {
	uint64_t op, sub;
	unsigned where; /* 1, or 2 with a vCPU or a count in 1 */
	uint64_t other;
	bool writes_only;
	const char *name;
} pointer_cases[] = {
	{__HYPERVISOR_xen_version, XENVER_extraversion, 1, 0, true, "extraversion"},
	{__HYPERVISOR_xen_version, XENVER_compile_info, 1, 0, true, "compile_info"},
	{__HYPERVISOR_xen_version, XENVER_capabilities, 1, 0, true, "capabilities"},
	{__HYPERVISOR_xen_version, XENVER_changeset, 1, 0, true, "changeset"},
	{__HYPERVISOR_xen_version, XENVER_platform_parameters, 1, 0, true, "platform"},
	{__HYPERVISOR_xen_version, XENVER_get_features, 1, 0, false, "features"},
	{__HYPERVISOR_xen_version, XENVER_guest_handle, 1, 0, true, "guest_handle"},
	{__HYPERVISOR_xen_version, XENVER_commandline, 1, 0, true, "commandline"},
	{__HYPERVISOR_memory_op, XENMEM_add_to_physmap, 1, 0, false, "add_to_physmap"},
	{__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, 1, 0, false, "batch"},
	{__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, 1, 0, false, "remove"},
	{__HYPERVISOR_memory_op, XENMEM_memory_map, 1, 0, false, "memory_map"},
	{__HYPERVISOR_memory_op, XENMEM_machine_memory_map, 1, 0, false, "machine_map"},
	{__HYPERVISOR_memory_op, XENMEM_current_reservation, 1, 0, false, "reservation"},
	{__HYPERVISOR_memory_op, XENMEM_maximum_reservation, 1, 0, false, "maximum"},
	{__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, 1, 0, false, "gpfn"},
	{__HYPERVISOR_memory_op, MEMOP_CLAIM_PAGES, 1, 0, false, "claim"},
	{__HYPERVISOR_memory_op, MEMOP_RESERVED_MAP, 1, 0, false, "reserved"},
	{__HYPERVISOR_hvm_op, HVMOP_set_param, 1, 0, false, "set_param"},
	{__HYPERVISOR_hvm_op, HVMOP_get_param, 1, 0, false, "get_param"},
	{__HYPERVISOR_hvm_op, HVMOP_get_time, 1, 0, true, "get_time"},
	{__HYPERVISOR_hvm_op, HVMOP_get_mem_type, 1, 0, false, "get_mem_type"},
	{__HYPERVISOR_hvm_op, HVMOP_pagetable_dying, 1, 0, false, "pagetable_dying"},
	{__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, 1, 0, false, "upcall_vector"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, 1, 0, false, "interdomain"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, 1, 0, false, "bind_virq"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, 1, 0, false, "bind_pirq"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_close, 1, 0, false, "close"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_send, 1, 0, false, "send"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_status, 1, 0, false, "status"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, 1, 0, false, "alloc_unbound"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, 1, 0, false, "bind_ipi"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, 1, 0, false, "bind_vcpu"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, 1, 0, false, "unmask"},
	{__HYPERVISOR_event_channel_op, EVTCHNOP_reset, 1, 0, false, "reset"},
	{__HYPERVISOR_sched_op, SCHEDOP_shutdown, 1, 0, false, "shutdown"},
	{__HYPERVISOR_sched_op, SCHEDOP_poll, 1, 0, false, "poll"},
	{__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, 1, 0, false, "remote_shutdown"},
	{__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, 1, 0, false, "shutdown_code"},
	{__HYPERVISOR_sched_op, SCHEDOP_watchdog, 1, 0, false, "watchdog"},
	{__HYPERVISOR_vcpu_op, VCPUOP_initialise, 2, 0, false, "initialise"},
	{__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 2, 0, true, "runstate_info"},
	{__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 2, 0, false, "runstate"},
	{__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 2, 0, false, "periodic"},
	{__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 2, 0, false, "singleshot"},
	{__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 2, 0, false, "vcpu_info"},
	{__HYPERVISOR_vcpu_op, VCPUOP_get_physid, 2, 0, true, "physid"},
	{__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 2, 0, false, "time_area"},
	{__HYPERVISOR_console_io, CONSOLEIO_write, 2, 16, false, "console write"},
	{__HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, 1, 0, false, "device_add"},
	{__HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_remove, 1, 0, false, "device_remove"},
	{__HYPERVISOR_physdev_op, PHYSDEVOP_pci_mmcfg_reserved, 1, 0, false, "mmcfg_reserved"},
	{__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, 1, 0, false, "setup_gsi"},
	{__HYPERVISOR_physdev_op, PHYSDEVOP_dbgp_op, 1, 0, false, "dbgp_op"},
	{__HYPERVISOR_platform_op, ARGUMENT, 0, 0, false, "platform_op"},
	{__HYPERVISOR_sysctl, ARGUMENT, 0, 0, false, "sysctl"},
	{__HYPERVISOR_domctl, ARGUMENT, 0, 0, false, "domctl"},
};

static int64_t call_with(const struct pointer_case *c, uint64_t pointer)
{
	if (c->sub == ARGUMENT) {
		return hypercall5(c->op, pointer, 0, 0, 0, 0);
	}
	return c->where == 1 ? hypercall5(c->op, c->sub, pointer, 0, 0, 0)
			     : hypercall5(c->op, c->sub, c->other, pointer, 0, 0);
}

static void check_pointer(uint64_t pointer, const char *what)
{
	for (unsigned i = 0; i < COUNT(pointer_cases); i++) {
		const struct pointer_case *c = &pointer_cases[i];
		int64_t rc = call_with(c, pointer);

		check(rc == -XEN_EFAULT, "%s, pointer to %s (%x): %s%u", c->name, what, pointer,
		      rc < 0 ? "-" : "", U(rc < 0 ? -rc : rc));
	}
}

/* Each piece of the address space that is not RAM: firmware, the hypervisor, devices. */
static void check_pointers_to_no_ram(void)
{
	struct entry {
		uint64_t addr, size;
		uint32_t type, reserved;
	} const *e = (const void *)start_info->memmap;

	for (unsigned i = 0; i < start_info->memmap_entries; i++) {
		if (e[i].type != 1 && e[i].addr < WINDOW) {
			check_pointer(e[i].addr, "what is no RAM");
			check_pointer(e[i].addr + e[i].size / 2, "what is no RAM");
		}
	}
}

static void check_pointers(void)
{
	check_pointer(NOWHERE, "nowhere");
	check_pointer(0x8000000000000000ull, "a non-canonical address");
	check_pointer(0x0000800000000000ull, "a non-canonical address");
	check_pointer(~0ull, "the last byte");
	check_pointer(~0ull - 7, "the last bytes");
	check_pointer(0xffff800000000000ull, "the upper half");
	check_pointer(0xffffffff80100000ull, "the hypervisor's own addresses");
	check_pointer(0xfee00000, "the APIC");
	check_pointer(0xb0000000, "ECAM");
	check_pointer(0xfec00000, "the IO-APIC");
	check_pointer(0xf0000, "ROM");
	check_pointers_to_no_ram();
	identity_set(0, false);
	check_pointer(0, "NULL");
	identity_set(0, true);
	window_set(0, (uint64_t)page[0], 0);
	check_pointer(window(0), "a page that is not present");
	window_set(0, 1ull << 46, PAGE_PRESENT | PAGE_WRITE);
	check_pointer(window(0), "a page beyond everything");
}

/* ---- pages: across them, and read-only ones ---- */

static void check_crossing(void)
{
	struct xen_feature_info *f = (void *)(window(1) - 4);
	int64_t rc;

	/* Two pages that are not neighbours. */
	window_set(0, (uint64_t)page[1], PAGE_PRESENT | PAGE_WRITE);
	window_set(1, (uint64_t)page[0], PAGE_PRESENT | PAGE_WRITE);
	f->submap_idx = 0;
	f->submap = 0;
	check(hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, f) == 0 && f->submap,
	      "a structure over two pages: %x", U(f->submap));
	check(*(uint32_t *)page[0] == f->submap, "its second part is elsewhere");
	window_set(1, 0, 0);
	check(hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, f) == -XEN_EFAULT,
	      "the second page is missing");
	window_set(1, 0xfee00000, PAGE_PRESENT | PAGE_WRITE);
	check(hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, f) == -XEN_EFAULT,
	      "the second page is the APIC's");
	window_set(1, (uint64_t)page[0], PAGE_PRESENT);
	write_cr0(read_cr0() | 1ull << 16);
	rc = hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, f);
	check(rc == -XEN_EFAULT, "the second page is read-only: %x", U(rc));
}

static void check_read_only(void)
{
	uint64_t cr0 = read_cr0();

	for (unsigned i = 0; i < sizeof(page[0]); i++) {
		page[0][i] = 0x5a;
	}
	window_set(0, (uint64_t)page[0], PAGE_PRESENT);
	write_cr0(cr0 | 1ull << 16);
	for (unsigned i = 0; i < COUNT(pointer_cases); i++) {
		if (pointer_cases[i].writes_only) {
			check(call_with(&pointer_cases[i], window(0)) == -XEN_EFAULT,
			      "%s to a read-only page", pointer_cases[i].name);
		}
	}
	for (unsigned i = 0; i < sizeof(page[0]); i++) {
		check(page[0][i] == 0x5a, "byte %x of a read-only page", U(i));
	}
	/* Without CR0.WP ring 0 writes there, and so does who writes for it. */
	write_cr0(cr0 & ~(1ull << 16));
	check(hypercall2(__HYPERVISOR_xen_version, XENVER_capabilities, (void *)window(0)) == 0,
	      "a read-only page without CR0.WP");
	check(page[0][0] == 'h', "is not written");
	write_cr0(cr0);
	window_set(0, 0, 0);
}

/* ---- counts, versions, numbers, domains ---- */

static void check_memory_counts(void)
{
	struct xen_memory_reservation r = {.domid = DOMID_SELF, .nr_extents = ~0ul};
	struct xen_memory_map m = {.nr_entries = 0xffffffffu};
	struct xen_add_to_physmap_batch b = {.domid = DOMID_SELF, .size = 65535,
					     .space = XENMAPSPACE_shared_info};

	r.extent_start.p = (void *)NOWHERE;
	check(hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r) == 0,
	      "decrease_reservation by too much");
	r.nr_extents = 1ull << 40;
	check(hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r) == 0,
	      "decrease_reservation of a list nowhere");
	check(hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) == 0,
	      "populate_physmap of a list nowhere");
	r.nr_extents = 1;
	for (unsigned order = 0; order < 256; order += 5) {
		uint64_t pfn[1] = {0xffffffffffffffffull};

		r.extent_order = order;
		r.extent_start.p = pfn;
		check(hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r) == 0,
		      "an extent of order %u at the end of everything", U(order));
	}
	m.buffer.p = (void *)NOWHERE;
	check(hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map, &m) == -XEN_EFAULT,
	      "a memory map nowhere");
	b.idxs.p = (void *)NOWHERE;
	b.gpfns.p = (void *)NOWHERE;
	b.errs.p = (void *)NOWHERE;
	check(hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, &b) == -XEN_EFAULT,
	      "a batch nowhere");
	/* The progress of a call that never began. */
	for (unsigned shift = 6; shift < 64; shift++) {
		int64_t rc = hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map | 1ull << shift, &m);

		check(rc < 0, "memory_map with progress 1 << %u: %x", U(shift), U(rc));
	}
}

static void check_other_counts(void)
{
	struct sched_poll p = {.nr_ports = 0xffffffffu};
	char *text = (char *)(window(1) - 40);

	p.ports.p = (void *)NOWHERE;
	check(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &p) == -XEN_EINVAL, "poll of 2^32");
	p.nr_ports = 129;
	check(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &p) == -XEN_EINVAL, "poll of 129");
	p.nr_ports = 1;
	check(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &p) == -XEN_EFAULT, "poll nowhere");
	/* Forty bytes, then nothing. */
	window_set(0, (uint64_t)page[0], PAGE_PRESENT | PAGE_WRITE);
	window_set(1, 0, 0);
	for (unsigned i = 0; i < 40; i++) {
		text[i] = i == 39 ? '\n' : '.';
	}
	check(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 0x7fffffff, text) == -XEN_EFAULT,
	      "console_io of 2 GiB");
	check(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 0x80000000u, text) < 0,
	      "console_io of a negative count");
	check(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_read, 0xffffffffu, text) < 0,
	      "console_io read of a negative count");
}

/* The interface version is the first field of all three. */
static void check_versions(void)
{
	static const uint64_t ops[] = {__HYPERVISOR_sysctl, __HYPERVISOR_domctl,
				       __HYPERVISOR_platform_op};
	static const uint32_t versions[] = {0, 1, 0x10, 0x40, 0x7fffffff, 0xffffffffu};
	static struct {
		uint32_t command, version;
		uint8_t rest[504];
	} x;

	for (unsigned i = 0; i < COUNT(ops); i++) {
		for (unsigned k = 0; k < COUNT(versions); k++) {
			x.command = 3;
			x.version = versions[k];
			check(hypercall5(ops[i], (uint64_t)&x, 0, 0, 0, 0) == -XEN_EACCES,
			      "operation %u, version %x", ops[i], U(versions[k]));
		}
	}
}

static void check_numbers(void)
{
	static const uint64_t known[] = {
		__HYPERVISOR_memory_op, __HYPERVISOR_set_timer_op, __HYPERVISOR_xen_version,
		__HYPERVISOR_console_io, __HYPERVISOR_vm_assist, __HYPERVISOR_vcpu_op,
		__HYPERVISOR_sched_op, __HYPERVISOR_event_channel_op, __HYPERVISOR_physdev_op,
		__HYPERVISOR_hvm_op, __HYPERVISOR_sysctl, __HYPERVISOR_domctl,
		__HYPERVISOR_platform_op,
	};
	static const uint64_t subs[] = {63, 255, 4096, 0x7fffffff, 0xffffffffu};

	for (uint64_t op = 0; op < 200; op++) {
		bool is_known = false;

		for (unsigned i = 0; i < COUNT(known); i++) {
			is_known |= op == known[i];
		}
		if (!is_known) {
			check(hypercall5(op, 0, 0, 0, 0, 0) == -XEN_ENOSYS, "operation %u", op);
			check(hypercall5(op, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull) == -XEN_ENOSYS,
			      "operation %u", op);
		}
	}
	for (unsigned shift = 8; shift < 64; shift++) {
		check(hypercall5(__HYPERVISOR_xen_version | 1ull << shift, 0, 0, 0, 0, 0) ==
			      -XEN_ENOSYS,
		      "operation %x", __HYPERVISOR_xen_version | 1ull << shift);
	}
	for (unsigned i = 0; i < COUNT(subs); i++) {
		check(hypercall5(__HYPERVISOR_xen_version, subs[i], 0, 0, 0, 0) == -XEN_ENOSYS,
		      "xen_version %x", subs[i]);
		check(hypercall5(__HYPERVISOR_event_channel_op, subs[i], 0, 0, 0, 0) == -XEN_ENOSYS,
		      "event_channel_op %x", subs[i]);
		check(hypercall5(__HYPERVISOR_sched_op, subs[i], 0, 0, 0, 0) == -XEN_ENOSYS,
		      "sched_op %x", subs[i]);
		check(hypercall5(__HYPERVISOR_vcpu_op, subs[i], 0, 0, 0, 0) == -XEN_ENOSYS,
		      "vcpu_op %x", subs[i]);
		check(hypercall5(__HYPERVISOR_hvm_op, subs[i], 0, 0, 0, 0) == -XEN_ENOSYS,
		      "hvm_op %x", subs[i]);
		check(hypercall5(__HYPERVISOR_physdev_op, subs[i], 0, 0, 0, 0) == -XEN_ENOSYS,
		      "physdev_op %x", subs[i]);
		check(hypercall5(__HYPERVISOR_vcpu_op, VCPUOP_is_up, subs[i], 0, 0, 0) ==
			      -XEN_ENOENT,
		      "vCPU %x", subs[i]);
	}
}

static void check_domains(void)
{
	static const domid_t absent[] = {1, 77, 0x7feb, DOMID_IO, DOMID_XEN, DOMID_IDLE,
					 DOMID_INVALID};

	for (unsigned i = 0; i < COUNT(absent); i++) {
		domid_t id = absent[i];
		struct xen_hvm_param p = {.domid = id, .index = HVM_PARAM_CALLBACK_IRQ};
		struct evtchn_alloc_unbound a = {.dom = id, .remote_dom = DOMID_SELF};
		struct evtchn_status s = {.dom = id, .port = 1};
		struct xen_add_to_physmap m = {.domid = id, .space = XENMAPSPACE_shared_info};

		check(hypercall2(__HYPERVISOR_hvm_op, HVMOP_get_param, &p) == -XEN_ESRCH,
		      "get_param of domain %u", U(id));
		check(hypercall2(__HYPERVISOR_hvm_op, HVMOP_set_param, &p) == -XEN_ESRCH,
		      "set_param of domain %u", U(id));
		check(hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a) ==
			      -XEN_ESRCH,
		      "alloc_unbound of domain %u", U(id));
		check(hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &s) == -XEN_ESRCH,
		      "status of domain %u", U(id));
		check(hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &m) == -XEN_ESRCH,
		      "add_to_physmap of domain %u", U(id));
		check(hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &id) ==
			      -XEN_ESRCH,
		      "reservation of domain %u", U(id));
	}
}

/* shared_info in frames that are not ours to give. */
static void check_frames(void)
{
	static const uint64_t frames[] = {0xfee00, 0xb0000, 0xfec00, 0xf0, 1ull << 34, 1ull << 40,
					  1ull << 51, 1ull << 52, ~0ull};

	for (unsigned i = 0; i < COUNT(frames); i++) {
		struct xen_add_to_physmap m = {.domid = DOMID_SELF,
					       .space = XENMAPSPACE_shared_info,
					       .gpfn = frames[i]};
		struct vcpu_register_vcpu_info v = {.mfn = frames[i]};
		struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = frames[i]};

		check(hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &m) == -XEN_EINVAL,
		      "shared_info at frame %x", frames[i]);
		check(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, &v) ==
			      -XEN_EINVAL,
		      "vcpu_info at frame %x", frames[i]);
		check(hypercall2(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, &r) ==
			      -XEN_ENOENT,
		      "removal of frame %x", frames[i]);
	}
}

/* ---- memory that another processor changes during the call (smp) ---- */

#define RACE_US 1500000u

static struct {
	struct sched_poll poll;
	struct evtchn_status status;
	struct xen_add_to_physmap_batch batch;
	struct xen_memory_reservation reservation;
	struct xen_memory_map map;
} raced;
static volatile bool racing;

/* Counts, pointers and numbers go back and forth between small and absurd ones. */
static void racer(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	while (racing) {
		bool odd = n++ & 1;
		void *pointer = odd ? (void *)NOWHERE : (void *)page[0];

		raced.poll.nr_ports = odd ? 0xffffffffu : 1;
		raced.poll.ports.p = pointer;
		raced.status.port = odd ? 0xffffffffu : 1;
		raced.status.dom = odd ? 99 : DOMID_SELF;
		raced.batch.size = odd ? 65535 : 1;
		raced.batch.idxs.p = raced.batch.gpfns.p = pointer;
		raced.batch.errs.p = pointer;
		raced.reservation.nr_extents = odd ? ~0ul : 0;
		raced.reservation.extent_order = odd ? 77 : 0;
		raced.reservation.extent_start.p = pointer;
		raced.map.nr_entries = odd ? 0xffffffffu : 1;
		raced.map.buffer.p = pointer;
		window_set(0, (uint64_t)page[0], odd ? 0 : PAGE_PRESENT | PAGE_WRITE);
	}
}

static bool one_of(int64_t rc, int64_t a, int64_t b, int64_t c)
{
	return rc == a || rc == b || rc == c;
}

static void check_races(void)
{
	uint64_t end, n = 0;

	check(smp_start() > 1, "a second processor is needed");
	raced.poll.timeout = 1;
	raced.batch.domid = raced.reservation.domid = DOMID_SELF;
	raced.batch.space = XENMAPSPACE_grant_table;
	racing = true;
	smp_run(1, racer, NULL);
	for (end = after_us(RACE_US); rdtsc() < end; n++) {
		int64_t rc[6] = {
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &raced.poll),
			hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &raced.status),
			hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, &raced.batch),
			hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation,
				   &raced.reservation),
			hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map, &raced.map),
			hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, (void *)window(0)),
		};

		check(one_of(rc[0], 0, -XEN_EINVAL, -XEN_EFAULT), "raced poll: %x", U(rc[0]));
		check(one_of(rc[1], 0, -XEN_EINVAL, -XEN_ESRCH), "raced status: %x", U(rc[1]));
		check(one_of(rc[2], 0, -XEN_EFAULT, -XEN_EINVAL), "raced batch: %x", U(rc[2]));
		check(rc[3] == 0, "raced reservation: %x", U(rc[3]));
		check(one_of(rc[4], 0, -XEN_EFAULT, 0), "raced map: %x", U(rc[4]));
		check(one_of(rc[5], 0, -XEN_EFAULT, -XEN_EINVAL), "raced page: %x", U(rc[5]));
	}
	racing = false;
	check(smp_wait(1, 10000000), "the second processor does not come back");
	say("guest: %u rounds against a racer\n", n);
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "hypercalls");
	if (!has_xen()) {
		guest_fail("no Xen ABI: abi=xen is needed");
	}
	check(!in_ram(0xb0000000), "ECAM in RAM");
	check_callers();
	check_page();
	check_encodings();
	check_pointers();
	check_crossing();
	check_read_only();
	check_memory_counts();
	check_other_counts();
	check_versions();
	check_numbers();
	check_domains();
	check_frames();
	if (option("smp")) {
		check_races();
	}
	guest_end();
}
