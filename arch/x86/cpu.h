/* SPDX-License-Identifier: MIT */
/*
 * What the bare-machine half of arch/x86 gives to the other half (and to
 * main.c): processor set-up, local APIC, IPIs, timer, serial ports, refusal
 * and reset. The interface for the core is taproot/arch.h.
 */
#ifndef X86_CPU_H
#define X86_CPU_H

#include <taproot/types.h>
#include "percpu.h"

struct boot_info;
struct irq_source;
struct domain;

/* ---- features of the processor, the same on all of them (cpu.c) ---- */

struct cpu_features {
	bool nx, gib_pages, smep, smap, x2apic, tsc_deadline, tsc_invariant, hypervisor;
	uint8_t phys_bits;
	char vendor[13];
};

extern struct cpu_features cpu_features;

/* Read the features; boot processor, first of all. */
void cpu_detect(void);
/* Control registers, EFER, PAT as we want them; every processor. */
void cpu_setup(void);
/* GDT, TSS, IDT; `stacks`: the slot is mapped, NMI, #DF and #MC may have theirs. */
void desc_setup(struct pcpu *p, bool stacks);
/* Load TR again after something else has been in it. */
void desc_load_tr(struct pcpu *p);

/* ---- traps and interrupts ---- */

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

enum {
	TRAP_NMI = 2,
	TRAP_DF = 8,
	TRAP_PF = 14,
	TRAP_MC = 18,
	/* 0x20..0x2f: where the 8259s would deliver; they are masked, but may be spurious. */
	VECTOR_FIRST = 0x30,
	VECTOR_LAST = 0xef,
	VECTOR_TIMER = 0xfb,
	VECTOR_KICK = 0xfc,
	VECTOR_CALL = 0xfd,
	VECTOR_ERROR = 0xfe,
	VECTOR_SPURIOUS = 0xff,
};

void trap_handle(struct trap_frame *f);
void irq_dispatch(unsigned vector);
/*
 * Before this processor sleeps, interrupts off. Nothing is in service then, as handlers acknowledge
 * and end before. In QEMU's emulated xAPIC something may be, whose EOI was lost, and nothing else
 * comes ever after (doc/caveats.md); looked for only there. True: it has been served, look again for what to do.
 */
bool irq_rest(void);
/* Vectors of all processors that interrupt sources have. */
unsigned vector_count(void);

/* ---- crash, refusal, reset ---- */

/* Print the report for an exception and stop the machine. */
NORETURN void crash_trap(const struct trap_frame *f);
/* True when some processor is writing a crash report. */
bool crash_in_progress(void);
/* One line: what is missing and what to do; then halt (noreboot), or reset after seconds. */
NORETURN void refuse(const char *format, ...) PRINTF(1, 2);
/* FADT's reset register: address space 0 memory, 1 I/O, 2 PCI configuration (ACPI 6.5 4.8.3.6). */
void reset_register_set(unsigned space, uint64_t address, uint8_t value);
NORETURN void reset_machine(void);
NORETURN void machine_halt(void);
/* Name and offset of the function that holds `address`; "?" when none does. */
const char *symbol_find(uint64_t address, uint64_t *offset);

/* ---- serial ports ---- */

/* Choose the console (enum option_port) and write out what was kept back until now. */
void console_open(unsigned port);
/* Initialize `port` (enum option_port) as a sink of raw bytes; -ENODEV when it is not there. */
int serial_raw_open(unsigned port) MUST_CHECK;
void serial_raw_write(unsigned port, const void *buf, size_t len);
/*
 * Console input by interrupt: the pin and how it is wired. `notify` (may be
 * NULL) is called with interrupts off after characters were put into the
 * buffer that serial_getc() reads.
 */
int serial_irq_setup(unsigned ioapic, unsigned pin, bool level, bool active_low,
		     void (*notify)(void)) MUST_CHECK;
/* Registers of the console's UART, for the log; false: there is none. */
struct serial_state {
	uint8_t ier, lcr, mcr;
	uint16_t divisor;
};
bool serial_state(struct serial_state *s);
/* Next character of console input, or -1. Polls the UART when there is no interrupt. */
int serial_getc(void);

/* ---- interrupt controllers ---- */

/* Mask the 8259s, set up the boot processor's local APIC, x2APIC when allowed and there. */
void lapic_init(bool want_x2apic);
/* The same mode on this other processor. */
void lapic_init_ap(void);
bool lapic_is_x2apic(void);
uint32_t lapic_id(void);
void lapic_eoi(void);
uint32_t lapic_read(unsigned reg);
void lapic_write(unsigned reg, uint32_t value);
/* Send an interrupt command: delivery mode, vector and trigger bits as in the ICR's low dword. */
void lapic_send(uint32_t apic_id, uint32_t command);
/* VECTOR_KICK to this processor; may be called from the NMI handler. */
void lapic_self_kick(void);
/* NMI to every other processor. */
void lapic_nmi_others(void);
/* IO-APIC number `index` (order of the MADT) is at `base`: map it, mask every pin. */
int ioapic_hw_add(unsigned index, hpa_t base) MUST_CHECK;
/* Pins of it. */
unsigned ioapic_hw_pins(unsigned index);

/* ---- time ---- */

/*
 * Calibrate TSC and local APIC timer; `pm_port` 0: no PM timer. 0, or -ENODEV
 * when there is nothing to calibrate with (the time base is a guess then).
 */
int timer_hw_init(uint16_t pm_port, bool pm_32bit) MUST_CHECK;
/* The timer of this processor; on the boot processor done by timer_hw_init(). */
void timer_hw_init_cpu(void);
/* Busy waiting, for hardware that needs it at boot. */
void delay_us(uint64_t us);
/* TSC ticks of a number of microseconds. */
uint64_t ticks_from_us(uint64_t us);

/* ---- processors ---- */

/*
 * Start the processors of the list (the boot processor may be in it) one
 * after the other through a page below 640 KiB that is given back as it was.
 * A processor that does not come is logged and left out. Returns how many run.
 */
unsigned smp_start(const struct boot_info *info, const uint32_t *apic_ids, unsigned count);
/* A processor without a vCPU: serves IPIs and sleeps, until smp_run() gives it one. */
NORETURN void ap_main(void);
/* Every vCPU of the domain runs on its processor from now on, on this one too; others idle. */
NORETURN void smp_run(struct domain *d);

#define SMP_ALL 0xffffffffu

/*
 * Call fn(arg) on processor `cpu`, or on all (SMP_ALL, this one too), with
 * interrupts off there, and wait until it is done. No lock may be held; calls
 * from others are served while waiting.
 */
void smp_call(unsigned cpu, void (*fn)(void *arg), void *arg);
/* An empty interrupt: ends a guest's run or a sleep. */
void smp_kick(unsigned cpu);
/* Run what others want of this processor. */
void smp_serve_calls(void);

#endif
