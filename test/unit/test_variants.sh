# SPDX-License-Identifier: MIT
# test/boot/variants.py on a made-up list and on the real one: the choice has all
# pairs, every test as it is and with each value, no impossible variant, no name
# twice, and is the same each time; wrong fields are an error.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top/test/boot"
KERNEL=${KERNEL:-6.1} PYTHONPATH="$top/scripts" /usr/bin/python3 -B - <<'E2'
import itertools
import list as tests
import variants


def check_choice(cases):
	full = variants.expand(cases)
	chosen = variants.choose(full)
	names = [v["name"] for _, _, v in full]
	assert len(names) == len(set(names)), "a name twice"
	assert [c[2]["name"] for c in chosen] == \
		[c[2]["name"] for c in variants.choose(full)]
	for _, values, _ in full:
		for value, only in variants.ONLY.items():
			if value in values.values():
				assert all(values.get(d, v) == v
					   for d, v in only.items()), values
	have = [set(values.items()) | {("test", t["name"])}
		for t, values, _ in chosen]
	everywhere = [set(values.items()) | {("test", t["name"])}
		      for t, values, _ in full
		      if not variants.is_seldom(t, values)]
	assert not any(variants.is_seldom(*c[:2]) for c in chosen)
	# Counted here without variants.pairs: each pair of a full list is covered.
	for one in everywhere:
		for a, b in itertools.combinations(sorted(one), 2):
			rare = {a[1], b[1]} & variants.RARE
			if rare and "test" in (a[0], b[0]):
				continue
			assert any({a, b} <= h for h in have), (a, b)
	for t in cases:
		assert any(v["name"] == t["name"] for _, _, v in chosen), t
	return full, chosen


full, chosen = check_choice(tests.TESTS)
assert len(chosen) < len(full) / 2, (len(chosen), len(full))
print("ok: %d of %d variants of %d tests" % (
	len(chosen), len(full), len(tests.TESTS)))

small = [dict(name="x", vary="start smp", says=["a"], timeout=600),
	 dict(name="y", smp=3), dict(name="z", vary="eim", early=True),
	 dict(name="s", seldom="kernel lane")]
full, _ = check_choice(small)
by_name = {v["name"]: v for _, _, v in full}
v = by_name["x+grub-uefi+4cpu"]
assert v["boot"] == "grub-uefi" and v["smp"] == 4 and v["timeout"] == 600
assert v["says"][0] == "a" and len(v["says"]) == 4, v["says"]
assert small[0]["says"] == ["a"], "the test itself was changed"
assert "vary" not in v and by_name["y"] == dict(name="y", smp=3)
assert by_name["z+eim-off"].get("says", []) == []
assert len([n for n in by_name if n.split("+")[0] == "s"]) == 4
assert by_name["s+lane-c"]["smp"] == 1 and "seldom" not in by_name["s"]
print("ok: fields")

try:
	variants.expand([dict(name="w", smp=3, vary="smp")])
	raise SystemExit("a field that is also varied was not refused")
except ValueError:
	print("ok: a field that is also varied")
E2
