/* SPDX-License-Identifier: MIT */
/*
 * Sequences of configuration and MSI-X accesses to a machine of nine devices
 * whose registers the input may have spoilt, with a second domain beside; or,
 * when the input begins like one, a recording (doc/record-format.md).
 *
 * What must hold afterwards, whatever the domain and the devices did: no BAR
 * covers RAM or memory of ours, every mapped BAR is where the memmap has a
 * claim of its owner, a message that a device can send is one of ours, vectors
 * are accounted for, no lock is held, the second domain saw nothing.
 *
 * Some accesses are a vCPU's, which leaves long work in pieces; the input says
 * how much of that is done before the next access.
 */
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/pci/pci_internal.h"
#include "host.h"
#include "host_mem.h"
#include "host_pci.h"
#include "host_replay.h"

#include <taproot/record.h>

#define LIMIT     (1ull << 40)
#define ECAM      0xb0000000ull
#define BUS_LAST  4u /* few buses: all of them are scanned for every input */
#define DEVICES   13u
#define OP_BYTES  8u
#define OPS_MAX   128u
#define RECORDING "test/data/boot-q35.record.xz"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

static struct domain *dom0, *domu;
static struct host_pci *device[DEVICES];
static sbdf_t device_sbdf[DEVICES];

static void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "does not hold: %s\n%s", what, host_console());
		abort();
	}
}

#define REQUIRE(condition) require(condition, #condition)

/* ---- the machine ---- */

static struct domain *domain_new(uint16_t id)
{
	struct domain *d = domain_create(id, id == 0, LIMIT, 128);

	REQUIRE(d != NULL);
	REQUIRE(!memmap_set_base(&d->memmap, gpa(0), gpa(2 * GIB), MEM_RAM));
	REQUIRE(!memmap_set_base(&d->memmap, gpa(0x7f000000), gpa(2 * GIB), MEM_OURS));
	REQUIRE(!memmap_set_base(&d->memmap, gpa(ECAM), gpa(ECAM + 256 * MIB), MEM_RESERVED));
	for (unsigned i = 0; i < 2; i++) {
		REQUIRE(!domain_add_vcpu(d, i, i, false));
	}
	return d;
}

static struct host_pci *device_new(unsigned n, unsigned bus, unsigned dev, bool bridge)
{
	device_sbdf[n] = sbdf_make(0, bus, dev, 0);
	device[n] = host_pci_add(device_sbdf[n], 0x1af4, (uint16_t)(0x1000 + n),
				 bridge ? 0x0604 : 0xff00, bridge);
	return device[n];
}

/* Virtual functions, a resizable BAR, a slot. */
static void machine_new_extended(void)
{
	struct host_pci *p;

	p = device_new(9, 0, 6, false);
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 16384);
	host_pci_cap_express(p, 0xa0);
	host_pci_extcap(p, 0x100, PCI_EXTCAPID_REBAR + 0x100);
	host_pci_cap_sriov(p, 0x110, 8, 8, 1);
	host_pci_vf_bar(p, 0, PCI_BAR_TYPE_64, 16384);
	host_pci_vf_bar(p, 3, PCI_BAR_TYPE_32, 4096);
	host_pci_vf_msix(p, 3, 0, 0x1000, 0, 0x2000);
	/* Two of its virtual functions; what the fuzzer does to "the device" it does to it. */
	for (unsigned n = 10; n < 12; n++) {
		device[n] = p;
		device_sbdf[n] = sbdf_make(0, 0, 7, n - 10);
	}
	p = device_new(12, 0, 8, true);
	host_pci_set(p, PCI_REG_SECONDARY, 2, 0x0101);
	host_pci_cap(p, 0x40, PCI_CAPID_EXPRESS, 0x3c);
	host_pci_set(p, 0x40 + EXP_REG_CAPS, 2, EXP_CAPS_SLOT);
	host_pci_set(p, 0x40 + EXP_REG_SLOTSTS, 2, EXP_SLOTSTS_PRESENCE);
	host_pci_writable(p, 0x40 + EXP_REG_SLOTCTL, 4, 0xffffffff);
	host_pci_writable(p, 0x40 + EXP_REG_LINKCTL, 2, 0xffff);
	host_pci_bar(p, 0, PCI_BAR_TYPE_64, 2 * MIB);
	host_pci_cap_rebar(p, 0x100, 0);
}

