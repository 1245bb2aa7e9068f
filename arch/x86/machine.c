// SPDX-License-Identifier: MIT
/*
 * What the machine's own registers hold while the hypervisor runs, as lines in
 * the log: of every processor its control registers and the MSRs by which a
 * guest could do us harm, and the console's UART. For whoever suspects that the
 * hardware domain changed one, and for the tests that make it try
 * (doc/security.md).
 *
 * Each processor reads its own and goes on; the asking one writes the lines,
 * those of one processor after those of another.
 *
 * Deliberately not listed: registers that are the domain's while it runs
 * (SYSCALL, SYSENTER, FS and GS bases, XCR0), and counters, but that of SMIs.
 */
#include <taproot/arch.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include "cpu.h"
#include "machine.h"
#include "x86.h"

static const struct {
	uint32_t msr;
	const char *name;
} listed[] = {
	{MSR_APIC_BASE, "APIC_BASE"},
	{0x34, "SMI_COUNT"},
	{0x3a, "FEATURE_CONTROL"},
	{0x179, "MCG_CAP"},
	{0x17b, "MCG_CTL"},
	{0x1a0, "MISC_ENABLE"},
	{0x1d9, "DEBUGCTL"},
	{MSR_PAT, "PAT"},
	{0x2ff, "MTRR_DEF_TYPE"},
	{0x250, "MTRR_FIX64K"},
	{0x258, "MTRR_FIX16K"},
	{0x26f, "MTRR_FIX4K"},
	{0x400, "MC0_CTL"},
	{0x9e, "SMBASE"},
	{MSR_EFER, "EFER"},
	{0xc0010010u, "SYSCFG"},
	{0xc0010015u, "HWCR"},
	{0xc0010016u, "IORR_BASE0"},
	{0xc001001au, "TOP_MEM"},
	{0xc001001du, "TOP_MEM2"},
	{0xc0010111u, "SMM_BASE"},
	{0xc0010112u, "SMM_ADDR"},
	{0xc0010113u, "SMM_MASK"},
	{0xc0010114u, "VM_CR"},
	{0xc0010117u, "VM_HSAVE_PA"},
};

#define MSR_MTRR_CAP 0xfeu
#define MSR_MTRR_VAR 0x200u
#define MTRR_VAR_MAX 16u

/* What one processor has; a bit of `there` for each register that can be read. */
struct registers {
	uint64_t cr0, cr3, cr4;
	uint64_t msr[ARRAY_SIZE(listed)], mtrr[2 * MTRR_VAR_MAX];
	uint32_t msr_there, mtrr_there;
};

_Static_assert(ARRAY_SIZE(listed) <= 32, "a bit of msr_there each");

/* On the processor itself, interrupts off. */
static void collect(void *arg)
{
	struct registers *r = arg;
	uint64_t cap = 0;

	r->cr0 = read_cr0();
	r->cr3 = read_cr3();
	r->cr4 = read_cr4();
	r->msr_there = r->mtrr_there = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(listed); i++) {
		r->msr_there |= (uint32_t)rdmsr_safe(listed[i].msr, &r->msr[i]) << i;
	}
	if (rdmsr_safe(MSR_MTRR_CAP, &cap)) {
		for (unsigned i = 0; i < 2 * MIN(cap & 0xff, (uint64_t)MTRR_VAR_MAX); i++) {
			r->mtrr_there |= (uint32_t)rdmsr_safe(MSR_MTRR_VAR + i, &r->mtrr[i]) << i;
		}
	}
}

static void log_msr(unsigned cpu, uint32_t msr, const char *name, uint64_t value)
{
	log_info("machine: cpu%u msr %08x %s 0x%llx", cpu, msr, name, (unsigned long long)value);
}

static void log_registers(unsigned cpu, const struct registers *r)
{
	log_info("machine: cpu%u cr0 0x%llx cr3 0x%llx cr4 0x%llx", cpu, (unsigned long long)r->cr0,
		 (unsigned long long)r->cr3, (unsigned long long)r->cr4);
	for (unsigned i = 0; i < ARRAY_SIZE(listed); i++) {
		if (r->msr_there >> i & 1) {
			log_msr(cpu, listed[i].msr, listed[i].name, r->msr[i]);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(r->mtrr); i++) {
		if (r->mtrr_there >> i & 1) {
			log_msr(cpu, MSR_MTRR_VAR + i, i & 1 ? "MTRR_MASK" : "MTRR_BASE",
				r->mtrr[i]);
		}
	}
}

static void log_uart(void)
{
	struct serial_state s;

	if (serial_state(&s)) {
		log_info("machine: uart ier %02x lcr %02x mcr %02x divisor %u", s.ier, s.lcr, s.mcr,
			 s.divisor);
	}
}

/*
 * One list at a time. Two processors may ask at once (a key here, `xl debug-keys`
 * there): who waits answers the other's calls, or neither would end.
 */
static bool listing;

static void listing_begin(void)
{
	while (__atomic_exchange_n(&listing, true, __ATOMIC_ACQUIRE)) {
		smp_serve_calls();
		cpu_pause();
	}
}

void machine_log(void)
{
	struct registers r;

	listing_begin();
	for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
		smp_call(cpu, collect, &r);
		log_registers(cpu, &r);
	}
	log_uart();
	log_info("machine: end");
	__atomic_store_n(&listing, false, __ATOMIC_RELEASE);
}
