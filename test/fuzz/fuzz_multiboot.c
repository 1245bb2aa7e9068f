/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what a boot loader says, and what we do with it: information of
 * Multiboot 0.6.96 (3.3) and Multiboot2 2.0 (3.6), the memory map, the places
 * of our area and of the modules.
 *
 * Input: eight bytes of choices, then physical memory from MEMORY on, with the
 * information at its beginning; everything else is unreadable. Checked: the
 * modules, command lines and (version 1) map entries are what a second reading
 * finds, the sanitized map has for each page the type that a model finds, a
 * place is the highest that is free, and no move of a module destroys anything.
 */
#include <string.h>

#include <taproot/types.h>

#include "boot.h"
#include "multiboot.h"
#include "multiboot2.h"
#include "require.h"

#define MEMORY    0x1000u
#define CHOICES   8u
#define TYPE_NONE 0u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

static const uint8_t *memory;
static size_t memory_size;
static struct boot_info info;

static const void *view(void *ctx, uint64_t a, uint32_t len)
{
	(void)ctx;
	if (a < MEMORY || a - MEMORY > memory_size || len > memory_size - (a - MEMORY)) {
		return NULL;
	}
	return memory + (a - MEMORY);
}

static uint32_t word_at(uint64_t a)
{
	const void *p = view(NULL, a, 4);
	uint32_t v = 0;

	if (p) {
		memcpy(&v, p, 4);
	}
	return v;
}

/* ---- version 1 ---- */

/* The string as it lies there, cut to `room`; false when that cut it. */
static bool raw_string(uint64_t a, char *out, size_t room)
{
	size_t n = 0;

	while (n < room - 1 && view(NULL, a + n, 1) && *(const char *)view(NULL, a + n, 1)) {
		out[n] = *(const char *)view(NULL, a + n, 1);
		n++;
	}
	out[n] = 0;
	return view(NULL, a + n, 1) && *(const char *)view(NULL, a + n, 1) == 0;
}

/* The command line at `a` without the file name, unless the loader leaves that out. */
static bool check_cmdline(uint64_t a, const char *got)
{
	static char raw[BOOT_CMDLINE_MAX];
	bool whole = raw_string(a, raw, sizeof(raw));
	const char *want = raw;

	if (memcmp(info.loader, "GRUB ", 5) != 0 || info.loader[5] == '0') {
		want += strcspn(want, " ");
		want += strspn(want, " ");
	}
	REQUIRE(strcmp(want, got) == 0);
	return whole;
}

static void check_map1(uint64_t a, uint32_t length)
{
	uint64_t end = a + length;

	for (unsigned i = 0; i < info.map_count; i++) {
		const struct e820_entry *e = &info.map[i];

		REQUIRE(a + 4 + MBI_RANGE_MIN <= end);
		REQUIRE(word_at(a) >= MBI_RANGE_MIN);
		REQUIRE(e->start == (word_at(a + 4) | (uint64_t)word_at(a + 8) << 32));
		REQUIRE(e->size == (word_at(a + 12) | (uint64_t)word_at(a + 16) << 32));
		REQUIRE(e->type == word_at(a + 20) && e->reserved == 0);
		a += 4ull + word_at(a);
	}
	REQUIRE(a + 4 + MBI_RANGE_MIN > end);
}

static void check_modules1(uint64_t a, uint32_t count, bool *whole)
{
	REQUIRE(info.module_count == MIN(count, (uint32_t)BOOT_MODULES_MAX));
	REQUIRE(info.module_count + info.modules_ignored == count);
	for (unsigned i = 0; i < info.module_count; i++) {
		const struct boot_module *m = &info.module[i];
		uint64_t at = a + i * MBI_MODULE_SIZE;

		REQUIRE(view(NULL, at, MBI_MODULE_SIZE) != NULL);
		REQUIRE(m->start == word_at(at) && m->start + m->size == word_at(at + 4));
		REQUIRE(m->size > 0 && m->size <= 0xffffffffu);
		if (word_at(at + 8)) {
			*whole = check_cmdline(word_at(at + 8), m->cmdline) && *whole;
		} else {
			REQUIRE(m->cmdline[0] == 0);
		}
	}
}

