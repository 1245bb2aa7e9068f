// SPDX-License-Identifier: MIT
/*
 * MSI with two messages, masks and pending bits (PCI 3.0 6.8.1), of QEMU's root port
 * ioh3420: what the domain reads of it, and that each message arrives once, where
 * the domain's registers say, also while they change. With `single` on the command line
 * the port has to show one message, as it does where interrupts are not remapped.
 *
 * Message 0 is the slot's: each write of Slot Control is a command, which QEMU
 * completes at once (PCIe 6.0 6.7.3.2). The last message, 1 or 0, is that of errors,
 * which the test's judge injects (judge_msi.py): asked by a line `L: inject N`. As
 * long as the error stands in Root Error Status, the domain can ask for the message itself:
 * it is sent whenever Root Error Command begins to enable the report of one that stands
 * (PCIe 6.0 6.2.4.1.2).
 *
 * QEMU 10.0 is unlike a port in two ways, which raise_slot() avoids: a write to Slot Status
 * that names a bit which is not set clears nothing, and a slot interrupt that goes away
 * by a write of Slot Control is sent once more.
 *
 * Not supported: messages with 64-bit addresses or without mask bits, and more than two.
 */
#include "apic.h"
#include "pci.h"

#define IDENTITY   0x34208086u
#define CPUS       2u
#define FIRST      0x60u /* vectors: two neighbours */
#define OTHER      0x92u /* and two others */
#define COUNT_OF   1000u
#define INJECTED   20u
#define MOVES_EACH 5u          /* of a message that is raised */
#define QUIET      3000ull     /* without another message; microseconds */
#define PATIENCE   30000000ull /* of a busy machine; microseconds */

#define COMMAND        0x04u
#define COMMAND_MASTER 0x0004u
#define COMMAND_SERR   0x0100u
#define COMMAND_NOINTX 0x0400u
#define STATUS         0x06u
#define STATUS_INTX    0x0008u
#define BRIDGE         0x3eu
#define BRIDGE_SERR    0x0002u

#define CAP_MSI     0x05u
#define MSI_CONTROL 0x02u
#define MSI_ADDRESS 0x04u
#define MSI_DATA    0x08u
#define MSI_MASK    0x0cu
#define MSI_PENDING 0x10u
#define MSI_ENABLE  0x0001u
#define MSI_MASKS   0x0100u
#define MSI_FEE     0xfee00000u

#define CAP_EXPRESS    0x10u
#define DEVICE_CONTROL 0x08u
#define DEVICE_ERRORS  0x0002u /* report non-fatal ones */
#define SLOT_CONTROL   0x18u
#define SLOT_ENABLES   0x0030u /* of command completed, of interrupts */
#define SLOT_STATUS    0x1au
#define SLOT_COMPLETED 0x0010u

#define CAP_AER       0x0001u
#define AER_STATUS    0x04u
#define ROOT_COMMAND  0x2cu
#define ROOT_NONFATAL 0x2u
#define ROOT_STATUS   0x30u
#define ROOT_ERRORS   0x7fu
#define ROOT_RECEIVED 0x24u /* an uncorrectable error, a non-fatal one */

static uint64_t port, msi, express, aer;
static unsigned offered = 2; /* messages that the domain should see */
static unsigned enabled;     /* that it uses */
static unsigned injected;

/* ---- what arrives ---- */

static volatile uint64_t taken;
static uint64_t wanted[CPUS][256];

static void handler(struct frame *f)
{
	(void)f;
	__atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
}

/* Everywhere exactly what was wanted since the last time. */
static void tally(const char *what)
{
	delay_us(QUIET);
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		for (unsigned vector = 0; vector < 256; vector++) {
			uint64_t n = cpus[cpu].irqs[vector];

			if (n != wanted[cpu][vector]) {
				check(false, "%s: %u too many, %u too few at vector %x of %u", what,
				      n > wanted[cpu][vector] ? n - wanted[cpu][vector] : 0,
				      n < wanted[cpu][vector] ? wanted[cpu][vector] - n : 0,
				      U(vector), U(cpu));
				wanted[cpu][vector] = n;
			}
		}
	}
	check(true, "%s", what);
}

