// SPDX-License-Identifier: MIT
/*
 * Reading and writing a domain's memory from the hypervisor. Every address
 * comes from the guest: only what the memmap says is the domain's RAM is
 * touched, a page at a time.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/string.h>
#include "hvm.h"

void *hvm_guest_ram(struct vcpu *v, gpa_t a)
{
	const struct memmap *m = &v->domain->memmap;
	uint64_t generation = memmap_read_begin(m);
	struct hvm_ram *x = &v->arch->ram;
	struct mem_range r;

	if (m->absent_pages && memmap_is_absent(m, a)) {
		return NULL;
	}
	/* Identity (hardware domain): the frame of a guest address is the address. */
	if (a.v - x->start < x->end - x->start && x->generation == generation) {
		return arch_hpa_to_va(hpa(a.v));
	}
	if (!memmap_lookup(m, a, &r) || r.type != MEM_RAM) {
		return NULL;
	}
	/* When the map changed since `generation` this is of no use, and does no harm. */
	*x = (struct hvm_ram){r.start.v, r.end.v, generation};
	return arch_hpa_to_va(hpa(a.v));
}

void *arch_guest_ram(struct domain *d, gpa_t a)
{
	struct mem_range r;

	if (!memmap_lookup(&d->memmap, a, &r) || r.type != MEM_RAM ||
	    memmap_is_absent(&d->memmap, a)) {
		return NULL;
	}
	return arch_hpa_to_va(hpa(a.v));
}

static void *ram_of(void *ctx, gpa_t a)
{
	return hvm_guest_ram(ctx, a);
}

uint64_t hvm_code_linear(const struct vcpu *v)
{
	struct hvm_fetch f;

	hvm->fetch_state(v, &f);
	return f.linear;
}

bool hvm_translate(struct vcpu *v, uint64_t linear, gpa_t *out)
{
	struct walk_trail trail;
	struct walk_state s;

	hvm->paging(v, &s);
	return walk_translate(&s, linear, ram_of, v, &trail, out);
}

/* ---- copies for hypercalls ---- */

/*
 * Host address of the guest's `linear` for an access of ours, and in `n` how much
 * of `len` lies in that page. NULL: the guest could not do it itself.
 */
static uint8_t *linear_ram(struct vcpu *v, uint64_t linear, bool write, size_t len, size_t *n)
{
	struct walk_request req = {.write = write, .user_denied = hvm->smap_denies(v)};
	struct walk_state s;
	gpa_t a;

	hvm->paging(v, &s);
	if (!walk_access(&s, &req, linear, ram_of, v, &a)) {
		return NULL;
	}
	*n = MIN(len, (size_t)(PAGE_SIZE - (linear & (PAGE_SIZE - 1))));
	return hvm_guest_ram(v, a);
}

int arch_copy_from_guest(struct vcpu *v, void *to, uint64_t linear, size_t len)
{
	uint8_t *t = to;

	while (len) {
		size_t n;
		const uint8_t *p = linear_ram(v, linear, false, len, &n);

		if (!p) {
			return -EFAULT;
		}
		memcpy(t, p, n);
		t += n;
		linear += n;
		len -= n;
	}
	return 0;
}

int arch_copy_to_guest(struct vcpu *v, uint64_t linear, const void *from, size_t len)
{
	const uint8_t *f = from;

	while (len) {
		size_t n;
		uint8_t *p = linear_ram(v, linear, true, len, &n);

		if (!p) {
			return -EFAULT;
		}
		memcpy(p, f, n);
		f += n;
		linear += n;
		len -= n;
	}
	return 0;
}

static inline bool same_paging(const struct walk_state *a, const struct walk_state *b)
{
	return !((a->cr0 ^ b->cr0) | (a->cr3 ^ b->cr3) | (a->cr4 ^ b->cr4) | (a->efer ^ b->efer));
}

static COLD const uint8_t *code_walk(struct vcpu *v, const struct walk_state *s, uint64_t page)
{
	struct hvm_code *c = &v->arch->code;
	uint64_t generation = memmap_read_begin(&v->domain->memmap);
	gpa_t a;

	if (!walk_translate(s, page, ram_of, v, &c->trail, &a)) {
		c->trail.count = 0;
		return NULL;
	}
	c->page = page;
	c->paging = *s;
	c->generation = generation;
	c->ram = hvm_guest_ram(v, a);
	return c->ram;
}

/* The page of code that holds `linear`, by the last trail when it still holds; NULL: not readable. */
static inline const uint8_t *code_page(struct vcpu *v, const struct walk_state *s, uint64_t linear)
{
	struct hvm_code *c = &v->arch->code;
	uint64_t page = linear & PAGE_MASK;

	if (c->page == page && memmap_unchanged(&v->domain->memmap, c->generation) &&
	    same_paging(&c->paging, s) && walk_trail_holds(&c->trail)) {
		return c->ram;
	}
	return code_walk(v, s, page);
}

/* The bytes may go on in the next page. */
static COLD unsigned fetch_crossing(struct vcpu *v, const struct hvm_fetch *f,
				    uint8_t buf[HVM_FETCH])
{
	unsigned done = 0;

	while (done < HVM_FETCH) {
		unsigned offset = (unsigned)(f->linear + done) & 0xfff;
		unsigned n = MIN(HVM_FETCH - done, (unsigned)PAGE_SIZE - offset);
		const uint8_t *p = code_page(v, &f->paging, f->linear + done);

		if (!p) {
			break;
		}
		memcpy(buf + done, p + offset, n);
		done += n;
	}
	return done;
}

unsigned hvm_fetch_insn(struct vcpu *v, uint8_t buf[HVM_FETCH], unsigned *mode)
{
	struct hvm_fetch f;
	const uint8_t *p;

	hvm->fetch_state(v, &f);
	*mode = f.mode;
	if ((f.linear & 0xfff) > PAGE_SIZE - HVM_FETCH) {
		return fetch_crossing(v, &f, buf);
	}
	p = code_page(v, &f.paging, f.linear);
	if (!p) {
		return 0;
	}
	__builtin_memcpy(buf, p + (f.linear & 0xfff), HVM_FETCH);
	return HVM_FETCH;
}
