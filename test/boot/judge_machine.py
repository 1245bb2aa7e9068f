# SPDX-License-Identifier: MIT
"""
Asks the hypervisor for the machine's own registers (three times Ctrl-a, then
M) before and after an attack: the same lines, in a log that can be read. The
count of SMIs is among them, so that none got through.

After port-attack an NMI is raised, which port 0x70 was asked to mask.
"""
import re

ASK = "\x01\x01\x01M\x01\x01\x01"
LINE = r"machine: (.*)"
END = r"machine: end"
# What must be there, so that an empty answer is none.
NEEDED = ["cr4", "EFER", "SMI_COUNT", "VM_HSAVE_PA", "VM_CR", "APIC_BASE",
	  "MTRR_DEF_TYPE", "PAT", "uart ier"]


def registers(run):
	"""The lines of one answer."""
	before = run.vm.count(END)
	run.vm.type_text(ASK)
	run.vm.wait_for(END, before + 1, seconds=60)
	lines = re.findall(LINE, run.text())
	ends = [i for i, s in enumerate(lines) if s == "end"]
	if len(ends) <= before:
		return []
	begin = ends[before - 1] + 1 if before else 0
	return lines[begin:ends[before]]


def during(run):
	before = registers(run)
	for name in NEEDED:
		if not any(name in s for s in before):
			yield "the machine's %s is not listed" % name
	run.vm.type_line("\x15")
	run.vm.wait_for(r"H: after")
	after = registers(run)
	if after != before:
		yield "the machine's registers changed: %s" % "; ".join(
			"%s -> %s" % pair for pair in zip(before, after)
			if pair[0] != pair[1])
	if run.test["scenario"] == "port-attack":
		run.vm.qmp.execute("inject-nmi")
