#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Prints doc/spec-index.md: which file cites which section of which
specification. Run from the top of the tree:

  python3 scripts/spec-index.py >doc/spec-index.md

A citation is the name of a specification, as in NAMES, followed by sections:
numbers, appendices or tables, joined by commas, "and" and "to".

Not supported: sections that stand without the name of their specification.
"""
import re
import sys
from pathlib import Path

# Pattern -> (name to show, what it is). Longer names first.
NAMES = [
	(r"PCI Firmware 3\.3", "PCI Firmware 3.3", "PCI-SIG, PCI Firmware Specification"),
	(r"PCIe 6\.0", "PCIe 6.0", "PCI-SIG, PCI Express Base Specification"),
	(r"PCI 3\.0", "PCI 3.0", "PCI-SIG, PCI Local Bus Specification"),
	(r"Bridge 1\.2", "Bridge 1.2", "PCI-SIG, PCI-to-PCI Bridge Architecture"),
	(r"PM 1\.2", "PM 1.2", "PCI-SIG, PCI Bus Power Management Interface"),
	(r"SR-IOV 1\.1", "SR-IOV 1.1", "PCI-SIG, Single Root I/O Virtualization"),
	(r"ACPI 6\.5", "ACPI 6.5", "UEFI Forum, Advanced Configuration and Power Interface"),
	(r"ACPI 1\.0", "ACPI 1.0", "the same, first edition"),
	(r"APMv1", "APMv1", "AMD64 Architecture Programmer's Manual, volume 1"),
	(r"APMv2", "APMv2", "the same, volume 2: system programming"),
	(r"APMv3", "APMv3", "the same, volume 3: instructions"),
	(r"SDM 1", "SDM 1", "Intel 64 and IA-32 Software Developer's Manual, volume 1"),
	(r"SDM 2A", "SDM 2A", "the same, volume 2A: instructions"),
	(r"SDM 3A", "SDM 3A", "the same, volume 3A: system programming"),
	(r"SDM 3B", "SDM 3B", "the same, volume 3B"),
	(r"SDM 3C", "SDM 3C", "the same, volume 3C: VMX"),
	(r"VT-d 4\.1", "VT-d 4.1", "Intel Virtualization Technology for Directed I/O"),
	(r"MPS 1\.4", "MPS 1.4", "Intel MultiProcessor Specification"),
	(r"IA-PC HPET 1\.0a", "IA-PC HPET 1.0a", "Intel, HPET specification"),
	(r"82093AA(?: datasheet;?)?", "82093AA", "Intel, IO-APIC datasheet"),
	(r"ICH9 datasheet", "ICH9 datasheet", "Intel, I/O Controller Hub 9"),
	(r"PC16550D(?: datasheet)?,?", "PC16550D", "National Semiconductor, UART datasheet"),
	(r"Multiboot 0\.6\.96,?", "Multiboot 0.6.96", "GNU, Multiboot Specification version 1"),
	(r"Multiboot2 2\.0,?", "Multiboot2 2.0", "GNU, Multiboot2 Specification"),
	(r"UEFI 2\.10", "UEFI 2.10", "UEFI Forum, Unified Extensible Firmware Interface"),
	(r"Xen ABI,?", "Xen ABI", "Xen public headers, by file"),
	(r"System V gABI", "System V gABI", "System V ABI: ELF"),
	(r"C17", "C17", "ISO/IEC 9899:2018"),
]

SECTION = r"(?:(?:table|appendix|chapters?|chapter) )?(?:[0-9]+[a-z]?(?:\.[0-9]+)*[a-z]?|[A-Z](?:\.[0-9]+)*)(?![\w])"
HEADER = r"[a-z0-9_/.-]+\.(?:h|pandoc)"
SECTIONS = re.compile(r"\s+((?:%s)(?:(?:,| and| to|, and)\s+(?:%s))*)" % (SECTION, SECTION))
HEADERS = re.compile(r"\s+(%s)" % HEADER)
SPLIT = re.compile(r",\s+and\s+|,\s+|\s+and\s+|\s+to\s+")
PLACES = ["include", "core", "arch", "abi", "tools", "guests", "test"]
SUFFIXES = {".c", ".h", ".S", ".py", ".sh", ".lds"}


def text_of(path):
	"""The file with comment decoration taken off line starts, so that citations may wrap."""
	text = path.read_text(errors="replace")
	return re.sub(r"\n[ \t]*(?:\*|//|#)[ \t]?", "\n", text)


def citations(text):
	for pattern, name, _ in NAMES:
		for m in re.finditer(r"(?<![\w.])" + pattern, text):
			rest = HEADERS if name == "Xen ABI" else SECTIONS
			found = rest.match(text, m.end())
			if not found:
				continue
			joined = re.sub(r"\s+", " ", found.group(1))
			for section in SPLIT.split(joined):
				yield name, section


def order(section):
	words = re.findall(r"\d+|[A-Za-z]+", section)
	return [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in words]


def collect():
	index = {}
	for place in PLACES:
		for path in sorted(Path(place).rglob("*")):
			if path.suffix in SUFFIXES and path.is_file():
				for name, section in citations(text_of(path)):
					index.setdefault(name, {}).setdefault(section, set()).add(str(path))
	return index


def main():
	index = collect()
	out = sys.stdout
	out.write("# Specifications cited, and where\n\n")
	out.write("Made by `scripts/spec-index.py` from the comments in the sources; run it "
		"again\nafter adding citations.\n")
	for _, name, what in NAMES:
		if name not in index:
			continue
		out.write("\n## %s\n%s.\n\n| section | cited in |\n|---|---|\n" % (name, what))
		for section in sorted(index[name], key=order):
			files = ", ".join("`%s`" % f for f in sorted(index[name][section]))
			out.write("| %s | %s |\n" % (section, files))


main()
