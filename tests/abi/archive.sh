#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# archive.sh - the static libraries, which no version script covers, define no
# global name that a program could have too: gms_ and gms__ only.
set -eu
libs=${top_builddir:?run by make check}/lib/.libs
failures=0
seen=0

for name in libgmemstate libgmemstate-linux libgmemstate-jemalloc; do
	[ -f "$libs/$name.a" ] || continue
	seen=$((seen + 1))
	foreign=$(${NM:-nm} -g --defined-only "$libs/$name.a" | awk '
		NF == 3 && $3 !~ /^gms_/ && $3 !~ /^__x86\.get_pc_thunk/ { print $3 }')
	if [ -n "$foreign" ]; then
		echo "$name.a: defines" $foreign
		failures=$((failures + 1))
	else
		echo "$name.a: gms_ names only"
	fi
done
if [ "$seen" -eq 0 ]; then
	echo "no static library was built"
	exit 77
fi
[ "$failures" -eq 0 ]
