#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# layers.sh [TREE] - every #include in lib/ is one that lib/LAYERS allows.
set -eu
cd "${1-${top_srcdir:-${0%/*}/../..}}"

# The order of the two inputs matters: the rules are read first.
find lib -name '*.[ch]' | LC_ALL=C sort | xargs awk '
function fail(text)
{
	printf "%s:%d: %s\n", FILENAME, FNR, text
	failures++
}

FILENAME == "lib/LAYERS" {
	if ($0 ~ /^#/ || NF == 0)
		next
	known[$1] = 1
	n = split($2, below, ",")
	for (i = 1; i <= n; i++)
		allowed[$1, below[i]] = 1
	allowed[$1, $1] = 1
	n = split($3, public, ",")
	for (i = 1; i <= n; i++)
		installed[$1, public[i]] = 1
	next
}

FNR == 1 {
	files++
	parts = split(FILENAME, part, "/")
	layer = parts == 3 ? part[2] : ""
	if (!(layer in known))
		fail("not in a folder that lib/LAYERS names")
}

/^[ \t]*#[ \t]*include[ \t]*</ {
	name = $0
	sub(/^[^<]*</, "", name)
	sub(/>.*/, "", name)
	if (name !~ /^gmemstate\//)
		next
	library = "core"
	if (name ~ /^gmemstate\/linux\// || name == "gmemstate/gmemstate-linux.h")
		library = "linux"
	if (name == "gmemstate/jemalloc.h")
		library = "jemalloc"
	if (!((layer, library) in installed))
		fail(layer " may not include <" name ">")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	name = $0
	sub(/^[^"]*"/, "", name)
	sub(/".*/, "", name)
	if (name == "config.h")
		next
	if (name ~ /\.\./) {
		fail("\"" name "\": write the path from lib/")
		next
	}
	if (name ~ /^gmemstate\//) {
		fail("\"" name "\": installed headers go in <>")
		next
	}
	target = layer
	if (name ~ /\//) {
		target = name
		sub(/\/.*/, "", target)
	}
	if (!((layer, target) in allowed))
		fail(layer " may not include \"" name "\"")
}

END {
	printf "%d files, %d violations\n", files, failures
	exit failures > 0 || files == 0
}' lib/LAYERS
