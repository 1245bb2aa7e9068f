# SPDX-License-Identifier: MIT
"""
Judges that the hypervisor is invisible to the hardware: each function gets the
configuration and MSI-X writes that it gets from the same kernel on the bare
machine, in the same order, but for the rewrite table: ROWS, published with
reasons in doc/invisible.md. A row that nothing needs is a failure as well.

Entries of an MSI-X table that are written one after the other have an order each, and
none among them: processors move interrupts that each of them has at the same time, and
which is first differs from run to run of the bare machine, too.

The firmware's writes have to be the same; then come the hypervisor's own, each
of which some row must explain; then the domain's. Functions are compared one by
one, since the kernel probes several at a time.

Not supported: MSI with mask bits, which no driver here uses. A reset masks the
entries of MSI-X; that is not followed, as drivers here mask them before.
"""
import collections
import difflib
import itertools
import re

import machine

ROWS = {
	# The domain's writes.
	"msi-message": "MSI's address and data are ours, written when it is enabled",
	"msix-message": "so are an entry's of MSI-X, written when it is opened",
	"msix-mask": "an entry's mask is written when it changes",
	"bus-master-on": "the kernel finds that off: turns it on, or not off",
	# The hypervisor's own, before the domain's.
	"decode-off": "decoding goes off, and on again after the sizing of BARs",
	"sizing": "ones and then the old value in a BAR, or the expansion ROM's",
	"vf-sizing": "the same in the BARs of virtual functions",
	"bus-master-off": "bus mastering that firmware left on goes off",
}

DOC = machine.TOP / "doc" / "invisible.md"
SHOWN = 12  # differences of one function that are told
FIRMWARE, OWN, DOMAIN = range(3)

COMMAND, DECODE, MASTER = 0x04, 0x0003, 0x0004  # PCI 3.0 6.2.2
BAR0, ROM, ROM_BRIDGE = 0x10, 0x30, 0x38
HOST_BRIDGE = 0x0600
VF_BAR0 = 0x24  # SR-IOV 1.1 3.3.14
MSI_64, MSI_ENABLE, MSIX_SIZE = 0x0080, 0x0001, 0x07ff  # PCI 3.0 6.8
ENTRY_SIZE, ENTRY_CONTROL, ENTRY_MASK = 16, 12, 0x1

# at: register, or offset in the MSI-X table
Write = collections.namedtuple("Write", "part step space at size value")


def show(w):
	return "%s %03x/%d %x (%s)" % (w.space, w.at, w.size, w.value, w.step)


class Function:
	"""What the guest said of a function: where its BARs and messages are."""

	def __init__(self):
		self.host_bridge = False
		self.bars = range(BAR0, BAR0 + 24)
		self.rom = ROM
		self.vf_bars = range(0)
		self.msi_control = None
		self.msi_message = range(0)
		self.table = range(0)

	def read(self, kind, words):
		first = int(words[0], 16)
		if kind == "function":
			self.host_bridge = first == HOST_BRIDGE
			if int(words[1], 16) & 0x7f == 1:
				self.bars, self.rom = range(BAR0, BAR0 + 8), ROM_BRIDGE
		elif kind == "msi":
			self.msi_control = first
			self.msi_message = range(first + 2, first + (
				12 if int(words[1], 16) & MSI_64 else 8))
		elif kind == "msix":
			entries = (int(words[1], 16) & MSIX_SIZE) + 1
			self.table = range(first, first + ENTRY_SIZE * entries)
		else:
			self.vf_bars = range(first + VF_BAR0, first + VF_BAR0 + 24)

	def probe(self, at):
		"""The row, and the bits that are no address, where ones ask for a size."""
		if at in self.vf_bars:
			return "vf-sizing", 0xf
		if at in self.bars:
			return "sizing", 0xf
		return ("sizing", 0x7ff) if at == self.rom else (None, 0)


def read_functions(text):
	found = collections.defaultdict(Function)
	for kind, name, rest in re.findall(
			r"^L: (function|msi|msix|sriov) 0000:(\S+) (.*)$", text, re.M):
		found[name].read(kind, rest.split())
	return found


