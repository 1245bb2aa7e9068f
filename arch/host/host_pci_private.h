/* SPDX-License-Identifier: MIT */
/* What host_pci.c (registers) and host_pci_mem.c (memory and messages) share. */
#ifndef TAPROOT_HOST_PCI_PRIVATE_H
#define TAPROOT_HOST_PCI_PRIVATE_H

#include <taproot/panic.h>
#include <taproot/pci_spec.h>
#include <taproot/string.h>

#include "host.h"
#include "host_pci.h"

#define FUNCTIONS_MAX 4096u
#define BARS          7u
#define ROM           6u
#define VFS_MAX       64u

struct memory_page {
	struct memory_page *next;
	unsigned bar;
	uint64_t page;
	uint8_t byte[PAGE_SIZE];
};

/* A BAR that can be resized: its control register, and what is in it after a reset. */
struct host_rebar {
	unsigned control; /* 0: none */
	uint32_t initial;
};

struct host_pci {
	sbdf_t sbdf;
	bool present;
	unsigned size; /* of configuration space */
	uint8_t config[PCI_CONFIG_EXT_SIZE];
	uint8_t writable[PCI_CONFIG_EXT_SIZE];
	uint8_t clears[PCI_CONFIG_EXT_SIZE]; /* written ones clear */
	uint64_t bar_size[BARS];
	unsigned msi, msix, express, pm;
	struct host_rebar rebar, vf_rebar;
	struct memory_page *memory;
	/* SR-IOV: the capability's offset, and what virtual functions have. */
	unsigned sriov;
	bool vf_late; /* those that are enabled do not answer yet */
	uint64_t vf_bar_size[PCI_BARS_NORMAL];
	uint64_t vf_bar_now[PCI_BARS_NORMAL]; /* a page at least */
	unsigned vf_msix_count;
	uint32_t vf_msix_table, vf_msix_pba;
	struct host_pci *vf[VFS_MAX];
	struct host_pci *vf_of; /* it is a virtual function */
	unsigned vf_number;
};

extern struct host_pci *host_pci_functions[FUNCTIONS_MAX];
extern unsigned host_pci_function_count;

/* Where BAR `index` is in configuration space, and whether it is 64-bit. */
unsigned host_pci_bar_reg(const struct host_pci *p, unsigned index);
bool host_pci_bar_is_64(const struct host_pci *p, unsigned index);
/* Make a function, or let `again` be there once more. */
struct host_pci *host_pci_enter(struct host_pci *again, sbdf_t sbdf);
/* Registers of the SR-IOV capability may have changed. */
void host_pci_sriov_written(struct host_pci *p);
bool host_pci_vf_decodes(const struct host_pci *vf, unsigned index, uint64_t address,
			 uint64_t *offset);
/* The function's memory is as if never touched. */
void host_pci_memory_forget(struct host_pci *p);

#endif
