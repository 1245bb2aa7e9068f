/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what a guest does to MSI-X (PCI 3.0 6.8.2): its tables, pending
 * bits and the registers beside them, enable, function mask, decoding, moves,
 * D3 and function-level reset, on three devices of the hosted machine.
 *
 * Input: operations of eight bytes. Beside each device runs a model of what
 * the guest has to see: the table by dwords, the bytes around it as the device
 * has them. Checked after each operation: a read is the model's, an entry is
 * open in the machine exactly when the guest opened it with a valid message,
 * and firing it arrives where the guest's message says. In the end no vector is
 * in use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <taproot/domain.h>
#include <taproot/ioreq.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>

#include "host.h"
#include "host_mem.h"
#include "host_pci.h"

#define LIMIT    (1ull << 40)
#define ECAM     0xb0000000ull
#define VCPUS    2u
#define DEVICES  3u
#define ENTRIES  64u
#define PM       0x40u
#define EXPRESS  0x50u
#define MSIX     0xa0u
#define OP_BYTES 8u
#define OPS_MAX  256u
#define PLACES   4u
#define NOWHERE  PLACES

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

/* Where a device has its table and pending bits; both BARs are of 16 KiB. */
static const struct layout {
	unsigned count, table_bar, table, pba_bar, pba;
} layouts[DEVICES] = {
	{8, 2, 0, 2, 0x2000},
	{64, 0, 0x800, 0, 0xc00},  /* with registers around them, in one page */
	{3, 4, 0x1fd0, 0, 0x3ff8}, /* each ends with its page */
};

struct dev {
	struct host_pci *host;
	const struct layout *l;
	sbdf_t sbdf;
	bool enabled, mask_all, decode, asleep;
	unsigned place[2];            /* of the two BARs */
	uint32_t entry[ENTRIES][4];   /* as the guest wrote them */
	uint8_t memory[2][PAGE_SIZE]; /* of the table's page and of the pending bits' */
};

static struct domain *dom0, *domu;
static struct dev devs[DEVICES];

static void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "does not hold: %s\n%s", what, host_console());
		abort();
	}
}

#define REQUIRE(condition) require(condition, #condition)

/* ---- the machine ---- */

static unsigned bar_of(const struct dev *d, unsigned which)
{
	return which ? d->l->pba_bar : d->l->table_bar;
}

static unsigned page_of(const struct dev *d, unsigned which)
{
	return (which ? d->l->pba : d->l->table) & ~(unsigned)(PAGE_SIZE - 1);
}

static uint64_t place_address(const struct dev *d, unsigned bar, unsigned place)
{
	unsigned n = (unsigned)(d - devs);

	return 0xc0000000ull + n * 0x4000000ull + bar * 0x100000ull + place * 0x8000ull;
}

static void device_new(unsigned n)
{
	const struct layout *l = &layouts[n];
	struct dev *d = &devs[n];

	memset(d, 0, sizeof(*d));
	d->l = l;
	d->sbdf = sbdf_make(0, 0, n + 1, 0);
	d->host = host_pci_add(d->sbdf, 0x1af4, (uint16_t)(0x1000 + n), 0xff00, false);
	host_pci_bar(d->host, l->table_bar, PCI_BAR_TYPE_32, 16384);
	if (l->pba_bar != l->table_bar) {
		host_pci_bar(d->host, l->pba_bar, PCI_BAR_TYPE_32, 16384);
	}
	host_pci_cap_express(d->host, EXPRESS);
	host_pci_cap_msix(d->host, MSIX, l->count, l->table_bar, l->table, l->pba_bar, l->pba);
	host_pci_cap_pm(d->host, PM);
}

static void forget(struct dev *d)
{
	d->enabled = d->mask_all = d->decode = d->asleep = false;
	d->place[0] = d->place[1] = NOWHERE;
	memset(d->memory, 0, sizeof(d->memory));
	for (unsigned i = 0; i < ENTRIES; i++) {
		memset(d->entry[i], 0, sizeof(d->entry[i]));
		d->entry[i][3] = MSIX_ENTRY_MASKED;
	}
}

static struct domain *domain_new(uint16_t id)
{
	struct domain *d = domain_create(id, id == 0, LIMIT, 64);

	REQUIRE(d != NULL);
	REQUIRE(!memmap_set_base(&d->memmap, gpa(0), gpa(2 * GIB), MEM_RAM));
	REQUIRE(!memmap_set_base(&d->memmap, gpa(ECAM), gpa(ECAM + 256 * MIB), MEM_RESERVED));
	for (unsigned i = 0; i < VCPUS; i++) {
		REQUIRE(!domain_add_vcpu(d, i, i, false));
		vlapic_mmio_write(&d->vcpu[i]->lapic, 0xf0, 4, 0x1ff);
	}
	return d;
}

