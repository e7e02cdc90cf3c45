#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# marks.sh [TREE] - nothing that a merge left undecided: its marks, in any text.
set -eu
cd "${1-${top_srcdir:-${0%/*}/../..}}"

set -- README NEWS Makefile.am configure.ac lib include tests examples bench man doc scripts
failures=0
for part in "$@"; do
	[ -e "$part" ] || continue
	# -I: what is no text has no lines.
	marks=$(grep -rnIE '^(<{7}|>{7}|[|]{7})( |$)' "$part" || :)
	[ -n "$marks" ] || continue
	echo "$marks"
	failures=$((failures + 1))
done
echo "$# parts, $failures violations"
[ "$failures" -eq 0 ]