static void machine_new(void)
{
	struct host_pci *p;

	p = device_new(0, 0, 2, false); /* all capabilities, 64-bit BAR, ROM */
	host_pci_bar(p, 0, PCI_BAR_TYPE_64, 1 * MIB);
	host_pci_bar(p, 2, PCI_BAR_TYPE_32, 16384);
	host_pci_bar(p, PCI_BAR_ROM, 0, 65536);
	host_pci_cap_express(p, 0xa0);
	host_pci_cap_msix(p, 0x70, 8, 2, 0, 2, 0x2000);
	host_pci_cap_msi(p, 0x50, true, true, 3);
	host_pci_cap_pm(p, 0x40);
	p = device_new(1, 0, 3, false); /* small BARs with a table */
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 256);
	host_pci_bar(p, 1, PCI_BAR_TYPE_32, 512);
	host_pci_cap_msix(p, 0x40, 4, 0, 0x40, 0, 0x80);
	p = device_new(2, 0, 4, false); /* small BARs, MSI without masks */
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 1024);
	host_pci_bar(p, 1, PCI_BAR_IO, 64);
	host_pci_cap_msi(p, 0x40, false, false, 0);
	p = device_new(3, 0, 5, false); /* table and pending bits in different BARs */
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 8192);
	host_pci_bar(p, 4, PCI_BAR_TYPE_64, 8 * GIB);
	host_pci_cap_msix(p, 0x80, 64, 4, 0x1000, 0, 0x1ff8);
	p = device_new(4, 0, 1, true);
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 4096);
	host_pci_cap_msi(p, 0x40, true, false, 0);
	p = device_new(5, 0, 0, false); /* host bridge without anything */
	host_pci_set(p, PCI_REG_CLASS, 2, 0x0600);
	p = device_new(6, 1, 0, false); /* a table that ends with its BAR */
	host_pci_bar(p, 5, PCI_BAR_TYPE_32, 0x8000);
	host_pci_cap_msix(p, 0x40, 256, 5, 0x7000, 5, 0);
	p = device_new(7, 1, 1, false);
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 1 * MIB);
	host_pci_cap_msi(p, 0x40, false, true, 5);
	host_pci_cap_pm(p, 0x60);
	p = device_new(8, BUS_LAST, 0, false); /* no bridge leads to it */
	host_pci_bar(p, 0, PCI_BAR_TYPE_32, 4096);
	host_pci_cap_msix(p, 0xf0, 1, 0, 0, 0, 0x800);
	machine_new_extended();
}

/* ---- what must hold ---- */

static void check_memmap(const struct memmap *m)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		REQUIRE(r->start.v == at && r->end.v > at);
		at = r->end.v;
		if (r->type != r->base && r->type != MEM_OPEN) {
			REQUIRE(r->base == MEM_HOLE || r->base == MEM_RESERVED ||
				r->base == MEM_LOW);
		}
	}
	REQUIRE(at == m->limit);
}

/* A virtual function whose turn has not come. */
static bool in_pieces(const struct pci_function *f)
{
	const struct pci_sriov *s = f->pf ? &f->pf->sriov : NULL;

	return s && (s->round || s->moved || s->leaves);
}

static void check_bar(const struct pci_bar *b)
{
	const struct mem_range *r;

	if (!bar_is_memory(b)) {
		REQUIRE(b->state == BAR_OFF);
		return;
	}
	REQUIRE((b->state != BAR_OFF) == bar_enabled(b) || in_pieces(b->function));
	if (b->state != BAR_MAPPED) {
		return;
	}
	REQUIRE(b->at == bar_address(b) || in_pieces(b->function));
	for (uint64_t a = b->at; a < b->at + b->size; a = r->end.v) {
		r = memmap_find(&b->function->root->domain->memmap, gpa(a));
		REQUIRE(r && (r->type == MEM_MMIO || r->type == MEM_TRAP));
		REQUIRE(b->size < PAGE_SIZE || r->owner.v == b->function->sbdf.v);
		REQUIRE(b->size >= PAGE_SIZE || r->owner.v == b->page_owner.v);
		REQUIRE((r->type == MEM_TRAP) == (r->ops == &msix_table_ops));
	}
}

