#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# documented.sh [TREE] - each exported symbol has what its user needs:
#
#   a declaration with GMS_API and a complete doc block in an installed header,
#   a page of section 3 of the manual whose NAME it is in, a line in NEWS, and a
#   test that names it.
#
# Each public struct and number is in tests/abi/test_layout.c.
set -eu
cd "${1-${top_srcdir:-${0%/*}/../..}}"

failures=0
fail()
{
	echo "$*"
	failures=$((failures + 1))
}

# What the version scripts export, a name a line.
exported=$(sed -n 's/^[[:space:]]*\(gms_[a-z0-9_]*\);.*/\1/p' lib/*.map | LC_ALL=C sort)
[ -n "$exported" ] || fail "lib/*.map: no symbols found"
twice=$(echo "$exported" | uniq -d)
[ -z "$twice" ] || fail "exported by two libraries: $twice"

# "name file:line what is missing", or just the name where nothing is.
declared=$(find include -name '*.h' | LC_ALL=C sort | xargs awk '
FNR == 1 {
	block = declaration = ""
	inblock = 0
}
/^[ \t]*\/\*\*/ {
	block = ""
	inblock = 1
}
inblock {
	block = block "\n" $0
	if ($0 ~ /\*\//)
		inblock = 0
	next
}
/^GMS_API / {
	declaration = " "
}
declaration != "" {
	declaration = declaration " " $0
	if ($0 !~ /;/)
		next
	# GMS_API GMS_MUST_CHECK int gms_x(const struct gms_y *y, uint32_t z);
	head = declaration
	sub(/\(.*/, "", head)
	name = head
	sub(/.*[ *]/, "", name)
	arguments = declaration
	sub(/^[^(]*\(/, "", arguments)
	sub(/\);.*/, "", arguments)

	missing = ""
	if (block !~ /@brief/)
		missing = missing " @brief"
	if (head !~ /[^A-Za-z_]void +gms_/ && block !~ /@retval/ && block !~ /@return/)
		missing = missing " @retval or @return"
	if (block !~ /@par Threads/)
		missing = missing " @par Threads"
	if (block !~ /@par Cost/)
		missing = missing " @par Cost"
	if (block !~ /@since/)
		missing = missing " @since"
	n = split(arguments, argument, ",")
	for (i = 1; i <= n; i++) {
		sub(/.*[ *]/, "", argument[i])
		sub(/\[.*/, "", argument[i])
		if (argument[i] != "void" && block !~ ("@param +" argument[i] "[ \n]"))
			missing = missing " @param " argument[i]
	}
	print name (missing == "" ? "" : " " FILENAME ":" FNR ": no" missing)
	block = declaration = ""
	next
}
# A block belongs to what follows it at once.
/[^ \t]/ {
	block = ""
}')

incomplete=$(echo "$declared" | sed -n 's/^\(gms_[a-z0-9_]*\) \(.*\)/\2: \1()/p')
[ -z "$incomplete" ] || fail "$incomplete"

names=$(echo "$declared" | sed 's/ .*//' | LC_ALL=C sort)
for symbol in $exported; do
	echo "$names" | grep -qx "$symbol" || fail "$symbol: exported, not declared GMS_API"
done
for symbol in $names; do
	echo "$exported" | grep -qx "$symbol" || fail "$symbol: declared GMS_API, in no version script"
done

# The words of some files, a word a line: one pass instead of one a symbol.
words()
{
	cat "$@" /dev/null | LC_ALL=C tr -cs 'A-Za-z0-9_' '\n' | LC_ALL=C sort -u
}
# names_missing WHERE: what of stdin is not among the words on fd 3.
lacks()
{
	where=$1
	shift
	list=$(words "$@")
	for name in $wanted; do
		case "
$list
" in
		*"
$name
"*) ;;
		*) fail "$name: $where" ;;
		esac
	done
}

named=$(find man/man3 -name "*.3" | xargs awk '
FNR == 1 || $1 == ".Sh" { name = $1 == ".Sh" && $2 == "NAME" }
name && $1 == ".Nm" { print $2 }')
for name in $exported; do
	echo "$named" | grep -qx "$name" || fail "$name: in the NAME of no page of man/man3"
done
wanted=$exported
lacks "not in NEWS" $(find . -maxdepth 1 -name NEWS)
lacks "named in no test" $(find tests -name '*.c' ! -name test_layout.c)

wanted=$(find include -name '*.h' | xargs sed -n \
	-e 's/^struct \(gms_[a-z_]*\) {.*/\1/p' \
	-e 's/^	\(GMS_[A-Z0-9_]*\)[ ,	].*/\1/p' |
	grep -vE '_COUNT$|^GMS_ACCT_KINDS$|^GMS_HOST_FEATURES$')
lacks "not in tests/abi/test_layout.c" tests/abi/test_layout.c

echo "$(echo "$exported" | wc -l) exported symbols, $failures violations"
[ "$failures" -eq 0 ]
