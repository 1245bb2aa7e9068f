// SPDX-License-Identifier: MIT
/*
 * Exceptions, the processor's own and those that the hypervisor injects, and
 * interrupts and NMIs, in ring 0 and 3 of 64-bit and 32-bit code: vector, error
 * code, CR2, where from. Interrupt shadows, double faults, NMIs that wait, and
 * single steps over every kind of instruction that the hypervisor carries out.
 *
 * Real and virtual-8086 mode are not tried here.
 */
#include "apic.h"

#define CODE(name) extern void name(void)
CODE(ex_ud);
CODE(ex_de);
CODE(ex_bp);
CODE(ex_db);
CODE(ex_int);
CODE(ex_gp);
CODE(ex_gp_selector);
CODE(ex_pf_read);
CODE(ex_pf_write);
CODE(ex_pf_fetch);
CODE(ex_vmrun);
CODE(ex_msr);
CODE(ex_spin);
CODE(ex_send);
CODE(ex_sent);
CODE(ex32_ud);
CODE(ex32_de);
CODE(ex32_bp);
CODE(ex32_db);
CODE(ex32_int);
CODE(ex32_of);
CODE(ex32_br);
CODE(ex32_pf);
CODE(ex32_vmrun);
CODE(ex32_msr);
CODE(ex32_spin);
CODE(ex32_send);
CODE(ex32_sent);

extern uint64_t pd[];

#define STACK_SIZE 4096
#define VECTOR     0x41u
#define RFLAGS_OF  (1ull << 11)
#define RFLAGS_MBS 2ull

static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));
static uint64_t stack_top = (uint64_t)stack + STACK_SIZE;

/* The four places code runs in. */
static const struct place {
	const char *name;
	bool code32;
	unsigned ring;
	uint64_t cs;
} places[] = {
	{"64-bit ring 0", false, 0, SEL_CODE64},
	{"64-bit ring 3", false, 3, SEL_USER_CODE64},
	{"32-bit ring 0", true, 0, SEL_CODE32},
	{"32-bit ring 3", true, 3, SEL_USER_CODE32},
};

#define ERROR_IDT(vector) ((vector)*8 + 2)

/* Vector and error code in ring 0 and 3; RIP behind the beginning; CR2 where one is. */
static const struct trap_case {
	const char *name;
	void (*code)(void);
	bool code32;
	int vector[2];
	uint64_t error[2];
	unsigned offset;
	uint64_t cr2;
} cases[] = {
	{"UD2", ex_ud, false, {EXC_UD, EXC_UD}, {0, 0}, 0, 0},
	{"DIV", ex_de, false, {EXC_DE, EXC_DE}, {0, 0}, 0, 0},
	{"INT3", ex_bp, false, {EXC_BP, EXC_BP}, {0, 0}, 1, 0},
	{"INT1", ex_db, false, {EXC_DB, EXC_DB}, {0, 0}, 1, 0},
	{"INT 81", ex_int, false, {0x81, EXC_GP}, {0, ERROR_IDT(0x81)}, 2, 0},
	{"non-canonical", ex_gp, false, {EXC_GP, EXC_GP}, {0, 0}, 0, 0},
	{"selector", ex_gp_selector, false, {EXC_GP, EXC_GP}, {0xfff8, 0xfff8}, 0, 0},
	{"read of no page", ex_pf_read, false, {EXC_PF, EXC_PF}, {0, 4}, 0, 0x700000000008ull},
	{"write to no page", ex_pf_write, false, {EXC_PF, EXC_PF}, {2, 6}, 0, 0x700000000008ull},
	{"VMRUN", ex_vmrun, false, {EXC_UD, EXC_GP}, {0, 0}, 2, 0},
	{"RDMSR", ex_msr, false, {EXC_GP, EXC_GP}, {0, 0}, 5, 0},
	{"UD2", ex32_ud, true, {EXC_UD, EXC_UD}, {0, 0}, 0, 0},
	{"DIV", ex32_de, true, {EXC_DE, EXC_DE}, {0, 0}, 0, 0},
	{"INT3", ex32_bp, true, {EXC_BP, EXC_BP}, {0, 0}, 1, 0},
	{"INT1", ex32_db, true, {EXC_DB, EXC_DB}, {0, 0}, 1, 0},
	{"INT 81", ex32_int, true, {0x81, EXC_GP}, {0, ERROR_IDT(0x81)}, 2, 0},
	{"INTO", ex32_of, true, {EXC_OF, EXC_OF}, {0, 0}, 1, 0},
	{"BOUND", ex32_br, true, {EXC_BR, EXC_BR}, {0, 0}, 0, 0},
	{"read of no page", ex32_pf, true, {EXC_PF, EXC_PF}, {0, 4}, 0, 0xc0000004ull},
	{"VMRUN", ex32_vmrun, true, {EXC_UD, EXC_GP}, {0, 0}, 2, 0},
	{"RDMSR", ex32_msr, true, {EXC_GP, EXC_GP}, {0, 0}, 5, 0},
};

