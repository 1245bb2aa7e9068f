// SPDX-License-Identifier: MIT
/*
 * Debug registers (APMv2 13.1): each processor's own, kept over exits; breakpoints
 * on execution, writes and reads hit, once, at the right place. Those whose
 * addresses lie in the hypervisor (watch=HEX on the command line: a function that
 * runs at every CPUID) hit nobody.
 *
 * A breakpoint on data or ports that the hypervisor emulates does not hit
 * (doc/caveats.md).
 */
#include "apic.h"

#define DR7_FIXED  0x400u
#define DR6_FIXED  0xffff0ff0u
#define DR7_ON(n)  (3u << (2 * (n)))
#define DR7_KIND(n, rw, len) ((uint32_t)((rw) | (len) << 2) << (16 + 4 * (n)))

static volatile uint64_t hits, hit_rip, hit_dr6;
static volatile uint32_t target[8];

static void hit(struct frame *f)
{
	hits++;
	hit_rip = f->rip;
	hit_dr6 = read_dr6();
	write_dr6(DR6_FIXED);
	f->rflags |= 1ull << 16; /* RF: go on past a breakpoint on execution */
}

static void exits(void)
{
	(void)cpuid(0, 0);
	(void)rdmsr(MSR_APIC_BASE);
	(void)apic_read(APIC_VERSION);
	outl(0xcf8, 0x80000000u);
}

/* ---- registers are kept ---- */

static volatile uint32_t finished, changed[CPUS_MAX];

static void keep(void *arg)
{
	uint64_t cpu = this_cpu()->index, rounds = *(uint64_t *)arg;

	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t base = 0x7000000000ull + (cpu << 24) + (i << 8);

		write_dr0(base);
		write_dr1(base + 8);
		write_dr2(base + 16);
		write_dr3(base + 24);
		write_dr6(DR6_FIXED | (i & 0xf));
		write_dr7(DR7_FIXED | DR7_ON(0) | DR7_ON(1) | DR7_KIND(0, 1, 3) | DR7_KIND(1, 3, 1));
		exits();
		changed[cpu] += read_dr0() != base || read_dr1() != base + 8 ||
				read_dr2() != base + 16 || read_dr3() != base + 24;
		changed[cpu] += (read_dr6() & 0xe00f) != (i & 0xf) ||
				read_dr7() != (DR7_FIXED | DR7_ON(0) | DR7_ON(1) | DR7_KIND(0, 1, 3) |
					       DR7_KIND(1, 3, 1));
	}
	write_dr7(DR7_FIXED);
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

static void check_kept(void)
{
	uint64_t rounds = 300;
	unsigned count = 1;

	if (option("smp")) {
		count = smp_start();
		check(count > 1 && count == cpu_count, "%u of %u processors run", U(count),
		      U(cpu_count));
	}
	for (unsigned i = 1; i < count; i++) {
		smp_run(i, keep, &rounds);
	}
	keep(&rounds);
	check(WAIT(finished == count, 30000000), "%u of %u processors finished", U(finished),
	      U(count));
	for (unsigned i = 0; i < count; i++) {
		check(!changed[i], "processor %u: debug registers changed %u times", U(i),
		      U(changed[i]));
	}
}

/* ---- breakpoints hit ---- */

static void expect_hit(const char *what, uint64_t rip, unsigned number)
{
	check(hits == 1, "%s: hit %u times", what, hits);
	check(!rip || hit_rip == rip, "%s: hit at %x, not %x", what, hit_rip, rip);
	check((hit_dr6 & 0xe00f) == 1u << number, "%s: DR6 %x", what, hit_dr6);
	hits = 0;
}

static void check_execution(void)
{
	extern uint8_t here_nop[], here_cpuid[], here_mmio[];
	static uint8_t *const places[] = {here_nop, here_cpuid, here_mmio};

	for (unsigned i = 0; i < COUNT(places); i++) {
		uint32_t a = 0, b, c = 0, d;

		write_dr2((uint64_t)places[i]);
		write_dr7(DR7_FIXED | DR7_ON(2));
		__asm__ volatile("here_nop: nop\n\there_cpuid: cpuid\n\there_mmio: mov (%4), %0"
				 : "+a"(a), "=b"(b), "+c"(c), "=d"(d)
				 : "S"(APIC_PAGE + APIC_VERSION)
				 : "memory");
		write_dr7(DR7_FIXED);
		expect_hit("execution", (uint64_t)places[i], 2);
	}
}

static void check_data(void)
{
	write_dr3((uint64_t)&target[2]);
	write_dr7(DR7_FIXED | DR7_ON(3) | DR7_KIND(3, 1, 3));
	exits();
	check(hits == 0, "a breakpoint nobody touched");
	(void)target[2];
	check(hits == 0, "a read hit a breakpoint on writes");
	target[1] = 1;
	target[3] = 1;
	check(hits == 0, "a write beside a breakpoint");
	target[2] = 1;
	expect_hit("write", 0, 3);
	write_dr7(DR7_FIXED | DR7_ON(3) | DR7_KIND(3, 3, 3));
	exits();
	(void)target[2];
	expect_hit("read", 0, 3);
	write_dr7(DR7_FIXED);
	target[2] = 2;
	check(hits == 0, "a breakpoint that is off");
}

static void read_dr_tried(void *arg)
{
	*(uint64_t *)arg = read_dr0();
}

static void check_general_detect(void)
{
	uint64_t v;

	if (option("tcg")) {
		skip("DR7.GD: QEMU does not have it");
	} else {
		write_dr7(DR7_FIXED | 1u << 13);
		check(try_run(read_dr_tried, &v) == EXC_DB && (this_trap()->dr6 & 1u << 13),
		      "general detect: vector %u, DR6 %x", U(this_trap()->vector),
		      this_trap()->dr6);
		write_dr6(DR6_FIXED);
	}
	check(try_user(read_dr_tried, &v) == EXC_GP, "DR0 in ring 3: vector %u",
	      U(this_trap()->vector));
}

/* ---- the hypervisor's code and data are not watched by them ---- */

static uint64_t watch(void)
{
	uint64_t v = 0;

	for (const char *p = (const char *)start_info->cmdline; p && *p; p++) {
		if (p[0] == 'w' && p[1] == 'a' && p[5] == '=') {
			for (p += 6; *p > ' '; p++) {
				v = v << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
			}
			return v;
		}
	}
	return 0;
}

static void check_hypervisor(void)
{
	uint64_t a = watch();

	if (!a) {
		skip("breakpoints in the hypervisor: no watch=");
		return;
	}
	write_dr0(a);
	write_dr1(a);
	write_dr2(a & ~7ull);
	write_dr3((a & ~7ull) + 8);
	write_dr7(DR7_FIXED | DR7_ON(0) | DR7_ON(1) | DR7_ON(2) | DR7_ON(3) | DR7_KIND(2, 3, 2) |
		  DR7_KIND(3, 3, 2));
	for (unsigned i = 0; i < 1000; i++) {
		exits();
	}
	check(hits == 0, "%u hits of breakpoints in the hypervisor", hits);
	check(read_dr0() == a && (read_dr7() & 0xff) == 0xff, "DR0 %x, DR7 %x", read_dr0(),
	      read_dr7());
	write_dr7(DR7_FIXED);
}

void guest_main(const struct pvh_start *si)
{
	guest_begin(si, "debug");
	apic_enable();
	check_kept();
	trap_handlers[EXC_DB] = hit;
	check_execution();
	check_data();
	trap_handlers[EXC_DB] = NULL;
	check_general_detect();
	trap_handlers[EXC_DB] = hit;
	check_hypervisor();
	guest_end();
}
