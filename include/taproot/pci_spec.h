/* SPDX-License-Identifier: MIT */
/*
 * Registers and bits of PCI configuration space, each group with the section
 * that defines it. Our own names, so that <linux/pci_regs.h> can be included
 * beside them: test/unit/test_pci_spec.c compares the two.
 *
 * Specs: PCI Local Bus 3.0 (PCI 3.0), PCI-to-PCI Bridge Architecture 1.2
 * (Bridge 1.2), PCI Express Base 6.0 (PCIe 6.0), PCI Power Management 1.2
 * (PM 1.2), Advanced Capabilities ECN (AF), Single Root I/O Virtualization 1.1
 * (SR-IOV 1.1). Only what the core decodes is here.
 */
#ifndef TAPROOT_PCI_SPEC_H
#define TAPROOT_PCI_SPEC_H

/* Configuration mechanism #1 (PCI 3.0 3.2.2.3.2). */
#define PCI_PORT_ADDRESS    0xcf8u
#define PCI_PORT_DATA       0xcfcu
#define PCI_PORT_COUNT      8u
#define PCI_LATCH_ENABLE    0x80000000u
#define PCI_LATCH_BUS_DEVFN 0x00ffff00u
#define PCI_LATCH_REGISTER  0x000000fcu
/* Bits 30:24 and 1:0 are read-only zero. */
#define PCI_LATCH_WRITABLE (PCI_LATCH_ENABLE | PCI_LATCH_BUS_DEVFN | PCI_LATCH_REGISTER)

/* Sizes of configuration space (PCI 3.0 6.1; PCIe 6.0 7.2), and its ECAM image (PCIe 6.0 7.2.2). */
#define PCI_CONFIG_SIZE       256u
#define PCI_CONFIG_EXT_SIZE   4096u
#define PCI_ECAM_DEVFN_SHIFT  12
#define PCI_ECAM_BUS_SHIFT    20
#define PCI_DEVICES_PER_BUS   32u
#define PCI_FUNCTIONS_PER_DEV 8u

/* Header registers common to all types (PCI 3.0 6.1, 6.2). */
#define PCI_REG_VENDOR      0x00u
#define PCI_REG_DEVICE      0x02u
#define PCI_REG_COMMAND     0x04u
#define PCI_REG_STATUS      0x06u
#define PCI_REG_REVISION    0x08u
#define PCI_REG_CLASS       0x0au /* base class in the upper byte */
#define PCI_REG_HEADER_TYPE 0x0eu
#define PCI_REG_BAR0        0x10u
#define PCI_REG_CAP_POINTER 0x34u
#define PCI_REG_INTERRUPT   0x3cu
/* First register behind the header: capabilities live here (PCI 3.0 6.7). */
#define PCI_REG_DEVICE_SPECIFIC 0x40u

/* An absent function answers all ones (PCI 3.0 6.1), one not ready yet 0001h (PCIe 6.0 2.3.2). */
#define PCI_VENDOR_NONE      0xffffu
#define PCI_VENDOR_NOT_READY 0x0001u

/* Header Type register (PCI 3.0 6.2.1; Bridge 1.2 3.2.3.8). */
#define PCI_HEADER_LAYOUT  0x7fu
#define PCI_HEADER_MULTI   0x80u
#define PCI_HEADER_NORMAL  0u
#define PCI_HEADER_BRIDGE  1u
#define PCI_HEADER_CARDBUS 2u

/* Type 0 (PCI 3.0 6.2.5). */
#define PCI_BARS_NORMAL 6u
#define PCI_REG_ROM     0x30u
/* Type 1 (Bridge 1.2 3.2.4, 3.2.5). */
#define PCI_BARS_BRIDGE      2u
#define PCI_REG_PRIMARY      0x18u
#define PCI_REG_SECONDARY    0x19u
#define PCI_REG_SUBORDINATE  0x1au
#define PCI_BRIDGE_BUSES     0x00ffff00u /* secondary and subordinate, of the dword at 18h */
#define PCI_REG_ROM_BRIDGE   0x38u
#define PCI_REG_BRIDGE_CTL   0x3eu
#define PCI_BRIDGE_CTL_RESET 0x0040u

