// SPDX-License-Identifier: MIT
/*
 * The local APIC, as a page and, with abi=xen, by MSRs (SDM 3A chapter 11): registers
 * and their reserved bits, mode transitions, priorities, end of interrupt, errors, and
 * interprocessor interrupts by every shorthand and destination mode. With `smp` on
 * the command line to other processors too, which are started over by INIT
 * and SIPI, woken from HLT by NMI, and flooded.
 */
#include "apic.h"

#define SECOND 1000000ull
#define FIRST  0x40u /* vectors of tests: FIRST to FIRST + 0x8f, except 0x80 */

#define ESR_SEND     0x20u
#define ESR_RECEIVE  0x40u
#define ESR_REGISTER 0x80u

static bool x2apic;
static unsigned running = 1;

static const char *mode(void)
{
	return x2apic ? "x2APIC" : "xAPIC";
}

/* ---- order of what the first processor took ---- */

static volatile uint8_t order[64];
static volatile unsigned taken;

static void note(struct frame *f)
{
	if (this_cpu()->index != 0) {
		apic_eoi();
		return;
	}
	if (taken < COUNT(order)) {
		order[taken] = (uint8_t)f->vector;
	}
	taken++;
	apic_eoi();
}

static uint64_t irqs(unsigned cpu, unsigned vector)
{
	return cpus[cpu].irqs[vector];
}

static bool reg_bit(unsigned reg, unsigned vector)
{
	return apic_read(reg + vector / 32 * 0x10) >> vector % 32 & 1;
}

static uint32_t esr(void)
{
	apic_write(APIC_ESR, 0);
	return apic_read(APIC_ESR);
}

/* ---- registers ---- */

static void check_masks(void)
{
	static const struct {
		unsigned reg;
		uint32_t writable;
	} list[] = {
		{APIC_TPR, 0xff},
		{APIC_LVT_TIMER, 0x700ff},
		{APIC_LVT_LINT0, 0x1a7ff},
		{APIC_LVT_LINT1, 0x1a7ff},
		{APIC_LVT_ERROR, 0x100ff},
		{APIC_TIMER_DIVIDE, 0xb},
	};

	for (unsigned i = 0; i < COUNT(list); i++) {
		uint32_t before = apic_read(list[i].reg);
		uint32_t v = list[i].writable & ~(list[i].reg == APIC_LVT_TIMER ? 0x40000u : 0);

		apic_write(list[i].reg, v);
		check(apic_read(list[i].reg) == v, "%s register %x: %x, not %x", mode(),
		      U(list[i].reg), U(apic_read(list[i].reg)), U(v));
		if (!x2apic) {
			apic_write(list[i].reg, 0xffffffffu);
			check(!(apic_read(list[i].reg) & ~list[i].writable), "register %x: %x",
			      U(list[i].reg), U(apic_read(list[i].reg)));
		}
		apic_write(list[i].reg, before);
	}
	apic_write(APIC_TPR, 0);
}

static void check_xapic_registers(void)
{
	check((apic_read(APIC_VERSION) & 0xff) >= 0x10 && (apic_read(APIC_VERSION) & 0xff) < 0x20,
	      "version %x", U(apic_read(APIC_VERSION)));
	(void)esr();
	(void)read32(APIC_PAGE + 0x40);
	check(esr() == ESR_REGISTER, "a register that is not there");
	check(esr() == 0, "ESR after two writes");
	write32(APIC_PAGE + 0x3f0, 0);
	check(esr() & ESR_REGISTER, "self-IPI register in xAPIC mode");
	apic_write(APIC_LDR, 0xabffffffu);
	check(apic_read(APIC_LDR) == 0xab000000u, "LDR %x", U(apic_read(APIC_LDR)));
	apic_write(APIC_DFR, 0);
	check(apic_read(APIC_DFR) == 0x0fffffffu, "DFR %x", U(apic_read(APIC_DFR)));
	apic_write(APIC_DFR, 0xffffffffu);
	/* A read-only register keeps its value. */
	write32(APIC_PAGE + APIC_VERSION, 0);
	check(apic_read(APIC_VERSION) != 0, "the version was written");
	/* Off by software: masked entries, which cannot be opened. */
	apic_write(APIC_LVT_LINT0, 0x700);
	apic_write(APIC_SVR, 0xff);
	check(apic_read(APIC_LVT_LINT0) == 0x10700, "LINT0 %x when off",
	      U(apic_read(APIC_LVT_LINT0)));
	apic_write(APIC_LVT_LINT0, 0x700);
	check(apic_read(APIC_LVT_LINT0) == 0x10700, "LINT0 can be opened when off");
	apic_enable();
}