static void cfg_write(const struct dev *d, unsigned reg, unsigned len, uint32_t value)
{
	(void)ioreq_mmio_write(dom0, gpa(ECAM + ((uint64_t)d->sbdf.v << 12) + reg), len, value);
}

static uint32_t cfg_read(const struct dev *d, unsigned reg, unsigned len)
{
	uint64_t value = 0;

	(void)ioreq_mmio_read(dom0, gpa(ECAM + ((uint64_t)d->sbdf.v << 12) + reg), len, &value);
	return (uint32_t)value;
}

static void place(struct dev *d, unsigned which, unsigned where)
{
	unsigned bar = bar_of(d, which);

	cfg_write(d, PCI_REG_BAR0 + 4 * bar, 4, (uint32_t)place_address(d, bar, where));
	d->place[which] = where;
	if (d->l->table_bar == d->l->pba_bar) {
		d->place[!which] = where;
	}
}

static void command(struct dev *d, bool decode)
{
	cfg_write(d, PCI_REG_COMMAND, 2, decode ? PCI_CMD_MEMORY | PCI_CMD_MASTER : 0);
	d->decode = decode;
}

static void machine_new(void)
{
	host_reset();
	host_mem_reset();
	host_pci_reset();
	host_cpu_set_count(VCPUS);
	for (unsigned n = 0; n < DEVICES; n++) {
		device_new(n);
		forget(&devs[n]);
	}
	dom0 = domain_new(0);
	domu = domain_new(1);
	/* One bus: it is scanned for every input. */
	REQUIRE(!pci_root_create(dom0, &(struct pci_window){.bus_last = 0, .bus0 = {ECAM}}, 1));
	REQUIRE(!pci_root_enumerate(dom0->pci));
	for (unsigned n = 0; n < DEVICES; n++) {
		place(&devs[n], 0, 0);
		place(&devs[n], 1, 0);
		command(&devs[n], true);
	}
}

/* ---- the model ---- */

static bool reachable(const struct dev *d, unsigned which)
{
	return d->decode && d->place[which] != NOWHERE;
}

/* The dword of the table at an offset of page `which`, or NULL. */
static uint32_t *table_dword(struct dev *d, unsigned which, unsigned offset)
{
	unsigned at = page_of(d, which) + offset - d->l->table;

	if (bar_of(d, which) != d->l->table_bar || page_of(d, which) + offset < d->l->table ||
	    at >= d->l->count * MSIX_ENTRY_SIZE) {
		return NULL;
	}
	return &d->entry[at / MSIX_ENTRY_SIZE][at % MSIX_ENTRY_SIZE / 4];
}

static bool is_pba(const struct dev *d, unsigned which, unsigned offset)
{
	unsigned bar_offset = page_of(d, which) + offset;

	return bar_of(d, which) == d->l->pba_bar && bar_offset >= d->l->pba &&
	       bar_offset < d->l->pba + ALIGN_UP(d->l->count, 64u) / 8;
}

/* One page can be both the table's and the pending bits'. */
static uint8_t *memory_of(struct dev *d, unsigned which)
{
	bool same = d->l->table_bar == d->l->pba_bar && page_of(d, 0) == page_of(d, 1);

	return d->memory[same ? 0 : which];
}

static void model_write(struct dev *d, unsigned which, unsigned offset, unsigned len,
			uint64_t value)
{
	for (unsigned i = 0; i < len; i++) {
		unsigned at = offset + i;
		uint32_t *dword = table_dword(d, which, at);

		if (dword && at % 4 == 0 && i + 4 <= len) {
			uint32_t written = (uint32_t)(value >> (8 * i));
			bool low = (dword - d->entry[0]) % 4 == 0;

			*dword = low ? written & ~3u : written;
		} else if (!dword && !is_pba(d, which, at) && !d->asleep) {
			memory_of(d, which)[at] = (uint8_t)(value >> (8 * i));
		}
	}
}

static uint64_t model_read(struct dev *d, unsigned which, unsigned offset, unsigned len)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < len; i++) {
		unsigned at = offset + i;
		const uint32_t *dword = table_dword(d, which, at);
		uint8_t byte = d->asleep ? 0xff : memory_of(d, which)[at];

		if (dword) {
			byte = (uint8_t)(*dword >> (at % 4 * 8));
		}
		value |= (uint64_t)byte << (8 * i);
	}
	return value;
}

/* ---- what must hold ---- */

static bool message_valid(const uint32_t *entry)
{
	return entry[1] == 0 && entry[0] >> 20 == 0xfee;
}

