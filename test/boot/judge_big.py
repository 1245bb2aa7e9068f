# SPDX-License-Identifier: MIT
"""
Judges the 8 GiB BAR from outside: what the guest wrote is in the device's
memory.
"""
import re

PLACES = [(0, 0x600d0001), (1 << 32, 0x600d0002),
	  ((1 << 31) + 0x1234560, 0x600d0003), ((1 << 33) - 4, 0x600d0004)]


def during(run):
	bar = re.search(r"L: bar \S+ (0x[0-9a-f]+) ", run.text())
	if not bar:
		yield "the guest did not say where the BAR is"
		return
	for offset, want in PLACES:
		address = int(bar.group(1), 16) + offset
		page = run.read_page(address & ~0xfff)
		at = address & 0xfff
		got = int.from_bytes(page[at:at + 4], "little")
		if got != want:
			yield "at %#x is %#x, not %#x" % (address, got, want)