static void check_x2apic_registers(void)
{
	uint64_t v;

	for (uint32_t msr = 0x800; msr < 0x900; msr++) {
		bool reads = (msr >= 0x802 && msr <= 0x803) || msr == 0x808 || msr == 0x80a ||
			     msr == 0x80d || msr == 0x80f || (msr >= 0x810 && msr <= 0x828) ||
			     msr == 0x830 || (msr >= 0x832 && msr <= 0x839) || msr == 0x83e;

		check(try_rdmsr(msr, &v) == (reads ? -1 : EXC_GP), "RDMSR %x: vector %u", U(msr),
		      U(this_trap()->vector));
	}
	check(try_wrmsr(0x802, 0) == EXC_GP, "the id can be written");
	check(try_wrmsr(0x80d, 0) == EXC_GP, "the logical id can be written");
	check(try_wrmsr(0x808, 0x100) == EXC_GP, "reserved bits of TPR");
	check(try_wrmsr(0x808, 1ull << 32) == EXC_GP, "the upper half of TPR");
	check(try_wrmsr(0x80b, 1) == EXC_GP, "EOI of 1");
	check(try_wrmsr(0x828, 1) == EXC_GP, "ESR of 1");
	check(try_wrmsr(0x832, 0x1000) == EXC_GP, "reserved bits of an LVT entry");
	check(try_wrmsr(0x830, 0x2000) == EXC_GP, "reserved bits of ICR");
	check(try_wrmsr(0x83f, 0x100) == EXC_GP, "reserved bits of SELF IPI");
	v = apic_read(APIC_LDR);
	check(v == ((apic_id() >> 4) << 16 | 1u << (apic_id() & 15)), "LDR %x", v);
	check(read32(APIC_PAGE + APIC_VERSION) == 0xffffffffu, "the page decodes in x2APIC mode");
}

/* Off, xAPIC, x2APIC: the ways there are, and those there are not (figure 11-27). */
static void check_transitions(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) & ~(BASE_X2APIC | BASE_ENABLE);

	wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
	check(try_wrmsr(MSR_APIC_BASE, base | BASE_ENABLE) == EXC_GP, "x2APIC to xAPIC");
	check(try_wrmsr(MSR_APIC_BASE, base | BASE_X2APIC) == EXC_GP, "x2APIC to nothing there is");
	check(try_wrmsr(MSR_APIC_BASE, base) == -1, "x2APIC to off");
	check(try_wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC) == EXC_GP,
	      "off to x2APIC");
	check(try_wrmsr(MSR_APIC_BASE, base | BASE_ENABLE) == -1, "off to xAPIC");
	check(apic_read(APIC_SVR) == 0xff && apic_read(APIC_LVT_TIMER) == LVT_MASKED,
	      "registers after off: SVR %x", U(apic_read(APIC_SVR)));
	apic_enable();
	apic_write(APIC_TPR, 0x30);
	wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
	check(apic_read(APIC_TPR) == 0x30 && apic_read(APIC_SVR) == 0x1ff,
	      "registers of xAPIC mode in x2APIC mode");
	apic_write(APIC_TPR, 0);
	wrmsr(MSR_APIC_BASE, base);
	wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
	apic_enable();
}

/* ---- priorities ---- */

static void expect_order(const char *what, const uint8_t *expected, unsigned n)
{
	check(taken == n, "%s: %u interrupts, not %u", what, U(taken), U(n));
	for (unsigned i = 0; i < n && i < taken; i++) {
		check(order[i] == expected[i], "%s: interrupt %u is %x, not %x", what, U(i),
		      U(order[i]), U(expected[i]));
	}
	taken = 0;
}

static void send_self(unsigned vector)
{
	apic_send(0, ICR_SELF | vector);
}