/* Fixed delivery to one processor by its number: it must arrive, and as what the guest wrote. */
static void check_arrival(const struct dev *d, unsigned n)
{
	const uint32_t *entry = d->entry[n];
	unsigned target = entry[0] >> 12 & 0xff, vector = entry[2] & 0xff;
	bool plain = target < VCPUS && !(entry[0] & 0xc) && !(entry[2] & 0x700) && vector >= 16;
	struct vlapic *l = &dom0->vcpu[plain ? target : 0]->lapic;

	REQUIRE(host_pci_fire_msix(d->host, n));
	REQUIRE(!plain || (l->irr[vector / 32] >> (vector % 32) & 1));
	for (unsigned i = 0; i < VCPUS; i++) {
		for (int v; (v = vlapic_pending(&dom0->vcpu[i]->lapic)) >= 0;) {
			vlapic_take(&dom0->vcpu[i]->lapic, (unsigned)v);
			vlapic_mmio_write(&dom0->vcpu[i]->lapic, 0xb0, 4, 0);
		}
	}
}

static void check(struct dev *d)
{
	uint32_t control = cfg_read(d, MSIX + MSIX_REG_CONTROL, 2);

	REQUIRE(!(control & MSIX_CTL_ENABLE) == !d->enabled);
	REQUIRE(!(control & MSIX_CTL_MASKALL) == !d->mask_all);
	if (d->asleep || !reachable(d, 0)) {
		return;
	}
	control = host_pci_get(d->host, MSIX + MSIX_REG_CONTROL, 2);
	REQUIRE(!(control & MSIX_CTL_ENABLE) == !d->enabled);
	for (unsigned i = 0; i < d->l->count; i++) {
		const uint32_t *entry = d->entry[i];
		bool open = d->enabled && !(entry[3] & MSIX_ENTRY_MASKED) && message_valid(entry);
		uint64_t at = d->l->table + i * MSIX_ENTRY_SIZE + MSIX_ENTRY_CONTROL;
		uint64_t hard = host_pci_memory_get(d->host, d->l->table_bar, at, 4);

		REQUIRE(open == !(hard & MSIX_ENTRY_MASKED));
		if (open && !d->mask_all) {
			check_arrival(d, i);
		}
	}
}

/* ---- operations ---- */

/* Offsets of which most are in the table or just around it. */
static unsigned some_offset(const struct dev *d, unsigned which, const uint8_t *op)
{
	unsigned wide = op[2] | (op[3] & 0xf) << 8;
	unsigned start = (which ? d->l->pba : d->l->table) % PAGE_SIZE;

	if (op[3] & 0x40) {
		return wide;
	}
	return (start + (op[2] % (which ? 32 : d->l->count * 16)) - (op[3] & 0xf)) % PAGE_SIZE;
}

static uint64_t some_value(const uint8_t *op)
{
	uint64_t value = op[4] | op[5] << 8 | op[6] << 16 | (uint64_t)op[7] << 24;

	return op[3] & 0x80 ? value * 0x100000001ull : (value & 0xffff) << (op[6] & 48);
}

static void check_read(struct dev *d, unsigned which, unsigned offset, unsigned len)
{
	uint64_t a = place_address(d, bar_of(d, which), d->place[which]) + page_of(d, which);
	uint64_t got = 0;

	(void)ioreq_mmio_read(dom0, gpa(a + offset), len, &got);
	REQUIRE(!reachable(d, which) || got == model_read(d, which, offset, len));
}

static void access_page(struct dev *d, const uint8_t *op, bool write)
{
	unsigned which = op[1] >> 7, len = 1u << (op[1] >> 5 & 3);
	unsigned offset = some_offset(d, which, op);
	unsigned bar = bar_of(d, which);
	uint64_t a, value = some_value(op);

	if (offset + len > PAGE_SIZE || d->place[which] == NOWHERE) {
		return;
	}
	a = place_address(d, bar, d->place[which]) + page_of(d, which) + offset;
	if (write) {
		(void)ioreq_mmio_write(dom0, gpa(a), len, value);
		if (reachable(d, which)) {
			model_write(d, which, offset, len, value);
		}
		/* And what was not to be written. */
		check_read(d, which, ALIGN_DOWN(offset, 8u), 8);
	}
	check_read(d, which, offset, len);
}

/* An entry programmed as drivers do, with a message that can arrive. */
static void program(struct dev *d, const uint8_t *op)
{
	unsigned n = op[2] % d->l->count;
	unsigned offset = d->l->table % PAGE_SIZE + n * MSIX_ENTRY_SIZE;
	uint64_t a = place_address(d, d->l->table_bar, d->place[0]) + page_of(d, 0) + offset;
	const uint32_t word[] = {0xfee00000u | (op[4] & 1u) << 12, 0, 16u + op[5] % 240u,
				 op[6] & MSIX_ENTRY_MASKED};

	if (!reachable(d, 0)) {
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		unsigned field = op[7] & 1 ? 3 - i : i;

		(void)ioreq_mmio_write(dom0, gpa(a + 4 * field), 4, word[field]);
		model_write(d, 0, offset + 4 * field, 4, word[field]);
	}
}

