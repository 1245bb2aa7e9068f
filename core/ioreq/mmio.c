/* SPDX-License-Identifier: MIT */
/*
 * Who answers an access to memory that is not mapped. The memmap knows: a
 * trapped page has its handler, a hole or reserved page becomes the hardware
 * domain's at its first touch, and what is ours or nobody's reads all ones as
 * a master abort does (PCIe 6.0 2.3.2).
 *
 * The common case, an access inside one trapped range, is one look-up and one
 * call. No lock is taken for it: what is read of the range is believed when
 * the map has not changed meanwhile. Another processor may release the claim
 * before the handler is called, as on a machine an access may be under way
 * when a BAR moves: handlers bear that (doc/locking.md).
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

/* What kind of memory refuses the access altogether. */
static bool refused(const struct domain *d, unsigned type, gpa_t a)
{
	switch (type) {
	case MEM_TYPE_COUNT: /* beyond the address space */
		return true;
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

/* Who answers at an address, and how far. */
struct handler {
	const struct mmio_ops *ops;
	void *ctx;
	uint64_t offset; /* in its claim */
	uint64_t room;   /* to the end of its range */
};

static inline void handler_take(struct handler *h, const struct mem_range *r, gpa_t a)
{
	h->ops = r->ops;
	h->ctx = r->ctx;
	h->offset = a.v - r->claim.v;
	h->room = r->end.v - a.v;
}

/* Where the index of the range is kept, for the next access to the page. */
static inline uint32_t *hint_of(struct domain *d, gpa_t a)
{
	return &d->mmio_hint[(a.v >> PAGE_SHIFT ^ a.v / MIB) % IOREQ_HINTS];
}

/*
 * The handler of trapped memory at `a`, where an access to the same page found
 * it. A hint is as good as any number, so changes of the map need not touch it.
 * False: not there, or the map is just changing.
 */
static inline bool handler_hinted(struct domain *d, gpa_t a, struct handler *h)
{
	const struct memmap *m = &d->memmap;
	uint64_t generation = __atomic_load_n(&m->generation, __ATOMIC_ACQUIRE);
	uint32_t i = __atomic_load_n(hint_of(d, a), __ATOMIC_RELAXED);
	const struct mem_range *r = &m->range[i];

	if (i >= m->count || a.v < r->start.v || a.v >= r->end.v || r->type != MEM_TRAP) {
		return false;
	}
	handler_take(h, r, a);
	return !(generation & 1) && memmap_unchanged(m, generation);
}

/* The range at `a` (past the end: of type MEM_TYPE_COUNT), by a look-up that leaves a hint. */
static void range_find(struct domain *d, gpa_t a, struct mem_range *out)
{
	const struct memmap *m = &d->memmap;
	const struct mem_range *r;
	uint64_t generation;

	do {
		generation = memmap_read_begin(m);
		r = memmap_find(m, a);
		*out = r ? *r : (struct mem_range){.start = a, .end = a, .type = MEM_TYPE_COUNT};
	} while (!memmap_unchanged(m, generation));
	if (r) {
		__atomic_store_n(hint_of(d, a), (uint32_t)(r - m->range), __ATOMIC_RELAXED);
	}
}

static bool handler_find(struct domain *d, gpa_t a, struct handler *h)
{
	struct mem_range r;

	range_find(d, a, &r);
	handler_take(h, &r, a);
	return r.type == MEM_TRAP;
}

/* Does the range hold all of the access? */
static bool holds(const struct mem_range *r, gpa_t a, unsigned len)
{
	return len <= r->end.v - a.v;
}

/*
 * An access that begins in `first`, which is not trapped or is left by the
 * access: PERFORM, REJECT, or DONE: take it apart.
 */
static enum verdict classify(struct domain *d, gpa_t a, unsigned len, const struct mem_range *first)
{
	struct mem_range last = *first;
	gpa_t end = gpa(a.v + len - 1);
	const struct mem_range *bad;

	if (!holds(first, a, len)) {
		range_find(d, end.v < a.v ? gpa(UINT64_MAX) : end, &last);
	}
	if (first->type == MEM_TRAP || last.type == MEM_TRAP) {
		return VERDICT_DONE;
	}
	bad = refused(d, first->type, a) ? first : &last;
	if (refused(d, bad->type, bad == first ? a : end)) {
		log_guest("d%u: refused an access of %u bytes to %#lx (%s)", d->id, len, a.v,
			  bad->type < MEM_TYPE_COUNT ? memmap_type_name(bad->type)
						     : "beyond the address space");
		return VERDICT_REJECT;
	}
	if (page_give(d, a) || (a.v / PAGE_SIZE != end.v / PAGE_SIZE && page_give(d, end))) {
		return VERDICT_REJECT;
	}
	return VERDICT_PERFORM;
}

static void log_cut(const struct domain *d, gpa_t a)
{
	log_guest("d%u: %#lx: byte beside a trapped page reads ones, writes are dropped", d->id,
		  a.v);
}

static COLD enum verdict read_elsewhere(struct domain *d, gpa_t a, unsigned len, uint64_t *value)
{
	enum verdict verdict;
	struct mem_range r;
	struct handler h;

	range_find(d, a, &r);
	if (r.type == MEM_TRAP && holds(&r, a, len)) {
		handler_take(&h, &r, a);
		*value = h.ops->read(h.ctx, h.offset, len);
		return VERDICT_DONE;
	}
	*value = ones(len);
	verdict = classify(d, a, len, &r);
	for (unsigned i = 0; verdict == VERDICT_DONE && i < len; i++) {
		gpa_t at = gpa(a.v + i);

		if (handler_find(d, at, &h)) {
			uint64_t byte = h.ops->read(h.ctx, h.offset, 1) & 0xff;

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
	struct handler h;

	if (handler_hinted(d, a, &h) && len <= h.room) {
		*value = h.ops->read(h.ctx, h.offset, len);
		return VERDICT_DONE;
	}
	return read_elsewhere(d, a, len, value);
}

static COLD enum verdict write_elsewhere(struct domain *d, gpa_t a, unsigned len, uint64_t value)
{
	enum verdict verdict;
	struct mem_range r;
	struct handler h;

	range_find(d, a, &r);
	if (r.type == MEM_TRAP && holds(&r, a, len)) {
		handler_take(&h, &r, a);
		h.ops->write(h.ctx, h.offset, len, value);
		return VERDICT_DONE;
	}
	verdict = classify(d, a, len, &r);
	for (unsigned i = 0; verdict == VERDICT_DONE && i < len; i++) {
		gpa_t at = gpa(a.v + i);

		if (handler_find(d, at, &h)) {
			h.ops->write(h.ctx, h.offset, 1, (value >> (8 * i)) & 0xff);
		} else {
			log_cut(d, at);
		}
	}
	return verdict;
}

enum verdict ioreq_mmio_write(struct domain *d, gpa_t a, unsigned len, uint64_t value)
{
	struct handler h;

	if (handler_hinted(d, a, &h) && len <= h.room) {
		h.ops->write(h.ctx, h.offset, len, value);
		return VERDICT_DONE;
	}
	return write_elsewhere(d, a, len, value);
}