def read_writes(lines, functions):
	"""Per function its writes."""
	part, step = FIRMWARE, "firmware"
	out = collections.defaultdict(list)
	for line in lines:
		space, _, rest = line.partition(" ")
		if space == "console":
			if "Linux version " in rest:
				part, step = DOMAIN, "kernel"
			elif part == FIRMWARE and re.search(r"\] I ", rest):
				part, step = OWN, "hypervisor"
			step = rest[8:] if rest.startswith("L: step ") else step
			continue
		words = re.split("[ /]", rest)
		if space == "config":
			name, at = words[0], int(words[1], 16)
		else:
			at = int(words[0], 16)
			name = next((n for n, f in functions.items() if at in f.table), None)
			at -= functions[name].table.start if name else 0
		out[name or "nobody"].append(Write(part, step, space, at, int(words[-2]),
						   int(words[-1], 16)))
	return out


class Registers:
	"""Registers as they were last written, where they were."""

	def __init__(self, some=()):
		self.bytes = {}
		for w in some:
			self.write(w)

	def write(self, w):
		for i in range(w.size):
			self.bytes[w.at + i] = w.value >> 8 * i & 0xff

	def read(self, at, size):
		"""None: not known."""
		if not set(range(at, at + size)) <= set(self.bytes):
			return None
		return sum(self.bytes[at + i] << 8 * i for i in range(size))

	def message(self, at, upper, data):
		"""Is a message that a local APIC takes there (PCI 3.0 6.8.1)?"""
		address = self.read(at, 4)
		return address is not None and address >> 20 == 0xfee and \
			(upper is None or self.read(upper, 4) == 0) and \
			self.read(data, 2) is not None


class Own:
	"""The hypervisor's own writes to one function, as rows allow them."""

	def __init__(self, function, registers):
		self.function = function
		self.registers = registers
		self.command = registers.read(COMMAND, 2)
		self.off = None  # the command while decoding is off
		self.rows = set()

	def write_command(self, w):
		"""What firmware never wrote may be anything, but stays what it is."""
		if self.off is not None:
			good = w.value & ~DECODE == self.off and \
				self.command in (None, w.value)
			self.command, self.off = w.value, None
			return good
		if w.value & DECODE == 0 and (
				self.command is None or
				self.command & ~DECODE == w.value):
			self.rows.add("decode-off")
			self.off = w.value
			return True
		good = self.command is not None and w.value == self.command & ~MASTER
		self.rows.add("bus-master-off")
		self.command = w.value
		return good

	def probe(self, w, back):
		"""The firmware's value comes back; BARs stay where they were."""
		row, low = self.function.probe(w.at)
		if not row or not back or w.value | low != 0xffffffff or \
		   (back.at, back.size) != (w.at, w.size):
			return False
		self.rows.add(row)
		quiet = row == "vf-sizing" or self.off is not None or \
			self.function.host_bridge
		return quiet and ((self.registers.read(w.at, 4) or 0) ^ back.value) <= low

	def judge(self, own):
		own = list(own)
		while own:
			w = own.pop(0)
			if (w.space, w.at, w.size) == ("config", COMMAND, 2):
				good = self.write_command(w)
			else:
				good = (w.space, w.size) == ("config", 4) and \
					self.probe(w, own.pop(0) if own else None)
			if not good:
				yield "no row explains " + show(w)
		if self.off is not None:
			yield "decoding stays off"


