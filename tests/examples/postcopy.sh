#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# postcopy.sh - memory arrives whole and once, in each mode and order; and half of it
# stays intact and frozen when the source dies.
set -eu

postcopy=${top_builddir:-.}/examples/postcopy/postcopy
[ -x "$postcopy" ] || {
	echo "skipped: postcopy was not built"
	exit 77
}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	sed 's/^/  | /' "$out" >&2
	exit 1
}

# run STATUS OPTION...
run()
{
	wanted=$1
	shift
	echo "postcopy $*"
	rc=0
	"$postcopy" --size 16 "$@" >"$out" 2>&1 || rc=$?
	if [ "$rc" -eq 77 ]; then
		sed 's/^/  left out: /' "$out"
		return 77
	fi
	[ "$rc" -eq "$wanted" ] || fail "exit status $rc"
}

has()
{
	grep -q "$1" "$out" || fail "no line with: $1"
}

arrives()
{
	run 0 "$@" || { [ "$?" -eq 77 ] && return; }
	has "contents: 4096 pages byte by byte, 0 wrong; seen wrong by the guest: 0"
	has "pages fetched twice  *0 "
	pages=$(awk '/asked for by a fault|pages prefetched|pages streamed/ { n += $(NF) }
		END { print n }' "$out")
	[ "$pages" -eq 4096 ] || fail "$pages pages of 4096 came"
	! grep -q "$(printf '\r')" "$out" || fail "a progress bar, and no terminal"
}

dies()
{
	run 3 --kill-source-at 50 "$@" || { [ "$?" -eq 77 ] && return; }
	has "the source (process [0-9]*) was killed after 20[0-9]* of 4096 pages"
	has "guest frozen: 4096 pages"
	has "pages that had come verified, 0 wrong"
}

arrives
skipped=$rc
arrives --order sequential --vcpus 1
arrives --order mixed --device --vcpus 3 --seed 7
arrives --mode minor --device
arrives --window 0 --mode minor
arrives --kvm
arrives --pages 2m
dies
dies --mode minor --device
dies --kvm

for wrong in "--size 3" "--size x" "--order none" "--vcpus 0" "--kill-source-at 100" "--what" "x"; do
	rc=0
	# shellcheck disable=SC2086
	"$postcopy" $wrong >"$out" 2>&1 || rc=$?
	[ "$rc" -eq 2 ] || fail "$wrong: exit status $rc"
done
"$postcopy" --help >"$out" || fail "--help"
has "kill-source-at"
exit "$skipped"
