# SPDX-License-Identifier: MIT
# The planted bugs (test/planted, scripts/planted.sh) still fit the sources: no
# patch is empty, each names a fuzz target there is, and each applies. Every fuzz
# target has two at least.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
count=0
bad=0
for patch in test/planted/*.patch; do
	target=$(sed -n 's/^Target: //p' "$patch")
	if ! grep -q '^+[^+]\|^-[^-]' "$patch"; then
		echo "$patch: empty"
		bad=1
	elif [ ! -f "test/fuzz/fuzz_$target.c" ]; then
		echo "$patch: no fuzz target '$target'"
		bad=1
	elif ! patch --dry-run -p1 -s -f -F0 -i "$patch"; then
		echo "$patch: does not apply"
		bad=1
	fi
	count=$((count + 1))
done
for target in $(ls test/fuzz | sed -n 's/^fuzz_\(.*\)\.c$/\1/p'); do
	own=$(cat test/planted/*.patch | grep -c "^Target: $target$" || true)
	if [ "$own" -lt 2 ]; then
		echo "fuzz target '$target' has $own planted bugs"
		bad=1
	fi
done
echo "$count planted bugs"
exit $bad
