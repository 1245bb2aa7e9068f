# SPDX-License-Identifier: MIT
"""
Names the targets of the DMA attacks and looks at them from outside, before
and after: the hypervisor's code, the roots of its nested tables and of the
IOMMU's tables, a page of its memory that is in no use, and an address where
there is nothing.

With the IOMMU on nothing may have been read or written, and each attempt must
be in the log; with iommu=off each must have arrived, or the test proves
nothing.
"""
import re
import struct

ASK = "\x01\x01\x01d\x01\x01\x01"
AREA = r"hypervisor at ([0-9a-f]+), (\d+) MiB"
NOWHERE = 0x90000000
PATTERN = struct.pack("<QQ", 0x7461707274657374, 0x1122334455667788)
PAGE = 4096
IRES, CFIS = 1 << 25, 1 << 23


def number(text, pattern):
	found = re.search(pattern, text)
	if not found:
		raise LookupError("no line /%s/" % pattern)
	return int(found.group(1), 16)


def idle_page(run, start, size):
	"""The middle of the longest run of empty pages."""
	best, begin = (0, 0), None
	for a in range(start, start + size + PAGE, PAGE):
		empty = a < start + size and not any(run.read_page(a))
		if empty and begin is None:
			begin = a
		if not empty and begin is not None:
			best = max(best, (a - begin, begin))
			begin = None
	return best[1] + best[0] // 2 // PAGE * PAGE


def off(run):
	return "iommu=off" in run.test.get("options", "")


def targets(run):
	text = run.text()
	area = re.search(AREA, text)
	start, size = int(area.group(1), 16), int(area.group(2)) << 20
	idle = idle_page(run, start, size)
	if off(run):
		return {"r-code": start, "w-idle": idle}
	if "storm" in run.test.get("args", ""):
		return {"w-idle": idle}
	return {
		"b-code": start,
		"b-nested": number(text, r"npt: dom0 root 0x([0-9a-f]+)"),
		"b-contexts": number(text, r"unit at \S+ root 0x([0-9a-f]+)"),
		"b-entries": number(text, r"unit at .* entries 0x([0-9a-f]+)"),
		"b-table": number(text, r"table 1 root 0x([0-9a-f]+)"),
		"b-nowhere": NOWHERE,
		"w-idle": idle,
	}


def words(page):
	return ["0x%016X" % struct.unpack_from("<Q", page, at)[0]
		for at in (0, 8, PAGE - 8)]


def during(run):
	run.vm.wait_for(r"H: targets")
	run.vm.type_text(ASK)
	if not run.vm.wait_for(r"iommu: end", seconds=30):
		yield "the hypervisor does not list its IOMMU when asked"
	chosen = targets(run)
	before = {n: run.read_page(a) for n, a in chosen.items()
		  if a != NOWHERE}
	# Ctrl-U: what of the hypervisor's keys has reached the guest.
	run.vm.type_line("\x15" + " ".join("%s=%#x" % item for item in chosen.items()))
	run.vm.wait_for(r"H: attacked")
	for name, page in before.items():
		yield from compare(run, name, chosen[name], page)
	for name in chosen:
		yield from stolen(run, name, before.get(name))
	yield from logged(run, chosen)


def compare(run, name, address, before):
	after = run.read_page(address)
	if off(run) and name[0] == "w":
		if after[:16] != PATTERN:
			yield "%s: with iommu=off the write did not arrive" % name
	elif name == "b-entries":
		# Entries of sources come and go; the attack would leave its pattern.
		if PATTERN in after:
			yield "%s: was written" % name
	elif after != before:
		yield "%s: changed" % name


def stolen(run, name, before):
	found = re.search(r"L: stolen %s (\S+) (\S+) (\S+)" % name, run.text())
	if name[0] == "w" or before is None:
		return
	if not found:
		yield "%s: was not read" % name
		return
	same = list(found.groups()) == words(before)
	if same != off(run):
		yield "%s: %s" % (name, "did not arrive with iommu=off"
				  if off(run) else "was read: " + found.group(0))


def blocks_compatible(run):
	"""
	By the unit's own status (VT-d 4.1 11.4.4): QEMU 10.0 lets messages in
	compatibility format pass whatever it says.
	"""
	for status in re.findall(r"unit at .* status (0x[0-9a-f]+)", run.text()):
		if not int(status, 16) & IRES or int(status, 16) & CFIS:
			yield "messages in compatibility format are not " \
			      "blocked, status " + status


def logged(run, chosen):
	if off(run):
		if not run.vm.count(r"interrupt on vector d5 of cpu0"):
			yield "with iommu=off the message did not arrive"
		return
	if "storm" in run.test.get("args", ""):
		return
	yield from blocks_compatible(run)
	for name, address in chosen.items():
		for verb in (["read"] if name[0] in "rb" else []) + ["write"]:
			line = r"iommu: fault: \S+ %s of %#x: not mapped" % (
				verb, address)
			if not run.vm.count(line):
				yield "%s: no line /%s/" % (name, line)
