/* SPDX-License-Identifier: MIT */
/* Building the hardware domain on this machine. */
#ifndef ARCH_X86_HWDOM_H
#define ARCH_X86_HWDOM_H

struct acpi_host;
struct boot_info;
struct domain;

/* All of it; refuses (and does not return) with the reason when something is missing. */
struct domain *hwdom_build(const struct boot_info *info, const struct acpi_host *acpi);

#endif
