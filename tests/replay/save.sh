#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# save.sh - a replay ends where --until says, with the last event that is not later, and the
# snapshots of --save are of the memory that the report speaks of.
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/lib.sh"
need python3 python3
map=$top_builddir/lib/picture/gmemstate-map
[ -x "$map" ] || {
	echo "skipped: $map was not built"
	exit 77
}

# A page a microsecond, marks between, and a line that comes a little late.
cat >"$work/steps" <<'END'
1000 0 M 1000 16 T 00:02.0 1000
# mark 1500 early
2000 0 M 2000 16 T 00:02.0 2000
1900 1 M 3000 16 T 00:02.0 3000
# mark 2600 late
3000 0 U 1000 16 T 00:02.0 1000
4000 0 M 4000 16 T 00:02.0 4000
END

# drawn FILE..: the pages that are shared, or turned so, are $pages.
drawn()
{
	"$map" --color never "$@" >"$work/out" 2>"$work/err" || fail "no picture of $*"
	pages=$(sed -n 's/^[^ ]* \(turned \)*shared  *\([0-9,]*\) pages\{0,1\} .*/\2/p' "$work/out" |
		tr -d ,)
}

# saved NAME [FILE]: the file has as many shared pages as the report's replay of that name.
saved()
{
	drawn "$work/then/${2:-$1}.snap"
	expect "replays.$1.pages_exposed_end" "${pages:-0}"
}

# until_ns NS MAPS UNMAPS END-NS SHARED MARKS
until_ns()
{
	replay --strategy eager,keep --until "$1e-9" --save "$work/then" "$work/steps"
	expect maps "$2"
	expect unmaps "$3"
	expect first_ns 1000
	expect last_ns "$4"
	expect replays.eager.pages_exposed_end "$5"
	expect replays.keep.pages_exposed_end "$2"
	[ "$(python3 -c 'import json, sys; print(len(json.load(sys.stdin)["marks"]))' \
		<"$work/json")" -eq "$6" ] || fail "not $6 marks"
	saved eager
	saved keep
}
until_ns 0 1 0 1000 1 0
until_ns 999 1 0 1999 1 1
until_ns 1000 3 0 2000 3 1
until_ns 1500 3 0 2500 3 1
until_ns 1999 3 0 2999 3 2
until_ns 2000 3 1 3000 2 2
until_ns 9000 4 1 4000 3 2

# A trace that goes on need not end.
python3 - "$program" "$work/steps" <<'END' || fail "the end of a pipe was waited for"
import subprocess, sys
child = subprocess.Popen([sys.argv[1], "--model", "none", "--until", "0.000001", "-"],
			 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
child.stdin.write(open(sys.argv[2], "rb").read())
child.stdin.flush()
sys.exit(child.wait(60))
END

# All strategies, in the middle of a real guest's reads, and what differs between two.
unpack A-virtio-blk
replay --strategy all --until 12.16 --save "$work/then" "$trace"
for name in bounce pool eager batch=8 lazy keep pread; do
	saved $name "$(echo $name | tr '=' -)"
done
expect replays.pread.pages_exposed_end 0
eager=$(value replays.eager.pages_exposed_end) keep=$(value replays.keep.pages_exposed_end)
[ "$eager" -gt 6000 ] || fail "eager: $eager pages are shared"
drawn "$work/then/eager.snap" "$work/then/keep.snap"
[ "$pages" -eq $((keep - eager)) ] || fail "$pages pages differ, and not $((keep - eager))"

# Names of files, and a folder that is there; what was saved before is replaced.
rm -r "$work/then"
head -n 10000 "$trace" >"$work/part"
replay --strategy eager,lazy=64,1 --profile snp,tdx --folio 4k,2m --until 1 \
	--save "$work/then" "$work/part"
(cd "$work/then" && ls) >"$work/names"
cat >"$work/wanted" <<'END'
eager-snp-2m.snap
eager-snp-4k.snap
eager-tdx-2m.snap
eager-tdx-4k.snap
lazy-64-1-snp-2m.snap
lazy-64-1-snp-4k.snap
lazy-64-1-tdx-2m.snap
lazy-64-1-tdx-4k.snap
END
cmp "$work/wanted" "$work/names" || fail "other files"
saved "lazy=64,1 snp 4k" lazy-64-1-snp-4k
replay --strategy eager,lazy=64,1 --profile snp,tdx --folio 4k,2m --save "$work/then" "$work/part"
saved "eager snp 2m" eager-snp-2m
[ "$(value "replays.eager snp 2m.pages_exposed_end")" -gt 0 ] || fail "nothing is shared"
