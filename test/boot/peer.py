# SPDX-License-Identifier: MIT
"""
Somebody for the guest to exchange data with: a TCP server on the host, which
QEMU's user network shows at 10.0.2.2. A connection is one line, then data:

  get NAME BYTES    it sends that many bytes, which follow from the name
  put NAME BYTES    it takes that many and answers with their SHA-256

`sent` and `taken` have the SHA-256 of both by name, for a judge.

Not supported: anything but the two; a line that is neither ends the connection.
"""
import hashlib
import socketserver
import threading

CHUNK = 1 << 16


def blob(name, size):
	"""Bytes that are the same every time, and others for another name."""
	seed = hashlib.sha256(name.encode()).digest()
	return hashlib.shake_128(seed).digest(min(size, 1 << 20)) * (
		(size + (1 << 20) - 1) >> 20)


class Handler(socketserver.StreamRequestHandler):
	def handle(self):
		words = self.rfile.readline(200).decode(errors="replace").split()
		if len(words) != 3 or not words[2].isdigit():
			return
		size = int(words[2])
		if words[0] == "get":
			data = blob(words[1], size)[:size]
			self.server.sent[words[1]] = hashlib.sha256(data).hexdigest()
			self.wfile.write(data)
		elif words[0] == "put":
			digest = hashlib.sha256()
			while size:
				data = self.rfile.read(min(size, CHUNK))
				if not data:
					break
				digest.update(data)
				size -= len(data)
			self.server.taken[words[1]] = digest.hexdigest()
			self.wfile.write((digest.hexdigest() + "\n").encode())


class Peer(socketserver.ThreadingTCPServer):
	daemon_threads = True

	def __init__(self):
		super().__init__(("127.0.0.1", 0), Handler)
		self.sent, self.taken = {}, {}
		self.port = self.server_address[1]
		threading.Thread(target=self.serve_forever, daemon=True).start()

	def handle_error(self, request, client_address):
		"""The guest went away: the test's verdict says what that means."""

	def close(self):
		self.shutdown()
		self.server_close()
