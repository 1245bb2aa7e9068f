# SPDX-License-Identifier: MIT
"""Asks the hypervisor's keys for shootdowns while the guest spins on another processor."""
import re

ASK = "\x01\x01\x01f\x01\x01\x01"
DONE = r"flush: (\d+) shootdowns, (\d+) of them of a running vCPU"


def during(run):
	run.vm.type_text(ASK)
	if not run.vm.wait_for(DONE, seconds=60):
		yield "the shootdowns do not come to an end"
		return
	rounds, running = map(int, re.search(DONE, run.text()).groups())
	if running < 10:
		yield "only %d of %d shootdowns met the vCPU in the guest" % (running, rounds)
