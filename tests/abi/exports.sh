#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# exports.sh - each shared library exports what its version script names, under
# that version, and nothing else.
set -eu
top_srcdir=${top_srcdir:?run by make check}
libs=${top_builddir:?run by make check}/lib/.libs
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-exports.XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0
seen=0

for name in libgmemstate libgmemstate-linux libgmemstate-jemalloc; do
	[ -f "$libs/$name.so" ] || continue
	seen=$((seen + 1))
	# "symbol@@NODE" a line; a map's node is the last line that opened one.
	awk '
	$NF == "{" { node = $1 }
	/^[ \t]+[A-Za-z_][A-Za-z0-9_]*;/ { sub(/;/, "", $1); print $1 "@@" node }
	' "$top_srcdir/lib/$name.map" | LC_ALL=C sort >"$work/wanted"
	${NM:-nm} -D --defined-only "$libs/$name.so" >"$work/nm"
	# An absolute symbol is the version node itself.
	awk '$2 != "A" { print $3 }' "$work/nm" | LC_ALL=C sort >"$work/exported"
	if ! grep -q '@@' "$work/exported"; then
		echo "$name.so: built without symbol versions"
		sed 's/@@.*//' "$work/wanted" >"$work/plain"
		mv "$work/plain" "$work/wanted"
	fi
	if [ ! -s "$work/wanted" ]; then
		echo "lib/$name.map: names nothing"
		failures=$((failures + 1))
	elif ! diff "$work/wanted" "$work/exported" >"$work/diff"; then
		echo "$name: < in the version script, > in the library"
		sed -n '/^[<>]/p' "$work/diff"
		failures=$((failures + 1))
	else
		echo "$name: $(wc -l <"$work/exported") symbols"
	fi
done

if [ "$seen" -eq 0 ]; then
	echo "no shared library was built"
	exit 77
fi
[ "$failures" -eq 0 ]
