// SPDX-License-Identifier: MIT
/*
 * Multiboot2 information (Multiboot2 2.0, 3.6) into struct boot_info.
 *
 * Pure, like multiboot.c: memory is read through a view function, every size
 * is bounded by its tag and every tag by the information. GRUB gives arguments
 * without the file name, for us and for modules, so nothing is stripped.
 *
 * The RSDP comes as a copy inside its tag and is kept as one. Boot services
 * of UEFI must be over: the header does not ask for them, and a loader that
 * leaves them running is refused.
 *
 * Not read: framebuffer, APM, VBE, ELF sections, SMBIOS, network, the EFI
 * system table and image handles, the load base (boot.S knows it itself).
 */
#include <taproot/errno.h>
#include <taproot/string.h>
#include "boot.h"
#include "multiboot2.h"

struct reader {
	boot_view_fn view;
	void *ctx;
	const char **why;
};

/* One tag that lies within the information. */
struct tag {
	uint64_t a;
	uint32_t type;
	uint32_t size; /* with the header */
};

static bool read_bytes(const struct reader *r, uint64_t a, void *out, uint32_t len)
{
	const void *p = r->view(r->ctx, a, len);

	if (!p) {
		return false;
	}
	memcpy(out, p, len);
	return true;
}

static int refused(const struct reader *r, const char *why)
{
	*r->why = why;
	return -EINVAL;
}

/* The string at `offset` in the tag; false when it was cut, by our room or by the tag's end. */
static bool tag_string(const struct reader *r, const struct tag *t, uint32_t offset, char *out,
		       uint32_t room)
{
	uint32_t len = t->size > offset ? t->size - offset : 0;
	uint32_t n = MIN(len, room);
	bool whole = false;

	if (n && !read_bytes(r, t->a + offset, out, n)) {
		n = 0;
	}
	for (uint32_t i = 0; i < n && !whole; i++) {
		whole = out[i] == 0;
	}
	out[MIN(n, room - 1)] = 0;
	return whole;
}

static int take_cmdline(struct boot_info *info, const struct reader *r, const struct tag *t)
{
	if (!tag_string(r, t, MB2_TAG_STRING, info->cmdline, BOOT_CMDLINE_MAX)) {
		info->cmdline_cut = true;
	}
	return 0;
}

static int take_loader(struct boot_info *info, const struct reader *r, const struct tag *t)
{
	(void)tag_string(r, t, MB2_TAG_STRING, info->loader, BOOT_LOADER_MAX);
	return 0;
}

static int take_module(struct boot_info *info, const struct reader *r, const struct tag *t)
{
	struct boot_module *m = &info->module[info->module_count];
	uint32_t range[2];

	if (info->module_count == BOOT_MODULES_MAX) {
		info->modules_ignored++;
		return 0;
	}
	if (t->size < MB2_MODULE_STRING || !read_bytes(r, t->a + MB2_TAG_HEADER, range, 8)) {
		return refused(r, "a module's tag is too short");
	}
	if (range[1] <= range[0]) {
		return refused(r, "a module is empty or ends before it begins");
	}
	m->start = range[0];
	m->size = range[1] - range[0];
	if (!tag_string(r, t, MB2_MODULE_STRING, m->cmdline, BOOT_CMDLINE_MAX)) {
		info->cmdline_cut = true;
	}
	info->module_count++;
	return 0;
}

/* UEFI 2.10 7.2.3: what each type is once boot services are over. */
static uint32_t efi_type(uint32_t type)
{
	if ((type >= EFI_LOADER_CODE && type <= EFI_BOOT_SERVICES_DATA) ||
	    type == EFI_CONVENTIONAL) {
		return E820_RAM;
	}
	switch (type) {
	case EFI_UNUSABLE:
		return E820_UNUSABLE;
	case EFI_ACPI_RECLAIM:
		return E820_ACPI;
	case EFI_ACPI_NVS:
		return E820_NVS;
	default:
		return E820_RESERVED;
	}
}

static void efi_entry(const uint8_t *desc, struct e820_entry *e)
{
	uint64_t pages;
	uint32_t type;

	memcpy(&type, desc + EFI_DESC_TYPE, 4);
	memcpy(&e->start, desc + EFI_DESC_START, 8);
	memcpy(&pages, desc + EFI_DESC_PAGES, 8);
	e->size = pages > UINT64_MAX >> EFI_PAGE_SHIFT ? UINT64_MAX : pages << EFI_PAGE_SHIFT;
	e->type = efi_type(type);
}

/*
 * Neighbours of one type become one entry: UEFI maps have hundreds of them.
 * False: no room.
 */
static bool map_append(struct boot_info *info, const struct e820_entry *e)
{
	struct e820_entry *last = info->map_count ? &info->map[info->map_count - 1] : NULL;

	if (last && last->type == e->type && last->start + last->size == e->start &&
	    e->start + e->size > e->start) {
		last->size += e->size;
		return true;
	}
	if (info->map_count == BOOT_RANGES_MAX) {
		return false;
	}
	info->map[info->map_count++] = *e;
	return true;
}

