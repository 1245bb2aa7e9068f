# SPDX-License-Identifier: MIT
"""
Many boots of one short scenario under load, with two and four processors in
turn: each must end well, and all of one machine must say the same.

  boots.py [--jobs N] [--no-load] [--patience FACTOR] [--options TEXT] COUNT

An outcome is the hypervisor's lines without times and measured frequencies, and
the scenario's result lines; what differs from the most frequent outcome of the same machine is
shown. A hang is a test's time-out. Logs of boots that went wrong or differ stay
in build/boots-logs; the last line says how many, and the figures are seconds
from QEMU's start to its end.

Not supported: comparing Linux's own lines, whose order is its own.
"""
import argparse
import collections
import concurrent.futures
import difflib
import multiprocessing
import re
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

# pylint: disable=wrong-import-position
import case
import list as tests
import machine
import qemu

PROCESSORS = (2, 4)
TIMEOUT = 240
# What is measured on the machine is not the same each time.
MEASURED = re.compile(r"\d+ kHz")
RESULT = re.compile(r"^(T: .*|L: .*|init: memory.*)$")


def make_test(number, options):
	smp = PROCESSORS[number % len(PROCESSORS)]
	return dict(name="boot-%04d" % number, scenario="quick", smp=smp,
		    args="quiet", options=options, timeout=TIMEOUT,
		    expect=[r"processors: %d of %d run" % (smp, smp), r"T: done"])


def outcome(log):
	"""The lines to compare, in order, from a log with arrival times."""
	out, lines = [], []
	for line in log.read_text(errors="replace").splitlines():
		qemu.add_line(lines, line[9:])
	for text in lines:
		found = qemu.OURS.match(text) or RESULT.match(text)
		if found:
			out.append(MEASURED.sub("N kHz", found.group(1)))
	return tuple(out)


def spin():
	while True:
		pass


def arguments():
	p = argparse.ArgumentParser(prog="boots.sh", description=
		"Boots many times under load and compares the outcomes.")
	p.add_argument("count", type=int, metavar="COUNT")
	p.add_argument("--jobs", type=int, default=2,
		help="boots at a time (2)")
	p.add_argument("--no-load", action="store_true",
		help="without a busy loop beside them")
	p.add_argument("--patience", type=float, default=1, metavar="FACTOR",
		help="time-outs are longer by this factor, on a busy machine")
	p.add_argument("--options", default=tests.OPTIONS,
		help="the hypervisor's options")
	return p.parse_args()


def run_all(args, logs):
	"""[(test, seconds, outcome)] of the boots that ended well, failures."""
	good, bad = [], 0
	with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
		jobs = {}
		for number in range(args.count):
			test = make_test(number, args.options)
			jobs[pool.submit(case.execute, test, logs,
					 False, args.patience)] = test
		for job in concurrent.futures.as_completed(jobs):
			failures, seconds, log = job.result()
			if failures:
				bad += 1
				print("fail %s, %d processors: %s; log: %s" % (
					jobs[job]["name"], jobs[job]["smp"],
					"; ".join(failures), log), flush=True)
			else:
				good.append((jobs[job], seconds, outcome(log)))
	return good, bad


def compare(good, smp, logs):
	"""Says what differs on one machine; returns how many boots do."""
	mine = [g for g in good if g[0]["smp"] == smp]
	if not mine:
		return 0
	usual = collections.Counter(g[2] for g in mine).most_common(1)[0][0]
	differ = 0
	for test, _, lines in mine:
		if lines == usual:
			(logs / (test["name"] + ".log")).unlink()
			(logs / (test["name"] + ".qemu")).unlink(missing_ok=True)
			continue
		differ += 1
		print("%s, %d processors, differs:" % (test["name"], smp))
		for line in difflib.unified_diff(usual, lines, "usual",
						 test["name"], "", "", 0, ""):
			print("     | " + line)
	times = [g[1] for g in mine]
	print("%d processors: %d boots ended well, %d differ, %d lines compared; "
	      "seconds: min %.1f, median %.1f, max %.1f" % (
		smp, len(mine), differ, len(usual), min(times),
		statistics.median(times), max(times)))
	return differ


def main():
	args = arguments()
	logs = machine.BUILD / "boots-logs"
	case.clear_logs(logs)
	load = multiprocessing.Process(target=spin, daemon=True)
	if not args.no_load:
		load.start()
	good, bad = run_all(args, logs)
	if not args.no_load:
		load.terminate()
	differ = sum(compare(good, smp, logs) for smp in PROCESSORS)
	print("%d boots: %d failed or hung, %d differ" % (
		args.count, bad, differ))
	return 1 if bad or differ or not good else 0


if __name__ == "__main__":
	sys.exit(main())
