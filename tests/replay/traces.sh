#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# traces.sh - real guests' DMA: the transitions of eager are exactly those of the traces,
# and what examples/lend counts by hand of the three policies is what a replay counts.
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/lib.sh"
need python3 python3

# turned STRATEGY TO-SHARED TO-PRIVATE
turned()
{
	expect "replays.$1.page_transitions_to_shared" "$2"
	expect "replays.$1.page_transitions_to_private" "$3"
}

# like_lend OPTION..: each row of the example's table that a replay has.
like_lend()
{
	"$top_builddir/examples/lend" "$@" "$trace" >"$work/lend" || fail "the example"
	python3 - "$work/lend" "$work/json" <<'END' || fail "not as the example"
import json, sys
replays = {r["name"]: r for r in json.load(open(sys.argv[2]))["replays"]}
kinds = {"loans made": "lends", "loans returned": "returns",
	 "pages turned shared": "pages_to_shared",
	 "pages turned private": "pages_to_private",
	 "conversions": "commits", "batches reclaimed": "reclaims"}
keys = {"most pages shared at once": "pages_exposed_max",
	"pages shared at the end": "pages_exposed_end",
	"  of them idle": "idle_pages_end",
	"bytes shown beyond, most": "bytes_exposed_beyond_lent"}
rows = {line[:34].rstrip(): line[34:].split() for line in open(sys.argv[1])}
for name, column in ("eager", 0), ("lazy", 1), ("keep", 2):
	replay = replays[next(n for n in replays if n.split("=")[0] == name)]
	for row, kind in kinds.items():
		ours = replay["ledger"].get(kind, 0)
		if ours != int(rows[row][column]):
			sys.exit(f"{name}: {row}: {ours}, the example {rows[row][column]}")
	for row, key in keys.items():
		if replay[key] != int(rows[row][column]):
			sys.exit(f"{name}: {row}: {replay[key]}, the example {rows[row][column]}")
	seconds = replay["page_seconds_exposed"]
	if abs(seconds - float(rows["page-seconds shared"][column])) > 0.051:
		sys.exit(f"{name}: {seconds} page-seconds")
END
}

unpack A-virtio-blk
replay "$trace"
expect events 159614
expect maps 79804
expect unmaps 79804
expect coherent 6
turned eager 89341 89329
turned bounce 16384 0
expect replays.eager.loans_never_returned 6
expect replays.eager.pages_exposed_end 12
expect replays.batch=8.pages_exposed_end 12
expect replays.batch=8.loans_never_returned 6
expect replays.eager.bytes_copied 0
expect replays.bounce.commits 1
like_lend

replay --strategy eager,lazy=256,5,keep "$trace"
like_lend --lazy 256,5

unpack C-virtio-blk-swiotlb
replay --strategy eager,lazy,keep "$trace"
turned eager 90501 90489
like_lend
replay --strategy eager,lazy,keep --by dma "$trace"
turned eager 95658 "$(($(value replays.eager.page_transitions_to_shared) -
	$(value replays.eager.pages_exposed_end)))"
like_lend --by dma
