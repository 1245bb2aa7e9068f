# SPDX-License-Identifier: MIT
"""
Judges what Debian's Xen tools printed (scenario tools) by what the machine is:
the version that was asked for and the options, processors and their places, memory,
domain 0, the hypervisor's own log, the answer to a key on the console, and the
whole answers to keys that all processors give at once.

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
	exact = {"nr_cpus": str(smp), "max_cpu_id": str(smp - 1), "nr_nodes": "1",
		 "cores_per_socket": str(smp), "threads_per_core": "1",
		 "xen_caps": "hvm-3.0-x86_64", "xen_scheduler": "null",
		 "xen_pagesize": "4096", "xen_changeset": "unavailable"}
	for name, value in exact.items():
		if info.get(name) != value:
			yield "xl info: %s is %s, not %s" % (
				name, info.get(name), value)
	if "taproot" not in info.get("xen_extra", ""):
		yield "xl info: xen_extra is %s" % info.get("xen_extra")
	if not info.get("xen_version", "").startswith(version + "-taproot"):
		yield "xl info: xen_version is %s" % info.get("xen_version")
	if version != run.test["tools"]:
		yield "xl info: version %s, of the tools %s" % (
			version, run.test["tools"])
	if "abi_version=" + version not in info.get("xen_commandline", "").split():
		yield "xl info: xen_commandline is %s" % info.get("xen_commandline")
	if not {"hvm", "hap", "hvm_directio"} <= set(info.get("virt_caps", "").split()):
		yield "xl info: virt_caps is %s" % info.get("virt_caps")
	if not 1900 <= total <= 2048 or not 0 <= free <= total:
		yield "xl info: total_memory %d, free_memory %d" % (total, free)


def judge_places(run):
	"""QEMU's processors are cores of one socket; memory is one node's."""
	table = [s.split() for s in lines(run.text(), "xl-info")]
	smp = run.test.get("smp", 2)
	for cpu in range(smp):
		if ["%d:" % cpu, str(cpu), "0", "0"] not in table:
			yield "xl info -n: processor %d is not core %d" % (cpu, cpu)
	nodes = [row for row in table if row[0] == "0:" and len(row) == 4 and
		 row[3] == "10"]
	if len(nodes) != 1 or not 1900 <= int(nodes[0][1]) <= 2048:
		yield "xl info -n: node 0 is %s" % nodes


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
	# Name, ID, VCPU, CPU, State, Time, Hard / Soft.
	vcpus = [s.split() for s in lines(run.text(), "xl-vcpu-list")][1:]
	if len(vcpus) != smp:
		yield "xl vcpu-list: %d of %d" % (len(vcpus), smp)
	for n, row in enumerate(vcpus):
		if row[:4] + row[6:] != ["Domain-0", "0", str(n), str(n),
					 str(n), "/", "all"]:
			yield "xl vcpu-list: %s" % row


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
	yield from judge_places(run)
	yield from judge_list(run)
	log = "\n".join(lines(text, "xl-dmesg"))
	if not re.search(r"\] I Taproot \d", log) or "d0: " not in log:
		yield "xl dmesg: not the hypervisor's log"
	if "T: pass tools-xenstored /usr/lib/xen-%s/bin" % run.test["tools"] not in text:
		yield "the disk's tools are not %s" % run.test["tools"]
	if lines(text, "xenstore-read") != ["42"]:
		yield "xenstore-read: %s" % lines(text, "xenstore-read")
	tree = [s.strip() for s in lines(text, "xenstore-ls")]
	for wanted in ('taproot = ""', 'answer = "42"', 'name = "Domain-0"'):
		if wanted not in tree:
			yield "xenstore-ls: no %s" % wanted
