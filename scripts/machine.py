# SPDX-License-Identifier: MIT
"""
The test machine: QEMU command lines of lane A, for the run script and the
boot tests alike.

Lane A is QEMU's TCG as the hardware: a q35 with an EPYC processor that offers
SVM and nested paging, a VT-d IOMMU with interrupt remapping, an NVMe disk, an
igb NIC on user networking and an edu device. Lane C is the same under -icount,
which wants one processor without x2APIC. Under the hypervisor the kernel
and the initramfs are multiboot modules; bare, the same kernel is started by
QEMU itself, for comparison.

Not supported: the other lanes of the design; KVM.
"""
import os
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"

CPU = "EPYC,+svm,+npt,+x2apic"
IOMMU = "intremap=on,eim=on"
# Lane C counts instructions: one is a nanosecond. Idle time passes as on the host:
# with sleep=off it leaps, and 30 s are over before the host's disk has answered.
LANES = {"a": [], "c": ["-icount", "shift=0,sleep=on"]}
PROCESSORS = 2
DISK_SIZE = 16 << 20
HALF = DISK_SIZE // 2

# What the hardware domain's kernel needs on any lane. /dev/mem may read what
# a driver has claimed: a scenario looks at MSI-X tables that way. The self-tests
# of its cryptography are two fifths of the instructions of a boot.
KERNEL_ARGS = ("console=ttyS0 earlyprintk=serial iomem=relaxed panic=-1 "
	       "cryptomgr.notests")


def cache():
	return Path(os.environ["CACHE"])


def qemu_binary():
	return str(cache() / "bin" / "qemu-system-x86_64")


def qemu_since():
	"""When that QEMU was put into the cache."""
	return (cache() / "qemu" / ".recipe").stat().st_mtime


def default_kernel():
	"""The series of the host's own release, 6.1 or 6.12."""
	return os.environ["KERNEL"]


def kernel_folder(series=None):
	return cache() / ("kernel-" + (series or default_kernel()))


def kernel_version(series=None):
	return (kernel_folder(series) / "version").read_text().strip()


def bzimage(series=None):
	return kernel_folder(series) / "vmlinuz"


def vmlinux(series=None):
	"""Extracted by build/taproot-vmlinux; see scripts/lib.sh."""
	return BUILD / ("vmlinux-" + kernel_version(series))


def initramfs(series=None, zoo=False):
	return BUILD / ("initramfs-%s%s.cpio" % (
		series or default_kernel(), "-zoo" if zoo else ""))


def image():
	return BUILD / "taproot.elf"


def tools_disk(version):
	"""Debian with Xen's tools of a version (scripts/cache.sh)."""
	return cache() / ("tools-" + version) / "disk.img"


def make_disk(path):
	"""A disk whose first half is noise that is the same every time."""
	state, words = 0x2545f4914f6cdd1d, []
	for _ in range(4096 // 8):
		state ^= (state << 13) & (2**64 - 1)
		state ^= state >> 7
		state ^= (state << 17) & (2**64 - 1)
		words.append(state.to_bytes(8, "little"))
	page = b"".join(words)
	with open(path, "wb") as f:
		for number in range(HALF // 4096):
			f.write(number.to_bytes(8, "little") + page[8:])
		f.truncate(DISK_SIZE)


def devices(disk, bridge=False, port=False, snapshot=False, bypass=False):
	"""
	bridge: edu is on a conventional bus, behind a bridge; bypass: it is on
	another root bus, which the IOMMU does not see; port: igb is
	behind a root port, which its virtual functions need on other machines;
	snapshot: what is written to the disk is forgotten.
	"""
	edu = "edu,dma_mask=0xffffffffffffffff"
	igb = "igb,netdev=net0,mac=52:54:00:74:61:02"
	above, beside = [], []
	if port:
		above += ["-device", "pcie-root-port,id=port0,chassis=1,slot=1"]
		igb += ",bus=port0"
	if bridge:
		above += ["-device", "pcie-pci-bridge,id=pci0"]
		edu += ",bus=pci0,addr=1"
	if bypass:
		beside = ["-device", "pxb-pcie,id=pxb0,bus_nr=64,bypass_iommu=on",
			  "-device", "pcie-root-port,id=port1,bus=pxb0,chassis=2,slot=2"]
		edu += ",bus=port1"
	return above + [
		"-drive", "if=none,id=disk0,format=raw,snapshot=%s,file=%s" % (
			"on" if snapshot else "off", quote(disk)),
		"-device", "nvme,serial=taproot,drive=disk0",
		"-netdev", "user,id=net0",
		"-device", igb,
	] + beside + ["-device", edu]


def board(cpu=CPU, mem="2048", smp=PROCESSORS, iommu=IOMMU, lane="a"):
	out = [
		"-M", "q35,kernel-irqchip=split", "-accel", "tcg", "-cpu", cpu,
		"-m", str(mem), "-smp", str(smp), "-nodefaults",
		"-display", "none",
	]
	if iommu:
		out += ["-device", "intel-iommu," + iommu]
	return out + LANES[lane]


def quote(value):
	"""A comma in a QEMU option value, or in a multiboot module, is doubled."""
	return str(value).replace(",", ",,")


def default_modules(kernel_args, series=None, zoo=False):
	return [(vmlinux(series), kernel_args), (initramfs(series, zoo), "")]


def boot_taproot(options, kernel_args, modules=None):
	"""The hypervisor by multiboot; modules replace kernel and initramfs."""
	if modules is None:
		modules = default_modules(kernel_args)
	words = [quote(("%s %s" % m).strip()) for m in modules]
	out = ["-kernel", str(image()), "-append", options]
	return out + (["-initrd", ",".join(words)] if words else [])


def boot_bare(kernel_args, series=None, zoo=False):
	return ["-kernel", str(bzimage(series)),
		"-initrd", str(initramfs(series, zoo)), "-append", kernel_args]
