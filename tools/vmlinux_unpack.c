// SPDX-License-Identifier: MIT
/*
 * taproot-vmlinux: uncompress a bzImage's payload.
 *
 * Formats, by their magic: xz (with its x86 branch filter) and .lzma by
 * liblzma, zstd, gzip by zlib, and the lz4 legacy frame (LZ4 frame format,
 * "Legacy frame") that the kernel's build uses. After the stream the payload
 * carries the uncompressed size in four bytes (Linux scripts/Makefile.lib,
 * size_append), which is checked; gzip has the same number in its own trailer.
 *
 * Deliberately not supported: bzip2 and lzo, which no current distribution
 * uses (named in the message), and the lz4 frame that is not "legacy".
 */
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "vmlinux.h"

#define STEP		((size_t)4 << 20)
#define XZ_MEMORY_MAX	((uint64_t)1 << 30)
#define GZIP_WINDOW	(15 + 16)	/* zlib: largest window, gzip header */
#define LZ4_MAGIC	0x184c2102
#define LZ4_BLOCK	((size_t)8 << 20)
#define SIZE_TRAILER	4

int vmlinux_reserve(struct vmlinux_buffer *buffer, size_t more,
		    struct vmlinux_error *error)
{
	size_t capacity;
	uint8_t *data;

	if (more > VMLINUX_SIZE_MAX - buffer->size) {
		return vmlinux_fail(error,
			"corrupt payload: it grows beyond %zu MiB",
			VMLINUX_SIZE_MAX >> 20);
	}
	if (buffer->size + more <= buffer->capacity) {
		return 0;
	}
	capacity = buffer->capacity * 2;
	if (capacity < buffer->size + more) {
		capacity = buffer->size + more;
	}
	data = realloc(buffer->data, capacity);
	if (!data) {
		return vmlinux_fail(error, "not enough memory: %zu MiB asked",
				    capacity >> 20);
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

static int fail_truncated(const char *name, struct vmlinux_error *error)
{
	return vmlinux_fail(error,
		"truncated payload: the %s stream ends before its end mark",
		name);
}

static int fail_corrupt(const char *name, const char *why, size_t at,
			struct vmlinux_error *error)
{
	return vmlinux_fail(error, "corrupt payload: %s stream, near byte %zu: %s",
			    name, at, why);
}

static const char *lzma_reason(lzma_ret ret)
{
	switch (ret) {
	case LZMA_FORMAT_ERROR:
		return "not the format its first bytes promise";
	case LZMA_OPTIONS_ERROR:
		return "options that this liblzma does not know";
	case LZMA_MEMLIMIT_ERROR:
	case LZMA_MEM_ERROR:
		return "it needs too much memory";
	default:
		return "damaged data";
	}
}

/* Run a liblzma decoder; *rest is what follows the stream. */
static int run_lzma(lzma_stream *stream, const char *name,
		    const struct vmlinux_span *in, struct vmlinux_buffer *out,
		    size_t *rest, struct vmlinux_error *error)
{
	lzma_ret ret;

	stream->next_in = in->data;
	stream->avail_in = in->size;
	do {
		if (vmlinux_reserve(out, STEP, error)) {
			return -1;
		}
		stream->next_out = out->data + out->size;
		stream->avail_out = out->capacity - out->size;
		ret = lzma_code(stream, LZMA_RUN);
		out->size = out->capacity - stream->avail_out;
	} while (ret == LZMA_OK);

	*rest = stream->avail_in;
	if (ret == LZMA_STREAM_END) {
		return 0;
	}
	if (ret == LZMA_BUF_ERROR) {
		return fail_truncated(name, error);
	}
	return fail_corrupt(name, lzma_reason(ret), in->size - *rest, error);
}

static int unpack_xz(const struct vmlinux_span *in, struct vmlinux_buffer *out,
		     size_t *rest, struct vmlinux_error *error)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	int ret;

	if (lzma_stream_decoder(&stream, XZ_MEMORY_MAX, 0) != LZMA_OK) {
		return vmlinux_fail(error, "liblzma does not start");
	}
	ret = run_lzma(&stream, "xz", in, out, rest, error);
	lzma_end(&stream);
	return ret;
}

static int unpack_lzma(const struct vmlinux_span *in,
		       struct vmlinux_buffer *out, size_t *rest,
		       struct vmlinux_error *error)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	int ret;

	if (lzma_alone_decoder(&stream, XZ_MEMORY_MAX) != LZMA_OK) {
		return vmlinux_fail(error, "liblzma does not start");
	}
	ret = run_lzma(&stream, "lzma", in, out, rest, error);
	lzma_end(&stream);
	return ret;
}

static int unpack_gzip(const struct vmlinux_span *in,
		       struct vmlinux_buffer *out, size_t *rest,
		       struct vmlinux_error *error)
{
	z_stream stream = { .next_in = Z_NULL };
	int ret;

