# SPDX-License-Identifier: MIT
"""
Boot tests of PCI devices, as data; the fields are those of list.py.
"""

# What has a driver in the scenario zoo.
ZOO = ("nvme", "igb", "e1000e", "vmxnet3", "virtio-net", "virtio-blk", "ahci", "xhci",
       "megasas", "hda", "ports")

TESTS = [
	# SR-IOV: two virtual functions of igb carry data, 20 times on and off.
	dict(name="igb-vf", seldom="kernel lane", scenario="igb-vf", args="cycles=20",
	     port=True, serve=True, zoo="nothing",
	     judges=["vf"], bare=True, timeout=900,
	     expect=[r"T: pass vf-enable", r"T: pass vf-link eth1",
		     r"T: pass vf-link eth2", r"T: pass pf-still",
		     r"T: pass vf-cycles 20"]),
	# Firmware left them on, on the root bus; Linux turns them off and on again.
	dict(name="igb-vf-by-firmware", seldom="kernel lane", scenario="igb-vf", args="cycles=1",
	     serve=True, zoo="nothing", poke="vfs_enabled", judges=["vf"], timeout=600,
	     says=[r"firmware has enabled 2 virtual functions"],
	     expect=[r"T: pass vf-enable", r"T: pass vf-link eth1",
		     r"T: pass vf-link eth2", r"T: pass vf-cycles 1"]),
	# One of an NVMe controller, brought online by admin command.
	dict(name="nvme-vf", seldom="kernel lane", scenario="nvme-vf", args="vfs=1",
	     port=True, zoo="nvme_vf", judges=["vf_disk"], bare=True,
	     expect=[r"T: pass nvme-vf-enable", r"T: pass nvme-vf-online",
		     r"T: pass nvme-vf-write", r"T: pass nvme-vf-off"]),
	# The same without translation and remapping: messages of ours as they are.
	dict(name="nvme-vf-iommu-off", seldom="kernel lane", scenario="nvme-vf", args="vfs=1",
	     port=True, zoo="nvme_vf", judges=["vf_disk"],
	     options="console=com1 loglvl=info iommu=off",
	     expect=[r"T: pass nvme-vf-online", r"T: pass nvme-vf-write",
		     r"T: pass nvme-vf-off"]),
	# As many as the device has, beyond function 7.
	dict(name="nvme-127-vfs", seldom="kernel lane", scenario="nvme-vf", args="vfs=127",
	     port=True, zoo="nvme_vfs", judges=["vf_disk"], bare=True,
	     says=[r"pci: 0000:02:00\.0: 127 virtual functions from 0000:02:00\.1 on",
		   r"pci: 0000:02:00\.0: virtual functions off"],
	     expect=[r"T: pass nvme-vf-enable 127", r"L: vf 0000:02:0f\.7",
		     r"T: pass nvme-vf-write", r"T: pass nvme-vf-off"]),
	# A BAR of 8 GiB.
	dict(name="big-bar", seldom="kernel lane", scenario="big-bar", zoo="big_bar", judges=["big"],
	     bare=True,
	     expect=[r"T: pass big-size", r"T: pass big-moved-decoding",
		     r"T: pass big-left-decoding", r"T: pass big-back",
		     r"T: pass big-end"]),
	# BARs of I/O ports, of less than a page, in a reserved range; expansion ROM.
	dict(name="small-bars", seldom="kernel lane", scenario="small-bars", zoo="small_bars",
	     judges=["rom", "shared"], bare=True,
	     expect=["T: pass bars-" + step for step in (
		     "ports", "page", "rom", "reserved", "disk", "nics")]),
	# 100,000 interrupts by MSI-X.
	dict(name="msix-100000", seldom="kernel lane", scenario="msix-irq", args="count=100000",
	     bare=True, timeout=400,
	     expect=[r"T: pass msix-interrupts raised 100000 handled 100000 "
		     r"unexpected 0", r"T: pass igb-after"]),
	# The largest MSI-X table, beside registers in a BAR that moves.
	dict(name="msix-table", seldom="kernel lane", scenario="msix-table", port=True,
	     zoo="large_table", bare=True, timeout=600,
	     expect=["T: pass msix-" + step for step in (
		     "entries 87ff", "reloads 20", "all", "open", "pending", "moved",
		     "found", "again")]),
	# A device for every driver, unbound and bound again; what it shows in
	# configuration space is what it shows on the bare machine, and it gets the
	# same writes. Where Linux has an IOMMU it turns on ACS in ports; the domain
	# has none, so neither has the bare kernel here. The RAID driver prints two
	# timeouts of its firmware.
	dict(name="zoo", seldom="kernel lane", scenario="zoo", port=True, zoo="all_kinds",
	     args="intremap=off intel_iommu=off", allow=[r"\btimeout"], trace=True,
	     judges=["zoo", "invisible"], bare=True, timeout=900,
	     expect=["T: pass zoo-" + kind for kind in ZOO]),
	# The same devices when the kernel gives buses other numbers and ports other
	# windows: in zoo e1000e is on bus 4, and no window is above 4 GiB. What is
	# found anew is sized anew (doc/invisible.md). With the Xen ABI Linux keeps the
	# first addresses above 4 GiB for itself and finds other windows than bare.
	dict(name="zoo-renumbered", seldom="kernel lane", scenario="zoo", port=True, zoo="all_kinds",
	     args="pci=assign-busses,hpbussize=4,hpmmiosize=8M,realloc,"
	     "resource_alignment=00:01.0;00:04.0;00:06.0 intel_iommu=off",
	     options="console=com1 loglvl=info abi=native",
	     allow=[r"\btimeout"], judges=["zoo"], bare=True, timeout=900,
	     expect=[r"L: cfg 0000:07:00\.0 0:10d38086 ",
		     r"L: cfg 0000:00:01\.0 .* 28:0000000[1-9a-f] "] +
	     ["T: pass zoo-" + kind for kind in ZOO]),
	# The devices get the writes that they get from the same kernel without a
	# hypervisor (doc/invisible.md). Alone it could remap its interrupts and move
	# them without a write to the device; the domain sees no IOMMU.
	dict(name="invisible", seldom="kernel lane", scenario="invisible", port=True, zoo="far_nvme",
	     args="intremap=off intel_iommu=off", trace=True, judges=["invisible"],
	     bare=True, timeout=900,
	     expect=["T: pass " + step for step in (
		     "nvme", "igb", "irqs", "leave", "back", "sleep", "vfs", "flr",
		     "bus", "msi", "intx", "move", "anew")]),
	# Resets of a disk in use, and a NIC that sleeps.
	dict(name="resets", seldom="kernel lane", scenario="resets", port=True, zoo="far_nvme",
	     bare=True, timeout=600,
	     expect=[r"T: pass reset-flr", r"T: pass reset-bus",
		     r"T: pass reset-again", r"T: pass d3-and-back",
		     r"T: pass d3-again"]),
	# Hot-plug and removal, ten times, with work in between.
	dict(name="hotplug", seldom="kernel lane", scenario="hotplug", port=True, zoo="hotplug",
	     judges=["hotplug"], timeout=1200,
	     expect=[r"T: pass hot-ports", r"T: pass hot-end"]),
	# A disk in use that is gone without a word, in two ways, three times each. A
	# kernel that finds the Xen ABI says by hypercall, too, that it has gone.
	dict(name="surprise", vary="abi", seldom="kernel lane", scenario="surprise", port=True,
	     zoo="hotplug", judges=["surprise"], bare=True, timeout=900,
	     expect=[("T: pass surprise-round", 6), r"T: pass surprise-end"]),
	# A level-triggered line that three other devices use at the same time.
	dict(name="shared-line", seldom="kernel lane", scenario="shared-line", args="count=100000",
	     bridge=True, zoo="shared_line", judges=["shared"], bare=True,
	     timeout=900,
	     expect=[r"T: pass shared-drivers",
		     r"T: pass edu-interrupts raised 100000 handled 100000",
		     r"T: pass shared-disk", r"T: pass shared-ping", r"T: pass shared-moved",
		     r"T: pass shared-line"]),
]
