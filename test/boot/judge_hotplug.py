# SPDX-License-Identifier: MIT
"""
Plugs an NVMe disk and a virtio NIC in and out below two ports, ten times, and
judges: both do their work each time, and what the hypervisor has in use for
them (functions, BARs, remapping entries) is the same after each round.
"""
import hashlib
import re
import time

import machine

ROUNDS = 10
NVME, NET = "0000:02:00.0", "0000:03:00.0"
ASK = "\x01\x01\x01pd\x01\x01\x01"
FIGURES = [r"pci: (\d+) functions, (\d+) BARs mapped, (\d+) waiting, "
	   r"(\d+) spare functions", r"(\d+) remapping entries in use"]


def figures(run, times):
	"""The hypervisor's books, by its keys."""
	run.vm.type_text(ASK)
	if not run.vm.wait_for(r"\] I iommu: end", times, seconds=120):
		return None
	return [re.findall(f, run.text())[-1] for f in FIGURES]


def plug(run):
	qmp = run.vm.qmp
	qmp.execute("blockdev-add", **{
		"node-name": "hot", "driver": "raw",
		"file": {"driver": "file", "filename": run.folder + "/hot"}})
	qmp.execute("device_add", driver="nvme", id="hot0", serial="hot",
		    drive="hot", bus="hot-port0")
	qmp.execute("device_add", driver="virtio-net-pci", id="hot1",
		    netdev="net1", bus="hot-port1")


def unplug(run):
	run.vm.qmp.execute("device_del", id="hot0")
	run.vm.qmp.execute("device_del", id="hot1")


def during(run):
	machine.make_disk(run.folder + "/hot")
	with open(run.folder + "/hot", "rb") as f:
		want = hashlib.sha256(f.read(machine.HALF)).hexdigest()
	before = None
	for n in range(1, ROUNDS + 1):
		plug(run)
		for where in (NVME, NET):
			if not run.vm.wait_for(r"L: hot up %s %d$" % (where, n),
					       seconds=120):
				yield "round %d: %s did not come" % (n, where)
				return
		unplug(run)
		for where in (NVME, NET):
			if not run.vm.wait_for(r"L: hot gone %s %d$" % (where, n),
					       seconds=120):
				yield "round %d: %s did not go" % (n, where)
				return
		if not wait_deleted(run, n):
			yield "round %d: QEMU has the devices still" % n
			return
		run.vm.qmp.execute("blockdev-del", **{"node-name": "hot"})
		now = figures(run, n)
		if now is None or (before is not None and now != before):
			yield "round %d: in use %s, before %s" % (n, now, before)
		before = before or now
	if run.text().count("L: hot nvme " + want) != ROUNDS:
		yield "the disk's sum was not read %d times" % ROUNDS


def wait_deleted(run, times):
	"""Both devices are gone for QEMU, for the n-th time."""
	for _ in range(300):
		run.vm.qmp.poll_events()
		gone = [e for e in run.vm.qmp.events
			if e["event"] == "DEVICE_DELETED" and
			e["data"].get("device") in ("hot0", "hot1")]
		if len(gone) >= 2 * times:
			return True
		time.sleep(0.1)
	return False
