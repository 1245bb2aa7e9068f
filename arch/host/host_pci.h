/* SPDX-License-Identifier: MIT */
/*
 * The hosted machine's PCI functions: configuration images with write masks,
 * BARs that can be sized and moved, device memory behind them, MSI and MSI-X
 * capabilities. Tests build devices with it and look at what reached them.
 */
#ifndef TAPROOT_HOST_PCI_H
#define TAPROOT_HOST_PCI_H

#include <taproot/arch.h>

struct host_pci;

/* No functions, no windows, counters at 0. */
void host_pci_reset(void);

/* A function; type 1 header when `bridge`. Its BARs and capabilities are added next. */
struct host_pci *host_pci_add(sbdf_t sbdf, uint16_t vendor, uint16_t device, uint16_t class_code,
			      bool bridge);
/* A function from a recording: registers as they were, and the sizes of its BARs. */
struct host_pci *host_pci_load(sbdf_t sbdf, const uint8_t *config, unsigned size,
			       const uint64_t *bar_sizes);
/* It is pulled out: answers no more. */
void host_pci_remove(struct host_pci *p);
struct host_pci *host_pci_find(sbdf_t sbdf);
/* Its registers and memory become those after a reset. A bridge's Secondary Bus Reset does it too. */
void host_pci_reset_one(struct host_pci *p);

/* BAR `index` (6: ROM) with these read-only low bits (PCI 3.0 6.2.5.1). */
void host_pci_bar(struct host_pci *p, unsigned index, uint32_t bits, uint64_t size);
/* What firmware wrote there. */
void host_pci_bar_set(struct host_pci *p, unsigned index, uint64_t address);
/* A capability of `size` bytes at `offset`, linked in front of the others. */
void host_pci_cap(struct host_pci *p, unsigned offset, unsigned id, unsigned size);
void host_pci_cap_msi(struct host_pci *p, unsigned offset, bool is64, bool maskable,
		      unsigned messages_log2);
void host_pci_cap_msix(struct host_pci *p, unsigned offset, unsigned count, unsigned table_bar,
		       uint32_t table, unsigned pba_bar, uint32_t pba);
/* PCI Express with function-level reset, which resets registers and memory at once. */
void host_pci_cap_express(struct host_pci *p, unsigned offset);
/* Power management; D3hot to D0 resets the function, unless No_Soft_Reset was set in it. */
void host_pci_cap_pm(struct host_pci *p, unsigned offset);

/* An extended capability at the end of the list; the first one is at 100h. */
void host_pci_extcap(struct host_pci *p, unsigned offset, unsigned id);
/* SR-IOV with up to 64 virtual functions, then their BARs, and their MSI-X (at 70h). */
void host_pci_cap_sriov(struct host_pci *p, unsigned offset, unsigned total, unsigned first,
			unsigned stride);
void host_pci_vf_bar(struct host_pci *p, unsigned index, uint32_t bits, uint64_t size);
void host_pci_vf_msix(struct host_pci *p, unsigned count, unsigned table_bar, uint32_t table,
		      unsigned pba_bar, uint32_t pba);
/* BAR or VF BAR `bar`, which exists, is resizable, as large as it is now and after a reset. */
void host_pci_cap_rebar(struct host_pci *p, unsigned offset, unsigned bar);
void host_pci_cap_vf_rebar(struct host_pci *p, unsigned offset, unsigned bar);
/* Virtual function `number`; NULL: not there. */
struct host_pci *host_pci_vf(struct host_pci *p, unsigned number);
/* Those that are enabled do not answer until it is called with false. */
void host_pci_vf_late(struct host_pci *p, bool late);

/* The registers, past all masks. */
uint32_t host_pci_get(const struct host_pci *p, unsigned reg, unsigned len);
void host_pci_set(struct host_pci *p, unsigned reg, unsigned len, uint32_t value);
/* Bits that a write changes. */
void host_pci_writable(struct host_pci *p, unsigned reg, unsigned len, uint32_t mask);
/* The memory behind a BAR, decoded or not. */
uint64_t host_pci_memory_get(struct host_pci *p, unsigned bar, uint64_t offset, unsigned len);
void host_pci_memory_set(struct host_pci *p, unsigned bar, uint64_t offset, unsigned len,
			 uint64_t value);
/* Raise the message of MSI-X entry `index` as programmed. False: masked, off, or nobody there. */
bool host_pci_fire_msix(struct host_pci *p, unsigned index);
bool host_pci_fire_msi(struct host_pci *p);
/* Message `index` of those that are enabled: it counts up the low bits of the data. */
bool host_pci_fire_msi_nth(struct host_pci *p, unsigned index);

/* Until the next call, reads of exactly this register answer `value`. SBDF_NONE: none do. */
void host_pci_force_read(sbdf_t sbdf, unsigned reg, unsigned len, uint32_t value);
/* The same for windows on device memory; physical address UINT64_MAX: none do. */
/* The machine shows configuration space of segment 0 from `base` on; 0 bytes: nowhere. */
void host_pci_window(uint64_t base, uint64_t size);
void host_iomap_force_read(uint64_t address, uint64_t value);

/* Called for each write to configuration space, before it happens. NULL: not. */
extern void (*host_pci_write_hook)(sbdf_t sbdf, unsigned reg);
extern unsigned host_pci_read_count;
extern unsigned host_pci_write_count;
extern unsigned host_iomap_write_count;
/* Windows that can be made from now on. */
extern unsigned host_iomap_left;

#endif
