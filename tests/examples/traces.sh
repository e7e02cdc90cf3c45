# SPDX-License-Identifier: BSD-2-Clause
# traces.sh - for the tests of the examples that replay a trace and print columns of
# numbers. Sourced with the example's name in $example and its columns in $columns.
# shellcheck shell=sh
set -eu

top_srcdir=${top_srcdir:-${0%/*}/../..}
top_builddir=${top_builddir:-.}

command -v xz >/dev/null 2>&1 || {
	echo "skipped: the traces are packed and there is no xz (Debian: xz-utils)"
	exit 77
}
work=$(mktemp -d "$top_builddir/$example-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*"
	[ ! -s "$work/out" ] || cat "$work/out"
	exit 1
}

# replay_trace TRACE OPTION...: output in $work/out.
replay_trace()
{
	trace=$1
	shift
	xz -dc "$top_srcdir/examples/traces/$trace.txt.xz" >"$work/trace"
	echo "$example $* $trace"
	"$top_builddir/examples/$example" "$@" "$work/trace" >"$work/out" || fail "exit status $?"
}

# value COLUMN LABEL: columns count from 1; the last stands at the end of the line.
value()
{
	awk -v label="$2" -v back="$((columns - $1))" \
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
