# SPDX-License-Identifier: BSD-2-Clause
# lib.sh - for the tests of the examples: run minivmm, and look at what it wrote.
# shellcheck shell=sh
set -eu

top_srcdir=${top_srcdir:-${0%/*}/../..}
top_builddir=${top_builddir:-.}
minivmm=$top_builddir/examples/minivmm/minivmm
work=$(mktemp -d "$top_builddir/minivmm-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

skip()
{
	echo "skipped: $*"
	exit 77
}

fail()
{
	echo "FAILED: $*" >&2
	[ ! -s "$work/out" ] || sed 's/^/  | /' "$work/out" >&2
	exit 1
}

[ -x "$minivmm" ] || skip "minivmm was not built"

# run OPTION...: output in $work/out, the JSON in $work/json, flat in $work/flat.
run()
{
	echo "minivmm $*"
	rc=0
	"$minivmm" --disk "$work/disk" --json "$work/json" "$@" >"$work/out" 2>&1 || rc=$?
	[ "$rc" -eq 0 ] || fail "exit status $rc"
	flatten
}

flatten()
{
	awk -f "$top_srcdir/tests/examples/flat.awk" "$work/json" >"$work/flat"
}

# value PATH
value()
{
	awk -v path="$1" '$1 == path { print substr($0, length(path) + 2); found = 1 }
		END { exit !found }' "$work/flat" || fail "the JSON has no $1"
}

# expect PATH VALUE
expect()
{
	seen=$(value "$1")
	[ "$seen" = "$2" ] || fail "$1 is $seen and not $2"
}

# every_run_is_sound BLOCKS: no wrong byte, nothing refused, the space in order.
every_run_is_sound()
{
	runs=$(awk '$1 == "runs" { print $2 }' "$work/flat")
	[ -n "$runs" ] || fail "no runs"
	for r in $runs; do
		size=${r##*.}
		expect "run.$r.wrong_bytes" 0
		expect "run.$r.wrong_disk_bytes" 0
		expect "run.$r.refusals" 0
		expect "run.$r.check" ""
		expect "run.$r.checked_bytes" $((size * $1))
		expect "run.$r.ios" $(($1 * 2))
		expect "run.$r.requests" $(($1 * 2))
		expect "run.$r.pins" "$(value "run.$r.unpins")"
		expect "run.$r.rollbacks" 0
	done
	expect passed true
}
