# SPDX-License-Identifier: MIT
"""
Asks the hypervisor for the machine's own registers (three times Ctrl-a, then
M) before and after an attack: the same lines, of every processor, in a log that
can be read. The counts of SMIs are among them, so that none got through (that
they count: judge_smi).

After port-attack an NMI is raised, which port 0x70 was asked to mask.
"""
import itertools
import re

ASK = "\x01\x01\x01M\x01\x01\x01"
LINE = r"\] I machine: (.*)"
END = r"\] I machine: end"
RUN = r"processors: (\d+) of \d+ run"
# What must be there of each processor, so that an empty answer is none.
NEEDED = ["cr0 .* cr3 .* cr4", "EFER", "SMI_COUNT", "VM_HSAVE_PA", "VM_CR",
	  "APIC_BASE", "MTRR_DEF_TYPE", "MTRR_MASK", "PAT"]


def answers(text):
	"""The lines of each answer, without its end."""
	out = [[]]
	for line in re.findall(LINE, text):
		if line == "end":
			out.append([])
		else:
			out[-1].append(line)
	return out[:-1]


def registers(run):
	"""The lines of one answer."""
	before = run.vm.count(END)
	run.vm.type_text(ASK)
	run.vm.wait_for(END, before + 1, seconds=60)
	return (answers(run.text()) + [[]] * (before + 1))[before]


def smi_counts(lines):
	"""How many SMIs each processor has had."""
	return [int(n, 16) for n in
		re.findall(r"^cpu\d+ msr \w+ SMI_COUNT (\w+)$", "\n".join(lines), re.M)]


def whole(run, lines):
	"""Yields what an answer lacks: one block a processor, in order, the UART's last."""
	owners = [s.split()[0] for s in lines]
	count = int(re.search(RUN, run.text()).group(1))
	blocks = [name for name, _ in itertools.groupby(owners)]
	if blocks != ["cpu%d" % i for i in range(count)] + ["uart"]:
		yield "the machine's registers are not listed in order: " + " ".join(blocks)
		return
	names = [[re.sub(r"^\w+|0x\w+", "", s) for s in lines if s.split()[0] == name]
		 for name in blocks[:-1]]
	for i, own in enumerate(names):
		if own != names[0]:
			yield "the registers of cpu%d are not those of cpu0" % i
		for name in NEEDED:
			if not any(re.match("cpu%d .*%s " % (i, name), s) for s in lines):
				yield "the machine's %s of cpu%d is not listed" % (name, i)


def changes(before, after):
	if after != before:
		yield "the machine's registers changed: %s" % "; ".join(
			"%s -> %s" % pair
			for pair in itertools.zip_longest(before, after)
			if pair[0] != pair[1])


def during(run):
	before = registers(run)
	yield from whole(run, before)
	run.vm.type_line("\x15")
	run.vm.wait_for(r"H: after")
	yield from changes(before, registers(run))
	if run.test["scenario"] == "msr-attack":
		attacked = re.findall(r"T: pass attacked-(cpu\d+)", run.text())
		if attacked != sorted({s.split()[0] for s in before if s[:3] == "cpu"}):
			yield "attacked: %s" % " ".join(attacked)
	if run.test["scenario"] == "port-attack":
		run.vm.qmp.execute("inject-nmi")
