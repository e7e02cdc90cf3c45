#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# minivmm_strace.sh - the ledger counts the system calls made for conversions
# exactly as strace -c does: no other code of the process makes such calls.
top_srcdir=${top_srcdir:-${0%/*}/../..}
. "$top_srcdir/tests/examples/lib.sh"

strace=${STRACE:-strace}
command -v "$strace" >/dev/null || skip "no strace"
"$strace" -f -c -o "$work/strace" true 2>"$work/out" || skip "strace may not trace here"

# Leaks cannot be looked for in a traced process.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

# agree OPTION...
agree()
{
	echo "strace -f -c minivmm $*"
	"$strace" -f -c -o "$work/strace" "$minivmm" --disk "$work/disk" --json "$work/json" \
		"$@" >"$work/out" 2>&1 || fail "exit status $?"
	flatten
	[ "$(value totals.sys_madvise).$(value totals.sys_mprotect)" = 0.0 ] ||
		skip "this kernel revokes by $(value revoked_by), which others call too"
	traced=$(awk '$NF == "process_madvise" { calls = $4 } END { print calls + 0 }' "$work/strace")
	ledger=$(value totals.sys_process_madvise)
	echo "  process_madvise: strace $traced, ledger $ledger"
	[ "$traced" -gt 0 ] || fail "strace saw no process_madvise"
	[ "$traced" -eq "$ledger" ] || fail "strace counts $traced calls and the ledger $ledger"
}

agree --no-kvm --strategy eager,batch=64 --sizes 4K --requests 128
agree --no-kvm --strategy all --sizes 512,4K,64K --requests 64 --rogue
[ -w /dev/kvm ] || exit 0
agree --strategy eager,batch=64 --sizes 4K --requests 128
agree --strategy all --sizes 512,4K,64K --requests 64 --rogue