/* Vectors that sources have, the ones that a move left behind included. */
static unsigned vectors;

static void check_source(const struct irq_source *src)
{
	if (src->bound) {
		REQUIRE(host_vector_source(src->cpu, src->vector) == src);
	}
	if (src->old_bound) {
		REQUIRE(src->bound && host_vector_source(src->old_cpu, src->old_vector) == src);
	}
	vectors += src->bound + src->old_bound;
}

/* The shadow of a BAR is what the device has; nobody but us changed it. */
static void check_shadow(const struct pci_bar *b, const struct host_pci *p)
{
	unsigned reg = PCI_REG_BAR0 + 4 * b->index;
	uint64_t value;

	if (!bar_is_memory(b) || b->kind == BAR_ROM || b->function->pf) {
		return;
	}
	value = host_pci_get(p, reg, 4);
	if (b->kind == BAR_MEM64) {
		value |= (uint64_t)host_pci_get(p, reg + 4, 4) << 32;
	}
	REQUIRE(bar_address(b) == (value & ~(b->size - 1)));
}

/* The message in the device must be one of ours, of this very function. */
static void check_message(const struct pci_function *f, uint64_t address, uint32_t data)
{
	const struct irq_source *src;

	REQUIRE(address >> 20 == 0xfee && (address >> 12 & 0xff) < arch_cpu_count());
	src = host_vector_source((address >> 12) & 0xff, data & 0xff);
	REQUIRE(src && src->ctx == f);
}

/* `quiet`: nobody spoilt the device's registers, and no two BARs decode in one place. */
static void check_function(struct pci_function *f, bool quiet)
{
	struct host_pci *p = host_pci_find(f->sbdf);
	const struct pci_msi *m = &f->msi;
	bool msix = f->msix.offset, enabled = msix && msix_enabled(f);

	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		check_bar(&f->bar[i]);
	}
	if (m->offset) {
		check_source(&m->src);
		REQUIRE(msi_enabled(f) || !m->src.bound);
	}
	for (unsigned i = 0; msix && i < f->msix.count; i++) {
		if (f->msix.entry[i].src.bound || f->msix.entry[i].src.old_bound) {
			REQUIRE(enabled);
			check_source(&f->msix.entry[i].src);
		}
	}
	if (!p || f->stale || !quiet) {
		return;
	}
	for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
		check_shadow(&f->bar[i], p);
	}
	if (m->offset && (host_pci_get(p, m->offset + 2, 2) & MSI_CTL_ENABLE) &&
	    !(m->maskable && (host_pci_get(p, m->offset + (m->is64 ? 0x10 : 0xc), 4) & 1))) {
		check_message(f, host_pci_get(p, m->offset + 4, 4),
			      host_pci_get(p, m->offset + (m->is64 ? 0xc : 8), 2));
	}
	if (!f->msix.offset || !f->msix.region[0].mapped || f->sleeping || !f->msix.known) {
		return;
	}
	for (unsigned i = 0; i < f->msix.count; i++) {
		uint64_t at = f->msix.table + i * MSIX_ENTRY_SIZE;
		unsigned bar = f->msix.table_bar;

		if (!(host_pci_memory_get(p, bar, at + 12, 4) & MSIX_ENTRY_MASKED)) {
			check_message(f, host_pci_memory_get(p, bar, at, 8),
				      (uint32_t)host_pci_memory_get(p, bar, at + 8, 4));
		}
	}
}

