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
	const struct mem_range *r = memmap_find(&d->memmap, a);

	/* Identity (hardware domain): the frame of a guest address is the address. */
	return r && r->type == MEM_RAM ? arch_hpa_to_va(hpa(a.v)) : NULL;
}

static const void *ram_of(void *ctx, gpa_t a)
{
	return hvm_guest_ram(ctx, a);
}

bool hvm_translate(struct vcpu *v, uint64_t linear, gpa_t *out)
{
	struct walk_state s;

	hvm->paging(v, &s);
	return walk_translate(&s, linear, ram_of, v->domain, out);
}

unsigned hvm_fetch(struct vcpu *v, uint64_t linear, uint8_t *buf, unsigned length)
{
	unsigned done = 0;

	while (done < length) {
		unsigned n = MIN(length - done, (unsigned)(PAGE_SIZE - ((linear + done) & 0xfff)));
		const void *p;
		gpa_t a;

		if (!hvm_translate(v, linear + done, &a)) {
			break;
		}
		p = hvm_guest_ram(v->domain, a);
		if (!p) {
			break;
		}
		memcpy(buf + done, p, n);
		done += n;
	}
	return done;
}
