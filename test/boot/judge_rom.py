# SPDX-License-Identifier: MIT
"""Judges the expansion ROM that the guest read (`L: rom SHA256`): it is the file's."""
import hashlib

import zoo


def after(run):
	want = hashlib.sha256(zoo.rom()).hexdigest()
	if "L: rom " + want not in run.text():
		yield "the ROM was not read with the sum " + want
