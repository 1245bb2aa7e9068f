# SPDX-License-Identifier: MIT
"""
Judges the NVMe test from the host's side: the checksum the guest read is the
file's, and what it wrote (the complement of the first half) is in the file.
"""
import hashlib
import re

import machine


def after(run):
	with open(run.disk, "rb") as f:
		first, second = f.read(machine.HALF), f.read(machine.HALF)
	want = hashlib.sha256(first).hexdigest()
	got = re.search(r"L: sha256 ([0-9a-f]{64})", run.text())
	if not got or got.group(1) != want:
		yield "checksum read by the guest is %s, the file's is %s" % (
			got.group(1) if got else "missing", want)
	flip = bytes(255 - i for i in range(256))
	if second != first.translate(flip):
		yield "the 8 MiB written by the guest are not in the file"
