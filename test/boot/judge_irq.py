# SPDX-License-Identifier: MIT
"""
Judges interrupts: the device of each driver that the test's scenario uses has
MSI-X on (PCIe 6.0 7.7.2.2), all its vectors are MSI-X ones in Linux's books,
and interrupts of its own were counted. The guest prints them as
`L: msix-control` and `L: vector` (print_interrupts in guest/lib.sh).

Not supported: devices that a scenario leaves alone.
"""
import re

DRIVERS = {"nvme": ["nvme"], "network": ["igb"], "busy": ["nvme", "igb"]}
ENABLE, MASK_ALL = 1 << 15, 1 << 14


def judge_driver(text, driver):
	control = re.search(r"L: msix-control %s \S+ ([0-9a-f]{4})" % driver, text)
	if not control:
		yield "%s: no MSI-X control register was printed" % driver
	elif int(control.group(1), 16) & (ENABLE | MASK_ALL) != ENABLE:
		yield "%s: MSI-X is off or masked, control %s" % (
			driver, control.group(1))
	vectors = re.findall(r"L: vector %s (\d+) (\S+) (\d+)" % driver, text)
	other = [v for v in vectors if v[1] != "msix"]
	if not vectors or other:
		yield "%s: not on MSI-X: %s" % (driver, other or "no vector")
	if not any(int(count) for _, _, count in vectors):
		yield "%s: no interrupts were counted" % driver


def after(run):
	for driver in DRIVERS[run.test["scenario"]]:
		yield from judge_driver(run.text(), driver)
