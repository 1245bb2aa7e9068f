# SPDX-License-Identifier: MIT
"""
Compares what Linux sees as hardware domain with what it sees bare, on the
same machine: lspci -nn and every PCI line of /proc/iomem and /proc/ioports.

What the hypervisor keeps is listed in KEPT, by regular expression; today no
PCI function is kept. The bare result is recorded by the runner and cached.
"""
import re

KEPT = []


def facts(text):
	found = re.findall(r"^L: ((?:lspci|iomem|ioports) .*)$", text, re.M)
	return [s.strip() for s in found
		if not any(re.search(k, s) for k in KEPT)]


def moved(line):
	"""
	As dom0 of a Xen, Linux takes 128 MiB behind RAM for pages of others, before
	it places what firmware left unplaced above 4 GiB (igb's virtual functions).
	"""
	m = re.fullmatch(r"iomem ([0-9a-f]+)-([0-9a-f]+) : (.*)", line)
	if not m or int(m[1], 16) < 4 << 30:
		return line
	return "iomem %x-%x : %s" % (int(m[1], 16) + (128 << 20),
				     int(m[2], 16) + (128 << 20), m[3])


def after(run):
	bare, here = facts(run.baseline()), facts(run.text())
	if "Booting kernel on Xen PVH" in run.text():
		bare = [line if line in here else moved(line) for line in bare]
	if not any(s.startswith("iomem") for s in bare):
		yield "the bare boot printed no inventory"
	for line in bare:
		if line not in here:
			yield "bare only: " + line
	for line in here:
		if line not in bare:
			yield "hardware domain only: " + line
