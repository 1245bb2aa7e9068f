#!/bin/sh
# SPDX-License-Identifier: MIT
# What must hold for the linked image: nothing undefined, no SSE, no segment
# that is both writable and executable.
elf=$1
if nm -u "$elf" | grep -q .; then
	echo "$elf: undefined symbols:" >&2
	nm -u "$elf" >&2
	exit 1
fi
if objdump -d --no-show-raw-insn "$elf" | grep -m 3 -E '%(xmm|ymm|mm)[0-9]'; then
	echo "$elf: uses vector registers, which belong to the domain" >&2
	exit 1
fi
if readelf -lW "$elf" | awk '$1 == "LOAD" && / RWE /{bad = 1} END {exit !bad}'; then
	echo "$elf: a segment is writable and executable" >&2
	readelf -lW "$elf" >&2
	exit 1
fi