/* ---- the two sources ---- */

static void raise_slot(void)
{
	if (read16(express + SLOT_STATUS) & SLOT_COMPLETED) {
		write16(express + SLOT_STATUS, SLOT_COMPLETED);
	}
	write16(express + SLOT_CONTROL, read16(express + SLOT_CONTROL) | SLOT_ENABLES);
}

static void raise_error(void)
{
	write32(aer + ROOT_COMMAND, 0);
	write32(aer + ROOT_COMMAND, ROOT_NONFATAL);
}

static const struct source {
	const char *name;
	void (*raise)(void);
} sources[] = {{"slot", raise_slot}, {"error", raise_error}};

static unsigned message_of(unsigned source)
{
	return enabled == 2 ? source : 0;
}

/* Raise, and wait until something arrives: where, tally() judges. */
static bool raise_to(unsigned source, unsigned cpu, unsigned vector)
{
	uint64_t before = taken;

	wanted[cpu][vector + message_of(source)]++;
	sources[source].raise();
	return WAIT(taken != before, PATIENCE);
}

static uint32_t message_address(unsigned cpu)
{
	return MSI_FEE | cpus[cpu].apic_id << 12;
}

/* On with so many messages, to this processor from this vector on, none masked. */
static void enable(unsigned messages, unsigned cpu, unsigned vector)
{
	enabled = messages;
	write16(msi + MSI_CONTROL, 0);
	write32(msi + MSI_ADDRESS, message_address(cpu));
	write16(msi + MSI_DATA, (uint16_t)vector);
	write32(msi + MSI_MASK, 0);
	write16(msi + MSI_CONTROL, (uint16_t)(MSI_ENABLE | (messages - 1) << 4));
}

static void start_port(void)
{
	write16(port + COMMAND, read16(port + COMMAND) | COMMAND_MASTER | COMMAND_SERR);
	write16(port + BRIDGE, read16(port + BRIDGE) | BRIDGE_SERR);
	write16(express + DEVICE_CONTROL, read16(express + DEVICE_CONTROL) | DEVICE_ERRORS);
	write32(aer + ROOT_COMMAND, ROOT_NONFATAL);
}

/* ---- the registers ---- */

static void check_word(const char *what, unsigned reg, uint16_t v, uint16_t expected)
{
	write16(msi + reg, v);
	check(read16(msi + reg) == expected, "%s: %x written, %x read", what, U(v),
	      U(read16(msi + reg)));
}

static void check_dword(const char *what, unsigned reg, uint32_t v, uint32_t expected)
{
	write32(msi + reg, v);
	check(read32(msi + reg) == expected, "%s: %x written, %x read", what, U(v),
	      U(read32(msi + reg)));
}

static void check_registers(void)
{
	uint16_t control = (uint16_t)(MSI_MASKS | (offered - 1) << 1);
	uint32_t masks = (1u << offered) - 1;

	check(read16(msi + MSI_CONTROL) == control, "control %x, not %x",
	      U(read16(msi + MSI_CONTROL)), U(control));
	check_word("no messages but one", MSI_CONTROL, 0xff8e, control);
	check_word("two messages", MSI_CONTROL, 0x10, control | 0x10);
	check_word("one message", MSI_CONTROL, 0, control);
	check_dword("address", MSI_ADDRESS, 0xfee01233, 0xfee01230);
	check_dword("address", MSI_ADDRESS, 0x12345678, 0x12345678);
	check_dword("data", MSI_DATA, 0xabcd4163, 0x4163);
	check_word("data", MSI_DATA, 0x61, 0x61);
	check_dword("mask", MSI_MASK, 0xffffffff, masks);
	check_dword("mask", MSI_MASK, 0, 0);
	check_dword("pending", MSI_PENDING, 0xffffffff, 0);
	/* With the message in the device, all reads back as it was written. */
	enable(offered, 1, OTHER);
	check(read16(msi + MSI_CONTROL) == (control | MSI_ENABLE | (offered - 1) << 4) &&
		      read32(msi + MSI_ADDRESS) == message_address(1) &&
		      read32(msi + MSI_DATA) == OTHER && read32(msi + MSI_MASK) == 0,
	      "on: control %x, address %x, data %x, mask %x", U(read16(msi + MSI_CONTROL)),
	      U(read32(msi + MSI_ADDRESS)), U(read32(msi + MSI_DATA)), U(read32(msi + MSI_MASK)));
	write16(msi + MSI_CONTROL, 0);
	tally("registers");
}

