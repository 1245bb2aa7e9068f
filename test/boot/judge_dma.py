# SPDX-License-Identifier: MIT
"""
Names the targets of the DMA attacks and looks at them from outside, before
and after: the hypervisor's code, the root of its nested tables, the IOMMU's root
table, a context table, a translation table's root and the remapping entries, a
page of its memory that is in no use, and an address where there is nothing.

With the IOMMU on nothing may have been read or written, and each attempt must
be in the log. With iommu=off, and from a device that no unit covers (bypass),
each must have arrived, or the test proves nothing. What the hypervisor needs is
then changed where it is not in use, and only until the judge has looked:

 code       the function behind key C, which nobody presses
 nested     the last entry of the root, beyond the processor's addresses
 contexts   the second half of the root entry of bus 255, reserved
 context    the same of the context entry of bus 0, device 31, function 7
 entries    the second half of entry 255
 table      the last entry of the root

Where there is nothing QEMU's log tells what has come, "Invalid read". (With the
IOMMU on it says the same of what the IOMMU refuses.)
"""
import re
import struct
import subprocess

import judge_machine
import machine
import nptwalk

ASK = "\x01\x01\x01d\x01\x01\x01"
AREA = r"hypervisor at ([0-9a-f]+), (\d+) MiB"
NOWHERE = 0x90000000
PATTERN = struct.pack("<QQ", 0x7461707274657374, 0x1122334455667788)
PAGE = nptwalk.PAGE
LAST = PAGE - 8
IRES, CFIS = 1 << 25, 1 << 23


def number(text, pattern):
	found = re.search(pattern, text)
	if not found:
		raise LookupError("no line /%s/" % pattern)
	return int(found.group(1), 16)


def idle_page(run, start, size):
	"""The middle of the longest run of empty pages."""
	best, begin = (0, 0), None
	for a in range(start, start + size + PAGE, PAGE):
		empty = a < start + size and not any(run.read_page(a))
		if empty and begin is None:
			begin = a
		if not empty and begin is not None:
			best = max(best, (a - begin, begin))
			begin = None
	return best[1] + best[0] // 2 // PAGE * PAGE


def unprotected(run):
	"""Is every attack to arrive?"""
	return "iommu=off" in run.test.get("options", "") or "bypass" in run.test


def crash_function(run):
	"""Where in the machine's memory the function behind key C is."""
	out = subprocess.run(["nm", str(machine.BUILD / "taproot.elf64")],
			     capture_output=True, text=True, check=True).stdout
	address = number(out, r"(?m)^(\w+) t key_crash$") & (1 << 48) - 1
	cr3 = number("\n".join(judge_machine.registers(run)), r"cr3 0x([0-9a-f]+)")
	for va, hpa, size, _ in nptwalk.walk(run.read_page, cr3):
		if va <= address < va + size:
			return hpa + address - va
	raise LookupError("key_crash is not mapped")


def tables(run, text):
	"""Where the tables of the IOMMU are."""
	contexts = number(text, r"unit at \S+ root 0x([0-9a-f]+)")
	bus0 = struct.unpack_from("<Q", run.read_page(contexts))[0]
	return {
		"contexts": contexts,
		"context": bus0 & nptwalk.ADDRESS,
		"entries": number(text, r"unit at .* entries 0x([0-9a-f]+)"),
		"table": number(text, r"table 1 root 0x([0-9a-f]+)"),
	}


def targets(run):
	text = run.text()
	area = re.search(AREA, text)
	start, size = int(area.group(1), 16), int(area.group(2)) << 20
	idle = {"w-idle": idle_page(run, start, size)}
	if "storm" in run.test.get("args", ""):
		return idle
	ours = {"nested": number(text, r"npt: dom0 root 0x([0-9a-f]+)")}
	if "iommu=off" not in run.test.get("options", ""):
		ours.update(tables(run, text))
	code = crash_function(run)
	if unprotected(run):
		chosen = {"p-" + name: at + LAST for name, at in ours.items()}
		chosen["p-code"] = code
	else:
		chosen = {"b-" + name: at for name, at in ours.items()}
		chosen["b-code"] = code & ~(PAGE - 1)
	return {**chosen, "b-nowhere": NOWHERE, **idle}


