/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: two domains that make hypercalls with arguments of any kind,
 * scribble over their memory (the pages they share with us included), take pages
 * away from under a call and let time pass.
 *
 * After every few steps the tables of event channels have to be consistent. What an
 * unprivileged domain does must leave the hardware domain as it is: its memory
 * outside the pages it shares with us, its map, its parameters, its life. No
 * call may go on for ever.
 *
 * A step is a byte that says who does what, and what that needs; words of
 * arguments are a kind and some bytes, so that addresses, frames and numbers of
 * domains come up often.
 */
#include <string.h>

#include <taproot/balloon.h>
#include <taproot/console.h>
#include <taproot/hypercall.h>
#include <taproot/option.h>
#include <xen/xen.h>

#include "../../core/event/event_internal.h"
#include "host.h"
#include "host_guest.h"
#include "host_mem.h"

#define VCPUS       2
#define RAM         0x10000ull
#define PAGES       8u
#define RAM_SIZE    (PAGES * PAGE_SIZE)
#define ROUNDS      20000u /* in which any call is finished */
#define STEPS       64u
#define CHECK_EVERY 8u

static _Alignas(4096) uint8_t ram[2][RAM_SIZE];
static uint8_t before[RAM_SIZE];
static struct domain *domain[2];

/* ---- the input ---- */

static const uint8_t *input;
static size_t input_left;
static unsigned access_changes;

static uint8_t take(void)
{
	if (!input_left) {
		return 0;
	}
	input_left--;
	return *input++;
}

static uint64_t take_bytes(unsigned count)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < count; i++) {
		v |= (uint64_t)take() << (8 * i);
	}
	return v;
}

/* A guest address, often near the end of a page. */
static uint64_t take_address(void)
{
	uint64_t v = take_bytes(2);

	return RAM + (v & 0x8000 ? (v & 0xf000) + 0xff0 + (v & 0x1f) : v * 8) % (RAM_SIZE + PAGE_SIZE);
}

static uint64_t take_word(void)
{
	uint8_t kind = take();

	switch (kind & 15) {
	case 0:
		return 0;
	case 1:
	case 2:
		return take();
	case 3:
		return take_bytes(2) | (uint64_t)(kind >> 4) << 32;
	case 4:
		return DOMID_SELF | (uint64_t)take() << 32;
	case 5: /* a domain, and two small numbers */
		return (kind >> 4 & 3) | (uint64_t)take() << 16 | (uint64_t)take() << 32;
	case 6:
	case 7:
		return take_address();
	case 8:
		return (RAM >> PAGE_SHIFT) + take() % (PAGES + 2);
	case 9: /* two 32-bit numbers */
		return take() | (uint64_t)take() << 32;
	case 10: /* a command and an interface version, as sysctl and domctl have them */
		return take() | (uint64_t)(0x10 + (kind >> 4)) << 32;
	case 11:
		return UINT64_MAX - take();
	case 12:
		return 1ull << (take() & 63);
	case 13:
		return arch_time() + take_bytes(3);
	default:
		return take_bytes(8);
	}
}

/* ---- the machine ---- */

static void make_machine(void)
{
	host_reset();
	host_mem_reset();
	host_cpu_set_count(VCPUS);
	option_parse(&options, "");
	console_input_clear();
	memset(ram, 0, sizeof(ram));
	for (unsigned i = 0; i < 2; i++) {
		struct domain *d = domain_create((uint16_t)i, i == 0, 1ull << 40, 64);

		ASSERT(d);
		domain[i] = d;
		d->xen_abi = true;
		ASSERT(event_domain_init(d) == 0);
		for (unsigned k = 0; k < VCPUS; k++) {
			ASSERT(domain_add_vcpu(d, k, k, true) == 0);
			vlapic_mmio_write(&d->vcpu[k]->lapic, 0xf0, 4, 0x1ff);
		}
		ASSERT(host_guest_add_ram(d, RAM, ram[i], RAM_SIZE));
	}
}

/* ---- what must hold ---- */

static void check_port(const struct domain *d, unsigned n)
{
	union event_port p = port_read(d->event, n);
	const struct domain *other;

	ASSERT(p.state <= PORT_IPI && (p.state == PORT_RESERVED) == (n == 0));
	ASSERT(p.state <= PORT_RESERVED || p.vcpu < d->vcpu_count);
	ASSERT(p.state != PORT_FREE || n >= d->event->free_from);
	if (p.state == PORT_VIRQ) {
		ASSERT(p.virq < NR_VIRQS);
	}
	if (p.state == PORT_INTERDOMAIN) {
		union event_port q;

		other = domain_find(p.domain);
		ASSERT(other);
		q = port_read(other->event, p.port);
		ASSERT(q.state == PORT_INTERDOMAIN && q.domain == d->id && q.port == n);
	}
}

