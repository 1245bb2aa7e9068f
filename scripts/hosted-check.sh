#!/bin/bash
# SPDX-License-Identifier: MIT
# Run the hosted tests: `hosted-check.sh BUILD TEST... -- FUZZTARGET...`, as many
# at a time as there are processors. First the image by clang, which must compile
# without a warning (make clang).
# Leaves `pass|fail|skip NAME [reason]` lines in BUILD/check-results.txt and a
# log a test in BUILD/test-logs/; prints the log of what failed.
set -u
build=$1
shift
results=$build/check-results.txt
logs=$build/test-logs
mkdir -p "$logs"
: >"$results"

# said VERDICT NAME [REASON]: one line, whole, in the results and here.
said()
{
	local line=$1\ $2${3:+ $3}
	echo "$line" >>"$results"
	echo "$line"
}

# failed NAME STATUS LOG
failed()
{
	said fail "$1" "(exit $2)"
	printf -- '--- %s failed (exit %s); the end of %s:\n%s\n' "$1" "$2" "$3" \
		"$(tail -n 40 "$3")"
	return 1
}

image_by_clang()
{
	local log=$logs/image-clang.log
	if MAKEFLAGS='' make -j"$(nproc)" B="$build" clang >"$log" 2>&1; then
		said pass image/clang
	else
		failed image/clang $? "$log"
	fi
}

# run KIND TEST
run()
{
	local name=$1/$(basename "$2" .sh) log rc=0
	log=$logs/${name/\//-}.log
	case $2 in
	*.sh) timeout 600 sh "$2" "$build" >"$log" 2>&1 || rc=$? ;;
	*) timeout 900 "$2" >"$log" 2>&1 || rc=$? ;;
	esac
	# A test program all of whose cases were skipped is a skip; one that skipped some says so in its log.
	if [ $rc -eq 0 ] && grep -q '\[  SKIPPED \]' "$log" && grep -q '\[  PASSED  \] 0 test' "$log"; then
		said skip "$name" "$(grep -m1 'skip:' "$log")"
	elif [ $rc -eq 77 ]; then
		said skip "$name" "$(tail -n 1 "$log")"
	elif [ $rc -eq 0 ]; then
		said pass "$name"
	else
		failed "$name" $rc "$log"
	fi
}

# Interrupted: so are the tests, which timeout has put into groups of their own.
trap 'trap "" TERM; kill -TERM 0; exit 130' INT TERM
bad=0
running=0
kind=unit
image_by_clang || bad=1
for t in "$@"; do
	if [ "$t" = -- ]; then
		kind=fuzz
		continue
	fi
	if [ $running -ge "$(nproc)" ]; then
		wait -n || bad=1
		running=$((running - 1))
	fi
	run "$kind" "$t" &
	running=$((running + 1))
done
while [ $running -gt 0 ]; do
	wait -n || bad=1
	running=$((running - 1))
done
exit $bad