static void check_case(const struct trap_case *c, const struct place *p)
{
	unsigned user = p->ring != 0;
	int vector = try_code(c->code, 0, p->cs, stack_top, RFLAGS_MBS | RFLAGS_OF);
	const struct trap *t = this_trap();
	/* A fault of INT from ring 3 is the instruction's, not behind it. */
	uint64_t rip = (uint64_t)c->code + (c->error[user] == ERROR_IDT(0x81) ? 0 : c->offset);

	check(vector == c->vector[user], "%s, %s: vector %u", c->name, p->name, U(vector));
	check(t->error == c->error[user], "%s, %s: error code %x", c->name, p->name, t->error);
	check(t->frame.rip == rip, "%s, %s: RIP %x, not %x", c->name, p->name, t->frame.rip, rip);
	check(t->frame.cs == p->cs, "%s, %s: CS %x", c->name, p->name, t->frame.cs);
	check(t->frame.rsp == stack_top, "%s, %s: RSP %x", c->name, p->name, t->frame.rsp);
	check(!c->cr2 || t->cr2 == c->cr2, "%s, %s: CR2 %x", c->name, p->name, t->cr2);
}

static void check_cases(void)
{
	uint64_t page = pd[0xc0000000u >> 21];

	pd[0xc0000000u >> 21] = 0;
	write_cr3(read_cr3());
	for (unsigned i = 0; i < COUNT(places); i++) {
		for (unsigned k = 0; k < COUNT(cases); k++) {
			if (cases[k].code32 == places[i].code32) {
				check_case(&cases[k], &places[i]);
			}
		}
	}
	pd[0xc0000000u >> 21] = page;
	write_cr3(read_cr3());
	check(try_code(ex_pf_fetch, 0, SEL_USER_CODE64, stack_top, RFLAGS_MBS) == EXC_PF &&
		      this_trap()->frame.rip == 0x700000001000ull,
	      "fetch from no page: vector %u", U(this_trap()->vector));
}

/* ---- interrupts and NMIs in each place ---- */

static void check_timer_in(const struct place *p)
{
	void (*spin)(void) = p->code32 ? ex32_spin : ex_spin;

	for (unsigned i = 0; i < 20; i++) {
		apic_write(APIC_LVT_TIMER, VECTOR);
		apic_write(APIC_TIMER_INITIAL, 20000 + 1000 * i);
		check(try_code(spin, 0, p->cs, stack_top, RFLAGS_MBS | RFLAGS_IF) == (int)VECTOR,
		      "timer, %s: vector %u", p->name, U(this_trap()->vector));
		check(this_trap()->frame.rip == (uint64_t)spin && this_trap()->frame.cs == p->cs &&
			      this_trap()->frame.rsp == stack_top,
		      "timer, %s: from %x:%x", p->name, this_trap()->frame.cs,
		      this_trap()->frame.rip);
		apic_eoi();
	}
}

