#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# selftest.sh - each lint finds what it is there to find: a small tree that is
# clean passes, and the same tree with one violation planted does not.
set -eu
here=$(cd "${0%/*}" && pwd)
tree=$(mktemp -d "${TMPDIR:-/tmp}/gms-lint.XXXXXX")
trap 'rm -rf "$tree"' EXIT
failures=0

clean_tree()
{
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/lib/base" "$tree/lib/map" "$tree/lib/api" "$tree/lib/linux" \
		"$tree/include/gmemstate" "$tree/man/man3" "$tree/tests/api" "$tree/tests/abi"
	cp "$here/../../lib/LAYERS" "$tree/lib/LAYERS"
	spdx='/* SPDX-License-Identifier: BSD-2-Clause */'
	printf '%s\n' "$spdx" '#include <gmemstate/types.h>' >"$tree/lib/base/bits.h"
	printf '%s\n' "$spdx" '#include "base/bits.h"' '#include "tree.h"' \
		'/* printf() and exit() in a comment' ' * getenv() here too */' \
		'static const char text[] = "abort /* ";' \
		'#ifdef GMS_DEBUG' '#include <stdio.h>' 'static __thread int depth;' '#endif' \
		'void gms__tree(struct gms__ops *ops) { ops->exit(ops->read); }' \
		>"$tree/lib/map/tree.c"
	printf '%s\n' "$spdx" >"$tree/lib/map/tree.h"
	printf '%s\n' "$spdx" '#include "map/tree.h"' >"$tree/lib/api/thing.c"
	printf '%s\n' "$spdx" '#include <gmemstate/gmemstate.h>' '#include <gmemstate/linux/kvm.h>' \
		>"$tree/lib/linux/kvm.c"
	cat >"$tree/include/gmemstate/thing.h" <<'EOT'
/** @brief A struct. */
struct gms_thing {
	size_t size;	/**< Bytes. */
};

/**
 * @brief Do it.
 *
 * @param thing What.
 * @retval 0 Done.
 * @par Threads
 * Pure.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_thing_do(struct gms_thing *thing);
EOT
	printf 'GMEMSTATE_0.1 {\nglobal:\n\tgms_thing_do;\nlocal:\n\t*;\n};\n' \
		>"$tree/lib/libgmemstate.map"
	printf '.Sh NAME\n.Nm gms_thing_do\n' >"$tree/man/man3/gms_thing_do.3"
	printf 'gms_thing_do()\n' >"$tree/NEWS"
	printf 'gms_thing_do();\n' >"$tree/tests/api/test_thing.c"
	printf 'STRUCT(gms_thing, 8)\n' >"$tree/tests/abi/test_layout.c"
	for folder in lib include tests man; do
		(cd "$tree" && find $folder -type f | LC_ALL=C sort) >>"$tree/files"
	done
	grep -E "^(lib|include)/" "$tree/files" >"$tree/lib/Makemodule.am"
	grep "^tests/" "$tree/files" >"$tree/tests/Makemodule.am"
	grep "^man/" "$tree/files" >"$tree/man/Makemodule.am"
}

# finds LINT PATTERN: the lint fails and names it.
finds()
{
	if sh "$here/$1.sh" "$tree" >"$tree/out" 2>&1; then
		echo "$1.sh: did not see: $2"
		failures=$((failures + 1))
	elif ! grep -q -e "$2" "$tree/out"; then
		echo "$1.sh: failed, but not with: $2"
		cat "$tree/out"
		failures=$((failures + 1))
	fi
	clean_tree
}

clean_tree
for lint in layers denied length listed documented marks; do
	if ! sh "$here/$lint.sh" "$tree" >"$tree/out" 2>&1; then
		echo "$lint.sh: a clean tree does not pass:"
		cat "$tree/out"
		failures=$((failures + 1))
	fi
done

echo '#include "map/tree.h"' >>"$tree/lib/base/bits.h"
finds layers 'lib/base/bits.h:3: base may not include "map/tree.h"'
echo '#include "../map/tree.h"' >>"$tree/lib/base/bits.h"
finds layers 'write the path from lib/'
echo '#include "base/bits.h"' >>"$tree/lib/linux/kvm.c"
finds layers 'linux may not include "base/bits.h"'
echo '# include <gmemstate/linux/kvm.h>' >>"$tree/lib/map/tree.c"
finds layers 'map may not include <gmemstate/linux/kvm.h>'
echo '#include <gmemstate/jemalloc.h>' >>"$tree/lib/api/thing.c"
finds layers 'api may not include <gmemstate/jemalloc.h>'
mkdir "$tree/lib/other" && echo >"$tree/lib/other/new.c"
finds layers 'lib/other/new.c:1: not in a folder'

for word in 'snprintf(b, 1, "x");' 'exit(1);' 'abort();' 'getenv("X");' 'dlopen(0, 0);' \
	'signal (2, 0);' 'static __thread int i;' 'static _Thread_local int i;' 'errno = 0;'; do
	echo "$word" >>"$tree/lib/map/tree.c"
	finds denied 'lib/map/tree.c:12: uses'
done
echo '#include <stdio.h>' >>"$tree/lib/api/thing.c"
finds denied 'includes stdio.h'
printf '#ifndef GMS_DEBUG\nabort();\n#endif\n' >>"$tree/lib/map/tree.c"
finds denied 'uses abort'
printf '#if GMS_DEBUG\n#else\nabort();\n#endif\n' >>"$tree/lib/map/tree.c"
finds denied 'uses abort'

awk 'BEGIN { for (i = 0; i < 600; i++) print "" }' >>"$tree/lib/map/tree.h"
finds length 'lib/map/tree.h: more than 600 lines'
awk 'BEGIN { printf "\t"; for (i = 0; i < 93; i++) printf "x"; print "" }' >>"$tree/lib/map/tree.h"
finds length 'lib/map/tree.h:2: 101 columns'
echo 'int x;' >"$tree/lib/map/tree.h"
finds length 'does not name the license'

printf '%s\n' 'one' '=======' '>>>>>>> other' >"$tree/man/man3/gms_thing.3"
finds marks 'man/man3/gms_thing.3:3:'

echo >"$tree/tests/api/test_other.c"
finds listed "tests/api/test_other.c: not in tests/Makemodule.am"
echo >"$tree/lib/base/bits.c"
finds listed "lib/base/bits.c: not in lib/Makemodule.am"

for tag in '@brief' '@retval' '@par Threads' '@par Cost' '@since' '@param thing'; do
	sed "/gms_thing {/,\$s/$tag/tag/" "$tree/include/gmemstate/thing.h" >"$tree/new"
	mv "$tree/new" "$tree/include/gmemstate/thing.h"
	finds documented "no $tag"
done
sed 's/GMS_API //' "$tree/include/gmemstate/thing.h" >"$tree/new"
mv "$tree/new" "$tree/include/gmemstate/thing.h"
finds documented 'gms_thing_do: exported, not declared'
sed 's/gms_thing_do/gms_thing_undo/' "$tree/lib/libgmemstate.map" >"$tree/new"
mv "$tree/new" "$tree/lib/libgmemstate.map"
finds documented 'gms_thing_do: declared GMS_API, in no version script'
printf '.Sh NAME\n.Nm gms_thing_do_it\n.Sh SYNOPSIS\n.Nm gms_thing_do\n' >"$tree/man/man3/gms_thing_do.3"
finds documented 'gms_thing_do: in the NAME of no page'
: >"$tree/NEWS"
finds documented 'gms_thing_do: not in NEWS'
: >"$tree/tests/api/test_thing.c"
finds documented 'gms_thing_do: named in no test'
: >"$tree/tests/abi/test_layout.c"
finds documented 'gms_thing: not in tests/abi/test_layout.c'

mandoc=${MANDOC:-mandoc}
if command -v "$mandoc" >/dev/null 2>&1; then
	echo '.Xx' >"$tree/man/man3/gms_thing_do.3"
	finds man 'gms_thing_do.3'
fi

echo "$failures planted violations missed"
[ "$failures" -eq 0 ]
