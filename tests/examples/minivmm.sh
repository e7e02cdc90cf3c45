# SPDX-License-Identifier: BSD-2-Clause
# minivmm.sh - what minivmm counts is what must be, with the guest on KVM (kvm)
# or as a thread (thread). Sourced by minivmm_kvm.sh and minivmm_thread.sh.
# shellcheck shell=sh
. "$top_srcdir/tests/examples/lib.sh"

blocks=128
[ "$mode" = kvm ] && kvm= || kvm=--no-kvm

# shellcheck disable=SC2086
run $kvm --strategy all --sizes 512,4K,64K --requests $blocks
[ "$(value mode)" = "$mode" ] || skip "no KVM here: $(sed -n 's/^no KVM here: //p' "$work/out")"
every_run_is_sound $blocks
! command -v python3 >/dev/null || python3 -m json.tool "$work/json" >/dev/null ||
	fail "the JSON is none"

for size in 512 4096 65536; do
	moved=$((blocks * 2 * size))
	pages=$(((size + 4095) / 4096))

	# Who copies how often.
	expect run.bounce.$size.bytes_copied $((moved * 2))
	expect run.bounce.$size.bytes_direct 0
	expect run.bounce.$size.pins 0
	expect run.pool.$size.bytes_copied $moved
	expect run.pool.$size.bytes_direct $moved
	for s in eager batch=64 keep; do
		expect run.$s.$size.bytes_copied 0
		expect run.$s.$size.bytes_direct $moved
		expect run.$s.$size.pins $((blocks * 2))
	done

	# Three doorbells an I/O, or three a batch; one more says that the job is done.
	expect run.eager.$size.user_exits $((blocks * 2 * 3 + 1))
	expect run.batch=64.$size.user_exits $((blocks * 2 / 64 * 3 + 1))

	# One conversion each way, and all pages back in whole folios.
	expect run.eager.$size.commits $((blocks * 2 * 2))
	expect run.batch=64.$size.commits $((blocks * 2 / 64 * 2))
	expect run.eager.$size.pages_to_shared $((blocks * 2 * pages))
	expect run.eager.$size.pages_to_private $((blocks * 2 * pages))
	expect run.eager.$size.exposed_pages_max $pages
	expect run.eager.$size.splits_2m "$(value run.eager.$size.merges_2m)"
	expect run.batch=64.$size.exposed_pages_max $((64 * size / 4096))
	expect run.batch=64.$size.splits_2m "$(value run.batch=64.$size.merges_2m)"

	# The buffers of a batch lie side by side, so one run is given to the host.
	expect run.batch=64.$size.host_runs $((blocks * 2 / 64 * 2))
	expect run.keep.$size.pages_to_private 0
	expect run.keep.$size.exposed_pages_max $((2 * 64 * size / 4096))
done

# Where pages can be taken away at all, a batch flushes far less an I/O.
if [ "$(value revoked_by)" != "not at all" ]; then
	eager=$(value run.eager.4096.flushing_calls)
	batch=$(value run.batch=64.4096.flushing_calls)
	[ "$batch" -gt 0 ] || fail "batch=64 flushed nothing"
	[ "$eager" -ge $((batch * 10)) ] || fail "eager flushed $eager times, batch=64 $batch"
fi

