# SPDX-License-Identifier: MIT
"""
Walks nested page tables in dumped physical memory, and sets of addresses.

The tables have the processor's long-mode format, four levels (APMv2 5.3 and
15.25.5): entry bit 0 present, 1 writable, 2 user, 7 large page, 63 no-execute.

Not supported: five levels; global or protection-key bits (ignored).
"""
import struct

PAGE = 4096
PRESENT, WRITE, USER, LARGE, NX = 1, 2, 4, 0x80, 1 << 63
ADDRESS = 0x000ffffffffff000


class BadTable(Exception):
	pass


def walk(read_page, root):
	"""Yields (gpa, hpa, size, entry) for each present leaf, in order."""
	yield from _level(read_page, root & ADDRESS, 0, 3)


def _level(read_page, table, base, level):
	size = PAGE << (9 * level)
	entries = struct.unpack("<512Q", read_page(table))
	for index, entry in enumerate(entries):
		if not entry & PRESENT:
			continue
		gpa = base + index * size
		if level and not entry & LARGE:
			yield from _level(read_page, entry & ADDRESS, gpa,
					  level - 1)
			continue
		if level == 3:
			raise BadTable("large page at level 4, gpa %#x" % gpa)
		hpa = entry & ADDRESS & ~(size - 1)
		yield gpa, hpa, size, entry


def merge(ranges):
	"""Sorted, non-overlapping, joined (start, end) with end excluded."""
	out = []
	for start, end in sorted(r for r in ranges if r[0] < r[1]):
		if out and start <= out[-1][1]:
			out[-1] = (out[-1][0], max(end, out[-1][1]))
		else:
			out.append((start, end))
	return out


def subtract(ranges, holes):
	out = []
	holes = merge(holes)
	for start, end in merge(ranges):
		for lo, hi in holes:
			if hi <= start or lo >= end:
				continue
			if lo > start:
				out.append((start, lo))
			start = hi
		if start < end:
			out.append((start, end))
	return out


def pages(start, end):
	"""The whole pages that [start, end) touches."""
	return start & ~(PAGE - 1), (end + PAGE - 1) & ~(PAGE - 1)


def show(ranges, limit=6):
	words = ["%#x-%#x" % (a, b - 1) for a, b in ranges[:limit]]
	if len(ranges) > limit:
		words.append("and %d more" % (len(ranges) - limit))
	return ", ".join(words)
