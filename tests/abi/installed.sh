#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# installed.sh - the installed tree, not the source tree, is what programs see.
# A program a library, found by pkg-config alone, in C and in C++, linked with
# the shared library and wholly static; all are run.
#
# make installs into tests/abi/root before the tests begin, since libtool moves
# libraries aside while it installs them.
set -eu
top_srcdir=${top_srcdir:?run by make check}
root=${top_builddir:?run by make check}/tests/abi/root
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-installed.XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0
programs=0
fail()
{
	echo "FAILED: $*"
	failures=$((failures + 1))
}

if [ -z "${PKG_CONFIG:-}" ]; then
	echo "pkg-config is not installed"
	exit 77
fi
if [ ! -f "$root.stamp" ]; then
	echo "make install failed:"
	cat "$root.log"
	exit 1
fi

pcdir=$(dirname "$(find "$root" -name gmemstate.pc)")
libdir=$(dirname "$pcdir")
export PKG_CONFIG_PATH="$pcdir" PKG_CONFIG_SYSROOT_DIR="$root"
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH+:$LD_LIBRARY_PATH}"

# What is installed: every public header of what was built, and config.h never.
includedir=$(find "$root" -type d -path '*/include/gmemstate')
(cd "$top_srcdir/include/gmemstate" && find . -name '*.h' | LC_ALL=C sort) >"$work/headers"
[ -f "$pcdir/gmemstate-linux.pc" ] || grep -v linux "$work/headers" >"$work/fewer" || :
[ -f "$pcdir/gmemstate-linux.pc" ] || mv "$work/fewer" "$work/headers"
[ -f "$pcdir/gmemstate-jemalloc.pc" ] || grep -v jemalloc "$work/headers" >"$work/fewer" || :
[ -f "$pcdir/gmemstate-jemalloc.pc" ] || mv "$work/fewer" "$work/headers"
(cd "$includedir" && find . -type f | LC_ALL=C sort) >"$work/found"
diff "$work/headers" "$work/found" || fail "the installed headers are not those of the tree"

# Each function can be looked up: man 3 gms_share.
for pc in "$pcdir"/gmemstate*.pc; do
	map=$top_srcdir/lib/lib$(basename "$pc" .pc).map
	for symbol in $(sed -n 's/^[[:space:]]*\(gms_[a-z0-9_]*\);.*/\1/p' "$map"); do
		[ -n "$(find "$root" -path "*/man3/$symbol.3")" ] || fail "man 3 $symbol: nothing"
	done
done

cat >"$work/gmemstate.c" <<'EOT'
#include <stdio.h>
#include <gmemstate/gmemstate.h>

int main(void)
{
	struct gms_region_opts ram;
	struct gms_range page = { 0x100, 1 }, all = { 0, 1024 };
	struct gms_space *space = NULL;
	uint64_t shared = 0;

	GMS_INIT(&ram);
	ram.npages = 1024;
	ram.base_order = GMS_ORDER_2M;
	if (gms_space_new(&space, NULL) || gms_region_add(space, &ram, NULL) ||
	    gms_share(space, page, NULL) ||
	    gms_count(space, all, GMS_STATE_SHARED, GMS_STATE_SHARED, &shared) || shared != 1 ||
	    gms_map_order(space, 0x100, GMS_STATE_SHARED) != GMS_ORDER_4K ||
	    gms_map_order(space, 0x200, GMS_STATE_SHARED) != GMS_ORDER_2M)
		return 1;
	gms_space_free(space);
	return puts(gms_version_string()) < 0;
}
EOT

cat >"$work/gmemstate-linux.c" <<'EOT'
#include <stdio.h>
#include <gmemstate/gmemstate-linux.h>

int main(void)
{
	struct gms_host host;

	GMS_INIT(&host);
	if (gms_host_probe(&host))
		return 1;
	return puts(gms_host_feature_name(GMS_HOST_MEMFD)) < 0;
}
EOT

cat >"$work/gmemstate-jemalloc.c" <<'EOT'
#include <stdio.h>
#include <gmemstate/gmemstate.h>
#include <gmemstate/jemalloc.h>

int main(void)
{
	struct gms_jemalloc *arena = NULL;
	struct gms_jemalloc_stats stats;
	struct gms_space_opts opts;
	struct gms_mem_ops mem;
	struct gms_space *space = NULL;

	GMS_INIT(&mem);
	GMS_INIT(&opts);
	GMS_INIT(&stats);
	if (gms_jemalloc_new(&arena) || gms_jemalloc_allocator(arena, &mem))
		return 1;
	opts.mem = &mem;
	if (gms_space_new(&space, &opts) || gms_jemalloc_stats(arena, &stats) ||
	    stats.asked_bytes == 0)
		return 1;
	gms_space_free(space);
	if (gms_jemalloc_stats(arena, &stats) || stats.asked_bytes != 0)
		return 1;
	gms_jemalloc_free(arena);
	return puts("every byte was given back") < 0;
}
EOT

# build_and_run PACKAGE LANGUAGE COMPILER MODE
build_and_run()
{
	program=$work/$1-$2-$4
	options=
	pkg=
	if [ "$4" = static ]; then
		options=-static
		pkg=--static
	fi
	if ! flags=$($PKG_CONFIG $pkg --cflags --libs "$1"); then
		fail "pkg-config $pkg --cflags --libs $1"
		return
	fi
	programs=$((programs + 1))
	if ! $3 -x "$2" -Wall -Wextra -Werror "$work/$1.c" -x none $options -o "$program" $flags; then
		fail "$1, $2, $4: does not build with $flags"
	elif ! "$program" >"$work/out"; then
		fail "$1, $2, $4: does not run"
	else
		echo "$1, $2, $4: $(cat "$work/out")"
	fi
}

for package in gmemstate gmemstate-linux gmemstate-jemalloc; do
	[ -f "$pcdir/$package.pc" ] || continue
	modes=
	[ ! -f "$libdir/lib$package.so" ] || modes="$modes shared"
	[ ! -f "$libdir/lib$package.a" ] || modes="$modes static"
	for mode in $modes; do
		build_and_run "$package" c "${CC:-cc}" "$mode"
		[ -z "${CXX:-}" ] || build_and_run "$package" c++ "$CXX" "$mode"
	done
done

echo "$programs programs, $failures failures"
[ "$failures" -eq 0 ] && [ "$programs" -gt 0 ]
