#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# populate.sh - the example fills every kind of memory that is there in every way
# that there is (and compares what it wrote), and says what is off. How fast is
# nobody's test.
set -eu
populate=${top_builddir:-.}/examples/populate
work=$(mktemp -d "${top_builddir:-.}/populate-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	[ ! -s "$work/out" ] || sed 's/^/  | /' "$work/out" >&2
	exit 1
}

if [ ! -x "$populate" ]; then
	echo "skipped: populate was not built"
	exit 77
fi

"$populate" --size 4 --runs 1 --backing memfd >"$work/out" 2>&1 || fail "exit status $?"
# Six numbers, each with its ratio, of which the first is 1.
grep -qE '^memfd +4 +[0-9.]+ \(1\.00x\)( +[0-9.]+ \([0-9.]+x\)){5} *$' "$work/out" ||
	fail "not six ways to fill memfd"
grep -qE '^memfd: (memcpy takes|reversed)' "$work/out" || fail "no words"

"$populate" --size 4 --runs 1 >"$work/out" 2>&1 || fail "exit status $?"
for name in memfd memfd-thp hugetlb-2m hugetlb-1g guest_memfd memfd_secret; do
	grep -qE "^$name: " "$work/out" || fail "no word on $name"
	grep -qE "^$name: left out" "$work/out" || grep -qE "^$name +[0-9]" "$work/out" ||
		fail "$name is not there, and not left out"
done
! grep -qE '^guest_memfd +[0-9]+ +[0-9.]+ ' "$work/out" || fail "a write() to guest_memfd"

for bad in "--size 3" "--size 0" "--size x" "--runs 0" "--runs 102" "--backing tape" more; do
	# shellcheck disable=SC2086
	! "$populate" $bad >/dev/null 2>&1 || fail "$bad was taken"
done
"$populate" --help >"$work/out" || fail "no help"

# With huge pages, which only root can turn on; one test at a time changes settings.
lock=/run/gmemstate-tests
if [ "$(id -u)" -ne 0 ] || ! command -v flock >/dev/null 2>&1; then
	echo "skipped: huge pages: needs root and flock(1)"
	exit 77
fi
shmem=/sys/kernel/mm/transparent_hugepage/shmem_enabled
pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
(
	umask 077
	exec 9>>"$lock"
	flock 9
	before="$(cat "$shmem" "$pool" 2>/dev/null || :)"
	"$populate" --size 4 --runs 1 --settings --backing memfd --backing memfd-thp \
		--backing hugetlb-2m >"$work/out" 2>&1 || fail "exit status $?"
	[ "$(cat "$shmem" "$pool" 2>/dev/null || :)" = "$before" ] || fail "settings not put back"
)
grep -qE '^memfd-thp(: left out| +4 )' "$work/out" || fail "nothing of memfd-thp"
grep -qE '^hugetlb-2m(: left out| +4 )' "$work/out" || fail "nothing of hugetlb-2m"