static void check_order(void)
{
	static const uint8_t sent[] = {0x51, 0xa1, 0x61, 0x62, 0xc3, 0x41, 0x99};
	static const uint8_t sorted[] = {0xc3, 0xa1, 0x99, 0x62, 0x61, 0x51, 0x41};
	static const uint8_t high[] = {0xc3, 0xa1}, rest[] = {0x99, 0x62, 0x61, 0x51, 0x41};

	taken = 0;
	for (unsigned i = 0; i < COUNT(sent); i++) {
		send_self(sent[i]);
		send_self(sent[i]);
		check(reg_bit(APIC_IRR, sent[i]) && !reg_bit(APIC_ISR, sent[i]), "IRR of %x",
		      U(sent[i]));
		check(!reg_bit(APIC_TMR, sent[i]), "TMR of %x", U(sent[i]));
	}
	irq_enable();
	check(WAIT(taken == COUNT(sorted), SECOND), "%s: pending interrupts", mode());
	irq_disable();
	expect_order("priority", sorted, COUNT(sorted));
	/* The same with TPR, which lets the highest two through. */
	for (unsigned i = 0; i < COUNT(sent); i++) {
		send_self(sent[i]);
	}
	apic_write(APIC_TPR, 0x9f);
	irq_enable();
	check(WAIT(taken == 2, SECOND), "%s: two above TPR", mode());
	delay_us(1000);
	expect_order("above TPR", high, COUNT(high));
	check(apic_read(APIC_PPR) == 0x9f, "PPR %x", U(apic_read(APIC_PPR)));
	apic_write(APIC_TPR, 0);
	check(WAIT(taken == COUNT(rest), SECOND), "%s: the others after TPR", mode());
	irq_disable();
	expect_order("below TPR", rest, COUNT(rest));
}

/* A handler with interrupts on: higher ones come inside, lower and equal ones wait for its EOI. */
static volatile unsigned nested_state;

static void nesting(struct frame *f)
{
	(void)f;
	check(reg_bit(APIC_ISR, 0x71), "ISR in the handler");
	check(apic_read(APIC_PPR) == 0x70, "PPR %x in the handler", U(apic_read(APIC_PPR)));
	taken = 0;
	send_self(0x61);
	send_self(0x72);
	send_self(0x81 + 0x10);
	irq_enable();
	check(WAIT(taken == 1, SECOND), "%s: a higher one inside", mode());
	delay_us(1000);
	check(taken == 1 && order[0] == 0x91, "%s: %u inside, %x first", mode(), U(taken),
	      U(order[0]));
	irq_disable();
	apic_eoi();
	check(!reg_bit(APIC_ISR, 0x71), "ISR after EOI");
	nested_state = 1;
}

static void check_nesting(void)
{
	static const uint8_t expected[] = {0x91, 0x72, 0x61};

	trap_handlers[0x71] = nesting;
	nested_state = taken = 0;
	send_self(0x71);
	irq_enable();
	check(WAIT(nested_state && taken == 3, SECOND), "%s: nesting", mode());
	irq_disable();
	expect_order("nesting", expected, COUNT(expected));
	trap_handlers[0x71] = note;
	/* An EOI when nothing is in service changes nothing. */
	apic_eoi();
	check(apic_read(APIC_PPR) == 0, "PPR %x at rest", U(apic_read(APIC_PPR)));
}

static void check_errors(void)
{
	uint64_t before = irqs(0, 0xe1);

	(void)esr();
	(void)esr();
	apic_write(APIC_LVT_ERROR, 0xe1);
	irq_enable();
	send_self(0x05);
	check(WAIT(irqs(0, 0xe1) == before + 1, SECOND), "%s: no error interrupt", mode());
	check(esr() & (ESR_SEND | ESR_RECEIVE), "%s: vector 5: ESR %x", mode(),
	      U(apic_read(APIC_ESR)));
	check(esr() == 0, "%s: ESR %x after", mode(), U(apic_read(APIC_ESR)));
	irq_disable();
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
	taken = 0;
}

/* ---- messages to this processor, each way to name it ---- */

