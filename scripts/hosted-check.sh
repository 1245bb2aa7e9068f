#!/bin/sh
# SPDX-License-Identifier: MIT
# Run the hosted tests: `hosted-check.sh BUILD TEST... -- FUZZTARGET...`.
# First the image by clang, which must compile without a warning (make clang).
# Leaves `pass|fail|skip NAME [reason]` lines in BUILD/check-results.txt and a
# log a test in BUILD/test-logs/; prints the log of what failed.
build=$1
shift
results=$build/check-results.txt
logs=$build/test-logs
mkdir -p "$logs"
: >"$results"
kind=unit
bad=0
if MAKEFLAGS= make -j"$(nproc)" B="$build" clang >"$logs/image-clang.log" 2>&1; then
	echo "pass image/clang" >>"$results"
else
	echo "fail image/clang (exit $?)" >>"$results"
	echo "--- image/clang failed; the end of $logs/image-clang.log:"
	tail -n 40 "$logs/image-clang.log"
	bad=1
fi
tail -n 1 "$results"
for t in "$@"; do
	if [ "$t" = -- ]; then
		kind=fuzz
		continue
	fi
	name=$kind/$(basename "$t" .sh)
	log=$logs/$kind-$(basename "$t" .sh).log
	case $t in
	*.sh) timeout 600 sh "$t" "$build" >"$log" 2>&1 ;;
	*) timeout 900 "$t" >"$log" 2>&1 ;;
	esac
	rc=$?
	# A test program all of whose cases were skipped is a skip; one that skipped some says so in its log.
	if [ $rc -eq 0 ] && grep -q '\[  SKIPPED \]' "$log" && grep -q '\[  PASSED  \] 0 test' "$log"; then
		echo "skip $name $(grep -m1 'skip:' "$log")" >>"$results"
	elif [ $rc -eq 77 ]; then
		echo "skip $name $(tail -n 1 "$log")" >>"$results"
	elif [ $rc -eq 0 ]; then
		echo "pass $name" >>"$results"
	else
		echo "fail $name (exit $rc)" >>"$results"
		echo "--- $name failed (exit $rc); the end of $log:"
		tail -n 40 "$log"
		bad=1
	fi
	tail -n 1 "$results"
done
exit $bad