# Every run's cost is in the total, and launch too.
for kind in sys_process_madvise sys_madvise sys_mprotect sys_read sys_write commits user_exits; do
	sum=$(awk -v kind="$kind" '$1 ~ "^(run[.].*|launch)[.]" kind "$" { sum += $2 }
		END { print sum + 0 }' "$work/flat")
	[ "$sum" -le "$(value "totals.$kind")" ] || fail "$kind: more in the runs than in all"
done
expect launch.pages_to_private 65536
expect launch.commits 1

# A row a run, and the three sentences.
[ "$(grep -cE '^(bounce|pool|eager|batch=64|keep) +[0-9]' "$work/out")" -eq 15 ] || fail "rows"
for word in Flushes: Copies: Exposure: Fastest: "Every byte was right"; do
	grep -q "$word" "$work/out" || fail "nothing about $word"
done

# Of loans that a lazy VMM takes back 16 at a time: 4 buffers each way stay shared, 32 do not.
for buffers in 4 32; do
	# shellcheck disable=SC2086
	run $kvm --strategy eager,lazy=16 --sizes 8K --requests 128 --buffers $buffers
	every_run_is_sound 128
	taken=$((buffers == 4 ? 0 : 128 * 2 * 2 - 32))
	expect run.eager.8192.pages_to_private $((128 * 2 * 2))
	expect run.lazy=16.8192.user_exits "$(value run.eager.8192.user_exits)"
	[ "$(value run.lazy=16.8192.pages_to_private)" -ge $taken ] || fail "few pages were taken"
	[ "$(value run.lazy=16.8192.flushing_calls)" -le 16 ] || fail "no batches"
	[ $buffers -ne 4 ] || expect run.lazy=16.8192.pages_to_shared 16
done

# By the memory's file nothing is shared, and all is copied once. Each way alone.
for direction in out in; do
	# shellcheck disable=SC2086
	run $kvm --memfd --strategy keep,pread --sizes 8K --requests 64 --direction $direction
	expect passed true
	expect run.pread.8192.ios 64
	expect run.pread.8192.wrong_bytes 0
	expect run.pread.8192.wrong_disk_bytes 0
	expect run.pread.8192.bytes_copied $((64 * 8192))
	expect run.pread.8192.exposed_pages_max 0
	expect run.pread.8192.commits 0
	expect run.pread.8192.user_exits $((64 + 1))
	expect run.pread.8192.checked_bytes $((${#direction} == 2 ? 64 * 8192 : 0))
done

# Without the first use of each buffer, keep converts nothing; used once, it always does.
# shellcheck disable=SC2086
run $kvm --strategy keep --sizes 4K --requests 64 --buffers 32 --warm-up
expect passed true
expect run.keep.4096.ios 64
expect run.keep.4096.commits 0
# shellcheck disable=SC2086
run $kvm --strategy keep --sizes 4K --requests 64 --buffers all
every_run_is_sound 64
expect run.keep.4096.commits 128

# Not in the direct map: the kernel cannot pin, so the VMM has to copy.
# shellcheck disable=SC2086
run $kvm --strategy eager,keep --sizes 4K --requests 16 --no-direct-map
every_run_is_sound 16
for s in eager keep; do
	expect run.$s.4096.bytes_copied $((16 * 2 * 4096))
	expect run.$s.4096.bytes_direct 0
	expect run.$s.4096.pins 0
done

# A page past the only one that the guest has shared.
# shellcheck disable=SC2086
run $kvm --strategy eager --sizes 4K --requests 16 --rogue
every_run_is_sound 16
expect rogue.gfn $((0x40001))
expect rogue.reason private
expect rogue.caught true
grep -q "^rogue:   gfn 0x40001 of region $(value rogue.region), page 1 of its 2 MiB folio" \
	"$work/out" || fail "the report names another page"
grep -q '^rogue:   refused because the page is private' "$work/out" || fail "the report has no reason"

# A page past the pool, which a blind device may use as it likes.
# shellcheck disable=SC2086
run $kvm --strategy bounce --sizes 4K --requests 16 --rogue
every_run_is_sound 16
expect rogue.gfn $((0x48010))
grep -q '^rogue:   gfn 0x48010 ' "$work/out" || fail "the report names another page"

# What a guest must not get, under every strategy: nothing of it was given.
# shellcheck disable=SC2086
run $kvm --strategy all --sizes 4K --requests 16 --hostile
every_run_is_sound 16
[ "$(value hostile_sent)" -ge 100 ] || fail "only $(value hostile_sent) hostile requests"
expect hostile_refused "$(value hostile_sent)"
