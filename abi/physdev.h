/* SPDX-License-Identifier: MIT */
/*
 * What physdev.h of Xen 4.17 lacks: PHYSDEVOP_pci_device_reset (Xen ABI
 * physdev.h since 4.20, MIT).
 */
#ifndef TAPROOT_ABI_PHYSDEV_H
#define TAPROOT_ABI_PHYSDEV_H

#include <abi/xen.h>
#include <xen/physdev.h>

/* A device's state was lost in a reset of this kind: cold, warm, hot or by FLR. */
#ifndef PHYSDEVOP_pci_device_reset
#define PHYSDEVOP_pci_device_reset 32
struct pci_device_reset {
	physdev_pci_device_t dev;
	uint32_t flags;
};
#define PCI_DEVICE_RESET_MASK 0x3u
#endif

_Static_assert(sizeof(struct pci_device_reset) == 8, "physdev.h");

#endif
