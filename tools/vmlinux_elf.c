// SPDX-License-Identifier: MIT
/*
 * taproot-vmlinux: check an ELF kernel and find its PVH entry.
 *
 * ELF64 (System V ABI, "ELF-64 Object File Format"): header, program headers,
 * and notes in PT_NOTE segments or SHT_NOTE sections. The PVH entry is the Xen
 * note XEN_ELFNOTE_PHYS32_ENTRY, type 18 (Xen ABI elfnote.h).
 *
 * Deliberately not supported: ELF32 and big-endian files, and extended
 * program header counts (PN_XNUM), which no kernel has.
 */
#include <elf.h>
#include <string.h>

#include "vmlinux.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

/* Alignment of a note's name and descriptor in kernels, whatever p_align is. */
#define NOTE_ALIGN 4

bool vmlinux_is_elf(const struct vmlinux_span *file)
{
	return file->size >= SELFMAG &&
	       memcmp(file->data, ELFMAG, SELFMAG) == 0;
}

/* Are size bytes at offset inside the file? */
static bool inside(const struct vmlinux_span *file, uint64_t offset,
		   uint64_t size)
{
	return offset <= file->size && size <= file->size - offset;
}

static int check_header(const struct vmlinux_span *file, Elf64_Ehdr *header,
			struct vmlinux_error *error)
{
	if (!vmlinux_is_elf(file)) {
		return vmlinux_fail(error,
			"what the payload holds is not an ELF file");
	}
	if (file->size < sizeof(*header)) {
		return vmlinux_fail(error, "the ELF is truncated: %zu bytes",
				    file->size);
	}
	memcpy(header, file->data, sizeof(*header));
	if (header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64) {
		return vmlinux_fail(error,
			"the ELF is not for x86-64 (class %u, machine %u): use a 64-bit kernel",
			header->e_ident[EI_CLASS], header->e_machine);
	}
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
		return vmlinux_fail(error,
			"the ELF is not executable (type %u)", header->e_type);
	}
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum ||
	    !inside(file, header->e_phoff,
		    (uint64_t)header->e_phnum * sizeof(Elf64_Phdr))) {
		return vmlinux_fail(error,
			"the ELF is truncated or corrupt: its %u program headers are not inside its %zu bytes",
			header->e_phnum, file->size);
	}
	return 0;
}

static uint64_t align_note(uint64_t size)
{
	return (size + NOTE_ALIGN - 1) & ~(uint64_t)(NOTE_ALIGN - 1);
}

/* Look for the PVH note among the notes at [at, at + size). */
static void scan_notes(const uint8_t *at, uint64_t size,
		       struct vmlinux_elf *elf)
{
	uint64_t name_size, desc_size, total;
	const uint8_t *desc;
	Elf64_Nhdr note;

	while (size >= sizeof(note)) {
		memcpy(&note, at, sizeof(note));
		name_size = align_note(note.n_namesz);
		desc_size = align_note(note.n_descsz);
		total = sizeof(note) + name_size + desc_size;
		if (sizeof(note) + name_size + note.n_descsz > size) {
			return;
		}
		desc = at + sizeof(note) + name_size;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY &&
		    note.n_namesz == 4 &&
		    memcmp(at + sizeof(note), "Xen", 4) == 0 &&
		    note.n_descsz >= 4) {
			elf->has_pvh = true;
			elf->pvh_entry = note.n_descsz >= 8
						 ? vmlinux_le64(desc)
						 : vmlinux_le32(desc);
			return;
		}
		if (total >= size) {
			return;
		}
		at += total;
		size -= total;
	}
}

static void note_load(const Elf64_Phdr *segment, struct vmlinux_elf *elf)
{
	uint64_t end = segment->p_paddr + segment->p_memsz;

	if (elf->load_end == 0 || segment->p_paddr < elf->load_start) {
		elf->load_start = segment->p_paddr;
	}
	if (end > elf->load_end) {
		elf->load_end = end;
	}
}

static int read_segments(const struct vmlinux_span *file,
			 const Elf64_Ehdr *header, struct vmlinux_elf *elf,
			 struct vmlinux_error *error)
{
	Elf64_Phdr segment;
	unsigned int i;

	for (i = 0; i < header->e_phnum; i++) {
		memcpy(&segment,
		       file->data + header->e_phoff + i * sizeof(segment),
		       sizeof(segment));
		if (segment.p_type != PT_LOAD && segment.p_type != PT_NOTE) {
			continue;
		}
		if (!inside(file, segment.p_offset, segment.p_filesz)) {
			return vmlinux_fail(error,
				"the ELF is truncated or corrupt: segment %u is 0x%llx bytes at 0x%llx, the file ends at 0x%zx",
				i, (unsigned long long)segment.p_filesz,
				(unsigned long long)segment.p_offset,
				file->size);
		}
		if (segment.p_type == PT_NOTE) {
			scan_notes(file->data + segment.p_offset,
				   segment.p_filesz, elf);
			continue;
		}
		if (segment.p_memsz < segment.p_filesz ||
		    segment.p_paddr + segment.p_memsz < segment.p_paddr) {
			return vmlinux_fail(error,
				"the ELF is corrupt: segment %u has 0x%llx bytes in the file and 0x%llx in memory",
				i, (unsigned long long)segment.p_filesz,
				(unsigned long long)segment.p_memsz);
		}
		note_load(&segment, elf);
	}
	if (elf->load_end == 0) {
		return vmlinux_fail(error,
			"the ELF has nothing to load (no PT_LOAD segment)");
	}
	return 0;
}

/* Notes that only the section headers name; damaged headers are no notes. */
static void read_sections(const struct vmlinux_span *file,
			  const Elf64_Ehdr *header, struct vmlinux_elf *elf)
{
	Elf64_Shdr section;
	unsigned int i;

	if (header->e_shentsize != sizeof(section) ||
	    !inside(file, header->e_shoff,
		    (uint64_t)header->e_shnum * sizeof(section))) {
		return;
	}
	for (i = 0; i < header->e_shnum && !elf->has_pvh; i++) {
		memcpy(&section,
		       file->data + header->e_shoff + i * sizeof(section),
		       sizeof(section));
		if (section.sh_type == SHT_NOTE &&
		    inside(file, section.sh_offset, section.sh_size)) {
			scan_notes(file->data + section.sh_offset,
				   section.sh_size, elf);
		}
	}
}

int vmlinux_read_elf(const struct vmlinux_span *file, struct vmlinux_elf *elf,
		     struct vmlinux_error *error)
{
	Elf64_Ehdr header;

	memset(elf, 0, sizeof(*elf));
	if (check_header(file, &header, error) ||
	    read_segments(file, &header, elf, error)) {
		return -1;
	}
	if (!elf->has_pvh) {
		read_sections(file, &header, elf);
	}
	if (elf->has_pvh && (elf->pvh_entry < elf->load_start ||
			     elf->pvh_entry >= elf->load_end)) {
		return vmlinux_fail(error,
			"the ELF is corrupt: PVH entry 0x%llx is outside the loaded 0x%llx-0x%llx",
			(unsigned long long)elf->pvh_entry,
			(unsigned long long)elf->load_start,
			(unsigned long long)elf->load_end);
	}
	return 0;
}
