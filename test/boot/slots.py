# SPDX-License-Identifier: MIT
"""
What judges of slots share: an NVMe disk and its file, that comes and goes while
the machine runs, and the hypervisor's figures of what it has in use.
"""
import hashlib
import re

import machine

NVME = "0000:02:00.0"  # below hot-port0 (zoo.py)
ASK = "\x01\x01\x01pid\x01\x01\x01"
IN_USE = [r"pci: (\d+) functions, (\d+) BARs mapped, (\d+) waiting",
	  r"(\d+) vectors in use", r"(\d+) remapping entries in use"]
SPARE = [r"(\d+) spare functions"]


def figures(run, times):
	"""The hypervisor's books, by its keys, for the n-th time: in use, and spare."""
	run.vm.type_text(ASK)
	if not run.vm.wait_for(r"\] I iommu: end", times, seconds=120):
		return None
	return [[re.findall(f, run.text())[-1] for f in part] for part in (IN_USE, SPARE)]


def make_disk(run):
	"""The disk's file; returns the sum of its first half."""
	machine.make_disk(run.folder + "/hot")
	with open(run.folder + "/hot", "rb") as f:
		return hashlib.sha256(f.read(machine.HALF)).hexdigest()


def plug_nvme(run, name="hot0"):
	run.vm.qmp.execute("blockdev-add", **{
		"node-name": name + "-disk", "driver": "raw", "file": {
			"driver": "file", "locking": "off",
			"filename": run.folder + "/hot"}})
	run.vm.qmp.execute("device_add", driver="nvme", id=name, serial="hot",
			   drive=name + "-disk", bus="hot-port0")
