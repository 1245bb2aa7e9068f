# SPDX-License-Identifier: MIT
"""
Looks at the machine from outside, over QMP, while the guest stands still:

 - the physical MSI-X tables hold messages other than those the guest wrote;
 - the hypervisor's nested tables map, page for page, what the guest was told
   it has (its E820's RAM and ACPI ranges and the low 1 MiB), the pages of the
   machine's ACPI tables, plus the enabled memory BARs minus the pages of MSI-X
   tables and PBAs, and nothing else; every mapping is the identity;
 - the hypervisor's own page tables have no page that is both writable and
   executable, code only where its code is, and no writable view of that code.

Pages that the hypervisor says it mapped on a fault are allowed besides. The
tables are asked for on the console (three times Ctrl-a, then n): that names
their root, from which the judge walks them itself in dumped physical memory,
and the hypervisor's own listing must say the same.
"""
import re
import subprocess

import acpiplaces
import judge_machine
import machine
import nptwalk
from nptwalk import NX, PAGE, WRITE, merge, pages, show, subtract

ASK = "\x01\x01\x01n\x01\x01\x01"
ROOT = r"npt: d0 root (0x[0-9a-f]+)"
LISTED = r"nested: \[([0-9a-f]+), ([0-9a-f]+)\) -> ([0-9a-f]+)"
LIST_END = r"npt: end"
ON_FAULT = r"d0: touched (0x[0-9a-f]+) in a .* range: page mapped"
MAPPED_TYPES = ("System RAM", "ACPI Tables", "ACPI Non-volatile Storage")


def during(run):
	own = judge_machine.registers(run)
	run.vm.type_text(ASK)
	if not run.vm.wait_for(LIST_END, seconds=30):
		yield "the hypervisor does not list its nested tables when asked"
	run.vm.qmp.execute("stop")
	try:
		yield from judge_msix(run)
		yield from judge_nested(run)
		yield from judge_own(run, own)
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


def walk_tables(run, root):
	"""(identity-mapped ranges, first mapping that is no identity or None)"""
	mapped = []
	for gpa, hpa, size, _ in nptwalk.walk(run.read_page, root):
		if gpa != hpa:
			return merge(mapped), (gpa, hpa)
		mapped.append((gpa, gpa + size))
	return merge(mapped), None


def listed(text):
	return merge([(int(a, 16), int(b, 16))
		      for a, b, _ in re.findall(LISTED, text)])


def acpi_pages(run):
	"""UEFI has all tables in its map's ACPI ranges, and no RSDP in low memory."""
	if run.test.get("boot") == "grub-uefi":
		return []
	return [pages(a, b) for a, b in acpiplaces.places(run.read_page)]


def judge_nested(run):
	text = run.text()
	root = re.search(ROOT, text)
	if not root:
		yield "no line /%s/" % ROOT
		return
	mapped, bad = walk_tables(run, int(root.group(1), 16))
	if bad:
		yield "gpa %#x maps to %#x: not the identity" % bad
		return
	if listed(text) != mapped:
		yield "listed %s, but the tables have %s" % (
			show(listed(text)), show(mapped))
	extra = [pages(int(a, 16), int(a, 16) + 1)
		 for a in re.findall(ON_FAULT, text)]
	want = expected(text) + acpi_pages(run)
	missing = subtract(want, mapped)
	surplus = subtract(mapped, want + extra)
	if missing:
		yield "not mapped but should be: " + show(missing)
	if surplus:
		yield "mapped but should not be: " + show(surplus)


def code_size():
	"""Bytes of code in the image, whole pages."""
	out = subprocess.run(["nm", str(machine.BUILD / "taproot.elf64")],
			     capture_output=True, text=True, check=True).stdout
	at = {name: int(value, 16) for value, name in
	      re.findall(r"^(\w+) \w (text_start|text_end)$", out, re.M)}
	return (at["text_end"] - at["text_start"] + PAGE - 1) & ~(PAGE - 1)


def judge_own(run, registers):
	"""APMv2 5.3: bits 1 and 63 of the leaves; tables above them grant all."""
	cr3 = re.search(r"cr3 0x([0-9a-f]+)", " ".join(registers))
	if not cr3:
		yield "the hypervisor does not say where its page tables are"
		return
	leaves = list(nptwalk.walk(run.read_page, int(cr3.group(1), 16)))
	code = merge([(hpa, hpa + size) for _, hpa, size, bits in leaves
		      if not bits & NX])
	writable = merge([(hpa, hpa + size) for _, hpa, size, bits in leaves
			  if bits & WRITE])
	if sum(end - start for start, end in code) != code_size():
		yield "executable in the hypervisor: %s, expected %#x bytes" % (
			show(code), code_size())
	both = subtract(code, subtract(code, writable))
	if both:
		yield "writable in the hypervisor and executable: " + show(both)
