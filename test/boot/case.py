# SPDX-License-Identifier: MIT
"""
Runs one boot test of list.py: builds the command line, starts QEMU, follows
the scenario and collects every reason for failure.

Not supported: tests with more than one hold.
"""
import hashlib
import importlib
import re
import shutil
import tempfile
import time
from pathlib import Path

import fixtures
import grub
import list as tests
import machine
import poke
import peer
import qemu
import writes
import zoo

DEFAULT_TIMEOUT = 300
BARE_TRIES = 3
AFTER_FAILURE = 60  # seconds that a test may go on after a judge's failure
BOARD = ("cpu", "smp", "mem", "iommu", "lane")


def name_of(test):
	"""A test's name, with the number of its round (--times) behind the first."""
	return test["name"] + (".%d" % test["round"] if "round" in test else "")


class Run:
	"""What a judge sees of one test."""

	def __init__(self, test, logs, bare):
		self.test = test
		self.bare = bare
		self.name = name_of(test)
		self.log_path = logs / (self.name + ".log")
		self.disk = logs / (self.name + ".disk")
		self.record = logs / (self.name + ".record")
		self.trace = logs / (self.name + ".trace")
		self.qemu_log = logs / (self.name + ".qemu")
		self.folder = tempfile.mkdtemp(prefix="taproot-")
		self.vm = None
		self.peer = None

	def text(self):
		return self.vm.text()

	def read_page(self, address):
		"""4 KiB of physical memory, by way of a file."""
		path = self.folder + "/page"
		self.vm.qmp.execute("pmemsave", val=address, size=4096,
				    filename=path)
		with open(path, "rb") as f:
			return f.read()

	def baseline(self):
		return bare_run(self.test, self.log_path.parent).read_text()

	def baseline_trace(self):
		"""Where the writes of the same test without the hypervisor are."""
		return bare_run(self.test, self.log_path.parent).with_suffix(".trace")

	def clean(self):
		if self.peer:
			self.peer.close()
		self.disk.unlink(missing_ok=True)
		shutil.rmtree(self.folder, ignore_errors=True)


def start(run, args, bare):
	"""What loads the hypervisor, or the bare kernel: QEMU itself or GRUB."""
	test = run.test
	options = test.get("options", tests.OPTIONS)
	if "tools" in test:
		options += " abi_version=" + test["tools"]
	series = test.get("kernel")
	modules = machine.default_modules(args, series, "zoo" in test)
	if "guest" in test:
		modules = fixtures.guest(test["guest"], args)
	elif "modules" in test:
		modules = getattr(fixtures, test["modules"])()
	if "boot" not in test:
		return (machine.boot_bare(args, series, "zoo" in test) if bare else
			machine.boot_taproot(options, args, modules))
	if bare:
		lines, files = grub.bare_lines(args, series)
	else:
		lines, files = grub.hypervisor_lines(
			test.get("loader", "multiboot2"), options, modules)
		image = getattr(fixtures, test.get("image", "image"))()
		files.append(("/boot/taproot.elf", image))
	if "files" in test:
		files += getattr(fixtures, test["files"])()
	return grub.arguments(run.folder, test["boot"],
			      test.get("grub", []) + lines, files)


def command(run, bare):
	test = run.test
	tools = "tools" in test
	disk = machine.tools_disk(test["tools"]) if tools else run.disk
	if not tools:
		machine.make_disk(disk)
	if "disk" in test:
		getattr(fixtures, test["disk"])(run.disk)
	args = "" if "guest" in test else machine.KERNEL_ARGS
	if "scenario" in test:
		args += " scenario=%s processors=%d" % (
			test["scenario"], test.get("smp", machine.PROCESSORS))
	if "args" in test:
		args += " " + test["args"]
	if test.get("serve"):
		run.peer = peer.Peer()
		args += " peer=%d" % run.peer.port
	boot = start(run, args, bare)
	board = machine.board(**{k: test[k] for k in BOARD if k in test})
	argv = [machine.qemu_binary()] + board + machine.devices(
		disk, test.get("bridge", False), test.get("port", False), tools,
		test.get("bypass", False))
	argv += getattr(zoo, test["zoo"])(run.folder) if "zoo" in test else []
	argv += boot + ["-serial", "stdio"]
	if test.get("end") != "reset":
		argv.append("-no-reboot")
	if test.get("trace"):
		argv += writes.arguments(run.trace)
	else:  # a trace goes to the same file
		argv += ["-d", "cpu_reset,guest_errors",
			 "-D", machine.quote(run.qemu_log)]
	if test.get("record"):
		argv += ["-serial", "file:" + machine.quote(run.record)]
	if "poke" in test:
		argv += poke.arguments(run.folder)
	return argv


def play_bare(run, argv, path, limit):
	"""Boots once; the console, and what was traced, are kept if all was done."""
	traced = run.test.get("trace")
	run.vm = qemu.Vm(argv, run.folder, run.log_path, limit)
	try:
		complete = run.vm.wait_for(r"T: done")
		if traced:
			run.vm.wait_end()
	except qemu.Timeout:
		complete = False
		run.vm.log_state()
	finally:
		run.vm.stop()
	if complete:
		if traced:
			writes.condense(run.trace)
			run.trace.rename(path.with_suffix(".trace"))
		path.write_text(run.text())
	else:
		print("note: %s on the bare machine did not end; log: %s" %
		      (run.name, run.log_path), flush=True)


