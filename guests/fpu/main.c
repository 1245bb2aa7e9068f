// SPDX-License-Identifier: MIT
/*
 * x87, SSE and AVX state of every processor at once, with a pattern of its own each
 * round, kept over all kinds of exits, HLT and interrupts; and the
 * exceptions of floating point. Compared are the registers that XSAVE writes
 * (APMv2 11.5.7); with XCR0 = 1 and 3 those that are not enabled are kept too.
 */
#include "apic.h"

#define ROUNDS      200
#define VECTOR      0x51u
#define CR0_TS      (1ull << 3)
#define CR4_FX      (3ull << 9) /* OSFXSR, OSXMMEXCPT */
#define XSAVE_BYTES 832         /* legacy area, header, the upper halves of YMM */
#define XSTATE_BV   512

struct area {
	uint8_t b[XSAVE_BYTES];
} __attribute__((aligned(64)));

static struct area in[CPUS_MAX], out[CPUS_MAX];
static bool has_avx;
static volatile uint32_t finished;
static volatile struct {
	uint32_t round, at, got, want, count;
} wrong[CPUS_MAX];

static void xsetbv(uint64_t v)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)v), "d"(0));
}

static void fpu_enable(void)
{
	write_cr0((read_cr0() & ~(CR0_TS | 1ull << 2)) | 1ull << 1 | 1ull << 5);
	write_cr4(read_cr4() | CR4_FX | CR4_OSXSAVE);
	xsetbv(has_avx ? 7 : 3);
}

static void xrstor(const struct area *a)
{
	__asm__ volatile("xrstor64 %0" : : "m"(*a), "a"(-1), "d"(-1) : "memory");
}

static void xsave(struct area *a)
{
	__asm__ volatile("xsave64 %0" : "+m"(*a) : "a"(-1), "d"(-1) : "memory");
}

/* The bytes that are registers: ST0-7, XMM0-15, YMM0-15's upper halves. */
static bool is_register(unsigned at)
{
	if (at < 160) {
		return at >= 32 && at % 16 < 10;
	}
	return at < 416 || (has_avx && at >= 576);
}

static void fill(struct area *a, uint64_t seed)
{
	for (unsigned i = 0; i < XSAVE_BYTES; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		a->b[i] = is_register(i) ? (uint8_t)(seed >> 56) : 0;
	}
	*(uint16_t *)(a->b + 0) = 0x037f;
	*(uint8_t *)(a->b + 4) = 0xff; /* all eight in use */
	*(uint32_t *)(a->b + 24) = 0x1f80 | (seed >> 40 & 3) << 13;
	*(uint64_t *)(a->b + XSTATE_BV) = has_avx ? 7 : 3;
}

static void exits(unsigned round)
{
	uint32_t version = apic_read(APIC_VERSION);

	(void)cpuid(round % 16, 0);
	(void)rdmsr(MSR_APIC_BASE);
	outl(0xcf8, 0x80000000u);
	apic_write(APIC_TPR, 0);
	if (round % 4 == 0) {
		apic_write(APIC_ICR, ICR_SELF | VECTOR);
	}
	if (round % 8 == 0) {
		irq_disable();
		apic_write(APIC_LVT_TIMER, VECTOR);
		apic_write(APIC_TIMER_INITIAL, 5000);
		__asm__ volatile("sti; hlt" : : : "memory");
	}
	if (round % 8 == 3 && cpu_count > 1) {
		apic_send(cpus[(this_cpu()->index + 1) % cpu_count].apic_id, VECTOR | ICR_ASSERT);
	}
	if (round % 16 == 5) {
		check(version == apic_read(APIC_VERSION), "APIC version");
	}
}

static void compare(unsigned cpu, unsigned round)
{
	for (unsigned i = 0; i < XSAVE_BYTES; i++) {
		bool counts = is_register(i) || i < 2 || i == 4 || (i >= 24 && i < 28);

		if (counts && in[cpu].b[i] != out[cpu].b[i] && wrong[cpu].count++ == 0) {
			wrong[cpu].round = round;
			wrong[cpu].at = i;
			wrong[cpu].got = out[cpu].b[i];
			wrong[cpu].want = in[cpu].b[i];
		}
	}
}

