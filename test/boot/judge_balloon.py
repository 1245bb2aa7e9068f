# SPDX-License-Identifier: MIT
"""
While the guest has 256 MiB less than it began with: walks the nested tables in
dumped physical memory, as judge_outside does. What the E820 calls RAM and is not
mapped is those 256 MiB, give or take what the guest says it holds; the
hypervisor finds no difference between its tables, those of the IOMMU
included, and its memory map, then and when all is there again.
"""
import re

import nptwalk
from nptwalk import merge, subtract

ASK = "\x01\x01\x01nd\x01\x01\x01"
ROOT = r"npt: d0 root (0x[0-9a-f]+)"
END = r"iommu: end"
SIZE = 256 << 20
SLACK = 4 << 20


def ram(run):
	"""The RAM of the kernel's E820, as the hypervisor handed it."""
	found = re.findall(r"BIOS-e820: \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\] usable",
			   run.text())
	return merge((int(lo, 16), int(hi, 16) + 1) for lo, hi in found)


def ask(run):
	seen = len(re.findall(END, run.text()))
	run.vm.type_text(ASK)
	return run.vm.wait_for(END, times=seen + 1, seconds=60)


def during(run):
	if not ask(run):
		yield "the hypervisor does not list its tables when asked"
		return
	run.vm.qmp.execute("stop")
	try:
		roots = re.findall(ROOT, run.text())
		leaves = list(nptwalk.walk(run.read_page, int(roots[-1], 16)))
	finally:
		run.vm.qmp.execute("cont")
	mapped = merge((gpa, gpa + size) for gpa, _, size, _ in leaves)
	gone = sum(hi - lo for lo, hi in subtract(ram(run), mapped))
	if abs(gone - SIZE) > SLACK:
		yield "%d KiB of RAM are not mapped" % (gone >> 10)
	if any(gpa != hpa for gpa, hpa, _, _ in leaves):
		yield "a page is not mapped to itself"


def after(run):
	if re.search(r"differs from the memory map", run.text()):
		yield "the hypervisor finds tables that differ from its memory map"
	if re.search(r"refused an access .*\(RAM\)", run.text()):
		yield "the guest touched memory that it had given back"
