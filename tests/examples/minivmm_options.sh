#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# minivmm_options.sh - what minivmm makes of its command line and its terminal.
top_srcdir=${top_srcdir:-${0%/*}/../..}
. "$top_srcdir/tests/examples/lib.sh"

# refused PATTERN OPTION...
refused()
{
	pattern=$1
	shift
	rc=0
	"$minivmm" --no-kvm --disk "$work/disk" "$@" >"$work/out" 2>&1 || rc=$?
	[ "$rc" -eq 2 ] || fail "minivmm $*: exit status $rc and not 2"
	grep -q "$pattern" "$work/out" || fail "minivmm $*: another message"
}

refused "no such --strategy: 'fast'" --strategy fast
refused "no such --strategy: ''" --strategy ''
refused "no such --strategy" --strategy batch=1
refused "no such --strategy" --strategy batch=257
refused "no such --strategy" --strategy eager=2
refused "sizes wants" --sizes 513
refused "sizes wants" --sizes 2M
refused "sizes wants" --sizes 0
refused "sizes wants" --sizes 4294971392
refused "do not fit" --strategy batch=128 --sizes 1M
refused "buffers wants" --buffers 0
refused "do not fit" --strategy keep --sizes 1M --requests 65 --buffers all
refused "direction wants" --direction up
refused "requests wants" --requests 0
refused "requests wants" --requests 99999999999999999999999
refused "no such --color" --color blue
refused "no such argument" eager
refused "No such file" --json "$work/no/such/folder"
refused "No such file" --save "$work/no/such/folder"
refused "cannot open the disk" --disk "$work/no/such/folder"

"$minivmm" --help >"$work/out" || fail "--help"
grep -q -- '--strategy LIST' "$work/out" || fail "--help says nothing"

"$minivmm" --probe >"$work/out" || fail "--probe"
grep -qi 'guest_memfd' "$work/out" || fail "--probe says nothing"

# Only the table; no colour into a file unless it is asked for, and plain ASCII
# where the locale has no more.
one="--no-kvm --strategy batch=8,batch=8,eager --sizes 4K --requests 20"
# shellcheck disable=SC2086
LC_ALL=C run $one --quiet
every_run_is_sound 20
[ "$(grep -cE '^(batch=8|eager) ' "$work/out")" -eq 2 ] || fail "a strategy named twice"
! grep -q 'RAM when' "$work/out" || fail "--quiet draws"
# shellcheck disable=SC2086
LC_ALL=C run $one
! LC_ALL=C grep -q "$(printf '[\033\200-\377]')" "$work/out" || fail "not plain ASCII"
grep -q '^  0x40000  +\.\.\.' "$work/out" || fail "the picture does not show the mixed folio"
grep -q '^            #\.\.\.' "$work/out" || fail "the picture does not open it up"
# shellcheck disable=SC2086
LC_ALL=C.UTF-8 run $one --color always
grep -q "$(printf '\033\\[33m\342\226\204')" "$work/out" || fail "no colour, or no half block"

# Two snapshots, which gmemstate-map reads, of what was drawn.
map=$top_builddir/lib/picture/gmemstate-map
# shellcheck disable=SC2086
LC_ALL=C run $one --save "$work/guest.snap"
for snapshot in guest.snap guest.snap.end; do
	"$map" "$work/$snapshot" >"$work/map" || fail "$snapshot: no snapshot"
	title=$([ $snapshot = guest.snap ] && echo "RAM when" || echo "RAM as")
	shared=$(sed -n "s/^$title.*: \([0-9]*\) of 65536 pages shared.*/\1/p" "$work/out")
	# The map counts the firmware's pages too, which are always shared.
	grep -q "^###### shared  *$((shared + 32)) pages" "$work/map" ||
		fail "$snapshot: the map says another number than $shared"
done
