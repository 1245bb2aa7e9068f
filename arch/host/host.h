/* SPDX-License-Identifier: MIT */
/*
 * The hosted machine as tests see it: a console that is captured, processors
 * that a test chooses, a time that stands still until a test advances it,
 * interrupts, IO-APICs and ports over arrays. One thread unless a test starts
 * more; then only what the core itself locks may be shared.
 */
#ifndef TAPROOT_HOST_H
#define TAPROOT_HOST_H

#include <setjmp.h>
#include <taproot/arch.h>
#include <taproot/irq.h>
#include <taproot/types.h>
#include <taproot/vcpu.h>

#define HOST_CPUS_MAX    16
#define HOST_DOMAINS_MAX 8
#define HOST_TIME_HZ     2500000000ull

/*
 * A new machine: one processor, no vectors, no IO-APICs, ports that read all
 * ones, an empty console, and an empty heap: what was allocated is gone.
 */
void host_reset(void);

/* ---- console ---- */

/* What was written, terminated; the oldest part is lost when it gets long. */
const char *host_console(void);
bool host_console_contains(const char *text);
void host_console_clear(void);
/* The key that arch_debug_key() got last. */
extern char host_debug_key;
/* Copy everything to stderr as well, for a test being debugged. */
extern bool host_console_echo;

/* ---- panics ---- */

/* Where arch_panic() goes while host_panic_expected; it aborts the program otherwise. */
extern jmp_buf host_panic_jump;
extern bool host_panic_expected;
void host_panic_clear(void);

/* True when `statement` panics. Locks it held stay held. */
#define HOST_PANICS(statement)                                                                     \
	(host_panic_expected = true, setjmp(host_panic_jump)                                       \
					     ? (host_panic_clear(), true)                          \
					     : ((statement), host_panic_clear(), false))

/* ---- processors and time ---- */

/* Calls of arch_quiesce(), and what happens during each; NULL: nothing. */
extern unsigned host_quiesce_count;
extern void (*host_quiesce)(void);

void host_cpu_set_count(unsigned count);
/* The processor that the calling thread is from now on. */
void host_cpu_set(unsigned cpu);
/* The vCPU that executes what comes next: long work is left to it. NULL, as at the start: none. */
void host_vcpu_set(struct vcpu *v);
/* Set the time without running timers. */
void host_time_set(uint64_t ticks);
void host_time_set_hz(uint64_t hz);
void host_time_set_stable(bool stable);
/* What the machine's clock says: seconds since 1970. */
void host_wallclock_set(uint64_t seconds);
/* Let time pass: every timer interrupt that falls due comes, on its processor. Returns how many. */
unsigned host_time_advance(uint64_t ticks);
/* What arch_timer_arm() was told last on a processor, UINT64_MAX: nothing. */
uint64_t host_timer_armed(unsigned cpu);
/* How often arch_timer_arm() was called. */
extern unsigned host_timer_arm_count;

/* ---- interrupts ---- */

/* The source bound to a vector, or NULL. */
struct irq_source *host_vector_source(unsigned cpu, unsigned vector);
/* Vectors in use on a processor. */
unsigned host_vector_count(unsigned cpu);
/* How many vectors a processor has to give from now on (default: all). */
void host_vector_limit(unsigned count);
/* A message arrives at the machine. False: nobody there. */
bool host_msi(uint64_t addr, uint32_t data);
/* The same, but the processor does not take it before host_take_pending(). */
bool host_msi_pend(uint64_t addr, uint32_t data);
/* The processor takes what is pending, then sends its EOIs. */
void host_take_pending(unsigned cpu);
/* Interrupts are remapped from now on, with 256 entries; or not any more, as at the start. */
void host_remap_start(void);
void host_remap_stop(void);
/* Where a message in remappable format goes; false: nowhere, or it has another format. */
bool host_remap_find(uint64_t addr, uint32_t data, unsigned *cpu, unsigned *vector);

/* The machine has an IO-APIC number `index`, all its pins masked. */
void host_ioapic_add(unsigned index, unsigned version, unsigned pins);
/*
 * The level of a pin. The interrupts that follow are delivered at once, EOI
 * first, as arch_vector_alloc() says: a level line that stays up sends one more.
 */
void host_ioapic_set_line(unsigned index, unsigned pin, bool level);
/* A level line goes up, and its interrupt is pending at its processor until host_take_pending(). */
void host_ioapic_raise_pending(unsigned index, unsigned pin);
/* A line goes up after so many writes to the pin's entry, and interrupts at a poll. 0: never. */
void host_ioapic_raise_later(unsigned index, unsigned pin, unsigned writes);
/* Interrupts that lines which are up cause now: after a pin was opened, which is done under locks.
 */
void host_ioapic_poll(void);
/* The redirection entry as programmed. */
uint64_t host_ioapic_entry(unsigned index, unsigned pin);
/* Writes to redirection entries whose high dword changed while they were open: must stay 0. */
extern unsigned host_ioapic_torn_count;

/* Kicks a vCPU has got. */
unsigned host_kick_count(const struct vcpu *v);

/*
 * What the run loop does before the vCPU's next instruction: its deferred work, while the
 * processors of the domain's other vCPUs attend to them. Returns how many pieces that took.
 */
unsigned host_run_deferred(struct vcpu *v);

/* What became of a vCPU's registers. */
struct host_vcpu_state {
	unsigned resets;
	int page; /* of the last start-up message since the reset; -1: none */
	bool loaded;
	struct vcpu_registers registers;
};
struct host_vcpu_state *host_vcpu_state(const struct vcpu *v);

/* ---- ports ---- */

/* What a port reads, byte by byte, and what was last written there. */
void host_port_set(uint16_t port, uint8_t value);
uint8_t host_port_written(uint16_t port);
extern unsigned host_port_read_count;
extern unsigned host_port_write_count;
bool host_port_trapped(const struct domain *d, uint16_t port);

/* For arch/host only. */
void host_irq_reset(void);
void host_ports_reset(void);

#endif
