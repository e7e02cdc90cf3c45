#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# proof.sh - spin finds no error in the protocol of readers and writers as
# reader.pml has it, and finds every error that is planted in it.
#
# An error counts as found only if what fails is the reader's claim. A search
# counts as passed only if it was complete, came to every statement of the
# reader, the ones that start again too, and made every kind of edit.
set -eu
top_srcdir=${top_srcdir:-${0%/*}/../..}
spin=${SPIN:-spin}
cc=${CC:-cc}
model=$top_srcdir/tests/proof/reader.pml

skip()
{
	echo "skipped: $*"
	exit 77
}

command -v "$spin" >/dev/null || skip "no spin (Debian: spin)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
echo 'int main(void) { return 0; }' >"$work/cc.c"
$cc -o "$work/cc" "$work/cc.c" 2>/dev/null && "$work/cc" ||
	skip "$cc makes no programs that run here"

# search NAME -D...: spin's report is NAME/out.
search()
{
	name=$1
	shift
	mkdir "$work/$name"
	cp "$model" "$work/$name/reader.pml"
	# The compiler takes longer than it saves, but where all is searched.
	case $name in
	protocol) optimize=-O2 ;;
	*) optimize=-O0 ;;
	esac
	(cd "$work/$name" &&
	 "$spin" -P"$cc -E -x c" -a "$@" reader.pml &&
	 $cc -w $optimize -DSAFETY -DCOLLAPSE -DNOREDUCE -DMEMLIM=900 -o pan pan.c &&
	 ./pan -E -m10000) >"$work/$name/out" 2>&1 || :
	states=$(awk '/states, stored/ { print $1; exit }' "$work/$name/out")
}

failed()
{
	echo "$name: $*"
	cat "$work/$name/out"
	return 1
}

# passes NAME -D...
passes()
{
	search "$@"
	grep -q 'errors: 0$' "$work/$name/out" || failed "spin found an error, or did not run" ||
		return 1
	! grep -Eq 'not completed|max search depth too small|out of memory' "$work/$name/out" ||
		failed "the search is not complete" || return 1
	echo "$name: no error in $states states"
}

# came_everywhere: in the search before. Of what is inlined into the writer some
# is for the other one, so of the writer its own lines count: its edits.
came_everywhere()
{
	awk '
	FNR == NR && /^proctype writer/ { first = FNR }
	FNR == NR { next }
	/^unreached in/ { process = $NF; seen[process] }
	match($0, /reader\.pml:[0-9]+/) {
		line = substr($0, RSTART + 11, RLENGTH - 11) + 0
		if (process == "reader" || (process == "writer" && line > first)) {
			print
			missed++
		}
	}
	END { exit missed > 0 || !first || !("reader" in seen) || !("writer" in seen) }
	' "$model" "$work/$name/out" || failed "statements above were never come to" || return 1
	echo "$name: every statement of the reader and every kind of edit was come to"
}

# finds ERROR -D...
finds()
{
	error=$1
	search "$error" -D"$@"
	grep -Eq 'assertion violated \(+(seen\[|row==)' "$work/$error/out" ||
		failed "planted and not found" || return 1
	echo "$error: found after ${states:-?} states"
}

planted()
{
	finds RAISE_FIRST -DOPS0=1 -DOPS1=0 &&
	finds REUSE_FIRST -DOPS0=1 -DOPS1=0 &&
	finds NO_RAISE -DOPS0=1 -DOPS1=0 &&
	finds NO_R1 -DOPS0=1 -DOPS1=0 &&
	finds NO_R2 -DOPS0=1 -DOPS1=1 &&
	finds NO_R3 -DOPS0=2 -DOPS1=0 &&
	finds NO_ROW_CHECK -DOPS0=2 -DOPS1=0 &&
	finds NO_GIB_TAG -DOPS0=2 -DOPS1=2 &&
	finds NO_TABLE_TAG -DOPS0=2 -DOPS1=0 &&
	finds ARRAY_FIRST -DOPS0=1 -DOPS1=0 &&
	finds RELAXED_FILL -DOPS0=1 -DOPS1=2 &&
	finds RELAXED_LEAF -DOPS0=1 -DOPS1=0 &&
	finds RELAXED_LOOK -DOPS0=1 -DOPS1=0
}

# Side by side: the long search, and all the others.
(
	planted &&
	passes two_blocks -DBLOCKS=2 -DOPS0=2 -DOPS1=0 &&
	passes fewer_raises -DFEWER_RAISES -DOPS0=2 -DOPS1=1
) &
others=$!
result=0
passes protocol -DOPS0=2 -DOPS1=2 && came_everywhere || result=1
wait "$others" || result=1
exit "$result"