	/* The payload's length is a 32-bit number: it fits an uInt */
	stream.avail_in = (uInt)in->size;
	stream.next_in = (z_const Bytef *)(uintptr_t)in->data;
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) {
		return vmlinux_fail(error, "zlib does not start");
	}
	do {
		if (vmlinux_reserve(out, STEP, error)) {
			inflateEnd(&stream);
			return -1;
		}
		stream.next_out = out->data + out->size;
		stream.avail_out = (uInt)(out->capacity - out->size);
		ret = inflate(&stream, Z_NO_FLUSH);
		out->size = out->capacity - stream.avail_out;
	} while (ret == Z_OK);

	*rest = stream.avail_in;
	inflateEnd(&stream);
	if (ret == Z_STREAM_END) {
		return 0;
	}
	if (ret == Z_BUF_ERROR) {
		return fail_truncated("gzip", error);
	}
	return fail_corrupt("gzip", ret == Z_DATA_ERROR ? "damaged data"
							: zError(ret),
			    in->size - *rest, error);
}

static int unpack_zstd(const struct vmlinux_span *in,
		       struct vmlinux_buffer *out, size_t *rest,
		       struct vmlinux_error *error)
{
	ZSTD_inBuffer from = { in->data, in->size, 0 };
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_outBuffer to;
	size_t ret;

	if (!stream) {
		return vmlinux_fail(error, "zstd does not start");
	}
	do {
		if (vmlinux_reserve(out, STEP, error)) {
			ZSTD_freeDStream(stream);
			return -1;
		}
		to = (ZSTD_outBuffer){ out->data, out->capacity, out->size };
		ret = ZSTD_decompressStream(stream, &to, &from);
		out->size = to.pos;
		/* No input left and room in the output: nothing more comes */
	} while (ret && !ZSTD_isError(ret) &&
		 (from.pos < from.size || to.pos == to.size));

	ZSTD_freeDStream(stream);
	*rest = from.size - from.pos;
	if (ZSTD_isError(ret)) {
		return fail_corrupt("zstd", ZSTD_getErrorName(ret), from.pos,
				    error);
	}
	return ret ? fail_truncated("zstd", error) : 0;
}

/* Blocks of {compressed size, data} until the end or the size trailer. */
static int unpack_lz4(const struct vmlinux_span *in,
		      struct vmlinux_buffer *out, size_t *rest,
		      struct vmlinux_error *error)
{
	const uint8_t *at = in->data + 4;
	size_t left = in->size - 4;
	uint32_t size;
	int got;

	while (left > SIZE_TRAILER) {
		size = vmlinux_le32(at);
		at += 4;
		left -= 4;
		if (size == LZ4_MAGIC) {
			continue;
		}
		if (size > left) {
			return fail_truncated("lz4", error);
		}
		if (size > (uint32_t)LZ4_compressBound((int)LZ4_BLOCK)) {
			return fail_corrupt("lz4", "a block of impossible size",
					    in->size - left, error);
		}
		if (vmlinux_reserve(out, LZ4_BLOCK, error)) {
			return -1;
		}
		got = LZ4_decompress_safe((const char *)at,
					  (char *)out->data + out->size,
					  (int)size, (int)LZ4_BLOCK);
		if (got < 0) {
			return fail_corrupt("lz4", "damaged data",
					    in->size - left, error);
		}
		out->size += (size_t)got;
		at += size;
		left -= size;
	}
	*rest = left;
	return 0;
}

struct format {
	const char *name;
	uint8_t magic_size;
	uint8_t magic[6];
	/* NULL: known by name only */
	int (*unpack)(const struct vmlinux_span *in,
		      struct vmlinux_buffer *out, size_t *rest,
		      struct vmlinux_error *error);
};

static const struct format formats[] = {
	{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, unpack_xz },
	{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd }, unpack_zstd },
	{ "gzip", 3, { 0x1f, 0x8b, 8 }, unpack_gzip },
	{ "lz4", 4, { 0x02, 0x21, 0x4c, 0x18 }, unpack_lz4 },
	{ "lzma", 3, { 0x5d, 0, 0 }, unpack_lzma },
	{ "bzip2", 3, { 'B', 'Z', 'h' }, NULL },
	{ "lzo", 4, { 0x89, 'L', 'Z', 'O' }, NULL },
};

static const struct format *find_format(const struct vmlinux_span *in)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (in->size > formats[i].magic_size &&
		    memcmp(in->data, formats[i].magic,
			   formats[i].magic_size) == 0) {
			return &formats[i];
		}
	}
	return NULL;
}

int vmlinux_unpack(const struct vmlinux_span *payload,
		   struct vmlinux_buffer *out, struct vmlinux_error *error)
{
	const struct format *format = find_format(payload);
	size_t rest = 0;
	uint32_t size;

	if (!format) {
		return vmlinux_fail(error,
			"unknown compression: the payload begins with 0x%08x; known are xz, zstd, gzip, lz4 and lzma",
			payload->size < 4 ? 0 : vmlinux_le32(payload->data));
	}
	if (!format->unpack) {
		return vmlinux_fail(error,
			"the payload is compressed by %s, which is not supported: use a kernel compressed by xz, zstd, gzip or lz4",
			format->name);
	}
	if (format->unpack(payload, out, &rest, error)) {
		return -1;
	}
	if (rest == SIZE_TRAILER) {
		size = vmlinux_le32(payload->data + payload->size - 4);
		if (size != out->size) {
			return vmlinux_fail(error,
				"corrupt payload: %zu bytes uncompressed, %u expected",
				out->size, size);
		}
	}
	return 0;
}
