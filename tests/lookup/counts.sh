#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# counts.sh - a lookup, and a page shared and unshared, are no more instructions
# than the numbers below, as callgrind counts them.
#
# The loop around the call, about 10 instructions, is included. The numbers leave
# room for other compilers and C libraries: what they catch is a search that was
# fast and no longer is, which on a loaded machine no clock shows.
set -eu
top_builddir=${top_builddir:-.}
valgrind=${VALGRIND:-valgrind}

most_lookup_W1=100	# a word a GiB
most_lookup_W2=150	# a bit of a plane, or runs in a word
most_lookup_W3=150
most_lookup_M=250	# lists, which are searched
most_pair_W1=2500	# gms_share and gms_unshare of one page
most_pair_W2=2500
most_cut_W1=4500	# the same, in folios of 2 MiB: cut, and merged again
most_cut_W2=4500

skip()
{
	echo "skipped: $*"
	exit 77
}

[ "${GMS_ENABLE_DEBUG:-no}" = no ] || skip "a debug build checks itself"
case " ${CFLAGS-} " in
*" -O2 "* | *" -O3 "*) ;;
*) skip "built without optimization" ;;
esac
command -v "$valgrind" >/dev/null || skip "no valgrind (Debian: valgrind)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$valgrind" --tool=callgrind --callgrind-out-file=/dev/null true >"$work/out" 2>&1 ||
	skip "valgrind does not run here: $(tail -n 1 "$work/out")"

# count STATE WHAT ORDER: instructions of one, and the loop's own few.
count()
{
	n=5000
	"$top_builddir/libtool" --mode=execute "$valgrind" --tool=callgrind \
		--callgrind-out-file=/dev/null --toggle-collect="counted_$2" \
		"$top_builddir/tests/lookup/loop" "$1" "$2" $n "$3" >"$work/out" 2>&1 || {
		cat "$work/out" >&2
		exit 1
	}
	sum=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/out")
	echo $((${sum:-0} / n))
}

failures=0
# at_most CAP STATE WHAT ORDER
at_most()
{
	instructions=$(count "$2" "$3" "$4")
	echo "$2: $3, order $4: $instructions instructions, at most $1"
	# Of nothing counted, the test would know nothing.
	if [ "$instructions" -lt 10 ] || [ "$instructions" -gt "$1" ]; then
		failures=$((failures + 1))
	fi
}

at_most $most_lookup_W1 W1 lookups 0
at_most $most_lookup_W2 W2 lookups 0
at_most $most_lookup_W3 W3 lookups 0
at_most $most_lookup_M M lookups 0
at_most $most_pair_W1 W1 conversions 0
at_most $most_pair_W2 W2 conversions 0
at_most $most_cut_W1 W1 conversions 9
at_most $most_cut_W2 W2 conversions 9
[ "$failures" -eq 0 ]