/* ---- messages, as they are ---- */

/* One error by the judge; it stays in the status registers. */
static bool inject(unsigned vector)
{
	uint64_t before = taken;

	write32(aer + AER_STATUS, read32(aer + AER_STATUS));
	write32(aer + ROOT_STATUS, ROOT_ERRORS);
	check(!(read32(aer + ROOT_STATUS) & ROOT_ERRORS), "Root Error Status %x after clearing",
	      U(read32(aer + ROOT_STATUS)));
	wanted[0][vector]++;
	say("L: inject %u\n", U(++injected));
	return check(WAIT(taken != before, PATIENCE), "injected error %u: no message",
		     U(injected)) &&
	       check((read32(aer + ROOT_STATUS) & ROOT_ERRORS) == ROOT_RECEIVED,
		     "Root Error Status %x", U(read32(aer + ROOT_STATUS)));
}

static void check_messages(unsigned messages)
{
	enable(messages, 0, FIRST);
	for (unsigned i = 0; i < INJECTED && inject(FIRST + message_of(1)); i++) {
	}
	tally("injected errors");
	for (unsigned source = 0; source < COUNT(sources); source++) {
		unsigned n = 0;

		while (n < COUNT_OF && raise_to(source, 0, FIRST)) {
			n++;
		}
		check(n == COUNT_OF, "%s: %u of %u came", sources[source].name, U(n), U(COUNT_OF));
		tally(sources[source].name);
		say("guest: msi: %u of %u messages: %s raised %u, at vector %x %u\n", U(messages),
		    U(offered), sources[source].name, U(n), U(FIRST + message_of(source)),
		    cpus[0].irqs[FIRST + message_of(source)]);
	}
}

/* Low bits of the data that count messages are the device's (6.8.1.3). */
static void check_low_bits(void)
{
	enable(2, 0, FIRST + 1);
	for (unsigned source = 0; source < COUNT(sources); source++) {
		check(raise_to(source, 0, FIRST), "odd data: nothing came");
	}
	tally("odd data");
	check(read16(msi + MSI_DATA) == FIRST + 1, "odd data: %x read", U(read16(msi + MSI_DATA)));
}

/* More than there are: the same as all there are. */
static void check_too_many(void)
{
	enable(offered, 0, FIRST);
	write16(msi + MSI_CONTROL, MSI_ENABLE | 0x50);
	for (unsigned source = 0; source < COUNT(sources); source++) {
		check(raise_to(source, 0, FIRST), "too many messages: nothing came");
	}
	tally("too many messages");
}

/* ---- masks ---- */

/* Opened: what is pending comes, once. */
static void check_unmask(unsigned cpu, unsigned vector)
{
	uint64_t before = taken;

	wanted[cpu][vector]++;
	write32(msi + MSI_MASK, 0);
	check(WAIT(taken != before, PATIENCE), "unmasked: nothing came");
	tally("unmasked");
	check(read32(msi + MSI_PENDING) == 0, "unmasked: pending %x", U(read32(msi + MSI_PENDING)));
}

