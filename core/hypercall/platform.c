/* SPDX-License-Identifier: MIT */
/*
 * platform_op: the machine, for the hardware domain's kernel (Xen ABI
 * platform.h).
 *
 * There is no screen (-ENODEV), and of the firmware nothing is kept: no disks and
 * no monitor data (-ESRCH), no EFI (-ENOSYS), no shift key is down.
 *
 * Deliberately not supported (-ENOSYS): memory types (MTRRs are the guest's own
 * to keep), microcode, frequencies and idle states, sleep states, processors and
 * memory that come and go, access to MSRs.
 */
#include <abi/platform.h>
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <taproot/string.h>

#define NS_PER_SEC 1000000000ull
/* The last second that can be set: the year 2242, so that nanoseconds fit 64 bits. */
#define SEC_MAX (1ull << 33)

typedef int platform_fn(struct hypercall *h, struct xen_platform_op *x);

/* It is `sec` and `nsec` at `system_time`. */
static int settime(struct domain *d, uint64_t sec, uint32_t nsec, uint64_t system_time)
{
	uint64_t now = sec * NS_PER_SEC + nsec;

	if (sec > SEC_MAX || nsec >= NS_PER_SEC || system_time > now) {
		return -EINVAL;
	}
	now -= system_time;
	vtime_set_wallclock(d, now / NS_PER_SEC, (uint32_t)(now % NS_PER_SEC));
	return 0;
}

static int settime32(struct hypercall *h, struct xen_platform_op *x)
{
	const struct xenpf_settime32 *t = &x->u.settime32;

	return settime(h->v->domain, t->secs, t->nsecs, t->system_time);
}

static int settime64(struct hypercall *h, struct xen_platform_op *x)
{
	const struct xenpf_settime64 *t = &x->u.settime64;

	return t->mbz ? -EINVAL : settime(h->v->domain, t->secs, t->nsecs, t->system_time);
}

static int firmware_info(struct hypercall *h, struct xen_platform_op *x)
{
	struct xenpf_firmware_info *f = &x->u.firmware_info;

	(void)h;
	switch (f->type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
	case XEN_FW_VBEDDC_INFO:
		return -ESRCH;
	case XEN_FW_KBD_SHIFT_FLAGS:
		f->u.kbd_shift_flags = 0;
		return f->index ? -ESRCH : 0;
	case XEN_FW_EFI_INFO:
		return -ENOSYS;
	default:
		return -EINVAL;
	}
}

static int get_cpuinfo(struct hypercall *h, struct xen_platform_op *x)
{
	struct xenpf_pcpuinfo *p = &x->u.pcpu_info;
	struct arch_cpu_info cpu;

	(void)h;
	p->max_present = arch_cpu_count() - 1;
	p->flags = XEN_PCPU_FLAGS_INVALID;
	if (p->xen_cpuid < arch_cpu_count()) {
		arch_cpu_info(p->xen_cpuid, &cpu);
		p->flags = XEN_PCPU_FLAGS_ONLINE;
		p->apic_id = cpu.apic_id;
		p->acpi_id = cpu.acpi_id;
	}
	return 0;
}

static int get_cpu_version(struct hypercall *h, struct xen_platform_op *x)
{
	struct xenpf_pcpu_version *p = &x->u.pcpu_version;
	struct arch_cpu_info cpu;

	(void)h;
	p->max_present = arch_cpu_count() - 1;
	memset(p->vendor_id, 0, sizeof(p->vendor_id));
	p->family = 0;
	p->model = 0;
	p->stepping = 0;
	if (p->xen_cpuid < arch_cpu_count()) {
		arch_cpu_info(p->xen_cpuid, &cpu);
		memcpy(p->vendor_id, cpu.vendor, sizeof(p->vendor_id));
		p->family = cpu.family;
		p->model = cpu.model;
		p->stepping = cpu.stepping;
	}
	return 0;
}

static int get_dom0_console(struct hypercall *h, struct xen_platform_op *x)
{
	(void)h;
	(void)x;
	return -ENODEV;
}

static platform_fn *const commands[] = {
	[XENPF_settime32] = settime32,
	[XENPF_get_cpu_version] = get_cpu_version,
	[XENPF_firmware_info] = firmware_info,
	[XENPF_get_cpuinfo] = get_cpuinfo,
	[XENPF_settime64] = settime64,
	[XENPF_get_dom0_console] = get_dom0_console,
};

int64_t hypercall_platform_op(struct hypercall *h)
{
	struct xen_platform_op x;
	int rc = hypercall_machine(h->v);

	if (rc == 0) {
		rc = copy_from_guest(h, &x, h->arg[0], sizeof(x));
	}
	if (rc) {
		return rc;
	}
	if (x.interface_version != XENPF_INTERFACE_VERSION) {
		return -EACCES;
	}
	if (x.cmd >= ARRAY_SIZE(commands) || !commands[x.cmd]) {
		return -ENOSYS;
	}
	rc = commands[x.cmd](h, &x);
	return rc ? rc : copy_to_guest(h, h->arg[0], &x, sizeof(x));
}
