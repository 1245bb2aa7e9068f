#!/bin/sh
# SPDX-License-Identifier: MIT
# Can the fuzzers find anything? `scripts/planted.sh [NAME...]` applies each of
# test/planted/*.patch in turn to a copy of the sources, builds the fuzz target
# that its `Target:` line names, and runs it from its seeds alone until it finds
# something. Prints name, target and seconds; LIMIT (600) seconds is too long.
# Exit code 1: one was not found. The sources here are not touched.
set -eu
cd "$(dirname "$0")/.."
limit=${LIMIT:-600}
top=$PWD
if [ $# -eq 0 ]; then
	set -- $(ls test/planted | sed -n 's/\.patch$//p')
fi
targets=$(for n in "$@"; do sed -n 's/^Target: //p' "test/planted/$n.patch"; done | sort -u | tr '\n' ' ')
make -s fuzz FUZZ="$targets"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# With the times of the files: what is built here is built there.
git ls-files -z | tar --null -T - -c | tar -x -C "$copy"
mkdir -p "$copy/build"
cp -a build/fuzzer "$copy/build/"

# try NAME: prints its line; false when nothing was found.
try()
{
	patch=$top/test/planted/$1.patch
	target=$(sed -n 's/^Target: //p' "$patch")
	git apply "$patch"
	if ! make fuzz FUZZ="$target" >log 2>&1; then
		cat log
		echo "$1: does not build"
		git apply -R "$patch"
		return 1
	fi
	rm -rf corpus
	mkdir corpus
	begin=$(date +%s)
	rc=0
	build/fuzzer/libfuzzer/"$target" -max_total_time="$limit" -max_len=16384 -timeout=20 \
		-artifact_prefix=found- corpus "build/fuzzer/seeds/$target" >log 2>&1 || rc=$?
	took=$(($(date +%s) - begin))
	git apply -R "$patch"
	if [ "$rc" -eq 0 ]; then
		printf '%-24s %-12s not found in %s s\n' "$1" "$target" "$took"
		return 1
	fi
	printf '%-24s %-12s %4s s  %s\n' "$1" "$target" "$took" \
		"$(grep -a -m1 -o 'does not hold: .*\|PANIC.*\|ERROR: [A-Za-z]*: [a-z -]*\|runtime error: .*' log | cut -c1-80)"
}

cd "$copy"
# Not a repository: git apply takes the folder as it is.
export GIT_CEILING_DIRECTORIES="$copy"
bad=0
for n in "$@"; do
	try "$n" || bad=1
done
exit $bad