static void check_one(const char *what, uint32_t dest, uint32_t low, bool arrives)
{
	taken = 0;
	apic_send(dest, low | ICR_ASSERT | 0x55);
	check(WAIT(taken == 1, arrives ? SECOND : 2000) == arrives, "%s, %s: %u arrived", mode(),
	      what, U(taken));
	check(!(apic_read(APIC_ICR) & 0x1000), "%s, %s: delivery is pending", mode(), what);
	taken = 0;
}

static void check_self_physical(void)
{
	uint32_t id = apic_id();

	irq_enable();
	check_one("self", 0, ICR_SELF, true);
	check_one("physical", id, 0, true);
	check_one("lowest priority", id, ICR_LOWEST, true);
	check_one("physical broadcast", x2apic ? 0xffffffffu : 0xff, 0, true);
	check_one("all", 0, ICR_ALL, true);
	check_one("all, destination ignored", 77, ICR_ALL, true);
	check_one("nobody's id", 0x7e, 0, false);
	if (running == 1) {
		check_one("others", 0, ICR_OTHERS, false);
	}
	if (x2apic) {
		taken = 0;
		wrmsr(0x83f, 0x55);
		check(WAIT(taken == 1, SECOND), "SELF IPI");
		taken = 0;
		check_one("255 is nobody", 0xff, 0, false);
	}
	irq_disable();
}

static void check_self_logical(void)
{
	irq_enable();
	if (x2apic) {
		uint32_t ldr = apic_read(APIC_LDR);

		check_one("logical", ldr, ICR_LOGICAL, true);
		check_one("logical, with others", ldr | 0xffff, ICR_LOGICAL, true);
		check_one("another cluster", ldr | 0x70000, ICR_LOGICAL, false);
		check_one("not in the set", ldr ^ (ldr & 0xffff), ICR_LOGICAL, false);
		irq_disable();
		return;
	}
	apic_write(APIC_DFR, 0xffffffffu);
	apic_write(APIC_LDR, 0x04000000u);
	check_one("flat", 0x04, ICR_LOGICAL, true);
	check_one("flat, a set", 0x1c, ICR_LOGICAL, true);
	check_one("flat, others", 0x08, ICR_LOGICAL, false);
	check_one("flat, all", 0xff, ICR_LOGICAL, true);
	check_one("flat, none", 0, ICR_LOGICAL, false);
	apic_write(APIC_DFR, 0x0fffffffu);
	apic_write(APIC_LDR, 0x32000000u);
	check_one("cluster", 0x32, ICR_LOGICAL, true);
	check_one("cluster, a set", 0x37, ICR_LOGICAL, true);
	check_one("cluster, another member", 0x34, ICR_LOGICAL, false);
	check_one("another cluster", 0x22, ICR_LOGICAL, false);
	check_one("cluster, all", 0xff, ICR_LOGICAL, true);
	apic_write(APIC_DFR, 0xffffffffu);
	apic_write(APIC_LDR, 0);
	irq_disable();
}

/* An APIC that is off by software takes NMIs only. */
static void check_off(void)
{
	taken = 0;
	irq_enable();
	apic_write(APIC_SVR, 0xff);
	apic_send(apic_id(), 0x55 | ICR_ASSERT);
	delay_us(2000);
	check(taken == 0, "%s: an interrupt while off", mode());
	apic_enable();
	delay_us(1000);
	check(taken == 0, "%s: an interrupt of the time it was off", mode());
	irq_disable();
}

static void check_alone(void)
{
	check_masks();
	check_order();
	check_nesting();
	check_errors();
	check_self_physical();
	check_self_logical();
	check_off();
}

/* ---- other processors ---- */

static uint64_t before_counts[CPUS_MAX];

/* Who took vector 0x56 after a message, as a set. */
static uint32_t takers(uint32_t dest, uint32_t low, uint32_t expected)
{
	uint32_t set = 0;
	uint64_t end;

	for (unsigned i = 0; i < running; i++) {
		before_counts[i] = irqs(i, 0x56);
	}
	apic_send(dest, low | ICR_ASSERT | 0x56);
	end = after_us(2 * SECOND);
	do {
		for (unsigned i = 0; i < running; i++) {
			if (irqs(i, 0x56) == before_counts[i] + 1) {
				set |= 1u << i;
			}
		}
	} while (set != expected && rdtsc() < end);
	delay_us(500);
	for (unsigned i = 0; i < running; i++) {
		if (irqs(i, 0x56) > before_counts[i] + (expected >> i & 1)) {
			set |= 0x10000u << i;
		}
	}
	return set;
}