static void check_root(struct pci_root *root, bool quiet)
{
	uint32_t mapped = 0, pending = 0;

	vectors = 0;
	check_memmap(&root->domain->memmap);
	quiet = quiet && root->pending_count == 0;
	for (struct pci_function *f = root->functions; f; f = f->next) {
		check_function(f, quiet);
		for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
			mapped += f->bar[i].state == BAR_MAPPED;
			pending += f->bar[i].state == BAR_PENDING;
		}
	}
	for (unsigned i = 0; i < arch_cpu_count(); i++) {
		vectors -= host_vector_count(i);
	}
	REQUIRE(vectors == 0);
	REQUIRE(mapped == root->mapped_count && pending == root->pending_count);
	REQUIRE(!root->domain->pci_lock.held && !root->domain->mem_lock.held &&
		!root->domain->irq_lock.held);
}

/* ---- one input ---- */

/* Addresses that are worth trying: the BARs' values first. */
static uint64_t some_address(uint32_t value)
{
	const struct host_pci *p = device[value % DEVICES];
	uint32_t reg = PCI_REG_BAR0 + 4 * (value >> 8 & 7);

	return (host_pci_get(p, reg, 4) & ~0xfull) + (value >> 16);
}

static bool run_op(const uint8_t *op)
{
	static const uint8_t lens[] = {1, 2, 4, 8};
	unsigned n = op[1] % DEVICES;
	unsigned reg = op[2] | (op[3] & 0xf) << 8;
	unsigned len = lens[op[3] >> 4 & 3];
	uint32_t value = op[4] | op[5] << 8 | op[6] << 16 | (uint32_t)op[7] << 24;
	uint64_t ecam = ECAM + ((uint64_t)device_sbdf[n].v << 12) + reg;
	uint64_t got;

	switch (op[0] % 12) {
	case 0:
	case 1:
	case 2:
		(void)ioreq_mmio_write(dom0, gpa(ecam), len, value);
		break;
	case 3:
		(void)ioreq_mmio_read(dom0, gpa(ecam), len, &got);
		(void)ioreq_mmio_read(domu, gpa(ecam), len, &got);
		REQUIRE(got == ones(len));
		break;
	case 4:
		ioreq_port_write(dom0, 0xcf8, 4,
				 0x80000000u | device_sbdf[n].v << 8 | (reg & 0xfc));
		ioreq_port_write(dom0, (uint16_t)(0xcf8 + (reg & 7)), MIN(len, 4u), value);
		break;
	case 5:
		(void)ioreq_port_read(dom0, (uint16_t)(0xcf6 + (reg & 15)), MIN(len, 4u));
		break;
	case 6:
	case 7:
		(void)ioreq_mmio_write(dom0, gpa(some_address(value)), len,
				       value << 3 | 0xfee00000);
		break;
	case 8:
		(void)ioreq_mmio_read(dom0, gpa(some_address(value)), len, &got);
		break;
	case 9:
		(void)host_pci_fire_msi(device[n]);
		break;
	case 10:
		host_vector_limit(value & 15);
		break;
	default: /* the device changes its mind */
		host_pci_set(device[n], reg & 0xff & ~3u, 4, value);
		return false;
	}
	return true;
}

/* What comes before the domain's vCPUs go on: `pieces` of it. */
static void go_on(unsigned pieces)
{
	for (unsigned i = 0; i < dom0->vcpu_count; i++) {
		struct vcpu *v = dom0->vcpu[i];

		for (unsigned n = 0; v->behind && n < pieces; n++) {
			host_vcpu_set(v);
			vcpu_catch_up(v);
		}
		host_vcpu_set(v->behind ? v : NULL);
		if (dom0->refill) {
			dom0->refill = false;
			REQUIRE(!pci_root_refill(dom0->pci));
		}
		host_vcpu_set(NULL);
	}
}

