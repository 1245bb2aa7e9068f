/* SPDX-License-Identifier: MIT */
/*
 * Who answers an access to memory that is not mapped. The memmap knows: a
 * trapped page has its handler, a hole or reserved page becomes the hardware
 * domain's at its first touch, and what is ours or nobody's reads all ones as
 * a master abort does (PCIe 6.0 2.3.2).
 *
 * The common case, an access inside one trapped range, is one look-up and one
 * call. No lock is taken for it: the owner's vCPU changes the map itself.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/ioreq.h>
#include <taproot/log.h>

static int one_step(struct domain *d, const struct memmap_step *step)
{
	struct mem_range met;
	int rc;

	lock_acquire(&d->mem_lock);
	rc = memmap_check(&d->memmap, step, 1, &met);
	if (rc == 0) {
		memmap_commit(&d->memmap, step, 1);
	}
	lock_release(&d->mem_lock);
	if (rc == -EBUSY) {
		log_notice("d%u: %s cannot have memory [%#lx, +%#lx): [%#lx, %#lx) is %s", d->id,
			   step->ops->name, step->start.v, step->size, met.start.v, met.end.v,
			   memmap_type_name(met.type));
	}
	return rc;
}

int ioreq_claim_mmio(struct domain *d, gpa_t start, uint64_t size, const struct mmio_ops *ops,
		     void *ctx)
{
	struct memmap_step step = {
		.kind = MEMMAP_CLAIM,
		.type = MEM_TRAP,
		.start = start,
		.size = size,
		.owner = SBDF_NONE,
		.ops = ops,
		.ctx = ctx,
	};

	return one_step(d, &step);
}

int ioreq_release_mmio(struct domain *d, gpa_t start, uint64_t size)
{
	struct memmap_step step = {
		.kind = MEMMAP_RELEASE,
		.start = start,
		.size = size,
		.owner = SBDF_NONE,
	};

	return one_step(d, &step);
}

static bool trapped(const struct mem_range *r)
{
	return r && r->type == MEM_TRAP;
}

/* What kind of memory refuses the access altogether. */
static bool refused(const struct domain *d, const struct mem_range *r, gpa_t a)
{
	if (!r) {
		return true;
	}
	switch (r->type) {
	case MEM_RAM:
		return memmap_is_unmapped(&d->memmap, a);
	case MEM_UNUSABLE:
	case MEM_OURS:
	case MEM_DENY:
		return true;
	case MEM_HOLE:
	case MEM_RESERVED:
		return !d->hardware;
	default:
		return false;
	}
}

/* Make the page that holds `a` the domain's if it is not yet, and map it. */
static int page_give(struct domain *d, gpa_t a)
{
	const struct mem_range *r;
	struct memmap_change again;
	uint8_t type;
	int rc = 0;

	lock_acquire(&d->mem_lock);
	r = memmap_find(&d->memmap, a);
	type = r->type;
	if (type == MEM_HOLE || type == MEM_RESERVED) {
		rc = memmap_open(&d->memmap, a);
	} else {
		/* It was dropped for want of a table page (nested_unmap()). */
		again.start = gpa(ALIGN_DOWN(a.v, PAGE_SIZE));
		again.end = gpa(again.start.v + PAGE_SIZE);
		again.from = type;
		again.to = type;
		arch_memmap_changed(d, &again, 1);
	}
	lock_release(&d->mem_lock);
	if (type == MEM_HOLE || type == MEM_RESERVED) {
		log_guest("d%u: touched %#lx in a %s range: %s", d->id, a.v, memmap_type_name(type),
			  rc ? "refused, too many such pages" : "page mapped");
	}
	return rc;
}

/* An access that begins in no trapped range, or leaves it: PERFORM, REJECT, or DONE: take it apart. */
static enum verdict classify(struct domain *d, gpa_t a, unsigned len)
{
	gpa_t last = gpa(a.v + len - 1);
	const struct mem_range *first_range = memmap_find(&d->memmap, a);
	const struct mem_range *last_range = last.v < a.v ? NULL : memmap_find(&d->memmap, last);
	const struct mem_range *bad;

