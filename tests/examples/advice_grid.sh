#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# advice_grid.sh - bench/advice measures a small grid, and what the ledger counted is
# what the estimates count. Which strategy is how fast is nobody's test.
set -eu
top_srcdir=${top_srcdir:-${0%/*}/../..}
top_builddir=${top_builddir:-.}
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-advice-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	cat "$work/out" >&2
	exit 1
}

rc=0
sh "$top_srcdir/bench/advice" --seconds 1 --sizes 4K,20K --reuse 1,32,all --requests 32 \
	--json "$work/json" --markdown "$work/md" >"$work/out" 2>&1 || rc=$?
if [ "$rc" -eq 77 ]; then
	cat "$work/out"
	exit 77
fi
[ "$rc" -eq 0 ] || fail "exit status $rc"
grep -q '"counts_that_differ": 0,' "$work/json" || fail "counts differ"
if command -v python3 >/dev/null; then
	python3 -m json.tool "$work/json" >/dev/null || fail "the JSON is none"
fi

# Lengths, gaps and directions, by each memory that there is, in three sets.
cells=$(grep -c '"set": "any"' "$work/json")
[ "$cells" -eq 12 ] || [ "$cells" -eq 24 ] || fail "$cells cells"
[ "$(grep -c '"advised": "[a-z-]*", "best": "[a-z-]*", "loss": [0-9.]*' "$work/json")" -eq \
	$((cells * 3)) ] || fail "a cell lacks something"
[ "$(grep -cE '^(guest_memfd|memfd) +(in|out) ' "$work/out")" -eq "$cells" ] || fail "rows"
grep -q '^| all | '"$cells"' | ' "$work/md" || fail "the page's table"

for wrong in --sizes --seconds=1 more; do
	rc=0
	sh "$top_srcdir/bench/advice" $wrong >"$work/out" 2>&1 || rc=$?
	[ "$rc" -eq 2 ] || fail "bench/advice $wrong: exit status $rc and not 2"
done
