// SPDX-License-Identifier: MIT
/*
 * Refusals and the ways to reset the machine, from the politest to a triple
 * fault: FADT's reset register (ACPI 6.5 4.8.3.6), the reset control register
 * 0xCF9 (ICH9 datasheet 13.7.5), the keyboard controller.
 */
#include <stdarg.h>
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/fmt.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include "cpu.h"
#include "paging.h"
#include "x86.h"

#define REFUSE_DELAY 5000000 /* microseconds to read the line */
#define STEP_DELAY   100000

enum { RESET_NONE = 0xff, RESET_MEMORY = 0, RESET_PORT = 1, RESET_PCI = 2 };

static uint8_t reset_space = RESET_NONE;
static uint8_t reset_value;
static uint64_t reset_address;
static struct iomap reset_window;

void machine_halt(void)
{
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}

void reset_register_set(unsigned space, uint64_t address, uint8_t value)
{
	if (space == RESET_MEMORY) {
		/* Mapped now: a crash has no time for it. */
		if (arch_iomap_init(&reset_window, 1) < 0) {
			return;
		}
		arch_iomap_set(&reset_window, hpa(address & PAGE_MASK));
	} else if (space != RESET_PCI && (space != RESET_PORT || address > 0xffff)) {
		log_notice("reset register in address space %u is not supported", space);
		return;
	}
	reset_space = (uint8_t)space;
	reset_address = address;
	reset_value = value;
}

static void reset_by_register(void)
{
	switch (reset_space) {
	case RESET_MEMORY:
		arch_iomap_write(&reset_window, reset_address & (PAGE_SIZE - 1), 1, reset_value);
		break;
	case RESET_PORT:
		outb((uint16_t)reset_address, reset_value);
		break;
	case RESET_PCI:
		/* Bus 0; device, function and register as words (ACPI 6.5 table 5.1). */
		arch_pci_write(sbdf_make(0, 0, reset_address >> 32 & 0x1f, reset_address >> 16 & 7),
			       reset_address & 0xfff, 1, reset_value);
		break;
	default:
		return;
	}
	delay_us(STEP_DELAY);
}

void reset_machine(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = {0, 0};

	irq_disable();
	reset_by_register();
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	delay_us(STEP_DELAY);
	outb(0x64, 0xfe);
	delay_us(STEP_DELAY);
	__asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
	machine_halt();
}

void refuse(const char *format, ...)
{
	char line[200];
	va_list ap;

	console_open(PORT_COM1);
	va_start(ap, format);
	(void)fmt_vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	log_error("REFUSED: %s", line);
	if (options.noreboot) {
		log_error("halted (noreboot)");
		machine_halt();
	}
	delay_us(REFUSE_DELAY);
	reset_machine();
}
