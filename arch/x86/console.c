// SPDX-License-Identifier: MIT
/*
 * Console input: to the hardware domain, its emulated UART or its hvc0, or,
 * after three times Ctrl-a, to the hypervisor's keys (three times again: back).
 * `xl debug-keys` calls the same keys.
 */
#include <taproot/arch.h>
#include <taproot/console.h>
#include <taproot/domain.h>
#include <taproot/heap.h>
#include <taproot/iommu.h>
#include <taproot/log.h>
#include <taproot/panic.h>
#include <taproot/pci.h>
#include "console.h"
#include "cpu.h"
#include "hvm.h"
#include "machine.h"

#define CTRL_A 1
#define SWITCH_COUNT 3
#define FLUSH_ROUNDS 1000u
#define FLUSH_PAUSE  100 /* microseconds in which the vCPU gets back into the guest */

static struct {
	bool ours;
	bool hvc; /* the domain's side: hvc0, not the UART */
	unsigned switches;
	int held; /* a character that there was no room for; -1: none */
} input = {.held = -1};

static void key_registers(void)
{
	for (unsigned i = 0; i < hardware_domain->vcpu_count; i++) {
		hvm->log_state(hardware_domain->vcpu[i]);
	}
}

static void key_nested(void)
{
	gpa_t where;

	lock_acquire(&hardware_domain->mem_lock);
	log_info("npt: d%u root 0x%llx, %u table pages", hardware_domain->id,
		 (unsigned long long)hardware_domain->arch->npt.root_hpa.v,
		 hardware_domain->arch->npt.table_pages);
	nested_log(&hardware_domain->arch->npt);
	if (memmap_is_followed(&hardware_domain->memmap) &&
	    !nested_matches(&hardware_domain->arch->npt, &hardware_domain->memmap, &where)) {
		log_error("npt: differs from the memory map at 0x%llx", (unsigned long long)where.v);
	}
	log_info("npt: end");
	lock_release(&hardware_domain->mem_lock);
}

static void key_iommu(void)
{
	iommu_log();
}

static void key_machine(void)
{
	machine_log();
}

static void key_memmap(void)
{
	lock_acquire(&hardware_domain->mem_lock);
	memmap_log(&hardware_domain->memmap);
	lock_release(&hardware_domain->mem_lock);
	log_info("memmap: end");
}

static void key_interrupts(void)
{
	vioapic_log(hardware_domain);
	log_info("interrupts: %u vectors in use", vector_count());
}

static void key_pci(void)
{
	pci_root_log(hardware_domain->pci);
}

static void key_events(void)
{
	if (hardware_domain->event) {
		event_log(hardware_domain);
	}
	log_info("events: end");
}

/* Which of the domain's consoles is typed at, once input is the domain's again. */
static void key_device(void)
{
	input.hvc = !input.hvc && hardware_domain->xen_abi;
	log_info("console input: the hardware domain's is %s", input.hvc ? "hvc0" : "its UART");
}

static void key_statistics(void)
{
	static const char *const names[CAUSE_COUNT] = {"interrupt", "nmi",  "window", "cpuid",
						       "hlt",       "port", "msr",    "mmio",
						       "exception", "hypercall", "other"};

	for (unsigned i = 0; i < hardware_domain->vcpu_count; i++) {
		const struct vcpu *v = hardware_domain->vcpu[i];

		for (unsigned c = 0; c < CAUSE_COUNT; c++) {
			log_info("d%u vcpu%u: %-10s %llu exits", hardware_domain->id, i, names[c],
				 (unsigned long long)v->arch->exits[c]);
		}
	}
	log_info("pages: %u of %u free", (unsigned)page_free_count(), (unsigned)page_total_count());
}

/* With the domain on another processor than the console (dom0_cpu=): the way of an IPI and back. */
static void key_flush(void)
{
	uint64_t spent = 0, end = arch_time() + arch_time_hz();
	unsigned kicked = 0, rounds = 0;

	/* A second at most: this processor's vCPU stands still meanwhile. */
	for (; rounds < FLUSH_ROUNDS && arch_time() < end; rounds++) {
		uint64_t start = arch_time();

		kicked += hvm_shootdown(hardware_domain);
		spent += arch_time() - start;
		delay_us(FLUSH_PAUSE);
	}
	log_info("flush: %u shootdowns, %u of them of a running vCPU, %llu ns each", rounds, kicked,
		 (unsigned long long)(timer_ticks_to_ns(spent) / MAX(rounds, 1u)));
}

/* On purpose: what a crash of ours looks like, and what a debugger needs. */
static void key_crash(void)
{
	panic("asked for by key");
}

static void key_help(void);

static const struct {
	char key;
	void (*fn)(void);
	const char *help;
} keys[] = {
	{'C', key_crash, "crash the hypervisor, with a report"},
	{'d', key_iommu, "DMA and interrupt remapping"},
	{'e', key_events, "event channels of the hardware domain"},
	{'f', key_flush, "shoot the hardware domain's translations down, many times"},
	{'h', key_help, "this list"},
	{'i', key_interrupts, "interrupt routes"},
	{'M', key_machine, "the machine's own registers, of every processor"},
	{'m', key_memmap, "memory map of the hardware domain"},
	{'n', key_nested, "nested page tables of the hardware domain"},
	{'p', key_pci, "PCI functions and who owns them"},
	{'r', key_registers, "registers of the hardware domain's processors"},
	{'s', key_statistics, "exit counters and memory"},
	{'u', key_device, "type at hvc0 or at the UART of the hardware domain"},
};

static void key_help(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		log_info("key %c: %s", keys[i].key, keys[i].help);
	}
}

void arch_debug_key(char c)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].key == c) {
			keys[i].fn();
			return;
		}
	}
}

/* True when the character was taken. */
static bool take(uint8_t c)
{
	input.switches = c == CTRL_A ? input.switches + 1 : 0;
	if (input.switches == SWITCH_COUNT) {
		input.switches = 0;
		input.ours = !input.ours;
		log_info("console input: %s (Ctrl-a three times switches)",
			 input.ours ? "hypervisor, h for help" : "hardware domain");
		return true;
	}
	if (input.ours) {
		arch_debug_key((char)c);
		return true;
	}
	return input.hvc ? console_input(c) : uart_receive(&hardware_domain->uart, c);
}

/* Is there room where the next character goes? */
static bool has_room(void)
{
	if (input.ours) {
		return true;
	}
	return input.hvc ? console_input_room() : uart_receive_room(&hardware_domain->uart);
}

static struct timer retry;

/* There is no room: look again in a millisecond. */
static void hold(int c)
{
	input.held = c;
	timer_set(&retry, arch_time() + arch_time_hz() / 1000);
}

static void retry_fn(struct timer *t)
{
	(void)t;
	console_poll();
}

void console_input_init(const char *cmdline)
{
	input.hvc = hardware_domain->xen_abi && console_named_last(cmdline);
	timer_init(&retry, retry_fn);
}

void console_poll(void)
{
	int c = input.held >= 0 ? input.held : serial_getc();

	while (c >= 0) {
		input.held = -1;
		if (!has_room()) {
			hold(c);
			return;
		}
		(void)take((uint8_t)c);
		c = serial_getc();
	}
}
