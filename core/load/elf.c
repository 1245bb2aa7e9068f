/* SPDX-License-Identifier: MIT */
/*
 * A reader for x86 ELF kernels, 64-bit and 32-bit (System V gABI chapters 4
 * and 5), and for the notes that make one bootable by PVH (Xen ABI elfnote.h:
 * 18 XEN_ELFNOTE_PHYS32_ENTRY, 19 XEN_ELFNOTE_PHYS32_RELOC).
 *
 * The file is not trusted: every offset and size is checked against the file
 * before it is used, fields are read byte by byte, and nothing is written.
 * Segments go by physical address (p_paddr), as the PVH entry runs unpaged.
 *
 * Deliberately not supported: section headers, symbols, dynamic relocations,
 * compressed kernels (a hosted tool extracts those).
 */
#include <taproot/errno.h>
#include <taproot/fmt.h>
#include <taproot/pvh.h>
#include <taproot/string.h>

#define PT_LOAD       1u
#define PT_NOTE       4u
#define EM_386        3u
#define EM_X86_64     62u
#define HEADERS_MAX   64u
#define NOTES_MAX     256u
#define NOTE_ENTRY    18u
#define NOTE_RELOC    19u
#define LIMIT_4G      (4 * GIB)
#define DEFAULT_ALIGN (2 * MIB)

#define REFUSE(err, ...) (fmt_snprintf((err)->what, sizeof((err)->what), __VA_ARGS__), -ENOEXEC)

/* The file and the width of its fields. */
struct reader {
	const uint8_t *data;
	uint64_t size;
	bool wide; /* ELF64 */
	uint64_t load_align; /* largest p_align of a segment to load */
	struct load_error *err;
};

/* One program header (gABI 5). */
struct header {
	uint32_t type;
	uint64_t offset, paddr, filesz, memsz, align;
};

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++) {
		value |= (uint64_t)p[i] << (8 * i);
	}
	return value;
}

static bool inside(uint64_t offset, uint64_t len, uint64_t size)
{
	return offset <= size && len <= size - offset;
}

/* Name what the file is, when it is not what we want. */
static int refuse_format(const struct reader *r)
{
	const uint8_t *d = r->data;

	/* Linux Documentation/arch/x86/boot.rst: boot_flag and header. */
	if (r->size >= 0x206 && d[0x1fe] == 0x55 && d[0x1ff] == 0xaa &&
	    memcmp(d + 0x202, "HdrS", 4) == 0) {
		return REFUSE(r->err, "it is a bzImage, an ELF kernel is needed: extract it with "
				      "taproot-vmlinux BZIMAGE OUT");
	}
	if (r->size < 4) {
		return REFUSE(r->err, "the file has only %lu bytes, an ELF kernel is needed",
			      r->size);
	}
	return REFUSE(r->err,
		      "not an ELF file (it begins with %02x %02x %02x %02x): give a vmlinux, or one "
		      "extracted from a bzImage with taproot-vmlinux",
		      d[0], d[1], d[2], d[3]);
}

static int check_ident(struct reader *r)
{
	const uint8_t *d = r->data;
	unsigned machine;

	if (r->size < 4 || memcmp(d, "\177ELF", 4)) {
		return refuse_format(r);
	}
	if (r->size < 52 || (d[4] == 2 && r->size < 64)) {
		return REFUSE(r->err, "the ELF header is cut off after %lu bytes", r->size);
	}
	machine = (unsigned)get(d + 18, 2);
	if (d[4] < 1 || d[4] > 2 || d[5] != 1 || (machine != EM_386 && machine != EM_X86_64)) {
		return REFUSE(r->err, "the ELF file is not for x86 (class %u, data %u, machine %u)",
			      d[4], d[5], machine);
	}
	if (get(d + 16, 2) != 2 && get(d + 16, 2) != 3) {
		return REFUSE(r->err, "ELF type %lu is no executable: give the linked vmlinux",
			      get(d + 16, 2));
	}
	r->wide = d[4] == 2;
	return 0;
}

static struct header read_header(const struct reader *r, uint64_t offset)
{
	const uint8_t *p = r->data + offset;

	if (r->wide) {
		return (struct header){
			.type = (uint32_t)get(p, 4),
			.offset = get(p + 8, 8),
			.paddr = get(p + 24, 8),
			.filesz = get(p + 32, 8),
			.memsz = get(p + 40, 8),
			.align = get(p + 48, 8),
		};
	}
	return (struct header){
		.type = (uint32_t)get(p, 4),
		.offset = get(p + 4, 4),
		.paddr = get(p + 12, 4),
		.filesz = get(p + 16, 4),
		.memsz = get(p + 20, 4),
		.align = get(p + 28, 4),
	};
}

static int add_segment(struct reader *r, struct elf_image *e, const struct header *h, unsigned n)
{
	if (h->memsz == 0) {
		return 0;
	}
	if (h->filesz > h->memsz || !inside(h->offset, h->filesz, r->size)) {
		return REFUSE(r->err, "segment %u: bytes %#lx+%#lx are not in the file of %#lx: "
				      "is it cut off?", n, h->offset, h->filesz, r->size);
	}
	if (!inside(h->paddr, h->memsz, LIMIT_4G)) {
		return REFUSE(r->err, "segment %u: %#lx+%#lx is not below 4 GiB", n, h->paddr,
			      h->memsz);
	}
	if (e->segment_count == ELF_SEGMENTS_MAX) {
		return REFUSE(r->err, "more than %u segments to load", ELF_SEGMENTS_MAX);
	}
	for (unsigned i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segment[i];

		if (h->paddr < s->paddr + s->memsz && s->paddr < h->paddr + h->memsz) {
			return REFUSE(r->err, "segment %u at %#lx overlaps the one at %#lx", n,
				      h->paddr, s->paddr);
		}
	}
	e->segment[e->segment_count++] =
		(struct elf_segment){h->paddr, h->memsz, h->offset, h->filesz};
	e->low = MIN(e->low, h->paddr);
	e->high = MAX(e->high, h->paddr + h->memsz);
	r->load_align = MAX(r->load_align, h->align);
	return 0;
}

