#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tutorial.sh - doc/tutorial.md says what examples/tutorial is: each piece of code, named
# in a comment before it, stands in that file, the cc line is that of the file's first
# comment, and what ./stepN prints is what the page says.
set -eu
top_srcdir=${top_srcdir:-${0%/*}/../..}
programs=${top_builddir:-.}/examples/tutorial
page=$top_srcdir/doc/tutorial.md
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-tutorial.XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0
fail()
{
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# code.N.FILE: pieces of code; out.N: what ./stepN prints; cc.N: how it is compiled.
awk -v work="$work" '
/^<!-- .* -->$/ { file = $2; next }
/^```c$/ { to = work "/code." ++n "." file; printf "" >to; next }
/^```$/ && !open && to == "" { open = 1; next }
/^```/ { to = ""; open = 0; file = ""; next }
open && /^\$ cc -o step[0-9] / { print substr($0, 3) >(work "/cc." substr($4, 5)); next }
open && /^\$ \.\/step[0-9]$/ { to = work "/out." substr($2, 7); printf "" >to; next }
to != "" { print >to }' "$page"

pieces=0
for piece in "$work"/code.*; do
	name=${piece##*/code.}
	name=${name#*.}
	pieces=$((pieces + 1))
	[ -s "$piece" ] && [ -f "$top_srcdir/examples/tutorial/$name" ] || {
		fail "a piece of code of \"$name\""
		continue
	}
	# Its lines, one after the other, are lines of the file.
	awk 'NR == FNR { want[++n] = $0; next }
	{ have[++m] = $0 }
	END {
		for (i = 0; i + n <= m; i++) {
			for (k = 1; k <= n && want[k] == have[i + k]; k++)
				;
			if (k > n)
				exit 0
		}
		exit 1
	}' "$piece" "$top_srcdir/examples/tutorial/$name" || {
		fail "this is not in $name:"
		cat "$piece"
	}
done

steps=0
for source in "$top_srcdir"/examples/tutorial/step*.c; do
	name=${source##*/}
	n=${name#step}
	n=${n%%_*}
	steps=$((steps + 1))
	[ -n "$(find "$work" -name "code.*.$name")" ] || fail "no code of $name"
	grep -qxF " *   $(cat "$work/cc.$n")" "$source" || fail "$name is compiled otherwise"
	"$programs/${name%.c}" >"$work/printed" 2>&1 || fail "$name: exit status $?"
	diff -u "$work/out.$n" "$work/printed" || fail "$name prints something else"
done
echo "$steps steps, $pieces pieces of code, $failures violations"
[ "$steps" -eq 6 ] && [ "$pieces" -ge 6 ] && [ "$failures" -eq 0 ]