class Domain:
	"""
	The domain's writes to one function, without what rows take away. With `apart`
	bus mastering's turns are taken out of the command register: the hypervisor
	has turned it off. `master`: it is on at the beginning.
	"""

	def __init__(self, function, registers, apart, master):
		self.function = function
		self.registers = registers
		self.apart = apart
		self.master = master
		self.turns = []
		self.messages = Registers()
		self.masks = {}  # per entry of MSI-X
		self.failures = []
		self.rows = set()

	def table(self, w):
		"""A write to the MSI-X table."""
		entry, field = divmod(w.at, ENTRY_SIZE)
		first = entry * ENTRY_SIZE
		if field != ENTRY_CONTROL:
			self.rows.add("msix-message")
			self.messages.write(w)
			if self.masks.get(entry) == 0:
				self.failures.append("written while open: " + show(w))
			return None
		mask = w.value & ENTRY_MASK
		if self.masks.get(entry, ENTRY_MASK) == mask:
			self.rows.add("msix-mask")
			return None
		self.masks[entry] = mask
		if not mask and not self.messages.message(first, first + 4, first + 8):
			self.failures.append("opened without a message: " + show(w))
		return w

	def enable(self, w):
		first, size = self.function.msi_message.start, len(self.function.msi_message)
		upper, data = (first + 4, first + 8) if size > 8 else (None, first + 4)
		if w.value & MSI_ENABLE and not self.messages.message(first, upper, data):
			self.failures.append("enabled without a message: " + show(w))

	def command(self, w):
		if not self.apart:
			return w
		master, others = bool(w.value & MASTER), w.value & ~MASTER
		turns, self.master = master != self.master, master
		if turns:
			self.turns.append(master)
			if self.registers.read(COMMAND, 2) & ~MASTER == others:
				return None
		return w._replace(value=others)

	def one(self, w):
		"""What is compared of a write, or nothing."""
		if w.space == "msix":
			return self.table(w)
		if w.at in self.function.msi_message:
			self.rows.add("msi-message")
			self.messages.write(w)
			return None
		if w.at == self.function.msi_control:
			self.enable(w)
		if w.at == COMMAND:
			w = self.command(w)
		if w:
			self.registers.write(w)
		return w

	def reduce(self, all_writes):
		return [w for w in map(self.one, all_writes) if w]


def entries_in_line(writes):
	"""The writes, those to an MSI-X table between two others by their entries."""
	out = []
	for space, run in itertools.groupby(writes, key=lambda w: w.space):
		out += sorted(run, key=lambda w: w.at // ENTRY_SIZE) \
			if space == "msix" else run
	return out


def differences(ours, bare):
	"""Lines about what one of them has only."""
	ours, bare = entries_in_line(ours), entries_in_line(bare)
	keys = [[w._replace(step="") for w in side] for side in (bare, ours)]
	for tag, a, b, c, d in difflib.SequenceMatcher(
			None, *keys, autojunk=False).get_opcodes():
		if tag != "equal":
			yield from ("bare only: " + show(w) for w in bare[a:b])
			yield from ("ours only: " + show(w) for w in ours[c:d])


def judge_function(function, ours, bare, rows):
	def part(side, number):
		return [w for w in side if w.part == number]

	def registers(side):
		return Registers(w for w in part(side, FIRMWARE) if w.space == "config")

	yield from differences(part(ours, FIRMWARE), part(bare, FIRMWARE))
	own = Own(function, registers(ours))
	yield from own.judge(part(ours, OWN))
	stopped = "bus-master-off" in own.rows
	here = Domain(function, registers(ours), stopped, False)
	alone = Domain(function, registers(bare), stopped, True)
	found = differences(here.reduce(part(ours, DOMAIN)), alone.reduce(part(bare, DOMAIN)))
	yield from list(found)[:SHOWN]
	yield from here.failures[:SHOWN]
	# It is turned on once more, or off once less.
	if stopped and alone.turns not in (here.turns[1:], [False] + here.turns):
		yield "bus mastering turns %s, bare %s" % (here.turns, alone.turns)
	rows |= own.rows | here.rows | alone.rows
	if here.turns != alone.turns:
		rows.add("bus-master-on")


def after(run):
	functions = read_functions(run.text())
	ours, bare = (read_writes(path.read_text().splitlines(), functions)
		      for path in (run.trace, run.baseline_trace()))
	rows = set()
	for name in sorted(set(ours) | set(bare)):
		for failure in judge_function(functions[name], ours[name], bare[name], rows):
			yield "%s: %s" % (name, failure)
	if not run.bare and rows != set(ROWS):
		yield "rows that nothing needs: %s" % sorted(set(ROWS) - rows)
	published = re.findall(r"^\| `([a-z-]+)` \|", DOC.read_text(), re.M)
	if sorted(published) != sorted(ROWS):
		yield "%s has not the rows of the table: %s" % (DOC.name, published)
