# SPDX-License-Identifier: BSD-2-Clause
# lib.sh - for the tests of gmemstate-replay: run it, and look at its JSON.
# shellcheck shell=sh
set -eu

top_srcdir=${top_srcdir:-${0%/*}/../..}
top_builddir=${top_builddir:-.}
program=$top_builddir/lib/replay/gmemstate-replay
traces=$top_srcdir/examples/traces
work=$(mktemp -d "$top_builddir/replay-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*"
	for file in "$work/out" "$work/err"; do
		[ ! -s "$file" ] || sed 's/^/  | /' "$file" | head -40
	done
	exit 1
}

need()
{
	command -v "$1" >/dev/null 2>&1 || {
		echo "skipped: there is no $1 (Debian: $2)"
		exit 77
	}
}

# unpack TRACE: its path in $trace.
unpack()
{
	need xz xz-utils
	trace=$work/$1.txt
	[ -s "$trace" ] || xz -dc "$traces/$1.txt.xz" >"$trace"
}

# replay OPTION.. TRACE: with a model that is the same everywhere; output in $work/out,
# JSON in $work/json.
replay()
{
	echo "gmemstate-replay $*"
	rc=0
	"$program" --model example --json "$work/json" "$@" >"$work/out" 2>"$work/err" || rc=$?
	[ "$rc" -eq 0 ] || fail "exit status $rc"
	[ ! -s "$work/err" ] || fail "a message, and all is well"
}

# value PATH: of the JSON, as "maps" or "replays.eager.commits": a replay by its name.
value()
{
	python3 - "$work/json" "$1" <<'END' || fail "the JSON has no $1"
import json, sys
at = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."):
	at = next(r for r in at if r["name"] == key) if isinstance(at, list) else at[key]
print(at)
END
}

# expect PATH VALUE
expect()
{
	seen=$(value "$1")
	[ "$seen" = "$2" ] || fail "$1 is $seen and not $2"
}

# refused STATUS TEXT OPTION..: a message that has the text, and nothing else.
refused()
{
	want=$1 text=$2
	shift 2
	echo "gmemstate-replay $*"
	rc=0
	"$program" --model example "$@" >"$work/out" 2>"$work/err" </dev/null || rc=$?
	[ "$rc" -eq "$want" ] || fail "exit status $rc and not $want"
	grep -qF -e "$text" "$work/err" || fail "the message lacks: $text"
	[ ! -s "$work/out" ] || fail "something on the standard output"
}
