#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# version.sh - one version everywhere: the header, what configure made of it,
# the .pc files, the newest entry of NEWS, and what the library says of itself.
set -eu
top_srcdir=${top_srcdir:?run by make check}
top_builddir=${top_builddir:?run by make check}
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-version.XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0

version=$(sh "$top_srcdir/build-aux/version")
echo "include/gmemstate/version.h: $version"
same()
{
	if [ "$2" != "$version" ]; then
		echo "$1: $2"
		failures=$((failures + 1))
	fi
}

same config.h "$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$top_builddir/config.h")"
for pc in gmemstate gmemstate-linux gmemstate-jemalloc; do
	same "$pc.pc" "$(sed -n 's/^Version: //p' "$top_builddir/lib/$pc.pc")"
done
same NEWS "$(sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' \
	"$top_srcdir/NEWS" | head -n 1)"

cat >"$work/version.c" <<'EOT'
#include <stdio.h>
#include <gmemstate/gmemstate.h>

int main(void)
{
	if (gms_version() != GMS_VERSION)
		return 1;
	return puts(gms_version_string()) < 0;
}
EOT
# The libtool of this build knows how to link with what is not installed yet.
"$top_builddir/libtool" --silent --mode=link --tag=CC ${CC:-cc} ${CFLAGS-} \
	-I"$top_srcdir/include" "$work/version.c" -o "$work/version" \
	"$top_builddir/lib/libgmemstate.la"
same "gms_version_string()" "$("$work/version")"

[ "$failures" -eq 0 ]
