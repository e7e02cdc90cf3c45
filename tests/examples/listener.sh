#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# listener.sh - the example's container is never asked for what it cannot do; the
# entries of 4K are those of the traces, and what spans make of them keeps to bounds.
example=listener
columns=4	# 4K, spans, spans of who can cut, LAZY
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/traces.sh"

# One column of numbers; a folio of 262,144 pages, a budget of 65,535.
folio()
{
	expect 4 'shared whole, in entries of 4K, if there were as many' 262144
	grep -q '^  and as there are 65,535 .*refused: no room left$' "$work/out" ||
		fail "262,144 entries fit"
	expect 4 'shared whole, in spans' 1
	expect 4 '  without one page in its middle' 2
	expect 4 '  with that page again' 1
	expect 4 'every other page shared, as far as it goes' 65535
	grep -q '^  and one page more .*refused: no room left$' "$work/out" ||
		fail "65,536 entries fit"
}

# replay TRACE: what holds whatever the trace.
replay()
{
	replay_trace "$1"
	for column in 1 2 3 4; do
		expect $column 'calls that were refused' 0
		at_most "$(value $column 'most entries at once')" 65535 "entries"
		at_most "$(value $column 'IOTLB flushes')" "$(value $column 'unmap calls')" \
			"flushes"
	done
	for column in 2 3; do
		at_most "$(($(value $column 'most entries at once') * 8))" \
			"$(value 1 'most entries at once')" "entries in spans, eight times"
		at_most "$(value $column 'map calls')" "$(value 1 'map calls')" "map calls"
	done
	expect 1 'pages unmapped for a moment' 0	# a cut falls into no entry of 4K
	expect 3 'pages unmapped for a moment' 0
	expect 3 'IOTLB flushes' "$(value 1 'IOTLB flushes')"
	at_most "$(($(value 4 'IOTLB flushes') * 100))" "$(value 2 'IOTLB flushes')" \
		"LAZY flushes, a hundred times"
	folio
}

"$top_builddir/examples/$example" >"$work/out" || fail "exit status $?"
folio

command -v xz >/dev/null 2>&1 || {
	echo "skipped: the traces are packed and there is no xz (Debian: xz-utils)"
	exit 77
}

replay A-virtio-blk
expect 1 'most entries at once' 6289
expect 1 'map calls' 89341		# the pages that lend.sh says turn shared
expect 1 'unmap calls' 89329

replay C-virtio-blk-swiotlb
expect 1 'most entries at once' 3984
expect 1 'map calls' 90501
expect 1 'unmap calls' 90489

echo "9 1 U 1000 16 T 00:02.0 1000" >"$work/trace"
if "$top_builddir/examples/$example" "$work/trace" >"$work/out" 2>&1; then
	fail "an unmap without a map"
fi