static void check_parse1(void)
{
	uint32_t flags = word_at(MEMORY);
	char loader[BOOT_LOADER_MAX] = "";
	bool whole = true;

	REQUIRE(flags & MBI_MMAP);
	if (flags & MBI_LOADER) {
		(void)raw_string(word_at(MEMORY + MBI_OFF_LOADER), loader, sizeof(loader));
	}
	REQUIRE(strcmp(loader, info.loader) == 0);
	if (flags & MBI_CMDLINE) {
		whole = check_cmdline(word_at(MEMORY + MBI_OFF_CMDLINE), info.cmdline);
	}
	check_map1(word_at(MEMORY + MBI_OFF_MMAP_ADDR), word_at(MEMORY + MBI_OFF_MMAP_LENGTH));
	if (flags & MBI_MODULES) {
		check_modules1(word_at(MEMORY + MBI_OFF_MODS_ADDR),
			       word_at(MEMORY + MBI_OFF_MODS_COUNT), &whole);
	} else {
		REQUIRE(info.module_count == 0 && info.modules_ignored == 0);
	}
	REQUIRE(info.cmdline_cut == !whole);
}

/* ---- version 2 ---- */

static void check_string2(uint64_t a, uint32_t len, const char *got, size_t room)
{
	size_t n = 0;

	/* A tag that sticks out of memory has no string. */
	if (!view(NULL, a, (uint32_t)MIN((size_t)len, room))) {
		REQUIRE(got[0] == 0);
		return;
	}
	while (n < room - 1 && n < len && *(const char *)view(NULL, a + n, 1)) {
		REQUIRE(got[n] == *(const char *)view(NULL, a + n, 1));
		n++;
	}
	REQUIRE(got[n] == 0);
}

static void check_parse2(void)
{
	uint32_t total = word_at(MEMORY), type = 1, size, cmdline = 0;
	unsigned modules = 0;

	REQUIRE(info.map_count > 0 && info.rsdp_len <= BOOT_RSDP_MAX);
	for (uint32_t at = 8; type && at + 8 <= total; at += ALIGN_UP(size, 8u)) {
		const struct boot_module *m = &info.module[MIN(modules, BOOT_MODULES_MAX - 1u)];
		uint64_t a = MEMORY + at;

		type = word_at(a);
		size = word_at(a + 4);
		REQUIRE(size >= 8 && size <= total - at);
		if (type == MB2_TAG_CMDLINE) {
			cmdline = at;
		}
		if (type == MB2_TAG_MODULE && modules++ < BOOT_MODULES_MAX) {
			REQUIRE(m->start == word_at(a + 8));
			REQUIRE(m->size && m->start + m->size == word_at(a + 12));
			check_string2(a + 16, size - 16, m->cmdline, BOOT_CMDLINE_MAX);
		}
	}
	REQUIRE(info.module_count + info.modules_ignored == modules);
	REQUIRE(info.module_count == MIN(modules, (unsigned)BOOT_MODULES_MAX));
	if (cmdline) {
		check_string2(MEMORY + cmdline + 8, word_at(MEMORY + cmdline + 4) - 8, info.cmdline,
			      BOOT_CMDLINE_MAX);
	}
}

/* ---- the sanitized map ---- */

static uint32_t known_type(uint32_t type)
{
	return type >= E820_RAM && type <= E820_UNUSABLE ? type : E820_RESERVED;
}

