#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh [--kernel] - boot a kernel that has private memory, with the tests as its
# init, in QEMU without any help of the hardware, and read what they wrote.
#
# The kernel is the first there is of $GMS_NESTED_KERNEL, bzImage-* in
# ../shared/data/nested-kvm beside the source, and the user's cache, where
# scripts/nested-kernel puts one. --kernel only says which. 77: something is missing.
set -eu

top_srcdir=${top_srcdir:-${0%/*}/../..}
top_builddir=${top_builddir:-.}
cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/gmemstate
limit_seconds=${GMS_NESTED_SECONDS:-120}

skip()
{
	echo "nested: $*"
	exit 77
}

find_kernel()
{
	if [ -n "${GMS_NESTED_KERNEL-}" ]; then
		[ -r "$GMS_NESTED_KERNEL" ] ||
			skip "GMS_NESTED_KERNEL is $GMS_NESTED_KERNEL, which cannot be read"
		echo "$GMS_NESTED_KERNEL"
		return
	fi
	for kernel in "$top_srcdir"/../shared/data/nested-kvm/bzImage-* "$cache"/bzImage-*; do
		if [ -r "$kernel" ]; then
			echo "$kernel"
			return
		fi
	done
	skip "no kernel with private memory: GMS_NESTED_KERNEL names none, and there is none in" \
		"$cache; scripts/nested-kernel builds one in about 15 minutes"
}

kernel=$(find_kernel) || {
	echo "$kernel"
	exit 77
}
if [ "${1-}" = --kernel ]; then
	echo "$kernel"
	exit 0
fi

program=$top_builddir/tests/nested/nested
[ -x "$program" ] || skip "$program was not built"
for tool in qemu-system-x86_64 cpio gzip timeout; do
	command -v "$tool" >/dev/null || skip "there is no $tool (Debian: qemu-system-x86, cpio)"
done

work=$(mktemp -d "$top_builddir/nested-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/root"
cp "$program" "$work/root/init"
(cd "$work/root" && echo init | cpio -o -H newc 2>/dev/null) | gzip -1 >"$work/initramfs.gz"

# One CPU: with two of them, a vCPU of the nested guest may wait for the other's
# interrupts for minutes under TCG.
rc=0
timeout --foreground "$limit_seconds" qemu-system-x86_64 -accel tcg -cpu EPYC,+svm,+npt -smp 1 \
	-m 1024 -nographic -no-reboot -kernel "$kernel" -initrd "$work/initramfs.gz" \
	-append "console=ttyS0 panic=-1 quiet" </dev/null >"$work/console" 2>&1 || rc=$?

# From the first line of ours on, without what the console adds.
tr -d '\r' <"$work/console" | sed -n '/^TAP version 13$/,$p' >"$work/out"
cat "$work/out"

fail()
{
	echo "nested: FAILED: $*"
	[ -s "$work/out" ] || tail -n 30 "$work/console"
	exit 1
}

[ "$rc" -ne 124 ] || fail "not done after $limit_seconds s"
[ "$rc" -eq 0 ] || fail "QEMU ended with $rc"
# Every line in its order, as many as the plan says, and the end.
awk '
/^(not )?ok [0-9]+ - / {
	number = $1 == "ok" ? $2 : $3
	if (number != ++n) {
		print "nested: line " n " is numbered " number
		bad = 1
	}
	failed += $1 == "not"
}
/^Bail out!/ { bad = 1 }
/^1\.\.[0-9]+$/ { plan = substr($0, 4) }
/^# end of the tests: [0-9]+ passed, 0 failed$/ { end = $6 }
END { exit bad || failed || !n || plan != n || end != n }' "$work/out" ||
	fail "see the lines above"
echo "nested: all $(grep -c '^ok ' "$work/out") passed"
