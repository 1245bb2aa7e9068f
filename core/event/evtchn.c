/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the ports of a domain and event_channel_op (Xen public
 * headers event_channel.h). Errors are those of Xen's implementation.
 *
 * A port is one word. It is changed under the event_lock of its domain, of both
 * domains for a channel between two, and read without: a send that meets a
 * close may set a port that is closed by now. A new owner starts without that, unless
 * the send is so late that it meets the new owner too, who then sees one event too
 * many; kernels expect those.
 *
 * Deliberately not supported: the FIFO ABI (-ENOSYS; kernels fall back to
 * 2-level), events of physical interrupts (there are none: hvm_pirqs is not
 * among the features), resetting another domain (nothing can pause one yet).
 */
#include <taproot/errno.h>
#include <taproot/event.h>
#include <taproot/heap.h>
#include <taproot/hypercall.h>
#include <taproot/log.h>

#include "event_internal.h"

/* Ports that EVTCHNOP_reset closes before it lets interrupts in. */
#define RESET_BATCH 256

/* ---- the table ---- */

static void port_write(struct event_domain *e, unsigned port, union event_port p)
{
	lock_assert(&e->lock);
	__atomic_store_n(&e->port[port / PORTS_PER_PAGE][port % PORTS_PER_PAGE], p.word,
			 __ATOMIC_RELEASE);
}

/*
 * The lowest free port becomes `p`. Its number; -ENOSPC, -ENOMEM. What a send that
 * met the close of the last one has left there is not the new owner's.
 */
static int port_alloc(struct domain *d, union event_port p)
{
	struct event_domain *e = d->event;

	lock_assert(&e->lock);
	for (unsigned port = e->free_from; port < EVENT_PORTS; port++) {
		uint64_t **page = &e->port[port / PORTS_PER_PAGE];

		if (!*page) {
			uint64_t *fresh = page_alloc();

			if (!fresh) {
				return -ENOMEM;
			}
			__atomic_store_n(page, fresh, __ATOMIC_RELEASE);
		}
		if (port_read(e, port).state == PORT_FREE) {
			e->free_from = port + 1;
			event_clear_pending(d, port);
			port_write(e, port, p);
			return (int)port;
		}
	}
	e->free_from = EVENT_PORTS;
	return -ENOSPC;
}

static void port_free(struct domain *d, unsigned port)
{
	struct event_domain *e = d->event;

	event_clear_pending(d, port);
	port_write(e, port, (union event_port){.state = PORT_FREE});
	if (port < e->free_from) {
		e->free_from = port;
	}
}

/* Two domains' locks in the order of addresses; `b` may be `a` or NULL. */
static void lock_both(struct domain *a, struct domain *b)
{
	struct domain *first = b && b < a ? b : a;
	struct domain *second = first == a ? b : a;

	lock_acquire(&first->event->lock);
	if (second && second != first) {
		lock_acquire(&second->event->lock);
	}
}

static void release_both(struct domain *a, struct domain *b)
{
	lock_release(&a->event->lock);
	if (b && b != a) {
		lock_release(&b->event->lock);
	}
}

/* Per vCPU or of the domain (xen.h "V." and "G."). */
static bool virq_is_global(uint32_t virq)
{
	switch (virq) {
	case VIRQ_TIMER:
	case VIRQ_DEBUG:
	case VIRQ_XENOPROF:
	case VIRQ_XENPMU:
		return false;
	default:
		return true;
	}
}

static uint32_t *virq_slot(struct domain *d, union event_port p)
{
	return &d->vcpu[virq_is_global(p.virq) ? 0 : p.vcpu]->event.virq_port[p.virq];
}

/* The domain at the other end of a channel; NULL: none. */
static struct domain *port_peer(struct domain *d, union event_port p)
{
	struct domain *peer = NULL;

	if (p.state == PORT_INTERDOMAIN) {
		peer = p.domain == d->id ? d : domain_find(p.domain);
	}
	return peer && peer->event ? peer : NULL;
}

