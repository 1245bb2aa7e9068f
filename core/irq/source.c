/* SPDX-License-Identifier: MIT */
/*
 * Interrupt sources: binding to a vector of ours, the two mask states, and
 * the way of an interrupt from the machine into a domain.
 *
 * The machine's mask is `guest_masked || host_masked || !bound`, always. A
 * message that goes to another processor moves the source there: masked by
 * us, programmed, opened again; the old vector stays ours until the next
 * interrupt, because one may still be on its way to it (as in Linux and Xen:
 * PCI 3.0 6.8.3.5 leaves in-flight messages to software). A message without a
 * mask bit keeps its vector, so that there is no moment with half of a new
 * one; when the vector is taken over there it stays where it is, which costs
 * an interrupt between processors and nothing else. Back where it came from it
 * has its old vector again.
 *
 * Where interrupts are remapped (iommu.h) a message moves by its entry: nothing
 * is masked, the device is not touched.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/iommu.h>
#include <taproot/irq.h>
#include <taproot/log.h>

void irq_source_init(struct irq_source *src, const struct irq_source_ops *ops, enum irq_kind kind,
		     struct domain *d, void *ctx, unsigned index)
{
	*src = (struct irq_source){
		.ops = ops,
		.domain = d,
		.ctx = ctx,
		.index = (uint16_t)index,
		.kind = (uint8_t)kind,
		.guest_masked = true,
		.requester = SBDF_NONE,
	};
}

static bool irq_source_open(const struct irq_source *src)
{
	return src->bound && !src->guest_masked && !src->host_masked;
}

/* Give back the vector an earlier re-route left behind. */
static void irq_source_drop_old(struct irq_source *src)
{
	if (src->old_bound) {
		src->old_bound = false;
		arch_vector_free(src->old_cpu, src->old_vector);
	}
}

static unsigned irq_source_target(const struct irq_source *src)
{
	if (!src->domain) {
		return arch_cpu_this();
	}
	return irq_target_cpu(src->domain, src->msi_addr, src->msi_data);
}

/* Program where the bound source goes: its remapping entry, and the machine unless that was all. */
static int irq_source_program(struct irq_source *src)
{
	int rc = remap_bind(src);

	if (rc == 0) {
		src->ops->route(src);
	}
	return MIN(rc, 0);
}

/*
 * A vector on `cpu`: the one it has there still, or a new one. A source that cannot be masked, and
 * has no remapping entry, keeps its number.
 */
static int irq_source_vector(struct irq_source *src, unsigned cpu)
{
	if (src->old_bound && src->old_cpu == cpu) {
		src->old_bound = false; /* back to where it came from */
		return src->old_vector;
	}
	if (!src->bound || !src->same_vector || remap_in_place(src)) {
		return arch_vector_alloc(cpu, src);
	}
	return arch_vector_alloc_at(cpu, src->vector, src);
}

/* Bind to a vector on `cpu`, or move there. The source is masked, or moves in its remapping entry.
 */
static bool irq_source_bind(struct irq_source *src, unsigned cpu)
{
	int vector = irq_source_vector(src, cpu);

	if (vector < 0) {
		log_guest("irq: no vector left on cpu %u for a source (kind %u, index %u): %s", cpu,
			  src->kind, src->index, src->bound ? "not moved" : "stays masked");
		return src->bound;
	}
	if (src->bound) {
		irq_source_drop_old(src);
		src->old_vector = src->vector;
		src->old_cpu = src->cpu;
		src->old_bound = true;
	}
	src->vector = (uint8_t)vector;
	src->cpu = (uint16_t)cpu;
	if (irq_source_program(src) < 0) {
		log_guest("irq: no remapping entry left for a source (kind %u, index %u): stays "
			  "masked",
			  src->kind, src->index);
		arch_vector_free(cpu, (unsigned)vector);
		return false;
	}
	src->bound = true;
	return true;
}

void irq_source_update(struct irq_source *src, bool guest_masked, uint64_t msi_addr,
		       uint32_t msi_data)
{
	lock_acquire(&src->lock);
	bool open = irq_source_open(src);
	/*
	 * What the guest writes while it has the source masked counts at the unmask, all of it: an
	 * interrupt that is under way must not get a new address and old data.
	 */
	bool retarget = src->guest_masked || src->msi_addr != msi_addr || src->msi_data != msi_data;

	src->guest_masked = guest_masked;
	if (!guest_masked) {
		src->msi_addr = msi_addr;
		src->msi_data = msi_data;
	}
	if (!guest_masked && (!src->bound || retarget)) {
		unsigned cpu = irq_source_target(src);

		if (!src->bound || cpu != src->cpu) {
			if (open && !remap_in_place(src)) {
				src->ops->mask(src, true);
				open = false;
			}
			(void)irq_source_bind(src, cpu);
		}
	}
	if (open != irq_source_open(src)) {
		src->ops->mask(src, open);
	}
	lock_release(&src->lock);
}

void irq_source_hold(struct irq_source *src, bool masked)
{
	lock_acquire(&src->lock);
	bool open = irq_source_open(src);

	src->host_masked = masked;
	if (open != irq_source_open(src)) {
		src->ops->mask(src, open);
	}
	lock_release(&src->lock);
}

void irq_source_restore(struct irq_source *src)
{
	lock_acquire(&src->lock);
	src->ops->mask(src, true);
	/* It has its entry already; the machine may have lost what it was told. */
	if (src->bound && remap_bind(src) >= 0) {
		src->ops->route(src);
		if (irq_source_open(src)) {
			src->ops->mask(src, false);
		}
	}
	lock_release(&src->lock);
}

void irq_source_release(struct irq_source *src)
{
	lock_acquire(&src->lock);
	if (src->bound) {
		src->ops->mask(src, true);
		src->bound = false;
		remap_release(src);
		arch_vector_free(src->cpu, src->vector);
	}
	irq_source_drop_old(src);
	src->guest_masked = true;
	lock_release(&src->lock);
}

void irq_source_fire(struct irq_source *src)
{
	lock_acquire(&src->lock);
	uint64_t addr = src->msi_addr;
	uint32_t data = src->msi_data;

	src->fired++;
	irq_source_drop_old(src);
	lock_release(&src->lock);
	/* Masked in between: it was under way, and a machine delivers it as well. */
	if (src->ops->fire) {
		src->ops->fire(src);
	} else {
		irq_deliver_msi(src->domain, addr, data);
	}
}