/* The type of page number `page`: what is not RAM wins, and grows to whole pages. */
static uint32_t model_type(const struct e820_entry *raw, unsigned count, uint64_t page)
{
	static const uint8_t order[] = {TYPE_NONE, E820_RAM, E820_RESERVED,
					E820_ACPI, E820_NVS, E820_UNUSABLE};
	unsigned best = 0;

	for (unsigned i = 0; i < count; i++) {
		bool ram = raw[i].type == E820_RAM;
		uint64_t end = raw[i].start + raw[i].size;
		uint64_t first = raw[i].start / PAGE_SIZE, last;
		unsigned rank = 0;

		end = end < raw[i].start ? UINT64_MAX : end;
		last = end / PAGE_SIZE;
		if (ram) {
			first += raw[i].start % PAGE_SIZE != 0;
		} else {
			last += end % PAGE_SIZE != 0;
		}
		while (order[rank] != known_type(raw[i].type)) {
			rank++;
		}
		if (page >= first && page < last && rank > best) {
			best = rank;
		}
	}
	/* The last page of all has no end that can be written down. */
	return page >= UINT64_MAX / PAGE_SIZE ? TYPE_NONE : order[best];
}

static uint32_t map_type(uint64_t page)
{
	for (unsigned i = 0; i < info.map_count; i++) {
		if (page >= info.map[i].start / PAGE_SIZE &&
		    page < (info.map[i].start + info.map[i].size) / PAGE_SIZE) {
			return info.map[i].type;
		}
	}
	return TYPE_NONE;
}

static void check_page(const struct e820_entry *raw, unsigned count, uint64_t a)
{
	uint64_t page = a / PAGE_SIZE;

	for (uint64_t p = page ? page - 1 : 0; p <= page + 1; p++) {
		REQUIRE(map_type(p) == model_type(raw, count, p));
	}
}

static void check_sanitized(const struct e820_entry *raw, unsigned count)
{
	uint64_t ram = 0;

	for (unsigned i = 0; i < info.map_count; i++) {
		const struct e820_entry *e = &info.map[i];

		REQUIRE(e->size && e->start + e->size > e->start);
		REQUIRE(e->start % PAGE_SIZE == 0 && e->size % PAGE_SIZE == 0);
		REQUIRE(i == 0 || e[-1].start + e[-1].size <= e->start);
		REQUIRE(i == 0 || e[-1].type != e->type || e[-1].start + e[-1].size < e->start);
		ram += e->type == E820_RAM ? e->size : 0;
	}
	REQUIRE(ram == bootmap_ram(info.map, info.map_count));
	for (unsigned i = 0; i < count; i++) {
		check_page(raw, count, raw[i].start);
		check_page(raw, count, raw[i].start + raw[i].size);
	}
}

/* ---- places ---- */

static bool apart(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a + a_size <= b || b + b_size <= a;
}

/* Is [start, start + size) RAM and not busy? Each page asked alone would take too long. */
static bool is_free(uint64_t start, uint64_t size, const struct boot_range *busy, unsigned count)
{
	bool ram = false;

	for (unsigned i = 0; i < info.map_count; i++) {
		const struct e820_entry *e = &info.map[i];

		ram = ram || (e->type == E820_RAM && start >= e->start &&
			      start + size <= e->start + e->size && start + size >= start);
	}
	for (unsigned i = 0; ram && i < count; i++) {
		ram = busy[i].size == 0 || apart(start, size, busy[i].start, busy[i].size);
	}
	return ram;
}

/* The highest place is below the limit, the end of a range, or the start of a busy one. */
static void check_place(uint64_t size, uint64_t align, uint64_t limit,
			const struct boot_range *busy, unsigned count)
{
	uint64_t got, best = UINT64_MAX;
	int rc = bootmap_place(info.map, info.map_count, size, align, limit, busy, count, &got);

	for (unsigned i = 0; i < info.map_count + count + 1; i++) {
		uint64_t top = i == 0                ? limit
			       : i <= info.map_count ? info.map[i - 1].start + info.map[i - 1].size
						     : busy[i - 1 - info.map_count].start;
		uint64_t s = ALIGN_DOWN(top - size, align);

		if (top >= size && top <= limit && is_free(s, size, busy, count) &&
		    (best == UINT64_MAX || s > best)) {
			best = s;
		}
	}
	REQUIRE((rc == 0) == (best != UINT64_MAX));
	REQUIRE(rc != 0 || got == best);
}

