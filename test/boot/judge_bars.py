# SPDX-License-Identifier: MIT
"""
Names the places that are the hypervisor's, for the hardware domain to put a BAR
over them, and looks from outside each time: neither the domain's nested tables
nor the IOMMU's table of its devices map any of them, and the BAR did get that
address in the device (otherwise the test proves nothing).
"""
import re

import nptwalk
from nptwalk import show, subtract

ASK = "\x01\x01\x01d\x01\x01\x01"
MIB = 1 << 20
BAR_SIZE = MIB
# QEMU's q35: name, first address, end, where in it the domain reads.
FIXED = [
	("lapic", 0xfee00000, 0xfee01000, 0x30),
	("ioapic", 0xfec00000, 0xfec01000, 0x10),
	("iommu", 0xfed90000, 0xfed91000, 0x08),
	("ecam", 0xb0000000, 0xb0100000, 0),
]


def places(run):
	area = re.search(r"hypervisor at ([0-9a-f]+), (\d+) MiB", run.text())
	start, size = int(area.group(1), 16), int(area.group(2)) << 20
	whole = (start + MIB - 1) // MIB * MIB
	return [("ours", whole, start + size, 0)] + FIXED


def number(run, pattern):
	return int(re.search(pattern, run.text()).group(1), 16)


def mapped(run, root):
	return [(gpa, gpa + size) for gpa, _, size, _ in
		nptwalk.walk(run.read_page, root)]


def common(ranges, start, end):
	inside = [(max(a, start), min(b, end)) for a, b in ranges]
	return subtract(inside, [])


def during(run):
	run.vm.type_text(ASK)
	run.vm.wait_for(r"iommu: end", seconds=30)
	roots = {
		"nested tables": number(run, r"npt: dom0 root 0x([0-9a-f]+)"),
		"IOMMU's table": number(run, r"table 1 root 0x([0-9a-f]+)"),
	}
	run.vm.wait_for(r"H: places")
	todo = places(run)
	run.vm.type_line("\x15" + " ".join(
		"%s=%#x=%#x" % (name, start // BAR_SIZE * BAR_SIZE, start + probe)
		for name, start, _, probe in todo))
	for name, start, end, _ in todo:
		for times in (1, 2):
			run.vm.wait_for(r"H: bar %s" % name, times)
			yield from judge_place(run, roots, name, start, end)
			run.vm.type_line("")
	run.vm.wait_for(r"H: over")


def judge_place(run, roots, name, start, end):
	where = start // BAR_SIZE * BAR_SIZE
	info = run.vm.qmp.hmp("info pci")
	if not re.search(r"BAR0: 32 bit memory at 0x%08x" % where, info):
		yield "%s: edu's BAR is not there" % name
	for what, root in roots.items():
		seen = common(mapped(run, root), start, end)
		if seen:
			yield "%s: the %s map %s" % (name, what, show(seen))
