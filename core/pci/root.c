/* SPDX-License-Identifier: MIT */
/*
 * The root complex: index by segment, bus and function, registration of who
 * answers for a function, and pci_access(), the one way of every access.
 *
 * The index has two levels of pointers and a 4 KiB table of {ops, context} for
 * each bus with functions, so a look-up is three loads however many functions
 * there are. Reads take no lock. Writes decide under pci_lock and, when they
 * have effects, are carried out under it, so that the mappings follow the
 * registers in the same order.
 *
 * Deliberately not supported: functions that external emulators answer
 * (VERDICT_FORWARD); they come with the device model interface.
 */
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>
#include <taproot/record.h>

#include "pci_internal.h"

struct pci_slot *pci_slot_find(const struct pci_root *root, sbdf_t sbdf)
{
	unsigned n = sbdf_segment(sbdf);
	struct pci_segment *segment;
	struct pci_bus *bus;

	if (n >= PCI_SEGMENTS_MAX) {
		return NULL;
	}
	segment = __atomic_load_n(&root->segment[n], __ATOMIC_ACQUIRE);
	if (!segment) {
		return NULL;
	}
	bus = __atomic_load_n(&segment->bus[sbdf_bus(sbdf)], __ATOMIC_ACQUIRE);
	return bus ? &bus->slot[sbdf.v & 0xff] : NULL;
}

/* A table for a bus: from the allocator while booting, from what is set aside later. */
static struct pci_bus *bus_take(struct pci_root *root)
{
	if (root->booting) {
		return page_alloc();
	}
	return root->spare_bus_count ? root->spare_bus[--root->spare_bus_count] : NULL;
}

struct pci_slot *pci_slot_make(struct pci_root *root, sbdf_t sbdf)
{
	struct pci_segment *segment;
	struct pci_bus *bus;

	_Static_assert(sizeof(struct pci_bus) == PAGE_SIZE, "a bus table is a page");
	if (sbdf_segment(sbdf) >= PCI_SEGMENTS_MAX) {
		return NULL;
	}
	segment = root->segment[sbdf_segment(sbdf)];
	if (!segment) {
		return NULL;
	}
	bus = segment->bus[sbdf_bus(sbdf)];
	if (!bus) {
		bus = bus_take(root);
		if (!bus) {
			return NULL;
		}
		__atomic_store_n(&segment->bus[sbdf_bus(sbdf)], bus, __ATOMIC_RELEASE);
	}
	return &bus->slot[sbdf.v & 0xff];
}

void pci_slot_publish(struct pci_slot *slot, const struct pci_ops *ops, void *ctx)
{
	__atomic_store_n(&slot->ctx, ctx, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->ops, ops, __ATOMIC_RELEASE);
}

sbdf_t pci_physical_of(const struct pci_root *root, sbdf_t s)
{
	const struct pci_slot *slot = pci_slot_find(root, s);
	const struct pci_function *f;

	if (!slot || __atomic_load_n(&slot->ops, __ATOMIC_ACQUIRE) != &pci_passthrough_ops) {
		return s;
	}
	f = slot->ctx;
	return f->pf ? f->pf->sbdf : s;
}

/* ---- registration ---- */

int pci_claim(struct pci_root *root, sbdf_t sbdf, const struct pci_ops *ops, void *ctx)
{
	struct pci_slot *slot;
	bool booting;
	int rc = 0;

	if (sbdf_segment(sbdf) >= PCI_SEGMENTS_MAX || !root->segment[sbdf_segment(sbdf)]) {
		return -EINVAL;
	}
	lock_acquire(&root->domain->pci_lock);
	booting = root->booting;
	root->booting = true;
	slot = pci_slot_make(root, sbdf);
	root->booting = booting;
	if (!slot) {
		rc = -ENOMEM;
	} else if (slot->ops) {
		log_notice("pci: d%u: %s cannot have " SBDF_FMT ": it belongs to %s",
			   root->domain->id, ops->name, SBDF_ARGS(sbdf), slot->ops->name);
		rc = -EBUSY;
	} else {
		pci_slot_publish(slot, ops, ctx);
	}
	lock_release(&root->domain->pci_lock);
	return rc;
}

int pci_release(struct pci_root *root, sbdf_t sbdf, const struct pci_ops *ops)
{
	struct pci_slot *slot = pci_slot_find(root, sbdf);
	int rc = -ENOENT;

	lock_acquire(&root->domain->pci_lock);
	if (slot && slot->ops == ops && ops != &pci_passthrough_ops) {
		__atomic_store_n(&slot->ops, NULL, __ATOMIC_RELEASE);
		rc = 0;
	}
	lock_release(&root->domain->pci_lock);
	return rc;
}