/* An interrupt that the code sends to itself comes right behind the instruction. */
static void check_send_in(const struct place *p, uint32_t command, int vector)
{
	void (*send)(void) = p->code32 ? ex32_send : ex_send;
	uint64_t sent = (uint64_t)(p->code32 ? ex32_sent : ex_sent);

	check(try_code(send, command, p->cs, stack_top, RFLAGS_MBS | RFLAGS_IF) == vector,
	      "IPI %x, %s: vector %u", U(command), p->name, U(this_trap()->vector));
	check(this_trap()->frame.rip == sent, "IPI %x, %s: from %x, not %x", U(command), p->name,
	      this_trap()->frame.rip, sent);
	if (vector != EXC_NMI) {
		apic_eoi();
	}
}

static void check_events(void)
{
	write32(APIC_PAGE + APIC_ICR_HIGH, apic_id() << 24);
	for (unsigned i = 0; i < COUNT(places); i++) {
		check_timer_in(&places[i]);
		check_send_in(&places[i], ICR_SELF | VECTOR, (int)VECTOR);
		check_send_in(&places[i], ICR_NMI, EXC_NMI);
		/* Once more: the way back from an NMI opened the next one. */
		check_send_in(&places[i], ICR_NMI, EXC_NMI);
	}
}

/* ---- shadows ---- */

static volatile uint64_t came_from;

static void note_rip(struct frame *f)
{
	came_from = f->rip;
	apic_eoi();
}

static void check_shadows(void)
{
#define SHADOW(name)                                                                               \
	extern void name(void);                                                                    \
	extern uint8_t name##_at[]
	SHADOW(shadow_sti);
	SHADOW(shadow_exit);
	SHADOW(shadow_hlt);
	SHADOW(shadow_cr8);
	SHADOW(shadow_tpr);
	SHADOW(shadow_popf);
	static const struct {
		void (*code)(void);
		uint8_t *at;
		uint64_t cr8;
		const char *name;
	} list[] = {
		{shadow_sti, shadow_sti_at, 0, "STI"},
		{shadow_exit, shadow_exit_at, 0, "STI, CPUID"},
		{shadow_hlt, shadow_hlt_at, 0, "STI, HLT"},
		{shadow_tpr, shadow_tpr_at, 9, "TPR"},
		{shadow_popf, shadow_popf_at, 0, "POPF"},
		{shadow_cr8, shadow_cr8_at, 9, "CR8"},
	};

	trap_handlers[VECTOR] = note_rip;
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < COUNT(list); i++) {
			came_from = 0;
			write_cr8(list[i].cr8);
			apic_write(APIC_ICR, ICR_SELF | VECTOR);
			check(!came_from, "%s: an interrupt while they are off", list[i].name);
			list[i].code();
			check(came_from == (uint64_t)list[i].at, "%s: interrupted at %x, not %x",
			      list[i].name, came_from, (uint64_t)list[i].at);
		}
	}
	trap_handlers[VECTOR] = NULL;
}

/* ---- NMIs ---- */

static volatile unsigned nmi_depth, nmi_nested, nmi_taken, nmi_wanted, inside_exception;

static void nmi_handler(struct frame *f)
{
	(void)f;
	nmi_nested += nmi_depth++;
	if (++nmi_taken < nmi_wanted) {
		apic_send(apic_id(), ICR_NMI);
		(void)cpuid(0, 0);
	}
	nmi_depth--;
}

static void ud_handler(struct frame *f)
{
	unsigned before = nmi_taken;

	apic_send(apic_id(), ICR_NMI);
	inside_exception = nmi_taken - before;
	f->rip += 2;
}

static void check_nmis(void)
{
	trap_handlers[EXC_NMI] = nmi_handler;
	for (unsigned round = 0; round < 10; round++) {
		nmi_taken = 0;
		nmi_wanted = 5;
		apic_send(apic_id(), ICR_NMI);
		/* No instruction here exits: those that wait come without help. */
		check(WAIT(nmi_taken == 5, 1000000), "%u of 5 NMIs, each sent by the one before",
		      U(nmi_taken));
	}
	check(!nmi_nested, "an NMI inside an NMI");
	nmi_wanted = 0;
	trap_handlers[EXC_UD] = ud_handler;
	__asm__ volatile("ud2" : : : "memory");
	check(inside_exception == 1, "an NMI inside an exception: %u", U(inside_exception));
	trap_handlers[EXC_UD] = NULL;
	trap_handlers[EXC_NMI] = NULL;
}

