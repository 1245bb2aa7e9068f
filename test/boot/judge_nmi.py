# SPDX-License-Identifier: MIT
"""Raises an NMI at the machine's processors, as a button or a watchdog does."""


def during(run):
	run.vm.qmp.execute("inject-nmi")
	return
	yield
