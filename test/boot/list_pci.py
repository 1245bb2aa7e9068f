# SPDX-License-Identifier: MIT
"""
Boot tests of PCI devices, as data; the fields are those of list.py.
"""

TESTS = [
	# SR-IOV: two virtual functions of igb carry data, 20 times on and off.
	dict(name="igb-vf", scenario="igb-vf", port=True, serve=True,
	     judges=["vf"], bare=True, timeout=600,
	     expect=[r"T: pass vf-enable", r"T: pass vf-link eth1",
		     r"T: pass vf-link eth2", r"T: pass pf-still",
		     r"T: pass vf-cycles 20"]),
	# One of an NVMe controller, brought online by admin command.
	dict(name="nvme-vf", scenario="nvme-vf", port=True, zoo="nvme_vf",
	     judges=["vf_disk"], bare=True,
	     expect=[r"T: pass nvme-vf-enable", r"T: pass nvme-vf-online",
		     r"T: pass nvme-vf-write", r"T: pass nvme-vf-off"]),
]
