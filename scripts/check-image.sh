#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What must hold for the linked image: nothing undefined, no floating point or
# vector register touched, no segment that is both writable and executable.
# `check-image.sh ELF`; a tool that fails (NM, OBJDUMP, READELF name others) is
# a failure of the check, never an image without faults.
#
# Not supported: instructions that touch such registers without naming one.

elf=$1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

fail()
{
	echo "$elf: $*" >&2
	exit 1
}

# list TOOL ARGUMENT...: its output to $out.
list()
{
	"$@" "$elf" >"$out" || fail "$1 failed with status $?"
}

list "${NM:-nm}" -u
if [ -s "$out" ]; then
	cat "$out" >&2
	fail "undefined symbols"
fi

list "${OBJDUMP:-objdump}" -d --no-show-raw-insn
grep -q '<.*>:$' "$out" || fail "no code"
if grep -m 3 -E '%([xyzt]?mm[0-9]|st([^a-z]|$)|k[0-7]([^0-9a-z]|$))' "$out" >&2; then
	fail "uses floating point or vector registers, which belong to the domain"
fi

list "${READELF:-readelf}" -lW
grep -q '^ *LOAD ' "$out" || fail "no segments"
if grep -E '^ *LOAD .*[R ]WE ' "$out" >&2; then
	fail "a segment is writable and executable"
fi
exit 0