static void close_locked(struct domain *d, unsigned port, union event_port p, struct domain *peer)
{
	if (p.state == PORT_VIRQ) {
		__atomic_store_n(virq_slot(d, p), 0, __ATOMIC_SEQ_CST);
	}
	if (peer) {
		union event_port other = port_read(peer->event, p.port);

		other.state = PORT_UNBOUND;
		other.domain = d->id;
		other.port = 0;
		port_write(peer->event, p.port, other);
	}
	port_free(d, port);
}

/* -EINVAL: nothing there that could be closed. */
static int event_close(struct domain *d, unsigned port)
{
	for (;;) {
		union event_port p = port_read(d->event, port);
		struct domain *peer = port_peer(d, p);
		bool same;

		if (p.state == PORT_FREE || p.state == PORT_RESERVED) {
			return -EINVAL;
		}
		lock_both(d, peer);
		same = port_read(d->event, port).word == p.word;
		if (same) {
			close_locked(d, port, p, peer);
		}
		release_both(d, peer);
		if (same) {
			return 0;
		}
	}
}

bool event_close_all(struct domain *d, unsigned limit)
{
	unsigned closed = 0;

	for (unsigned port = 1; port < EVENT_PORTS; port++) {
		if (event_close(d, port) == 0 && ++closed == limit) {
			return false;
		}
	}
	return true;
}

/* ---- sending ---- */

void event_send_virq(struct vcpu *v, unsigned virq)
{
	struct event_domain *e = v->domain->event;
	unsigned port;
	union event_port p;

	if (!e || virq >= NR_VIRQS) {
		return;
	}
	port = __atomic_load_n(&v->event.virq_port[virq], __ATOMIC_SEQ_CST);
	p = port_read(e, port);
	if (p.state == PORT_VIRQ && p.virq == virq) {
		event_set_pending(v->domain, port, p.vcpu);
	}
}

void event_send_global_virq(struct domain *d, unsigned virq)
{
	if (d->vcpu_count) {
		event_send_virq(d->vcpu[0], virq);
	}
}

