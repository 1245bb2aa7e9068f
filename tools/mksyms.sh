#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Turns the output of `nm -n` (sorted by address) into an assembler file with
# the table that arch/x86/symbols.c searches: low 32 bits of each function's
# address, offset of its name, and the names. An empty input makes an empty
# table, for the first of the two link passes. Only code symbols are kept, and
# of several at one address the first.

exec awk '
BEGIN {
	count = offset = 0
}
($2 == "T" || $2 == "t") && length($1) == 16 && $3 !~ /^(\.L|text_)/ {
	if ($1 == last) {
		next
	}
	last = $1
	address[count] = substr($1, 9)
	name[count++] = $3
}
END {
	print "\t.section .symbols, \"a\""
	print "\t.globl symbol_count, symbol_address, symbol_name, symbol_names"
	print "\t.balign 4"
	print "symbol_count:\n\t.long " count
	print "symbol_address:"
	for (i = 0; i < count; i++) {
		print "\t.long 0x" address[i]
	}
	print "symbol_name:"
	for (i = 0; i < count; i++) {
		print "\t.long " offset
		offset += length(name[i]) + 1
	}
	print "symbol_names:"
	for (i = 0; i < count; i++) {
		print "\t.asciz \"" name[i] "\""
	}
	print "\t.byte 0"
	print "\t.section .note.GNU-stack, \"\", @progbits"
}'
