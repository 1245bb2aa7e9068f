/* SPDX-License-Identifier: MIT */
/*
 * physdev_op (Xen ABI physdev.h): what the hardware domain reports of its
 * machine. ECAM windows that only AML knows, functions that came or went, and
 * resets. All of it is for the hardware domain only, and every report is held
 * against what the machine says.
 *
 * Pins of the IO-APICs follow the redirection entries that the domain writes,
 * so setup_gsi has nothing to do. No debug port is ours, so dbgp_op neither.
 *
 * Deliberately not supported (-ENOSYS): interrupts as event channels (map_pirq,
 * eoi, irq_status_query and their kin), which PVH domains do not have; the calls of
 * PV domains; the forms of pci_device_add and _remove without segment.
 */
#include <abi/physdev.h>
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <taproot/log.h>
#include <taproot/pci.h>

typedef int physdev_fn(struct hypercall *h, struct domain *d);

static sbdf_t device_of(uint16_t segment, uint8_t bus, uint8_t devfn)
{
	return (sbdf_t){(uint32_t)segment << 16 | (uint32_t)bus << 8 | devfn};
}

static int mmcfg_reserved(struct hypercall *h, struct domain *d)
{
	struct physdev_pci_mmcfg_reserved x;
	struct pci_window w;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	if (rc) {
		return rc;
	}
	if (x.flags & ~XEN_PCI_MMCFG_RESERVED) {
		return -EINVAL;
	}
	w.segment = x.segment;
	w.bus_first = x.start_bus;
	w.bus_last = x.end_bus;
	w.bus0 = hpa(x.address);
	return pci_window_report(d->pci, &w, x.flags & XEN_PCI_MMCFG_RESERVED);
}

/* The node that may stand behind the struct (XEN_PCI_DEV_PXM) means nothing to us. */
static int device_add(struct hypercall *h, struct domain *d)
{
	struct physdev_pci_device_add x;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));
	sbdf_t s;

	if (rc) {
		return rc;
	}
	s = device_of(x.seg, x.bus, x.devfn);
	if (x.flags & XEN_PCI_DEV_VIRTFN) {
		rc = pci_vf_add(d->pci, s, device_of(x.seg, x.physfn.bus, x.physfn.devfn));
		h->again = rc == -EAGAIN;
		return rc;
	}
	return pci_device_add(d->pci, s);
}

static int device_remove(struct hypercall *h, struct domain *d)
{
	struct physdev_pci_device x;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	return rc ? rc : pci_device_remove(d->pci, device_of(x.seg, x.bus, x.devfn));
}

static int device_reset(struct hypercall *h, struct domain *d)
{
	struct pci_device_reset x;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	return rc ? rc : pci_reset_report(d->pci, device_of(x.dev.seg, x.dev.bus, x.dev.devfn));
}

static int setup_gsi(struct hypercall *h, struct domain *d)
{
	struct physdev_setup_gsi x;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));
	uint64_t entry;

	if (rc) {
		return rc;
	}
	if (x.gsi < 0 || x.triggering > 1 || x.polarity > 1 ||
	    vioapic_get_entry(d, (uint32_t)x.gsi, &entry)) {
		return -EINVAL;
	}
	return 0;
}

static int dbgp_op(struct hypercall *h, struct domain *d)
{
	struct physdev_dbgp_op x;
	int rc = copy_from_guest(h, &x, h->arg[1], sizeof(x));

	(void)d;
	if (rc) {
		return rc;
	}
	if (x.op != PHYSDEVOP_DBGP_RESET_PREPARE && x.op != PHYSDEVOP_DBGP_RESET_DONE) {
		return -ENOSYS;
	}
	return x.bus == PHYSDEVOP_DBGP_BUS_UNKNOWN || x.bus == PHYSDEVOP_DBGP_BUS_PCI ? 0 : -EINVAL;
}

static const struct {
	physdev_fn *fn;
	bool pci; /* it is about the root complex */
} commands[] = {
	[PHYSDEVOP_setup_gsi] = {setup_gsi, false},
	[PHYSDEVOP_pci_mmcfg_reserved] = {mmcfg_reserved, true},
	[PHYSDEVOP_pci_device_add] = {device_add, true},
	[PHYSDEVOP_pci_device_remove] = {device_remove, true},
	[PHYSDEVOP_dbgp_op] = {dbgp_op, false},
	[PHYSDEVOP_pci_device_reset] = {device_reset, true},
};

int64_t hypercall_physdev_op(struct hypercall *h)
{
	struct domain *d = h->v->domain;
	uint32_t n = (uint32_t)h->arg[0];
	int rc;

	if (n >= ARRAY_SIZE(commands) || !commands[n].fn) {
		return -ENOSYS;
	}
	rc = hypercall_machine(h->v);
	if (rc == 0 && commands[n].pci && !d->pci) {
		rc = -ENODEV;
	}
	return rc ? rc : commands[n].fn(h, d);
}
