/* SPDX-License-Identifier: MIT */
/*
 * From BARs that decode to claims in the memmap. A BAR is one claim of direct
 * device memory, cut around the pages of its MSI-X table and pending bits,
 * which are trapped. All that one access changes is one transaction, so a
 * moved BAR is never in two places or in none.
 *
 * BARs below 4 KiB (PCI 3.0 6.2.5.1 allows 16 bytes) may share a page: the
 * page is claimed once, as trapped when one of them has a table in it.
 *
 * A BAR that cannot be had (RAM, memory of ours, another claim) is logged, kept
 * in a list, and tried again when claims are released. The cost of an access
 * does not depend on how many functions there are.
 */
#include <taproot/errno.h>
#include <taproot/log.h>

#include "pci_internal.h"

/* Pending BARs tried again after one access. */
#define MAP_RETRIES 16u

/* A stretch of a BAR: direct, or trapped for a region. */
struct piece {
	uint64_t start;
	uint64_t size;
	struct msix_region *region;
};
/* Two regions cut a BAR into five at most. */
#define PIECES_MAX 5u

static bool bar_is_small(const struct pci_bar *b)
{
	return b->size < PAGE_SIZE;
}

static uint64_t bar_page(const struct pci_bar *b)
{
	return b->at & PAGE_MASK;
}

static struct pci_bar **page_bucket(struct pci_root *root, uint64_t page)
{
	return &root->page_bucket[(page >> PAGE_SHIFT) % PCI_PAGE_BUCKETS];
}

/* A small BAR of the list that is mapped in `page`; NULL: none. */
static struct pci_bar *page_find(struct pci_root *root, uint64_t page)
{
	struct pci_bar *b = *page_bucket(root, page);

	while (b && bar_page(b) != page) {
		b = b->page_next;
	}
	return b;
}

static struct msix_region *bar_region(const struct pci_bar *b, unsigned i)
{
	struct msix_region *r = &b->function->msix.region[i];

	return r->pages && r->bar == b->index ? r : NULL;
}

/* ---- steps ---- */

static void step_add(struct pci_root *root, const struct memmap_step *step)
{
	ASSERT(root->step_count < PCI_STEPS_MAX);
	root->step[root->step_count++] = *step;
}

static void step_claim(struct pci_root *root, sbdf_t owner, const struct piece *p)
{
	step_add(root, &(struct memmap_step){
			       .kind = MEMMAP_CLAIM,
			       .type = p->region ? MEM_TRAP : MEM_MMIO,
			       .start = gpa(p->start),
			       .size = p->size,
			       .owner = owner,
			       .ops = p->region ? &msix_table_ops : NULL,
			       .ctx = p->region,
		       });
}

static void step_release(struct pci_root *root, sbdf_t owner, const struct piece *p)
{
	step_add(root, &(struct memmap_step){
			       .kind = MEMMAP_RELEASE,
			       .start = gpa(p->start),
			       .size = p->size,
			       .owner = owner,
		       });
}

/* Cut a BAR of whole pages around its trapped regions. */
static unsigned bar_pieces(const struct pci_bar *b, struct piece *out)
{
	struct msix_region *first = bar_region(b, 0);
	struct msix_region *second = bar_region(b, 1);
	uint64_t at = b->at;
	unsigned n = 0;

	if (!first || (second && second->first < first->first)) {
		struct msix_region *swap = first;

		first = second;
		second = swap;
	}
	for (struct msix_region *r = first; r; r = r == first ? second : NULL) {
		uint64_t start = b->at + r->first;

		if (start > at) {
			out[n++] = (struct piece){at, start - at, NULL};
		}
		out[n++] = (struct piece){start, r->pages * PAGE_SIZE, r};
		at = start + r->pages * PAGE_SIZE;
	}
	if (at < b->at + b->size) {
		out[n++] = (struct piece){at, b->at + b->size - at, NULL};
	}
	return n;
}

/* The steps that map `b` at b->at. -EBUSY: its page has another table in it. */
static int bar_claim_steps(struct pci_root *root, struct pci_bar *b)
{
	struct piece p[PIECES_MAX];
	struct msix_region *own = bar_region(b, 0) ? bar_region(b, 0) : bar_region(b, 1);
	sbdf_t owner = b->function->sbdf;

	if (bar_is_small(b)) {
		struct pci_bar *other = page_find(root, bar_page(b));

		p[0] = (struct piece){bar_page(b), PAGE_SIZE, own};
		if (other && own && other->page_trap) {
			return -EBUSY;
		}
		if (other && own) {
			step_release(root, other->page_owner, &p[0]);
		}
		if (!other || own) {
			step_claim(root, owner, &p[0]);
		}
		return 0;
	}
	for (unsigned i = 0, n = bar_pieces(b, p); i < n; i++) {
		step_claim(root, owner, &p[i]);
	}
	return 0;
}

