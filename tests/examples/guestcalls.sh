#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# guestcalls.sh - the example's requests are planned and answered as each protocol says.
set -eu
work=$(mktemp -d "${top_builddir:-.}/guestcalls-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
"${top_builddir:-.}/examples/guestcalls" >"$work/out"

# Lines that must come, in this order.
cat >"$work/want" <<'EOT'
KVM: the hypercall MAP_GPA_RANGE
  plan     share     0x100000..0x1001ff  as 2M
  answer   rax 0
KVM: the exit MEMORY_FAULT
  plan     unshare   0x100000..0x100000  as 4K
  answer   resume
SEV-SNP: a buffer of page state changes; a device holds 0x100480
  plan     share     0x100210..0x100212  as 4K, entries 0 to 2
           unshare   0x100400..0x1007ff  as 2M, entries 3 to 4
  done     3 of 1027 pages in 1 commit, then pinned, lent or in use at 0x100480 (pinned)
  answer   header  0000000000040003  cur_entry 3, end_entry 4
           sw_exit_info_2 0x10000000000
  the device lets go of 0x100480
  plan     unshare   0x100400..0x1007ff  as 2M, entries 3 to 4
  done     1024 of 1024 pages in 1 commit
  answer   header  0000000000040005  cur_entry 5, end_entry 4
           entry 3 0110000100400200  private gfn 0x100400 2M, 512 done
           sw_exit_info_2 0
SEV-SNP: one page, by the GHCB MSR
  answer   0x15
  done     1024 of 2048 pages in 2 commits
  answer   r10 0x1, r11 0x8000101400000
  answer   r10 0, r11 0
TDX: a block of 2M is accepted, and once more
  answer   rax 0
  answer   rax 0xb0a00000001
pKVM: a page is shared, and once more
  answer   x0 0
  answer   x0 -3
Arm CCA: pages are to be RAM; one of them was destroyed
  done     128 of 256 pages in 1 commit, then destroyed, and not asked back at 0x103180 (destroyed)
  answer   x0 0, x1 0x103180000, x2 1
EOT

awk 'NR == FNR { want[++n] = $0; next }
     next_one < n && $0 == want[next_one + 1] { next_one++ }
     END {
	if (next_one == n)
		exit 0
	printf "not seen, or not in its place: %s\n", want[next_one + 1]
	exit 1
     }' "$work/want" "$work/out" || {
	cat "$work/out"
	exit 1
}