def page_of(run, address):
	return run.read_page(address & ~(PAGE - 1))


def words(page):
	return ["0x%016X" % struct.unpack_from("<Q", page, at)[0]
		for at in (0, 8, LAST)]


def during(run):
	run.vm.wait_for(r"H: targets")
	run.vm.type_text(ASK)
	if not run.vm.wait_for(r"iommu: end", seconds=30):
		yield "the hypervisor does not list its IOMMU when asked"
	chosen = targets(run)
	before = {n: page_of(run, a) for n, a in chosen.items()
		  if a != NOWHERE}
	unknown = run.log_path.with_suffix(".invalid")
	run.vm.qmp.hmp("logfile %s" % unknown)
	run.vm.qmp.hmp("log invalid_mem")
	# Ctrl-U: what of the hypervisor's keys has reached the guest.
	run.vm.type_line("\x15" + " ".join("%s=%#x" % item for item in chosen.items()))
	if any(name[0] == "p" for name in chosen):
		run.vm.wait_for(r"H: patched")
		for name, address in chosen.items():
			yield from patched(run, name, address)
		run.vm.type_line("")
	run.vm.wait_for(r"H: attacked")
	run.vm.qmp.hmp("log none")
	for name, page in before.items():
		yield from compare(run, name, chosen[name], page)
	for name in chosen:
		yield from stolen(run, name, before.get(name))
	log = unknown.read_text(errors="replace")
	unknown.unlink()
	yield from arrived(run, log) if unprotected(run) else logged(run, chosen)


def patched(run, name, address):
	if name[0] == "p":
		at = address & (PAGE - 1)
		if page_of(run, address)[at:at + 8] != PATTERN[:8]:
			yield "%s: the write did not arrive" % name


def compare(run, name, address, before):
	after = page_of(run, address)
	if unprotected(run) and name[0] == "w":
		if after[:16] != PATTERN:
			yield "%s: the write did not arrive" % name
	elif name[2:] == "entries":
		# Entries of sources come and go; the attack would leave its pattern.
		if PATTERN[:8] in after:
			yield "%s: was written" % name
	elif after != before:
		yield "%s: changed" % name


def stolen(run, name, before):
	found = re.search(r"L: stolen %s (\S+) (\S+) (\S+)" % name, run.text())
	if name[0] == "w" or before is None:
		return
	if not found:
		yield "%s: was not read" % name
		return
	same = list(found.groups()) == words(before)
	if same != unprotected(run):
		yield "%s: %s" % (name, "the read did not arrive" if unprotected(run)
				  else "was read: " + found.group(0))


def arrived(run, log):
	"""What no page shows: messages, and requests that nobody answers, by QEMU's log."""
	for place in ("d5 of cpu0", "d6 of cpu1"):
		if not run.vm.count(r"interrupt on vector %s that" % place):
			yield "the message for vector %s did not arrive" % place
	for verb in ("read", "write"):
		if not re.search(r"Invalid %s at addr 0x%X\b" % (verb, NOWHERE), log):
			yield "b-nowhere: the %s did not arrive" % verb
	if run.vm.count(r"iommu: fault:"):
		yield "a fault, where nothing is protected"


def blocks_compatible(run):
	"""
	By the unit's own status (VT-d 4.1 11.4.4): QEMU 10.0 lets messages in
	compatibility format pass whatever it says.
	"""
	for status in re.findall(r"unit at .* status (0x[0-9a-f]+)", run.text()):
		if not int(status, 16) & IRES or int(status, 16) & CFIS:
			yield "messages in compatibility format are not " \
			      "blocked, status " + status


def logged(run, chosen):
	if "storm" in run.test.get("args", ""):
		return
	yield from blocks_compatible(run)
	for name, address in chosen.items():
		for verb in (["read"] if name[0] == "b" else []) + ["write"]:
			line = r"iommu: fault: \S+ %s of %#x: not mapped" % (
				verb, address)
			if not run.vm.count(line):
				yield "%s: no line /%s/" % (name, line)
