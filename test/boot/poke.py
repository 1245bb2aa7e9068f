# SPDX-License-Identifier: MIT
"""
Changes what the hypervisor reads from the processor, through QEMU's debugger
socket: for firmware settings that no QEMU option gives.

Speaks the GDB remote serial protocol (packets Z/z, c, p, P, D of its manual,
appendix E) with just what is needed: one hardware breakpoint behind an RDMSR,
found in the disassembly of the image, and a new value for RAX.

Not supported: several breakpoints, other architectures.
"""
import re
import socket
import subprocess
import time

import machine

VM_CR = 0xc0010114	# APMv2 15.30.1
VM_CR_LOCK, VM_CR_SVMDIS = 1 << 3, 1 << 4
RAX = 0			# numbering of org.gnu.gdb.i386.core, 64-bit


def arguments(folder):
	return ["-S", "-gdb", "unix:%s/gdb,server=on,wait=off" % folder]


class Remote:
	def __init__(self, path):
		self.sock = socket.socket(socket.AF_UNIX)
		self.sock.settimeout(60)
		for _ in range(100):
			try:
				self.sock.connect(path)
				break
			except OSError:
				time.sleep(0.1)
		self.data = b""

	def ask(self, packet):
		body = packet.encode()
		self.sock.sendall(b"$%s#%02x" % (body, sum(body) & 0xff))
		return self.answer()

	def answer(self):
		while True:
			m = re.search(rb"\$([^#]*)#..", self.data)
			if m:
				self.data = self.data[m.end():]
				self.sock.sendall(b"+")
				return m.group(1).decode()
			more = self.sock.recv(4096)
			if not more:
				raise OSError("the debugger socket was closed")
			self.data += more


def after_rdmsr(msr):
	"""The address behind the RDMSR that reads this register."""
	out = subprocess.run(
		["objdump", "-d", "--no-show-raw-insn",
		 str(machine.BUILD / "taproot.elf64")],
		capture_output=True, text=True, check=True).stdout
	waiting = found = False
	for line in out.splitlines():
		if "$0x%x,%%ecx" % msr in line:
			waiting = True
		elif waiting and found:
			return int(line.split(":")[0], 16)
		elif waiting and re.search(r"\brdmsr\b", line):
			found = True
	raise LookupError("no RDMSR of %#x in the image" % msr)


def svm_locked(folder):
	"""VM_CR reads as firmware leaves it that locks SVM away."""
	address = after_rdmsr(VM_CR)
	remote = Remote(folder + "/gdb")
	remote.ask("?")
	remote.ask("Z1,%x,1" % address)
	remote.ask("c")
	value = VM_CR_LOCK | VM_CR_SVMDIS
	remote.ask("P%x=%s" % (RAX, value.to_bytes(8, "little").hex()))
	remote.ask("z1,%x,1" % address)
	remote.ask("D")
