#!/bin/sh
# SPDX-License-Identifier: MIT
# taproot-replay on the recording of a boot, as it is, tampered with, cut off,
# and on something that is no recording. Run by scripts/hosted-check.sh with
# the build folder, from the top of the project.
set -u
build=${1:-build}
replay=$build/taproot-replay
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# expect STATUS PATTERN FILE
expect() {
	"$replay" "$3" >"$dir/out" 2>&1
	status=$?
	if [ $status -ne "$1" ] || ! grep -q "$2" "$dir/out"; then
		echo "FAIL: status $status, expected $1 and \"$2\" for $3:"
		cat "$dir/out"
		bad=1
	fi
}

xz -dc test/data/boot-q35.record.xz >"$dir/boot" || exit 1
expect 0 '7 functions, 9810 accesses, 0 differences' "$dir/boot"

# A verdict in the middle: byte 6 of a record that is an access (type 6).
cp "$dir/boot" "$dir/tampered"
at=200000
while [ "$(od -An -tu1 -j $((at + 4)) -N 1 "$dir/boot" | tr -d ' ')" != 6 ]; do
	at=$((at + 32))
done
printf '\003' | dd of="$dir/tampered" bs=1 seek=$((at + 6)) conv=notrunc 2>/dev/null
expect 1 '1 differences' "$dir/tampered"

head -c 250000 "$dir/boot" >"$dir/cut"
expect 0 'the last record is cut off' "$dir/cut"
head -c 1000 /dev/zero >"$dir/zero"
expect 2 'not a recording' "$dir/zero"
expect 2 'No such file' "$dir/none"
exit $bad
