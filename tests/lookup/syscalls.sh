#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# syscalls.sh - strace sees no system call between two marks, between which a
# program makes a million lookups and asks every other question of state.h.
set -eu
top_builddir=${top_builddir:-.}
strace=${STRACE:-strace}

skip()
{
	echo "skipped: $*"
	exit 77
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v "$strace" >/dev/null || skip "no strace (Debian: strace)"
"$strace" -f -o "$work/trace" true 2>"$work/out" || skip "strace may not trace here"

# Leaks cannot be looked for in a traced process.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

for state in W1 W2 W3 M; do
	"$strace" -f -o "$work/trace" "$top_builddir/tests/lookup/loop" $state reads 1000000 \
		>"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
	awk -v state=$state '
	/ write\(1, "begin\\n"/ { begun++; inside = 1; next }
	/ write\(1, "end\\n"/ { ended++; inside = 0; next }
	inside { print; within++ }
	!inside { around++ }
	END {
		printf "%s: %d system calls within, %d before and after\n", state, within, around
		exit within || begun != 1 || ended != 1 || !around
	}' "$work/trace"
done
