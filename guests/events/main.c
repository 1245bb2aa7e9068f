// SPDX-License-Identifier: MIT
/*
 * Event channels (abi=xen): ports, upcalls by a vector of the processor and by the
 * callback vector, masks, polling, a page full of rubbish; with `smp` on the command
 * line also between processors: ping-pong, storms, and masks that change while
 * the other side sends. An event that is lost fails, whoever lost it.
 *
 * Timers are the test kernel `timers`'.
 */
#include "event.h"
#include <xen/version.h>

#define VECTOR   0x61u
#define CALLBACK 0xf3u
#define SECOND   1000000ull
/* Of everything between processors, or as many as the time allows, but FEW. */
#define ROUNDS   2000u
#define FEW      20u
#define TIME     (3 * SECOND)

static uint32_t bound(int64_t rc, const char *what)
{
	if (rc <= 0) {
		guest_fail("%s: %x", what, U(rc));
	}
	return (uint32_t)rc;
}

static struct evtchn_status status_of(uint32_t port)
{
	struct evtchn_status x = {.dom = DOMID_SELF, .port = port};

	check(hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &x) == 0, "status of %u",
	      U(port));
	return x;
}

/* ---- ports ---- */

static void check_ports(void)
{
	uint32_t ipi = bound(event_bind_ipi(0), "bind_ipi");
	uint32_t a = bound(event_alloc_unbound(), "alloc_unbound");
	uint32_t b = bound(event_bind_interdomain(a), "bind_interdomain");
	uint32_t console = bound(event_bind_virq(VIRQ_DEBUG, 0), "bind_virq");

	check(status_of(ipi).status == EVTCHNSTAT_ipi, "status of an IPI");
	check(status_of(a).status == EVTCHNSTAT_interdomain && status_of(a).u.interdomain.port == b,
	      "status of a channel");
	check(status_of(console).status == EVTCHNSTAT_virq, "status of a VIRQ");
	check(event_bind_virq(VIRQ_DEBUG, 0) == -XEN_EEXIST, "a VIRQ bound twice");
	check(event_bind_virq(24, 0) == -XEN_EINVAL, "VIRQ 24");
	check(event_bind_virq(VIRQ_DEBUG, 200) == -XEN_ENOENT, "a VIRQ of vCPU 200");
	check(event_bind_ipi(200) == -XEN_ENOENT, "an IPI of vCPU 200");
	check(event_bind_interdomain(a) == -XEN_EINVAL, "a channel bound twice");
	check(event_bind_interdomain(ipi) == -XEN_EINVAL, "a channel to an IPI");
	check(event_bind_interdomain(0xffffffffu) == -XEN_EINVAL, "a channel to port 2^32 - 1");
	check(event_send(console) == -XEN_EINVAL, "a VIRQ can be sent");
	check(event_send(0) == -XEN_EINVAL, "port 0 can be sent");
	check(event_send(4095) == -XEN_EINVAL, "a free port can be sent");
	check(event_send(4096) == -XEN_EINVAL, "port 4096 can be sent");
	check(event_send(0xffffffffu) == -XEN_EINVAL, "port 2^32 - 1 can be sent");
	check(event_unmask(4096) == -XEN_EINVAL, "port 4096 can be unmasked");
	check(event_close(0) == -XEN_EINVAL, "port 0 can be closed");
	check(event_close(4096) == -XEN_EINVAL, "port 4096 can be closed");
	/* Masked: pending, and nothing comes. */
	check(event_send(b) == 0 && event_is_pending(a) && !event_taken[a], "a masked event");
	check(event_close(a) == 0 && status_of(b).status == EVTCHNSTAT_unbound, "the other end");
	check(event_send(b) == 0, "an event to nobody");
	check(event_close(a) == -XEN_EINVAL, "a port closed twice");
	check(event_close(b) == 0 && event_close(ipi) == 0 && event_close(console) == 0, "close");
	check(event_bind_virq(VIRQ_DEBUG, 0) == (int64_t)ipi, "the first free port again");
	check(event_close(ipi) == 0, "close");
}

static void check_exhaustion(void)
{
	unsigned count = 0;
	int64_t rc;

	while ((rc = event_alloc_unbound()) > 0) {
		count++;
	}
	check(rc == -XEN_ENOSPC && count == EVENT_PORTS - 1, "%u ports, then %x", U(count), U(rc));
	check(event_bind_ipi(0) == -XEN_ENOSPC, "an IPI when all ports are used");
	check(event_reset() == 0, "reset");
	check(status_of(1).status == EVTCHNSTAT_closed &&
		      status_of(EVENT_PORTS - 1).status == EVTCHNSTAT_closed,
	      "ports after a reset");
	check(event_bind_ipi(0) == 1, "the first port after a reset");
	check(event_close(1) == 0, "close");
}

