# SPDX-License-Identifier: MIT
"""
Writes a private apt source list from the user's own: same mirror, same keys.

  apt_sources.py CODENAME MORE OUT [ETC]
  apt_sources.py --alone CODENAME MORE OUT [ETC]

Reads sources.list and sources.list.d below ETC, /etc/apt by default (one-line and deb822
format, sources.list(5)) and takes the entries that serve CODENAME and its
updates and security suites, component main. Unless MORE is none, an entry for
the suite of that name is added at the same mirror. With --alone, that entry is
all that is written. The user's files are only read.

Not supported: cdrom entries; entries without main.
"""
import glob
import os
import re
import sys


def parse_line(line):
	"""One `deb [options] uri suite components...` line, or None."""
	m = re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$", line)
	if not m:
		return None
	options = {}
	for word in (m.group(1) or "").split():
		key, _, value = word.partition("=")
		options[key.lower()] = value.replace(",", " ")
	return {"uris": [m.group(2)], "suites": [m.group(3)],
		"components": m.group(4).split(), "options": options}


def parse_list(text):
	for line in text.splitlines():
		entry = parse_line(line.split("#")[0].strip())
		if entry:
			yield entry


def parse_stanza(stanza):
	"""The fields of one deb822 stanza, names in lower case."""
	fields, name = {}, None
	for line in stanza.splitlines():
		if line.startswith("#"):
			continue
		if line[:1] in " \t" and name:
			fields[name] += "\n" + line
		elif ":" in line:
			name, _, value = line.partition(":")
			name = name.strip().lower()
			fields[name] = value.strip()
	return fields


def parse_deb822(text):
	for stanza in re.split(r"\n\s*\n", text):
		f = parse_stanza(stanza)
		if "deb" not in f.get("types", "").split():
			continue
		if f.get("enabled", "yes").lower() in ("no", "false", "0"):
			continue
		options = {k: f[k] for k in ("signed-by", "trusted") if k in f}
		yield {"uris": f.get("uris", "").split(),
		       "suites": f.get("suites", "").split(),
		       "components": f.get("components", "").split(),
		       "options": options}


def read_all(etc="/etc/apt"):
	"""All binary entries, in apt's order."""
	entries = []
	parts = sorted(glob.glob(etc + "/sources.list.d/*"))
	for path in [etc + "/sources.list"] + parts:
		if not os.path.isfile(path):
			continue
		with open(path, encoding="utf-8", errors="replace") as f:
			text = f.read()
		if path.endswith(".list"):
			entries += parse_list(text)
		elif path.endswith(".sources"):
			entries += parse_deb822(text)
	return entries


def stanza(uri, suites, options):
	out = ["Types: deb", "URIs: " + uri, "Suites: " + " ".join(suites),
	       "Components: main", "Architectures: amd64"]
	for key in ("signed-by", "trusted"):
		if key in options:
			out.append("%s: %s" % (key.title(), options[key]))
	return "\n".join(out) + "\n"


def is_alias(suite, codename):
	"""Whether a suite is the release's base suite by either name."""
	names = {"bookworm": ("oldstable",), "trixie": ("stable",)}
	return suite == codename or suite in names.get(codename, ())


def wanted_suites(entry, codename):
	names = (codename, codename + "-updates", codename + "-security")
	return [s for s in entry["suites"]
		if s in names or is_alias(s, codename)]


def debian_uris(entries, codename):
	"""
	The mirrors of Debian itself among those of the base suite: other
	archives name their suites after Debian's releases too.
	"""
	base, updates = [], set()
	for e in entries:
		suites = wanted_suites(e, codename)
		if any(is_alias(s, codename) for s in suites):
			base += [u for u in e["uris"] if not u.startswith("cdrom:")]
		if codename + "-updates" in suites:
			updates.update(e["uris"])
	named = [u for u in base
		 if u.rstrip("/").rsplit("/", 1)[-1].startswith("debian")]
	return [u for u in base if u in updates] or named or base


def select(entries, codename, more):
	"""The stanzas for one release, and for one suite more at its mirror."""
	entries = [e for e in entries if "main" in e["components"]]
	mirrors = debian_uris(entries, codename)
	out, base = [], None
	for e in entries:
		suites = wanted_suites(e, codename)
		is_base = any(is_alias(s, codename) for s in suites)
		for uri in e["uris"]:
			if not suites or (is_base and uri not in mirrors):
				continue
			out.append(stanza(uri, suites, e["options"]))
			if is_base:
				base = base or (uri, e["options"])
	if base and more != "none":
		out.append(stanza(base[0], [more], base[1]))
	return out if base else []


def main():
	alone = sys.argv[1] == "--alone"
	args = sys.argv[2 if alone else 1:]
	codename, more, path = args[:3]
	stanzas = select(read_all(*args[3:4]), codename, more)
	if alone:
		stanzas = stanzas[-1:]
	if not stanzas:
		sys.exit("no apt source for %s main found below the apt folder" %
			 codename)
	with open(path, "w", encoding="utf-8") as f:
		f.write("\n".join(stanzas))


if __name__ == "__main__":
	main()
