/* SPDX-License-Identifier: MIT */
/*
 * What the core asks of the architecture below it. arch/x86 provides these
 * over the machine, arch/host over arrays in a program. The core calls no
 * other function from outside itself.
 */
#ifndef TAPROOT_ARCH_H
#define TAPROOT_ARCH_H

#include <taproot/types.h>

struct irq_source;
struct memmap_change;
struct vcpu;
struct vcpu_registers;

/* ---- console and log ---- */

/* Write whole lines of ours to the console; does not block on a missing UART. */
void arch_console_write(const char *s, size_t len);
/* Write what the hardware domain says, in pieces of any kind (console_line.h). */
void arch_console_write_domain(const char *s, size_t len);
/* Called once by panic_at() after its line; prints registers and a backtrace, then stops or resets. */
NORETURN void arch_panic(void);

/* A key for the hypervisor; what it is about goes to the log. No lock may be held. */
void arch_debug_key(char c);

/* ---- processors ---- */

/*
 * Every processor has finished what it was about when this was called, and holds no pointer
 * from before: what nobody could find any more then, nobody touches now. No lock is held.
 */
void arch_quiesce(void);

/* Number of the processor this code runs on, 0..arch_cpu_count()-1. */
unsigned arch_cpu_this(void);
unsigned arch_cpu_count(void);

/* A processor of the machine, for reports. */
struct arch_cpu_info {
	uint32_t apic_id;
	uint32_t acpi_id; /* processor UID of the MADT */
	uint32_t core, socket;
	uint32_t threads_per_core, cores_per_socket;
	char vendor[12];
	uint32_t family, model, stepping;
	/* CPUID 1 EDX, ECX; 80000001 EDX, ECX; D.1 EAX; 7.0 EBX, ECX; 80000007 EDX. */
	uint32_t features[8];
};
void arch_cpu_info(unsigned cpu, struct arch_cpu_info *out);

/* ---- time ---- */

/* Ticks of the machine's time stamp counter, the same on all processors, and ticks per second. */
uint64_t arch_time(void);
uint64_t arch_time_hz(void);
/* Does that counter run at one rate whatever the processors do (invariant TSC)? */
bool arch_time_stable(void);
/* Seconds since 1970, UTC, by the machine's clock; 0: it has none that works. For boot only. */
uint64_t arch_wallclock(void);
/* One-shot timer interrupt of this processor at `deadline` ticks (UINT64_MAX: none). It calls timer_run(). */
void arch_timer_arm(uint64_t deadline);

/* ---- memory ---- */

/* Virtual address of hypervisor-owned or RAM page `a`, and back. Valid for our own pages always. */
void *arch_hpa_to_va(hpa_t a);
hpa_t arch_va_to_hpa(const void *va);
/*
 * A read-only view of [a, a + len) of RAM or firmware memory, cached. Valid
 * until the next boot phase; NULL when it cannot be mapped. For boot only.
 */
const void *arch_phys_view(hpa_t a, size_t len);

/*
 * A window on device memory: `pages` consecutive uncached 4 KiB pages, set
 * aside once (not on a trap path), pointed at physical addresses as needed.
 */
struct iomap {
	volatile void *va;
	uint32_t pages;
	hpa_t base; /* what it shows now; base.v == UINT64_MAX: nothing */
};
int arch_iomap_init(struct iomap *map, uint32_t pages) MUST_CHECK;
/* Point the window at page-aligned `base`. */
void arch_iomap_set(struct iomap *map, hpa_t base);
/* Access inside the window; len is 1, 2, 4 or 8, offset aligned to len and inside the window. */
uint64_t arch_iomap_read(const struct iomap *map, uint32_t offset, unsigned len);
void arch_iomap_write(const struct iomap *map, uint32_t offset, unsigned len, uint64_t value);

/* ---- PCI configuration space of the machine ---- */

/*
 * reg 0..4095, len 1, 2 or 4, naturally aligned. Extended registers and
 * segments other than 0 go through the ECAM windows given to
 * arch_pci_add_ecam(); without a window they read all ones.
 */
uint32_t arch_pci_read(sbdf_t sbdf, unsigned reg, unsigned len);
void arch_pci_write(sbdf_t sbdf, unsigned reg, unsigned len, uint32_t value);
/* An ECAM window of the machine: the address of bus 0 of `segment`, and the buses it covers. */
int arch_pci_add_ecam(unsigned segment, unsigned bus_first, unsigned bus_last, hpa_t bus0) MUST_CHECK;

/* ---- I/O ports of the machine ---- */

uint32_t arch_port_read(uint16_t port, unsigned len);
void arch_port_write(uint16_t port, unsigned len, uint32_t value);
/* From now on accesses of the domain to these ports do (not) reach ioreq_port(). */
void arch_port_trap(struct domain *d, uint16_t first, uint32_t count, bool trap);

/* ---- interrupts of the machine ---- */