static void check_set(const char *what, uint32_t dest, uint32_t low, uint32_t expected)
{
	uint32_t set = takers(dest, low, expected);

	check(set == expected, "%s, %s: taken by %x, not %x", mode(), what, U(set), U(expected));
}

/* Logical ids of the flat model: processor n is bit n; of clusters: bit n % 4 of cluster n / 4. */
static void set_logical(void *arg)
{
	unsigned i = this_cpu()->index;
	bool flat = arg == NULL;

	apic_write(APIC_DFR, flat ? 0xffffffffu : 0x0fffffffu);
	apic_write(APIC_LDR, flat ? 1u << (24 + i) : (i / 4) << 28 | 1u << (24 + i % 4));
}

static void everywhere(void (*fn)(void *), void *arg)
{
	for (unsigned i = 1; i < running; i++) {
		smp_run(i, fn, arg);
	}
	fn(arg);
	for (unsigned i = 1; i < running; i++) {
		check(smp_wait(i, 5 * SECOND), "processor %u does not come back", U(i));
	}
}

static void check_destinations(void)
{
	uint32_t all = (1u << running) - 1;

	irq_enable();
	for (unsigned i = 0; i < running; i++) {
		check_set("physical", cpus[i].apic_id, 0, 1u << i);
	}
	check_set("all", 0, ICR_ALL, all);
	check_set("others", 0, ICR_OTHERS, all & ~1u);
	check_set("broadcast", x2apic ? 0xffffffffu : 0xff, 0, all);
	if (x2apic) {
		for (unsigned i = 0; i < running; i++) {
			uint32_t id = cpus[i].apic_id;

			check_set("logical", (id >> 4) << 16 | 1u << (id & 15), ICR_LOGICAL,
				  1u << i);
		}
		check_set("logical set", 0xffff, ICR_LOGICAL, all);
		irq_disable();
		return;
	}
	everywhere(set_logical, NULL);
	for (uint32_t set = 1; set <= all; set++) {
		check_set("flat", set, ICR_LOGICAL, set);
	}
	everywhere(set_logical, &running);
	for (uint32_t set = 1; set <= all && set < 16; set++) {
		check_set("cluster 0", set, ICR_LOGICAL, set);
	}
	check_set("cluster 1", 0x1f, ICR_LOGICAL, running > 4 ? all & 0xf0 : 0);
	everywhere(set_logical, NULL);
	irq_disable();
}

/* Of several only one takes a message by lowest priority. */
static void check_lowest(void)
{
	uint32_t all = (1u << running) - 1;
	unsigned sum = 0;

	irq_enable();
	if (x2apic) {
		irq_disable();
		return;
	}
	for (unsigned i = 0; i < running; i++) {
		before_counts[i] = irqs(i, 0x57);
	}
	for (unsigned n = 0; n < 20; n++) {
		apic_send(all, ICR_LOWEST | ICR_LOGICAL | ICR_ASSERT | 0x57);
		delay_us(2000);
	}
	delay_us(50000);
	for (unsigned i = 0; i < running; i++) {
		sum += (unsigned)(irqs(i, 0x57) - before_counts[i]);
	}
	check(sum > 0 && sum <= 20, "20 messages by lowest priority were taken %u times", U(sum));
	irq_disable();
}

static volatile unsigned woken;

static void halt_off(void *arg)
{
	(void)arg;
	irq_disable();
	__asm__ volatile("hlt" : : : "memory");
	irq_enable();
}

static void count_nmi(struct frame *f)
{
	(void)f;
	woken++;
}

/*
 * HLT with interrupts off ends by an NMI, and by nothing else. One that comes too
 * early, before HLT, is taken there; then another one has to do.
 */
