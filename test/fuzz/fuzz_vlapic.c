/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a guest that does anything to its local APICs (page, MSRs,
 * CR8), messages from everywhere, time passing. After every step the state
 * has to be consistent; the other domain must not notice.
 */
#include <stdlib.h>

#include <taproot/domain.h>
#include <taproot/irq.h>

#include "host.h"
#include "host_mem.h"

#define VCPUS 3

static struct domain *dom0, *domu;

static void make_machine(void)
{
	host_reset();
	host_mem_reset();
	host_cpu_set_count(VCPUS);
	dom0 = domain_create(0, true, 1ull << 40, 16);
	domu = domain_create(1, false, 1ull << 40, 16);
	ASSERT(dom0 && domu);
	for (unsigned i = 0; i < VCPUS; i++) {
		ASSERT(domain_add_vcpu(dom0, i, i, true) == 0);
	}
	ASSERT(domain_add_vcpu(domu, 0, 0, true) == 0);
	vlapic_mmio_write(&domu->vcpu[0]->lapic, 0xf0, 4, 0x1ff);
}

static uint32_t word_at(const uint8_t *data, size_t size)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4 && i < size; i++) {
		v |= (uint32_t)data[i] << (8 * i);
	}
	return v;
}

/* Registers that matter come up often; the rest of the page now and then. */
static unsigned offset_of(uint8_t b)
{
	return b < 0x80 ? (unsigned)b << 4 : ((unsigned)b << 5 | (b & 0xf)) & 0xfff;
}

static void check(const struct vlapic *l)
{
	for (unsigned i = 0; i < 8; i++) {
		ASSERT(!l->irr[i] || (l->irr_words & (1u << i)));
		ASSERT(!l->isr[i] == !(l->isr_words & (1u << i)));
	}
	ASSERT(!(l->irr[0] & 0xffff) && !(l->isr[0] & 0xffff));
	ASSERT(l->tpr <= 0xff && l->svr <= 0x3ff && (l->dfr | 0xf0000000) == 0xffffffff);
	ASSERT((l->base_msr & ~0xd00ull) == VLAPIC_BASE_DEFAULT);
	for (unsigned i = 0; i < LVT_COUNT; i++) {
		ASSERT((l->svr & 0x100) || (l->lvt[i] & 0x10000));
	}
	/* A running, open timer is on a queue, and one that is on a queue has work. */
	ASSERT(l->timer.queued == (l->timer_running && !(l->lvt[LVT_TIMER] & 0x10000)));
}

static void msr_access(struct vlapic *l, const uint8_t *p, uint64_t value)
{
	static const uint32_t others[] = {0x1b, 0x6e0, 0x830, 0x83f};
	uint32_t msr = p[0] & 1 ? others[p[1] % 4] : 0x800u + p[1];
	uint64_t got;

	if (p[0] & 2) {
		(void)vlapic_msr_read(l, msr, &got);
	} else if (msr == 0x1b && (p[0] & 4)) {
		/* The mode bits alone, or next to nothing would get through. */
		(void)vlapic_msr_write(l, msr, VLAPIC_BASE_DEFAULT | (value & 0xd00));
	} else if (msr == 0x6e0 && (p[0] & 4)) {
		(void)vlapic_msr_write(l, msr, arch_time() + (value & 0xffffff));
	} else {
		(void)vlapic_msr_write(l, msr, value);
	}
}

static void step(const uint8_t *p, size_t left)
{
	struct vlapic *l = &dom0->vcpu[p[0] % VCPUS]->lapic;
	uint32_t value = word_at(p + 2, left - 2);
	int vector;

	host_cpu_set(p[0] % VCPUS);
	switch (p[0] >> 4) {
	case 0:
	case 1:
	case 2:
		vlapic_mmio_write(l, offset_of(p[1]), 4, value);
		break;
	case 3:
		vlapic_mmio_write(l, offset_of(p[1]), 1u << (value & 3), value);
		break;
	case 4:
		(void)vlapic_mmio_read(l, offset_of(p[1]) + (value & 7), 1u << (value & 3));
		break;
	case 5:
	case 6:
		msr_access(l, p, (uint64_t)(value & 3) << 32 | (value >> 2));
		break;
	case 7:
		vlapic_set_tpr_class(l, p[1]);
		break;
	case 8:
		irq_deliver_msi(dom0, 0xfee00000ull | (value & 0xff00c), value >> 16);
		break;
	case 9:
		(void)vlapic_accept(l, p[1], value & 1);
		break;
	case 10:
	case 11:
		vector = vlapic_pending(l);
		if (vector >= 0) {
			ASSERT(vector >= 16 && vector == vlapic_pending_below_tpr(l));
			vlapic_take(l, (unsigned)vector);
		}
		break;
	case 12:
		vlapic_mmio_write(l, 0xb0, 4, 0);
		(void)vlapic_msr_write(l, 0x80b, 0);
		break;
	case 13:
		/* At the shortest period there is, that is a thousand interrupts. */
		(void)host_time_advance(value % (HOST_TIME_HZ / 10));
		break;
	case 14:
		host_time_set(arch_time() + value);
		break;
	default:
		if (value & 1) {
			(void)vcpu_attend(l->vcpu);
		} else {
			(void)vlapic_take_nmi(l);
		}
		break;
	}
	check(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make_machine();
	for (size_t at = 0; at + 6 <= size; at += 6) {
		step(data + at, 6);
	}
	ASSERT(vlapic_pending(&domu->vcpu[0]->lapic) == -1);
	ASSERT(host_kick_count(domu->vcpu[0]) == 0);
	return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	/* Enable; a periodic timer; an IPI to all; take, end of interrupt, time. */
	static const uint8_t xapic[] = {
		0x00, 0x0f, 0xff, 0x01, 0, 0, 0x00, 0x32, 0x30, 0, 2, 0, 0x00, 0x38, 0, 0x10, 0, 0,
		0xd0, 0,    0,    0,    1, 0, 0xa0, 0,    0,    0, 0, 0, 0xc0, 0,    0, 0,    0, 0,
		0x00, 0x30, 0x41, 0,    8, 0, 0xa0, 0,    0,    0, 0, 0, 0xc0, 0,    0, 0,    0, 0,
	};
	/* The same by MSRs: x2APIC on, TSC deadline, self-IPI. */
	static const uint8_t x2apic[] = {
		0x00, 0x0f, 0xff, 0x01, 0,    0,    0x55, 0, 0x00, 0x34, 0,    0, 0x60, 0x0f,
		0xfc, 7,    0,    0,    0x60, 0x32, 0xc0, 0, 4,    0,    0x65, 1, 0,    0x10,
		0,    0,    0xd0, 0,    0,    0x20, 0,    0, 0xa0, 0,    0,    0, 0,    0,
		0x61, 3,    0x04, 1,    0,    0,    0xa0, 0, 0,    0,    0,    0,
	};
	const uint8_t *seed = index == 0 ? xapic : x2apic;
	size_t length = index == 0 ? sizeof(xapic) : sizeof(x2apic);

	if (index > 1 || length > size) {
		return 0;
	}
	for (size_t i = 0; i < length; i++) {
		buf[i] = seed[i];
	}
	return length;
}
