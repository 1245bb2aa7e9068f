/* SPDX-License-Identifier: MIT */
/*
 * The two roads into configuration space: ports CF8h/CFCh (PCI 3.0 3.2.2.3.2)
 * and ECAM windows (PCIe 6.0 7.2.2). Both end in pci_access(), as naturally
 * aligned accesses of 1, 2 or 4 bytes; what is wider, unaligned or crosses a
 * dword is taken apart, lowest address first.
 *
 * The latch belongs to the root complex, so two processors race for it as they
 * do on a machine; it is copied before use and keeps its value after a data
 * access. Only whole-dword accesses to CF8h reach it.
 *
 * Deliberately not supported: special cycles, and extended registers through
 * bits 27:24 of the latch (AMD BKDG "EnableCf8ExtCfg").
 */
#include "pci_internal.h"

/* The largest naturally aligned piece at `offset` that is no longer than `left`. */
static unsigned piece(uint64_t offset, unsigned left)
{
	if ((offset & 3) == 0 && left >= 4) {
		return 4;
	}
	return (offset & 1) == 0 && left >= 2 ? 2 : 1;
}

/* Is it one piece, as nearly all accesses are? */
static bool is_whole(uint64_t offset, unsigned len)
{
	return len <= 4 && (offset & (len - 1)) == 0;
}

static uint32_t access_read(struct pci_root *root, sbdf_t sbdf, unsigned reg, unsigned len)
{
	struct pci_access a = {.sbdf = sbdf, .reg = (uint16_t)reg, .len = (uint8_t)len};

	(void)pci_access(root, &a);
	return a.value;
}

static void access_write(struct pci_root *root, sbdf_t sbdf, unsigned reg, unsigned len,
			 uint32_t value)
{
	struct pci_access a = {
		.sbdf = sbdf,
		.reg = (uint16_t)reg,
		.len = (uint8_t)len,
		.write = true,
		.value = value & (uint32_t)ones(len),
	};

	(void)pci_access(root, &a);
}

/* ---- ports ---- */

static sbdf_t latch_sbdf(uint32_t latch)
{
	return (sbdf_t){(latch & PCI_LATCH_BUS_DEVFN) >> 8};
}

static uint32_t port_read_piece(struct pci_root *root, uint16_t port, unsigned len)
{
	uint32_t latch = __atomic_load_n(&root->latch, __ATOMIC_RELAXED);

	if (port >= PCI_PORT_DATA) {
		if (!(latch & PCI_LATCH_ENABLE)) {
			return (uint32_t)ones(len);
		}
		return access_read(root, latch_sbdf(latch),
				   (latch & PCI_LATCH_REGISTER) | (port & 3), len);
	}
	if (len == 4) {
		return latch;
	}
	if (root->reset_ops) {
		return root->reset_ops->read(root->reset_ctx, port, len) & (uint32_t)ones(len);
	}
	return (uint32_t)ones(len);
}

static void port_write_piece(struct pci_root *root, uint16_t port, unsigned len, uint32_t value)
{
	uint32_t latch = __atomic_load_n(&root->latch, __ATOMIC_RELAXED);

	if (port >= PCI_PORT_DATA) {
		if (latch & PCI_LATCH_ENABLE) {
			access_write(root, latch_sbdf(latch),
				     (latch & PCI_LATCH_REGISTER) | (port & 3), len, value);
		}
	} else if (len == 4) {
		__atomic_store_n(&root->latch, value & PCI_LATCH_WRITABLE, __ATOMIC_RELAXED);
	} else if (root->reset_ops) {
		root->reset_ops->write(root->reset_ctx, port, len, value & (uint32_t)ones(len));
	}
}

static COLD uint32_t port_read_pieces(void *ctx, uint16_t port, unsigned len)
{
	uint32_t value = 0;

	for (unsigned at = 0, n; at < len; at += n) {
		n = piece(port + at, len - at);
		value |= port_read_piece(ctx, (uint16_t)(port + at), n) << (8 * at);
	}
	return value;
}

static uint32_t port_read(void *ctx, uint16_t port, unsigned len)
{
	return is_whole(port, len) ? port_read_piece(ctx, port, len)
				   : port_read_pieces(ctx, port, len);
}

static COLD void port_write_pieces(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	for (unsigned at = 0, n; at < len; at += n) {
		n = piece(port + at, len - at);
		port_write_piece(ctx, (uint16_t)(port + at), n, value >> (8 * at));
	}
}

static void port_write(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	if (is_whole(port, len)) {
		port_write_piece(ctx, port, len, value);
	} else {
		port_write_pieces(ctx, port, len, value);
	}
}

const struct port_ops pci_port_ops = {
	.name = "PCI configuration ports",
	.read = port_read,
	.write = port_write,
};

/* ---- ECAM ---- */

static sbdf_t ecam_sbdf(const struct pci_ecam *ecam, uint64_t offset)
{
	return (sbdf_t){ecam->first.v + (uint32_t)(offset >> PCI_ECAM_DEVFN_SHIFT)};
}

static COLD uint64_t ecam_read_pieces(const struct pci_ecam *ecam, uint64_t offset, unsigned len)
{
	uint64_t value = 0;

	for (unsigned at = 0, n; at < len; at += n) {
		uint64_t where = offset + at;

		n = piece(where, len - at);
		value |= (uint64_t)access_read(ecam->root, ecam_sbdf(ecam, where),
					       where & (PCI_CONFIG_EXT_SIZE - 1), n)
			 << (8 * at);
	}
	return value;
}

static uint64_t ecam_read(void *ctx, uint64_t offset, unsigned len)
{
	const struct pci_ecam *ecam = ctx;

	return is_whole(offset, len) ? access_read(ecam->root, ecam_sbdf(ecam, offset),
						   offset & (PCI_CONFIG_EXT_SIZE - 1), len)
				     : ecam_read_pieces(ecam, offset, len);
}

static COLD void ecam_write_pieces(const struct pci_ecam *ecam, uint64_t offset, unsigned len,
				   uint64_t value)
{
	for (unsigned at = 0, n; at < len; at += n) {
		uint64_t where = offset + at;

		n = piece(where, len - at);
		access_write(ecam->root, ecam_sbdf(ecam, where), where & (PCI_CONFIG_EXT_SIZE - 1),
			     n, (uint32_t)(value >> (8 * at)));
	}
}

static void ecam_write(void *ctx, uint64_t offset, unsigned len, uint64_t value)
{
	const struct pci_ecam *ecam = ctx;

	if (is_whole(offset, len)) {
		access_write(ecam->root, ecam_sbdf(ecam, offset),
			     offset & (PCI_CONFIG_EXT_SIZE - 1), len, (uint32_t)value);
	} else {
		ecam_write_pieces(ecam, offset, len, value);
	}
}

const struct mmio_ops pci_ecam_ops = {
	.name = "ECAM",
	.read = ecam_read,
	.write = ecam_write,
};