/* ---- upcalls on one processor ---- */

static void check_upcalls(const char *how)
{
	uint32_t port = bound(event_bind_ipi(0), "bind_ipi");
	uint64_t before = event_taken[port];

	irq_disable();
	check(event_unmask(port) == 0, "unmask");
	check(event_send(port) == 0 && event_taken[port] == before, "%s: with interrupts off", how);
	check(vcpu_infos[0]->evtchn_upcall_pending == 1, "%s: upcall_pending", how);
	irq_enable();
	check(WAIT(event_taken[port] == before + 1, SECOND), "%s: not taken", how);
	/* At once: the next instruction finds it done. */
	for (unsigned i = 0; i < 1000; i++) {
		before = event_taken[port];
		(void)event_send(port);
		if (event_taken[port] != before + 1) {
			check(false, "%s: round %u: taken %u times", how, U(i),
			      event_taken[port] - before);
			break;
		}
	}
	/* Masked, pending, unmasked. */
	before = event_taken[port];
	event_mask(port);
	check(event_send(port) == 0 && event_send(port) == 0, "send");
	check(event_taken[port] == before && event_is_pending(port), "%s: a masked event", how);
	check(event_unmask(port) == 0 && event_taken[port] == before + 1, "%s: unmask", how);
	check(event_unmask(port) == 0 && event_taken[port] == before + 1, "%s: unmask again", how);
	/* HLT, and SCHEDOP_block, with an event that waits. */
	irq_disable();
	(void)event_send(port);
	__asm__ volatile("sti; hlt" : : : "memory");
	check(event_taken[port] == before + 2, "%s: HLT", how);
	irq_disable();
	(void)event_send(port);
	check(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, NULL) == 0, "block");
	irq_enable();
	check(WAIT(event_taken[port] == before + 3, SECOND), "%s: block", how);
	check(event_close(port) == 0, "close");
	event_mask(port);
	irq_disable();
}

static void check_poll(void)
{
	uint32_t port = bound(event_bind_ipi(0), "bind_ipi");
	struct xen_feature_info f = {0};
	uint64_t begin;

	event_mask(port);
	(void)hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, &f);
	begin = rdtsc();
	check(event_poll(port, 1) == 0, "poll with a time that is over");
	check(rdtsc() - begin < SECOND * tsc_per_us, "it took long");
	(void)event_send(port);
	check(event_poll(port, 0) == 0, "poll of a pending port");
	check(event_is_pending(port), "poll took the event");
	event_clear(port);
	check(event_close(port) == 0, "close");
}

/* Bits that no port set, flags with odd values: the next event comes all the same. */
static void check_rubbish(void)
{
	uint32_t port = bound(event_bind_ipi(0), "bind_ipi");
	uint64_t before;

	irq_disable();
	for (unsigned i = 0; i < 64; i++) {
		shared.evtchn_pending[i] = ~0ull;
	}
	vcpu_infos[0]->evtchn_pending_sel = ~0ull;
	vcpu_infos[0]->evtchn_upcall_pending = 0xff;
	vcpu_infos[0]->evtchn_upcall_mask = 0xff;
	(void)event_send(port);
	(void)event_unmask(port);
	(void)event_unmask(4095);
	vcpu_infos[0]->evtchn_upcall_pending = 0;
	vcpu_infos[0]->evtchn_pending_sel = 0;
	for (unsigned i = 0; i < 64; i++) {
		shared.evtchn_pending[i] = 0;
		shared.evtchn_mask[i] = ~0ull;
	}
	irq_enable();
	(void)event_unmask(port);
	before = event_taken[port];
	(void)event_send(port);
	check(WAIT(event_taken[port] == before + 1, SECOND), "after rubbish in shared_info");
	check(event_close(port) == 0, "close");
	event_mask(port);
	irq_disable();
}