/* ---- double faults ---- */

static void check_double_faults(uint64_t ecam)
{
	check(try_code(ex_ud, 0, SEL_CODE64, 0x700000000000ull, RFLAGS_MBS) == EXC_DF,
	      "no stack: vector %u", U(this_trap()->vector));
	check(this_trap()->error == 0 && this_trap()->frame.cs == SEL_CODE64,
	      "no stack: error code %x", this_trap()->error);
	/* Nobody can push into configuration space: #GP, and again. */
	check(try_code(ex_ud, 0, SEL_CODE64, ecam + 0x800, RFLAGS_MBS) == EXC_DF,
	      "a stack in ECAM: vector %u", U(this_trap()->vector));
	check(try_code(ex_vmrun, 0, SEL_CODE64, ecam + 0x800, RFLAGS_MBS) == EXC_DF,
	      "an injected exception, a stack in ECAM: vector %u", U(this_trap()->vector));
}

/* ---- single steps ---- */

static volatile unsigned step_count;
static uint64_t step_rip[64], step_dr6[64];

static void step_handler(struct frame *f)
{
	if (step_count < COUNT(step_rip)) {
		step_rip[step_count] = f->rip;
		step_dr6[step_count] = read_dr6();
	}
	step_count++;
	write_dr6(0xffff0ff0u);
}

static void check_steps(const char *name, const uint64_t *expected)
{
	unsigned n = 0;

	for (; expected[n]; n++) {
		if (n < step_count) {
			check(step_rip[n] == expected[n], "%s: step %u at %x, not %x", name, U(n),
			      step_rip[n], expected[n]);
			check((step_dr6[n] & 0xe00f) == 0x4000, "%s: step %u, DR6 %x", name, U(n),
			      step_dr6[n]);
		}
	}
	check(step_count == n, "%s: %u steps, not %u", name, U(step_count), U(n));
	step_count = 0;
}

/* ECAM of some function that is no bridge and not 00:00.0. */
static uint64_t other_function(uint64_t ecam)
{
	for (unsigned dev = 1; dev < 32; dev++) {
		uint64_t a = ecam + (dev << 15);

		if (read32(a) != 0xffffffffu && !(read32(a + 12) & 0x7f0000)) {
			return a;
		}
	}
	return ecam;
}

static void check_single_steps(uint64_t ecam)
{
	extern void step_code(uint64_t, uint64_t), step_user(void), step32_user(void);
	extern int64_t step_call(void);
	extern const uint64_t steps[], usteps[], steps32[], csteps[];
	uint64_t function = other_function(ecam);

	trap_handlers[EXC_DB] = step_handler;
	step_code(ecam, function);
	check_steps("ring 0", steps);
	check((read32(function + 0x3c) & 0xff) == 5, "a stepped write: %x",
	      U(read32(function + 0x3c)));
	if (has_xen()) {
		check(step_call() >> 16 == 4, "a stepped hypercall");
		check_steps("hypercall", csteps);
	}
	check(try_code(step_user, ecam, SEL_USER_CODE64, stack_top, RFLAGS_MBS | RFLAGS_TF) ==
		      VECTOR_USER,
	      "64-bit steps end by vector %u", U(this_trap()->vector));
	check_steps("64-bit ring 3", usteps);
	check(try_code(step32_user, ecam, SEL_USER_CODE32, stack_top, RFLAGS_MBS | RFLAGS_TF) ==
		      VECTOR_USER,
	      "32-bit steps end by vector %u", U(this_trap()->vector));
	check_steps("32-bit ring 3", steps32);
	trap_handlers[EXC_DB] = NULL;
}

void guest_main(const struct pvh_start *si)
{
	const uint8_t *mcfg;
	uint64_t ecam;

	guest_begin(si, "exceptions");
	mcfg = find_table(si, "MCFG");
	if (!mcfg) {
		guest_fail("no MCFG");
	}
	ecam = read32((uint64_t)mcfg + 44);
	apic_enable();
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	check_cases();
	check_events();
	check_shadows();
	check_nmis();
	check_double_faults(ecam);
	check_single_steps(ecam);
	guest_end();
}
