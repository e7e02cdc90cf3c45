#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# quick.sh - the benchmark builds, agrees with its byte array before and after it
# is timed, and writes the JSON that it promises. No time is judged.
set -eu
top_builddir=${top_builddir:-.}
make=${MAKE:-make}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Its own make: what holds for the tests' one is not meant for this.
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$make" -s -C "$top_builddir" bench/bench \
	>"$work/build" 2>&1 || { cat "$work/build"; exit 1; }
"$top_builddir/bench/bench" --quick --samples 1 --guest 2 \
	--impl flat,flat4,bytes,gmemstate,gmemstate-map,gmemstate-both \
	--only lookup-throughput,W4a,W5,W7,W13,W14 --json "$work/json" \
	>"$work/table" 2>"$work/log" || { cat "$work/log"; exit 1; }
cat "$work/table"
if grep -h 'differs from the byte array' "$work/table" "$work/log"; then
	echo "an implementation gave wrong answers"
	exit 1
fi
for impl in flat flat4 bytes gmemstate gmemstate-map; do
	for state in W1 W2 W3 D M; do
		grep -q "\"id\": *\"W5\", *\"state\": *\"$state\", *\"impl\": *\"$impl\"" "$work/json" || {
			echo "no row W5 $state $impl in the JSON"
			exit 1
		}
	done
done
for id in W5-both W14-single-both W14-batch-both; do
	grep -q "\"id\": *\"$id\", *\"state\": *\"W2\", *\"impl\": *\"gmemstate\"" "$work/json" || {
		echo "no row $id in the JSON"
		exit 1
	}
done
for key in machine rows ns ratio_flat; do
	grep -q "\"$key\":" "$work/json" || { echo "no key $key in the JSON"; exit 1; }
done
