#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# minivmm_strace.sh - the ledger counts the system calls made for conversions
# exactly as strace -c does. What memory can do is tried when it is made, by a few
# such calls that are nobody's conversion: so two runs are compared, and what the
# longer one makes more of.
top_srcdir=${top_srcdir:-${0%/*}/../..}
. "$top_srcdir/tests/examples/lib.sh"

strace=${STRACE:-strace}
command -v "$strace" >/dev/null || skip "no strace"
"$strace" -f -c -o "$work/strace" true 2>"$work/out" || skip "strace may not trace here"

# Leaks cannot be looked for in a traced process.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

# count OPTION...: how often strace and the ledger saw it, as traced and ledger
count()
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
}

# agree REQUESTS OPTION...: for so many requests, and twice as many
agree()
{
	requests=$1
	shift
	count --requests "$requests" "$@"
	first_traced=$traced first_ledger=$ledger
	count --requests $((2 * requests)) "$@"
	traced=$((traced - first_traced)) ledger=$((ledger - first_ledger))
	[ "$traced" -gt 0 ] || fail "strace saw no process_madvise"
	[ "$traced" -eq "$ledger" ] || fail "strace counts $traced calls more, the ledger $ledger"
}

agree 64 --no-kvm --strategy eager,batch=64 --sizes 4K
agree 32 --no-kvm --strategy all --sizes 512,4K,64K --rogue
[ -w /dev/kvm ] || exit 0
agree 64 --strategy eager,batch=64 --sizes 4K
agree 32 --strategy all --sizes 512,4K,64K --rogue
