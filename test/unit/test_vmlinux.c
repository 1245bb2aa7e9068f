// SPDX-License-Identifier: MIT
/*
 * Tests of taproot-vmlinux's parts: bzImages made on the spot for each
 * compressor, with and without PVH notes, then truncated and damaged in many
 * places. What is damaged must be refused or at least never read out of bounds
 * (the tests run under ASan and UBSan). The command line is tested by
 * test_vmlinux_cli.sh.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "../../tools/vmlinux.h"

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SECTOR 512
#define SETUP_SECTS 3
#define PAYLOAD_OFFSET 0x123
#define PAYLOAD_START ((SETUP_SECTS + 1) * SECTOR + PAYLOAD_OFFSET)

#define ELF_SIZE 300000
#define NOTE_OFFSET 0x200
#define NOTE_SIZE 44
#define LOAD_ADDRESS 0x1000000
#define PVH_ENTRY (LOAD_ADDRESS + 0x850)

static uint8_t elf_image[ELF_SIZE];
static uint8_t packed[2 * ELF_SIZE];
static uint8_t bzimage[PAYLOAD_START + 2 * ELF_SIZE];

static uint32_t random_state = 12345;

static uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static Elf64_Ehdr *elf_header(void)
{
	return (Elf64_Ehdr *)elf_image;
}

static Elf64_Phdr *elf_segments(void)
{
	return (Elf64_Phdr *)(elf_image + sizeof(Elf64_Ehdr));
}

/* Two notes: one that is not ours, then PHYS32_ENTRY with 8 bytes. */
static void write_notes(uint8_t *at)
{
	static const uint32_t other[] = { 4, 2, 6, 0x006e6558, 0x00000041 };
	static const uint32_t pvh[] = { 4, 8, 18, 0x006e6558, PVH_ENTRY, 0 };

	memcpy(at, other, sizeof(other));
	memcpy(at + sizeof(other), pvh, sizeof(pvh));
	assert_int_equal(sizeof(other) + sizeof(pvh), NOTE_SIZE);
}

/* A kernel-like ELF with call instructions, so that a BCJ filter has work. */
static int make_elf(void **state)
{
	Elf64_Ehdr *header = elf_header();
	Elf64_Phdr *segment = elf_segments();
	size_t i;

	(void)state;
	memset(elf_image, 0, sizeof(elf_image));
	for (i = 0x1000; i + 5 < sizeof(elf_image); i += 5 + random32() % 20) {
		elf_image[i] = 0xe8;
		elf_image[i + 1] = (uint8_t)random32();
		elf_image[i + 2] = (uint8_t)random32();
	}
	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_type = ET_EXEC;
	header->e_machine = EM_X86_64;
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(*segment);
	header->e_phnum = 2;
	segment[0].p_type = PT_LOAD;
	segment[0].p_offset = 0x1000;
	segment[0].p_paddr = LOAD_ADDRESS;
	segment[0].p_filesz = ELF_SIZE - 0x1000;
	segment[0].p_memsz = ELF_SIZE;
	segment[1].p_type = PT_NOTE;
	segment[1].p_offset = NOTE_OFFSET;
	segment[1].p_filesz = NOTE_SIZE;
	write_notes(elf_image + NOTE_OFFSET);
	return 0;
}

static size_t pack_xz(void)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ LZMA_FILTER_X86, NULL },
		{ LZMA_FILTER_LZMA2, &options },
		{ LZMA_VLI_UNKNOWN, NULL },
	};
	size_t size = 0;

	assert_false(lzma_lzma_preset(&options, 6));
	assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32,
				NULL, elf_image, ELF_SIZE, packed, &size,
				sizeof(packed)), LZMA_OK);
	return size;
}

static size_t pack_lzma(void)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_options_lzma options;
	size_t size;

	assert_false(lzma_lzma_preset(&options, 6));
	assert_int_equal(lzma_alone_encoder(&stream, &options), LZMA_OK);
	stream.next_in = elf_image;
	stream.avail_in = ELF_SIZE;
	stream.next_out = packed;
	stream.avail_out = sizeof(packed);
	assert_int_equal(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
	size = sizeof(packed) - stream.avail_out;
	lzma_end(&stream);
	return size;
}

static size_t pack_zstd(void)
{
	size_t size = ZSTD_compress(packed, sizeof(packed), elf_image,
				    ELF_SIZE, 19);

	assert_false(ZSTD_isError(size));
	return size;
}