static void check_nmi(unsigned cpu)
{
	trap_handlers[EXC_NMI] = count_nmi;
	for (unsigned i = 0; i < 10; i++) {
		unsigned before = woken, sent = 0;

		smp_run(cpu, halt_off, NULL);
		delay_us(2000);
		apic_send(cpus[cpu].apic_id, 0x58 | ICR_ASSERT);
		delay_us(2000);
		check(!smp_wait(cpu, 0), "an interrupt woke processor %u from CLI, HLT", U(cpu));
		do {
			apic_send(cpus[cpu].apic_id, ICR_NMI | ICR_ASSERT);
			sent++;
			check(WAIT(woken == before + sent, SECOND), "%u of %u NMIs",
			      U(woken - before), U(sent));
		} while (!smp_wait(cpu, SECOND / 10) && sent < 20);
		check(smp_wait(cpu, 0), "%u NMIs did not wake processor %u", U(sent), U(cpu));
	}
	trap_handlers[EXC_NMI] = NULL;
}

static void spin_off(void *arg)
{
	irq_disable();
	write_dr0(0x1234);
	*(volatile uint32_t *)arg = 1;
	for (;;) {
		__asm__ volatile("pause");
	}
}

static void deep_sleep(void *arg)
{
	irq_disable();
	*(volatile uint32_t *)arg = 1;
	for (;;) {
		__asm__ volatile("hlt");
	}
}

static volatile uint64_t fresh_base, fresh_dr0;

static void look(void *arg)
{
	(void)arg;
	fresh_base = rdmsr(MSR_APIC_BASE);
	fresh_dr0 = read_dr0();
}

/* INIT takes a processor out of anything, SIPI starts it over. */
static void check_restart(unsigned cpu)
{
	volatile uint32_t there;

	for (unsigned i = 0; i < 6; i++) {
		there = 0;
		smp_run(cpu, i % 2 ? spin_off : deep_sleep, (void *)(uint64_t)&there);
		check(WAIT(there, 5 * SECOND), "processor %u does not run", U(cpu));
		delay_us(1000);
		check(smp_restart(cpu), "round %u: processor %u does not start over", U(i), U(cpu));
		smp_run(cpu, look, NULL);
		check(smp_wait(cpu, 5 * SECOND), "processor %u does not work", U(cpu));
		check((fresh_base & 0xfff) == BASE_ENABLE, "APIC_BASE %x after INIT", fresh_base);
		check(fresh_dr0 == 0, "DR0 %x after INIT", fresh_dr0);
	}
}

/* All send to all, as fast as they can; then each message that is sent is taken. */
static void flood(void *arg)
{
	uint64_t end = after_us(SECOND);

	(void)arg;
	irq_enable();
	for (unsigned i = 0; i < 3000 && rdtsc() < end; i++) {
		apic_send(cpus[i % running].apic_id, ICR_ASSERT | (0x90 + i % 16));
		if (i % 64 == 0) {
			apic_send(0, ICR_ALL | ICR_ASSERT | 0xa5);
		}
	}
}

static void check_flood(void)
{
	everywhere(flood, NULL);
	irq_enable();
	for (unsigned n = 0; n < 20; n++) {
		check_set("after a flood", 0, ICR_ALL, (1u << running) - 1);
	}
	irq_disable();
}

static void to_x2apic(void *arg)
{
	(void)arg;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_X2APIC);
	apic_enable();
}

static void check_others(void)
{
	check_destinations();
	check_lowest();
	for (unsigned i = 1; i < running; i++) {
		check_nmi(i);
	}
	check_flood();
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "apic");
	for (unsigned v = FIRST; v < 0xf0; v++) {
		trap_handlers[v] = v == VECTOR_USER ? NULL : note;
	}
	apic_enable();
	check_xapic_registers();
	check_alone();
	if (has_xen()) {
		check_transitions();
	}
	if (option("smp")) {
		running = smp_start();
		check(running > 1 && running == cpu_count, "%u of %u processors run", U(running),
		      U(cpu_count));
		check_others();
		for (unsigned i = 1; i < running; i++) {
			check_restart(i);
		}
	}
	if (has_xen()) {
		everywhere(to_x2apic, NULL);
		x2apic = true;
		check_x2apic_registers();
		check_alone();
		if (running > 1) {
			check_others();
		}
	} else {
		skip("x2APIC mode: offered with the Xen ABI only");
	}
	guest_end();
}