/* No move may write over anything that is still needed: play them one by one. */
static void check_moves(struct boot_range image)
{
	struct boot_move moves[BOOT_MODULES_MAX];
	struct boot_range now[3 + BOOT_MODULES_MAX] = {
		{0, MIB}, image, {info.area_start, info.area_size}};
	unsigned count, moved = 0;

	for (unsigned i = 0; i < info.module_count; i++) {
		now[3 + i] = (struct boot_range){info.module[i].start, info.module[i].size};
	}
	if (bootmap_plan_modules(&info, image, moves, &count) < 0) {
		return;
	}
	REQUIRE(count == info.module_count);
	for (unsigned i = 0; i < count; i++) {
		unsigned m = moves[i].module;

		REQUIRE(m < count && !(moved & 1u << m));
		moved |= 1u << m;
		REQUIRE(moves[i].from == info.module[m].start &&
			moves[i].size == info.module[m].size);
		REQUIRE(moves[i].to % PAGE_SIZE == 0 && moves[i].to + moves[i].size <= 4 * GIB);
		now[3 + m].size = 0;
		REQUIRE(is_free(moves[i].to, ALIGN_UP(moves[i].size, PAGE_SIZE), now,
				ARRAY_SIZE(now)));
		now[3 + m] = (struct boot_range){moves[i].to, moves[i].size};
	}
}

