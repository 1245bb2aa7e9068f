# SPDX-License-Identifier: MIT
"""
Judges interrupt counts: every device named by the test has MSI-X interrupts
in the guest's /proc/interrupts (printed as `L: line` and `L: irq`).
"""
import re


def after(run):
	lines = re.findall(r"L: line (.*)", run.text())
	counts = [int(n) for n in re.findall(r"L: irq (\d+) ", run.text())]
	if not lines or not all("PCI-MSI" in s for s in lines):
		yield "not on MSI: %s" % (lines or "no interrupt line")
	if sum(counts) == 0:
		yield "no interrupts were counted"