static int take_note(struct reader *r, struct elf_image *e, uint64_t type, const uint8_t *desc,
		     uint64_t size)
{
	if (type == NOTE_ENTRY) {
		uint64_t entry = size == 4 || size == 8 ? get(desc, (unsigned)size) : UINT64_MAX;

		if (entry >= LIMIT_4G) {
			return REFUSE(r->err, "the PVH note (Xen, 18) has %lu bytes and no 32-bit "
					      "address", size);
		}
		e->entry = (uint32_t)entry;
	} else if (type == NOTE_RELOC) {
		e->relocatable = true;
		e->reloc_align = size >= 4 ? get(desc, 4) : 0;
		e->reloc_min = size >= 8 ? get(desc + 4, 4) : 0;
		e->reloc_max = size >= 12 ? get(desc + 8, 4) : LIMIT_4G - 1;
	}
	return 0;
}

/* Walk one PT_NOTE segment: name size, description size, type, name, description (gABI 5). */
static int read_notes(struct reader *r, struct elf_image *e, const struct header *h, bool *found)
{
	uint64_t align = h->align == 8 ? 8 : 4;
	uint64_t at = 0;

	if (!inside(h->offset, h->filesz, r->size)) {
		return REFUSE(r->err, "the notes at %#lx+%#lx are not in the file of %#lx: is it "
				      "cut off?", h->offset, h->filesz, r->size);
	}
	for (unsigned n = 0; n < NOTES_MAX && inside(at, 12, h->filesz); n++) {
		const uint8_t *p = r->data + h->offset + at;
		uint64_t name_size = get(p, 4);
		uint64_t desc_size = get(p + 4, 4);
		uint64_t type = get(p + 8, 4);
		uint64_t desc = ALIGN_UP(12 + name_size, align);
		int rc = 0;

		if (!inside(at, desc, h->filesz) || !inside(at + desc, desc_size, h->filesz)) {
			break;
		}
		if (name_size == 4 && memcmp(p + 12, "Xen", 4) == 0) {
			rc = take_note(r, e, type, p + desc, desc_size);
			*found |= type == NOTE_ENTRY;
		}
		if (rc) {
			return rc;
		}
		at += ALIGN_UP(desc + desc_size, align);
	}
	return 0;
}

static int read_headers(struct reader *r, struct elf_image *e, bool *found)
{
	const uint8_t *d = r->data;
	uint64_t offset = r->wide ? get(d + 32, 8) : get(d + 28, 4);
	uint64_t entry_size = get(d + (r->wide ? 54 : 42), 2);
	uint64_t count = get(d + (r->wide ? 56 : 44), 2);

	if (entry_size < (r->wide ? 56 : 32) || count > HEADERS_MAX ||
	    !inside(offset, count * entry_size, r->size)) {
		return REFUSE(r->err, "%lu program headers of %lu bytes at %#lx are not in the file "
				      "of %#lx: is it cut off?", count, entry_size, offset, r->size);
	}
	for (unsigned i = 0; i < count; i++) {
		struct header h = read_header(r, offset + i * entry_size);
		int rc = 0;

		if (h.type == PT_LOAD) {
			rc = add_segment(r, e, &h, i);
		} else if (h.type == PT_NOTE) {
			rc = read_notes(r, e, &h, found);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* What the whole must satisfy, and the defaults of the relocation note (Xen ABI elfnote.h). */
static int check_image(const struct reader *r, struct elf_image *e, bool found)
{
	if (e->segment_count == 0) {
		return REFUSE(r->err, "the ELF file has nothing to load");
	}
	if (!found) {
		return REFUSE(r->err, "the kernel has no PVH entry (ELF note Xen, 18): build it with "
				      "CONFIG_PVH or CONFIG_XEN_PVH");
	}
	if (e->relocatable && e->reloc_align == 0) {
		e->reloc_align = r->load_align >= PAGE_SIZE ? r->load_align : DEFAULT_ALIGN;
	}
	if (e->relocatable && (e->reloc_align < PAGE_SIZE || e->reloc_align > GIB ||
			       (e->reloc_align & (e->reloc_align - 1)))) {
		return REFUSE(r->err, "the relocation note (Xen, 19) asks for an alignment of %#lx",
			      e->reloc_align);
	}
	for (unsigned i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segment[i];

		if (e->entry - s->paddr < s->memsz) {
			return 0;
		}
	}
	return REFUSE(r->err, "the PVH entry %#x lies in no segment", e->entry);
}

int elf_parse(struct elf_image *e, const void *data, uint64_t size, struct load_error *err)
{
	struct reader r = {.data = data, .size = size, .err = err};
	bool found = false;
	int rc;

	memset(e, 0, sizeof(*e));
	e->data = data;
	e->size = size;
	e->low = UINT64_MAX;
	rc = check_ident(&r);
	if (rc == 0) {
		rc = read_headers(&r, e, &found);
	}
	if (rc == 0) {
		rc = check_image(&r, e, found);
	}
	return rc;
}