/* Command and Status (PCI 3.0 6.2.2, 6.2.3). */
#define PCI_CMD_IO           0x0001u
#define PCI_CMD_MEMORY       0x0002u
#define PCI_CMD_MASTER       0x0004u
#define PCI_CMD_INTX_DISABLE 0x0400u
#define PCI_STS_CAPABILITIES 0x0010u

/* Base Address Registers (PCI 3.0 6.2.5.1) and the Expansion ROM (6.2.5.2). */
#define PCI_BAR_IO        0x01u
#define PCI_BAR_IO_MASK   0xfffffffcu
#define PCI_BAR_TYPE_MASK 0x06u
#define PCI_BAR_TYPE_32   0x00u
#define PCI_BAR_TYPE_1M   0x02u
#define PCI_BAR_TYPE_64   0x04u
#define PCI_BAR_PREFETCH  0x08u
#define PCI_BAR_MEM_MASK  0xfffffff0u
#define PCI_ROM_ENABLE    0x01u
#define PCI_ROM_MASK      0xfffff800u

/* Capability list (PCI 3.0 6.7, appendix H). */
#define PCI_CAPID_PM         0x01u
#define PCI_CAPID_MSI        0x05u
#define PCI_CAPID_EXPRESS    0x10u
#define PCI_CAPID_MSIX       0x11u
#define PCI_CAPID_AF         0x13u
#define PCI_CAP_POINTER_MASK 0xfcu
/* As many dwords as there are from 40h to FFh: a longer list has a loop. */
#define PCI_CAPS_MAX 48u

/* Message Signalled Interrupts (PCI 3.0 6.8.1). Offsets from the capability. */
#define MSI_REG_CONTROL    0x02u
#define MSI_REG_ADDRESS    0x04u
#define MSI_REG_ADDRESS_HI 0x08u
#define MSI_REG_DATA_32    0x08u
#define MSI_REG_DATA_64    0x0cu
#define MSI_REG_MASK_32    0x0cu
#define MSI_REG_MASK_64    0x10u
#define MSI_CTL_ENABLE     0x0001u
#define MSI_CTL_CAPABLE    0x000eu /* Multiple Message Capable, read-only */
#define MSI_CTL_ALLOCATED  0x0070u /* Multiple Message Enable */
#define MSI_CTL_64         0x0080u
#define MSI_MESSAGES_MAX   32u
#define MSI_CTL_MASKABLE   0x0100u
/* Bits 1:0 of the message address are zero (PCI 3.0 6.8.1.4). */
#define MSI_ADDRESS_MASK 0xfffffffcu

/* MSI-X (PCI 3.0 6.8.2). Offsets from the capability. */
#define MSIX_REG_CONTROL 0x02u
#define MSIX_REG_TABLE   0x04u
#define MSIX_REG_PBA     0x08u
#define MSIX_CTL_SIZE    0x07ffu
#define MSIX_CTL_MASKALL 0x4000u
#define MSIX_CTL_ENABLE  0x8000u
#define MSIX_BIR_MASK    0x00000007u
#define MSIX_OFFSET_MASK 0xfffffff8u
#define MSIX_ENTRIES_MAX 2048u
/* One table entry (PCI 3.0 6.8.2.6 to 6.8.2.9). */
#define MSIX_ENTRY_SIZE       16u
#define MSIX_ENTRY_ADDRESS    0u
#define MSIX_ENTRY_ADDRESS_HI 4u
#define MSIX_ENTRY_DATA       8u
#define MSIX_ENTRY_CONTROL    12u
#define MSIX_ENTRY_MASKED     0x1u

/* Power Management Control/Status (PM 1.2 3.2.4), offset from the capability. */
#define PM_REG_CSR      0x04u
#define PM_CSR_STATE    0x0003u
#define PM_CSR_NO_RESET 0x0008u /* No_Soft_Reset */
#define PM_STATE_D0     0u
#define PM_STATE_D3     3u

/* Function-level reset: PCI Express (PCIe 6.0 7.5.3.3, 7.5.3.4) and conventional PCI (AF ECN,
 * capability 13h). */
