/* SPDX-License-Identifier: MIT */
/* Ports that reset, suspend or disturb the machine below the hypervisor. */
#ifndef ARCH_X86_POWER_H
#define ARCH_X86_POWER_H

#include <taproot/types.h>

struct acpi_host;

/*
 * Claim them for the hardware domain `d`, whose root complex exists. Errors of
 * ioreq_claim_ports(), named in the log.
 */
int power_init(struct domain *d, const struct acpi_host *acpi) MUST_CHECK;

/* Returns when the machine does not go off, or nobody knows how. */
void power_off_machine(void);

#endif
