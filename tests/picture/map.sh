#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# map.sh - gmemstate-map as its user meets it: files and pipes, what it says, how it
# exits, and what is not well-formed or not for a terminal.
set -eu

top_srcdir=$(cd "${top_srcdir:-${0%/*}/../..}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)
map=$top_builddir/lib/picture/gmemstate-map
work=$(mktemp -d "$top_builddir/map-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"	# so that names, and lines with them, are short
unset COLORTERM COLUMNS NO_COLOR
LC_ALL=C
export LC_ALL

fail()
{
	echo "FAILED: $*" >&2
	[ ! -s "$work/out" ] || sed 's/^/  | /' "$work/out" >&2
	exit 1
}

skip()
{
	echo "skipped: $*"
	exit 77
}

# expect STATUS OPTION...: what it wrote goes to $work/out.
expect()
{
	wanted=$1
	shift
	echo "gmemstate-map $*"
	rc=0
	"$map" "$@" >"$work/out" 2>&1 </dev/null || rc=$?
	[ "$rc" -eq "$wanted" ] || fail "exit status $rc and not $wanted"
}

says()
{
	grep -qF -- "$1" "$work/out" || fail "it does not say: $1"
}

states=$top_builddir/tests/picture/states
[ -x "$states" ] || skip "$states was not built"
"$states" .

expect 0 before.snap
says "4.03 MiB of 64 MiB (6.29 %) shared"
says "shared                                 1,031 pages"
says "1 of 32 blocks of 2 MiB are cut, and 1 hold shared and private pages"
says "shared in 2 runs, the longest: 0x400000 + 4 MiB, 0x100064000 + 28 KiB"
! grep -q "$(printf '\033')" "$work/out" || fail "escapes, and no terminal"
cp "$work/out" file.out

# A pipe, and the text of the same space, are the same picture.
echo "through a pipe"
dd if=before.snap bs=7 2>/dev/null | "$map" - | sed 's/^standard input:/F:/' >"$work/out"
sed 's/^[^ ]*before.snap:/F:/' file.out | cmp -s - "$work/out" || fail "another picture"
"$map" before.txt | sed 's/^[^ ]*before.txt:/F:/' >"$work/out"
sed 's/^[^ ]*before.snap:/F:/' file.out | cmp -s - "$work/out" ||
	fail "another picture of the text"

# A difference, and none.
expect 0 --exit-code before.snap before.txt
says "no difference in 64 MiB"
expect 1 --exit-code before.snap after.snap
says "12 KiB turned shared, 28 KiB private, of 64 MiB"
says "blocks of 2 MiB that were cut: 1, and that were merged: 1"
expect 1 --exit-code --quiet --diff before.txt after.txt
[ ! -s "$work/out" ] || fail "not quiet"
expect 0 --diff before.snap after.snap

expect 0 tib.snap
says "4 KiB of 1 TiB (< 0.01 %) shared"
says "0xbc614e000 + 4 KiB"
expect 0 --hilbert --zoom 0xbc6000000+2M tib.snap
says "4 KiB of 2 MiB (0.20 %) shared"
expect 2 --zoom 4T+1G tib.snap
says "there is no memory at these addresses"

# What is wrong, and where.
head -c 100 before.snap >short.snap
expect 2 short.snap
says "short.snap: byte 100 of the snapshot: expected more: the file ends too soon"
sed 's/ 2m / 3m /' before.txt >bad.txt
expect 2 bad.txt
says "bad.txt: line 1, column 16: expected the order of a folio: 4k, 2m, 1g or -"
expect 2 --most-bytes 1K before.snap
says "see --most-bytes"
: >empty
expect 2 empty
says "it is empty"
expect 2 nothing
says "nothing: No such file or directory"
expect 2 .
says ".: cannot be read: Is a directory"
expect 2
says "no file given; see --help"
expect 2 --what nonsense before.snap
says "no such --what: 'nonsense'; see --help"
expect 2 --zoom 1 before.snap
expect 2 --size 7 before.snap
expect 2 --diff before.snap
expect 2 --what folios before.snap after.snap
expect 2 - -
expect 0 --help
says "Usage: gmemstate-map"
expect 0 --version
says "gmemstate-map 0."
[ ! -w /dev/full ] || {
	echo "a disk that is full"
	! "$map" before.snap >/dev/full 2>"$work/out" || fail "a full disk is no error"
	says "No space left on device"
}
expect 2 --svg no/such/folder/a.svg before.snap
says "No such file or directory"

# In colours, if they are asked for.
expect 0 --color 256 before.snap
grep -q "$(printf '\033')" "$work/out" || fail "no colours"

# SVG is well-formed, whatever the file is called.
odd="a <&> \"name\".snap"
cp before.snap "$odd"
for layout in --hilbert --rows; do
	expect 0 $layout --svg a.svg "$odd"
	if command -v xmllint >/dev/null; then
		xmllint --noout a.svg || fail "the SVG is not well-formed"
	elif command -v python3 >/dev/null; then
		python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' \
			a.svg || fail "the SVG is not well-formed"
	else
		echo "neither xmllint nor python3: the SVG is not parsed"
	fi
	grep -q ">shared  *1,031 pages" a.svg || fail "no legend"
done
expect 0 --svg - before.snap after.snap
says "</svg>"
for what in state folios access; do
	expect 0 --what $what --svg a.svg before.snap
done

rc=0
"$map" --png a.png before.snap 2>"$work/out" || rc=$?
if grep -q "without libpng" "$work/out"; then
	[ ! -e a.png ] || fail "a PNG without libpng"
else
	[ "$rc" -eq 0 ] || fail "no PNG"
	[ "$(head -c 4 a.png | tail -c 3)" = PNG ] || fail "that is no PNG"
fi

# The completion knows every option of the help, and the manual too.
"$map" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' >"$work/out"
[ "$(wc -l <"$work/out")" -ge 13 ] || fail "few options"
while read -r option; do
	grep -q -- "$option" "$top_srcdir/lib/picture/gmemstate-map.bash" ||
		fail "$option: not completed"
	grep -qF -- ".It Fl $(echo "${option#-}" | sed 's/-/\\-/g')" \
		"$top_srcdir/man/man1/gmemstate-map.1" || fail "$option: not in the manual"
done <"$work/out"
echo passed
