# SPDX-License-Identifier: MIT
"""
Judges the shared line: what was read from the SCSI disk between all the others'
interrupts is what the file has.
"""
import hashlib

import machine


def after(run):
	with open(run.folder + "/shared", "rb") as f:
		want = hashlib.sha256(f.read(machine.HALF)).hexdigest()
	if "L: sha256 " + want not in run.text():
		yield "the guest did not read the file's sum " + want