static enum verdict hidden_read(void *ctx, struct pci_access *a)
{
	(void)ctx;
	(void)a;
	return VERDICT_REJECT;
}

static enum verdict hidden_write(void *ctx, struct pci_access *a, struct pci_effects *effects)
{
	(void)effects;
	return hidden_read(ctx, a);
}

static const struct pci_ops hidden_ops = {
	.name = "the hypervisor",
	.read = hidden_read,
	.write = hidden_write,
};

int pci_hide(struct pci_root *root, sbdf_t sbdf)
{
	return pci_claim(root, sbdf, &hidden_ops, root);
}

void pci_root_set_reset_port(struct pci_root *root, const struct port_ops *ops, void *ctx)
{
	root->reset_ctx = ctx;
	root->reset_ops = ops;
}

/* ---- access ---- */

enum verdict pci_slot_read(const struct pci_slot *slot, struct pci_access *a)
{
	const struct pci_ops *ops = __atomic_load_n(&slot->ops, __ATOMIC_ACQUIRE);
	enum verdict verdict = ops ? ops->read(slot->ctx, a) : VERDICT_REJECT;

	switch (verdict) {
	case VERDICT_DONE:
		break;
	case VERDICT_PERFORM:
		a->value = arch_pci_read(a->sbdf, a->reg, a->len);
		if (a->reg < PCI_REG_COMMAND && ops->identified) {
			ops->identified(slot->ctx, a);
		}
		break;
	default:
		a->value = (uint32_t)ones(a->len);
	}
	return verdict;
}

static enum verdict root_read(struct pci_root *root, struct pci_access *a)
{
	const struct pci_slot *slot = pci_slot_find(root, a->sbdf);

	if (!slot || !__atomic_load_n(&slot->ops, __ATOMIC_ACQUIRE)) {
		return pci_access_absent(root, a);
	}
	return pci_slot_read(slot, a);
}

/* Decide and carry out under the lock, so that shadow and register see writes in the same order. */
static enum verdict slot_write(struct pci_root *root, const struct pci_slot *slot,
			       struct pci_access *a, struct pci_effects *e)
{
	const struct pci_ops *ops;
	enum verdict verdict = VERDICT_REJECT;

	lock_acquire(&root->domain->pci_lock);
	ops = slot->ops; /* it may have been dropped */
	if (ops) {
		verdict = ops->write(slot->ctx, a, e);
	}
	if (e->count) {
		ops->apply(slot->ctx, a, verdict, e);
	} else if (verdict == VERDICT_PERFORM) {
		arch_pci_write(a->sbdf, a->reg, a->len, a->value);
	}
	lock_release(&root->domain->pci_lock);
	return verdict;
}

static enum verdict root_write(struct pci_root *root, struct pci_access *a, struct pci_effects *e)
{
	const struct pci_slot *slot = pci_slot_find(root, a->sbdf);
	const struct pci_ops *ops = slot ? __atomic_load_n(&slot->ops, __ATOMIC_ACQUIRE) : NULL;
	enum verdict verdict = VERDICT_PERFORM;

	if (!ops) {
		verdict = pci_access_absent(root, a);
		/* It may have been admitted just now. */
		slot = pci_slot_find(root, a->sbdf);
		ops = slot ? __atomic_load_n(&slot->ops, __ATOMIC_ACQUIRE) : NULL;
	}
	if (ops && !(ops->plain && ops->plain(slot->ctx, a))) {
		return slot_write(root, slot, a, e);
	}
	if (ops || verdict == VERDICT_PERFORM) {
		arch_pci_write(a->sbdf, a->reg, a->len, a->value);
		return VERDICT_PERFORM;
	}
	return verdict;
}

static COLD enum verdict access_recorded(struct pci_root *root, struct pci_access *a)
{
	struct pci_access asked = *a;
	struct pci_effects effects;
	enum verdict verdict;

	effects.count = 0;
	verdict = a->write ? root_write(root, a, &effects) : root_read(root, a);
	record_config(root->domain, &asked, verdict, a->value, &effects);
	return verdict;
}

enum verdict pci_access(struct pci_root *root, struct pci_access *a)
{
	struct pci_effects effects;

	if (record_on) {
		return access_recorded(root, a);
	}
	if (!a->write) {
		return root_read(root, a);
	}
	effects.count = 0;
	return root_write(root, a, &effects);
}

/* ---- creation ---- */