/* Each VIRQ's port says so, on the vCPU that has it or, of the domain's, on any. */
static void check_virqs(const struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		for (unsigned k = 0; k < NR_VIRQS; k++) {
			uint32_t port = d->vcpu[i]->event.virq_port[k];
			union event_port p = port_read(d->event, port);

			ASSERT(port == 0 || (p.state == PORT_VIRQ && p.virq == k));
		}
	}
}

/* The ports of one page; most of them are free, with nothing in their word. */
static void check_ports(const struct domain *d, unsigned first)
{
	const uint64_t *page = d->event->port[first / PORTS_PER_PAGE];

	ASSERT(page || first >= d->event->free_from);
	for (unsigned i = 0; page && i < PORTS_PER_PAGE; i++) {
		if (page[i]) {
			check_port(d, first + i);
		} else {
			ASSERT(first + i != 0 && first + i >= d->event->free_from);
		}
	}
}

static void check_domain(struct domain *d)
{
	check_port(d, 0);
	for (unsigned n = 0; n < EVENT_PORTS; n += PORTS_PER_PAGE) {
		check_ports(d, n);
	}
	check_virqs(d);
	ASSERT(balloon_pages(d) <= balloon_pages_max(d));
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		ASSERT(d->vcpu[i]->event.info);
		ASSERT(!(d->vcpu[i]->life.state & VCPU_HELD) && !d->vcpu[i]->deferred);
		ASSERT(d->vcpu[i]->event.upcall_vector == 0 ||
		       d->vcpu[i]->event.upcall_vector >= 16);
	}
}

/* What an unprivileged domain must not change of the hardware domain. */
struct state {
	uint64_t generation, vm_assist;
	uint64_t param[ARRAY_SIZE(((struct domain *)NULL)->param)];
	uint32_t end, latched;
	uint32_t life[VCPUS];
	uint64_t pages;
};

static struct state state_of(struct domain *d)
{
	struct state s = {.generation = d->memmap.generation, .vm_assist = d->vm_assist,
			  .end = d->end, .latched = d->shutdown_latched, .pages = balloon_pages(d)};

	memcpy(s.param, d->param, sizeof(s.param));
	for (unsigned i = 0; i < VCPUS; i++) {
		s.life[i] = d->vcpu[i]->life.state;
	}
	return s;
}

static void check_untouched(struct domain *d, const struct state *was, unsigned index)
{
	struct state now = state_of(d);

	ASSERT(memcmp(&now, was, sizeof(now)) == 0);
	for (unsigned i = 0; i < PAGES; i++) {
		if (!event_uses(d, gpa(RAM + i * PAGE_SIZE), PAGE_SIZE)) {
			ASSERT(memcmp(before + i * PAGE_SIZE, ram[index] + i * PAGE_SIZE,
				      PAGE_SIZE) == 0);
		}
	}
}

/* ---- steps ---- */

static const uint8_t numbers[] = {
	__HYPERVISOR_memory_op,        __HYPERVISOR_memory_op,
	__HYPERVISOR_event_channel_op, __HYPERVISOR_event_channel_op,
	__HYPERVISOR_event_channel_op, __HYPERVISOR_vcpu_op,
	__HYPERVISOR_vcpu_op,          __HYPERVISOR_sched_op,
	__HYPERVISOR_hvm_op,           __HYPERVISOR_xen_version,
	__HYPERVISOR_console_io,       __HYPERVISOR_set_timer_op,
	__HYPERVISOR_vm_assist,        __HYPERVISOR_physdev_op,
	__HYPERVISOR_platform_op,      __HYPERVISOR_sysctl,
	__HYPERVISOR_domctl,           __HYPERVISOR_grant_table_op,
};

static void put_word(struct domain *d, uint64_t at, uint64_t v)
{
	for (unsigned i = 0, n; i < 8; i += n) {
		uint8_t *p = arch_guest_ram(d, gpa(at + i));

		n = MIN(8u - i, (unsigned)(PAGE_SIZE - (at + i) % PAGE_SIZE));
		if (p) {
			memcpy(p, (const uint8_t *)&v + i, n);
		}
	}
}

static void make_arguments(struct hypercall *h)
{
	uint8_t shape = take();
	uint64_t start = RAM + (uint64_t)(shape >> 4 & 7) * PAGE_SIZE + take() * 16ull;
	uint64_t at = start;

	for (unsigned words = take() & 15; words; words--, at += 8) {
		put_word(h->v->domain, at, take_word());
	}
	switch (shape & 7) {
	case 0:
	case 1:
	case 2:
		h->arg[0] = take();
		h->arg[1] = start;
		break;
	case 3:
	case 4:
		h->arg[0] = take();
		h->arg[1] = take();
		h->arg[2] = start;
		break;
	case 5:
		h->arg[0] = start;
		break;
	default:
		for (unsigned i = 0; i < 3; i++) {
			h->arg[i] = take_word();
		}
		break;
	}
}