/* As relocate.c does it; a loader that put modules over us is refused there. */
static void run_places(const uint8_t *choice)
{
	struct boot_range image = {(1 + choice[1]) * MIB, (1 + choice[2] % 8) * 256 * 1024ull};
	const struct boot_range busy[] = {image, {0, MIB}};
	uint64_t limit = choice[3] & 1 ? 4 * GIB : (uint64_t)(1 + choice[3]) * 32 * MIB;

	check_place((1 + choice[4]) * 64ull * 1024, choice[5] & 1 ? 2 * MIB : PAGE_SIZE, limit,
		    busy, ARRAY_SIZE(busy));
	info.area_size = (1 + choice[5] % 16) * 2 * MIB;
	if (bootmap_place(info.map, info.map_count, info.area_size, 2 * MIB, 4 * GIB, busy,
			  ARRAY_SIZE(busy), &info.area_start) < 0) {
		return;
	}
	for (unsigned i = 0; i < info.module_count; i++) {
		const struct boot_module *m = &info.module[i];
		bool ram = is_free(m->start, m->size, NULL, 0);

		REQUIRE(bootmap_is_ram(info.map, info.map_count, m->start, m->size) == ram);
		if (!ram || !apart(m->start, m->size, image.start, image.size)) {
			return;
		}
	}
	check_moves(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct e820_entry raw[BOOT_RANGES_MAX];
	const char *why = NULL;
	unsigned count;
	int rc;

	if (size < CHOICES) {
		return 0;
	}
	memory = data + CHOICES;
	memory_size = size - CHOICES;
	rc = data[0] & 1 ? multiboot2_parse(&info, MEMORY, view, NULL, &why)
			 : multiboot_parse(&info, MEMORY, view, NULL, &why);
	REQUIRE(info.module_count <= BOOT_MODULES_MAX && info.map_count <= BOOT_RANGES_MAX);
	if (rc != 0) {
		REQUIRE(why != NULL);
		return 0;
	}
	if (data[0] & 1) {
		check_parse2();
	} else {
		check_parse1();
	}
	count = info.map_count;
	memcpy(raw, info.map, sizeof(raw));
	rc = bootmap_sanitize(info.map, count, BOOT_RANGES_MAX);
	if (rc < 0) {
		REQUIRE(count > BOOT_RANGES_MAX / 4);
		return 0;
	}
	info.map_count = (unsigned)rc;
	check_sanitized(raw, count);
	run_places(data);
	return 0;
}

/* ---- seeds: a machine with two modules, told both ways ---- */

static const struct {
	uint64_t start, size;
	uint32_t type;
} ranges[] = {
	{0, 0x9fc00, E820_RAM},           {0x9fc00, 0x400, E820_RESERVED},
	{0x100000, 0x7fee0000, E820_RAM}, {0x20000000, 0x3000, E820_NVS},
	{0x7ffe0000, 0x20000, E820_ACPI}, {0x100000000, 0x80000000, E820_RAM},
};

static void put32(uint8_t *buf, size_t at, uint32_t v)
{
	memcpy(buf + at, &v, 4);
}

static size_t put_range(uint8_t *buf, size_t at, unsigned i)
{
	memcpy(buf + at, &ranges[i].start, 8);
	memcpy(buf + at + 8, &ranges[i].size, 8);
	put32(buf, at + 16, ranges[i].type);
	return at + 20;
}

static size_t seed1(uint8_t *buf, const char *loader)
{
	uint8_t *m = buf + CHOICES;
	size_t at = 256;

	put32(m, 0, MBI_CMDLINE | MBI_MODULES | MBI_MMAP | MBI_LOADER);
	put32(m, MBI_OFF_CMDLINE, MEMORY + 80);
	memcpy(m + 80, "taproot console=com1", 21);
	put32(m, MBI_OFF_LOADER, MEMORY + 112);
	memcpy(m + 112, loader, strlen(loader) + 1);
	put32(m, MBI_OFF_MODS_COUNT, 2);
	put32(m, MBI_OFF_MODS_ADDR, MEMORY + 160);
	for (uint32_t i = 0; i < 2; i++) {
		put32(m, 160 + i * 16, 0x400000 + i * 0x800000);
		put32(m, 164 + i * 16, 0x900001 + i * 0x800000);
		put32(m, 168 + i * 16, MEMORY + 200);
	}
	memcpy(m + 200, "kernel root=a quiet", 20);
	put32(m, MBI_OFF_MMAP_ADDR, MEMORY + 256);
	put32(m, MBI_OFF_MMAP_LENGTH, ARRAY_SIZE(ranges) * 24);
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		put32(m, at, 20);
		at = put_range(m, at + 4, i);
	}
	return CHOICES + at;
}

static size_t tag(uint8_t *m, size_t at, uint32_t type, uint32_t size)
{
	put32(m, at, type);
	put32(m, at + 4, size);
	return at + ALIGN_UP(size, 8u);
}

static size_t seed2(uint8_t *buf)
{
	uint8_t *m = buf + CHOICES;
	size_t at = 8, next;

	buf[0] = 1;
	memcpy(m + at + 8, "console=com1", 13);
	at = tag(m, at, MB2_TAG_CMDLINE, 21);
	for (uint32_t i = 0; i < 2; i++) {
		put32(m, at + 8, 0x400000 + i * 0x800000);
		put32(m, at + 12, 0x900001 + i * 0x800000);
		memcpy(m + at + 16, "root=a", 7);
		at = tag(m, at, MB2_TAG_MODULE, 23);
	}
	next = tag(m, at, MB2_TAG_MMAP, 16 + ARRAY_SIZE(ranges) * 24);
	put32(m, at + 8, 24);
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		(void)put_range(m, at + 16 + i * 24, i);
	}
	at = tag(m, next, MB2_TAG_END, 8);
	put32(m, 0, (uint32_t)at);
	return CHOICES + at;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	if (index > 2 || size < 4096) {
		return 0;
	}
	memset(buf, 0, 4096);
	memcpy(buf + 1, "\x00\x03\x01\x08\x03", 5);
	return index == 0 ? seed1(buf, "GRUB 2.06") : index == 1 ? seed1(buf, "qemu") : seed2(buf);
}