	if (trapped(first_range) || trapped(last_range)) {
		return VERDICT_DONE;
	}
	bad = refused(d, first_range, a) ? first_range : last_range;
	if (refused(d, first_range, a) || refused(d, last_range, last)) {
		log_guest("d%u: refused an access of %u bytes to %#lx (%s)", d->id, len, a.v,
			  bad ? memmap_type_name(bad->type) : "beyond the address space");
		return VERDICT_REJECT;
	}
	if (page_give(d, a) || (a.v / PAGE_SIZE != last.v / PAGE_SIZE && page_give(d, last))) {
		return VERDICT_REJECT;
	}
	return VERDICT_PERFORM;
}

static void log_cut(const struct domain *d, gpa_t a)
{
	log_guest("d%u: %#lx: byte beside a trapped page reads ones, writes are dropped", d->id,
		  a.v);
}

/* Look the range up and leave its index for the next access to the page. */
static COLD const struct mem_range *range_search(struct domain *d, gpa_t a, uint32_t *hint)
{
	const struct mem_range *r = memmap_find(&d->memmap, a);

	if (r) {
		__atomic_store_n(hint, (uint32_t)(r - d->memmap.range), __ATOMIC_RELAXED);
	}
	return r;
}

/*
 * The range that holds `a`: mostly where an access to the same page found it.
 * A hint is as good as any number, so changes of the map need not touch it.
 */
static inline const struct mem_range *range_of(struct domain *d, gpa_t a)
{
	uint32_t *hint = &d->mmio_hint[(a.v >> PAGE_SHIFT ^ a.v / MIB) % IOREQ_HINTS];
	uint32_t i = __atomic_load_n(hint, __ATOMIC_RELAXED);
	const struct mem_range *r = &d->memmap.range[i];

	if (i < d->memmap.count && r->start.v <= a.v && a.v < r->end.v) {
		return r;
	}
	return range_search(d, a, hint);
}

static COLD enum verdict read_elsewhere(struct domain *d, gpa_t a, unsigned len, uint64_t *value)
{
	enum verdict verdict;

	*value = ones(len);
	verdict = classify(d, a, len);
	for (unsigned i = 0; verdict == VERDICT_DONE && i < len; i++) {
		gpa_t at = gpa(a.v + i);
		const struct mem_range *r = memmap_find(&d->memmap, at);

		if (trapped(r)) {
			uint64_t byte = r->ops->read(r->ctx, at.v - r->claim.v, 1) & 0xff;

			*value &= ~(0xffull << (8 * i));
			*value |= byte << (8 * i);
		} else {
			log_cut(d, at);
		}
	}
	return verdict;
}

enum verdict ioreq_mmio_read(struct domain *d, gpa_t a, unsigned len, uint64_t *value)
{
	const struct mem_range *r = range_of(d, a);

	if (trapped(r) && len <= r->end.v - a.v) {
		*value = r->ops->read(r->ctx, a.v - r->claim.v, len);
		return VERDICT_DONE;
	}
	return read_elsewhere(d, a, len, value);
}

static COLD enum verdict write_elsewhere(struct domain *d, gpa_t a, unsigned len, uint64_t value)
{
	enum verdict verdict = classify(d, a, len);

	for (unsigned i = 0; verdict == VERDICT_DONE && i < len; i++) {
		gpa_t at = gpa(a.v + i);
		const struct mem_range *r = memmap_find(&d->memmap, at);

		if (trapped(r)) {
			r->ops->write(r->ctx, at.v - r->claim.v, 1, (value >> (8 * i)) & 0xff);
		} else {
			log_cut(d, at);
		}
	}
	return verdict;
}

enum verdict ioreq_mmio_write(struct domain *d, gpa_t a, unsigned len, uint64_t value)
{
	const struct mem_range *r = range_of(d, a);

	if (trapped(r) && len <= r->end.v - a.v) {
		r->ops->write(r->ctx, a.v - r->claim.v, len, value);
		return VERDICT_DONE;
	}
	return write_elsewhere(d, a, len, value);
}
