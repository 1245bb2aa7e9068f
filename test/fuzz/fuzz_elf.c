/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the kernel loader, from the file to the start_info.
 *
 * Input: a kernel file; its last byte chooses the initrd's size and the
 * memmap's shape. Checked: a refusal names its reason; an accepted file is
 * planned into RAM of the domain without overlaps, or refused with a reason;
 * placing it writes to that RAM and nowhere else, and the initrd survives.
 */
#include <stdlib.h>
#include <string.h>

#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/pvh.h>

#include "../unit/elf_builder.h"
#include "host.h"
#include "host_mem.h"

#define RAM     (8 * MIB)
#define OURS    (RAM - 64 * 1024)
#define MODULE  (5 * MIB)
#define INITRD  (6 * MIB)
#define LINKED  (2 * MIB)
#define COMMAND "root=/dev/nvme0n1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

static uint8_t ram[RAM] __attribute__((aligned(4096)));
static uint8_t copy[RAM];

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

static struct domain *machine(uint8_t shape)
{
	struct domain *d;

	host_reset();
	host_mem_reset();
	require(host_mem_add_window(0, ram, sizeof(ram)));
	d = domain_create(0, true, 1ull << 40, 64);
	require(d && domain_create(1, false, 1ull << 40, 64));
	require(memmap_set_base(&d->memmap, gpa(0), gpa(OURS), MEM_RAM) == 0);
	require(memmap_set_base(&d->memmap, gpa(0x9f000), gpa(MIB), MEM_LOW) == 0);
	require(memmap_set_base(&d->memmap, gpa(OURS), gpa(RAM), MEM_OURS) == 0);
	if (shape & 0x10) {
		require(memmap_set_base(&d->memmap, gpa(LINKED), gpa(LINKED + 0x1000),
					MEM_RESERVED) == 0);
	}
	if (shape & 0x20) {
		require(memmap_set_base(&d->memmap, gpa(4 * MIB), gpa(OURS), MEM_UNUSABLE) == 0);
	}
	return d;
}

struct piece {
	uint64_t start, size;
};

static void check_plan(const struct pvh_plan *p, const struct memmap *m)
{
	struct piece piece[] = {
		{p->kernel.v, p->kernel_end.v - p->kernel.v},
		{p->initrd.v, p->initrd_size},
		{p->acpi.v, p->acpi_size},
		{p->info.v, p->info_size},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(piece); i++) {
		for (uint64_t a = piece[i].start; a < piece[i].start + piece[i].size; a++) {
			require(memmap_find(m, gpa(a))->type == MEM_RAM);
			a |= 0xff;
		}
		for (unsigned j = 0; j < i && piece[i].size; j++) {
			require(piece[j].size == 0 ||
				piece[i].start + piece[i].size <= piece[j].start ||
				piece[j].start + piece[j].size <= piece[i].start);
		}
	}
}

static void check_untouched(const struct memmap *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (r->type != MEM_RAM && r->type != MEM_ACPI && r->start.v < RAM) {
			require(memcmp(ram + r->start.v, copy + r->start.v,
				       MIN(r->end.v, RAM) - r->start.v) == 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct elf_image image;
	static struct load_error error;
	uint8_t shape = size ? data[size - 1] : 0;
	struct pvh_config c = {
		.kernel = hpa(MODULE),
		.kernel_size = size,
		.initrd = hpa(INITRD),
		.initrd_size = (shape & 0xf) * 4097u,
		.cmdline = COMMAND,
		.acpi_size = shape & 0x40 ? 4000 : 0,
	};
	struct pvh_plan plan;
	struct domain *d;

	/* First on the input itself, where the sanitizer sees every byte too far. */
	error.what[0] = '\0';
	if (elf_parse(&image, data, size, &error)) {
		require(error.what[0] != '\0');
		return 0;
	}
	require(image.segment_count && image.low < image.high && image.high <= 4 * GIB);
	if (size > INITRD - MODULE) {
		return 0;
	}
	d = machine(shape);
	memcpy(ram + MODULE, data, size);
	for (unsigned i = 0; i < c.initrd_size; i++) {
		ram[INITRD + i] = (uint8_t)(i * 13);
	}
	require(elf_parse(&image, ram + MODULE, size, &error) == 0);
	error.what[0] = '\0';
	if (pvh_plan(&plan, &d->memmap, &image, &c, &error)) {
		require(error.what[0] != '\0');
		return 0;
	}
	check_plan(&plan, &d->memmap);
	memcpy(copy, ram, sizeof(ram));
	require(pvh_place(&plan, &d->memmap, &image, &c, &error) == 0);
	require(pvh_write_info(&plan, &d->memmap, &c, plan.acpi, &error) == 0);
	check_untouched(&d->memmap);
	for (unsigned i = 0; i < c.initrd_size; i++) {
		require(ram[plan.initrd.v + i] == (uint8_t)(i * 13));
	}
	for (unsigned i = 0; i < image.segment_count; i++) {
		const struct elf_segment *s = &image.segment[i];

		require(memcmp(ram + (s->paddr + (uint64_t)plan.delta), data + s->offset,
			       s->filesz) == 0);
	}
	return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	static const uint32_t reloc[] = {0x200000, 0x200000, 0x3fffffff};
	struct elf_builder b;

	if (index >= 16 || size < 0x2000) {
		return 0;
	}
	elf_begin(&b, buf, 0x2000, index & 1);
	if (index & 8) { /* nothing but what is read, where most mutations hit something */
		b.size = 0x180;
	}
	(void)elf_add_load(&b, LINKED, index & 8 ? 0x20 : 0x200, 0x200, 0x11);
	(void)elf_add_load(&b, LINKED + 0x1000, index & 8 ? 0x10 : 0x80, 0x2000, 0x22);
	elf_add_entry(&b, LINKED + 16);
	if (index & 2) {
		(void)elf_add_note(&b, 19, reloc, 3);
	}
	buf[b.size] = index & 4 ? 0x53 : 0x4f;
	return b.size + 1;
}
