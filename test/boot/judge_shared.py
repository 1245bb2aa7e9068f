# SPDX-License-Identifier: MIT
"""
Judges what was read from a further disk (`L: sha256`, zoo.py): it is what the file has.
"""
import hashlib

import machine


def after(run):
	with open(run.folder + "/shared", "rb") as f:
		want = hashlib.sha256(f.read(machine.HALF)).hexdigest()
	if "L: sha256 " + want not in run.text():
		yield "the guest did not read the file's sum " + want
