#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# advice.sh - what examples/advice says of a model that is given, and what it refuses.
set -eu
top_builddir=${top_builddir:-.}
advice=$top_builddir/examples/advice
[ -x "$advice" ] || {
	echo "skipped: the Linux library was not built"
	exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-advice-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	cat "$work/out" >&2
	exit 1
}

# Copies at a nanosecond a byte, exits at 1 and 9 us: POOL 10 us and the bytes.
cat >"$work/model" <<'EOT'
gmemstate-cost 1
host_page_bytes 4096
syscall_ns 100
guest_exit_ns 1000
user_exit_ns 9000
copy_cold_4k_ns 4096
end
EOT

"$advice" --model "$work/model" --sizes 4K,1M >"$work/out" || fail "exit status $?"
grep -q '^  bounce  *18192  *10000 .* 8192  -$' "$work/out" || fail "bounce of 4 KiB"
grep -q '^  pool  *14096  *10000 .* 4096  4 KiB$' "$work/out" || fail "pool of 4 KiB"
grep -q '^  pool  *1058576 ' "$work/out" || fail "pool of 1 MiB"
grep -q '^  convert  *unknown: this host.s costs lack guard_remove_page_ns$' "$work/out" ||
	fail "what is missing"
[ "$(grep -c '^  Take pool: it copies for less than the next, bounce\.$' "$work/out")" -eq 2 ] ||
	fail "the advice"

"$advice" --model "$work/model" --sizes 4K --tsv --allow bounce --direction both >"$work/out" ||
	fail "exit status $?"
printf '4096\tbounce\t26384\t10000\t0\t0\t0\t0\t16384\t1\t1\t0\t0\t0\t16384\n4096\tadvice\tbounce\n' \
	>"$work/want"
cmp -s "$work/out" "$work/want" || fail "--tsv"

refused()
{
	rc=0
	"$advice" --model "$work/model" "$@" >"$work/out" 2>&1 || rc=$?
	[ "$rc" -eq 2 ] || fail "advice $*: exit status $rc and not 2"
}
refused --sizes 0
refused --sizes 4K,
refused --sizes -1
refused --direction up
refused --allow bounce,fly
refused --batch 4294967296
refused more
rc=0
"$advice" --model "$work/none" >"$work/out" 2>&1 || rc=$?
[ "$rc" -eq 1 ] || fail "a model that is not there"
"$advice" --help | grep -q -- --model || fail "--help"
