# SPDX-License-Identifier: MIT
"""
Judges virtual functions: each carried 16 MiB in each direction, with the sums
that the other end has (`L: moved IF DIRECTION SHA256`), and every vector of
each had interrupts (`L: vector igbvf`, print_interrupts in guest/lib.sh).
"""
import re

INTERFACES = ["eth1", "eth2"]


def judge_data(run, direction, theirs):
	for name in INTERFACES:
		found = re.search(r"L: moved %s %s ([0-9a-f]{64})" %
				  (name, direction), run.text())
		want = theirs.get(name + "-" + direction)
		if not want or not found or found.group(1) != want:
			yield "%s, %s: the guest has %s, its peer %s" % (
				name, direction,
				found.group(1) if found else "nothing",
				want or "nothing")


def after(run):
	yield from judge_data(run, "down", run.peer.sent)
	yield from judge_data(run, "up", run.peer.taken)
	vectors = re.findall(r"L: vector igbvf (\S+) (\d+) (\S+) (\d+)",
			     run.text())
	if len({v[0] for v in vectors}) != len(INTERFACES):
		yield "vectors of %d virtual functions" % len(
			{v[0] for v in vectors})
	for where, number, kind, count in vectors:
		if kind != "msix" or int(count) == 0:
			yield "%s: vector %s is %s and had %s interrupts" % (
				where, number, kind, count)