static void run(void *arg)
{
	unsigned cpu = this_cpu()->index;

	(void)arg;
	fpu_enable();
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	irq_enable();
	for (unsigned round = 0; round < ROUNDS; round++) {
		fill(&in[cpu], (uint64_t)cpu << 32 | round);
		xrstor(&in[cpu]);
		exits(round);
		xsave(&out[cpu]);
		compare(cpu, round);
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

/* State that is not enabled stays, whatever exits. */
static void check_xcr0(void)
{
	fpu_enable();
	fill(&in[0], 12345);
	xrstor(&in[0]);
	for (uint64_t xcr0 = 1; xcr0 <= 3; xcr0 += 2) {
		xsetbv(xcr0);
		for (unsigned i = 0; i < 16; i++) {
			exits(i);
		}
	}
	fpu_enable();
	xsave(&out[0]);
	wrong[0].count = 0;
	compare(0, 0);
	check(wrong[0].count == 0, "under a smaller XCR0 %u bytes changed, the first at %u",
	      U(wrong[0].count), U(wrong[0].at));
}

static void x87_divide(void *arg)
{
	uint16_t control = 0x037b; /* zero divide unmasked */

	__asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
	(void)arg;
}

static void sse_divide(void *arg)
{
	uint32_t control = 0x1d80;

	__asm__ volatile("ldmxcsr %0; xorps %%xmm1, %%xmm1; mov $0x3f800000, %%eax; movd %%eax, %%xmm0; "
			 "divss %%xmm1, %%xmm0"
			 :
			 : "m"(control)
			 : "eax");
	(void)arg;
}

static void touch(void *arg)
{
	(void)arg;
	__asm__ volatile("movaps %xmm0, %xmm0");
}

static void check_exceptions(void)
{
	uint64_t cr0 = read_cr0();

	check(try_run(x87_divide, NULL) == EXC_MF, "x87 error: vector %u", U(this_trap()->vector));
	__asm__ volatile("fninit");
	if (option("tcg")) {
		skip("SSE exceptions: QEMU raises none");
	} else {
		check(try_run(sse_divide, NULL) == EXC_XF, "SSE error: vector %u",
		      U(this_trap()->vector));
	}
	write_cr0(cr0 | CR0_TS);
	check(try_run(touch, NULL) == EXC_NM, "CR0.TS: vector %u", U(this_trap()->vector));
	(void)cpuid(0, 0);
	check(read_cr0() == (cr0 | CR0_TS), "CR0.TS after an exit");
	__asm__ volatile("clts");
	check(try_run(touch, NULL) == -1, "after CLTS: vector %u", U(this_trap()->vector));
	write_cr0(cr0);
}

void guest_main(const struct pvh_start *si)
{
	unsigned count = 1;

	guest_begin(si, "fpu");
	if (!(cpuid(1, 0).ecx >> 26 & 1)) {
		guest_fail("no XSAVE");
	}
	write_cr4(read_cr4() | CR4_OSXSAVE);
	has_avx = cpuid(1, 0).ecx >> 28 & 1 && (cpuid(0xd, 0).eax & 4);
	if (!has_avx) {
		skip("AVX: this processor has none");
	}
	trap_handlers[VECTOR] = apic_count;
	apic_enable();
	if (option("smp")) {
		count = smp_start();
		check(count > 1 && count == cpu_count, "%u of %u processors run", U(count),
		      U(cpu_count));
	}
	for (unsigned i = 1; i < count; i++) {
		smp_run(i, run, NULL);
	}
	run(NULL);
	check(WAIT(finished == count, 60000000), "%u of %u processors finished", U(finished),
	      U(count));
	for (unsigned i = 0; i < count; i++) {
		check(!wrong[i].count, "processor %u: round %u, byte %u: %x, not %x; %u in all", U(i),
		      U(wrong[i].round), U(wrong[i].at), U(wrong[i].got), U(wrong[i].want),
		      U(wrong[i].count));
		check(cpus[i].irqs[VECTOR] >= ROUNDS / 4, "processor %u: %u interrupts", U(i),
		      cpus[i].irqs[VECTOR]);
	}
	check_xcr0();
	check_exceptions();
	irq_disable();
	guest_end();
}
