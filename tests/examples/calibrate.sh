#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# calibrate.sh - the example measures, keeps what it measured, and compares; a
# damaged file is named with its line. What the numbers are is nobody's test.
set -eu
calibrate=${top_builddir:-.}/examples/calibrate
work=$(mktemp -d "${top_builddir:-.}/calibrate-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	[ ! -s "$work/out" ] || sed 's/^/  | /' "$work/out" >&2
	exit 1
}

if [ ! -x "$calibrate" ]; then
	echo "skipped: calibrate was not built"
	exit 77
fi

"$calibrate" --budget 20 --save "$work/model" >"$work/out" 2>&1 || fail "exit status $?"
[ "$(head -n 1 "$work/model")" = "gmemstate-cost 1" ] || fail "no head"
[ "$(tail -n 1 "$work/model")" = end ] || fail "no end"
for name in syscall_ns flush_0_ns mprotect_none_page_ns copy_cold_2m_ns; do
	grep -qE "^$name [1-9][0-9]*\$" "$work/model" || fail "$name was not kept"
	grep -qE "^$name +[0-9.]+ (ns|us)" "$work/out" || fail "$name was not printed"
done
grep -qE '^measured in [0-9]+ ms, [0-9]+ batches' "$work/out" || fail "no summary"

"$calibrate" --budget 20 --compare "$work/model" >"$work/out" 2>&1 || fail "exit status $?"
grep -qE '^copy_warm_2m_ns +[0-9.]+ us +[0-9.]+ us +[0-9]+\.[0-9][0-9]$' "$work/out" ||
	fail "nothing was compared"

"$calibrate" --budget 20 --no-kvm >"$work/out" 2>&1 || fail "exit status $?"
grep -q '^not known: exits of a guest: ' "$work/out" || fail "an exit without KVM"
! grep -q '^guest_exit_ns' "$work/out" || fail "an exit without KVM"

sed '3s/ .*/ many/' "$work/model" >"$work/damaged"
if "$calibrate" --compare "$work/damaged" >"$work/out" 2>&1; then
	fail "a damaged file was taken"
fi
grep -q "$work/damaged:3: damaged; expected " "$work/out" || fail "no line"
"$calibrate" --help >"$work/out" || fail "no help"
if "$calibrate" --budget much >"$work/out" 2>&1; then
	fail "a budget that is none"
fi
