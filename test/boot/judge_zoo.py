# SPDX-License-Identifier: MIT
"""
Judges that the hardware domain sees the configuration space that bare Linux
sees on the same machine, byte for byte (`L: cfg`, scenario zoo), but for the
bits below. They are of register kinds, none of a particular device:

  status         bits that tell what happened (RW1C) differ from run to run
  MSI            address and data: vectors are the kernel's choice, and bare
                 Linux remaps its interrupts where the domain cannot

A mask's bits are not compared.
"""
import re

HEADER = {0x04: 0xffff0000}  # Status (PCI 3.0 6.2.3)
BRIDGE = {0x1c: 0xffff0000}  # Secondary Status (Bridge 1.2 3.2.5.7)
PM = {0x04: 0x00008000}  # PME Status (PM 1.2 3.2.4)
# Device, Link, Slot Status; Root Status (PCIe 6.0 7.5.3)
EXPRESS = {0x08: 0xffff0000, 0x10: 0xffff0000, 0x18: 0xffff0000,
	   0x20: 0xffffffff, 0x30: 0xffff0000}
# Uncorrectable, Correctable Error Status, header log, Root Error Status, source
AER = {0x04: 0xffffffff, 0x10: 0xffffffff, 0x1c: 0xffffffff,
       0x20: 0xffffffff, 0x24: 0xffffffff, 0x28: 0xffffffff,
       0x30: 0xffffffff, 0x34: 0xffffffff}


def read(text):
	"""Per function its dwords that are not 0."""
	found = {}
	for line in re.findall(r"L: cfg (\S+ .*)", text):
		words = line.split()
		found[words[0]] = {int(a, 16): int(v, 16) for a, v in
				   (w.split(":") for w in words[1:])}
	return found


def put(masks, offset, table):
	for at, bits in table.items():
		masks[offset + at] = masks.get(offset + at, 0) | bits


def masks_of(config):
	masks = {}
	put(masks, 0, HEADER)
	if config.get(0x0c, 0) >> 16 & 0x7f == 1:
		put(masks, 0, BRIDGE)
	at, left = config.get(0x34, 0) & 0xfc, 48
	while at and left:
		head = config.get(at, 0)
		kind, left = head & 0xff, left - 1
		if kind == 0x01:
			put(masks, at, PM)
		elif kind == 0x10:
			put(masks, at, EXPRESS)
		elif kind == 0x05:
			wide = head >> 16 & 0x80
			put(masks, at, {4: 0xffffffff, 8: 0xffffffff})
			if wide:
				put(masks, at, {12: 0xffffffff})
		at = head >> 8 & 0xfc
	at, left = 0x100, 480
	while at and left:
		head = config.get(at, 0)
		left -= 1
		if head & 0xffff == 0x0001:
			put(masks, at, AER)
		at = head >> 20 & 0xffc
	return masks


def after(run):
	ours, bare = read(run.text()), read(run.baseline())
	if not bare or set(ours) != set(bare):
		yield "functions: %s; bare %s" % (sorted(ours), sorted(bare))
		return
	for name, config in sorted(bare.items()):
		masks = masks_of(config)
		for at in sorted(set(config) | set(ours[name])):
			a, b = ours[name].get(at, 0), config.get(at, 0)
			if (a ^ b) & ~masks.get(at, 0):
				yield "%s register %#x: %08x, bare %08x" % (
					name, at, a, b)
