# SPDX-License-Identifier: MIT
"""
Counts how often the processors enter and leave system management mode, by
QEMU's log of interrupts, while the chipset's timer strikes: once for each time.

The machine's own registers are compared besides (judge_machine).
"""
import re

import judge_machine

def counted(path):
	text = path.read_text(errors="replace")
	return len(re.findall("SMM: enter", text)), len(re.findall("SMM: after RSM", text))


def registers(run):
	return [s for s in judge_machine.registers(run) if "SMI_COUNT" not in s]


def during(run):
	before = registers(run)
	rounds = int(re.search(r"n=(\d+)", run.test["args"]).group(1))
	run.vm.qmp.hmp("logfile %s" % (run.log_path.with_suffix(".int")))
	run.vm.qmp.hmp("log int")
	run.vm.type_line("\x15")
	run.vm.wait_for(r"H: after")
	run.vm.qmp.hmp("log none")
	entered, left = counted(run.log_path.with_suffix(".int"))
	run.log_path.with_suffix(".int").unlink()
	if entered < rounds or entered != left:
		yield "SMM entered %d times, left %d times, for %d rounds" % (
			entered, left, rounds)
	if registers(run) != before:
		yield "the machine's registers changed"
