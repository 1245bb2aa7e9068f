# SPDX-License-Identifier: MIT
"""
Crosses the boot tests of list.py with the ways a machine may be: how it is
started, its IOMMU's interrupt format, the kernel, the guest ABI, processors, and
counted instructions (lane C).

A test's field `vary` names the dimensions that it is crossed with, `seldom` those
that it is crossed with as well, but not in the choice. Each value
of a dimension gives fields of list.py that the variant gets on top of the
test's own; `says` is joined to the test's, and so is `later`, unless the test
ends early; options are joined; timeout is the greatest. The first value of each
dimension is what the test has anyway. A variant is named after the test and its other values,
such as nvme+grub-uefi+eim-off.

expand() gives the whole product. choose() takes from it what the test command
runs when nothing is asked for: every test as it is, every test with each value
of its dimensions (but RARE ones), and every pair of values of two dimensions in
some test; no variant with a seldom value. The choice is greedy and the same every
time.

Not supported: a test that has a field and varies in it, but for lane C's.
"""
import list as tests
import machine

SERIES = ("6.1", "6.12")
OTHER = SERIES[SERIES[0] == machine.default_kernel()]


def kernel(series):
	return dict(kernel=series,
		    later=[r"init: reached after .*, Linux %s\." % series])


def processors(count):
	return dict(smp=count,
		    later=[r"processors: %d of %d run, " % (count, count),
			   r"init: %d processors" % count])


DIMENSIONS = {
	"start": {
		"direct": {},
		"grub-bios": dict(boot="grub-bios",
			says=[r"loader: GRUB .*, multiboot2, image at "]),
		"grub-uefi": dict(boot="grub-uefi", timeout=400,
			says=[r"loader: GRUB .*, multiboot2, image at "]),
	},
	"eim": {
		"eim": {},
		"eim-off": dict(iommu="intremap=on,eim=off",
			later=[r"iommu: interrupts are remapped, xAPIC format"]),
	},
	"kernel": {
		machine.default_kernel(): {},
		OTHER: kernel(OTHER),
	},
	"abi": {
		"xen": dict(later=[r"Booting kernel on Xen PVH"]),
		"native": dict(options=" abi=native",
			       later=[r"paravirtualized kernel on bare hardware"]),
	},
	"smp": {"2cpu": {}, "1cpu": processors(1), "4cpu": processors(4)},
	"lane": {
		"lane-a": {},
		"lane-c": dict(lane="c", cpu="EPYC,+svm,+npt,-x2apic", smp=1,
			       iommu="intremap=on,eim=off", timeout=900),
	},
}

# Lane C has one processor, without x2APIC; GRUB would only make it longer.
ONLY = {"lane-c": {"start": "direct", "eim": "eim-off", "smp": "1cpu"}}

# In some tests of the choice, not in every one.
RARE = {"lane-c"}


def possible(values):
	return all(values.get(dimension, wanted) == wanted
		   for value in values.values()
		   for dimension, wanted in ONLY.get(value, {}).items())


def add_value(out, added, early):
	"""The fields of one value of a dimension."""
	for field, content in added.items():
		if field in ("says", "later"):
			lines = [] if early and field == "later" else content
			field, content = "says", out.get("says", []) + lines
		elif field == "timeout":
			content = max(out.get(field, 0), content)
		elif field == "options":
			content = out.get(field, tests.OPTIONS) + content
		elif field in out and added.get("lane") != "c":
			raise ValueError("%s: has %s and varies in it" %
					 (out["name"], field))
		out[field] = content


def combine(test, values):
	"""The test with the fields of these values: {dimension: value}."""
	out = {k: v for k, v in test.items()
	       if k not in ("vary", "seldom", "early")}
	for dimension, value in values.items():
		if value != next(iter(DIMENSIONS[dimension])):
			out["name"] += "+" + value
		add_value(out, DIMENSIONS[dimension][value], test.get("early"))
	return out


def products(names):
	"""Every choice of one value for each of these dimensions."""
	if not names:
		return [{}]
	return [{names[0]: value, **rest} for value in DIMENSIONS[names[0]]
		for rest in products(names[1:])]


def expand(tests):
	"""[(test, values, variant)]; the test as it is comes first of its own."""
	out = []
	for test in tests:
		names = test.get("vary", "") + " " + test.get("seldom", "")
		for values in products(names.split()):
			if possible(values):
				out.append((test, values, combine(test, values)))
	return out


def is_seldom(test, values):
	return any(values[dimension] != next(iter(DIMENSIONS[dimension]))
		   for dimension in test.get("seldom", "").split())


def pairs(test, values):
	"""What a variant shows: (test, value), and (value, value)."""
	items = sorted(values.items())
	out = {(test["name"], item) for item in items if item[1] not in RARE}
	return out | {(a, b) for a in items for b in items if a < b}


def choose(variants):
	"""The variants that cover all pairs which any variant covers, but for seldom ones."""
	variants = [v for v in variants if not is_seldom(*v[:2])]
	missing = set().union(*(pairs(t, values) for t, values, _ in variants))
	chosen = []
	for number, (test, values, variant) in enumerate(variants):
		if variant["name"] == test["name"]:
			chosen.append(number)
			missing -= pairs(test, values)
	while missing:
		gain, number = max((len(missing & pairs(t, values)), -number)
				   for number, (t, values, _) in enumerate(variants))
		assert gain
		chosen.append(-number)
		missing -= pairs(*variants[-number][:2])
	return [variants[number] for number in sorted(chosen)]
