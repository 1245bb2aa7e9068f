# SPDX-License-Identifier: MIT
# scripts/check-image.sh on small programs: one without faults, and one for each
# fault it has to find, failing tools and things that are no image among them.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# program NAME [LINKER OPTION...]: stdin is its only function.
program()
{
	name=$1
	shift
	{
		printf '\t.globl _start\n_start:\n'
		cat
		printf '\tret\n'
	} >"$work/$name.S"
	gcc -c -o "$work/$name.o" "$work/$name.S"
	ld -o "$work/$name" "$@" "$work/$name.o" 2>/dev/null
}

# expect WHAT NAME: the complaint has WHAT; an empty one stands for no complaint.
expect()
{
	status=0
	sh "$top/scripts/check-image.sh" "$work/$2" >/dev/null 2>"$work/error" || status=$?
	if [ -z "$1" ] && [ "$status" = 0 ] && [ ! -s "$work/error" ]; then
		echo "ok: $2"
	elif [ -n "$1" ] && [ "$status" = 1 ] && grep -q "$1" "$work/error"; then
		echo "ok: $2 ($1)"
	else
		echo "failed: $2, status $status, wanted '$1', got:"
		cat "$work/error"
		exit 1
	fi
	count=$((count + 1))
}

echo '	mov %rsp, %rax; str %ax' | program clean
expect "" clean

for register in mm3 xmm0 ymm9 zmm17; do
	case $register in
	mm3) insn="paddb %mm3, %mm3" ;;
	xmm0) insn="movups %xmm0, (%rax)" ;;
	ymm9) insn="vmovups %ymm9, (%rax)" ;;
	zmm17) insn="vmovups %zmm17, (%rax)" ;;
	esac
	echo "	$insn" | program "$register"
	expect "$register" "$register"
done
echo '	fadd %st(3), %st' | program x87
expect "belong to the domain" x87
echo '	kmovq %k1, %rax' | program mask
expect "belong to the domain" mask

echo '	call nowhere' | program undefined -r
expect "undefined symbols" undefined
echo '	nop' | program writable -N
expect "writable and executable" writable

echo "no ELF" >"$work/text"
expect "nm failed" text
expect "nm failed" absent
for tool in NM OBJDUMP READELF; do
	export $tool=false
	expect "false failed" clean
	unset $tool
done
echo "$count cases"
