/* SPDX-License-Identifier: MIT */
/*
 * Who is meant by a device scope (VT-d 4.1 8.3.1), and under which ids a
 * device's requests arrive at the IOMMU (VT-d 4.1 3.4.1; Bridge to PCI
 * Express 1.0 2.3: a bridge takes ownership of what comes from behind it).
 *
 * Bus numbers are read from the bridges each time, because a domain may change
 * them; every walk is bounded, so a bridge that points back at itself ends it.
 *
 * Deliberately not supported: aliases that only a device's errata name
 * (devices that use another function's id); ACPI namespace devices have no
 * PCI id of their own beyond their scope's path.
 */
#include <taproot/arch.h>
#include <taproot/iommu.h>
#include <taproot/pci_spec.h>

#define DEPTH_MAX 32 /* bridges above a device */

/* Device/Port Type of the PCI Express Capabilities register (PCIe 6.0 7.5.3.2). */
#define EXP_REG_CAPS      0x02u
#define EXP_TYPE(caps)    ((caps) >> 4 & 0xf)
#define EXP_TYPE_TO_PCI   7u /* PCI Express to PCI bridge */
#define EXP_TYPE_FROM_PCI 8u

static bool is_bridge(sbdf_t s)
{
	uint32_t id = arch_pci_read(s, PCI_REG_VENDOR, 2);

	return id != PCI_VENDOR_NONE && id != 0 &&
	       (arch_pci_read(s, PCI_REG_HEADER_TYPE, 1) & PCI_HEADER_LAYOUT) == PCI_HEADER_BRIDGE;
}

bool scope_resolve(const struct dmar_scope *s, unsigned segment, sbdf_t *out)
{
	unsigned bus = s->bus;

	for (unsigned i = 0; i < s->hops; i++) {
		*out = sbdf_make(segment, bus, s->path[i].device, s->path[i].function);
		if (i + 1 == s->hops) {
			return true;
		}
		if (!is_bridge(*out)) {
			return false;
		}
		bus = arch_pci_read(*out, PCI_REG_SECONDARY, 1);
	}
	return false;
}

bool scope_matches(const struct dmar_scope *s, unsigned segment, sbdf_t device)
{
	unsigned bus = sbdf_bus(device);
	sbdf_t named;

	if (sbdf_segment(device) != segment || !scope_resolve(s, segment, &named)) {
		return false;
	}
	if (named.v == device.v) {
		return true;
	}
	if (s->type != DMAR_SCOPE_BRIDGE || !is_bridge(named)) {
		return false;
	}
	return bus >= arch_pci_read(named, PCI_REG_SECONDARY, 1) &&
	       bus <= arch_pci_read(named, PCI_REG_SUBORDINATE, 1) &&
	       arch_pci_read(named, PCI_REG_SECONDARY, 1) > sbdf_bus(named);
}

const struct dmar_unit *scope_find_unit(const struct acpi_dmar *dmar, sbdf_t device)
{
	const struct dmar_unit *all = NULL;

	for (unsigned i = 0; i < dmar->unit_count; i++) {
		const struct dmar_unit *u = &dmar->unit[i];

		if (u->segment != sbdf_segment(device)) {
			continue;
		}
		if (u->all) {
			all = u;
			continue;
		}
		for (unsigned n = 0; n < u->scopes.count; n++) {
			if (scope_matches(&dmar->scope[u->scopes.first + n], u->segment, device)) {
				return u;
			}
		}
	}
	return all;
}

/* The bridge whose secondary bus is `bus`; false: it is a root bus. */
static bool bridge_above(unsigned segment, unsigned bus, sbdf_t *out)
{
	/* A bridge's bus number is below those behind it (Bridge 1.2 3.2.5.3). */
	for (unsigned b = bus; b-- > 0;) {
		for (unsigned dev = 0; dev < PCI_DEVICES_PER_BUS; dev++) {
			sbdf_t s = sbdf_make(segment, b, dev, 0);
			bool multi = arch_pci_read(s, PCI_REG_HEADER_TYPE, 1) & PCI_HEADER_MULTI;

			if (arch_pci_read(s, PCI_REG_VENDOR, 2) == PCI_VENDOR_NONE) {
				continue;
			}
			for (unsigned fn = 0; fn < (multi ? PCI_FUNCTIONS_PER_DEV : 1); fn++) {
				s = sbdf_make(segment, b, dev, fn);
				if (is_bridge(s) && arch_pci_read(s, PCI_REG_SECONDARY, 1) == bus) {
					*out = s;
					return true;
				}
			}
		}
	}
	return false;
}

/* Port type of a bridge with a PCI Express capability; -1: it is a conventional one. */
static int express_type(sbdf_t s)
{
	unsigned at = arch_pci_read(s, PCI_REG_CAP_POINTER, 1) & PCI_CAP_POINTER_MASK;

	if (!(arch_pci_read(s, PCI_REG_STATUS, 2) & PCI_STS_CAPABILITIES)) {
		return -1;
	}
	for (unsigned n = 0; at >= PCI_REG_DEVICE_SPECIFIC && n < PCI_CAPS_MAX; n++) {
		if (arch_pci_read(s, at, 1) == PCI_CAPID_EXPRESS) {
			return (int)EXP_TYPE(arch_pci_read(s, at + EXP_REG_CAPS, 2));
		}
		at = arch_pci_read(s, at + 1, 1) & PCI_CAP_POINTER_MASK;
	}
	return -1;
}

static unsigned add(sbdf_t out[], unsigned count, sbdf_t s)
{
	for (unsigned i = 0; i < count; i++) {
		if (out[i].v == s.v) {
			return count;
		}
	}
	if (count < REQUESTER_ALIASES_MAX) {
		out[count++] = s;
	}
	return count;
}

unsigned requester_aliases(sbdf_t device, sbdf_t out[REQUESTER_ALIASES_MAX])
{
	unsigned segment = sbdf_segment(device);
	unsigned bus = sbdf_bus(device);
	unsigned count = add(out, 0, device);
	sbdf_t bridge;

	for (unsigned depth = 0; depth < DEPTH_MAX && bridge_above(segment, bus, &bridge);
	     depth++) {
		switch (express_type(bridge)) {
		case EXP_TYPE_TO_PCI:
			/* It puts its own secondary bus and device 0 on what it forwards. */
			count = add(out, count, sbdf_make(segment, bus, 0, 0));
			break;
		case EXP_TYPE_FROM_PCI:
		case -1:
			count = add(out, count, bridge);
			break;
		default:
			break;
		}
		bus = sbdf_bus(bridge);
	}
	return count;
}
