# SPDX-License-Identifier: MIT
"""
Counts how often the processors enter and leave system management mode, by
QEMU's log of interrupts, while the chipset's timer strikes: at least once for
each time. The processors' own counts, in the machine's registers, grow by just
as much; other tests conclude from them that no SMI got through.

The machine's other registers are compared besides (judge_machine).
"""
import re

import judge_machine


def counted(path):
	text = path.read_text(errors="replace")
	return len(re.findall("SMM: enter", text)), len(re.findall("SMM: after RSM", text))


def others(lines):
	return [s for s in lines if "SMI_COUNT" not in s]


def during(run):
	before = judge_machine.registers(run)
	yield from judge_machine.whole(run, before)
	rounds = int(re.search(r"n=(\d+)", run.test["args"]).group(1))
	run.vm.qmp.hmp("logfile %s" % (run.log_path.with_suffix(".int")))
	run.vm.qmp.hmp("log int")
	run.vm.type_line("\x15")
	# The timer is off by then.
	run.vm.wait_for(r"H: after")
	run.vm.qmp.hmp("log none")
	entered, left = counted(run.log_path.with_suffix(".int"))
	run.log_path.with_suffix(".int").unlink()
	after = judge_machine.registers(run)
	grown = sum(judge_machine.smi_counts(after)) - sum(judge_machine.smi_counts(before))
	if entered < rounds or entered != left:
		yield "SMM entered %d times, left %d times, for %d rounds" % (
			entered, left, rounds)
	if grown != entered:
		yield "SMM entered %d times, but the processors count %d" % (entered, grown)
	yield from judge_machine.changes(others(before), others(after))
