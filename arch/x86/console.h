/* SPDX-License-Identifier: MIT */
/* Console input and the hypervisor's keys. */
#ifndef ARCH_X86_CONSOLE_H
#define ARCH_X86_CONSOLE_H

/*
 * Once, before console_poll(); the hardware domain exists. Its input goes to hvc0 when
 * its command line names that last among its consoles, else to its UART.
 */
void console_input_init(const char *cmdline);
/* Hand what has come in to whom it belongs; called when the serial port interrupts. */
void console_poll(void);

#endif