/* Both memory map tags; later ones of either kind replace nothing. */
static int take_map(struct boot_info *info, const struct reader *r, const struct tag *t)
{
	bool efi = t->type == MB2_TAG_EFI_MMAP;
	uint32_t least = efi ? EFI_DESC_MIN : MB2_MMAP_ENTRY_MIN;
	uint8_t raw[EFI_DESC_MIN];
	uint32_t size;

	if (t->size < MB2_MAP_ENTRIES || !read_bytes(r, t->a + MB2_MAP_ENTRY_SIZE, &size, 4) ||
	    size < least) {
		return refused(r, "the memory map is malformed");
	}
	for (uint32_t at = MB2_MAP_ENTRIES; size <= t->size && at <= t->size - size; at += size) {
		struct e820_entry e;

		if (!read_bytes(r, t->a + at, raw, least)) {
			return refused(r, "the memory map is malformed");
		}
		if (efi) {
			efi_entry(raw, &e);
		} else {
			memcpy(&e, raw, 20);
		}
		e.reserved = 0;
		if (!map_append(info, &e)) {
			return refused(r, "the memory map has too many entries");
		}
	}
	return 0;
}

/* The new RSDP (ACPI 6.5 5.2.5.3) counts more than the old one. */
static int take_rsdp(struct boot_info *info, const struct reader *r, const struct tag *t)
{
	uint32_t len = MIN(t->size - MB2_TAG_HEADER, BOOT_RSDP_MAX);

	if (info->rsdp_len && t->type == MB2_TAG_ACPI_OLD) {
		return 0;
	}
	memset(info->rsdp_copy, 0, sizeof(info->rsdp_copy));
	info->rsdp_len =
		len && read_bytes(r, t->a + MB2_TAG_HEADER, info->rsdp_copy, len) ? len : 0;
	return 0;
}

static int take_tag(struct boot_info *info, const struct reader *r, const struct tag *t)
{
	switch (t->type) {
	case MB2_TAG_CMDLINE:
		return take_cmdline(info, r, t);
	case MB2_TAG_LOADER:
		return take_loader(info, r, t);
	case MB2_TAG_MODULE:
		return take_module(info, r, t);
	case MB2_TAG_ACPI_OLD:
	case MB2_TAG_ACPI_NEW:
		return take_rsdp(info, r, t);
	case MB2_TAG_MMAP:
		return info->map_count ? 0 : take_map(info, r, t);
	case MB2_TAG_EFI_BS:
		return refused(r, "the boot loader left UEFI boot services running");
	default:
		return 0;
	}
}

/* Calls take for every tag before the end tag. */
static int each_tag(struct boot_info *info, const struct reader *r, uint64_t a,
		    int (*take)(struct boot_info *, const struct reader *, const struct tag *))
{
	uint32_t head[2];
	uint64_t end;
	int rc = 0;

	if (a % 8 || !read_bytes(r, a, head, MB2_INFO_HEADER)) {
		return refused(r, "the multiboot2 information lies outside memory or is unaligned");
	}
	if (head[0] < MB2_INFO_HEADER || head[0] > MB2_INFO_MAX) {
		return refused(r, "the multiboot2 information has an absurd size");
	}
	end = a + head[0];
	a += MB2_INFO_HEADER;
	while (rc == 0 && a + MB2_TAG_HEADER <= end) {
		struct tag t = {.a = a};

		if (!read_bytes(r, a, head, MB2_TAG_HEADER) || head[1] < MB2_TAG_HEADER ||
		    head[1] > end - a) {
			return refused(r, "a tag of the multiboot2 information is malformed");
		}
		t.type = head[0];
		t.size = head[1];
		if (t.type == MB2_TAG_END) {
			break;
		}
		rc = take(info, r, &t);
		a += ALIGN_UP((uint64_t)t.size, 8);
	}
	return rc;
}

static int take_efi_map(struct boot_info *info, const struct reader *r, const struct tag *t)
{
	return t->type == MB2_TAG_EFI_MMAP && !info->map_count ? take_map(info, r, t) : 0;
}

int multiboot2_parse(struct boot_info *info, uint64_t a, boot_view_fn view, void *ctx,
		     const char **why)
{
	const struct reader r = {view, ctx, why};
	int rc;

	memset(info, 0, sizeof(*info));
	rc = each_tag(info, &r, a, take_tag);
	/* The loader's own map, when there is one, knows more: badram, what it cut out. */
	if (rc == 0 && !info->map_count) {
		rc = each_tag(info, &r, a, take_efi_map);
	}
	if (rc == 0 && !info->map_count) {
		rc = refused(&r, "the boot loader gave no memory map");
	}
	return rc;
}
