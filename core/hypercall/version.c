/* SPDX-License-Identifier: MIT */
/*
 * xen_version: what hypervisor this is (Xen ABI version.h, features.h).
 *
 * The version is the option's, because guests and tools choose by it what they
 * ask for; the extra version says who really answers. What concerns the machine
 * (command line, build id) is the hardware domain's; others read "<denied>" or
 * get -EPERM. There is no build id. Texts are asked for in a field of fixed size,
 * cut to it (4.17), or whole by their length (4.20).
 */
#include <abi/version.h>
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <taproot/option.h>
#include <taproot/string.h>
#include <taproot/version.h>

/* Xen 4.18 features.h. */
#define FEATURE_RUNSTATE_PHYS_AREA  18
#define FEATURE_VCPU_TIME_PHYS_AREA 19

/* A string, cut to a field of `size` bytes, to the caller. */
static int64_t put_text(struct hypercall *h, const char *text, size_t size)
{
	size_t n = MIN(strlen(text), size - 1);

	if (copy_to_guest(h, h->arg[1], text, n)) {
		return -EFAULT;
	}
	return copy_to_guest(h, h->arg[1] + n, "", 1);
}

/* A whole text and its length; without a buffer only that. */
static int64_t put_whole_text(struct hypercall *h, const char *text)
{
	struct xen_varbuf b;
	size_t n = strlen(text);

	if (h->arg[1] == 0) {
		return (int64_t)n;
	}
	if (copy_from_guest(h, &b, h->arg[1], sizeof(b))) {
		return -EFAULT;
	}
	if (n > b.len) {
		return -ENOBUFS;
	}
	if (copy_to_guest(h, h->arg[1] + offsetof(struct xen_varbuf, buf), text, n)) {
		return -EFAULT;
	}
	return (int64_t)n;
}

static const char *text_of(uint32_t operation)
{
	switch (operation) {
	case XENVER_extraversion:
	case XENVER_extraversion2:
		return "-taproot-" TAPROOT_VERSION;
	case XENVER_capabilities:
	case XENVER_capabilities2:
		return "hvm-3.0-x86_64";
	case XENVER_changeset:
	case XENVER_changeset2:
		return "unavailable";
	default:
		return option_line();
	}
}

static int64_t compile_info(struct hypercall *h)
{
	static const struct xen_compile_info info = {
		.compiler = __VERSION__,
		.compile_by = "taproot",
	};

	return copy_to_guest(h, h->arg[1], &info, sizeof(info));
}

/* PVH: paging, event channel vectors and pvclock as the headers describe; interrupts are native. */
static uint32_t features(const struct domain *d)
{
	uint32_t map = 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
		       1u << XENFEAT_memory_op_vnode_supported | 1u << XENFEAT_hvm_callback_vector |
		       1u << XENFEAT_hvm_safe_pvclock | 1u << FEATURE_RUNSTATE_PHYS_AREA |
		       1u << FEATURE_VCPU_TIME_PHYS_AREA;

	/* The hardware domain is identity mapped. */
	return map | (d->hardware ? 1u << XENFEAT_dom0 | 1u << XENFEAT_direct_mapped
				  : 1u << XENFEAT_not_direct_mapped);
}

static int64_t get_features(struct hypercall *h)
{
	struct xen_feature_info info;

	if (copy_from_guest(h, &info, h->arg[1], sizeof(info))) {
		return -EFAULT;
	}
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS) {
		return -EINVAL;
	}
	info.submap = features(h->v->domain);
	return copy_to_guest(h, h->arg[1], &info, sizeof(info));
}

/* Nothing of ours is in a guest's address space. */
static int64_t platform_parameters(struct hypercall *h)
{
	const struct xen_platform_parameters p = {.virt_start = 0};

	return copy_to_guest(h, h->arg[1], &p, sizeof(p));
}

/* Domains have no handle until a toolstack gives them one. */
static int64_t guest_handle(struct hypercall *h)
{
	const xen_domain_handle_t handle = {0};

	return copy_to_guest(h, h->arg[1], handle, sizeof(handle));
}

int64_t hypercall_xen_version(struct hypercall *h)
{
	bool privileged = h->v->domain->hardware;
	uint32_t op = (uint32_t)h->arg[0];

	switch (op) {
	case XENVER_version:
		return options.abi_version;
	case XENVER_extraversion:
		return put_text(h, text_of(op), XEN_EXTRAVERSION_LEN);
	case XENVER_compile_info:
		return compile_info(h);
	case XENVER_capabilities:
		return put_text(h, text_of(op), XEN_CAPABILITIES_INFO_LEN);
	case XENVER_changeset:
		return put_text(h, text_of(op), XEN_CHANGESET_INFO_LEN);
	case XENVER_platform_parameters:
		return platform_parameters(h);
	case XENVER_get_features:
		return get_features(h);
	case XENVER_pagesize:
		return h->arg[1] ? -EINVAL : (int64_t)PAGE_SIZE;
	case XENVER_guest_handle:
		return guest_handle(h);
	case XENVER_commandline:
		return put_text(h, privileged ? text_of(op) : "<denied>",
				sizeof(xen_commandline_t));
	case XENVER_build_id:
		return privileged ? -ENODATA : -EPERM;
	case XENVER_extraversion2:
	case XENVER_capabilities2:
	case XENVER_changeset2:
		return put_whole_text(h, text_of(op));
	case XENVER_commandline2:
		return privileged ? put_whole_text(h, text_of(op)) : -EPERM;
	default:
		return -ENOSYS;
	}
}
