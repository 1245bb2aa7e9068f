/* SPDX-License-Identifier: MIT */
/*
 * An emulated 16550A (PC16550D datasheet) in place of the UART that the
 * hypervisor keeps: output goes to the hypervisor's console, input comes from it.
 */
#ifndef TAPROOT_UART_H
#define TAPROOT_UART_H

#include <taproot/lock.h>

#define UART_FIFO 16

/* Part of struct domain; `lock` guards all of it and comes before irq_lock. */
struct uart {
	struct domain *domain;
	struct lock lock;
	uint16_t base;
	uint32_t gsi;
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t msr_delta;
	uint8_t rx[UART_FIFO];
	uint8_t rx_head, rx_count;
	bool overrun, thre_pending;
	bool line; /* the interrupt output */
};

/* Claim the eight ports at `base` and the GSI. Errors as ioreq_claim_ports(),
 * vioapic_emulate_gsi(). */
int uart_init(struct uart *u, struct domain *d, uint16_t base, uint32_t gsi) MUST_CHECK;
/* A character came in from the console. False: the FIFO is full and it was not taken. */
bool uart_receive(struct uart *u, uint8_t c);
/* Room in the receive FIFO. */
unsigned uart_receive_room(struct uart *u);

#endif
