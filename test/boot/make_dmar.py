#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Makes a DMAR for the test machine with reserved memory regions (VT-d 4.1 8.1
to 8.4), to be put in the place of QEMU's by GRUB:

  acpi --exclude=DMAR FILE

  make_dmar.py --out FILE [--region START-END@BUS:DEV.FN]...

START and END are hexadecimal, END included as in the table; several regions
may name one device, and one region may be absurd on purpose. Unit, IO-APIC and
flags are those of QEMU's q35 with intel-iommu.

Not supported: several units, scopes behind bridges, other structures.
"""
import argparse
import re
import struct

UNIT = 0xfed90000
FLAG_INTR_REMAP = 1
SCOPE_ENDPOINT, SCOPE_IOAPIC = 1, 3
IOAPIC_BUS = 0xff	# where QEMU says its IO-APIC is


def scope(kind, number, bus, device, function):
	return struct.pack("<BBHBBBB", kind, 8, 0, number, bus, device,
			   function)


def drhd(ioapic):
	body = struct.pack("<BBHQ", 1, 0, 0, UNIT)
	if ioapic:
		body += scope(SCOPE_IOAPIC, 0, IOAPIC_BUS, 0, 0)
	return struct.pack("<HH", 0, 4 + len(body)) + body


def rmrr(start, end, bus, device, function):
	body = struct.pack("<HHQQ", 0, 0, start, end)
	body += scope(SCOPE_ENDPOINT, 0, bus, device, function)
	return struct.pack("<HH", 1, 4 + len(body)) + body


def table(regions, width=48, ioapic=True):
	body = struct.pack("<BB10s", width - 1, FLAG_INTR_REMAP, bytes(10))
	body += drhd(ioapic) + b"".join(rmrr(*r) for r in regions)
	out = bytearray(struct.pack("<4sIBB6s8sI4sI", b"DMAR", 36 + len(body),
				    1, 0, b"TAPTST", b"RESERVED", 1, b"TAPT",
				    1) + body)
	out[9] = -sum(out) & 0xff
	return bytes(out)


def region(text):
	found = re.fullmatch(r"([0-9a-f]+)-([0-9a-f]+)@([0-9a-f]+):"
			     r"([0-9a-f]+)\.([0-7])", text, re.I)
	if not found:
		raise argparse.ArgumentTypeError("START-END@BUS:DEV.FN wanted")
	return tuple(int(word, 16) for word in found.groups())


def main():
	p = argparse.ArgumentParser(description="Makes a DMAR.")
	p.add_argument("--out", required=True)
	p.add_argument("--region", type=region, action="append", default=[])
	args = p.parse_args()
	with open(args.out, "wb") as f:
		f.write(table(args.region))


if __name__ == "__main__":
	main()
