# SPDX-License-Identifier: MIT
"""
Judges what Debian's Xen tools printed (scenario tools) by what the machine is:
the version that was asked for, processors, memory, domain 0, the hypervisor's
own log, the answer to a key on the console, and the whole answers to keys that
all processors give at once.

Not supported: other domains than domain 0.
"""
import re

import judge_machine
import machine

LISTS = 4  # that each processor asks for


def lines(text, tool):
	return re.findall(r"^L: %s (.*)$" % tool, text, re.M)


def facts(text):
	"""The lines `name : value` of xl info."""
	found = [s.partition(":") for s in lines(text, "xl-info")]
	return {name.strip(): value.strip() for name, _, value in found}


def judge_info(run, info):
	smp = run.test.get("smp", 2)
	version = "%s.%s" % (info.get("xen_major"), info.get("xen_minor"))
	total = int(info.get("total_memory", "0"))
	free = int(info.get("free_memory", "-1"))
	exact = {"nr_cpus": str(smp), "nr_nodes": "1"}
	for name, value in exact.items():
		if info.get(name) != value:
			yield "xl info: %s is %s, not %s" % (
				name, info.get(name), value)
	if "taproot" not in info.get("xen_extra", ""):
		yield "xl info: xen_extra is %s" % info.get("xen_extra")
	if not info.get("xen_version", "").startswith(version + "-taproot"):
		yield "xl info: xen_version is %s" % info.get("xen_version")
	if version != machine.tools_version():
		yield "xl info: version %s, of the tools %s" % (
			version, machine.tools_version())
	if not 1900 <= total <= 2048 or not 0 <= free <= total:
		yield "xl info: total_memory %d, free_memory %d" % (total, free)


def judge_list(run):
	"""Name, ID, Mem, VCPUs, State, Time."""
	rows = [s.split() for s in lines(run.text(), "xl-list")][1:]
	smp = run.test.get("smp", 2)
	memory = re.search(r"^init: memory (\d+) MiB", run.text(), re.M)
	if len(rows) != 1 or rows[0][:2] != ["Domain-0", "0"]:
		yield "xl list: not domain 0 alone: %s" % rows
	elif rows[0][3] != str(smp):
		yield "xl list: %s vCPUs of %d" % (rows[0][3], smp)
	elif not (memory and 0 <= int(rows[0][2]) - int(memory.group(1)) < 200):
		yield "xl list: %s MiB" % rows[0][2]
	vcpus = [s.split()[1:4:2] for s in lines(run.text(), "xl-vcpu-list")][1:]
	if sorted(v[0] for v in vcpus) != ["0"] * smp:
		yield "xl vcpu-list: %s" % vcpus


def judge_keys(run):
	lists = judge_machine.answers(run.text())
	if len(lists) != LISTS * run.test.get("smp", 2):
		yield "xl debug-keys: %d lists of registers" % len(lists)
	for lines in lists:
		yield from judge_machine.whole(run, lines)


def after(run):
	text = run.text()
	yield from judge_keys(run)
	yield from judge_info(run, facts(text))
	yield from judge_list(run)
	log = "\n".join(lines(text, "xl-dmesg"))
	if not re.search(r"\] I Taproot \d", log) or "d0: " not in log:
		yield "xl dmesg: not the hypervisor's log"
	if lines(text, "xenstore-read") != ["42"]:
		yield "xenstore-read: %s" % lines(text, "xenstore-read")
	if not any('taproot = ""' in s for s in lines(text, "xenstore-ls")):
		yield "xenstore-ls: not what was written"