static void set_control(struct dev *d, uint32_t bits)
{
	d->enabled = bits & 1;
	d->mask_all = bits & 2;
	cfg_write(d, MSIX + MSIX_REG_CONTROL, 2,
		  (d->enabled ? MSIX_CTL_ENABLE : 0) | (d->mask_all ? MSIX_CTL_MASKALL : 0));
}

/* The device changes its pending bits: only it can. */
static void set_pending(struct dev *d, const uint8_t *op)
{
	unsigned offset = d->l->pba % PAGE_SIZE + op[2] % 8;

	memory_of(d, 1)[offset] = op[4];
	host_pci_memory_set(d->host, d->l->pba_bar, page_of(d, 1) + offset, 1, op[4]);
}

static void power(struct dev *d, const uint8_t *op)
{
	if (op[2] & 1) {
		cfg_write(d, EXPRESS + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
		forget(d);
	} else if (d->asleep) {
		cfg_write(d, PM + PM_REG_CSR, 2, PM_STATE_D0);
		forget(d);
	} else {
		cfg_write(d, PM + PM_REG_CSR, 2, PM_STATE_D3);
		d->asleep = true;
	}
}

static void run_op(const uint8_t *op)
{
	struct dev *d = &devs[op[1] % DEVICES];

	switch (op[0] & 15) {
	case 0:
	case 1:
	case 2:
		access_page(d, op, true);
		break;
	case 3:
	case 4:
		access_page(d, op, false);
		break;
	case 5:
	case 6:
	case 7:
		program(d, op);
		break;
	case 8:
	case 9:
		if (!d->asleep) {
			set_control(d, op[2]);
		}
		break;
	case 10:
		if (!d->asleep) {
			command(d, op[2] & 1);
		}
		break;
	case 11:
	case 12:
		if (!d->asleep) {
			place(d, op[2] >> 7, op[2] % PLACES);
		}
		break;
	case 13:
		if (!d->asleep) {
			set_pending(d, op);
		}
		break;
	case 14:
		power(d, op);
		break;
	default: /* the way back, as a driver's */
		if (!d->asleep) {
			place(d, 0, op[2] % PLACES);
			place(d, 1, op[2] % PLACES);
			command(d, true);
		}
		break;
	}
	check(d);
}

/* No device sends messages any more: their vectors are free again. */
static void stop(void)
{
	for (unsigned n = 0; n < DEVICES; n++) {
		if (devs[n].asleep) {
			cfg_write(&devs[n], PM + PM_REG_CSR, 2, PM_STATE_D0);
			forget(&devs[n]);
		}
		set_control(&devs[n], 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	machine_new();
	for (unsigned i = 0; i < OPS_MAX && size >= OP_BYTES; i++) {
		run_op(data);
		data += OP_BYTES;
		size -= OP_BYTES;
	}
	REQUIRE(!dom0->pci_lock.held && !dom0->mem_lock.held && !dom0->irq_lock.held);
	stop();
	for (unsigned i = 0; i < VCPUS; i++) {
		REQUIRE(vlapic_pending(&domu->vcpu[i]->lapic) == -1);
		REQUIRE(host_vector_count(i) == 0);
	}
	host_pci_reset();
	return 0;
}

/* A driver's way on each device: program, enable, mask, move, reset, again. */
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	static const uint8_t ops[][OP_BYTES] = {
		{8, 0, 3},
		{5, 0, 1, 0, 0, 0x31, 0, 0},
		{5, 0, 2, 0, 1, 0x41, 1, 0},
		{8, 0, 1},
		{0, 0x40, 28, 0, 0, 0, 0, 0},
		{0, 0x40, 44, 0, 1, 0, 0, 0},
		{3, 0x60, 16, 0, 0},
		{13, 0, 0, 0, 0xa5},
		{3, 0x80, 0, 0, 0},
		{0, 0x80, 0, 0, 0xff},
		{3, 0x80, 0, 0, 0},
		{11, 0, 2},
		{0, 0x40, 16, 0x40, 0x55, 0x66},
		{3, 0x40, 16, 0x40},
		{10, 0, 0},
		{10, 0, 1},
		{8, 0, 0},
		{14, 0, 1},
		{15, 0, 1},
		{5, 0, 0, 0, 1, 0x51, 0, 1},
		{8, 0, 1},
		{14, 0, 0},
		{14, 0, 0},
		{15, 0, 0},
	};

	if (index >= DEVICES || size < sizeof(ops)) {
		return 0;
	}
	memcpy(buf, ops, sizeof(ops));
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		uint8_t *device = &buf[i * OP_BYTES + 1];

		*device = (uint8_t)(*device + (index + DEVICES - *device % DEVICES) % DEVICES);
	}
	return sizeof(ops);
}