/* The end of a sleep, as the run loop has it. */
static void wake(struct vcpu *v)
{
	if (v->wait) {
		(void)v->wait(v);
		event_wait_end(v);
		v->wait = NULL;
	}
}

/* Until it is finished, or the caller is stopped before it is called again. */
static void hypercall_step(struct vcpu *v)
{
	struct hypercall h = {.v = v};
	uint8_t number = take();
	unsigned rounds = 0;

	/* Who sleeps in one call makes no other. */
	wake(v);
	h.op = number < 0xe0 ? numbers[number % ARRAY_SIZE(numbers)] : number & 63u;
	make_arguments(&h);
	do {
		h.again = false;
		(void)hypercall_run(&h);
		ASSERT(++rounds < ROUNDS);
	} while (h.again && vcpu_is_up(v));
	ASSERT(host_run_deferred(v) < ROUNDS);
}

/* The run loop's part: the end of a sleep, requests, the end of the domain. */
static void run(struct vcpu *v)
{
	wake(v);
	(void)vcpu_attend(v);
	v->domain->end = DOMAIN_RUNNING;
}

static void scribble(struct domain *d)
{
	uint64_t at = take_address();

	for (unsigned n = 1 + (take() & 31); n; n--, at++) {
		uint8_t *p = arch_guest_ram(d, gpa(at));
		uint8_t v = take();

		if (p) {
			*p = v;
		}
	}
}