static void run_accesses(const uint8_t *data, size_t size)
{
	static const struct pci_window window = {.bus_last = BUS_LAST, .bus0 = {ECAM}};
	bool quiet = true;
	unsigned spoils = size ? *data++ % 4 : 0;

	size -= size != 0;
	host_reset();
	host_mem_reset();
	host_pci_reset();
	host_cpu_set_count(2);
	machine_new();
	for (; spoils && size >= OP_BYTES; spoils--, data += OP_BYTES, size -= OP_BYTES) {
		host_pci_set(device[data[0] % DEVICES], data[1] & ~3u, 4,
			     data[4] | data[5] << 8 | data[6] << 16 | (uint32_t)data[7] << 24);
		quiet = false;
	}
	dom0 = domain_new(0);
	domu = domain_new(1);
	REQUIRE(!pci_root_create(dom0, &window, 1));
	REQUIRE(!pci_root_create(domu, &window, 1));
	REQUIRE(!pci_root_enumerate(dom0->pci));
	for (unsigned i = 0; i < OPS_MAX && size >= OP_BYTES; i++) {
		host_vcpu_set(data[3] & 0x40 ? dom0->vcpu[data[3] >> 7] : NULL);
		quiet = run_op(data) && quiet;
		host_vcpu_set(NULL);
		go_on(data[1] / DEVICES & 3);
		data += OP_BYTES;
		size -= OP_BYTES;
		check_root(dom0->pci, quiet);
	}
	go_on(UINT32_MAX);
	check_root(dom0->pci, quiet);
	check_memmap(&domu->memmap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t magic = RECORD_MAGIC;
	struct replay_result result;

	if (size < RECORD_SIZE || memcmp(data + 16, &magic, sizeof(magic)) != 0) {
		run_accesses(data, size);
	} else {
		host_replay(data, size, NULL, &result);
		if (result.domain && result.domain->pci) {
			check_root(result.domain->pci, false);
		}
	}
	host_pci_reset();
	return 0;
}

/* ---- seeds ---- */

static void op_write(uint8_t **p, unsigned n, unsigned reg, unsigned len_log2, uint32_t value)
{
	uint8_t op[OP_BYTES] = {0, (uint8_t)n, (uint8_t)reg, (uint8_t)(reg >> 8 | len_log2 << 4)};

	memcpy(op + 4, &value, 4);
	memcpy(*p, op, sizeof(op));
	*p += sizeof(op);
}

/* A driver's way: place the BARs, decode, program a message, enable it, move. */
static size_t seed_driver(uint8_t *buf, unsigned n, unsigned msi, unsigned msix, unsigned bar)
{
	uint8_t *p = buf;

	*p++ = 0;
	for (unsigned i = 0; i < 6; i++) {
		op_write(&p, n, PCI_REG_BAR0 + 4 * i, 2, 0xc0000000 + 0x400000 * i + 0x2000000 * n);
	}
	op_write(&p, n, PCI_REG_COMMAND, 1, 7);
	if (msix) {
		for (unsigned i = 0; i < 4; i++) {
			uint8_t op[OP_BYTES] = {
				6, 0, 0, 2 << 4, (uint8_t)n, (uint8_t)bar, (uint8_t)(4 * i), 0};

			memcpy(p, op, sizeof(op));
			p += sizeof(op);
		}
		op_write(&p, n, msix + 2, 1, MSIX_CTL_ENABLE);
	}
	if (msi) {
		op_write(&p, n, msi + 4, 2, 0xfee01000);
		op_write(&p, n, msi + 2, 1, MSI_CTL_ENABLE);
		op_write(&p, n, msi + 4, 2, 0xfee00000); /* to the other processor */
	}
	op_write(&p, n, PCI_REG_BAR0 + 4 * bar, 2, 0xd0000000);
	op_write(&p, n, PCI_REG_BAR0 + 4 * bar, 2, 0x1000000);
	op_write(&p, n, 0xa8, 1, EXP_DEVCTL_FLR);
	op_write(&p, n, 0x44, 1, 3);
	op_write(&p, n, 0x44, 1, 0);
	op_write(&p, n, PCI_REG_COMMAND, 1, 0);
	return (size_t)(p - buf);
}

/* Small BARs of two functions in one page, coming and going. */
static size_t seed_shared_page(uint8_t *buf)
{
	uint8_t *p = buf;

	*p++ = 0;
	op_write(&p, 1, PCI_REG_BAR0, 2, 0xc0000000);
	op_write(&p, 1, PCI_REG_BAR0 + 4, 2, 0xc0000200);
	op_write(&p, 2, PCI_REG_BAR0, 2, 0xc0000400);
	for (unsigned i = 0; i < 4; i++) {
		op_write(&p, 1 + i % 2, PCI_REG_COMMAND, 1, i & 1 ? 7 : 2);
		op_write(&p, 2 - i / 2, PCI_REG_COMMAND, 1, i & 2);
	}
	op_write(&p, 2, PCI_REG_BAR0, 2, 0xc0000800);
	return (size_t)(p - buf);
}

/* As a vCPU does it, with `pieces` of what was left done afterwards. */
static void op_vcpu(uint8_t **p, unsigned pieces, unsigned reg, unsigned len_log2, uint32_t value)
{
	op_write(p, 9 + pieces * DEVICES, reg, len_log2, value);
	(*p)[-(int)OP_BYTES + 3] |= 0x40;
}

/* Virtual functions enter, move and leave, each while the one before is not over. */
static size_t seed_virtual(uint8_t *buf)
{
	uint8_t *p = buf;

	*p++ = 0;
	op_vcpu(&p, 0, 0x110 + SRIOV_REG_BAR0, 2, 0xd0000000);
	op_vcpu(&p, 0, 0x110 + SRIOV_REG_COUNT, 1, 8);
	op_vcpu(&p, 3, 0x110 + SRIOV_REG_CONTROL, 1, 9);
	op_vcpu(&p, 3, 0x110 + SRIOV_REG_CONTROL, 1, 9);
	op_vcpu(&p, 3, 0x110 + SRIOV_REG_BAR0, 2, 0xd0004000);
	op_vcpu(&p, 1, 0x110 + SRIOV_REG_BAR0, 2, 0xd0008000);
	op_vcpu(&p, 3, 0x110 + SRIOV_REG_CONTROL, 1, 1);
	op_vcpu(&p, 1, 0x110 + SRIOV_REG_CONTROL, 1, 9);
	op_vcpu(&p, 2, 0x110 + SRIOV_REG_CONTROL, 1, 0);
	op_vcpu(&p, 1, 0x110 + SRIOV_REG_COUNT, 1, 3);
	op_vcpu(&p, 2, 0x110 + SRIOV_REG_CONTROL, 1, 9);
	return (size_t)(p - buf);
}

/* The beginning of the boot test's recording, as far as it fits. */
static size_t seed_recording(uint8_t *buf, size_t size)
{
	static uint8_t packed[1 << 16], whole[1 << 20];
	uint64_t memory = UINT64_MAX;
	size_t in = 0, out = 0, length;
	FILE *f = fopen(RECORDING, "rb");

	require(f != NULL, "there is " RECORDING " (run from the top of the project)");
	length = fread(packed, 1, sizeof(packed), f);
	fclose(f);
	require(lzma_stream_buffer_decode(&memory, 0, NULL, packed, &in, length, whole, &out,
					  sizeof(whole)) == LZMA_OK,
		"the recording can be unpacked");
	memcpy(buf, whole, MIN(out, size));
	return MIN(out, size);
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	static const struct {
		uint8_t n, msi, msix, bar;
	} drivers[] = {
		{0, 0x50, 0x70, 2}, {1, 0, 0x40, 0}, {2, 0x40, 0, 0}, {3, 0, 0x80, 4},
		{4, 0x40, 0, 0},    {6, 0, 0x40, 5}, {7, 0x40, 0, 0}, {8, 0, 0xf0, 0},
	};

	if (index < ARRAY_SIZE(drivers)) {
		return seed_driver(buf, drivers[index].n, drivers[index].msi, drivers[index].msix,
				   drivers[index].bar);
	}
	switch (index - ARRAY_SIZE(drivers)) {
	case 0:
		return seed_shared_page(buf);
	case 1:
		return seed_recording(buf, size);
	case 2:
		return seed_virtual(buf);
	default:
		return 0;
	}
}
