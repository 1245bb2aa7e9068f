// SPDX-License-Identifier: MIT
/*
 * Console input: to the hardware domain's emulated UART, or, after three
 * times Ctrl-a, to the hypervisor's keys (three times again: back).
 */
#include <taproot/arch.h>
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
	unsigned switches;
	int held; /* a character that the UART had no room for; -1: none */
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

	log_info("npt: d%u root 0x%llx, %u table pages", hardware_domain->id,
		 (unsigned long long)hardware_domain->arch->npt.root_hpa.v,
		 hardware_domain->arch->npt.table_pages);
	nested_log(&hardware_domain->arch->npt);
	if (!nested_matches(&hardware_domain->arch->npt, &hardware_domain->memmap, &where)) {
		log_error("npt: differs from the memory map at 0x%llx", (unsigned long long)where.v);
	}
	log_info("npt: end");
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
	memmap_log(&hardware_domain->memmap);
	log_info("memmap: end");
}

static void key_interrupts(void)
{
	vioapic_log(hardware_domain);
}

static void key_pci(void)
{
	pci_root_log(hardware_domain->pci);
}

static void key_statistics(void)
{
	static const char *const names[CAUSE_COUNT] = {"interrupt", "nmi",  "window", "cpuid",
						       "hlt",       "port", "msr",    "mmio",
						       "exception", "other"};

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
	uint64_t spent = 0;
	unsigned kicked = 0;

	for (unsigned i = 0; i < FLUSH_ROUNDS; i++) {
		uint64_t start = arch_time();

		kicked += hvm_shootdown(hardware_domain);
		spent += arch_time() - start;
		delay_us(FLUSH_PAUSE);
	}
	log_info("flush: %u shootdowns, %u of them of a running vCPU, %llu ns each", FLUSH_ROUNDS,
		 kicked, (unsigned long long)(timer_ticks_to_ns(spent) / FLUSH_ROUNDS));
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
	{'f', key_flush, "shoot the hardware domain's translations down, many times"},
	{'h', key_help, "this list"},
	{'i', key_interrupts, "interrupt routes"},
	{'M', key_machine, "the machine's own registers, on this processor"},
	{'m', key_memmap, "memory map of the hardware domain"},
	{'n', key_nested, "nested page tables of the hardware domain"},
	{'p', key_pci, "PCI functions and who owns them"},
	{'r', key_registers, "registers of the hardware domain's processors"},
	{'s', key_statistics, "exit counters and memory"},
};

static void key_help(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		log_info("key %c: %s", keys[i].key, keys[i].help);
	}
}

static void press(char c)
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
		press((char)c);
		return true;
	}
	return uart_receive(&hardware_domain->uart, c);
}

static struct timer retry;

/* The UART's FIFO is full: look again in a millisecond. */
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

void console_input_init(void)
{
	timer_init(&retry, retry_fn);
}

void console_poll(void)
{
	int c = input.held >= 0 ? input.held : serial_getc();

	while (c >= 0) {
		input.held = -1;
		if (uart_receive_room(&hardware_domain->uart) == 0 && !input.ours) {
			hold(c);
			return;
		}
		(void)take((uint8_t)c);
		c = serial_getc();
	}
}
