// SPDX-License-Identifier: MIT
/*
 * Multiboot 1 information (Multiboot 0.6.96, 3.3) into struct boot_info.
 *
 * Pure: memory is read through a view function, so that hostile input can be
 * tried in a program. Every count, pointer and string is bounded; what is
 * broken is either named as the reason for a refusal or left out.
 *
 * Not read: VBE, APM, drives, symbols, the memory sizes without a map.
 */
#include <taproot/errno.h>
#include <taproot/string.h>
#include "boot.h"
#include "multiboot.h"

struct reader {
	boot_view_fn view;
	void *ctx;
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

/* Copies a string; false when it was cut or cannot be read. */
static bool read_string(const struct reader *r, uint64_t a, char *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!read_bytes(r, a + i, &out[i], 1)) {
			out[i] = 0;
			return false;
		}
		if (!out[i]) {
			return true;
		}
	}
	out[size - 1] = 0;
	return false;
}

/* GRUB 2 gives arguments only; GRUB legacy, QEMU and others put the file name before them. */
static bool loader_gives_name(const char *loader)
{
	return strncmp(loader, "GRUB ", 5) != 0 || loader[5] == '0';
}

static void strip_name(char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != ' ') {
		n++;
	}
	while (s[n] == ' ') {
		n++;
	}
	memmove(s, s + n, strlen(s + n) + 1);
}

static void read_cmdline(struct boot_info *info, const struct reader *r, uint32_t a, char *out)
{
	if (!read_string(r, a, out, BOOT_CMDLINE_MAX)) {
		info->cmdline_cut = true;
	}
	if (loader_gives_name(info->loader)) {
		strip_name(out);
	}
}

static int read_modules(struct boot_info *info, const struct reader *r, uint32_t count, uint32_t a,
			const char **why)
{
	for (uint32_t i = 0; i < count && i < BOOT_MODULES_MAX; i++) {
		struct boot_module *m = &info->module[i];
		uint32_t word[4];

		if (!read_bytes(r, (uint64_t)a + i * MBI_MODULE_SIZE, word, sizeof(word))) {
			*why = "the list of modules lies outside memory";
			return -EINVAL;
		}
		if (word[1] <= word[0]) {
			*why = "a module is empty or ends before it begins";
			return -EINVAL;
		}
		m->start = word[0];
		m->size = word[1] - word[0];
		m->cmdline[0] = 0;
		if (word[2]) {
			read_cmdline(info, r, word[2], m->cmdline);
		}
		info->module_count = i + 1;
	}
	info->modules_ignored = count > BOOT_MODULES_MAX ? count - BOOT_MODULES_MAX : 0;
	return 0;
}

static int read_map(struct boot_info *info, const struct reader *r, uint32_t length, uint64_t a,
		    const char **why)
{
	uint64_t end = a + length;

	while (a + 4 + MBI_RANGE_MIN <= end) {
		struct e820_entry *e = &info->map[info->map_count];
		uint32_t size;

		if (info->map_count == BOOT_RANGES_MAX) {
			*why = "the memory map has too many entries";
			return -EINVAL;
		}
		if (!read_bytes(r, a, &size, 4) || size < MBI_RANGE_MIN ||
		    !read_bytes(r, a + 4, e, MBI_RANGE_MIN)) {
			*why = "the memory map is malformed";
			return -EINVAL;
		}
		e->reserved = 0;
		info->map_count++;
		a += (uint64_t)size + 4;
	}
	return 0;
}

int multiboot_parse(struct boot_info *info, uint64_t a, boot_view_fn view, void *ctx,
		    const char **why)
{
	const struct reader r = {view, ctx};
	uint32_t word[MBI_SIZE / 4];
	uint32_t flags;
	int rc;

	memset(info, 0, sizeof(*info));
	if (!read_bytes(&r, a, word, MBI_SIZE)) {
		*why = "the multiboot information lies outside memory";
		return -EINVAL;
	}
	flags = word[MBI_OFF_FLAGS / 4];
	if (flags & MBI_LOADER) {
		(void)read_string(&r, word[MBI_OFF_LOADER / 4], info->loader, BOOT_LOADER_MAX);
	}
	if (flags & MBI_CMDLINE) {
		read_cmdline(info, &r, word[MBI_OFF_CMDLINE / 4], info->cmdline);
	}
	if (!(flags & MBI_MMAP)) {
		*why = "the boot loader gave no memory map";
		return -EINVAL;
	}
	rc = read_map(info, &r, word[MBI_OFF_MMAP_LENGTH / 4], word[MBI_OFF_MMAP_ADDR / 4], why);
	if (rc == 0 && (flags & MBI_MODULES)) {
		rc = read_modules(info, &r, word[MBI_OFF_MODS_COUNT / 4],
				  word[MBI_OFF_MODS_ADDR / 4], why);
	}
	return rc;
}
