/* SPDX-License-Identifier: MIT */
/* The machine's own registers, for the log. */
#ifndef ARCH_X86_MACHINE_H
#define ARCH_X86_MACHINE_H

/*
 * Write those of every processor, and of the console's UART, to the log. No lock
 * may be held: the others are called (smp_call()).
 */
void machine_log(void);

#endif
