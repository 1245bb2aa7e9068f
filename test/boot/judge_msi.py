# SPDX-License-Identifier: MIT
"""
Injects an error in the root port of the test kernel `msi` whenever that asks for it: a
completion time-out, which is uncorrectable and not fatal.
"""

ERROR = "pcie_aer_inject_error port2 COMP_TIME"


def during(run):
	number = 1
	while run.vm.wait_for(r"^L: (inject \d+|no more)$", number):
		if run.vm.count(r"^L: no more$"):
			return
		answer = run.vm.qmp.hmp(ERROR).strip()
		if not answer.startswith("OK "):
			yield "error %d is not injected: %s" % (number, answer)
			return
		number += 1
	yield "the kernel ended before it had all errors"
