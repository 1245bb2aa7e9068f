/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the kernel loader, from the file to the start_info.
 *
 * Input: a kernel file; its last byte chooses the initrd's size and the
 * memmap's shape. Checked: a refusal names its reason; an accepted file has the
 * segments and notes that a second reading finds; it is planned into RAM of the
 * domain without overlaps, or refused with a reason; placing it writes to that
 * RAM and nowhere else, what the file does not fill is zero, and the initrd
 * survives.
 */
#include <string.h>

#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/pvh.h>

#include "../unit/elf_builder.h"
#include "host.h"
#include "host_mem.h"
#include "require.h"

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

static struct domain *machine(uint8_t shape)
{
	struct domain *d;

	host_reset();
	host_mem_reset();
	REQUIRE(host_mem_add_window(0, ram, sizeof(ram)));
	d = domain_create(0, true, 1ull << 40, 64);
	REQUIRE(d && domain_create(1, false, 1ull << 40, 64));
	REQUIRE(memmap_set_base(&d->memmap, gpa(0), gpa(OURS), MEM_RAM) == 0);
	REQUIRE(memmap_set_base(&d->memmap, gpa(0x9f000), gpa(MIB), MEM_LOW) == 0);
	REQUIRE(memmap_set_base(&d->memmap, gpa(OURS), gpa(RAM), MEM_OURS) == 0);
	if (shape & 0x10) {
		REQUIRE(memmap_set_base(&d->memmap, gpa(LINKED), gpa(LINKED + 0x1000),
					MEM_RESERVED) == 0);
	}
	if (shape & 0x20) {
		REQUIRE(memmap_set_base(&d->memmap, gpa(4 * MIB), gpa(OURS), MEM_UNUSABLE) == 0);
	}
	return d;
}

/* ---- a second reading of an accepted file ---- */

static uint64_t number(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0) {
		v = v << 8 | p[bytes];
	}
	return v;
}

struct reading {
	unsigned segments;
	uint64_t entry;
	bool reloc;
	uint64_t min, max;
};

/* One note segment, up to the first note that it does not hold whole. */
static void read_notes(struct reading *r, const uint8_t *p, uint64_t size, uint64_t align)
{
	uint64_t at = 0, note;

	for (unsigned n = 0; n < 256 && at + 12 <= size; n++, at += note) {
		uint64_t desc = at + ALIGN_UP(12 + number(p + at, 4), align);
		uint64_t length = number(p + at + 4, 4);
		uint64_t type = number(p + at + 8, 4);

		note = ALIGN_UP(desc - at + length, align);
		if (desc + length > size) {
			return;
		}
		if (number(p + at, 4) != 4 || memcmp(p + at + 12, "Xen", 4) != 0) {
			continue;
		}
		if (type == 18) {
			r->entry = number(p + desc, length == 8 ? 8 : 4);
		} else if (type == 19) {
			r->reloc = true;
			r->min = length >= 8 ? number(p + desc + 4, 4) : 0;
			r->max = length >= 12 ? number(p + desc + 8, 4) : UINT32_MAX;
		}
	}
}

static void check_reading(const uint8_t *file, const struct elf_image *e)
{
	bool wide = file[4] == 2;
	unsigned w = wide ? 8 : 4, size = (unsigned)number(file + (wide ? 54 : 42), 2);
	const uint8_t *h = file + number(file + (wide ? 32 : 28), w);
	struct reading r = {.segments = 0};

	for (unsigned n = (unsigned)number(file + (wide ? 56 : 44), 2); n; n--, h += size) {
		const uint8_t *f = h + (wide ? 8 : 4); /* p_offset, p_vaddr, p_paddr, sizes */
		uint64_t offset = number(f, w), filesz = number(f + 3 * w, w);

		if (number(h, 4) == 1 && number(f + 4 * w, w)) {
			const struct elf_segment *s = &e->segment[r.segments++];

			REQUIRE(s->offset == offset && s->filesz == filesz);
			REQUIRE(s->paddr == number(f + 2 * w, w));
			REQUIRE(s->memsz == number(f + 4 * w, w));
		} else if (number(h, 4) == 4) {
			read_notes(&r, file + offset, filesz,
				   number(h + (wide ? 48 : 28), w) == 8 ? 8 : 4);
		}
	}
	REQUIRE(r.segments == e->segment_count && r.entry == e->entry);
	REQUIRE(r.reloc == e->relocatable);
	REQUIRE(!r.reloc || (r.min == e->reloc_min && r.max == e->reloc_max));
}

