# SPDX-License-Identifier: MIT
"""
All tests: the hosted ones first, then the boot tests side by side, then one
line with the totals.

  main.py [--all] [--list] [--bare] [--jobs N] [NAME or GLOB]...

Names are hosted/... and boot/...; a name without a slash is a boot test's. A
name may be any variant's (variants.py); a glob chooses among those of the usual
choice, or of all with --all, or when nothing in the choice has such a name.
The exit status is 0 when something ran and nothing failed. A name or glob that
chooses no test is a failure, and so is a run of no test at all.

Not supported: choosing single hosted tests to be run (make check runs all of
them; a glob chooses which are counted).
"""
import argparse
import concurrent.futures
import fnmatch
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

# pylint: disable=wrong-import-position
import case
import hosted
import list as tests
import machine
import variants

TAIL = 60


class Totals:
	def __init__(self):
		self.count = {"pass": 0, "fail": 0, "skip": 0}
		self.names = []

	def add(self, verdict, name, detail="", log=None):
		self.count[verdict] += 1
		self.names.append(name)
		print("%s %s%s" % (verdict, name, ": " + detail if detail else ""))
		if verdict == "fail" and log and Path(log).exists():
			text = Path(log).read_text(errors="replace")
			print("     log: %s" % log)
			for line in text.splitlines()[-TAIL:]:
				print("     | " + line)
		sys.stdout.flush()

	def line(self):
		return "%d passed, %d failed, %d skipped" % (
			self.count["pass"], self.count["fail"],
			self.count["skip"])


def arguments():
	p = argparse.ArgumentParser(prog="taproot-test",
		description="Runs Taproot's tests.")
	p.add_argument("names", nargs="*", metavar="NAME",
		help="name or glob: hosted/*, boot/*, nvme, refuse-*; variants "
		"by their names, such as nvme+grub-uefi, nvme+*lane-c")
	p.add_argument("--all", action="store_true",
		help="every boot test in every variant: start, interrupt format, "
		"kernel, ABI, processors (hours); without it, a choice that has "
		"each test with each value and each pair of values")
	p.add_argument("--list", action="store_true",
		help="list the tests and run none")
	p.add_argument("--patience", type=float, default=1, metavar="FACTOR",
		help="time-outs are longer by this factor, on a busy machine")
	p.add_argument("--times", type=int, default=1, metavar="COUNT",
		help="every boot test so many times, one round after the other")
	p.add_argument("--bare", action="store_true",
		help="the boot scenarios without Taproot, where that makes "
		"sense: proves the scenarios themselves")
	p.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4),
		help="boot tests at a time (as many as processors, at most 4)")
	return p.parse_args()


def matches(name, glob):
	return fnmatch.fnmatch(name, glob if "/" in glob else "boot/" + glob)


def chosen(name, globs):
	return not globs or any(matches(name, g) for g in globs)


def may_be_hosted(glob):
	return glob.startswith("hosted") or glob.startswith("*") and "/" in glob


def wants_hosted(args):
	return not args.bare and (not args.names or
				  any(may_be_hosted(g) for g in args.names))


def run_hosted(args, logs, totals):
	print("==> hosted tests (make check)", flush=True)
	log = logs / "make-check.log"

	def report(verdict, name, reason):
		if chosen(name, args.names):
			own = logs / (name[7:].replace("/", "-") + ".log")
			totals.add(verdict, name, reason,
				   own if own.exists() else log)

	hosted.execute(log, report)


def boot_tests(args):
	"""What is run: of the choice, or what only a name asks for, or all."""
	full = variants.expand(tests.TESTS)
	choice = full if args.all else variants.choose(full)
	known = {"boot/" + v["name"] for _, _, v in choice}
	rest = [g for g in args.names if not any(matches(n, g) for n in known)]

	def wanted(name):
		return (name in known and chosen(name, args.names) or
			any(matches(name, g) for g in rest))

	return [v for _, _, v in full if wanted("boot/" + v["name"]) and
		(v.get("bare") or not args.bare)]


def fail_unmatched(args, totals):
	"""A name with a typing error must not pass as a test."""
	known = ["boot/" + t["name"] for t in boot_tests(args)] + totals.names
	for glob in args.names:
		if not any(matches(name, glob) for name in known):
			totals.add("fail", glob, "matches no test")
	if not totals.names:
		totals.add("fail", "selection", "no test was chosen")


def lacks(test):
	"""Why what the test needs is not in the cache, or nothing."""
	fix = machine.cache() / "qemu" / ".fix"
	if test.get("fixed") and not (fix.exists() and fix.read_text().strip() == "fixed"):
		return "this QEMU is not one that scripts/qemu_fix.py can fix"
	part = "tools-" + test.get("tools", "")
	reason = machine.cache() / (part + ".reason")
	if "tools" not in test or (machine.cache() / part / ".recipe").exists():
		return ""
	return reason.read_text().strip() if reason.exists() else \
		"no %s in the cache" % part


def run_boot(args, logs, totals):
	selected = boot_tests(args)
	if not selected:
		return
	print("==> boot tests, %d at a time" % args.jobs, flush=True)
	for test in selected:
		if lacks(test):
			totals.add("skip", "boot/" + test["name"], lacks(test))
	# The long ones first, so that none is left alone at the end.
	selected = sorted((t for t in selected if not lacks(t)),
			  key=lambda t: -t.get("timeout", case.DEFAULT_TIMEOUT))
	selected = [dict(t, round=n) if n > 1 else t
		    for n in range(1, args.times + 1) for t in selected]
	with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
		jobs = {pool.submit(case.execute, t, logs, args.bare,
				    args.patience): t
			for t in selected}
		for job in concurrent.futures.as_completed(jobs):
			failures, seconds, log = job.result()
			name = "boot/" + case.name_of(jobs[job])
			if failures:
				totals.add("fail", name, "; ".join(failures), log)
			else:
				totals.add("pass", name, "%.0f s" % seconds)


def show_list(args):
	for _, name, _ in hosted.read_results():
		print(name)
	for test in boot_tests(args):
		print("boot/" + test["name"])


def main():
	args = arguments()
	if args.list:
		show_list(args)
		return 0
	logs = machine.BUILD / "test-logs"
	case.clear_logs(logs)
	totals = Totals()
	if wants_hosted(args):
		run_hosted(args, logs, totals)
	run_boot(args, logs, totals)
	fail_unmatched(args, totals)
	print(totals.line())
	return 1 if totals.count["fail"] else 0


if __name__ == "__main__":
	sys.exit(main())
