#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# memory.sh - memory does not grow with the length of the trace.
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/lib.sh"
need python3 python3
unpack A-virtio-blk
if ${NM:-nm} "$program" 2>/dev/null | grep -Eq '__(asan|tsan|ubsan)_'; then
	echo "skipped: a sanitizer keeps memory of its own"
	exit 77
fi

# Ten times the trace, its time going on; memory that is never freed is there once.
awk '/^#/ { next } { time[++n] = $1; $1 = ""; rest[n] = $0 }
END {
	span = time[n] - time[1] + 1000000
	for (round = 0; round < 10; round++)
		for (i = 1; i <= n; i++)
			if (!round || rest[i] !~ /^ [0-9]+ A /)
				printf "%.0f%s\n", time[i] + round * span, rest[i]
}' "$trace" >"$work/ten"

# What it took at most, when it has read all but what the pipe holds.
one=
for file in "$trace" "$work/ten"; do
	python3 - "$program" "$file" "$work/json" <<'END' || fail "no replay"
import subprocess, sys
child = subprocess.Popen([sys.argv[1], "--model", "none", "--json", sys.argv[3], "--no-table", "-"],
			 stdin=subprocess.PIPE)
with open(sys.argv[2], "rb") as trace:
	while block := trace.read(1 << 16):
		child.stdin.write(block)
child.stdin.flush()
with open(f"/proc/{child.pid}/status") as status:
	kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
child.stdin.close()
open(sys.argv[3] + ".kib", "w").write(kib)
sys.exit(child.wait())
END
	kib=$(cat "$work/json.kib")
	echo "$(value maps) maps: $kib KiB"
	[ -n "$one" ] && name=ten || name=one
	mv "$work/json" "$work/$name.json"
	one=${one:-$kib}
done
[ "$kib" -le "$((one + 2048))" ] || fail "memory grows"

python3 - "$work/one.json" "$work/ten.json" <<'END' || fail "metadata grows"
import json, sys
one, ten = (json.load(open(path)) for path in sys.argv[1:])
if ten["maps"] != 10 * one["maps"] or ten["outstanding_max"] > one["outstanding_max"] + 64:
	sys.exit("not ten times the trace")
for a, b in zip(one["replays"], ten["replays"]):
	if b["metadata_bytes_max"] > a["metadata_bytes_max"] + (1 << 20):
		sys.exit(f"{a['name']}: {a['metadata_bytes_max']}, {b['metadata_bytes_max']}")
END
