#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# seccomp_table.sh - the table of system calls is the same in the library, in
# seccomp.json and in gmemstate-seccomp(7), and the JSON is JSON.
set -eu
top_srcdir=${top_srcdir:-${0%/*}/../..}
print=${top_builddir:-.}/tests/linux/print_calls
work=$(mktemp -d "${TMPDIR:-/tmp}/gms-calls.XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0

if [ ! -x "$print" ]; then
	echo "skipped: the Linux library was not built"
	exit 77
fi

# same NAME FILE HOW: what the library prints is what the file has.
same()
{
	if ! diff -u "$2" "$work/$1" >"$work/diff"; then
		echo "$3 differs from lib/linux/calls.def; print_calls $1 makes it:"
		cat "$work/diff"
		failures=$((failures + 1))
	fi
}

"$print" json >"$work/json"
same json "$top_srcdir/lib/linux/seccomp.json" lib/linux/seccomp.json

page=$top_srcdir/man/man7/gmemstate-seccomp.7
sed -n '/^\.\\" Made by print_calls/,/^\.\\" End of what print_calls made/p' "$page" |
	sed '1d;$d' >"$work/page"
"$print" man >"$work/man"
same man "$work/page" man/man7/gmemstate-seccomp.7

if command -v python3 >/dev/null 2>&1; then
	python3 - "$work/json" <<'EOT' || failures=$((failures + 1))
import json, sys

calls = json.load(open(sys.argv[1]))["calls"]
assert len(calls) > 2 and calls[-1]["call"] == "libc"
for call in calls:
    assert set(call) == {"call", "about", "syscalls"}, call
    for sys_ in call["syscalls"]:
        assert set(sys_) <= {"name", "request", "request_number", "when"}, sys_
        assert ("request" in sys_) == (sys_["name"] == "ioctl") == ("request_number" in sys_)
print(len(calls), "calls")
EOT
else
	echo "python3 is not installed: the JSON is not parsed"
fi
[ "$failures" -eq 0 ]
