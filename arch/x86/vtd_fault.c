// SPDX-License-Identifier: MIT
/*
 * Faults of a unit (VT-d 4.1 chapter 7): recording registers, read when the
 * unit's own message arrives, and what their codes mean. The message
 * of a unit is not remapped; it goes to the boot processor.
 */
#include <taproot/errno.h>
#include <taproot/log.h>
#include "cpu.h"
#include "vtd.h"

#define FAULT_ROUNDS 64u

static const char *const dma_reasons[] = {
	[0x1] = "root entry not present",
	[0x2] = "device belongs to nobody",
	[0x3] = "context entry invalid",
	[0x4] = "beyond the tables' reach",
	[0x5] = "not mapped for writing",
	[0x6] = "not mapped",
	[0x7] = "table not readable",
	[0x8] = "root table not readable",
	[0x9] = "context table not readable",
	[0xa] = "reserved bits in a root entry",
	[0xb] = "reserved bits in a context entry",
	[0xc] = "reserved bits in a table entry",
	[0xd] = "translation request blocked",
};

static const char *const interrupt_reasons[] = {
	[0x0] = "reserved bits in the message",
	[0x1] = "no such entry",
	[0x2] = "entry not in use",
	[0x3] = "table not readable",
	[0x4] = "reserved bits in the entry",
	[0x5] = "compatibility format blocked",
	[0x6] = "entry of another device",
};

#define INTERRUPT_FIRST 0x20u

static const char *reason_of(unsigned code)
{
	const char *s = NULL;

	if (code < ARRAY_SIZE(dma_reasons)) {
		s = dma_reasons[code];
	} else if (code >= INTERRUPT_FIRST &&
		   code - INTERRUPT_FIRST < ARRAY_SIZE(interrupt_reasons)) {
		s = interrupt_reasons[code - INTERRUPT_FIRST];
	}
	return s ? s : "unknown reason";
}

static void report(const struct vtd_unit *u, uint64_t low, uint64_t high)
{
	unsigned code = FRCD_REASON(high);
	struct iommu_fault f = {
		.requester = {(uint32_t)u->dmar->segment << 16 | (high & 0xffff)},
		.interrupt = code >= INTERRUPT_FIRST && code < INTERRUPT_FIRST + 0x10,
		.write = !(high & FRCD_READ),
		.address = low & PAGE_MASK,
		.reason = reason_of(code),
	};

	if (f.interrupt) {
		f.address = FRCD_INDEX(low);
	}
	iommu_fault(&f);
}

/* Each record is looked at twice at most. */
static void poll_once(struct vtd_unit *u)
{
	unsigned count = CAP_NFR(u->cap);
	uint32_t status = vtd_read(u, VTD_FSTS);
	unsigned i = FSTS_FRI(status);

	for (unsigned n = 0; n < 2 * count && status & FSTS_PPF; n++, i++) {
		unsigned at = CAP_FRO(u->cap) + 16 * (i % count);
		uint64_t high = vtd_read64(u, at + 8);
		uint64_t low = vtd_read64(u, at);

		if (!(high & FRCD_F)) {
			break;
		}
		/* Writing one to F frees the record (VT-d 4.1 chapter 7). */
		vtd_write(u, at + 12, (uint32_t)(FRCD_F >> 32));
		report(u, low, high);
	}
	if (status & FSTS_PFO) {
		u->faults_lost++;
		vtd_write(u, VTD_FSTS, FSTS_PFO);
	}
	if (status & (FSTS_IQE | FSTS_ICE | FSTS_ITE)) {
		log_guest("iommu: unit at 0x%lx: invalidation error, status 0x%x", u->dmar->base.v,
			  status);
		vtd_write(u, VTD_FSTS, FSTS_IQE | FSTS_ICE | FSTS_ITE);
	}
}

/*
 * A unit sends its next message only when nothing was left pending or lost (VT-d
 * 4.1 11.4.9.2), so this goes on until that is so. A device that faults all the
 * while is in quarantine, where it is not reported, long before the rounds end.
 */
void vtd_fault_poll(struct vtd_unit *u)
{
	for (unsigned round = 0; round < FAULT_ROUNDS; round++) {
		poll_once(u);
		if (!(vtd_read(u, VTD_FSTS) & (FSTS_PPF | FSTS_PFO))) {
			return;
		}
	}
	log_guest("iommu: unit at 0x%lx: faults do not end, some are not reported",
		  u->dmar->base.v);
}

static void fault_mask(struct irq_source *src, bool masked)
{
	vtd_write(src->ctx, VTD_FECTL, masked ? FECTL_IM : 0);
}

static void fault_route(struct irq_source *src)
{
	(void)src;
}

static void fault_fire(struct irq_source *src)
{
	vtd_fault_poll(src->ctx);
}

static const struct irq_source_ops fault_ops = {
	.mask = fault_mask,
	.route = fault_route,
	.fire = fault_fire,
};

int vtd_fault_init(struct vtd_unit *u, unsigned number)
{
	uint64_t addr;
	uint32_t data;
	int vector;

	irq_source_init(&u->fault_source, &fault_ops, IRQ_OURS, NULL, u, number);
	vector = arch_vector_alloc(0, &u->fault_source);
	if (vector < 0) {
		return vector;
	}
	u->fault_source.vector = (uint8_t)vector;
	u->fault_source.bound = true;
	arch_msi_message(0, (unsigned)vector, &addr, &data);
	vtd_write(u, VTD_FEDATA, data);
	vtd_write(u, VTD_FEADDR, (uint32_t)addr);
	/* The upper 24 bits of an x2APIC id (VT-d 4.1 11.4). */
	vtd_write(u, VTD_FEUADDR, lapic_is_x2apic() ? pcpus[0]->apic_id & ~0xffu : 0);
	/* Forget what firmware's devices did before. */
	for (unsigned i = 0; i < CAP_NFR(u->cap); i++) {
		vtd_write(u, CAP_FRO(u->cap) + 16 * i + 12, (uint32_t)(FRCD_F >> 32));
	}
	vtd_write(u, VTD_FSTS, FSTS_PFO | FSTS_IQE | FSTS_ICE | FSTS_ITE);
	fault_mask(&u->fault_source, false);
	return 0;
}