#define EXP_REG_DEVCAP 0x04u
#define EXP_DEVCAP_FLR 0x10000000u
#define EXP_REG_DEVCTL 0x08u
#define EXP_DEVCTL_FLR 0x8000u
/* Links and slots of ports (PCIe 6.0 7.5.3.2, 7.5.3.7, 7.5.3.10, 7.5.3.11). */
#define EXP_REG_CAPS         0x02u
#define EXP_CAPS_SLOT        0x0100u /* Slot Implemented */
#define EXP_REG_LINKCTL      0x10u
#define EXP_LINKCTL_DISABLE  0x0010u
#define EXP_REG_SLOTCTL      0x18u
#define EXP_SLOTCTL_OFF      0x0400u /* Power Controller Control */
#define EXP_REG_SLOTSTS      0x1au
#define EXP_SLOTSTS_PRESENCE 0x0040u /* Presence Detect State */
#define AF_REG_CAP     0x03u
#define AF_CAP_FLR     0x02u
#define AF_REG_CONTROL 0x04u
#define AF_CTL_FLR     0x01u

/* Extended capabilities (PCIe 6.0 7.6.3): the first one's header, and what a header holds. */
#define PCI_EXTCAP_FIRST        0x100u
#define PCI_EXTCAP_ID(header)   ((header) & 0xffffu)
#define PCI_EXTCAP_NEXT(header) ((header) >> PCI_EXTCAP_NEXT_SHIFT)
#define PCI_EXTCAP_NEXT_SHIFT   20
#define PCI_EXTCAP_NEXT_MASK    0xfff00000u
#define PCI_EXTCAPID_ATS        0x0fu
#define PCI_EXTCAPID_SRIOV      0x10u
#define PCI_EXTCAPID_PRI        0x13u
#define PCI_EXTCAPID_REBAR      0x15u
#define PCI_EXTCAPID_PASID      0x1bu
#define PCI_EXTCAPID_VF_REBAR   0x24u

/* Address translation services, page requests, address spaces (PCIe 6.0 10.5.1, 10.5.2, 7.8.9). */
#define ATS_SIZE          0x08u
#define ATS_REG_CONTROL   0x06u
#define ATS_CTL_ENABLE    0x8000u
#define PRI_SIZE          0x10u
#define PRI_REG_CONTROL   0x04u
#define PRI_CTL_ENABLE    0x0001u
#define PASID_SIZE        0x08u
#define PASID_REG_CONTROL 0x06u
#define PASID_CTL_ENABLE  0x0007u /* and execute permission, privileged mode */

/* Resizable BARs and VF Resizable BARs (PCIe 6.0 7.8.6, 7.8.7): pairs of a capability and a
 * control register. */
#define REBAR_REG_CAP         0x04u
#define REBAR_REG_CONTROL     0x08u
#define REBAR_ENTRY_SIZE      8u
#define REBAR_CTL_BAR         0x00000007u
#define REBAR_CTL_COUNT       0x000000e0u
#define REBAR_CTL_COUNT_SHIFT 5
#define REBAR_CTL_SIZE        0x00003f00u
#define REBAR_CTL_SIZE_SHIFT  8

/* SR-IOV (SR-IOV 1.1 3.3). Offsets from the capability. */
#define SRIOV_SIZE          0x40u
#define SRIOV_REG_CAP       0x04u
#define SRIOV_REG_CONTROL   0x08u
#define SRIOV_REG_STATUS    0x0au
#define SRIOV_REG_INITIAL   0x0cu
#define SRIOV_REG_TOTAL     0x0eu
#define SRIOV_REG_COUNT     0x10u /* NumVFs */
#define SRIOV_REG_OFFSET    0x14u /* First VF Offset */
#define SRIOV_REG_STRIDE    0x16u
#define SRIOV_REG_DEVICE    0x1au
#define SRIOV_REG_PAGES     0x1cu /* Supported Page Sizes */
#define SRIOV_REG_PAGE_SIZE 0x20u /* System Page Size */
#define SRIOV_REG_BAR0      0x24u
#define SRIOV_CTL_ENABLE    0x0001u
#define SRIOV_CTL_MEMORY    0x0008u /* VF MSE */
#define SRIOV_CTL_ARI       0x0010u /* ARI Capable Hierarchy */

#endif