/* A vcpu_info elsewhere; pending before, taken after. */
static void check_vcpu_info(unsigned vcpu)
{
	static struct vcpu_info places[CPUS_MAX][64] __attribute__((aligned(4096)));
	struct vcpu_info *to = &places[vcpu][3];
	struct vcpu_register_vcpu_info x = {.mfn = (uint64_t)to >> 12, .offset = 4092};
	uint32_t port = bound(event_bind_ipi(vcpu), "bind_ipi");
	uint64_t before = event_taken[port];

	irq_disable();
	check(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, vcpu, &x) == -XEN_ENXIO,
	      "a vcpu_info over the end of its page");
	x.offset = ((uint64_t)to & 0xfff) + 1;
	check(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, vcpu, &x) == -XEN_ENXIO,
	      "a vcpu_info that is not aligned");
	x.offset = (uint64_t)to & 0xfff;
	(void)event_unmask(port);
	(void)event_send(port);
	check(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, vcpu, &x) == 0,
	      "register_vcpu_info");
	vcpu_infos[vcpu] = to;
	check(to->evtchn_upcall_pending == 1, "the event did not move with the vcpu_info");
	check(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, vcpu, &x) == -XEN_EINVAL,
	      "a vcpu_info registered twice");
	irq_enable();
	check(WAIT(event_taken[port] == before + 1, SECOND), "an event over the move");
	(void)event_send(port);
	check(WAIT(event_taken[port] == before + 2, SECOND), "an event after the move");
	check(event_close(port) == 0, "close");
	event_mask(port);
	irq_disable();
}

/* ---- between processors ---- */

static unsigned cpus_running = 1;
static uint32_t ipi_port[CPUS_MAX];
static volatile uint64_t sequence, seen, stop;

static void use_vector(void *arg)
{
	(void)arg;
	check(event_upcall_vector(this_cpu()->index, VECTOR) == 0, "vector of vCPU %u",
	      U(this_cpu()->index));
}

static bool goes_on(uint64_t i, uint64_t end)
{
	return i < ROUNDS && (i < FEW || rdtsc() < end);
}

/* Answers each event with one. */
static void ponger(void *arg)
{
	uint32_t mine = ipi_port[this_cpu()->index];
	uint64_t base = *(uint64_t *)arg;

	while (!stop) {
		if (event_taken[mine] > base) {
			base++;
			(void)event_send(ipi_port[0]);
		}
	}
}

static void check_ping_pong(unsigned cpu)
{
	uint64_t base = event_taken[ipi_port[cpu]], own = event_taken[ipi_port[0]];
	uint64_t end = after_us(TIME), i;

	stop = 0;
	smp_run(cpu, ponger, &base);
	for (i = 0; goes_on(i, end); i++) {
		(void)event_send(ipi_port[cpu]);
		if (!check(WAIT(event_taken[ipi_port[0]] > own + i, 5 * SECOND),
			   "no answer of processor %u in round %u", U(cpu), i)) {
			break;
		}
	}
	stop = 1;
	check(smp_wait(cpu, 10 * SECOND), "processor %u does not come back", U(cpu));
	check(event_taken[ipi_port[cpu]] == base + i && event_taken[ipi_port[0]] == own + i,
	      "%u rounds, %u pings, %u pongs", i, event_taken[ipi_port[cpu]] - base,
	      event_taken[ipi_port[0]] - own);
	say("guest: %u rounds with processor %u\n", i, U(cpu));
}

/* Everybody sends to everybody; each then gets one more, which has to arrive. */
static void sender(void *arg)
{
	uint64_t end = after_us(TIME);

	(void)arg;
	for (uint64_t i = 0; goes_on(i, end); i++) {
		(void)event_send(ipi_port[i % cpus_running]);
	}
}

static void check_storm(void)
{
	for (unsigned i = 1; i < cpus_running; i++) {
		smp_run(i, sender, NULL);
	}
	sender(NULL);
	for (unsigned i = 1; i < cpus_running; i++) {
		check(smp_wait(i, 20 * SECOND), "processor %u does not come back", U(i));
	}
	delay_us(1000);
	for (unsigned i = 0; i < cpus_running; i++) {
		uint64_t before;

		check(WAIT(!event_is_pending(ipi_port[i]), SECOND), "an event of processor %u stays",
		      U(i));
		before = event_taken[ipi_port[i]];
		(void)event_send(ipi_port[i]);
		check(WAIT(event_taken[ipi_port[i]] == before + 1, SECOND),
		      "processor %u after a storm", U(i));
	}
}

