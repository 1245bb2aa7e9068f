// SPDX-License-Identifier: MIT
/*
 * Exceptions, single steps and an NMI in real mode (APMv2 8.2, 14.1): a second
 * processor is started there by INIT and SIPI. An exception that the hypervisor
 * injects pushes no error code, as none does in real mode.
 *
 * Virtual-8086 mode is not tried.
 */
#include "apic.h"
#include "xen.h"

#define REAL_CODE    0x9000u
#define REAL_COUNT   0xa000u
#define REAL_STATE   0xa004u
#define REAL_RECORDS 0xa010u
#define REAL_STACK   0xbff0u
#define PLAIN        255u
#define OVER_LIMIT   4u /* its place below */

extern uint8_t real_start[], real_end[], real_table[], real_spin[];

struct record {
	uint16_t vector, ip, sp, flags;
};

/* In the order of code.S; `value`: what AX is when there is no trap. */
static const struct expected {
	const char *name;
	unsigned vector;
	bool has_value;
	uint16_t value;
} expected[] = {
	{"UD2", EXC_UD, false, 0},
	{"INT3", EXC_BP, false, 0},
	{"INT 60", 0x60, false, 0},
	{"DIV", EXC_DE, false, 0},
	{"a word over the limit", EXC_GP, false, 0},
	{"CPUID", PLAIN, false, 0},
	{"RDMSR of no MSR", EXC_GP, false, 0},
	{"RDMSR of APIC_BASE", PLAIN, true, 0x800},
	{"VMRUN", EXC_UD, false, 0},
	{"VMMCALL", PLAIN, true, (uint16_t)-XEN_ENOSYS},
	{"OUT", PLAIN, false, 0},
	{"IN", PLAIN, true, 0x8086},
	{"XSETBV", EXC_UD, false, 0},
	{"single step", EXC_DB, false, 0},
	{"NMI", EXC_NMI, false, 0},
};

static void install(void)
{
	volatile uint8_t *to = (volatile uint8_t *)(uint64_t)REAL_CODE;
	unsigned size = (unsigned)(real_end - real_start);

	for (unsigned i = 0; i < size; i++) {
		to[i] = real_start[i];
	}
	for (unsigned v = 0; v < 128; v++) {
		write32(4ull * v,
			REAL_CODE + (uint32_t)(real_table - real_start) + 16 * v);
	}
	write32(REAL_COUNT, 0);
	write32(REAL_STATE, 0);
}

static void check_record(unsigned i, const struct expected *e)
{
	const struct record *r = (const struct record *)(uint64_t)REAL_RECORDS + i;
	unsigned vector = e->vector;
	/* CALL pushes two bytes, a trap in real mode six. */
	uint16_t sp = vector == PLAIN ? REAL_STACK - 2 : REAL_STACK - 6;

	if (i == OVER_LIMIT && option("tcg")) {
		skip("a word over a segment's limit: QEMU reads it");
		return;
	}
	if (!has_xen() && e->value == (uint16_t)-XEN_ENOSYS) {
		check(r->vector == EXC_UD, "%s: vector %u", e->name, U(r->vector));
		return;
	}
	check(r->vector == vector, "%s: vector %u, not %u", e->name, U(r->vector), U(vector));
	check(r->sp == sp, "%s: SP %x, not %x", e->name, U(r->sp), U(sp));
	check(!e->has_value || r->ip == e->value, "%s: AX %x", e->name, U(r->ip));
	if (vector == EXC_NMI) {
		check(r->ip == REAL_CODE + (uint32_t)(real_spin - real_start), "%s: IP %x", e->name,
		      U(r->ip));
	}
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "realmode");
	apic_enable();
	if (smp_find() < 2) {
		guest_fail("a second processor is needed");
	}
	for (unsigned round = 0; round < 3; round++) {
		install();
		smp_startup(1, REAL_CODE);
		if (!check(WAIT(read32(REAL_STATE) == 1, 5000000),
			   "round %u: the processor stopped after %u tests", U(round),
			   U(read32(REAL_COUNT) & 0xffff))) {
			break;
		}
		apic_send(cpus[1].apic_id, ICR_NMI | ICR_ASSERT);
		check(WAIT(read32(REAL_STATE) == 2, 5000000), "no NMI in real mode");
		check((read32(REAL_COUNT) & 0xffff) == COUNT(expected), "%u tests",
		      U(read32(REAL_COUNT) & 0xffff));
		for (unsigned i = 0; i < COUNT(expected); i++) {
			check_record(i, &expected[i]);
		}
	}
	/* And from there back to ours. */
	check(smp_restart(1), "the processor does not start over");
	guest_end();
}
