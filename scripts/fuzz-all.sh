#!/bin/sh
# SPDX-License-Identifier: MIT
# Run all fuzz targets for a total time: `scripts/fuzz-all.sh SECONDS [TARGET...]`.
# Builds them with libFuzzer (make fuzz) and runs JOBS (2) at a time. Each has
# the same share of JOBS * SECONDS, reading its corpus included, and no job is
# idle: a target whose share does not fit into one job's time runs in two pieces,
# the second on the next job; what one leaves that ended early goes to the next
# of its job. Prints for each target seconds, executions, coverage (libFuzzer's
# count of edges) and findings, then all executions. The corpus grows in
# build/fuzz-corpus, what was found lies in build/fuzz-findings, logs in
# build/fuzz-logs. Exit code 1: there is a finding, a target that ended with an
# error or one that executed nothing; 2: it does not build.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-2}
[ $# -ge 1 ] || { echo "usage: $0 SECONDS [TARGET...]" >&2; exit 2; }
total=$1
shift
if [ $# -eq 0 ]; then
	set -- $(ls test/fuzz | sed -n 's/^fuzz_\(.*\)\.c$/\1/p')
fi
[ "$jobs" -le $# ] || jobs=$#
if [ $((total * jobs)) -lt $# ]; then
	echo "$0: $total s are too short for $# targets" >&2
	exit 2
fi
make -s fuzz FUZZ="$*" || { echo "$0: the fuzz targets do not build" >&2; exit 2; }
logs=build/fuzz-logs
found=build/fuzz-findings
mkdir -p "$logs" "$found"
# What was freed is kept from use for a while; the default of 256 MiB costs more time than the inputs.
export ASAN_OPTIONS="quarantine_size_mb=16${ASAN_OPTIONS:+:$ASAN_OPTIONS}"

# piece TARGET SECONDS N: its N-th piece. libFuzzer looks at the clock only after it has read the corpus.
piece()
{
	log=$logs/$1.$3.log
	at=$(date +%s)
	timeout -s INT "$(($2 + 5))" \
		build/fuzzer/libfuzzer/"$1" -max_total_time="$2" -max_len=16384 -timeout=20 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$found/$1-" \
		"build/fuzz-corpus/$1" "build/fuzzer/seeds/$1" >"$log" 2>&1 &
	child=$!
	rc=0
	wait "$child" || rc=$?
	child=
	echo "$rc" >"$logs/$1.$3.rc"
	echo "$(($(date +%s) - at))" >"$logs/$1.$3.secs"
}

# lane FROM TARGET...: what lies on the line of all shares between FROM and FROM + total.
lane()
{
	from=$1
	shift
	child=
	trap '[ -z "$child" ] || kill -INT "$child"; exit 130' TERM
	count=$#
	begin=$(date +%s)
	i=0
	for t in "$@"; do
		first=$((i * total * jobs / count))
		last=$(((i + 1) * total * jobs / count))
		i=$((i + 1))
		[ "$last" -gt "$from" ] && [ "$first" -lt $((from + total)) ] || continue
		n=1
		[ "$first" -ge "$from" ] || n=2
		[ "$last" -le $((from + total)) ] || last=$((from + total))
		# Who was late takes it from its successor.
		left=$((last - from - ($(date +%s) - begin)))
		[ "$left" -ge 1 ] || left=1
		piece "$t" "$left" "$n"
	done
}

add()
{
	awk '{ n += $1 } END { print n + 0 }'
}

# report TARGET: its line. A finding leaves no DONE line, but libFuzzer's statistics.
report()
{
	runs=$(cat "$logs/$1".*.log | sed -n 's/^stat::number_of_executed_units: *//p' | add)
	secs=$(cat "$logs/$1".*.secs | add)
	cov=$(cat "$logs/$1".*.log | sed -n 's/^#[0-9].* cov: \([0-9]*\).*/\1/p' | sort -n | tail -n 1)
	corpus=$(ls "build/fuzz-corpus/$1" | wc -l)
	count=$(ls "$found" | grep -c "^$1-\(crash\|leak\|timeout\|oom\)-" || true)
	what=$count
	[ "$count" -eq 0 ] || what="$count, see $found"
	for rc in "$logs/$1".*.rc; do
		case $(cat "$rc") in
		0) ;;
		124) what="$what (stopped late, see ${rc%.rc}.log)" ;;
		*)
			bad=1
			[ "$count" -gt 0 ] || what="exit $(cat "$rc"), see ${rc%.rc}.log"
			;;
		esac
	done
	if [ "$runs" -eq 0 ]; then
		bad=1
		what="executed nothing, see $logs/$1.*.log"
	fi
	all=$((all + runs))
	findings=$((findings + count))
	printf '%-12s %8s %12s %9s %9s  %s\n' "$1" "$secs" "$runs" "${cov:-0}" "$corpus" "$what"
}

for t in "$@"; do
	mkdir -p "build/fuzz-corpus/$t"
	rm -f "$found/$t"-* "$logs/$t".*
done
echo "$# targets, $jobs at a time, $((total * jobs / $#)) s each"
lanes=
trap 'kill $lanes 2>/dev/null; wait; exit 130' INT TERM
start=$(date +%s)
k=0
while [ "$k" -lt "$jobs" ]; do
	lane $((k * total)) "$@" &
	lanes="$lanes $!"
	k=$((k + 1))
done
wait
took=$(($(date +%s) - start))

bad=0
all=0
findings=0
printf '%-12s %8s %12s %9s %9s  %s\n' target seconds executions coverage corpus findings
for t in "$@"; do
	report "$t"
done
[ "$findings" -eq 0 ] || bad=1
echo "total: $all executions in $took s, $findings findings"
for t in "$@"; do
	for f in "$found/$t"-slow-unit-*; do
		[ ! -e "$f" ] || echo "slow, no finding: $f"
	done
done
exit $bad
