// SPDX-License-Identifier: MIT
/*
 * What the machine's own registers hold while the hypervisor runs, as lines in
 * the log: control registers, the MSRs by which a guest could do us harm, the
 * console's UART. For whoever suspects that the hardware domain changed one,
 * and for the tests that make it try (doc/security.md).
 *
 * Deliberately not listed: registers that are the domain's while it runs
 * (SYSCALL, SYSENTER, FS and GS bases, XCR0), and counters.
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

static void log_msr(uint32_t msr, const char *name)
{
	uint64_t value;

	if (rdmsr_safe(msr, &value)) {
		log_info("machine: msr %08x %s 0x%llx", msr, name, (unsigned long long)value);
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

void machine_log(void)
{
	uint64_t cap = 0;

	log_info("machine: cpu%u cr0 0x%llx cr3 0x%llx cr4 0x%llx", arch_cpu_this(),
		 (unsigned long long)read_cr0(), (unsigned long long)read_cr3(),
		 (unsigned long long)read_cr4());
	for (unsigned i = 0; i < ARRAY_SIZE(listed); i++) {
		log_msr(listed[i].msr, listed[i].name);
	}
	if (rdmsr_safe(MSR_MTRR_CAP, &cap)) {
		for (unsigned i = 0; i < 2 * MIN(cap & 0xff, (uint64_t)MTRR_VAR_MAX); i++) {
			log_msr(MSR_MTRR_VAR + i, i & 1 ? "MTRR_MASK" : "MTRR_BASE");
		}
	}
	log_uart();
	log_info("machine: end");
}
