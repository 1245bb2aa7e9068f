/* SPDX-License-Identifier: MIT */
/*
 * Functions of bus 0 by their registers in ECAM (PCIe 6.0 7.2.2), whose base the MCFG
 * has (PCI Firmware 3.3 4.1.2), and their capability lists.
 *
 * Not supported: other buses, and an ECAM window above 4 GiB.
 */
#ifndef GUESTS_PCI_H
#define GUESTS_PCI_H

#include "guest.h"

/* Where the registers of the first function with this vendor and device id are; 0: none. */
uint64_t pci_find(uint32_t identity);
/* Offset of a capability, or of an extended one; 0: none. */
unsigned pci_cap(uint64_t function, unsigned id);
unsigned pci_cap_extended(uint64_t function, unsigned id);

#endif
