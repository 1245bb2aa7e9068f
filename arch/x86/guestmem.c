// SPDX-License-Identifier: MIT
/*
 * Reading and writing a domain's memory from the hypervisor. Every address
 * comes from the guest: only what the memmap says is the domain's RAM is
 * touched, a page at a time.
 */
#include <taproot/arch.h>
#include <taproot/string.h>
#include "hvm.h"

void *hvm_guest_ram(struct domain *d, gpa_t a)
{
	struct domain_arch *x = d->arch;
	const struct mem_range *r;

	/* Identity (hardware domain): the frame of a guest address is the address. */
	if (a.v - x->ram.start < x->ram.end - x->ram.start &&
	    x->ram.generation == d->memmap.generation) {
		return arch_hpa_to_va(hpa(a.v));
	}
	r = memmap_find(&d->memmap, a);
	if (!r || r->type != MEM_RAM) {
		return NULL;
	}
	x->ram.start = r->start.v;
	x->ram.end = r->end.v;
	x->ram.generation = d->memmap.generation;
	return arch_hpa_to_va(hpa(a.v));
}

static const void *ram_of(void *ctx, gpa_t a)
{
	return hvm_guest_ram(ctx, a);
}

bool hvm_translate(struct vcpu *v, uint64_t linear, gpa_t *out)
{
	struct walk_trail trail;
	struct walk_state s;

	hvm->paging(v, &s);
	return walk_translate(&s, linear, ram_of, v->domain, &trail, out);
}

/* The bits of the control registers that choose a paging mode, none in another's place. */
static uint64_t paging_mode(const struct walk_state *s)
{
	return (s->cr0 & 1ull << 31) | (s->cr4 & (1u << 4 | 1u << 5 | 1u << 12)) |
	       (s->efer & 1u << 10);
}

/* The page of code at `linear`, by the last trail when it still holds; NULL: not readable. */
static const uint8_t *code_page(struct vcpu *v, uint64_t linear)
{
	struct hvm_code *c = &v->arch->code;
	uint64_t page = linear & PAGE_MASK;
	struct walk_state s;
	gpa_t a;

	hvm->paging(v, &s);
	if (c->page == page && c->cr3 == s.cr3 && c->mode == paging_mode(&s) &&
	    c->generation == v->domain->memmap.generation && walk_trail_holds(&c->trail)) {
		return c->ram;
	}
	if (!walk_translate(&s, page, ram_of, v->domain, &c->trail, &a)) {
		c->trail.count = 0;
		return NULL;
	}
	c->page = page;
	c->cr3 = s.cr3;
	c->mode = paging_mode(&s);
	c->generation = v->domain->memmap.generation;
	c->ram = hvm_guest_ram(v->domain, a);
	return c->ram;
}

unsigned hvm_fetch(struct vcpu *v, uint64_t linear, uint8_t *buf, unsigned length)
{
	unsigned done = 0;

	while (done < length) {
		unsigned offset = (unsigned)(linear + done) & 0xfff;
		unsigned n = MIN(length - done, (unsigned)PAGE_SIZE - offset);
		const uint8_t *p = code_page(v, linear + done);

		if (!p) {
			break;
		}
		memcpy(buf + done, p + offset, n);
		done += n;
	}
	return done;
}

unsigned hvm_fetch_insn(struct vcpu *v, uint8_t buf[HVM_FETCH])
{
	uint64_t rip = v->arch->rip;
	uint64_t linear = hvm->code_linear(v, rip);
	const uint8_t *p;

	if ((linear & 0xfff) > PAGE_SIZE - HVM_FETCH) {
		return hvm_fetch(v, linear, buf, HVM_FETCH);
	}
	p = code_page(v, linear);
	if (!p) {
		return 0;
	}
	__builtin_memcpy(buf, p + (linear & 0xfff), HVM_FETCH);
	return HVM_FETCH;
}