/* gzip's own trailer is the size: the kernel's build appends none. */
static size_t pack_gzip(void)
{
	z_stream stream = { .next_in = elf_image, .avail_in = ELF_SIZE };
	size_t size;

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8,
				      Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_out = packed;
	stream.avail_out = sizeof(packed);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	size = sizeof(packed) - stream.avail_out;
	deflateEnd(&stream);
	return size;
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* Two blocks, as if the block size were smaller than the file. */
static size_t pack_lz4(void)
{
	size_t at = 4, half = ELF_SIZE / 2, i;
	int got;

	put32(packed, 0x184c2102);
	for (i = 0; i < 2; i++) {
		got = LZ4_compress_default((const char *)elf_image + i * half,
					   (char *)packed + at + 4, (int)half,
					   (int)(sizeof(packed) - at - 4));
		assert_true(got > 0);
		put32(packed + at, (uint32_t)got);
		at += 4 + (size_t)got;
	}
	return at;
}

struct packer {
	const char *name;
	size_t (*pack)(void);
	bool checked;		/* the format carries a checksum */
	bool trailer;		/* the kernel's build appends the size */
};

static const struct packer packers[] = {
	{ "xz", pack_xz, true, true },
	{ "zstd", pack_zstd, false, true },
	{ "gzip", pack_gzip, true, false },
	{ "lz4", pack_lz4, false, true },
	{ "lzma", pack_lzma, false, true },
};

static size_t append_size(size_t size)
{
	put32(packed + size, ELF_SIZE);
	return size + 4;
}

/* Put packed[] into a bzImage; returns the file's span. */
static struct vmlinux_span make_bzimage(size_t size)
{
	memset(bzimage, 0, PAYLOAD_START);
	bzimage[0x1f1] = SETUP_SECTS;
	bzimage[0x1fe] = 0x55;
	bzimage[0x1ff] = 0xaa;
	memcpy(bzimage + 0x202, "HdrS", 4);
	bzimage[0x206] = 0x0f;
	bzimage[0x207] = 0x02;
	put32(bzimage + 0x248, PAYLOAD_OFFSET);
	put32(bzimage + 0x24c, (uint32_t)size);
	memcpy(bzimage + PAYLOAD_START, packed, size);
	return (struct vmlinux_span){ bzimage, PAYLOAD_START + size };
}

/* The whole way; 0 and the kernel in *out, or -1 and a message. */
static int extract(struct vmlinux_span file, struct vmlinux_buffer *out,
		   struct vmlinux_elf *elf, struct vmlinux_error *error)
{
	struct vmlinux_span payload, kernel;

	memset(out, 0, sizeof(*out));
	if (vmlinux_find_payload(&file, &payload, error) ||
	    vmlinux_unpack(&payload, out, error)) {
		return -1;
	}
	kernel = (struct vmlinux_span){ out->data, out->size };
	return vmlinux_read_elf(&kernel, elf, error);
}

static void expect_refusal(struct vmlinux_span file, const char *reason)
{
	struct vmlinux_error error = { "" };
	struct vmlinux_buffer out;
	struct vmlinux_elf elf;

	assert_int_equal(extract(file, &out, &elf, &error), -1);
	free(out.data);
	if (!strstr(error.text, reason)) {
		fail_msg("expected \"%s\", got \"%s\"", reason, error.text);
	}
}

static void expect_kernel(struct vmlinux_span file, const char *name)
{
	struct vmlinux_error error = { "" };
	struct vmlinux_buffer out;
	struct vmlinux_elf elf;

	if (extract(file, &out, &elf, &error)) {
		fail_msg("%s: %s", name, error.text);
	}
	assert_int_equal(out.size, ELF_SIZE);
	assert_memory_equal(out.data, elf_image, ELF_SIZE);
	assert_true(elf.has_pvh);
	assert_int_equal(elf.pvh_entry, PVH_ENTRY);
	assert_int_equal(elf.load_start, LOAD_ADDRESS);
	assert_int_equal(elf.load_end, LOAD_ADDRESS + ELF_SIZE);
	free(out.data);
}

static void each_compressor_round_trips(void **state)
{
	size_t i, size;

	(void)state;
	for (i = 0; i < ARRAY_COUNT(packers); i++) {
		size = packers[i].pack();
		expect_kernel(make_bzimage(size), packers[i].name);
		if (packers[i].trailer) {
			size = append_size(size);
			expect_kernel(make_bzimage(size), packers[i].name);
		}
	}
}

static void wrong_size_trailer_is_refused(void **state)
{
	size_t i, size;

	(void)state;
	for (i = 0; i < ARRAY_COUNT(packers); i++) {
		if (packers[i].trailer) {
			size = append_size(packers[i].pack());
			packed[size - 4] ^= 1;
			expect_refusal(make_bzimage(size), "expected");
		}
	}
}

/* The file ends early, and the same with a payload_length that admits it. */
static void truncation_is_refused(void **state)
{
	struct vmlinux_span file;
	size_t i, size, cut;

	(void)state;
	for (i = 0; i < ARRAY_COUNT(packers); i++) {
		size = packers[i].pack();
		file = make_bzimage(size);
		for (cut = 1; cut < size; cut += 1 + size / 20) {
			file.size = PAYLOAD_START + size - cut;
			put32(bzimage + 0x24c, (uint32_t)size);
			expect_refusal(file, "truncated");
			put32(bzimage + 0x24c, (uint32_t)(size - cut));
			expect_refusal(file, "");
		}
	}
}

static void damage_is_harmless(void **state)
{
	struct vmlinux_error error;
	struct vmlinux_buffer out;
	struct vmlinux_span file;
	struct vmlinux_elf elf;
	size_t i, j, size, at;

	(void)state;
	for (i = 0; i < ARRAY_COUNT(packers); i++) {
		size = append_size(packers[i].pack());
		for (j = 0; j < 100; j++) {
			file = make_bzimage(size);
			/* Every third in the first bytes, where sizes are */
			at = random32() % (j % 3 ? size - 16 : 32);
			bzimage[PAYLOAD_START + at] ^=
				(uint8_t)(1 + random32() % 255);
			if (!extract(file, &out, &elf, &error) &&
			    packers[i].checked && packers[i].trailer) {
				assert_memory_equal(out.data, elf_image,
						    ELF_SIZE);
			}
			free(out.data);
		}
	}
}

static void header_errors_are_named(void **state)
{
	size_t size = append_size(pack_xz());
	struct vmlinux_span file = make_bzimage(size);

	(void)state;
	expect_refusal((struct vmlinux_span){ bzimage, 0 }, "empty");
	expect_refusal((struct vmlinux_span){ bzimage, 0x100 }, "not a bzImage");
	expect_refusal((struct vmlinux_span){ bzimage, 0x24f }, "truncated");
	expect_refusal((struct vmlinux_span){ packed, size }, "uncompress it");
	bzimage[0x206] = 7;
	expect_refusal(file, "boot protocol 2.07");
	file = make_bzimage(size);
	bzimage[0x1fe] = 0;
	expect_refusal(file, "not a bzImage");
	memcpy(bzimage, "MZ", 2);
	expect_refusal(file, "unified kernel image");
	memcpy(bzimage + 4, "zimg", 4);
	expect_refusal(file, "zboot");
	file = make_bzimage(size);
	put32(bzimage + 0x24c, 0);
	expect_refusal(file, "payload_length is 0");
	put32(bzimage + 0x24c, (uint32_t)size + 1);
	expect_refusal(file, "truncated or corrupt");
	put32(bzimage + 0x24c, UINT32_MAX);
	put32(bzimage + 0x248, UINT32_MAX);
	expect_refusal(file, "truncated or corrupt");
	/* setup_sects 0 means 4: the payload is then one sector further */
	file = make_bzimage(size);
	bzimage[0x1f1] = 0;
	put32(bzimage + 0x248, PAYLOAD_OFFSET - SECTOR);
	expect_refusal(file, "truncated or corrupt");
}

static void other_compressors_are_named(void **state)
{
	(void)state;
	memset(packed, 0, 64);
	memcpy(packed, "BZh9", 4);
	expect_refusal(make_bzimage(64), "bzip2");
	memcpy(packed, "\x89LZO", 4);
	expect_refusal(make_bzimage(64), "lzo");
	memcpy(packed, "ABCD", 4);
	expect_refusal(make_bzimage(64), "0x44434241");
	expect_refusal(make_bzimage(1), "unknown compression");
}

static void size_has_a_limit(void **state)
{
	struct vmlinux_buffer buffer = { NULL, VMLINUX_SIZE_MAX, 0 };
	struct vmlinux_error error;

	(void)state;
	assert_int_equal(vmlinux_reserve(&buffer, 1, &error), -1);
	buffer.size = 0;
	assert_int_equal(vmlinux_reserve(&buffer, SIZE_MAX, &error), -1);
	assert_int_equal(vmlinux_reserve(&buffer, 1, &error), 0);
	free(buffer.data);
}

/* Read the ELF as it stands in elf_image. */
static int read_elf(struct vmlinux_elf *elf, struct vmlinux_error *error)
{
	struct vmlinux_span file = { elf_image, ELF_SIZE };

	return vmlinux_read_elf(&file, elf, error);
}

static void expect_elf_refusal(const char *reason)
{
	struct vmlinux_error error = { "" };
	struct vmlinux_elf elf;

	assert_int_equal(read_elf(&elf, &error), -1);
	if (!strstr(error.text, reason)) {
		fail_msg("expected \"%s\", got \"%s\"", reason, error.text);
	}
	make_elf(NULL);
}

static void elf_errors_are_named(void **state)
{
	(void)state;
	elf_image[0] = 0;
	expect_elf_refusal("not an ELF");
	elf_header()->e_ident[EI_CLASS] = ELFCLASS32;
	expect_elf_refusal("not for x86-64");
	elf_header()->e_machine = EM_AARCH64;
	expect_elf_refusal("not for x86-64");
	elf_header()->e_type = ET_REL;
	expect_elf_refusal("not executable");
	elf_header()->e_phoff = UINT64_MAX - 8;
	expect_elf_refusal("program headers");
	elf_header()->e_phnum = 0xffff;
	expect_elf_refusal("program headers");
	elf_segments()[0].p_offset = UINT64_MAX;
	expect_elf_refusal("segment 0");
	elf_segments()[0].p_filesz = ELF_SIZE;
	expect_elf_refusal("segment 0");
	elf_segments()[0].p_memsz = 1;
	expect_elf_refusal("segment 0");
	elf_segments()[0].p_paddr = UINT64_MAX;
	expect_elf_refusal("segment 0");
	elf_segments()[0].p_type = PT_NULL;
	expect_elf_refusal("nothing to load");
	put32(elf_image + NOTE_OFFSET + 36, 0x10);
	expect_elf_refusal("PVH entry 0x10");
}

static void pvh_note_is_found_or_not(void **state)
{
	struct vmlinux_error error;
	struct vmlinux_elf elf;
	Elf64_Shdr section = { .sh_type = SHT_NOTE, .sh_offset = NOTE_OFFSET,
			       .sh_size = NOTE_SIZE };

	(void)state;
	/* A 4-byte descriptor, as 32-bit assembly writes it */
	put32(elf_image + NOTE_OFFSET + 24, 4);
	assert_int_equal(read_elf(&elf, &error), 0);
	assert_true(elf.has_pvh);
	assert_int_equal(elf.pvh_entry, PVH_ENTRY);
	/* Another type, another owner, a note cut off: no PVH */
	put32(elf_image + NOTE_OFFSET + 28, 17);
	assert_int_equal(read_elf(&elf, &error), 0);
	assert_false(elf.has_pvh);
	make_elf(NULL);
	elf_image[NOTE_OFFSET + 32] = 'Y';
	assert_int_equal(read_elf(&elf, &error), 0);
	assert_false(elf.has_pvh);
	make_elf(NULL);
	elf_segments()[1].p_filesz = NOTE_SIZE - 4;
	assert_int_equal(read_elf(&elf, &error), 0);
	assert_false(elf.has_pvh);
	/* No PT_NOTE, but a note section */
	make_elf(NULL);
	elf_segments()[1].p_type = PT_NULL;
	assert_int_equal(read_elf(&elf, &error), 0);
	assert_false(elf.has_pvh);
	memcpy(elf_image + 0x300, &section, sizeof(section));
	elf_header()->e_shoff = 0x300;
	elf_header()->e_shentsize = sizeof(section);
	elf_header()->e_shnum = 1;
	assert_int_equal(read_elf(&elf, &error), 0);
	assert_true(elf.has_pvh);
	elf_header()->e_shoff = UINT64_MAX;
	assert_int_equal(read_elf(&elf, &error), 0);
	assert_false(elf.has_pvh);
}

/* Random bytes in headers and notes, and files of every small size. */
static void damaged_elf_is_harmless(void **state)
{
	struct vmlinux_error error;
	struct vmlinux_elf elf;
	struct vmlinux_span file;
	uint8_t saved[0x300], *exact;
	unsigned int i, j, at;

	(void)state;
	memcpy(saved, elf_image, sizeof(saved));
	for (i = 0; i < 50000; i++) {
		for (j = 0; j <= i % 3; j++) {
			at = i & 1 ? NOTE_OFFSET + random32() % NOTE_SIZE
				   : random32() % 176;
			elf_image[at] = (uint8_t)random32();
		}
		(void)read_elf(&elf, &error);
		memcpy(elf_image, saved, sizeof(saved));
	}
	for (i = 0; i < sizeof(saved); i++) {
		exact = malloc(i ? i : 1);
		assert_non_null(exact);
		memcpy(exact, elf_image, i);
		file = (struct vmlinux_span){ exact, i };
		assert_int_equal(vmlinux_read_elf(&file, &elf, &error), -1);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_compressor_round_trips, make_elf),
		cmocka_unit_test_setup(wrong_size_trailer_is_refused, make_elf),
		cmocka_unit_test_setup(truncation_is_refused, make_elf),
		cmocka_unit_test_setup(damage_is_harmless, make_elf),
		cmocka_unit_test_setup(header_errors_are_named, make_elf),
		cmocka_unit_test_setup(other_compressors_are_named, make_elf),
		cmocka_unit_test(size_has_a_limit),
		cmocka_unit_test_setup(elf_errors_are_named, make_elf),
		cmocka_unit_test_setup(pvh_note_is_found_or_not, make_elf),
		cmocka_unit_test_setup(damaged_elf_is_harmless, make_elf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