/* Tell every BAR in `page` whose claim it is. */
static void page_set(struct pci_root *root, uint64_t page, sbdf_t owner, struct msix_region *trap)
{
	for (struct pci_bar *b = *page_bucket(root, page); b; b = b->page_next) {
		if (bar_page(b) == page) {
			b->page_owner = owner;
			b->page_trap = trap;
		}
	}
}

/* The steps of bar_claim_steps() were accepted: the books of it. */
static void bar_claimed(struct pci_root *root, struct pci_bar *b)
{
	struct msix_region *own = bar_region(b, 0) ? bar_region(b, 0) : bar_region(b, 1);

	b->state = BAR_MAPPED;
	b->complained = false;
	root->mapped_count++;
	if (bar_is_small(b)) {
		struct pci_bar **bucket = page_bucket(root, bar_page(b));
		struct pci_bar *other = page_find(root, bar_page(b));
		bool keep = other && !own;
		sbdf_t owner = keep ? other->page_owner : b->function->sbdf;
		struct msix_region *trap = keep ? other->page_trap : own;

		b->page_next = *bucket;
		*bucket = b;
		page_set(root, bar_page(b), owner, trap);
	}
}

/* A small BAR leaves its page; the others there keep it. */
static void page_leave(struct pci_root *root, struct pci_bar *b)
{
	struct piece p = {bar_page(b), PAGE_SIZE, NULL};
	struct pci_bar **link = page_bucket(root, p.start);
	struct pci_bar *other;

	while (*link != b) {
		link = &(*link)->page_next;
	}
	*link = b->page_next;
	other = page_find(root, p.start);
	if (!other) {
		step_release(root, b->page_owner, &p);
	} else if (b->page_trap && b->page_trap->function == b->function &&
		   b->page_trap->bar == b->index) {
		step_release(root, b->page_owner, &p);
		step_claim(root, other->function->sbdf, &p);
		page_set(root, p.start, other->function->sbdf, NULL);
	}
}

static void bar_release_steps(struct pci_root *root, struct pci_bar *b)
{
	struct piece p[PIECES_MAX];

	if (bar_is_small(b)) {
		page_leave(root, b);
	} else {
		for (unsigned i = 0, n = bar_pieces(b, p); i < n; i++) {
			step_release(root, b->function->sbdf, &p[i]);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		if (bar_region(b, i)) {
			msix_region_unmap(bar_region(b, i));
		}
	}
	root->mapped_count--;
}

/* ---- pending BARs ---- */

static void pending_remove(struct pci_root *root, struct pci_bar *b)
{
	*(b->pending_prev ? &b->pending_prev->pending_next : &root->pending_first) =
		b->pending_next;
	*(b->pending_next ? &b->pending_next->pending_prev : &root->pending_last) = b->pending_prev;
	b->pending_next = NULL;
	b->pending_prev = NULL;
	root->pending_count--;
}

static void pending_append(struct pci_root *root, struct pci_bar *b)
{
	b->pending_prev = root->pending_last;
	b->pending_next = NULL;
	*(root->pending_last ? &root->pending_last->pending_next : &root->pending_first) = b;
	root->pending_last = b;
	root->pending_count++;
	b->state = BAR_PENDING;
}

static void bar_complain(struct pci_bar *b, int rc, const struct mem_range *met)
{
	uint64_t end = b->at + b->size;

	if (b->complained || b->at == 0) {
		return;
	}
	b->complained = true;
	if (rc != -EBUSY) {
		log_guest("pci: " SBDF_FMT ": BAR %u [%#lx, %#lx) not mapped: %s",
			  SBDF_ARGS(b->function->sbdf), b->index, b->at, end,
			  rc == -ENOSPC ? "too many ranges" : "outside the address space");
	} else if (met->owner.v != SBDF_NONE.v) {
		log_guest("pci: " SBDF_FMT ": BAR %u [%#lx, %#lx) not mapped: meets " SBDF_FMT
			  " at [%#lx, %#lx)",
			  SBDF_ARGS(b->function->sbdf), b->index, b->at, end, SBDF_ARGS(met->owner),
			  met->start.v, met->end.v);
	} else {
		log_guest("pci: " SBDF_FMT ": BAR %u [%#lx, %#lx) not mapped: meets %s at "
			  "[%#lx, %#lx)",
			  SBDF_ARGS(b->function->sbdf), b->index, b->at, end,
			  memmap_type_name(met->type), met->start.v, met->end.v);
	}
}

/* ---- transactions ---- */

/* Add the claims of `b` at b->at if, after the steps so far, they can be had. */
static int bar_try(struct pci_root *root, struct pci_bar *b)
{
	unsigned before = root->step_count;
	struct mem_range met = {.owner = SBDF_NONE, .type = MEM_TRAP};
	int rc;

	if (b->at + b->size < b->at) {
		rc = -EINVAL;
	} else {
		rc = bar_claim_steps(root, b);
		if (rc == 0) {
			rc = memmap_check(&root->domain->memmap, root->step, root->step_count,
					  &met);
		}
	}
	if (rc) {
		root->step_count = before;
		bar_complain(b, rc, &met);
		return rc;
	}
	bar_claimed(root, b);
	return 0;
}

/* The claims are committed: point the windows of the trapped regions there. */
static void bar_show_regions(struct pci_bar *b)
{
	for (unsigned i = 0; i < 2; i++) {
		struct msix_region *r = bar_region(b, i);

		if (r && b->state == BAR_MAPPED && !r->mapped) {
			msix_region_map(r, bar_is_small(b) ? bar_page(b) : b->at + r->first, b->at);
		}
	}
}

void map_show_regions(struct pci_function *f)
{
	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		if (f->bar[i].state == BAR_MAPPED) {
			bar_show_regions(&f->bar[i]);
		}
	}
}

