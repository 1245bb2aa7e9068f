# SPDX-License-Identifier: MIT
"""
Judges an NVMe controller's virtual function from the host's side: the sum that
the guest read through it is the file's, what it wrote is in the file, and the
virtual function's vectors had interrupts.
"""
import hashlib
import re

import machine


def after(run):
	with open(run.folder + "/shared", "rb") as f:
		first, second = f.read(machine.HALF), f.read(machine.HALF)
	want = hashlib.sha256(first).hexdigest()
	if "L: sha256 " + want not in run.text():
		yield "the guest did not read the file's sum " + want
	flip = bytes(255 - i for i in range(256))
	if second != first.translate(flip):
		yield "the 8 MiB written by the guest are not in the file"
	vf = re.search(r"L: vf (\S+)", run.text())
	counts = re.findall(r"L: vector nvme %s \d+ msix (\d+)" %
			    (vf.group(1) if vf else "none"), run.text())
	if not counts or not all(int(n) for n in counts):
		yield "interrupts of the virtual function: %s" % (counts or "none")
