# SPDX-License-Identifier: MIT
"""
What reaches the devices of a machine: QEMU's trace of configuration and MSI-X
writes, in order, and between them the console's lines, by which a judge knows
when each write was. The trace is condensed to

  console TEXT                      a line that the serial port sent
  config 00:03.0 004/2 103          function, register/bytes, value
  msix fe704000/4 fee01004          address/bytes, value

QEMU's event of a configuration write has no length: that is taken from the
access to the port or window before it, and both have to agree. Where no
function answers there is an access without an event; it counts as well.

Not supported: further segments; reads; the second serial port.
"""
import re

EVENTS = ("memory_region_ops_write", "pci_cfg_write")
WRITE = re.compile(r"memory_region_ops_write cpu -?\d+ mr \S+ addr 0x([0-9a-f]+) "
		   r"value 0x([0-9a-f]+) size (\d+) name '([^']+)'")
EVENT = re.compile(r"pci_cfg_write \S+ ([0-9a-f]+):([0-9a-f]+)\.(\d) "
		   r"@0x([0-9a-f]+) <- 0x([0-9a-f]+)")
CONSOLE = 0x3f8


def arguments(path):
	out = []
	for event in EVENTS:
		out += ["-trace", event]
	return out + ["-trace", "file=" + str(path).replace(",", ",,")]


class Condenser:
	"""A place is function and register as in a window: bus << 20 and so on."""

	def __init__(self):
		self.kept = []
		self.line = ""
		self.latch = 0
		self.window = None  # address of bus 0, known from the first event
		self.access = None  # (by the window?, address or place, bytes, value)

	def place(self):
		windowed, at, _, _ = self.access
		return at - self.window if windowed else at

	def flush(self):
		"""The last access goes to the list."""
		if self.access:
			at, (_, _, size, value) = self.place(), self.access
			self.access = None
			self.kept.append("config %02x:%02x.%x %03x/%d %x" % (
				at >> 20, at >> 15 & 31, at >> 12 & 7, at & 0xfff,
				size, value))

	def character(self, value):
		if value == 10:
			self.kept.append("console " + self.line)
			self.line = ""
		elif 32 <= value < 127:
			self.line += chr(value)

	def write(self, address, value, size, region):
		if region == "pci-conf-idx" and size == 4:
			self.latch = value
		elif region == "pci-conf-data" and self.latch >> 31:
			self.flush()
			self.access = (False, (self.latch & 0xffff00) << 4 |
				       self.latch & 0xfc | address & 3, size, value)
		elif region == "pcie-mmcfg-mmio":
			self.flush()
			self.access = (True, address, size, value)
		elif region == "msix-table":
			self.flush()
			self.kept.append("msix %x/%d %x" % (address, size, value))
		elif region == "serial" and address == CONSOLE:
			self.flush()
			self.character(value)

	def event(self, place, value):
		"""A function has got the last access."""
		if self.access and self.access[0] and self.window is None:
			self.window = self.access[1] - place
		if not self.access or (self.place(), self.access[3]) != (place, value):
			raise ValueError("trace: register %x got %x without an access" %
					 (place, value))
		self.flush()


def condense(path):
	"""In place."""
	condenser = Condenser()
	with open(path, encoding="utf-8", errors="replace") as f:
		for line in f:
			found = WRITE.match(line)
			if found:
				condenser.write(int(found[1], 16), int(found[2], 16),
						int(found[3]), found[4])
				continue
			found = EVENT.match(line)
			if found:
				bus, device, fn, register, value = (
					int(word, 16) for word in found.groups())
				condenser.event(bus << 20 | device << 15 | fn << 12 |
						register, value)
	condenser.flush()
	path.write_text("\n".join(condenser.kept) + "\n")
