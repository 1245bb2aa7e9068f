# SPDX-License-Identifier: MIT
"""
Where the machine's ACPI tables lie, read from physical memory by the judge
itself: RSDP, RSDT or XSDT, each table, and the FADT's DSDT and FACS
(ACPI 6.5 5.2.5 to 5.2.10).

Not supported: an RSDP outside 0xe0000-0xfffff (UEFI machines, the EBDA).
"""
import struct

PAGE = 4096
# The hypervisor's own, never shown to the hardware domain.
HIDDEN = (b"DMAR", b"IVRS", b"HPET")


def reader(read_page):
	def read(address, size):
		data, base = b"", address & ~(PAGE - 1)
		while base < address + size:
			data += read_page(base)
			base += PAGE
		return data[address & (PAGE - 1):][:size]
	return read


def find_rsdp(read):
	area = read(0xe0000, 0x20000)
	for at in range(0, len(area), 16):
		if (area[at:at + 8] == b"RSD PTR " and
				sum(area[at:at + 20]) & 0xff == 0):
			return area[at:at + 36]
	raise LookupError("no RSDP below 1 MiB")


def table(read, address):
	length = struct.unpack("<I", read(address + 4, 4))[0]
	return read(address, length)


def places(read_page):
	"""(start, end) of each table that the hardware domain may read."""
	read = reader(read_page)
	rsdp = find_rsdp(read)
	root, entry = struct.unpack_from("<I", rsdp, 16)[0], "<I"
	if rsdp[15] >= 2 and struct.unpack_from("<Q", rsdp, 24)[0]:
		root, entry = struct.unpack_from("<Q", rsdp, 24)[0], "<Q"
	listed = [e[0] for e in struct.iter_unpack(entry, table(read, root)[36:])]
	out = []
	for address in listed:
		data = table(read, address)
		if data[:4] == b"FACP":
			facs, dsdt = struct.unpack_from("<II", data, 36)
			out += [(a, a + len(table(read, a)))
				for a in (facs, dsdt) if a]
		if data[:4] not in HIDDEN:
			out.append((address, address + len(data)))
	return out
