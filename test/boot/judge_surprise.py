# SPDX-License-Identifier: MIT
"""
Plugs an NVMe disk in each time that the scenario has lost it, takes it away
where the scenario asks for it, and judges: it works each time, and what the
hypervisor has in use is after each round what it was before the first. What it
has spare for functions grows with the first and stays.

QEMU has no command for a card that is pulled: device_del asks the slot. A device
that is made unrealized is gone without a word to anybody. QEMU then keeps
an object of that name, and the disk's node, and so it may where a read was on its
way: each round has its own name.
"""
import slots

WAYS = ("power", "pulled") * 3


def during(run):
	want = slots.make_disk(run)
	before = None if run.bare else slots.figures(run, 1)
	if not run.bare and before is None:
		yield "the hypervisor does not say what is in use"
		return
	for n, way in enumerate(WAYS, 1):
		name = "hot-%d" % n
		slots.plug_nvme(run, name)
		if way == "pulled":
			if not run.vm.wait_for(r"L: surprise pull %d$" % n, seconds=120):
				yield "round %d: it did not come" % n
				return
			run.vm.qmp.execute("qom-set", path="/machine/peripheral/" + name,
					   property="realized", value=False)
		if not run.vm.wait_for(r"L: surprise gone %d$" % n, seconds=240):
			yield "round %d: it did not come and go" % n
			return
		if not run.bare:
			yield from judge_figures(n, slots.figures(run, n + 1), before)
	if run.text().count("L: surprise nvme " + want) != len(WAYS):
		yield "the disk's sum was not read %d times" % len(WAYS)


def judge_figures(n, now, before):
	in_use, spare = now or (None, None)
	if n == 1:
		before[1] = spare
	if [in_use, spare] != before:
		yield "round %d: in use %s and spare %s, before %s" % (
			n, in_use, spare, before)