static void check_masked(unsigned source)
{
	uint32_t bit = 1u << message_of(source);

	enable(offered, 0, FIRST);
	write32(msi + MSI_MASK, bit);
	check(read32(msi + MSI_PENDING) == 0, "masked: pending %x", U(read32(msi + MSI_PENDING)));
	sources[source].raise();
	sources[source].raise();
	tally("masked");
	check(read32(msi + MSI_PENDING) == bit, "masked: pending %x, not %x",
	      U(read32(msi + MSI_PENDING)), U(bit));
	for (unsigned n = 0; enabled == 2 && n < 10; n++) {
		check(raise_to(!source, 0, FIRST), "%s does not come while %s is masked",
		      sources[!source].name, sources[source].name);
	}
	tally("the other one");
	check_unmask(0, FIRST + message_of(source));
	/* Moved in between. */
	write32(msi + MSI_MASK, bit);
	sources[source].raise();
	write32(msi + MSI_ADDRESS, message_address(1));
	write16(msi + MSI_DATA, OTHER);
	tally("masked and moved");
	check(read32(msi + MSI_PENDING) == bit, "moved: pending %x", U(read32(msi + MSI_PENDING)));
	check_unmask(1, OTHER + message_of(source));
	check(raise_to(source, 1, OTHER), "after the move: nothing came");
	tally("after the move");
}

/* ---- moves ---- */

/* Which of the two processors and of the two pairs of vectors. */
static void move(bool masked, unsigned cpu, unsigned vector)
{
	if (masked) {
		write32(msi + MSI_MASK, (1u << offered) - 1);
	}
	write32(msi + MSI_ADDRESS, message_address(cpu));
	write16(msi + MSI_DATA, (uint16_t)vector);
	if (masked) {
		write32(msi + MSI_MASK, 0);
	}
}

/* One processor moves and raises by turns: each message is where the last move said. */
static void check_moves(void)
{
	bool came = true;

	enable(offered, 0, FIRST);
	for (unsigned i = 0; i < COUNT_OF && came; i++) {
		unsigned cpu = i & 1, vector = i & 4 ? OTHER : FIRST;

		move(i & 2, cpu, vector);
		came = raise_to(0, cpu, vector) && raise_to(1, cpu, vector);
	}
	check(came, "a message is lost after a move");
	tally("moves");
}

/* The second processor raises, each message when the one before has come. */
struct stream {
	volatile unsigned sent;
	volatile bool over, lost;
};

static void stream(void *arg)
{
	struct stream *s = arg;

	while (s->sent < COUNT_OF && !s->lost) {
		uint64_t before = taken;

		sources[s->sent % 2].raise();
		s->sent++;
		s->lost = !WAIT(taken != before, PATIENCE);
	}
	s->over = true;
}

/* What came: at all places, as message 0, and where processor and vector are not of one move. */
struct places {
	uint64_t all, first, mixed;
};

static struct places count_places(bool pairs)
{
	struct places p = {0};

	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		for (unsigned i = 0; i < 2 * enabled; i++) {
			unsigned vector = (i < enabled ? FIRST : OTHER - enabled) + i;
			uint64_t n = cpus[cpu].irqs[vector] - wanted[cpu][vector];

			p.all += n;
			p.first += i % enabled == 0 ? n : 0;
			p.mixed += pairs && cpu != i / enabled ? n : 0;
			wanted[cpu][vector] += n;
		}
	}
	return p;
}

/* Moves in the middle of it: back and forth between two places, registers one by one. */
static const struct move_kind {
	const char *name;
	bool masked, cpu, vector;
} move_kinds[] = {
	{"processor", false, true, false},
	{"vector", false, false, true},
	{"both, masked", true, true, true},
	{"both", false, true, true},
};

