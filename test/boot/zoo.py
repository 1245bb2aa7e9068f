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