static void step(void)
{
	uint8_t what = take();
	unsigned who = what & 1;
	struct vcpu *v = domain[who]->vcpu[what >> 1 & 1];
	bool judged = who == 1 && what >> 4 != 12;
	struct state hardware = {.generation = 0};

	if (judged) {
		hardware = state_of(domain[0]);
		memcpy(before, ram[0], RAM_SIZE);
	}
	host_cpu_set(v->cpu);
	switch (what >> 4) {
	default:
		hypercall_step(v);
		break;
	case 11:
		scribble(domain[who]);
		break;
	case 12:
		/* Not the other's time: its timers may write its pages. */
		(void)host_time_advance(take_bytes(2) * (HOST_TIME_HZ / 10000));
		break;
	case 13:
		if (access_changes++ < HOST_GUEST_TRAPS / 2) {
			host_guest_set_access(domain[who], take_address(), PAGE_SIZE,
					      (enum host_guest_access)(take() % 3));
		}
		break;
	case 14:
		run(v);
		break;
	case 15:
		if (who == 0) {
			(void)console_input(take());
		}
		break;
	}
	if (judged) {
		check_untouched(domain[0], &hardware, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	input_left = size;
	access_changes = 0;
	make_machine();
	for (unsigned i = 0; i < STEPS && input_left; i++) {
		step();
		if (i % CHECK_EVERY == 0 || !input_left) {
			check_domain(domain[0]);
			check_domain(domain[1]);
		}
	}
	return 0;
}

/* ---- seeds ---- */

#define MEMORY 0
#define EVENT  2
#define VCPU   5
#define SCHED  7
#define HVM    8
#define CONSOLE 10

/* One call: by whom (domain, vCPU << 1), what (of numbers[]), one or two numbers, words of the argument. */
struct seed_call {
	uint8_t who, call, arg0;
	bool second;
	uint8_t arg1;
	uint64_t word[5];
};

static const struct seed_call events[] = {
	{0, HVM, 0, false, 0, {(uint64_t)DOMID_SELF, 2ull << 56 | 0xf3, 0, 0}},
	{0, MEMORY, 7, false, 0, {(uint64_t)DOMID_SELF, 0, (RAM >> PAGE_SHIFT) + 3, 0}},
	{0, VCPU, 10, true, 1, {(RAM >> PAGE_SHIFT) + 4, 0x40, 0, 0}},
	{0, EVENT, 1, false, 0, {0, 0, 0, 0}},             /* bind_virq: timer */
	{0, EVENT, 7, false, 0, {1, 0, 0, 0}},             /* bind_ipi: vCPU 1 */
	{0, EVENT, 4, false, 0, {2, 0, 0, 0}},             /* send */
	{0, EVENT, 9, false, 0, {2, 0, 0, 0}},             /* unmask */
	{0, EVENT, 5, false, 0, {1ull << 32 | DOMID_SELF, 0, 0, 0}},
	{0, EVENT, 8, false, 0, {3 | 1ull << 32, 0, 0, 0}}, /* bind_vcpu */
	{0, EVENT, 3, false, 0, {1, 0, 0, 0}},             /* close */
	{0, EVENT, 10, false, 0, {(uint64_t)DOMID_SELF, 0, 0, 0}},
};

static const struct seed_call interdomain[] = {
	{0, EVENT, 6, false, 0, {(uint64_t)DOMID_SELF | 1u << 16, 0, 0, 0}},
	{1, EVENT, 0, false, 0, {1ull << 32, 0, 0, 0}},
	{1, EVENT, 4, false, 0, {1, 0, 0, 0}},
	{0, EVENT, 4, false, 0, {1, 0, 0, 0}},
	{1, EVENT, 3, false, 0, {1, 0, 0, 0}},
	{0, EVENT, 6, false, 0, {1 | 0u << 16, 0, 0, 0}},
	{1, EVENT, 6, false, 0, {(uint64_t)DOMID_SELF, 0, 0, 0}},
};

static const struct seed_call memory[] = {
	{0, MEMORY, 1, false, 0, {RAM + 0x1020, 1, 0, DOMID_SELF, (RAM >> PAGE_SHIFT) + 5}},
	{0, MEMORY, 6, false, 0, {RAM + 0x1020, 1, 0, DOMID_SELF, (RAM >> PAGE_SHIFT) + 5}},
	{1, MEMORY, 1, false, 0, {RAM + 0x1020, 1, 0, DOMID_SELF, (RAM >> PAGE_SHIFT) + 6}},
	{0, MEMORY, 9, false, 0, {128, RAM + 0x2000, 0, 0}},
	{0, MEMORY, 10, false, 0, {128, RAM + 0x2000, 0, 0}},
	{1, MEMORY, 15, false, 0, {(uint64_t)DOMID_SELF, (RAM >> PAGE_SHIFT) + 7, 0, 0}},
	{0, MEMORY, 23, false, 0, {(uint64_t)DOMID_SELF | 2ull << 32, RAM + 0x1000, RAM + 0x1100, 0}},
};

static const struct seed_call life[] = {
	{1, VCPU, 5, true, 0, {RAM + 0x2000, 0, 0, 0}},
	{1, VCPU, 13, true, 0, {RAM + 0x2fe0, 0, 0, 0}},
	{1, VCPU, 8, true, 0, {100000000, 0, 0, 0}},
	{1, VCPU, 6, true, 0, {10000000, 0, 0, 0}},
	{1, SCHED, 3, false, 0, {RAM + 0x1018, 1, 1000000, 1}},
	{1, SCHED, 1, false, 0, {0, 0, 0, 0}},
	{0, SCHED, 6, false, 0, {9ull << 32, 0, 0, 0}},
	{0, SCHED, 6, false, 0, {9ull << 32, 0, 0, 0}},
	{0, SCHED, 6, false, 0, {2 | 9ull << 32, 0, 0, 0}},
	{0, CONSOLE, 0, true, 200, {0x6f6c6c6568, 0, 0, 0}},
	{0, SCHED, 2, false, 0, {5, 0, 0, 0}},
	{1, SCHED, 2, false, 0, {0, 0, 0, 0}},
	{1, VCPU, 2, true, 1, {0, 0, 0, 0}},
};

static const struct {
	const struct seed_call *call;
	unsigned count;
} seeds[] = {
	{events, ARRAY_SIZE(events)},
	{interdomain, ARRAY_SIZE(interdomain)},
	{memory, ARRAY_SIZE(memory)},
	{life, ARRAY_SIZE(life)},
};

/* The call as a step, then the run loop and a little time. Up to 64 bytes. */
static size_t encode(const struct seed_call *c, uint8_t *buf)
{
	uint8_t *p = buf;

	*p++ = c->who;
	*p++ = c->call;
	*p++ = c->second ? 0x13 : 0x10;
	*p++ = 0;
	*p++ = ARRAY_SIZE(c->word);
	for (unsigned i = 0; i < ARRAY_SIZE(c->word); i++) {
		*p++ = 14;
		for (unsigned k = 0; k < 64; k += 8) {
			*p++ = (uint8_t)(c->word[i] >> k);
		}
	}
	*p++ = c->arg0;
	if (c->second) {
		*p++ = c->arg1;
	}
	*p++ = (uint8_t)(0xe0 | c->who);
	*p++ = 0xc0;
	*p++ = 200;
	*p++ = 0;
	return (size_t)(p - buf);
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	size_t length = 0;

	if (index >= ARRAY_SIZE(seeds)) {
		return 0;
	}
	for (unsigned i = 0; i < seeds[index].count && length + 64 <= size; i++) {
		length += encode(&seeds[index].call[i], buf + length);
	}
	return length;
}
