// SPDX-License-Identifier: MIT
/*
 * The crash report: which processor, which exception, registers, and the
 * calls that led there, by frame pointers. The other processors are stopped
 * by NMI. Nothing here takes a lock that the crashed code may hold.
 *
 * Not supported: a crash dump, reports from more than one processor.
 */
#include <stdarg.h>
#include <taproot/arch.h>
#include <taproot/fmt.h>
#include <taproot/option.h>
#include "cpu.h"
#include "x86.h"

#define BACKTRACE_MAX 24
#define NOBODY        UINT32_MAX
#define RESET_DELAY   1000000 /* microseconds in which the report gets out */

static uint32_t crash_cpu = NOBODY;

static const char *const trap_names[32] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"device not available",
	"double fault",
	"coprocessor overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	"reserved",
	"x87 error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization",
	"control protection",
};

bool crash_in_progress(void)
{
	return __atomic_load_n(&crash_cpu, __ATOMIC_ACQUIRE) != NOBODY;
}

static void PRINTF(1, 2) crash_print(const char *format, ...)
{
	char line[160];
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	arch_console_write(line, MIN((size_t)n, sizeof(line) - 1));
}

static NORETURN void crash_end(void)
{
	if (options.noreboot) {
		crash_print("Halted (noreboot).\n");
		machine_halt();
	}
	crash_print("Resetting.\n");
	delay_us(RESET_DELAY);
	reset_machine();
}

/* Returns once, on the first processor that crashes. */
static void crash_begin(void)
{
	uint32_t expected = NOBODY;
	uint32_t me = this_cpu()->id;

	irq_disable();
	if (!__atomic_compare_exchange_n(&crash_cpu, &expected, me, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		if (expected != me) {
			machine_halt();
		}
		crash_print("A crash within the crash report.\n");
		crash_end();
	}
	console_open(PORT_COM1);
	lapic_nmi_others();
}

static void print_caller(uint64_t rip)
{
	uint64_t offset;
	const char *name = symbol_find(rip, &offset);

	crash_print("  %016llx %s+0x%llx\n", (unsigned long long)rip, name,
		    (unsigned long long)offset);
}

static void backtrace(uint64_t rip, uint64_t rbp)
{
	uint64_t next, caller;

	crash_print("Calls, innermost first:\n");
	print_caller(rip);
	for (unsigned i = 0; i < BACKTRACE_MAX && rbp && rbp % 8 == 0; i++) {
		if (!read_safe(rbp, &next) || !read_safe(rbp + 8, &caller) || !caller) {
			return;
		}
		/* The return address is behind the call, perhaps in the next function. */
		print_caller(caller - 1);
		if (next <= rbp) {
			return;
		}
		rbp = next;
	}
}

static void print_registers(const struct trap_frame *f)
{
#define R(x) ((unsigned long long)f->x)
	crash_print("rip %016llx cs %04llx flags %08llx ss %04llx rsp %016llx\n", R(rip), R(cs),
		    R(rflags), R(ss), R(rsp));
	crash_print("rax %016llx rbx %016llx rcx %016llx rdx %016llx\n", R(rax), R(rbx), R(rcx),
		    R(rdx));
	crash_print("rsi %016llx rdi %016llx rbp %016llx r8  %016llx\n", R(rsi), R(rdi), R(rbp),
		    R(r8));
	crash_print("r9  %016llx r10 %016llx r11 %016llx r12 %016llx\n", R(r9), R(r10), R(r11),
		    R(r12));
	crash_print("r13 %016llx r14 %016llx r15 %016llx\n", R(r13), R(r14), R(r15));
#undef R
}

static void print_control(void)
{
	crash_print("cr0 %08llx cr2 %016llx cr3 %012llx cr4 %08llx\n",
		    (unsigned long long)read_cr0(), (unsigned long long)read_cr2(),
		    (unsigned long long)read_cr3(), (unsigned long long)read_cr4());
}

void crash_trap(const struct trap_frame *f)
{
	const char *name = f->vector < 32 ? trap_names[f->vector] : NULL;

	crash_begin();
	crash_print("CRASH cpu%u: exception %llu (%s), error code %llx\n", this_cpu()->id,
		    (unsigned long long)f->vector, name ? name : "reserved",
		    (unsigned long long)f->error);
	print_registers(f);
	print_control();
	backtrace(f->rip, f->rbp);
	crash_end();
}

void arch_panic(void)
{
	uint64_t frame = (uint64_t)__builtin_frame_address(0);

	crash_begin();
	crash_print("cpu%u rsp %016llx\n", this_cpu()->id, (unsigned long long)frame);
	print_control();
	backtrace((uint64_t)arch_panic, frame);
	crash_end();
}
