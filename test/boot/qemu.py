# SPDX-License-Identifier: MIT
"""
One QEMU process under test: its console as lines, its QMP socket, its log
file, and a deadline that nothing outlives.

The console is QEMU's stdin and stdout. Lines are kept without their carriage
returns and terminal escapes; the log file has each with its arrival time.

Not supported: more than one console (a second serial port goes to a file).
"""
import re
import subprocess
import threading
import time

import qmp

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\r")
# The hypervisor's lines, with their level; and the end of a line of the domain's
# that one of them interrupted: it is begun again (include/taproot/console_line.h).
OURS = re.compile(r"^\[ *[0-9]+\.[0-9]+\] ([EINT] .*)$")
CUT = " ..."
# Of the registers these say nothing about where a processor was.
LEFT_OUT = re.compile(r"FPR|XMM|YMM|DR[0-7]")
POLL = 0.3  # seconds between looks for the machine's end


def is_piece(lines, at):
	"""One that the hypervisor's lines, to the last one there is, came after."""
	return lines[at].endswith(CUT) and all(OURS.match(s) for s in lines[at + 1:])


def add_line(lines, text):
	"""Adds a line; the piece of it that was interrupted before is taken out."""
	at = len(lines) - 1
	if not OURS.match(text):
		while at >= 0 and OURS.match(lines[at]):
			at -= 1
		piece = lines[at] if 0 <= at < len(lines) - 1 else ""
		if piece.endswith(CUT) and text.startswith(piece[:-len(CUT)]):
			del lines[at]
	lines.append(text)


class Timeout(Exception):
	pass


class Vm:
	def __init__(self, argv, folder, log_path, timeout):
		self.start = time.monotonic()
		self.deadline = self.start + timeout
		self.lines = []
		self.changed = threading.Condition()
		self.closed = False
		self.over = False  # the machine has ended
		self.next_look = 0
		path = folder + "/qmp"
		argv = argv + ["-qmp", "unix:%s,server=on,wait=off" % path,
			       "-action", "shutdown=pause"]
		self.log = open(log_path, "w", encoding="utf-8")
		self.log.write("# %s\n" % " ".join(argv))
		self.process = subprocess.Popen(
			argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
			stderr=subprocess.STDOUT)
		self.reader = threading.Thread(target=self._read, daemon=True)
		self.reader.start()
		self.qmp = qmp.Qmp(path)

	def _read(self):
		for raw in self.process.stdout:
			text = raw.decode("utf-8", "replace").rstrip("\n")
			text = ESCAPES.sub("", text)
			self.log.write("%8.2f %s\n" %
				       (time.monotonic() - self.start, text))
			self.log.flush()
			if text.startswith("qemu-system-x86_64: warning: TCG"):
				continue
			with self.changed:
				add_line(self.lines, text)
				self.changed.notify_all()
		with self.changed:
			self.closed = True
			self.changed.notify_all()

	def _look_for_end(self):
		"""
		QEMU waits when the machine has ended: where the processors were is
		all that a triple fault of the hypervisor's own leaves.
		"""
		now = time.monotonic()
		if self.over or now < self.next_look:
			return
		self.next_look = now + POLL
		try:
			self.qmp.poll_events()
			reason = self.qmp.shutdown_reason()
			if reason:
				self.over = True
				if reason != "guest-shutdown":
					self.log_state()
				self.qmp.execute("quit")
		except qmp.QmpError:
			self.over = True  # QEMU has ended by itself
		except (OSError, ValueError) as error:
			self.over = True
			if self.process.poll() is None:
				self.log.write("# QEMU does not answer: %s\n" % error)
				self.process.kill()

	def text(self):
		with self.changed:
			return "\n".join(self.lines)

	def _seen(self, pattern):
		"""Lines that match, but for a piece whose whole line is still to come."""
		return sum(1 for n, s in enumerate(self.lines)
			   if re.search(pattern, s) and not is_piece(self.lines, n))

	def count(self, pattern):
		with self.changed:
			return self._seen(pattern)

	def wait_for(self, pattern, times=1, seconds=None):
		"""
		True when seen, False when QEMU ended first or the seconds are
		over; Timeout at the deadline of the whole test.
		"""
		limit = self.deadline
		if seconds is not None:
			limit = min(limit, time.monotonic() + seconds)
		while True:
			with self.changed:
				if self._seen(pattern) >= times:
					return True
				if self.closed:
					return False
				left = limit - time.monotonic()
				if left <= 0 and limit < self.deadline:
					return False
				if left <= 0:
					raise Timeout()
				self.changed.wait(min(left, POLL))
			self._look_for_end()

	def wait_end(self):
		"""Waits for the machine to end by itself; returns QEMU's status."""
		while True:
			with self.changed:
				if self.closed:
					break
				left = self.deadline - time.monotonic()
				if left <= 0:
					raise Timeout()
				self.changed.wait(min(left, POLL))
			self._look_for_end()
		self.qmp.drain()
		return self.process.wait(timeout=30)

	def type_text(self, text):
		self.process.stdin.write(text.encode())
		self.process.stdin.flush()

	def type_line(self, line):
		self.type_text(line + "\n")

	def shorten(self, seconds):
		"""The deadline is at most so far away from now."""
		self.deadline = min(self.deadline,
				    time.monotonic() + seconds)

	def log_state(self):
		"""Where each processor is goes to the log, while QEMU still runs."""
		if self.process.poll() is not None:
			return
		try:
			text = self.qmp.hmp("info registers -a")
			# On these machines a processor's APIC id is its number.
			for number in range(len(self.qmp.execute("query-cpus-fast"))):
				lapic = self.qmp.hmp("info lapic %d" % number)
				text += "".join("\nCPU#%d %s" % (number, line.strip())
					for line in lapic.splitlines()
					if re.match(r"\s*(ISR|IRR)", line))
		except (qmp.QmpError, OSError, ValueError) as error:
			text = "QEMU does not answer: %s" % error
		for line in text.splitlines():
			if not LEFT_OUT.match(line):
				self.log.write("# %s\n" % line.strip())

	def stop(self):
		"""Ends QEMU if it still runs; the log is complete afterwards."""
		if self.process.poll() is None:
			self.process.kill()
		self.process.wait()
		self.reader.join(timeout=10)
		self.qmp.close()
		self.process.stdin.close()
		self.log.close()
