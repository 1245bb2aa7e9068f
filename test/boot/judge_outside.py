# SPDX-License-Identifier: MIT
"""
Looks at the machine from outside, over QMP, while the guest stands still:

 - the physical MSI-X tables hold messages other than those the guest wrote;
 - the hypervisor's nested tables map, page for page, what the guest was told
   it has (its E820's RAM and ACPI ranges and the low 1 MiB) plus the enabled
   memory BARs minus the pages of MSI-X tables and PBAs, and nothing else;
   every mapping is the identity.

Pages that the hypervisor says it mapped on a fault are allowed besides.
The root is found in the hypervisor's log: `npt: dom0 root 0x...`.
"""
import re

import nptwalk
from nptwalk import merge, pages, show, subtract

ROOT = r"npt: dom0 root (0x[0-9a-f]+)"
ON_FAULT = r"npt: dom0 fault page (0x[0-9a-f]+) mapped"
MAPPED_TYPES = ("System RAM", "ACPI Tables", "ACPI Non-volatile Storage")


def during(run):
	run.vm.qmp.execute("stop")
	try:
		yield from judge_msix(run)
		yield from judge_nested(run)
	finally:
		run.vm.qmp.execute("cont")


def physical(run, address, words):
	text = run.vm.qmp.hmp("xp /%dwx %#x" % (words, address))
	return [int(w, 16) for w in re.findall(r"0x[0-9a-f]{8}\b", text)]


def judge_msix(run):
	entries = re.findall(r"L: entry (\S+) (\d+) (0x\w+) "
			     r"(\w+) (\w+) (\w+) (\w+)", run.text())
	seen = set()
	for bdf, number, address, *words in entries:
		guest = [int(w, 16) for w in words]
		if guest[3] & 1 or not guest[0]:
			continue
		seen.add(bdf)
		real = physical(run, int(address, 16), 4)
		if real[:3] == guest[:3]:
			yield "MSI-X of %s, entry %s: the guest's own message " \
			      "is in the device" % (bdf, number)
		if real[3] & 1:
			yield "MSI-X of %s, entry %s: open for the guest, " \
			      "masked in the device" % (bdf, number)
	if len(seen) < 2:
		yield "open MSI-X entries in %d devices, expected 2" % len(seen)


def expected(text):
	"""What must be mapped, from the guest's facts and the log."""
	want = [(0, 0x100000)]
	for start, end, kind in re.findall(
			r"L: memmap (0x\w+) (0x\w+) (.*)", text):
		if kind.strip() in MAPPED_TYPES:
			want.append(pages(int(start, 16), int(end, 16) + 1))
	for start, end in re.findall(r"L: bar \S+ \d+ (0x\w+) (0x\w+)", text):
		want.append(pages(int(start, 16), int(end, 16) + 1))
	trapped = []
	for table, pba, size in re.findall(
			r"L: msix \S+ (0x\w+) (0x\w+) (\d+)", text):
		table, pba, size = int(table, 16), int(pba, 16), int(size)
		trapped.append(pages(table, table + 16 * size))
		trapped.append(pages(pba, pba + (size + 63) // 64 * 8))
	return subtract(want, trapped)


def judge_nested(run):
	root = re.search(ROOT, run.text())
	if not root:
		yield "the log has no line `%s`" % ROOT
		return
	mapped = []
	for gpa, hpa, size, _ in nptwalk.walk(run.read_page,
					      int(root.group(1), 16)):
		if gpa != hpa:
			yield "gpa %#x maps to %#x: not the identity" % (gpa, hpa)
			return
		mapped.append((gpa, gpa + size))
	mapped = merge(mapped)
	extra = [pages(int(a, 16), int(a, 16) + 1)
		 for a in re.findall(ON_FAULT, run.text())]
	want = expected(run.text())
	missing = subtract(want, mapped)
	surplus = subtract(mapped, want + extra)
	if missing:
		yield "not mapped but should be: " + show(missing)
	if surplus:
		yield "mapped but should not be: " + show(surplus)