/* NULL, or why the window cannot be served. */
const char *pci_window_fault(const struct pci_root *root, const struct pci_window *w)
{
	uint64_t end = w->bus0.v + (((uint64_t)w->bus_last + 1) << PCI_ECAM_BUS_SHIFT);

	if (w->segment >= PCI_SEGMENTS_MAX) {
		return "segment number too high";
	}
	if (w->bus_first > w->bus_last || w->bus0.v % MIB || end < w->bus0.v) {
		return "malformed";
	}
	return root->ecam_count == PCI_WINDOWS_MAX ? "one too many" : NULL;
}

/* What nobody has of it, that is: RAM, claims and what is mapped anyway stay. */
void pci_deny_window(struct domain *d, const struct pci_window *w)
{
	uint64_t start =
		ALIGN_DOWN(w->bus0.v, PAGE_SIZE) + ((uint64_t)w->bus_first << PCI_ECAM_BUS_SHIFT);
	uint64_t end = w->bus0.v + (((uint64_t)w->bus_last + 1) << PCI_ECAM_BUS_SHIFT);
	uint64_t denied = 0;
	int rc = 0;

	if (!d->hardware || w->bus_first > w->bus_last || end < w->bus0.v) {
		return;
	}
	end = MIN(ALIGN_UP(end, PAGE_SIZE), d->memmap.limit);
	lock_acquire(&d->mem_lock);
	for (uint64_t at = start, next; rc == 0 && at < end; at = next) {
		const struct mem_range *r = memmap_find(&d->memmap, gpa(at));
		struct memmap_step step = {.kind = MEMMAP_CLAIM,
					   .type = MEM_DENY,
					   .start = gpa(at),
					   .owner = SBDF_NONE};

		next = MIN(r->end.v, end);
		step.size = next - at;
		if (r->type == MEM_HOLE || r->type == MEM_RESERVED) {
			rc = memmap_check(&d->memmap, &step, 1, NULL);
			if (rc == 0) {
				memmap_commit(&d->memmap, &step, 1);
				denied += step.size;
			}
		}
	}
	lock_release(&d->mem_lock);
	if (denied || rc) {
		log_notice("pci: ECAM window of segment %u at %#lx: %lu KiB denied to the domain%s",
			   w->segment, start, denied / 1024, rc ? ", no room for more" : "");
	}
}

int root_add_segment(struct pci_root *root, unsigned segment)
{
	_Static_assert(sizeof(struct pci_segment) <= PAGE_SIZE, "a segment table fits a page");
	if (!root->segment[segment]) {
		root->segment[segment] = page_alloc();
	}
	return root->segment[segment] ? 0 : -ENOMEM;
}

/* A window that cannot be had is left out, with a line in the log. -ENOMEM. */
static int root_add_window(struct pci_root *root, const struct pci_window *w)
{
	struct pci_ecam *ecam = &root->ecam[root->ecam_count];
	uint64_t first = w->bus0.v + ((uint64_t)w->bus_first << PCI_ECAM_BUS_SHIFT);
	uint64_t size = (uint64_t)(w->bus_last - w->bus_first + 1) << PCI_ECAM_BUS_SHIFT;
	const char *fault = pci_window_fault(root, w);

	if (!fault) {
		int rc = root_add_segment(root, w->segment);

		if (rc) {
			return rc;
		}
		ecam->root = root;
		ecam->window = *w;
		ecam->first = sbdf_make(w->segment, w->bus_first, 0, 0);
		if (ioreq_claim_mmio(root->domain, gpa(first), size, &pci_ecam_ops, ecam)) {
			fault = "not free in the memory map";
		}
	}
	if (!fault) {
		root->ecam_count++;
		if (root->domain->hardware &&
		    arch_pci_add_ecam(w->segment, w->bus_first, w->bus_last, w->bus0)) {
			fault = "not usable by the hypervisor";
		}
	}
	if (fault) {
		log_notice("pci: ECAM window of segment %u, buses %u-%u, bus 0 at %#lx: %s",
			   w->segment, w->bus_first, w->bus_last, w->bus0.v, fault);
	}
	return 0;
}

int pci_root_create(struct domain *d, const struct pci_window *w, unsigned count)
{
	struct pci_root *root = heap_alloc(sizeof(*root));
	int rc;

	if (!root) {
		return -ENOMEM;
	}
	root->domain = d;
	root->booting = true;
	d->pci = root;
	rc = root_add_segment(root, 0);
	if (rc == 0) {
		rc = ioreq_claim_ports(d, PCI_PORT_ADDRESS, PCI_PORT_COUNT, &pci_port_ops, root);
	}
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		rc = root_add_window(root, &w[i]);
	}
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		pci_deny_window(d, &w[i]); /* those that are served are claimed already */
	}
	return rc;
}
