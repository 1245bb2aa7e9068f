/* SPDX-License-Identifier: MIT */
/*
 * hvm_op (Xen ABI hvm/hvm_op.h, hvm/params.h): parameters, the vector of
 * upcalls, and what guests ask without depending on the answer.
 *
 * Parameters are those of the table; the others, which only emulators and
 * toolstacks of HVM guests use, are -EINVAL until there are such guests.
 * Deliberately not supported: traces, altp2m and vm_event (-EOPNOTSUPP), and
 * what moved to dm_op (-ENOSYS).
 */
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/xen.h>

/* Who may use a parameter of a domain; who builds domains may always use another one's. */
struct param_rule {
	bool known;
	bool self_gets;
	bool self_sets;
};

static const struct param_rule rules[HVM_NR_PARAMS] = {
	[HVM_PARAM_CALLBACK_IRQ] = {true, true, true},
	[HVM_PARAM_STORE_PFN] = {true, true, false},
	[HVM_PARAM_STORE_EVTCHN] = {true, true, true},
	[HVM_PARAM_CONSOLE_PFN] = {true, true, false},
	[HVM_PARAM_CONSOLE_EVTCHN] = {true, true, true},
};

_Static_assert(HVM_NR_PARAMS <= sizeof(((struct domain *)0)->param) / sizeof(uint64_t),
	       "every parameter has its place");

/* Copy the argument in and find whose parameter it is about. */
static int64_t param_target(struct hypercall *h, enum hypercall_right right,
			    struct xen_hvm_param *a, struct domain **d)
{
	int rc;

	if (copy_from_guest(h, a, h->arg[1], sizeof(*a))) {
		return -EFAULT;
	}
	if (a->index >= HVM_NR_PARAMS) {
		return -EINVAL;
	}
	rc = hypercall_target(h->v, a->domid, right, d);
	if (rc) {
		return rc;
	}
	return rules[a->index].known ? 0 : -EINVAL;
}

static int64_t set_param(struct hypercall *h)
{
	struct xen_hvm_param a;
	struct domain *d;
	int64_t rc = param_target(h, RIGHT_CONTROL, &a, &d);

	if (rc) {
		return rc;
	}
	if (d == h->v->domain && !rules[a.index].self_sets) {
		return -EPERM;
	}
	if (a.index == HVM_PARAM_CALLBACK_IRQ) {
		rc = event_set_callback(d, a.value);
	}
	if (rc == 0) {
		__atomic_store_n(&d->param[a.index], a.value, __ATOMIC_RELAXED);
	}
	return rc;
}

static int64_t get_param(struct hypercall *h)
{
	struct xen_hvm_param a;
	struct domain *d;
	int64_t rc = param_target(h, RIGHT_QUERY, &a, &d);

	if (rc) {
		return rc;
	}
	if (d == h->v->domain && !rules[a.index].self_gets) {
		return -EPERM;
	}
	a.value = __atomic_load_n(&d->param[a.index], __ATOMIC_RELAXED);
	return copy_to_guest(h, h->arg[1], &a, sizeof(a));
}

static int64_t set_upcall_vector(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	struct xen_hvm_evtchn_upcall_vector a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	if (a.vector < 16) {
		return -EINVAL;
	}
	if (a.vcpu >= d->vcpu_count) {
		return -ENOENT;
	}
	return event_set_upcall_vector(d->vcpu[a.vcpu], a.vector);
}

static int64_t flush_tlbs(struct hypercall *h)
{
	if (h->arg[1]) {
		return -EINVAL;
	}
	arch_domain_flush(h->v->domain);
	return 0;
}

/* The hint changes nothing: there are no shadow page tables. */
static int64_t pagetable_dying(struct hypercall *h)
{
	struct xen_hvm_pagetable_dying a;
	struct domain *d;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	return hypercall_target(h->v, a.domid, RIGHT_CONTROL, &d);
}

static int64_t get_time(struct hypercall *h)
{
	const struct xen_hvm_get_time a = {.now = vtime_now(h->v->domain)};

	return copy_to_guest(h, h->arg[1], &a, sizeof(a));
}

/* RAM that is there, or something else: kdump asks which pages it may read. */
static int64_t get_mem_type(struct hypercall *h)
{
	struct xen_hvm_get_mem_type a;
	struct domain *d;
	int rc;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	rc = hypercall_target(h->v, a.domid, RIGHT_QUERY, &d);
	if (rc) {
		return rc;
	}
	a.mem_type = a.pfn < d->memmap.limit >> PAGE_SHIFT &&
				     arch_guest_ram(d, gpa(a.pfn << PAGE_SHIFT))
			     ? HVMMEM_ram_rw
			     : HVMMEM_mmio_dm;
	return copy_to_guest(h, h->arg[1], &a, sizeof(a));
}

static int64_t refused(struct hypercall *h)
{
	(void)h;
	return -EOPNOTSUPP;
}

static hypercall_fn *const ops[] = {
	[HVMOP_set_param] = set_param,
	[HVMOP_get_param] = get_param,
	[HVMOP_flush_tlbs] = flush_tlbs,
	[HVMOP_pagetable_dying] = pagetable_dying,
	[HVMOP_get_time] = get_time,
	[HVMOP_xentrace] = refused,
	[HVMOP_get_mem_type] = get_mem_type,
	[HVMOP_set_evtchn_upcall_vector] = set_upcall_vector,
	[HVMOP_guest_request_vm_event] = refused,
	[HVMOP_altp2m] = refused,
};

int64_t hypercall_hvm_op(struct hypercall *h)
{
	if (h->arg[0] >= ARRAY_SIZE(ops) || !ops[h->arg[0]]) {
		return -ENOSYS;
	}
	return ops[h->arg[0]](h);
}