static void bar_refuse_regions(struct pci_bar *b)
{
	for (unsigned i = 0; i < 2; i++) {
		if (bar_region(b, i)) {
			msix_region_refused(bar_region(b, i));
		}
	}
}

static void map_commit(struct pci_root *root)
{
	if (root->step_count) {
		memmap_commit(&root->domain->memmap, root->step, root->step_count);
		root->step_count = 0;
	}
}

/* Something was released: BARs in its way may fit now. Oldest first; what fails goes last. */
static void map_retry(struct pci_root *root)
{
	unsigned tries = MIN(root->pending_count, MAP_RETRIES);

	while (tries--) {
		struct pci_bar *b = root->pending_first;

		pending_remove(root, b);
		if (bar_try(root, b)) {
			pending_append(root, b);
			continue;
		}
		map_commit(root);
		bar_show_regions(b);
		log_guest("pci: " SBDF_FMT ": BAR %u mapped at %#lx after all",
			  SBDF_ARGS(b->function->sbdf), b->index, b->at);
	}
}

/* Take the BAR out of where it is. True: claims are released by that. */
static bool bar_leave(struct pci_root *root, struct pci_bar *b)
{
	uint8_t state = b->state;

	b->state = BAR_OFF;
	if (state == BAR_PENDING) {
		pending_remove(root, b);
	} else if (state == BAR_MAPPED) {
		bar_release_steps(root, b);
	}
	return state == BAR_MAPPED;
}

void map_apply(struct pci_function *f, struct pci_effects *e)
{
	struct pci_root *root = f->root;
	bool released = false;

	lock_acquire(&root->domain->mem_lock);
	for (unsigned i = 0; i < e->count; i++) {
		if (e->effect[i].kind == PCI_EFFECT_UNMAP || e->effect[i].kind == PCI_EFFECT_MAP) {
			released |= bar_leave(root, &f->bar[e->effect[i].bar]);
		}
	}
	for (unsigned i = 0; i < e->count; i++) {
		struct pci_bar *b = &f->bar[e->effect[i].bar];

		if (e->effect[i].kind != PCI_EFFECT_MAP) {
			continue;
		}
		if (b->at != e->effect[i].address) {
			b->at = e->effect[i].address;
			b->complained = false;
		}
		e->effect[i].result = PCI_RESULT_MAPPED;
		if (bar_try(root, b)) {
			pending_append(root, b);
			bar_refuse_regions(b);
			e->effect[i].result = PCI_RESULT_PENDING;
		}
	}
	map_commit(root);
	for (unsigned i = 0; i < e->count; i++) {
		if (e->effect[i].kind == PCI_EFFECT_MAP) {
			bar_show_regions(&f->bar[e->effect[i].bar]);
		}
	}
	if (released && root->pending_first) {
		map_retry(root);
	}
	lock_release(&root->domain->mem_lock);
}
