/* SPDX-License-Identifier: MIT */
/*
 * Who answers a port: claims in a small sorted array, found by bisection when
 * the access does not go where the last one went.
 *
 * Claims are made when a domain is built, so an access takes no lock. The
 * I/O space has 64 KiB (SDM 1 19.3); an access that runs over its end reads
 * ones there. String instructions are taken apart by the caller.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/ioreq.h>
#include <taproot/log.h>
#include <taproot/string.h>

/* The first claim that ends at or after `port`; ports->count when there is none. */
static unsigned claim_index(const struct port_map *p, uint32_t port)
{
	unsigned low = 0;
	unsigned high = p->count;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (p->claim[mid].last < port) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

static const struct port_claim *claim_find(const struct port_map *p, uint32_t port)
{
	unsigned i = claim_index(p, port);

	return i < p->count && p->claim[i].first <= port ? &p->claim[i] : NULL;
}

/*
 * The claim of the access before this one, if it holds all of this one too, as
 * it mostly does. Processors race for the hint; any of its values will do.
 */
static inline const struct port_claim *claim_hinted(const struct port_map *p, uint32_t port,
						     unsigned len)
{
	const struct port_claim *c = &p->claim[__atomic_load_n(&p->hint, __ATOMIC_RELAXED)];

	return c->ops && port >= c->first && port + len - 1 <= c->last ? c : NULL;
}

/* The claim that holds all of the access, or NULL; the hint points there then. */
static const struct port_claim *claim_whole(struct port_map *p, uint32_t port, unsigned len)
{
	const struct port_claim *c = claim_find(p, port);

	if (!c || port + len - 1 > c->last) {
		return NULL;
	}
	__atomic_store_n(&p->hint, (uint32_t)(c - p->claim), __ATOMIC_RELAXED);
	return c;
}

int ioreq_claim_ports(struct domain *d, uint16_t first, uint32_t count, const struct port_ops *ops,
		      void *ctx)
{
	struct port_map *p = &d->ports;
	unsigned i = claim_index(p, first);

	if (count == 0 || first + count > 0x10000 || !ops) {
		return -EINVAL;
	}
	if (i < p->count && p->claim[i].first < first + count) {
		log_notice("d%u: %s cannot have ports %#x-%#x: %#x-%#x belong to %s", d->id,
			   ops->name, first, first + count - 1, p->claim[i].first, p->claim[i].last,
			   p->claim[i].ops->name);
		return -EBUSY;
	}
	if (p->count == PORT_CLAIMS_MAX) {
		return -ENOSPC;
	}
	memmove(&p->claim[i + 1], &p->claim[i], (p->count - i) * sizeof(p->claim[0]));
	p->claim[i] = (struct port_claim){first, (uint16_t)(first + count - 1), ops, ctx};
	p->count++;
	arch_port_trap(d, first, count, true);
	return 0;
}

int ioreq_release_ports(struct domain *d, uint16_t first, uint32_t count)
{
	struct port_map *p = &d->ports;
	unsigned i = claim_index(p, first);

	if (i == p->count || p->claim[i].first != first || p->claim[i].last + 1u != first + count) {
		return -ENOENT;
	}
	p->count--;
	memmove(&p->claim[i], &p->claim[i + 1], (p->count - i) * sizeof(p->claim[0]));
	p->claim[p->count].ops = NULL;
	arch_port_trap(d, first, count, false);
	return 0;
}

/* Is all of the access the machine's: a hardware domain's, and nobody claimed a byte of it? */
static bool unclaimed(const struct domain *d, uint16_t port, unsigned len)
{
	unsigned i = claim_index(&d->ports, port);

	return d->hardware && port + len <= 0x10000 &&
	       (i == d->ports.count || d->ports.claim[i].first >= port + len);
}

static uint32_t read_byte(struct domain *d, uint32_t port)
{
	const struct port_claim *c = claim_find(&d->ports, port);

	if (c) {
		return c->ops->read(c->ctx, (uint16_t)port, 1) & 0xff;
	}
	return d->hardware && port <= 0xffff ? arch_port_read((uint16_t)port, 1) & 0xff : 0xff;
}

static COLD uint32_t read_elsewhere(struct domain *d, uint16_t port, unsigned len)
{
	const struct port_claim *c = claim_whole(&d->ports, port, len);
	uint32_t value = 0;

	if (c) {
		return c->ops->read(c->ctx, port, len);
	}
	if (unclaimed(d, port, len)) {
		return arch_port_read(port, len);
	}
	for (unsigned i = 0; i < len; i++) {
		value |= read_byte(d, (uint32_t)port + i) << (8 * i);
	}
	return value;
}

uint32_t ioreq_port_read(struct domain *d, uint16_t port, unsigned len)
{
	const struct port_claim *c = claim_hinted(&d->ports, port, len);

	return c ? c->ops->read(c->ctx, port, len) : read_elsewhere(d, port, len);
}

static void write_byte(struct domain *d, uint32_t port, uint32_t value)
{
	const struct port_claim *c = claim_find(&d->ports, port);

	if (c) {
		c->ops->write(c->ctx, (uint16_t)port, 1, value);
	} else if (d->hardware && port <= 0xffff) {
		arch_port_write((uint16_t)port, 1, value);
	}
}

static COLD void write_elsewhere(struct domain *d, uint16_t port, unsigned len, uint32_t value)
{
	const struct port_claim *c = claim_whole(&d->ports, port, len);

	if (c) {
		c->ops->write(c->ctx, port, len, value);
		return;
	}
	if (unclaimed(d, port, len)) {
		arch_port_write(port, len, value);
		return;
	}
	for (unsigned i = 0; i < len; i++) {
		write_byte(d, (uint32_t)port + i, (value >> (8 * i)) & 0xff);
	}
}

void ioreq_port_write(struct domain *d, uint16_t port, unsigned len, uint32_t value)
{
	const struct port_claim *c = claim_hinted(&d->ports, port, len);

	if (c) {
		c->ops->write(c->ctx, port, len, value);
	} else {
		write_elsewhere(d, port, len, value);
	}
}