def bare_run(test, logs):
	"""
	Where the console of the same test without the hypervisor is, recorded once.
	"""
	logs = logs / "bare"
	logs.mkdir(exist_ok=True)
	run = Run(test, logs, True)
	argv = command(run, True)
	series = test.get("kernel")
	state = machine.initramfs(series).stat()
	# The folder's name is new each time, and files are named after the round; what
	# GRUB loads follows from the test.
	fixed = [word.replace(run.folder, "").replace(run.name, test["name"])
		 for word in argv]
	form = Path(writes.__file__).read_text() if test.get("trace") else ""
	same = {k: v for k, v in test.items() if k != "round"}
	key = hashlib.sha256(repr((fixed, same, machine.kernel_version(series),
				   state.st_size, state.st_mtime, form,
				   machine.qemu_since())).encode())
	path = machine.BUILD / ("baseline-%s-%s.txt" %
				(test["name"], key.hexdigest()[:16]))
	# More than once: on a busy machine bare Linux may find its timer missing.
	limit = test.get("timeout", DEFAULT_TIMEOUT) / 2
	for number in range(BARE_TRIES):
		if path.exists():
			break
		run.log_path = logs / ("%s.%d.log" % (run.name, number))
		play_bare(run, argv, path, limit)
	run.clean()
	if not path.exists():
		raise RuntimeError("the machine without the hypervisor never got "
				   "to its end; logs: %s" % logs)
	return path


def wanted(run):
	says = [] if run.bare else run.test.get("says", [])
	for item in run.test.get("expect", []) + says:
		yield (item, 1) if isinstance(item, str) else item
	for pattern in run.test.get("each", []):
		for cpu in range(run.test.get("smp", machine.PROCESSORS)):
			yield pattern % cpu, 1


def judges(test):
	for name in test.get("judges", []):
		yield importlib.import_module("judge_" + name)


def follow(run):
	"""Plays the test's part until its end; yields failures."""
	vm, test = run.vm, run.test
	if "poke" in test:
		getattr(poke, test["poke"])(run.folder)
	if "type" in test:
		pattern, line = test["type"]
		if vm.wait_for(pattern):
			vm.type_line(line)
	for judge in judges(test):
		if hasattr(judge, "during") and vm.wait_for(r"^H: "):
			for failure in judge.during(run):
				yield failure
				vm.log_state()
				vm.shorten(AFTER_FAILURE)
			vm.type_line("")
	end = test.get("end", "poweroff")
	if end == "poweroff":
		status = vm.wait_end()
		reason = vm.qmp.shutdown_reason()
		if status != 0 or reason != "guest-shutdown":
			yield "the machine ended with status %d, reason %s, " \
			      "not by powering off" % (status, reason)
	else:
		for pattern, times in wanted(run):
			vm.wait_for(pattern, times)
		time.sleep(0.5)


def forbidden(test, text):
	"""The first line for each pattern that should not be seen."""
	allowed = test.get("allow", [])
	lines = [s for s in text.split("\n")
		 if not any(re.search(e, s) for e in tests.EXCUSED)]
	patterns = [p for p in tests.FORBID_ALWAYS if p not in allowed]
	for pattern in patterns + test.get("forbid", []):
		for line in lines:
			if re.search(pattern, line):
				yield "forbidden /%s/: %s" % (pattern, line.strip())
				break


def verdicts(run, failed):
	"""What the console says when all is over, and the judges; not of half a trace."""
	for pattern, times in wanted(run):
		if run.vm.count(pattern) < times:
			yield "no line matches /%s/%s" % (
				pattern, " %d times" % times if times > 1 else "")
	yield from forbidden(run.test, run.text())
	for judge in judges(run.test):
		if hasattr(judge, "after") and not (failed and run.test.get("trace")):
			yield from judge.after(run)


def execute(test, logs, bare=False, patience=1):
	"""
	Runs a test; returns (failures, seconds, log path). The time-out is the
	test's, times the patience.
	"""
	limit = test.get("timeout", DEFAULT_TIMEOUT) * patience
	run = Run(test, logs, bare)
	begin = time.monotonic()
	failures = []
	try:
		run.vm = qemu.Vm(command(run, bare), run.folder, run.log_path,
				 limit)
		try:
			failures += follow(run)
		except qemu.Timeout:
			run.vm.log_state()
			failures.append("timeout after %d s" %
					(time.monotonic() - begin))
		finally:
			run.vm.stop()
		# Half a trace says nothing that the time-out has not said.
		if test.get("trace") and not failures:
			writes.condense(run.trace)
		failures += verdicts(run, bool(failures))
	except Exception as error:  # a broken judge is a failed test
		failures.append("%s: %s" % (type(error).__name__, error))
	run.clean()
	return failures, time.monotonic() - begin, run.log_path


def clear_logs(logs):
	shutil.rmtree(logs, ignore_errors=True)
	logs.mkdir(parents=True)
