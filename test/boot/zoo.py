# SPDX-License-Identifier: MIT
"""
Further devices for a boot test: QEMU arguments. Each function is given the
test's folder for files that it needs.
"""
import struct

import machine

ROM_SIZE = 64 << 10


def nothing(_):
	"""Only the drivers."""
	return []


def nvme_vf(folder, count=1):
	"""An NVMe controller with virtual functions, behind a root port."""
	path = folder + "/shared"
	machine.make_disk(path)
	return [
		"-drive", "if=none,id=shared,format=raw,file=" +
		machine.quote(path),
		"-device", "pcie-root-port,id=port1,chassis=2,slot=2",
		"-device", "nvme-subsys,id=subsys0",
		"-device", "nvme,serial=shared,subsys=subsys0,bus=port1,"
		"sriov_max_vfs=%d,sriov_vq_flexible=%d,sriov_vi_flexible=%d,"
		"max_ioqpairs=%d,msix_qsize=%d" %
		(count, 2 * count, count, 2 * count + 2, count + 2),
		"-device", "nvme-ns,drive=shared,nsid=1",
	]


def nvme_vfs(folder):
	"""As many as it has: a function number goes beyond 7 (ARI)."""
	return nvme_vf(folder, 127)


def big_bar(_):
	"""Shared memory of 8 GiB that is never all touched."""
	return [
		"-object", "memory-backend-ram,id=big,size=8G,share=on,reserve=off",
		"-device", "ivshmem-plain,memdev=big",
	]


def rom():
	"""
	An expansion ROM that no firmware starts, its code being of an unknown type
	(PCI 3.0 6.3.1), and the rest of it noise.
	"""
	state = 1
	out = bytearray()
	while len(out) < ROM_SIZE:
		state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
		out += state.to_bytes(8, "little")
	struct.pack_into("<H22xH", out, 0, 0xaa55, 0x1c)
	struct.pack_into("<4sHHHHB3sHHBBH", out, 0x1c, b"PCIR", 0x10ec, 0x8139, 0, 24, 3,
			 bytes(3), ROM_SIZE // 512, 1, 0xff, 0x80, 0)
	return bytes(out)


def small_bars(folder):
	"""Two NICs with BARs of 256 bytes and an expansion ROM each; a disk with a 64-bit BAR."""
	path = folder + "/rom"
	with open(path, "wb") as f:
		f.write(rom())
	machine.make_disk(folder + "/shared")
	out = ["-drive", "if=none,id=shared,format=raw,snapshot=on,file=" +
	       machine.quote(folder + "/shared"),
	       "-device", "nvme,serial=high,drive=shared"]
	for number in (8, 9):
		out += ["-netdev", "user,id=net%d,net=10.0.%d.0/24" % (number, number),
			"-device", "rtl8139,netdev=net%d,mac=52:54:00:74:61:%02x,romfile=%s" % (
				number, number, machine.quote(path))]
	return out


def shared_line(folder):
	"""On edu's bus behind the bridge (list.py: bridge), on edu's line."""
	path = folder + "/shared"
	machine.make_disk(path)
	return [
		"-netdev", "user,id=net1,net=10.0.3.0/24",
		"-device", "rtl8139,netdev=net1,bus=pci0,addr=5",
		"-audiodev", "none,id=audio0",
		"-device", "ES1370,audiodev=audio0,bus=pci0,addr=9",
		"-device", "am53c974,id=scsi0,bus=pci0,addr=0d",
		"-drive", "if=none,id=shared,format=raw,file=" +
		machine.quote(path),
		"-device", "scsi-hd,drive=shared,bus=scsi0.0",
	]


def hotplug(_):
	"""
	Two empty ports, buses 2 and 3 behind igb's, and a network for a NIC. The
	first signals by MSI with mask bits, two messages, the second by MSI-X.
	Linux drives the ports itself, as on machines, not by ACPI.
	"""
	return [
		"-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
		"-netdev", "user,id=net1,net=10.0.4.0/24",
		"-device", "ioh3420,id=hot-port0,chassis=3,slot=3",
		"-device", "pcie-root-port,id=hot-port1,chassis=4,slot=4",
	]


def two_messages(_):
	"""
	A root port whose MSI has two messages, masks and pending bits. Its slot is
	the driver's, as on machines, not ACPI's.
	"""
	return [
		"-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
		"-device", "ioh3420,id=port2,chassis=2,slot=2",
	]


def all_kinds(folder):
	"""
	A device for each driver of the scenario zoo. A NIC's MAC address ends in
	the number of its network, 10.0.N.0/24; all disks begin with the same
	bytes. A switch, and a second root bus.
	"""
	path = folder + "/shared"
	machine.make_disk(path)

	def nic(driver, number, bus):
		return ["-netdev", "user,id=net%d,net=10.0.%d.0/24" % (number, number),
			"-device", "%s,netdev=net%d,mac=52:54:00:74:61:%02x,bus=%s" %
			(driver, number, number, bus)]

	def disk(name):
		return ["-drive", "if=none,id=%s,format=raw,snapshot=on,file=%s" %
			(name, machine.quote(path))]

	return [
		"-device", "pcie-root-port,id=up-port,chassis=5,slot=5",
		"-device", "x3130-upstream,id=up,bus=up-port",
		"-device", "xio3130-downstream,id=down0,bus=up,chassis=6,slot=6",
		"-device", "xio3130-downstream,id=down1,bus=up,chassis=7,slot=7",
		"-device", "pxb-pcie,id=pxb,bus_nr=64,bus=pcie.0",
		"-device", "pcie-root-port,id=far-port,bus=pxb,chassis=8,slot=8",
		"-device", "pcie-root-port,id=virtio-port,chassis=9,slot=9,bus=pcie.0",
		*nic("e1000e", 5, "down0"),
		*nic("vmxnet3", 6, "far-port"),
		*nic("virtio-net-pci", 7, "virtio-port"),
		*disk("disk1"), "-device", "megasas-gen2,id=raid,bus=down1",
		"-device", "scsi-hd,drive=disk1,bus=raid.0",
		*disk("disk2"), "-device", "ich9-ahci,id=sata,bus=pcie.0",
		"-device", "ide-hd,drive=disk2,bus=sata.0",
		*disk("disk3"), "-device", "virtio-blk-pci,drive=disk3,bus=pcie.0,"
		"disable-legacy=on",
		*disk("disk4"), "-device", "qemu-xhci,id=usb,bus=pcie.0",
		"-device", "usb-storage,drive=disk4,bus=usb.0",
		"-audiodev", "none,id=audio0",
		"-device", "intel-hda,bus=pcie.0", "-device", "hda-duplex,audiodev=audio0",
	]


def far_nvme(folder, more=""):
	"""An NVMe disk behind a root port, on bus 2."""
	path = folder + "/shared"
	machine.make_disk(path)
	return [
		"-drive", "if=none,id=far,format=raw,snapshot=on,file=" +
		machine.quote(path),
		"-device", "pcie-root-port,id=port1,chassis=2,slot=2",
		"-device", "nvme,serial=far,drive=far,bus=port1" + more,
	]


def large_table(folder):
	"""The same with as many MSI-X entries as there can be."""
	return far_nvme(folder, ",msix_qsize=2048")
