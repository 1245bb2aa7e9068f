#!/bin/sh
# SPDX-License-Identifier: MIT
# Test of the command build/taproot-vmlinux: exit codes, messages, the atomic
# write, and real kernels where the machine has some.
# usage: test_vmlinux_cli.sh BUILD
set -u
tool=$(realpath "$1")/taproot-vmlinux
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
bad=0

# expect NAME STATUS PATTERN COMMAND...: PATTERN, if any, in what it prints
expect() {
	name=$1 status=$2 pattern=$3
	shift 3
	"$@" >log 2>&1
	got=$?
	if [ $got -ne "$status" ] ||
		{ [ -n "$pattern" ] && ! grep -q -e "$pattern" log; }; then
		echo "not ok $name: exit $got, expected $status and \"$pattern\""
		cat log
		bad=1
	else
		echo "ok $name"
	fi
}

le32() {
	printf "\\$(printf %o $(($1 & 255)))\\$(printf %o $(($1 >> 8 & 255)))"
	printf "\\$(printf %o $(($1 >> 16 & 255)))\\$(printf %o $(($1 >> 24)))"
}

# bzimage PAYLOAD OUT: boot protocol 2.15, one setup sector
bzimage() {
	{
		head -c 497 /dev/zero
		printf '\1'
		head -c 12 /dev/zero
		printf '\125\252\0\0HdrS\17\2'
		head -c 64 /dev/zero
		le32 0
		le32 "$(wc -c <"$1")"
		head -c 432 /dev/zero
		cat "$1"
	} >"$2"
}

cat >pvh.S <<'END'
	.section .note.Xen, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long _start
	.text
	.globl _start
_start:	hlt
	.section .note.GNU-stack, "", @progbits
END
gcc -c -o pvh.o pvh.S && ld -o pvh.elf pvh.o || exit 1
sed 's/"Xen"/"Yen"/' pvh.S >plain.S
gcc -c -o plain.o plain.S && ld -o plain.elf plain.o || exit 1
for kind in pvh plain; do
	xz --check=crc32 --x86 --lzma2 <$kind.elf >$kind.xz
	le32 "$(wc -c <$kind.elf)" >>$kind.xz
	bzimage $kind.xz $kind.bz
done

expect 'help' 0 '^usage:' "$tool" --help
expect 'version' 0 '^taproot-vmlinux [0-9]' "$tool" --version
expect 'no argument' 2 '^usage:' "$tool"
expect 'one argument' 2 '^usage:' "$tool" pvh.bz
expect 'three arguments' 2 '^usage:' "$tool" pvh.bz a b
expect 'unknown option' 2 'unknown option --frob' "$tool" --frob pvh.bz a

expect 'bzImage' 0 'PVH entry 0x4' "$tool" pvh.bz out1
expect 'its ELF' 0 '' cmp pvh.elf out1
expect 'ELF copied' 0 'PVH entry 0x4' "$tool" pvh.elf out2
expect 'the same' 0 '' cmp pvh.elf out2
expect 'no PVH note: warning' 0 'warning: .*CONFIG_PVH' "$tool" plain.bz out3
expect 'written all the same' 0 '' cmp plain.elf out3
expect 'ELF without PVH note' 1 'without PVH note' "$tool" plain.elf out4
expect 'name after --' 0 'PVH entry' "$tool" -- pvh.bz out5

expect 'no input' 1 'cannot open' "$tool" nowhere out6
expect 'input a directory' 1 'not a regular file' "$tool" . out6
expect 'a text' 1 'not a bzImage' "$tool" pvh.S out6
head -c 700 pvh.bz >cut.bz
expect 'truncated' 1 'truncated or corrupt' "$tool" cut.bz out6
expect 'no directory' 1 'cannot create' "$tool" pvh.bz nowhere/out6
expect 'output a device' 1 'not a regular file' "$tool" pvh.bz /dev/null
expect 'output the input' 1 'the input itself' "$tool" pvh.bz pvh.bz
ln pvh.bz hard.bz
expect 'output a link to it' 1 'the input itself' "$tool" pvh.bz hard.bz

echo old >kept
expect 'failure keeps the old file' 1 'corrupt' "$tool" cut.bz kept
expect 'old content' 0 '^old$' cat kept
(umask 027 && "$tool" pvh.bz kept) >/dev/null
expect 'replaced, mode by umask' 0 '^-rw-r----- ' ls -l kept
expect 'no output on refusal' 1 '' test -e out6
expect 'nothing left behind' 2 '' sh -c 'ls ./*.??????'

# Real kernels: those of the cache that the boot tests fill, and of /boot.
cache=${TAPROOT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/taproot}
for kernel in $(find "$cache" -name 'vmlinuz-*' -type f 2>/dev/null) \
	/boot/vmlinuz-*; do
	[ -r "$kernel" ] || continue
	expect "$(basename "$kernel")" 0 'bytes, ' "$tool" "$kernel" real
	rm -f real
done
exit $bad
