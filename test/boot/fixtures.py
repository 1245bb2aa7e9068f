# SPDX-License-Identifier: MIT
"""
Files made on the spot: modules that the hypervisor must refuse (each function
returns the list of (file, arguments) that stands in for kernel and initramfs),
images of the hypervisor, and files for GRUB to read: [(name on the CD, path)].

Not supported: modules of other formats than those the refusals name.
"""
import re
import struct
import subprocess

import machine
import make_dmar

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
MOVED_TO = 0x2345000


def folder():
	path = machine.BUILD / "fixtures"
	path.mkdir(parents=True, exist_ok=True)
	return path


def image():
	return machine.image()


def image_moved():
	"""
	The image, asking to be loaded at MOVED_TO or above: the least address in
	the relocatable tag of its multiboot2 header (Multiboot2 2.0 3.1).
	"""
	data = bytearray(machine.image().read_bytes())
	header = struct.pack("<II", 0xe85250d6, 0)
	tag = data.index(struct.pack("<HHI", 10, 0, 24), data.index(header))
	struct.pack_into("<I", data, tag + 8, MOVED_TO)
	path = folder() / "image-moved.elf"
	path.write_bytes(data)
	return path


def dmar(*regions, ioapic=True):
	path = folder() / ("dmar-%08x.aml" % (hash((regions, ioapic)) & 0xffffffff))
	path.write_bytes(make_dmar.table(regions, ioapic=ioapic))
	return [("/boot/dmar.aml", path)]


def dmar_edu():
	"""
	A region for edu (0:3.0), and some for nvme (0:1.0) that no firmware should
	ask for: not aligned, backwards, over the interrupt addresses, beyond
	everything, all of memory.
	"""
	return dmar((0x60000000, 0x6000ffff, 0, 3, 0),
		    (0x61000800, 0x61001fff, 0, 1, 0),
		    (0x62000000, 0x61ffffff, 0, 1, 0),
		    (0xfee00000, 0xfee00fff, 0, 1, 0),
		    (0x7fffffff0000, 0x7fffffffffff, 0, 1, 0),
		    (0, 0x1ffffffff, 0, 1, 0),
		    (0x60000000, 0x7fefffff, 0, 1, 0))


def dmar_other():
	return dmar((0x60000000, 0x6000ffff, 0, 1, 0))


def dmar_registers():
	"""Regions over the IO-APIC, the HPET, the unit itself and config space."""
	return dmar((0xfec00000, 0xfec00fff, 0, 1, 0),
		    (0xfecff000, 0xfed00fff, 0, 1, 0),
		    (0xfed90000, 0xfed90fff, 0, 1, 0),
		    (0xb0000000, 0xb0000fff, 0, 1, 0))


def dmar_no_ioapic():
	return dmar(ioapic=False)


def acpi_table():
	"""A table that no firmware has, for GRUB's acpi command (ACPI 6.5 5.2.6)."""
	data = bytearray(b"TAPT" + struct.pack("<IBB6s8sI4sI4s", 40, 1, 0, b"TAPROT",
					       b"TAPROOT ", 1, b"TAPR", 1, b"test"))
	data[9] = -sum(data) & 0xff
	path = folder() / "tapt.aml"
	path.write_bytes(data)
	return [("/boot/tapt.aml", path)]


def symbol(match):
	out = subprocess.run(["nm", machine.BUILD / "taproot.elf64"], check=True,
			     capture_output=True, text=True).stdout
	return re.search(r"^(\w+) . %s$" % match[1], out, re.M)[1]


def guest(name, args):
	"""A test kernel; @NAME in its arguments is an address in the hypervisor."""
	args = re.sub(r"@(\w+)", symbol, args)
	return [(machine.BUILD / "guests" / (name + ".elf"), args)]


def no_modules():
	return []


def bzimage():
	return [(machine.bzimage(), ""), (machine.initramfs(), "")]


def not_elf():
	path = folder() / "not-elf"
	path.write_bytes(b"This is neither ELF nor a kernel.\n" * 400)
	return [(path, ""), (machine.initramfs(), "")]


def elf_without_note():
	"""An x86-64 executable with one segment at 16 MiB and no note."""
	code = b"\xf4\xeb\xfd" + bytes(4093)
	offset, address = 4096, 16 << 20
	ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
	header = EHDR.pack(ident, 2, 62, 1, address, EHDR.size, 0, 0,
			   EHDR.size, PHDR.size, 1, 0, 0, 0)
	segment = PHDR.pack(1, 5, offset, address, address, len(code),
			    len(code), 4096)
	path = folder() / "elf-without-note"
	path.write_bytes((header + segment).ljust(offset, b"\0") + code)
	return [(path, ""), (machine.initramfs(), "")]


def small_initramfs():
	"""The initramfs without modules and tables: hashed twice in emulation, size is time."""
	tree = machine.initramfs().with_suffix("")
	names = [p.relative_to(tree) for p in sorted(tree.rglob("*"))
		 if not {"modules", "share"} & set(p.relative_to(tree).parts)]
	return subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
			      input="\n".join(map(str, names)).encode(),
			      cwd=tree, stdout=subprocess.PIPE, check=True).stdout


def kexec_disk(path):
	"""Behind the disk's own part: sizes, a kernel and its initramfs, in blocks."""
	block = 4096
	pieces = [machine.bzimage().read_bytes(), small_initramfs()]
	with open(path, "r+b") as f:
		f.seek(machine.DISK_SIZE)
		f.write(b"%-64s" % (b"%d %d\n" % tuple(len(p) for p in pieces)))
		f.truncate(machine.DISK_SIZE + block)
		f.seek(0, 2)
		for piece in pieces:
			f.write(piece + bytes(-len(piece) % block))
