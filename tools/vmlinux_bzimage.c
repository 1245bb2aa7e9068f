// SPDX-License-Identifier: MIT
/*
 * taproot-vmlinux: find the compressed kernel inside a bzImage.
 *
 * The setup header is that of the Linux/x86 boot protocol (Linux
 * Documentation/arch/x86/boot.rst); payload_offset and payload_length exist
 * since protocol 2.08 (Linux 2.6.26).
 *
 * Deliberately not supported: searching for a compressor's magic in images that
 * do not name their payload, EFI zboot images, and unified kernel images, for
 * which the message says how to get at the bzImage inside.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmlinux.h"

/* Offsets in the file (boot.rst, "The Real-Mode Kernel Header") */
#define SETUP_SECTS	0x1f1
#define BOOT_FLAG	0x1fe
#define HEADER_MAGIC	0x202
#define PROTOCOL	0x206
#define PAYLOAD_OFFSET	0x248
#define PAYLOAD_LENGTH	0x24c
#define HEADER_END	0x250

#define BOOT_FLAG_VALUE		0xaa55
#define PROTOCOL_MIN		0x0208
#define SETUP_SECTS_DEFAULT	4
#define SECTOR_SIZE		512

int vmlinux_fail(struct vmlinux_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
}

uint16_t vmlinux_le16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t vmlinux_le32(const uint8_t *at)
{
	return vmlinux_le16(at) | (uint32_t)vmlinux_le16(at + 2) << 16;
}

uint64_t vmlinux_le64(const uint8_t *at)
{
	return vmlinux_le32(at) | (uint64_t)vmlinux_le32(at + 4) << 32;
}

static bool starts_with(const struct vmlinux_span *file, const char *magic,
			size_t size)
{
	return file->size >= size && memcmp(file->data, magic, size) == 0;
}

/* The file is no bzImage: say what it seems to be and what to do. */
static int fail_unrecognized(const struct vmlinux_span *file,
			     struct vmlinux_error *error)
{
	if (file->size == 0) {
		return vmlinux_fail(error, "the file is empty");
	}
	if (file->size >= 8 && starts_with(file, "MZ", 2) &&
	    memcmp(file->data + 4, "zimg", 4) == 0) {
		return vmlinux_fail(error,
			"an EFI zboot image, not a bzImage: use the distribution's bzImage or vmlinux");
	}
	if (starts_with(file, "MZ", 2)) {
		return vmlinux_fail(error,
			"an EFI program without a Linux setup header; from a unified kernel image take the bzImage first: objcopy -O binary --only-section=.linux IMAGE BZIMAGE");
	}
	if (starts_with(file, "\x1f\x8b", 2) ||
	    starts_with(file, "\xfd" "7zXZ", 5) ||
	    starts_with(file, "\x28\xb5\x2f\xfd", 4)) {
		return vmlinux_fail(error,
			"a compressed file, not a bzImage: uncompress it first");
	}
	return vmlinux_fail(error,
		"not a bzImage: no HdrS at offset 0x202 (a Debian kernel is /boot/vmlinuz-VERSION)");
}

int vmlinux_find_payload(const struct vmlinux_span *file,
			 struct vmlinux_span *payload,
			 struct vmlinux_error *error)
{
	uint64_t sectors, start, length;
	uint16_t protocol;

	if (file->size < HEADER_MAGIC + 4 ||
	    memcmp(file->data + HEADER_MAGIC, "HdrS", 4) != 0 ||
	    vmlinux_le16(file->data + BOOT_FLAG) != BOOT_FLAG_VALUE) {
		return fail_unrecognized(file, error);
	}
	if (file->size < HEADER_END) {
		return vmlinux_fail(error,
			"the bzImage is truncated: its setup header ends at 0x%x, the file at 0x%zx",
			HEADER_END, file->size);
	}
	protocol = vmlinux_le16(file->data + PROTOCOL);
	if (protocol < PROTOCOL_MIN) {
		return vmlinux_fail(error,
			"boot protocol %u.%02u does not name the payload: a kernel with 2.08 (Linux 2.6.26) or later is needed",
			protocol >> 8, protocol & 0xff);
	}

	sectors = file->data[SETUP_SECTS];
	if (sectors == 0) {
		sectors = SETUP_SECTS_DEFAULT;
	}
	start = (sectors + 1) * SECTOR_SIZE +
		vmlinux_le32(file->data + PAYLOAD_OFFSET);
	length = vmlinux_le32(file->data + PAYLOAD_LENGTH);
	if (length == 0) {
		return vmlinux_fail(error,
			"the bzImage has no payload (payload_length is 0)");
	}
	if (start > file->size || length > file->size - start) {
		return vmlinux_fail(error,
			"the bzImage is truncated or corrupt: its payload is 0x%llx bytes at 0x%llx, the file ends at 0x%zx",
			(unsigned long long)length, (unsigned long long)start,
			file->size);
	}
	payload->data = file->data + start;
	payload->size = (size_t)length;
	return 0;
}
