#!/bin/sh
# SPDX-License-Identifier: MIT
# Run all fuzz targets for a total time: `scripts/fuzz-all.sh SECONDS [TARGET...]`.
# Builds them with libFuzzer (make fuzz), runs JOBS (2) at a time, each for its
# share of the time, and prints for each target executions, coverage (libFuzzer's
# count of edges) and findings. The corpus grows in build/fuzz-corpus, what was
# found lies in build/fuzz-findings. Exit code 1: there is a finding.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-2}
[ $# -ge 1 ] || { echo "usage: $0 SECONDS [TARGET...]" >&2; exit 2; }
total=$1
shift
if [ $# -eq 0 ]; then
	set -- $(ls test/fuzz | sed -n 's/^fuzz_\(.*\)\.c$/\1/p')
fi
make -s fuzz FUZZ="$*"
share=$((total / (($# + jobs - 1) / jobs)))
[ "$share" -gt 0 ] || share=1
logs=build/fuzz-logs
mkdir -p "$logs" build/fuzz-findings

# run TARGET: what it found before does not count.
run()
{
	mkdir -p "build/fuzz-corpus/$1"
	rm -f build/fuzz-findings/"$1"-* "$logs/$1.log" "$logs/$1.rc"
	rc=0
	build/fuzzer/libfuzzer/"$1" -max_total_time="$share" -max_len=16384 -timeout=20 \
		-rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/fuzz-findings/$1-" \
		"build/fuzz-corpus/$1" "build/fuzzer/seeds/$1" >"$logs/$1.log" 2>&1 || rc=$?
	echo "$rc" >"$logs/$1.rc"
}

echo "$# targets, $jobs at a time, $share s each"
running=0
for t in "$@"; do
	run "$t" &
	running=$((running + 1))
	if [ "$running" -ge "$jobs" ]; then
		# No `wait -n` in sh: the targets of a batch have the same time.
		wait
		running=0
	fi
done
wait

bad=0
printf '%-12s %12s %9s %9s  %s\n' target executions coverage corpus findings
for t in "$@"; do
	log=$logs/$t.log
	last=$(grep -a '^#[0-9].* cov: ' "$log" | tail -n 1)
	# A finding leaves no DONE line: count what the last line says.
	runs=$(printf '%s\n' "$last" | sed -n 's/^#\([0-9]*\).*/\1/p')
	cov=$(printf '%s\n' "$last" | sed -n 's/.* cov: \([0-9]*\).*/\1/p')
	corpus=$(ls "build/fuzz-corpus/$t" | wc -l)
	found=$(ls build/fuzz-findings | grep -c "^$t-" || true)
	if [ "$(cat "$logs/$t.rc")" -ne 0 ]; then
		bad=1
		[ "$found" -gt 0 ] || found="exit $(cat "$logs/$t.rc"), see $log"
	fi
	printf '%-12s %12s %9s %9s  %s\n' "$t" "${runs:-0}" "${cov:-0}" "$corpus" "$found"
done
exit $bad
