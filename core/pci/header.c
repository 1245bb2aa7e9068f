/* SPDX-License-Identifier: MIT */
/*
 * The standard header (PCI 3.0 6.1, 6.2; Bridge 1.2 3.2): the command
 * register, whose Memory Space bit decides what is mapped, and the map from
 * dwords to the concerns that decode them.
 *
 * Reads of the header are the machine's. Writes go there as they are, so RW1C
 * bits of Status behave as the domain meant; only a shadow follows.
 *
 * Deliberately not supported: CardBus bridges (layout 2) are passed through
 * with neither BARs nor capabilities decoded.
 */
#include <taproot/log.h>

#include "pci_internal.h"

/* ---- parts of a dword ---- */

static unsigned access_shift(const struct pci_access *a)
{
	return (a->reg & 3) * 8;
}

uint32_t access_merge(const struct pci_access *a, uint32_t shadow, uint32_t writable)
{
	uint32_t lanes = (uint32_t)ones(a->len) << access_shift(a) & writable;

	return (shadow & ~lanes) | (a->value << access_shift(a) & lanes);
}

uint32_t access_extract(const struct pci_access *a, uint32_t dword)
{
	return dword >> access_shift(a) & (uint32_t)ones(a->len);
}

void access_clear(struct pci_access *a, uint32_t bits)
{
	a->value &= ~(bits >> access_shift(a));
}

void access_set(struct pci_access *a, uint32_t bits)
{
	a->value |= bits >> access_shift(a) & (uint32_t)ones(a->len);
}

/* ---- who decodes what ---- */

/* Extended registers, as one span. */
static const char *span_add(struct pci_function *f, unsigned reg, unsigned size,
			    enum pci_concern_id concern)
{
	if (reg + size > PCI_CONFIG_EXT_SIZE) {
		return "run past the end of configuration space";
	}
	for (unsigned i = 0; i < f->span_count; i++) {
		if (reg < f->span[i].first + f->span[i].size && f->span[i].first < reg + size) {
			return "overlap others";
		}
	}
	if (f->span_count == PCI_SPANS_MAX) {
		return "are one capability too many";
	}
	f->span[f->span_count++] = (struct pci_span){
		.first = (uint16_t)reg,
		.size = (uint16_t)size,
		.concern = (uint8_t)concern,
	};
	return NULL;
}

bool header_set_concern(struct pci_function *f, unsigned reg, unsigned size,
			enum pci_concern_id concern)
{
	if (reg >= PCI_CONFIG_SIZE) {
		const char *fault = span_add(f, reg, size, concern);

		if (fault) {
			log_notice("pci: " SBDF_FMT ": registers %#x-%#x %s; not decoded",
				   SBDF_ARGS(f->sbdf), reg, reg + size - 1, fault);
		}
		return !fault;
	}
	for (unsigned at = reg / 4; at < (reg + size + 3) / 4; at++) {
		if (at >= PCI_CONFIG_SIZE / 4 || f->concern[at] != CONCERN_PLAIN) {
			log_notice("pci: " SBDF_FMT ": registers %#x-%#x %s; not decoded",
				   SBDF_ARGS(f->sbdf), reg, reg + size - 1,
				   at >= PCI_CONFIG_SIZE / 4
					   ? "run past the end of configuration space"
					   : "overlap others");
			return false;
		}
	}
	for (unsigned at = reg / 4; at < (reg + size + 3) / 4; at++) {
		f->concern[at] = (uint8_t)concern;
	}
	return true;
}

void header_admit(struct pci_function *f)
{
	f->layout = arch_pci_read(f->sbdf, PCI_REG_HEADER_TYPE, 1) & PCI_HEADER_LAYOUT;
	f->class_code = (uint16_t)arch_pci_read(f->sbdf, PCI_REG_CLASS, 2);
	f->command = (uint16_t)arch_pci_read(f->sbdf, PCI_REG_COMMAND, 2);
	if (f->layout == PCI_HEADER_NORMAL) {
		f->bar_count = PCI_BARS_NORMAL;
	} else if (f->layout == PCI_HEADER_BRIDGE) {
		f->bar_count = PCI_BARS_BRIDGE;
	} else {
		log_notice("pci: " SBDF_FMT ": header layout %u: passed through as it is",
			   SBDF_ARGS(f->sbdf), f->layout);
		return;
	}
	f->concern[PCI_REG_COMMAND / 4] = CONCERN_COMMAND;
	if (f->layout == PCI_HEADER_BRIDGE) {
		bridge_admit(f);
	}
	bar_admit(f);
	cap_admit(f);
	cap_admit_extended(f);
}

enum verdict header_write_command(struct pci_function *f, struct pci_access *a,
				  struct pci_effects *e)
{
	uint16_t old = f->command;

	f->command = (uint16_t)access_merge(a, f->command, 0xffff);
	if ((f->command ^ old) & PCI_CMD_MEMORY) {
		bar_follow(f, e);
	}
	return VERDICT_PERFORM;
}
