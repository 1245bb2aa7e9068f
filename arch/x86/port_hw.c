// SPDX-License-Identifier: MIT
/* The machine's I/O ports for the core. */
#include <taproot/arch.h>
#include "x86.h"

uint32_t arch_port_read(uint16_t port, unsigned len)
{
	switch (len) {
	case 1:
		return inb(port);
	case 2:
		return inw(port);
	default:
		return inl(port);
	}
}

void arch_port_write(uint16_t port, unsigned len, uint32_t value)
{
	switch (len) {
	case 1:
		outb(port, (uint8_t)value);
		break;
	case 2:
		outw(port, (uint16_t)value);
		break;
	default:
		outl(port, value);
		break;
	}
}
