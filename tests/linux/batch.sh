#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# batch.sh - a batch makes as many system calls as it has runs, or one for all where
# the kernel takes vectors, and no other; counted by strace, and equal to the ledger.
set -eu

top_builddir=${top_builddir:-.}
batch=$top_builddir/tests/linux/batch
strace=${STRACE:-strace}
work=$(mktemp -d "$top_builddir/batch-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

skip()
{
	echo "skipped: $*"
	exit 77
}

command -v "$strace" >/dev/null || skip "no strace"
"$strace" -f -o "$work/strace" true 2>"$work/out" || skip "strace may not trace here"

# Leaks cannot be looked for in a traced process.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

bad=0
left_out=0
vectors=

ledger() { awk -v key="$1" '$1 == key { print $2 }' "$work/out"; }

# expect KIND OPERATION RUNS PAGES CALL COUNT FLUSHES
expect()
{
	rc=0
	"$strace" -f -o "$work/strace" "$batch" "$1" "$2" "$3" "$4" >"$work/out" 2>&1 || rc=$?
	if [ "$rc" -eq 77 ]; then
		echo "left out: kind $1: $(cat "$work/out")"
		left_out=1
		return
	fi
	[ "$rc" -eq 0 ] || { cat "$work/out"; echo "FAILED: exit status $rc" >&2; exit 1; }
	# Between the marks, by who made them: a parent may wait for it. An allocator's
	# memory is not ours.
	awk '/write\(-1, "mark"/ { on = !on; pid = $1; next }
	     /MAP_ANONYMOUS/ || / munmap\(/ { next }
	     on && $1 == pid && /^[0-9]+ +[a-z_0-9]+\(/ {
		sub(/^[0-9]+ +/, ""); sub(/\(.*/, ""); n[$0]++
	     }
	     END { for (name in n) print name, n[name] }' "$work/strace" |
		grep -v -e '^brk ' -e '^futex ' >"$work/calls" || :
	flushes=$(ledger flush_process)
	calls=$(awk -v call="$5" '$1 == call { print $2 }' "$work/calls")
	others=$(awk -v call="$5" '$1 != call { print $1 }' "$work/calls" | tr '\n' ' ')
	counted=$(ledger "sys_$5")
	echo "kind $1, $2 of $3 runs of $4: $5 ${calls:-0}, others: ${others:-none}," \
		"ledger $counted, flushes $flushes"
	if [ "${calls:-0}" -ne "$6" ] || [ "$counted" -ne "$6" ] || [ "$flushes" -ne "$7" ] ||
		[ -n "$others" ]; then
		echo "FAILED: expected $6 of $5, $7 flushes and nothing else" >&2
		bad=1
	fi
}

# Does this kernel take vectors? The library finds out, so ask it.
"$batch" 0 unshare 3 1 >"$work/out" 2>&1 || skip "$(cat "$work/out")"
[ "$(ledger sys_process_madvise)" -eq 1 ] && vectors=yes
[ "$vectors" ] || skip "this kernel takes no vectors: every call is one a run"

# Small pages: memfd, the same with huge ones advised, guest_memfd.
for kind in 0 1 5; do
	expect $kind unshare 500 1 process_madvise 1 1
	expect $kind unshare 3000 1 process_madvise 3 3
	expect $kind share 3000 2 process_madvise 3 0
	expect $kind discard 200 3 fallocate 200 200
	expect $kind populate 200 3 fallocate 200 0
done
expect 0 unshare 1 1000 process_madvise 1 1

# hugetlb: whole pages of 2M by mprotect; less than that is no call.
expect 2 unshare 5 512 mprotect 5 5
expect 2 share 5 512 mprotect 5 0
expect 2 unshare 50 1 mprotect 0 0
expect 2 discard 50 1 fallocate 50 50

# memfd_secret: locked memory, no markers.
expect 4 unshare 200 1 mprotect 200 200
expect 4 share 200 1 mprotect 200 0

# guest_memfd that the host may not touch.
expect 6 discard 200 1 fallocate 200 0
expect 7 populate 200 1 fallocate 200 0

[ "$bad" -eq 0 ] || exit 1
[ "$left_out" -eq 0 ] || exit 77