/*
 * A vector of our own on processor `cpu` for `src`: from then on the
 * interrupt calls irq_source_fire(src), after the processor's EOI. Any level
 * of trigger: the caller masks level sources in irq_source_fire() first.
 * Returns the vector (32..255), or -ENOSPC.
 */
int arch_vector_alloc(unsigned cpu, struct irq_source *src) MUST_CHECK;
/* The same, that very vector. -ENOSPC: it is taken on that processor. */
int arch_vector_alloc_at(unsigned cpu, unsigned vector, struct irq_source *src) MUST_CHECK;
/*
 * Nothing is sent to it any more. An interrupt that has reached the processor
 * but was not taken yet still calls irq_source_fire(src), so memory of a
 * source stays a source's; the vector is given out again after that.
 */
void arch_vector_free(unsigned cpu, unsigned vector);
/* The MSI address and data (compatibility format, fixed delivery, edge) that reach `vector` on `cpu`. */
void arch_msi_message(unsigned cpu, unsigned vector, uint64_t *addr, uint32_t *data);
/* The two dwords of an IO-APIC redirection entry that reach `vector` on `cpu`, polarity, trigger and mask bits clear. */
uint64_t arch_ioapic_entry(unsigned cpu, unsigned vector);
/* Registers of the machine's IO-APIC number `index` (order of the MADT). */
uint32_t arch_ioapic_read(unsigned index, unsigned reg);
void arch_ioapic_write(unsigned index, unsigned reg, uint32_t value);
/*
 * EOI for `vector` at that IO-APIC alone: its level entries with that vector have no interrupt
 * under way any more (ICH9 datasheet 13.5.4). False: it has no such register (version below 0x20).
 */
bool arch_ioapic_eoi(unsigned index, unsigned vector) MUST_CHECK;

/* ---- domains and vCPUs ---- */

/* The memmap of `d` changed: memmap_follow(), unless nothing follows it yet. */
void arch_memmap_changed(struct domain *d, const struct memmap_change *changes, unsigned count);
/*
 * Derive the tables of processors and devices from the memmap in [*at, end), or in a part of it
 * that takes about `*work` entries, which are taken off: *at is where it goes on.
 * arch_memmap_flush() comes after one or several. -ENOMEM: tables set aside are used up; what is to
 * be unmapped before *at is.
 */
int arch_memmap_sync(struct domain *d, gpa_t *at, gpa_t end, unsigned *work) MUST_CHECK;
/* Processors and devices forget what was changed since the last time. */
void arch_memmap_flush(struct domain *d);
/*
 * Set aside tables for a change that the domain's memmap asks for beyond what trap
 * paths have; mem_lock is held. -ENOMEM: the page pool is needed otherwise.
 */
int arch_memmap_prepare(struct domain *d, unsigned pages) MUST_CHECK;
/* The change is done: what is set aside far beyond the trap paths' needs goes back to the pool.
 * mem_lock is held. */
void arch_memmap_settle(struct domain *d);
/*
 * Copies between our memory and a vCPU's, by the vCPU's linear addresses and page
 * tables now; the vCPU runs on this processor. Only RAM of its domain is
 * touched. -EFAULT: some of it is not there (part may have been copied), or,
 * for to_guest, not writable.
 */
int arch_copy_from_guest(struct vcpu *v, void *to, uint64_t linear, size_t len) MUST_CHECK;
int arch_copy_to_guest(struct vcpu *v, uint64_t linear, const void *from, size_t len) MUST_CHECK;
/* The domain's RAM at `a`, to the end of its page; NULL: that is not its RAM now. */
void *arch_guest_ram(struct domain *d, gpa_t a);
/* Every vCPU of the domain forgets what it knows of its own page tables. No lock is held. */
void arch_domain_flush(struct domain *d);
/* Ticks that the vCPU's TSC is ahead of arch_time(). */
uint64_t arch_tsc_offset(const struct vcpu *v);
/* The vCPU's registers after INIT (SDM 3A 9.1.1); then, after a start-up message, real mode at page << 12. */
void arch_vcpu_reset(struct vcpu *v);
void arch_vcpu_startup(struct vcpu *v, unsigned page);
/* The same, these registers. The three are called by the vCPU's own processor. */
void arch_vcpu_load(struct vcpu *v, const struct vcpu_registers *r);
/* May a vCPU have these control registers? */
bool arch_vcpu_valid(struct vcpu *v, const struct vcpu_registers *r);
/* The vCPU of `d` that runs on this processor, out of the guest for now; NULL: none. */
struct vcpu *arch_vcpu_current(const struct domain *d);
/* Make `v` look at its pending events before it executes another guest instruction. */
void arch_vcpu_kick(struct vcpu *v);
/* The domain asked for its own end: enum domain_end of domain.h. Returns; the vCPU stops at its next entry. */
void arch_domain_end(struct domain *d, unsigned reason);

#endif
