#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lend.sh - the example replays real guests' DMA as loans: exact numbers under EAGER,
# which are those of the traces, and what the other policies must keep to.
example=lend
columns=3	# EAGER, LAZY, PERSISTENT
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/traces.sh"

# What holds whatever the trace: nothing is lost, and who keeps pages converts less.
sound()
{
	for column in 1 2 3; do
		at_most "$(($(value $column 'pages turned shared') -
			$(value $column 'pages turned private')))" \
			"$(value $column 'pages shared at the end')" "pages turned and not shared"
		expect $column 'loans returned' "$(($(value $column 'loans made') - 6))"
	done
	expect 1 '  of them idle' 0
	expect 3 'pages turned private' 0
	expect 3 'pages turned shared' "$(value 3 'most pages shared at once')"
	at_most "$(value 2 'pages turned shared')" "$(value 1 'pages turned shared')" "LAZY shares"
	at_most "$(value 2 '  of them idle')" 256 "LAZY's idle pages"
}

replay_trace A-virtio-blk
expect 1 'loans made' 79810
expect 1 'pages turned shared' 89341
expect 1 'pages turned private' 89329
expect 1 'most pages shared at once' 6289
expect 1 'pages shared at the end' 12
expect 3 'pages turned shared' 33341
sound
at_most "$(($(value 2 conversions) * 6))" "$(value 1 conversions)" "LAZY converts, six times"

replay_trace A-virtio-blk --lazy 256,5
sound
at_most "$(($(value 2 conversions) * 4))" "$(value 1 conversions)" "LAZY converts, four times"

replay_trace C-virtio-blk-swiotlb
expect 1 'loans made' 79095
expect 1 'pages turned shared' 90501
expect 1 'pages turned private' 90489
expect 1 'most pages shared at once' 3984
expect 3 'pages turned shared' 33239
sound

replay_trace C-virtio-blk-swiotlb --by dma
expect 1 'pages turned shared' 95658
expect 1 'most pages shared at once' 4006
expect 3 'pages turned shared' 16396
sound

echo "9 1 U 1000 16 T 00:02.0 1000" >"$work/trace"
if "$top_builddir/examples/$example" "$work/trace" >"$work/out" 2>&1; then
	fail "an unmap without a map"
fi
echo "what is this" >"$work/trace"
if "$top_builddir/examples/$example" "$work/trace" >"$work/out" 2>&1; then
	fail "a line that is none"
fi