static void check_stream(const struct move_kind *kind)
{
	static struct stream s;
	struct places p;
	unsigned moves = 0;

	enable(offered, 0, FIRST);
	s.sent = 0;
	s.over = s.lost = false;
	smp_run(1, stream, &s);
	while (!s.over) {
		bool there = moves & 1;

		/* The lock that both need is not fair: not so often that the other one waits. */
		if (moves < MOVES_EACH * (s.sent + 1)) {
			move(kind->masked, kind->cpu && there,
			     kind->vector && there ? OTHER : FIRST);
			moves++;
		}
		__asm__ volatile("pause" : : : "memory");
	}
	check(smp_wait(1, PATIENCE), "the other processor comes back");
	delay_us(QUIET);
	p = count_places(kind->masked);
	check(!s.lost, "%s: message %u is lost", kind->name, U(s.sent));
	check(p.all == s.sent, "%s: %u sent, %u came", kind->name, U(s.sent), p.all);
	check(p.first == (enabled == 2 ? s.sent - s.sent / 2 : s.sent), "%s: %u came as message 0",
	      kind->name, p.first);
	check(p.mixed == 0, "%s: %u came to one place's vector on the other's processor",
	      kind->name, p.mixed);
	check(moves > s.sent / 10, "%s: %u moves", kind->name, U(moves));
	move(kind->masked, 1, OTHER);
	check(raise_to(0, 1, OTHER) && raise_to(1, 1, OTHER), "%s: none at the end", kind->name);
	tally(kind->name);
	say("guest: msi: moved %s: %u raised, %u came, %u moves\n", kind->name, U(s.sent), p.all,
	    U(moves));
}

/* ---- off ---- */

static void check_off(void)
{
	uint16_t command = read16(port + COMMAND);

	enable(offered, 0, FIRST);
	write16(port + COMMAND, command | COMMAND_NOINTX);
	check(raise_to(0, 0, FIRST) && raise_to(1, 0, FIRST), "MSI depends on INTx Disable");
	tally("INTx Disable");
	write16(msi + MSI_CONTROL, (uint16_t)((offered - 1) << 4));
	raise_slot();
	raise_error();
	tally("off");
	check(read16(express + SLOT_STATUS) & SLOT_COMPLETED, "off: no command completed");
	check(read16(port + STATUS) & STATUS_INTX, "off: no interrupt is asked for");
	check(read32(msi + MSI_PENDING) == 0, "off: pending %x", U(read32(msi + MSI_PENDING)));
	write16(msi + MSI_CONTROL, (uint16_t)(MSI_ENABLE | (offered - 1) << 4));
	tally("on again");
	check(raise_to(0, 0, FIRST) && raise_to(1, 0, FIRST), "on again: nothing came");
	tally("on again");
	write16(msi + MSI_CONTROL, 0);
	write16(port + COMMAND, command);
}

static bool find_port(void)
{
	port = pci_find(IDENTITY);
	if (!port) {
		return false;
	}
	msi = port + pci_cap(port, CAP_MSI);
	express = port + pci_cap(port, CAP_EXPRESS);
	aer = port + pci_cap_extended(port, CAP_AER);
	return msi != port && express != port && aer != port;
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "msi");
	if (option("single")) {
		offered = 1;
	}
	for (unsigned vector = 0x20; vector < 0x100; vector++) {
		trap_handlers[vector] = handler;
	}
	apic_enable();
	if (!find_port() || smp_start() < CPUS) {
		guest_fail("no port ioh3420 with MSI, slot and errors, or one processor");
	}
	irq_enable();
	say("H: msi\n");
	check_registers();
	start_port();
	for (unsigned messages = 1; messages <= offered; messages++) {
		check_messages(messages);
	}
	say("L: no more\n");
	if (offered == 2) {
		check_low_bits();
	}
	for (unsigned source = 0; source < COUNT(sources); source++) {
		check_masked(source);
	}
	check_moves();
	for (unsigned i = 0; i < COUNT(move_kinds); i++) {
		check_stream(&move_kinds[i]);
	}
	check_too_many();
	check_off();
	irq_disable();
	guest_end();
}
