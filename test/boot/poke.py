# SPDX-License-Identifier: MIT
"""
Changes what the hypervisor finds, through QEMU's debugger socket: for firmware
settings that no QEMU option gives.

Speaks the GDB remote serial protocol (packets Z/z, c, P, m, M, D of its manual,
appendix E, and QEMU's Qqemu.PhyMemMode) with just what is needed: one hardware
breakpoint, a new value for RAX, and the machine's configuration space.

Not supported: several breakpoints at a time, other architectures.
"""
import re
import struct
import socket
import subprocess
import time

import machine

VM_CR = 0xc0010114	# APMv2 15.30.1
VM_CR_LOCK, VM_CR_SVMDIS = 1 << 3, 1 << 4
RAX = 0			# numbering of org.gnu.gdb.i386.core, 64-bit
ECAM = 0xb0000000	# where QEMU's firmware puts it
IGB = 0x10c98086
SRIOV = 0x0010		# SR-IOV 1.1 3.3
SRIOV_CONTROL, SRIOV_NUM_VFS, SRIOV_VF_BAR0 = 0x08, 0x10, 0x24
VF_ENABLE, VF_MSE = 0x1, 0x8


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

	def break_at(self, address):
		"""Runs until the processor comes there."""
		self.ask("?")
		self.ask("Z1,%x,1" % address)
		self.ask("c")
		self.ask("z1,%x,1" % address)

	def read_config(self, devfn, reg):
		"""A dword of a function on bus 0."""
		data = self.ask("m%x,4" % (ECAM + (devfn << 12) + reg))
		return struct.unpack("<I", bytes.fromhex(data))[0]

	def write_config(self, devfn, reg, value, size=4, fixed=0):
		"""What is written has to be there then, but for bits that are fixed."""
		at = "%x,%x" % (ECAM + (devfn << 12) + reg, size)
		self.ask("M%s:%s" % (at, value.to_bytes(size, "little").hex()))
		now = int.from_bytes(bytes.fromhex(self.ask("m" + at)), "little")
		if (now ^ value) & ~fixed:
			raise OSError("config space at %s is %#x, not %#x" % (at, now, value))

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
	remote.break_at(address)
	value = VM_CR_LOCK | VM_CR_SVMDIS
	remote.ask("P%x=%s" % (RAX, value.to_bytes(8, "little").hex()))
	remote.ask("D")


def entry():
	"""Where the image begins, as QEMU starts it (ELF32)."""
	return struct.unpack_from("<I", machine.image().read_bytes(), 24)[0]


def vfs_enabled(folder):
	"""Two virtual functions of igb are on, with their memory, as firmware may leave them."""
	remote = Remote(folder + "/gdb")
	remote.break_at(entry())
	remote.ask("Qqemu.PhyMemMode:1")
	igb = next(n for n in range(0, 256, 8) if remote.read_config(n, 0) == IGB)
	cap = 0x100
	while remote.read_config(igb, cap) & 0xffff != SRIOV:
		cap = remote.read_config(igb, cap) >> 20
	for bar, address in ((0, 0xd0000000), (3, 0xd0100000)):
		remote.write_config(igb, cap + SRIOV_VF_BAR0 + 4 * bar, address, fixed=0xf)
		remote.write_config(igb, cap + SRIOV_VF_BAR0 + 4 * bar + 4, 0)
	remote.write_config(igb, cap + SRIOV_NUM_VFS, 2, 2)
	remote.write_config(igb, cap + SRIOV_CONTROL, VF_ENABLE | VF_MSE, 2)
	remote.ask("D")
