/* SPDX-License-Identifier: MIT */
/*
 * The PV console of the hardware domain (Xen ABI console_io): what it writes
 * goes to the hypervisor's console as it is, what is typed waits for it here.
 */
#ifndef TAPROOT_CONSOLE_H
#define TAPROOT_CONSOLE_H

#include <taproot/types.h>

#define CONSOLE_INPUT_SIZE 256

/* A character for the hardware domain; it is told (VIRQ_CONSOLE). False: no room. */
bool console_input(uint8_t c);
unsigned console_input_room(void);
/* Is hvc0 the console that a Linux command line names last? */
bool console_named_last(const char *cmdline);
/* Drop what waits. */
void console_input_clear(void);

#endif
