// SPDX-License-Identifier: MIT
/*
 * Interrupts come once, and with RFLAGS.IF set (APMv2 8.1.4, 8.5): one processor
 * sends itself interrupts, while another turns a device's memory decoding off and on, which
 * changes the machine's memory map under it each time.
 *
 * QEMU's emulated SVM gets that wrong by itself (svm_emulated()). The device
 * is edu, which nobody else uses (tests' machine.py).
 */
#include "apic.h"

#define VECTOR   0x61u
#define EDU      0x11e81234u
#define COMMAND  4u
#define MEMORY   2u
#define TIME     5000000ull /* microseconds */
#define HANDLER  10000u
#define PATIENCE 10000000ull /* of a busy machine; microseconds */

static volatile uint64_t taken, off_guard;
static volatile bool over;
static volatile uint64_t toggles;

static void handler(struct frame *f)
{
	uint64_t end;

	taken++;
	off_guard += !(f->rflags & RFLAGS_IF);
	/* Without an exit, until the map has changed a few times. */
	end = after_us(HANDLER);
	while (rdtsc() < end) {
	}
	apic_eoi();
}

static uint32_t config_address(unsigned device, unsigned reg)
{
	return 0x80000000u | device << 11 | reg;
}

/* Its device number on bus 0; 32: not there. */
static unsigned find_edu(void)
{
	unsigned device = 0;

	for (; device < 32; device++) {
		outl(0xcf8, config_address(device, 0));
		if (inl(0xcfc) == EDU) {
			break;
		}
	}
	return device;
}

static void toggle(void *arg)
{
	unsigned device = *(const unsigned *)arg;

	outl(0xcf8, config_address(device, COMMAND));
	while (!over) {
		outl(0xcfc, 0);
		outl(0xcfc, MEMORY);
		toggles++;
	}
}

static void check_once(unsigned device)
{
	uint64_t sent = 0, late = 0, end = after_us(TIME);

	smp_run(1, toggle, &device);
	while (rdtsc() < end) {
		uint64_t before = taken;

		apic_send(0, ICR_SELF | ICR_ASSERT | VECTOR);
		sent++;
		late += !WAIT(taken != before, PATIENCE);
	}
	over = true;
	check(smp_wait(1, PATIENCE), "the other processor comes back");
	check(late == 0, "%u interrupts did not come", late);
	check(taken == sent, "%u interrupts sent, %u taken", sent, taken);
	check(off_guard == 0, "%u interrupts with RFLAGS.IF clear", off_guard);
	check(toggles > sent, "%u changes of the memory map", toggles);
	say("guest: once: %u interrupts, %u changes\n", sent, toggles);
}

void guest_main(const struct pvh_start *si)
{
	unsigned device;

	guest_begin(si, "once");
	trap_handlers[VECTOR] = handler;
	apic_enable();
	device = find_edu();
	check(device < 32, "no edu device on bus 0");
	check(smp_start() > 1, "two processors");
	if (device < 32 && cpu_count > 1) {
		irq_enable();
		check_once(device);
		irq_disable();
	}
	guest_end();
}
