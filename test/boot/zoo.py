# SPDX-License-Identifier: MIT
"""
Further devices for a boot test: QEMU arguments. Each function is given the
test's folder for files that it needs.
"""
import machine


def nvme_vf(folder):
	"""An NVMe controller with one virtual function, behind a root port."""
	path = folder + "/shared"
	machine.make_disk(path)
	return [
		"-drive", "if=none,id=shared,format=raw,file=" +
		machine.quote(path),
		"-device", "pcie-root-port,id=port1,chassis=2,slot=2",
		"-device", "nvme-subsys,id=subsys0",
		"-device", "nvme,serial=shared,subsys=subsys0,bus=port1,"
		"sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1",
		"-device", "nvme-ns,drive=shared,nsid=1",
	]


def big_bar(_):
	"""Shared memory of 8 GiB that is never all touched."""
	return [
		"-object", "memory-backend-ram,id=big,size=8G,share=on,reserve=off",
		"-device", "ivshmem-plain,memdev=big",
	]


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
	Two empty ports, buses 2 and 3 behind igb's, and a network for a NIC.
	Linux drives the ports itself, as on machines, not by ACPI.
	"""
	return [
		"-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
		"-netdev", "user,id=net1,net=10.0.4.0/24",
		"-device", "pcie-root-port,id=hot-port0,chassis=3,slot=3",
		"-device", "pcie-root-port,id=hot-port1,chassis=4,slot=4",
	]
