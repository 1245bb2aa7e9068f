# SPDX-License-Identifier: MIT
"""
Plugs an NVMe disk and a virtio NIC in and out below two ports, ten times, and
judges: both do their work each time, what the hypervisor has in use for
them (functions, BARs, remapping entries) is the same after each round, and each
port tells of every device by its own kind of message.
"""
import re
import time

import slots

ROUNDS = 10
NET = "0000:03:00.0"
# What the control registers of a port's MSI and MSI-X have where messages come
# by it (PCI 3.0 6.8.1.3, PCIe 6.0 7.7.2.2): MSI enabled, one of two messages, 32-bit,
# with mask bits; MSI-X enabled, not masked.
MSI = (0x01ff, 0x0103)
MSIX = (0xc000, 0x8000)
PORT = r"L: hot port %s \d+ msi (\w*) ?msix (\w*) ?interrupts (\d+)"


def plug(run):
	slots.plug_nvme(run)
	run.vm.qmp.execute("device_add", driver="virtio-net-pci", id="hot1",
			   netdev="net1", bus="hot-port1")


def unplug(run):
	run.vm.qmp.execute("device_del", id="hot0")
	run.vm.qmp.execute("device_del", id="hot1")


def is_on(control, form):
	mask, value = form
	return control != "" and int(control, 16) & mask == value


def judge_port(run, device, has_msi):
	"""Each time more interrupts than the time before."""
	lines = re.findall(PORT % device, run.text())
	counts = [int(count) for _, _, count in lines]
	for msi, msix, _ in lines:
		if is_on(msi, MSI) != has_msi or is_on(msix, MSIX) == has_msi:
			yield "port of %s: MSI control %s, MSI-X control %s" % (
				device, msi or "none", msix or "none")
			break
	if len(counts) != ROUNDS or counts != sorted(set(counts)) or 0 in counts:
		yield "port of %s: interrupts %s" % (device, counts)


def during(run):
	want = slots.make_disk(run)
	before = None
	for n in range(1, ROUNDS + 1):
		plug(run)
		for where in (slots.NVME, NET):
			if not run.vm.wait_for(r"L: hot up %s %d$" % (where, n),
					       seconds=120):
				yield "round %d: %s did not come" % (n, where)
				return
		unplug(run)
		for where in (slots.NVME, NET):
			if not run.vm.wait_for(r"L: hot gone %s %d$" % (where, n),
					       seconds=120):
				yield "round %d: %s did not go" % (n, where)
				return
		if not wait_deleted(run, n):
			yield "round %d: QEMU has the devices still" % n
			return
		run.vm.qmp.execute("blockdev-del", **{"node-name": "hot0-disk"})
		now = slots.figures(run, n)
		if now is None or (before is not None and now != before):
			yield "round %d: in use %s, before %s" % (n, now, before)
		before = before or now
	if run.text().count("L: hot nvme " + want) != ROUNDS:
		yield "the disk's sum was not read %d times" % ROUNDS
	yield from judge_port(run, slots.NVME, True)
	yield from judge_port(run, NET, False)


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
