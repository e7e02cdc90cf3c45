#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# dirty.sh - the example moves a guest's memory and not one write is lost, whoever
# notices the writes; how many rounds it takes is nobody's test.
set -eu

top_builddir=${top_builddir:-.}
dirty=$top_builddir/examples/dirty
[ -x "$dirty" ] || {
	echo "skipped: the example was not built"
	exit 77
}
work=$(mktemp -d "$top_builddir/dirty-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	sed 's/^/  | /' "$work/out" >&2
	exit 1
}

# Numbers that must agree with each other: first round and first column, the rounds
# and what was sent, writes and what arrived.
consistent()
{
	awk -v pages="$1" '
	$1 == "1" || $1 == "stop" || (rounds && $1 == rounds + 1) {
		if ($1 == "1" && $2 != pages)
			bad = 1
		rounds += $1 != "stop"
		stopped += $1 == "stop"
		sum += $2
	}
	/^Sent: / { sent = $2 }
	/^Compared: / {
		compared = $2
		differ = $4
		writes = $10 + 0
		arrived = $12 + 0
		left = $NF + 0
	}
	END {
		off = sent - sum / 256
		exit bad || !rounds || stopped != 1 || off > 0.06 || off < -0.06 ||
			compared != pages || differ || !writes || writes != arrived || left
	}' "$work/out"
}

ran=0
run()
{
	echo "dirty $*"
	rc=0
	"$dirty" --size 32 --hot 16 "$@" >"$work/out" 2>&1 || rc=$?
	if [ "$rc" -eq 77 ]; then
		tail -n 1 "$work/out"
		return
	fi
	[ "$rc" -eq 0 ] || fail "exit status $rc"
	consistent 8192 || fail "numbers that do not agree"
	ran=$((ran + 1))
}

run --log
run --wp-async
run --wp-async --thread
# A round at most, and a link that is slower than the guest: all is left for the end.
run --rounds 1
run --thread --rate 2000000 --link 100 --blackout 0
if [ "$rc" -eq 0 ]; then
	grep -q 'does not get less' "$work/out" || fail "it cannot have got less"
fi

for bad in "--log --thread" "--size 3" "--size 0" "--hot 3" "--hot 64 --size 32" "--rate 0" \
	"--link x" "--rounds 0" "what"; do
	rc=0
	# shellcheck disable=SC2086
	"$dirty" $bad >"$work/out" 2>&1 || rc=$?
	[ "$rc" -eq 2 ] || fail "dirty $bad ended with $rc"
done
[ "$ran" -gt 0 ] || {
	echo "skipped: this host has neither KVM nor WP_ASYNC"
	exit 77
}
