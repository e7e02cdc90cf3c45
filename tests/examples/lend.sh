#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lend.sh - the example replays real guests' DMA as loans: exact numbers under EAGER,
# which are those of the traces, and what the other policies must keep to.
set -eu
top_srcdir=${top_srcdir:-${0%/*}/../..}
top_builddir=${top_builddir:-.}
lend=$top_builddir/examples/lend

command -v xz >/dev/null 2>&1 || {
	echo "skipped: the traces are packed and there is no xz (Debian: xz-utils)"
	exit 77
}
work=$(mktemp -d "$top_builddir/lend-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*"
	cat "$work/out"
	exit 1
}

# replay TRACE OPTION...
replay()
{
	trace=$1
	shift
	xz -dc "$top_srcdir/examples/traces/$trace.txt.xz" >"$work/trace"
	echo "lend $* $trace"
	"$lend" "$@" "$work/trace" >"$work/out" || fail "exit status $?"
}

# value COLUMN LABEL: 1 EAGER, 2 LAZY, 3 PERSISTENT
value()
{
	awk -v label="$2" -v back="$((3 - $1))" \
		'index($0, label " ") == 1 { print $(NF - back); found = 1 } END { exit !found }' \
		"$work/out" || fail "no row '$2'"
}

# expect COLUMN LABEL NUMBER
expect()
{
	seen=$(value "$1" "$2")
	[ "$seen" = "$3" ] || fail "$2, column $1: $seen, should be $3"
}

# at_most A B TEXT
at_most()
{
	[ "$1" -le "$2" ] || fail "$3: $1, should be at most $2"
}

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

replay A-virtio-blk
expect 1 'loans made' 79810
expect 1 'pages turned shared' 89341
expect 1 'pages turned private' 89329
expect 1 'most pages shared at once' 6289
expect 1 'pages shared at the end' 12
expect 3 'pages turned shared' 33341
sound
at_most "$(($(value 2 conversions) * 6))" "$(value 1 conversions)" "LAZY converts, six times"

replay A-virtio-blk --lazy 256,5
sound
at_most "$(($(value 2 conversions) * 4))" "$(value 1 conversions)" "LAZY converts, four times"

replay C-virtio-blk-swiotlb
expect 1 'loans made' 79095
expect 1 'pages turned shared' 90501
expect 1 'pages turned private' 90489
expect 1 'most pages shared at once' 3984
expect 3 'pages turned shared' 33239
sound

replay C-virtio-blk-swiotlb --by dma
expect 1 'pages turned shared' 95658
expect 1 'most pages shared at once' 4006
expect 3 'pages turned shared' 16396
sound

echo "9 1 U 1000 16 T 00:02.0 1000" >"$work/trace"
if "$lend" "$work/trace" >"$work/out" 2>&1; then
	fail "an unmap without a map"
fi
echo "what is this" >"$work/trace"
if "$lend" "$work/trace" >"$work/out" 2>&1; then
	fail "a line that is none"
fi
