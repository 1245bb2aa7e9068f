/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a guest that does anything to its IO-APICs while lines of the
 * machine and of an emulated device go up and down. After every step the
 * machine's pins are as the two mask states say, and nothing storms.
 */
#include <stdlib.h>

#include <taproot/domain.h>
#include <taproot/ioreq.h>
#include <taproot/irq.h>

#include "host.h"
#include "host_mem.h"

#define VCPUS 2
#define PINS  24
#define BASE  0xfec00000ull
#define GSI   4 /* of the emulated device */

#define MASKED     0x10000ull
#define REMOTE_IRR 0x4000ull
#define LEVEL      0x8000ull

static struct domain *dom0, *domu;

static void make_machine(void)
{
	host_reset();
	host_mem_reset();
	host_cpu_set_count(VCPUS);
	host_ioapic_add(0, 0x20, PINS);
	dom0 = domain_create(0, true, 1ull << 40, 16);
	domu = domain_create(1, false, 1ull << 40, 16);
	ASSERT(dom0 && domu);
	for (unsigned i = 0; i < VCPUS; i++) {
		ASSERT(domain_add_vcpu(dom0, i, i, false) == 0);
		vlapic_mmio_write(&dom0->vcpu[i]->lapic, 0xf0, 4, 0x1ff);
	}
	ASSERT(domain_add_vcpu(domu, 0, 0, false) == 0);
	vlapic_mmio_write(&domu->vcpu[0]->lapic, 0xf0, 4, 0x1ff);
	ASSERT(vioapic_add(dom0, 0, gpa(BASE), 0, 0) == 0);
	ASSERT(vioapic_emulate_gsi(dom0, GSI) == 0);
}

static void check_pin(const struct vioapic *io, unsigned n)
{
	const struct vioapic_pin *p = &io->pin[n];
	const struct irq_source *src = &p->phys.src;
	uint64_t hard = host_ioapic_entry(0, n);
	bool serviced = io->in_service[n / 64] >> (n % 64) & 1;

	ASSERT(serviced == !!(p->entry & REMOTE_IRR));
	ASSERT(!(p->entry & REMOTE_IRR) || (p->entry & LEVEL));
	if (p->emulated) {
		ASSERT(hard == MASKED && !src->bound);
		return;
	}
	bool open = src->bound && !src->guest_masked && !src->host_masked;

	ASSERT(open == !(hard & MASKED));
	ASSERT(!(p->entry & REMOTE_IRR) || src->host_masked);
	ASSERT(!open || !(p->entry & MASKED));
	if (open) {
		ASSERT(host_vector_source(hard >> 56, hard & 0xff) == src);
		ASSERT((hard & 0x2000) == (p->entry & 0x2000));
	}
}

static void access(const uint8_t *p, uint32_t value)
{
	static const uint16_t offsets[] = {0, 0x10, 0x40, 0x20, 0x12, 0x3fd, 0x11, 0xffc};
	unsigned len = p[1] & 0x80 ? 1u << (value & 3) : 4;
	unsigned offset = p[1] & 0x40 ? offsets[p[1] & 7] : (p[1] & 1) * 0x10u;
	uint64_t got;

	if (offset + len > PAGE_SIZE) {
		return;
	}
	if (p[1] & 0x20) {
		ASSERT(ioreq_mmio_read(dom0, gpa(BASE + offset), len, &got) == VERDICT_DONE);
	} else {
		ASSERT(ioreq_mmio_write(dom0, gpa(BASE + offset), len, value) == VERDICT_DONE);
	}
}

/* An entry written as a whole, mostly of a kind that can be delivered. */
static void write_entry(const uint8_t *p, uint32_t value)
{
	unsigned pin = p[1] % PINS;

	if (!(value & 0x100000)) {
		value &= ~0x600u;
	}
	(void)ioreq_mmio_write(dom0, gpa(BASE), 4, 0x11 + 2 * pin);
	(void)ioreq_mmio_write(dom0, gpa(BASE + 0x10), 4, value & 0xff000000);
	(void)ioreq_mmio_write(dom0, gpa(BASE), 4, 0x10 + 2 * pin);
	(void)ioreq_mmio_write(dom0, gpa(BASE + 0x10), 4, value & 0x1ffff);
}

static void step(const uint8_t *p)
{
	struct vlapic *l = &dom0->vcpu[p[0] % VCPUS]->lapic;
	uint32_t value = p[2] | p[3] << 8 | p[4] << 16 | (uint32_t)p[5] << 24;
	int vector;

	host_cpu_set(p[0] % VCPUS);
	switch (p[0] >> 5) {
	case 0:
		access(p, value);
		break;
	case 1:
	case 2:
		write_entry(p, value);
		break;
	case 3:
	case 4:
		host_ioapic_set_line(0, p[1] % PINS, value & 1);
		break;
	case 5:
		vioapic_set_line(dom0, p[1] & 0x80 ? p[1] & 0x7f : GSI, value & 1);
		break;
	case 6:
		vector = vlapic_pending(l);
		if (vector >= 0) {
			vlapic_take(l, (unsigned)vector);
		}
		break;
	default:
		vlapic_mmio_write(l, 0xb0, 4, 0);
		break;
	}
	host_ioapic_poll();
	for (unsigned n = 0; n < PINS; n++) {
		check_pin(&dom0->ioapics.io[0], n);
	}
	ASSERT(host_ioapic_torn_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make_machine();
	for (size_t at = 0; at + 6 <= size; at += 6) {
		step(data + at);
	}
	ASSERT(vlapic_pending(&domu->vcpu[0]->lapic) == -1);
	return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	/* A level pin and the emulated one: open, line up, take, EOI, line down. */
	static const uint8_t seed[] = {
		0x20, 11, 0x51, 0x80, 0, 0, 0x60, 11, 1,    0, 0, 0, 0xc0, 0, 0,    0,    0, 0,
		0xe0, 0,  0,    0,    0, 0, 0x60, 11, 0,    0, 0, 0, 0xc0, 0, 0,    0,    0, 0,
		0xe0, 0,  0,    0,    0, 0, 0x20, 4,  0x34, 0, 0, 0, 0xa0, 4, 1,    0,    0, 0,
		0xc0, 0,  0,    0,    0, 0, 0xa0, 4,  0,    0, 0, 0, 0xe0, 0, 0,    0,    0, 0,
		0x20, 9,  0x61, 0x80, 0, 1, 0x60, 9,  1,    0, 0, 0, 0x20, 9, 0x61, 0x80, 1, 1,
		0xc1, 0,  0,    0,    0, 0, 0xe1, 0,  0,    0, 0, 0, 0x20, 9, 0x61, 0x80, 0, 1,
	};

	if (index > 0 || sizeof(seed) > size) {
		return 0;
	}
	for (size_t i = 0; i < sizeof(seed); i++) {
		buf[i] = seed[i];
	}
	return sizeof(seed);
}
