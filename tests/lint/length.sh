#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# length.sh [TREE] - no file of lib/ is too long to be about one thing, and no
# line of it too long to be read.
set -eu
cd "${1-${top_srcdir:-${0%/*}/../..}}"

find lib -name '*.[ch]' | LC_ALL=C sort | xargs awk -v max_lines=600 -v max_columns=100 '
FNR == 1 {
	files++
	if ($0 !~ /SPDX-License-Identifier: BSD-2-Clause/) {
		printf "%s:1: the first line does not name the license\n", FILENAME
		failures++
	}
}
{
	columns = 0
	line = $0
	while ((tab = index(line, "\t")) > 0) {
		columns += tab - 1
		columns += 8 - columns % 8
		line = substr(line, tab + 1)
	}
	columns += length(line)
	if (columns > max_columns) {
		printf "%s:%d: %d columns, more than %d\n", FILENAME, FNR, columns, max_columns
		failures++
	}
}
FNR == max_lines + 1 {
	printf "%s: more than %d lines\n", FILENAME, max_lines
	failures++
}
END {
	printf "%d files, %d violations\n", files, failures
	exit failures > 0 || files == 0
}'
