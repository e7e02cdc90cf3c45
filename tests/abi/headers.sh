#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# headers.sh - each installed header compiles alone and with all others, as C99
# and as C++98, with every warning an error; also where the program has macros
# named like attributes, and inside a caller's extern "C".
set -eu
top_srcdir=${top_srcdir:-$(cd "${0%/*}/../.." && pwd)}
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-headers.XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0
compiled=0

# compile NAME: $work/NAME.c as C99 and, where there is a C++ compiler, as C++98.
compile()
{
	compiled=$((compiled + 1))
	if ! ${CC:-cc} -std=c99 -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -pedantic \
	     -Werror -I"$top_srcdir/include" -fsyntax-only "$work/$1.c"; then
		echo "$1: does not compile as C99"
		failures=$((failures + 1))
	fi
	[ -n "$cxx" ] || return 0
	if ! $cxx -x c++ -std=c++98 -Wall -Wextra -pedantic -Werror -I"$top_srcdir/include" \
	     -fsyntax-only "$work/$1.c"; then
		echo "$1: does not compile as C++98"
		failures=$((failures + 1))
	fi
}

cxx=${CXX-c++}
if [ -z "$cxx" ] || ! command -v "${cxx%% *}" >/dev/null 2>&1; then
	echo "no C++ compiler: C only"
	cxx=
fi

headers=$(cd "$top_srcdir/include" && find gmemstate -name '*.h' | LC_ALL=C sort)
for header in $headers; do
	name=$(echo "$header" | tr '/.' '__')
	# Twice: the guard works.
	printf '#include <%s>\n#include <%s>\nextern int gms_not_empty;\n' "$header" "$header" \
		>"$work/$name.c"
	compile "$name"
	echo "#include <$header>" >>"$work/all.c"
done
echo 'extern int gms_not_empty;' >>"$work/all.c"
compile all

for word in visibility warn_unused_result default unused deprecated; do
	[ "$word" = default ] || echo "#define $word \"not an attribute\""
done >"$work/macros.c"
cat "$work/all.c" >>"$work/macros.c"
compile macros

{
	printf '#ifdef __cplusplus\nextern "C" {\n#endif\n'
	cat "$work/all.c"
	printf '#ifdef __cplusplus\n}\n#endif\n'
} >"$work/nested.c"
compile nested

echo "$compiled translation units, $failures failures"
[ "$failures" -eq 0 ]
