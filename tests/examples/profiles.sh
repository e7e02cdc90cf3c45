#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# profiles.sh - the table that the example prints, against what its sequence comes
# to: in each direction 4 runs of 1791 pages in one batch, and 100 times 3 pages,
# which is 104 runs and 2091 pages.
set -eu
out=$("${top_builddir:-.}/examples/profiles")

failures=0
expect()	# PROFILE COLUMN NUMBER
{
	seen=$(echo "$out" | awk -v row="$1" -v title="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == title) column = i }
		$1 == row { print $column }')
	[ "$seen" = "$3" ] || {
		echo "$1, $2: $seen, should be $3"
		failures=$((failures + 1))
	}
}

for profile in kvm-attrs gmem-inplace gmem-hugetlb no-direct-map tdx cca; do
	expect $profile exits 208
done
expect kvm-attrs syscalls 416		# an ioctl and a discard each
expect kvm-attrs tree 8364		# two stores a page
expect kvm-attrs zeroed 4182
for profile in gmem-inplace gmem-hugetlb; do
	expect $profile syscalls 208
	expect $profile tree 208	# one store a run
	expect $profile flushes 312	# and the VMM's own, to private
	expect $profile zeroed 0
done
expect no-direct-map flushes 2403	# 312, and one a page that leaves
expect snp exits 210			# 200, and twice 258 entries in buffers of 64
expect snp accepts 1116			# 600, and twice 258
expect tdx accepts 2091
expect tdx to-vmm 212			# 2 chunks each for the two long runs
expect pkvm exits 4182			# a hypercall a page
expect pkvm to-vmm 0
[ "$(echo "$out" | wc -l)" -eq 9 ] || {
	echo "not a line a profile:"
	failures=$((failures + 1))
}
[ "$failures" -eq 0 ] || {
	echo "$out"
	exit 1
}
