# SPDX-License-Identifier: MIT
"""
Runs the hosted tests (make check) and reads their results: build/
check-results.txt has one line a test, `pass NAME`, `fail NAME` or
`skip NAME reason`.
"""
import os
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


def execute(log, report):
	"""
	Runs make check into the log. Calls report(verdict, name, reason) for
	each test as it ends, and once more when make itself fails.
	"""
	RESULTS.unlink(missing_ok=True)
	seen, failed = 0, False
	with open(log, "w", encoding="utf-8") as f, subprocess.Popen(
			["make", "-C", str(machine.TOP), "-j%d" % (os.cpu_count() or 1),
			 "check"], text=True,
			stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
			stderr=subprocess.STDOUT, errors="replace") as make:
		for line in make.stdout:
			f.write(line)
			if not line.startswith(("pass ", "fail ", "skip ")):
				continue
			f.flush()
			# Only the lines that are in the results as well.
			for current in read_results()[seen:]:
				report(*current)
				failed = failed or current[0] == "fail"
				seen += 1
	if make.returncode and not failed or not seen:
		report("fail", "hosted/make-check", "status %d, %d results, see %s" %
		       (make.returncode, seen, log))
