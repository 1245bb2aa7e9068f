# SPDX-License-Identifier: MIT
"""
Runs the hosted tests (make check) and reads their results: build/
check-results.txt has one line a test, `pass NAME`, `fail NAME` or
`skip NAME reason`.
"""
import subprocess

import machine

RESULTS = machine.BUILD / "check-results.txt"


def read_results():
	"""(verdict, name, reason) for each line."""
	out = []
	if RESULTS.exists():
		for line in RESULTS.read_text().splitlines():
			words = line.split(None, 2) + ["", ""]
			if words[0] in ("pass", "fail", "skip"):
				out.append((words[0], "hosted/" + words[1], words[2]))
	return out


def execute(logs):
	"""Runs make check; returns results, with one more when make itself fails."""
	RESULTS.unlink(missing_ok=True)
	log = logs / "make-check.log"
	with open(log, "w", encoding="utf-8") as f:
		status = subprocess.call(["make", "-C", str(machine.TOP), "check"],
					 stdin=subprocess.DEVNULL, stdout=f,
					 stderr=subprocess.STDOUT)
	results = read_results()
	if not results:
		results.append(("fail", "hosted/make-check",
				"no results, status %d, see %s" % (status, log)))
	elif status and not any(r[0] == "fail" for r in results):
		results.append(("fail", "hosted/make-check",
				"status %d, see %s" % (status, log)))
	return results, log
