/* SPDX-License-Identifier: MIT */
/*
 * The capability list (PCI 3.0 6.7): walked once, at admission, with every
 * pointer suspected. A list that loops, leaves configuration space or points
 * into the header ends there, with a line in the log; what came before counts.
 *
 * Extended capabilities (PCIe 6.0 7.6.3) are not looked at yet: nothing the
 * root decodes lives there.
 */
#include <taproot/log.h>

#include "pci_internal.h"

static void cap_admit_one(struct pci_function *f, unsigned id, unsigned offset)
{
	switch (id) {
	case PCI_CAPID_PM:
		if (!f->pm && header_set_concern(f, offset + PM_REG_CSR, 4, CONCERN_PM)) {
			f->pm = (uint8_t)offset;
			reset_read_state(f);
		}
		break;
	case PCI_CAPID_MSI:
		msi_admit(f, offset);
		break;
	case PCI_CAPID_MSIX:
		msix_admit(f, offset);
		break;
	case PCI_CAPID_EXPRESS:
		if (!f->express && offset + EXP_REG_DEVCTL < PCI_CONFIG_SIZE &&
		    (arch_pci_read(f->sbdf, offset + EXP_REG_DEVCAP, 4) & EXP_DEVCAP_FLR) &&
		    header_set_concern(f, offset + EXP_REG_DEVCTL, 4, CONCERN_EXPRESS)) {
			f->express = (uint8_t)offset;
		}
		break;
	case PCI_CAPID_AF:
		if (!f->af && offset + AF_REG_CONTROL < PCI_CONFIG_SIZE &&
		    (arch_pci_read(f->sbdf, offset + AF_REG_CAP, 1) & AF_CAP_FLR) &&
		    header_set_concern(f, offset + AF_REG_CONTROL, 4, CONCERN_AF)) {
			f->af = (uint8_t)offset;
		}
		break;
	default:
		break;
	}
}

void cap_admit(struct pci_function *f)
{
	uint64_t seen = 0;
	unsigned from = PCI_REG_CAP_POINTER;
	unsigned pointer;

	if (!(arch_pci_read(f->sbdf, PCI_REG_STATUS, 2) & PCI_STS_CAPABILITIES)) {
		return;
	}
	while ((pointer = arch_pci_read(f->sbdf, from, 1)) != 0) {
		unsigned offset = pointer & PCI_CAP_POINTER_MASK;
		const char *fault = NULL;
		unsigned id = arch_pci_read(f->sbdf, offset, 1);

		if (pointer != offset) {
			log_notice("pci: " SBDF_FMT ": capability pointer %#x at %#x is misaligned",
				   SBDF_ARGS(f->sbdf), pointer, from);
		}
		if (offset < PCI_REG_DEVICE_SPECIFIC) {
			fault = "points into the header";
		} else if (seen & (1ull << (offset / 4))) {
			fault = "closes a loop";
		} else if (id == 0xff) {
			fault = "leads to nothing";
		}
		if (fault) {
			log_notice("pci: " SBDF_FMT ": capability pointer %#x at %#x %s; list ends",
				   SBDF_ARGS(f->sbdf), pointer, from, fault);
			return;
		}
		seen |= 1ull << (offset / 4);
		cap_admit_one(f, id, offset);
		from = offset + 1;
	}
}
