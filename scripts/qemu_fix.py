#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Takes one instruction out of the cached copy of QEMU, so that a machine with several
processors survives.

  qemu_fix.py FILE

QEMU (10.0; others too, by their source) has a word for each emulated processor that says
whether it is in a guest, takes interrupts, and uses nested pages. When any processor
loads floating point state (FXRSTOR, XRSTOR), QEMU clears a bit in that word of the first one,
the "ignore numeric error" of MS-DOS times, by an AND that is not atomic. An entry or exit
of the first processor at that moment is undone in part: it goes on in the guest with the
hypervisor's state, takes an interrupt where none can be, or takes none ever after. The
test guest-fpu-restore shows it within milliseconds; with Linux it takes some hundred boots.

The instruction is found by its form, with the call of QEMU's type check before it. The bit is
set by a write to port F0h only, with CR0.NE clear, so nobody misses it.
Prints one word: fixed, or unknown when there is not exactly one such place.
"""
import re
import sys

# call rel32; and dword [reg + disp32], ~0x80; or what is there when that was done before
FORM = re.compile(rb"\xe8....(\x81[\xa0-\xa3\xa5-\xa7]....\x7f\xff\xff\xff)", re.S)
NOP = bytes.fromhex("662e0f1f8400" "f1abf1ab")


def fix(data):
	"""The file without the instruction; None: not exactly one place looks like it."""
	if data.count(NOP) == 1:
		return data
	found = list(FORM.finditer(data))
	if len(found) != 1:
		return None
	at = found[0].start(1)
	return data[:at] + NOP + data[at + len(NOP):]


def main():
	path = sys.argv[1]
	with open(path, "rb") as f:
		data = fix(f.read())
	if data is None:
		print("unknown")
		return
	with open(path, "r+b") as f:
		f.write(data)
	print("fixed")


if __name__ == "__main__":
	main()
