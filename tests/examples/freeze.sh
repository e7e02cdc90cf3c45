#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# freeze.sh - while all is frozen nothing changes and nobody is let in, and in the end
# every count is there; the same with a thread for a guest. How long it takes is
# nobody's test.
set -eu
freeze=${top_builddir:-.}/examples/freeze
work=$(mktemp -d "${top_builddir:-.}/freeze-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	[ ! -s "$work/out" ] || sed 's/^/  | /' "$work/out" >&2
	exit 1
}

if [ ! -x "$freeze" ]; then
	echo "skipped: freeze was not built"
	exit 77
fi

# sound OPTION...
sound()
{
	"$freeze" --size 4 --rounds 5 --hold 2 "$@" >"$work/out" 2>&1 || fail "$*: exit status $?"
	grep -qE '^gms_freeze, gms_thaw +([0-9.]+ +){3}0$' "$work/out" || fail "counts were lost"
	grep -q '^counts that changed while all was frozen: 0$' "$work/out" || fail "it changed"
	grep -q '^accesses of the VMM that were let in meanwhile: 0$' "$work/out" || fail "let in"
	grep -qE '^times the guest waited: ([5-9]|[1-9][0-9]+); ' "$work/out" || fail "it did not wait"
	grep -qE '^64 GiB in the books, 2 threads that touch: freeze ' "$work/out" || fail "no books"
	awk '/^accesses: / { begun = $2; ended = $4; wrong = $8 }
		END { exit !(begun > 0 && begun == ended && wrong == 0) }' "$work/out" ||
		fail "an access was lost, or let in"
}

sound
! grep -q 'KVM, ring 3' "$work/out" ||
	grep -qE '^vCPU stopped, slot deleted +([0-9.]+ +){3}0$' "$work/out" || fail "no slots"
sound --thread
grep -q 'a thread: no KVM' "$work/out" || fail "no thread"

for bad in "--size 3" "--size 0" "--size 1026" "--rounds 0" "--rounds 1001" "--hold x" more; do
	# shellcheck disable=SC2086
	! "$freeze" $bad >/dev/null 2>&1 || fail "$bad was taken"
done
"$freeze" --help >"$work/out" || fail "no help"
