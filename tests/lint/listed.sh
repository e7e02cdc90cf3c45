#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# listed.sh [TREE] - every file of the source is named in the part of the build
# that it belongs to: a file that nobody compiles, or that no tarball holds, is
# found here and not by a user.
set -eu
cd "${1-${top_srcdir:-${0%/*}/../..}}"

failures=0
files=0
for folder in lib include tests examples bench man; do
	[ -d "$folder" ] || continue
	part=$folder/Makemodule.am
	[ "$folder" != include ] || part=lib/Makemodule.am
	words=$(cat "$part" "$folder"/*/Makemodule.am 2>/dev/null | LC_ALL=C tr -s ' \t\\=' '\n' || :)
	for file in $(find "$folder" -path tests/abi/root -prune -o -type f \( -name "*.[chS]" \
		      -o -name "*.sh" -o -name "*.ld" -o -name "*.[0-9]" -o -name "*.map" \) -print |
		      LC_ALL=C sort); do
		files=$((files + 1))
		case "
$words
" in
		*"
$file
"*) ;;
		*)
			echo "$file: not in $part"
			failures=$((failures + 1))
			;;
		esac
	done
done
echo "$files files, $failures violations"
[ "$failures" -eq 0 ] && [ "$files" -gt 0 ]
