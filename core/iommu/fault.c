/* SPDX-License-Identifier: MIT */
/*
 * Faults: counted, written to the log at a bounded rate, and counted once more
 * by requester. One that makes IOMMU_STORM_FAULTS of them within
 * IOMMU_STORM_SECONDS loses its memory and its bus mastering, so that a broken
 * or hostile device cannot keep the hypervisor busy; a reset by its driver
 * brings it back.
 *
 * The books are a small table; when it is full the requester that was quiet
 * for longest makes room.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/log.h>
#include <taproot/pci_spec.h>

#include "iommu_internal.h"

#define CULPRITS_MAX 32

struct culprit {
	sbdf_t requester;
	uint64_t since; /* arch_time() of the first fault of the window */
	uint32_t faults;
};

/* `lock` guards all of it. */
static struct {
	struct lock lock;
	struct culprit culprit[CULPRITS_MAX];
	uint64_t dma, interrupt;
} books;

static struct culprit *culprit_find(sbdf_t requester)
{
	struct culprit *oldest = &books.culprit[0];

	for (unsigned i = 0; i < CULPRITS_MAX; i++) {
		struct culprit *c = &books.culprit[i];

		if (c->faults && c->requester.v == requester.v) {
			return c;
		}
		if (!c->faults || (oldest->faults && c->since < oldest->since)) {
			oldest = c;
		}
	}
	*oldest = (struct culprit){.requester = requester, .since = arch_time()};
	return oldest;
}

/* Count a fault; true when it makes a storm. */
static bool storms(const struct iommu_fault *f)
{
	uint64_t now = arch_time();
	struct culprit *c;
	bool storm;

	lock_acquire(&books.lock);
	*(f->interrupt ? &books.interrupt : &books.dma) += 1;
	c = culprit_find(f->requester);
	if (now - c->since > IOMMU_STORM_SECONDS * arch_time_hz()) {
		c->since = now;
		c->faults = 0;
	}
	storm = ++c->faults >= IOMMU_STORM_FAULTS;
	if (storm) {
		c->faults = 0;
	}
	lock_release(&books.lock);
	return storm;
}

static void stop_master(sbdf_t s)
{
	struct lock *lock = &hardware_domain->pci_lock;
	uint32_t command;

	lock_acquire(lock);
	command = arch_pci_read(s, PCI_REG_COMMAND, 2);
	/* A virtual function's vendor reads as nobody's (SR-IOV 1.1 3.4.1.1); its class does not. */
	if (arch_pci_read(s, PCI_REG_REVISION, 4) != UINT32_MAX) {
		arch_pci_write(s, PCI_REG_COMMAND, 2, command & ~PCI_CMD_MASTER);
	}
	lock_release(lock);
}

void iommu_fault(const struct iommu_fault *f)
{
	if (f->interrupt) {
		log_guest("iommu: fault: " SBDF_FMT " interrupt, entry %lu: %s",
			  SBDF_ARGS(f->requester), f->address, f->reason);
	} else {
		log_guest("iommu: fault: " SBDF_FMT " %s of 0x%lx: %s", SBDF_ARGS(f->requester),
			  f->write ? "write" : "read", f->address, f->reason);
	}
	if (storms(f) && iommu.table_count) {
		log_guest("iommu: " SBDF_FMT " storms: quarantined until it is reset",
			  SBDF_ARGS(f->requester));
		iommu_quarantine(f->requester);
		stop_master(f->requester);
	}
}

void iommu_stats(struct iommu_stats *s)
{
	s->dma_faults = books.dma;
	s->interrupt_faults = books.interrupt;
	s->quarantined = iommu.quarantined_count;
	s->tables = iommu.table_count;
	s->entries_used = remap_used();
}