/* Masks and unmasks the port, which is its own, as fast as it can. */
static void masker(void *arg)
{
	uint32_t port = *(uint32_t *)arg;
	uint64_t random = 88172645463325252ull;

	while (!stop) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		event_mask(port);
		for (uint64_t i = random & 63; i; i--) {
			__asm__ volatile("pause");
		}
		(void)event_unmask(port);
		for (uint64_t i = random >> 8 & 63; i; i--) {
			__asm__ volatile("pause");
		}
	}
}

static void note_sequence(uint32_t port)
{
	(void)port;
	__atomic_store_n(&seen, __atomic_load_n(&sequence, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
}

static void check_masks(unsigned cpu)
{
	uint32_t port = ipi_port[cpu];
	uint64_t end = after_us(TIME), i;

	stop = seen = sequence = 0;
	event_hook = note_sequence;
	smp_run(cpu, masker, &port);
	for (i = 0; goes_on(i, end); i++) {
		__atomic_store_n(&sequence, i + 1, __ATOMIC_SEQ_CST);
		(void)event_send(port);
		if (!check(WAIT(seen > i, 5 * SECOND),
			   "event %u was lost between mask and unmask", i)) {
			break;
		}
	}
	stop = 1;
	check(smp_wait(cpu, 5 * SECOND), "processor %u does not come back", U(cpu));
	event_hook = NULL;
	say("guest: %u events past the masks of processor %u\n", i, U(cpu));
}

static volatile uint64_t halt_from;

/* Wakes the other one out of a poll, and out of HLT. */
static void poller(void *arg)
{
	check(event_poll(*(uint32_t *)arg, 0) == 0, "poll");
}

static void halter(void *arg)
{
	uint32_t port = *(uint32_t *)arg;

	while (event_taken[port] == halt_from) {
		irq_disable();
		if (event_taken[port] == halt_from) {
			__asm__ volatile("sti; hlt" : : : "memory");
		}
		irq_enable();
	}
}

static void check_wakes(unsigned cpu)
{
	uint32_t port = bound(event_bind_ipi(cpu), "bind_ipi");

	for (unsigned i = 0; i < 50; i++) {
		event_mask(port);
		smp_run(cpu, poller, &port);
		delay_us(i % 2 ? 1000 : i * 10);
		(void)event_send(port);
		if (!check(smp_wait(cpu, 5 * SECOND), "round %u: a poll sleeps on", U(i))) {
			return;
		}
		event_clear(port);
	}
	(void)event_unmask(port);
	for (unsigned i = 0; i < 50; i++) {
		halt_from = event_taken[port];
		smp_run(cpu, halter, &port);
		delay_us(i % 2 ? 1000 : i * 10);
		(void)event_send(port);
		if (!check(smp_wait(cpu, 5 * SECOND), "round %u: HLT sleeps on", U(i))) {
			return;
		}
	}
	check(event_close(port) == 0, "close");
	event_mask(port);
}

static void check_processors(void)
{
	cpus_running = smp_start();
	check(cpus_running > 1 && cpus_running == cpu_count, "%u of %u processors run",
	      U(cpus_running), U(cpu_count));
	for (unsigned i = 0; i < cpus_running; i++) {
		if (i) {
			smp_run(i, use_vector, NULL);
			check(smp_wait(i, SECOND), "processor %u does not come back", U(i));
		}
		ipi_port[i] = bound(event_bind_ipi(i), "bind_ipi");
		check(event_unmask(ipi_port[i]) == 0, "unmask");
	}
	irq_enable();
	for (unsigned i = 1; i < cpus_running; i++) {
		check_ping_pong(i);
		check_masks(i);
		check_wakes(i);
	}
	check_storm();
	irq_disable();
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "events");
	if (!has_xen()) {
		guest_fail("no Xen ABI: abi=xen is needed");
	}
	apic_enable();
	trap_handlers[VECTOR] = event_upcall;
	trap_handlers[CALLBACK] = event_callback;
	event_init();
	check_ports();
	check_exhaustion();
	check(event_callback_vector(CALLBACK) == 0, "callback vector");
	check_upcalls("callback vector");
	check(event_callback_vector(15) == -XEN_EINVAL, "callback vector 15");
	check(event_upcall_vector(0, VECTOR) == 0, "upcall vector");
	check(event_upcall_vector(0, 15) == -XEN_EINVAL, "upcall vector 15");
	check_upcalls("upcall vector");
	check_poll();
	check_rubbish();
	check_vcpu_info(0);
	check_upcalls("upcall vector, vcpu_info elsewhere");
	if (option("smp")) {
		check_processors();
	}
	guest_end();
}
