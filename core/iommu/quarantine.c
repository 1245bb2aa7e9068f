/* SPDX-License-Identifier: MIT */
/*
 * Requesters that stormed with faults. Each sees the empty table until its
 * device is reset or another one is in its place.
 *
 * A requester may be an alias, the id that a bridge puts on what devices behind
 * it send, and those may be behind several units (VT-d 4.1 8.3.1): an alias is
 * cut off, and let go, at the unit of every device that sends under it. Nobody
 * can tell which of them stormed; the reset of any of them lifts it for all,
 * and one that goes on storms again.
 *
 * Deliberately not supported: more than IOMMU_ALIASES_MAX devices behind
 * conventional bridges; of older ones an alias is cut off at its own unit only.
 */
#include <taproot/log.h>

#include "iommu_internal.h"

void iommu_alias_note(sbdf_t requester, sbdf_t device)
{
	for (unsigned i = 0; i < iommu.alias_count; i++) {
		if (iommu.alias[i].requester.v == requester.v &&
		    iommu.alias[i].device.v == device.v) {
			return;
		}
	}
	iommu.alias[iommu.alias_next] = (struct iommu_alias){requester, device};
	iommu.alias_next = (iommu.alias_next + 1) % IOMMU_ALIASES_MAX;
	iommu.alias_count = MIN(iommu.alias_count + 1, IOMMU_ALIASES_MAX);
}

bool iommu_quarantined(sbdf_t requester)
{
	for (unsigned i = 0; i < iommu.quarantined_count; i++) {
		if (iommu.quarantined[i].v == requester.v) {
			return true;
		}
	}
	return false;
}

void iommu_quarantine(sbdf_t requester)
{
	lock_acquire(&iommu.lock);
	if (!iommu_quarantined(requester) && iommu.quarantined_count < IOMMU_QUARANTINE_MAX) {
		iommu.quarantined[iommu.quarantined_count++] = requester;
	}
	iommu_attach_empty(requester, requester, true);
	for (unsigned i = 0; i < iommu.alias_count; i++) {
		const struct iommu_alias *a = &iommu.alias[i];

		if (a->requester.v == requester.v) {
			iommu_attach_empty(a->device, requester, true);
		}
	}
	lock_release(&iommu.lock);
}

/* True when it was in quarantine. */
static bool forgive_one(sbdf_t requester)
{
	for (unsigned i = 0; i < iommu.quarantined_count; i++) {
		if (iommu.quarantined[i].v == requester.v) {
			iommu.quarantined[i] = iommu.quarantined[--iommu.quarantined_count];
			log_guest("iommu: " SBDF_FMT " was reset: out of quarantine",
				  SBDF_ARGS(requester));
			return true;
		}
	}
	return false;
}

static bool is_alias(sbdf_t requester, sbdf_t device)
{
	for (unsigned i = 0; i < iommu.alias_count; i++) {
		if (iommu.alias[i].requester.v == requester.v &&
		    iommu.alias[i].device.v == device.v) {
			return true;
		}
	}
	return false;
}

void iommu_forgive(struct domain *d, sbdf_t device)
{
	(void)forgive_one(device);
	for (unsigned n = iommu.quarantined_count; n-- > 0;) {
		sbdf_t requester = iommu.quarantined[n];

		if (!is_alias(requester, device) || !forgive_one(requester)) {
			continue;
		}
		/* A bridge's own id is its own too. */
		iommu_attach(d, requester, requester);
		for (unsigned i = 0; i < iommu.alias_count; i++) {
			if (iommu.alias[i].requester.v == requester.v) {
				iommu_attach(d, iommu.alias[i].device, requester);
			}
		}
	}
}