/* ---- what becomes of it ---- */

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
			REQUIRE(memmap_find(m, gpa(a))->type == MEM_RAM);
			a |= 0xff;
		}
		for (unsigned j = 0; j < i && piece[i].size; j++) {
			REQUIRE(piece[j].size == 0 ||
				piece[i].start + piece[i].size <= piece[j].start ||
				piece[j].start + piece[j].size <= piece[i].start);
		}
	}
}

/* The ranges that nobody may write to: copied before, compared after. */
static void untouched(const struct memmap *m, bool compare)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];
		uint64_t start = r->start.v;

		if (r->type == MEM_RAM || r->type == MEM_ACPI || start >= RAM) {
			continue;
		}
		if (compare) {
			REQUIRE(memcmp(ram + start, copy + start, MIN(r->end.v, RAM) - start) == 0);
		} else {
			memcpy(copy + start, ram + start, MIN(r->end.v, RAM) - start);
		}
	}
}

static bool meet(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* What a segment has in memory and not in the file is not zero by chance. */
static void soil(const struct pvh_plan *p, size_t size)
{
	uint64_t start = p->kernel.v, length = p->kernel_end.v - start;

	if (!meet(start, length, MODULE, size) && !meet(start, length, INITRD, RAM - INITRD)) {
		memset(ram + start, 0xa5, length);
	}
}

static void check_segment(const struct elf_segment *s, const struct pvh_plan *p,
			  const uint8_t *file)
{
	const uint8_t *placed = ram + (s->paddr + (uint64_t)p->delta);
	const uint8_t *bss = placed + s->filesz;
	uint64_t size = s->memsz - s->filesz;

	REQUIRE(memcmp(placed, file + s->offset, s->filesz) == 0);
	REQUIRE(size == 0 || (bss[0] == 0 && memcmp(bss, bss + 1, size - 1) == 0));
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
		REQUIRE(error.what[0] != '\0');
		return 0;
	}
	REQUIRE(image.segment_count && image.low < image.high && image.high <= 4 * GIB);
	check_reading(data, &image);
	if (size > INITRD - MODULE) {
		return 0;
	}
	d = machine(shape);
	memcpy(ram + MODULE, data, size);
	for (unsigned i = 0; i < c.initrd_size; i++) {
		ram[INITRD + i] = (uint8_t)(i * 13);
	}
	REQUIRE(elf_parse(&image, ram + MODULE, size, &error) == 0);
	error.what[0] = '\0';
	if (pvh_plan(&plan, &d->memmap, &image, &c, &error)) {
		REQUIRE(error.what[0] != '\0');
		return 0;
	}
	check_plan(&plan, &d->memmap);
	soil(&plan, size);
	untouched(&d->memmap, false);
	REQUIRE(pvh_place(&plan, &d->memmap, &image, &c, &error) == 0);
	REQUIRE(pvh_write_info(&plan, &d->memmap, &c, plan.acpi, &error) == 0);
	untouched(&d->memmap, true);
	for (unsigned i = 0; i < c.initrd_size; i++) {
		REQUIRE(ram[plan.initrd.v + i] == (uint8_t)(i * 13));
	}
	for (unsigned i = 0; i < image.segment_count; i++) {
		check_segment(&image.segment[i], &plan, data);
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
