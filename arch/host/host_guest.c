/* SPDX-License-Identifier: MIT */
/*
 * Hosted guest memory: copies by linear address, RAM by guest physical
 * address, TSC offsets. See host_guest.h.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/panic.h>
#include <taproot/string.h>

#include "host.h"
#include "host_guest.h"

static struct guest {
	struct {
		uint64_t start, size;
		uint8_t *buffer;
	} ram[HOST_GUEST_STRETCHES];
	unsigned ram_count;
	struct {
		uint64_t start, size;
		enum host_guest_access access;
	} trap[HOST_GUEST_TRAPS];
	unsigned trap_count;
	uint64_t tsc_offset[DOMAIN_VCPUS_MAX];
} guests[HOST_DOMAINS_MAX];

unsigned host_flush_count;
void (*host_guest_fault)(struct vcpu *v, uint64_t linear);

static struct guest *guest_of(const struct domain *d)
{
	ASSERT(d->id < HOST_DOMAINS_MAX);
	return &guests[d->id];
}

void host_guest_reset(void)
{
	memset(guests, 0, sizeof(guests));
	host_flush_count = 0;
	host_guest_fault = NULL;
}

bool host_guest_add_ram(struct domain *d, uint64_t start, void *buffer, size_t size)
{
	struct guest *g = guest_of(d);

	if (g->ram_count == HOST_GUEST_STRETCHES || start % PAGE_SIZE || size % PAGE_SIZE ||
	    size == 0 || memmap_set_base(&d->memmap, gpa(start), gpa(start + size), MEM_RAM)) {
		return false;
	}
	g->ram[g->ram_count].start = start;
	g->ram[g->ram_count].size = size;
	g->ram[g->ram_count++].buffer = buffer;
	return true;
}

void host_guest_set_access(struct domain *d, uint64_t start, uint64_t size,
			   enum host_guest_access access)
{
	struct guest *g = guest_of(d);

	ASSERT(g->trap_count < HOST_GUEST_TRAPS);
	g->trap[g->trap_count].start = start;
	g->trap[g->trap_count].size = size;
	g->trap[g->trap_count++].access = access;
}

void *arch_guest_ram(struct domain *d, gpa_t a)
{
	struct mem_range r;
	struct guest *g = guest_of(d);

	if (!memmap_lookup(&d->memmap, a, &r) || r.type != MEM_RAM ||
	    memmap_is_absent(&d->memmap, a)) {
		return NULL;
	}
	for (unsigned i = 0; i < g->ram_count; i++) {
		if (a.v - g->ram[i].start < g->ram[i].size) {
			return g->ram[i].buffer + (a.v - g->ram[i].start);
		}
	}
	return NULL;
}

/* The last word about a page counts. */
static enum host_guest_access access_at(const struct guest *g, uint64_t linear)
{
	uint64_t page = linear & PAGE_MASK;
	enum host_guest_access access = HOST_GUEST_ALL;

	for (unsigned i = 0; i < g->trap_count; i++) {
		if (page - (g->trap[i].start & PAGE_MASK) <
		    ALIGN_UP(g->trap[i].size + g->trap[i].start % PAGE_SIZE, PAGE_SIZE)) {
			access = g->trap[i].access;
		}
	}
	return access;
}

/* Host address of `linear` and, in `len`, how much of it lies in that page; NULL: no such access. */
static uint8_t *page_of(struct vcpu *v, uint64_t linear, enum host_guest_access wanted, size_t *len)
{
	if (access_at(guest_of(v->domain), linear) < wanted) {
		return NULL;
	}
	*len = MIN(*len, (size_t)(PAGE_SIZE - linear % PAGE_SIZE));
	return arch_guest_ram(v->domain, gpa(linear));
}

static int fault(struct vcpu *v, uint64_t linear)
{
	if (host_guest_fault) {
		host_guest_fault(v, linear);
	}
	return -EFAULT;
}

int arch_copy_from_guest(struct vcpu *v, void *to, uint64_t linear, size_t len)
{
	for (uint8_t *t = to; len;) {
		size_t n = len;
		const uint8_t *p = page_of(v, linear, HOST_GUEST_READ_ONLY, &n);

		if (!p) {
			return fault(v, linear);
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
	for (const uint8_t *f = from; len;) {
		size_t n = len;
		uint8_t *p = page_of(v, linear, HOST_GUEST_ALL, &n);

		if (!p) {
			return fault(v, linear);
		}
		memcpy(p, f, n);
		f += n;
		linear += n;
		len -= n;
	}
	return 0;
}

void arch_domain_flush(struct domain *d)
{
	(void)d;
	host_flush_count++;
}

uint64_t arch_tsc_offset(const struct vcpu *v)
{
	return guest_of(v->domain)->tsc_offset[v->id];
}

void host_tsc_offset_set(struct vcpu *v, uint64_t offset)
{
	guest_of(v->domain)->tsc_offset[v->id] = offset;
}
