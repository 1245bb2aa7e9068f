# SPDX-License-Identifier: MIT
"""
A small QMP client over a Unix socket: commands, and the events that came in
between (QEMU docs/interop/qmp-spec.rst).

Not supported: out-of-band execution, asynchronous waiting for events.
"""
import json
import socket
import time


class QmpError(Exception):
	pass


class Qmp:
	def __init__(self, path, timeout=30):
		self.events = []
		self.sock = self._connect(path, timeout)
		self.sock.settimeout(timeout)
		self.file = self.sock.makefile("rb")
		self._read()
		self.execute("qmp_capabilities")

	@staticmethod
	def _connect(path, timeout):
		deadline = time.monotonic() + timeout
		while True:
			sock = socket.socket(socket.AF_UNIX)
			try:
				sock.connect(path)
				return sock
			except OSError:
				sock.close()
				if time.monotonic() > deadline:
					raise
				time.sleep(0.05)

	def _read(self):
		line = self.file.readline()
		if not line:
			raise QmpError("QEMU closed its QMP socket")
		return json.loads(line)

	def execute(self, command, **arguments):
		"""Runs one command; returns its result or raises QmpError."""
		message = {"execute": command}
		if arguments:
			message["arguments"] = arguments
		self.sock.sendall(json.dumps(message).encode() + b"\n")
		while True:
			answer = self._read()
			if "event" in answer:
				self.events.append(answer)
			elif "error" in answer:
				raise QmpError(answer["error"]["desc"])
			else:
				return answer["return"]

	def hmp(self, line):
		return self.execute("human-monitor-command",
				    **{"command-line": line})

	def poll_events(self):
		"""Takes in the events that came so far."""
		self.execute("query-name")

	def drain(self):
		"""Reads events until QEMU closes the socket."""
		try:
			while True:
				answer = self._read()
				if "event" in answer:
					self.events.append(answer)
		except (QmpError, OSError, ValueError):
			pass

	def shutdown_reason(self):
		"""Why the machine stopped: guest-shutdown, guest-reset, ..."""
		for event in self.events:
			if event["event"] == "SHUTDOWN":
				return event["data"].get("reason", "unknown")
		return None

	def close(self):
		self.file.close()
		self.sock.close()
