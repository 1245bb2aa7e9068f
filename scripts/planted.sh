#!/bin/sh
# SPDX-License-Identifier: MIT
# Can the fuzzers find anything? `scripts/planted.sh [NAME...]` applies each of
# test/planted/*.patch in turn to a copy of the sources, builds the fuzz target
# that its `Target:` line names, and runs it from its seeds alone until it finds
# something; LIMIT (600) seconds is too long.
#
# Found means: libFuzzer left an input, on that input the patched program ends
# with a report (assertion, sanitizer, leak), and the program as it is runs it
# without one. A fuzzer that ran out of time or memory, got stuck in an input or
# did not start has found nothing. Prints name, target, seconds, and what the
# report says. Exit code 1: one was not found. The sources here are not touched.
set -eu
cd "$(dirname "$0")/.."
limit=${LIMIT:-600}
top=$PWD
if [ $# -eq 0 ]; then
	set -- $(ls test/planted | sed -n 's/\.patch$//p')
fi
targets=$(for n in "$@"; do sed -n 's/^Target: //p' "test/planted/$n.patch"; done | sort -u | tr '\n' ' ')
make -s fuzz FUZZ="$targets"
export ASAN_OPTIONS="quarantine_size_mb=16${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM
# With the times of the files: what is built here is built there. New ones too.
git ls-files -z -co --exclude-standard | tar --null -T - -c | tar -x -C "$copy"
mkdir -p "$copy/build"
cp -a build/fuzzer "$copy/build/"

# message LOG: what a report says, in a line; nothing: there is no report.
message()
{
	grep -a -m1 -o 'does not hold: .*\|PANIC.*\|ERROR: [A-Za-z]*: [a-z -]*\|runtime error: .*' "$1" |
		grep -v 'libFuzzer: \(timeout\|out-of-memory\)' | cut -c1-80
}

# judge TARGET RC: what became of a run, into $verdict. False: it is no find.
judge()
{
	if [ "$2" -eq 0 ]; then
		verdict="not found"
		return 1
	fi
	input=$(ls | grep -m1 '^found-\(crash\|leak\)-' || true)
	if [ -z "$input" ]; then
		verdict="NOT FOUND, the fuzzer ended with $2: $(ls | grep '^found-' | tr '\n' ' ')"
		verdict="$verdict$(grep -a -m1 'ERROR' log | cut -c1-80)"
		return 1
	fi
	if build/fuzzer/libfuzzer/"$1" -timeout=20 "$input" >again 2>&1 || [ -z "$(message again)" ]; then
		verdict="NOT FOUND, its input $input does not fail again"
		return 1
	fi
	if ! "$top/build/fuzzer/libfuzzer/$1" -timeout=20 "$input" >control 2>&1; then
		cp "$input" "$top/build/"
		verdict="NOT FOUND, fails without the patch too: $(message control), see build/$input"
		return 1
	fi
	verdict=$(message again)
}

# try NAME: prints its line; false when nothing was found.
try()
{
	patch=$top/test/planted/$1.patch
	target=$(sed -n 's/^Target: //p' "$patch")
	if ! git apply "$patch"; then
		echo "$1: does not apply"
		return 1
	fi
	if ! make fuzz FUZZ="$target" >log 2>&1; then
		cat log
		echo "$1: does not build"
		git apply -R "$patch"
		return 1
	fi
	rm -rf corpus found-*
	mkdir corpus
	begin=$(date +%s)
	rc=0
	build/fuzzer/libfuzzer/"$target" -max_total_time="$limit" -max_len=16384 -timeout=20 \
		-rss_limit_mb=2048 -artifact_prefix=found- corpus "build/fuzzer/seeds/$target" \
		>log 2>&1 || rc=$?
	took=$(($(date +%s) - begin))
	good=0
	judge "$target" "$rc" || good=1
	git apply -R "$patch"
	printf '%-26s %-12s %4s s  %s\n' "$1" "$target" "$took" "$verdict"
	return "$good"
}

cd "$copy"
# Not a repository: git apply takes the folder as it is.
export GIT_CEILING_DIRECTORIES="$copy"
bad=0
found=0
for n in "$@"; do
	if try "$n"; then
		found=$((found + 1))
	else
		bad=1
	fi
done
echo "$found of $# found"
exit $bad