static int event_send(struct domain *d, unsigned port)
{
	union event_port p = port_read(d->event, port), other;
	struct domain *peer;

	switch (p.state) {
	case PORT_IPI:
		event_set_pending(d, port, p.vcpu);
		return 0;
	case PORT_INTERDOMAIN:
		peer = port_peer(d, p);
		other = peer ? port_read(peer->event, p.port) : (union event_port){.word = 0};
		if (other.state == PORT_INTERDOMAIN && other.domain == d->id &&
		    other.port == port) {
			event_set_pending(peer, p.port, other.vcpu);
		}
		return 0;
	case PORT_UNBOUND:
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- sub-operations ---- */

/*
 * Give the caller the number of its new port; where it cannot be told, the port is
 * closed again. The locks it was made under are still held: nobody else can have closed
 * and taken it. Copies to a guest take no lock.
 */
static int64_t return_port(struct hypercall *h, struct domain *d, size_t offset, int port)
{
	uint32_t number = (uint32_t)port;
	union event_port p;

	lock_assert(&d->event->lock);
	if (port < 0) {
		return port;
	}
	if (copy_to_guest(h, h->arg[1] + offset, &number, sizeof(number))) {
		p = port_read(d->event, number);
		close_locked(d, number, p, port_peer(d, p));
		return -EFAULT;
	}
	return 0;
}

/* The domain an operation names: the caller's own, or one it has a right to. */
static int target(struct hypercall *h, uint16_t id, enum hypercall_right right, struct domain **out)
{
	struct domain *self = h->v->domain;
	int rc = 0;

	*out = self;
	if (id != DOMID_SELF && id != self->id) {
		rc = hypercall_target(h->v, id, right, out);
	}
	return rc == 0 && !(*out)->event ? -ESRCH : rc;
}

static int64_t op_alloc_unbound(struct hypercall *h)
{
	union event_port p = {.state = PORT_UNBOUND};
	struct evtchn_alloc_unbound a;
	struct domain *d;
	int64_t rc;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	rc = target(h, a.dom, RIGHT_CONTROL, &d);
	if (rc) {
		return rc;
	}
	p.domain = a.remote_dom == DOMID_SELF ? h->v->domain->id : a.remote_dom;
	lock_acquire(&d->event->lock);
	rc = return_port(h, d, offsetof(struct evtchn_alloc_unbound, port), port_alloc(d, p));
	lock_release(&d->event->lock);
	return rc;
}

/* Both ends locked. The new port of `d`, or an error. */
static int bind_interdomain(struct domain *d, struct domain *peer, uint32_t remote)
{
	union event_port there = port_read(peer->event, remote);
	union event_port here = {
		.state = PORT_INTERDOMAIN, .domain = peer->id, .port = (uint16_t)remote};
	int port;

	if (there.state != PORT_UNBOUND || there.domain != d->id) {
		return -EINVAL;
	}
	port = port_alloc(d, here);
	if (port >= 0) {
		there.state = PORT_INTERDOMAIN;
		there.port = (uint16_t)port;
		port_write(peer->event, remote, there);
		/* What the other end sent before it was bound is not lost. */
		event_set_pending(d, (unsigned)port, 0);
	}
	return port;
}

static int64_t op_bind_interdomain(struct hypercall *h)
{
	struct domain *d = h->v->domain, *peer;
	struct evtchn_bind_interdomain a;
	int64_t rc;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	/* Any domain may bind to a port that waits for it. */
	peer = a.remote_dom == DOMID_SELF ? d : domain_find(a.remote_dom);
	if (!peer || !peer->event) {
		return -ESRCH;
	}
	lock_both(d, peer);
	rc = return_port(h, d, offsetof(struct evtchn_bind_interdomain, local_port),
			 bind_interdomain(d, peer, a.remote_port));
	release_both(d, peer);
	return rc;
}

static int bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu)
{
	union event_port p = {.state = PORT_VIRQ, .virq = (uint8_t)virq, .vcpu = (uint16_t)vcpu};
	uint32_t *slot = virq_slot(d, p);
	int port;

	if (*slot) {
		return -EEXIST;
	}
	port = port_alloc(d, p);
	if (port > 0) {
		__atomic_store_n(slot, (uint32_t)port, __ATOMIC_SEQ_CST);
	}
	return port;
}

static int64_t op_bind_virq(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	struct evtchn_bind_virq a;
	int64_t rc;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	if (a.virq >= NR_VIRQS || (virq_is_global(a.virq) && a.vcpu != 0)) {
		return -EINVAL;
	}
	if (a.vcpu >= d->vcpu_count) {
		return -ENOENT;
	}
	lock_acquire(&d->event->lock);
	rc = return_port(h, d, offsetof(struct evtchn_bind_virq, port),
			 bind_virq(d, a.virq, a.vcpu));
	lock_release(&d->event->lock);
	return rc;
}

static int64_t op_bind_ipi(struct hypercall *h)
{
	union event_port p = {.state = PORT_IPI};
	struct domain *d = h->v->domain;
	struct evtchn_bind_ipi a;
	int64_t rc;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	if (a.vcpu >= d->vcpu_count) {
		return -ENOENT;
	}
	p.vcpu = (uint16_t)a.vcpu;
	lock_acquire(&d->event->lock);
	rc = return_port(h, d, offsetof(struct evtchn_bind_ipi, port), port_alloc(d, p));
	lock_release(&d->event->lock);
	return rc;
}

/* May the port tell another vCPU than it does? */
static bool rebindable(union event_port p)
{
	return p.state == PORT_UNBOUND || p.state == PORT_INTERDOMAIN ||
	       (p.state == PORT_VIRQ && virq_is_global(p.virq));
}

static int64_t op_bind_vcpu(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	struct evtchn_bind_vcpu a;
	union event_port p;
	int rc = -EINVAL;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	if (a.vcpu >= d->vcpu_count) {
		return -ENOENT;
	}
	lock_acquire(&d->event->lock);
	p = port_read(d->event, a.port);
	if (rebindable(p)) {
		p.vcpu = (uint16_t)a.vcpu;
		port_write(d->event, a.port, p);
		rc = 0;
	}
	lock_release(&d->event->lock);
	return rc;
}

static int64_t op_close(struct hypercall *h)
{
	struct evtchn_close a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	return event_close(h->v->domain, a.port);
}

static int64_t op_send(struct hypercall *h)
{
	struct evtchn_send a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	return event_send(h->v->domain, a.port);
}

static int64_t op_unmask(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	struct evtchn_unmask a;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	if (a.port >= EVENT_PORTS) {
		return -EINVAL;
	}
	event_unmask(d, a.port, port_read(d->event, a.port).vcpu);
	return 0;
}

static void fill_status(union event_port p, struct evtchn_status *s)
{
	s->vcpu = p.vcpu;
	switch (p.state) {
	case PORT_UNBOUND:
		s->status = EVTCHNSTAT_unbound;
		s->u.unbound.dom = p.domain;
		break;
	case PORT_INTERDOMAIN:
		s->status = EVTCHNSTAT_interdomain;
		s->u.interdomain.dom = p.domain;
		s->u.interdomain.port = p.port;
		break;
	case PORT_VIRQ:
		s->status = EVTCHNSTAT_virq;
		s->u.virq = p.virq;
		break;
	case PORT_IPI:
		s->status = EVTCHNSTAT_ipi;
		break;
	default:
		s->status = EVTCHNSTAT_closed;
		break;
	}
}

static int64_t op_status(struct hypercall *h)
{
	struct evtchn_status s;
	struct domain *d;
	int rc;

	if (copy_from_guest(h, &s, h->arg[1], sizeof(s))) {
		return -EFAULT;
	}
	rc = target(h, s.dom, RIGHT_QUERY, &d);
	if (rc) {
		return rc;
	}
	if (s.port >= EVENT_PORTS) {
		return -EINVAL;
	}
	fill_status(port_read(d->event, s.port), &s);
	return copy_to_guest(h, h->arg[1], &s, sizeof(s));
}

static int64_t op_reset(struct hypercall *h)
{
	struct evtchn_reset a;
	struct domain *d;
	int rc;

	if (copy_from_guest(h, &a, h->arg[1], sizeof(a))) {
		return -EFAULT;
	}
	rc = target(h, a.dom, RIGHT_CONTROL, &d);
	if (rc) {
		return rc;
	}
	if (d != h->v->domain) {
		return -EINVAL;
	}
	h->again = !event_close_all(d, RESET_BATCH);
	return 0;
}

/* There is no physical interrupt that a guest could name. */
static int64_t op_bind_pirq(struct hypercall *h)
{
	struct evtchn_bind_pirq a;

	return copy_from_guest(h, &a, h->arg[1], sizeof(a)) ? -EFAULT : -EINVAL;
}

static hypercall_fn *const ops[] = {
	[EVTCHNOP_bind_interdomain] = op_bind_interdomain,
	[EVTCHNOP_bind_virq] = op_bind_virq,
	[EVTCHNOP_bind_pirq] = op_bind_pirq,
	[EVTCHNOP_close] = op_close,
	[EVTCHNOP_send] = op_send,
	[EVTCHNOP_status] = op_status,
	[EVTCHNOP_alloc_unbound] = op_alloc_unbound,
	[EVTCHNOP_bind_ipi] = op_bind_ipi,
	[EVTCHNOP_bind_vcpu] = op_bind_vcpu,
	[EVTCHNOP_unmask] = op_unmask,
	[EVTCHNOP_reset] = op_reset,
};

int64_t hypercall_event_channel_op(struct hypercall *h)
{
	uint32_t op = (uint32_t)h->arg[0];

	if (op >= ARRAY_SIZE(ops) || !ops[op] || !h->v->domain->event) {
		return -ENOSYS;
	}
	return ops[op](h);
}

/* ---- for the key handler ---- */

void event_log(const struct domain *d)
{
	static const char *const state_name[] = {"free",        "reserved", "unbound",
						 "interdomain", "virq",     "ipi"};

	for (unsigned port = 0; d->event && port < EVENT_PORTS; port++) {
		union event_port p = port_read(d->event, port);
		uint64_t mask = __atomic_load_n(
			&event_shared(d->event)->evtchn_mask[port / PORT_WORD_BITS],
			__ATOMIC_RELAXED);

		if (p.state > PORT_RESERVED) {
			log_info("d%u port %u: %s, vcpu%u, virq %u, peer d%u port %u%s%s", d->id,
				 port, state_name[p.state], p.vcpu, p.virq, p.domain, p.port,
				 event_is_pending(d, port) ? ", pending" : "",
				 mask >> (port % PORT_WORD_BITS) & 1 ? ", masked" : "");
		}
	}
}
