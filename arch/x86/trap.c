// SPDX-License-Identifier: MIT
/*
 * Exceptions of our own code (APMv2 8.2). An exception at an address of the
 * exception table continues where the table says; an NMI is noted for the run
 * loop, or stops this processor when another one crashed; the rest is a bug
 * of ours and ends in a report.
 */
#include "cpu.h"
#include "x86.h"

struct extable_entry {
	uint64_t from, to;
};

extern const struct extable_entry extable_start[], extable_end[];

static bool fixup(struct trap_frame *f)
{
	for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
		if (e->from == f->rip) {
			f->rip = e->to;
			return true;
		}
	}
	return false;
}

static void nmi_handle(void)
{
	struct pcpu *p = this_cpu();

	if (crash_in_progress()) {
		machine_halt();
	}
	p->nmi_count++;
	p->nmi_pending = true;
	/* It may have come between the run loop's look at the flag and the guest: end that run at once. */
	if (p->vcpu) {
		lapic_self_kick();
	}
}

void trap_handle(struct trap_frame *f)
{
	if (f->vector >= 32) {
		irq_dispatch((unsigned)f->vector);
	} else if (f->vector == TRAP_NMI) {
		nmi_handle();
	} else if (f->vector == TRAP_DF || f->vector == TRAP_MC || !fixup(f)) {
		crash_trap(f);
	}
}
