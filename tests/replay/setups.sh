#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# setups.sh - a trace is the same trace however it comes in, and a replay the same replay
# whatever else runs beside it; the JSON says all that is promised.
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/lib.sh"
need python3 python3
unpack A-virtio-blk
head -n 10000 "$trace" >"$work/part"

# keep FILE: the JSON without what differs from run to run.
keep()
{
	python3 - "$work/json" >"$1" <<'END'
import json, sys
run = json.load(open(sys.argv[1]))
for key in "trace", "elapsed_seconds":
	del run[key]
for replay in run["replays"]:
	del replay["replay_seconds"], replay["metadata_bytes_max"]
json.dump(run, sys.stdout, indent=1, sort_keys=True)
END
}

same()
{
	cmp "$1" "$2" || fail "$3"
}

replay --strategy all "$work/part"
keep "$work/all"
python3 - "$work/json" <<'END' || fail "the JSON"
import json, sys
run = json.load(open(sys.argv[1]))
keys = """events maps unmaps page_transitions_to_shared page_transitions_to_private commits
flushes backend_calls bytes_copied splits merges pages_exposed_max page_seconds_exposed
bytes_exposed_beyond_lent listener_entries_max estimated_cost_ns""".split()
for replay in run["replays"]:
	for key in keys:
		if type(replay[key]) not in (int, float):
			sys.exit(f"{replay['name']}: {key} is {replay[key]}")
	parts = sum(n for key, n in replay["cost"].items() if key.endswith("_ns") and key != "total_ns")
	if parts != replay["cost"]["total_ns"] or run["cost_ns"][replay["name"]] != parts:
		sys.exit(f"{replay['name']}: parts of the cost are {parts}")
	points = replay["series"]["points"]
	if points[-1][0] != replay["page_transitions_to_shared"]:
		sys.exit(f"{replay['name']}: the series ends with {points[-1]}")
if [r["name"] for r in run["replays"]] != "bounce pool eager batch=8 lazy keep pread".split():
	sys.exit("names")
if sum(n for _, n in run["length_bytes"]["at_most"]) != run["maps"]:
	sys.exit("lengths")
if sum(n for _, n in run["life_ns"]["at_most"]) != run["unmaps"]:
	sys.exit("lives")
END
for name in bounce pool eager batch=8 lazy keep pread; do
	grep -q "^ *.*$name" "$work/out" || fail "the table lacks $name"
done
verdict=$(python3 - "$work/json" <<'END'
import json, sys
replays = json.load(open(sys.argv[1]))["replays"]
cost = sorted((r["cost"]["total_ns"], i, r["name"]) for i, r in enumerate(replays))
least = min((r["page_seconds_exposed"], i, r["name"]) for i, r in enumerate(replays))
print(f"^cheapest: {cost[0][2]}, [^;]*; next: {cost[1][2]}, [^;]*$")
print(f"^shows least: {least[2]}, ")
END
)
[ "$(grep -c "$verdict" "$work/out")" -eq 2 ] || fail "the last lines are not: $verdict"

for jobs in 1 2 7; do
	replay --strategy all --jobs "$jobs" "$work/part"
	keep "$work/jobs"
	same "$work/all" "$work/jobs" "$jobs jobs make a difference"
done

# alone NAME OPTION..: that replay of the run before, by itself.
alone()
{
	name=$1
	shift
	python3 - "$work/all.json" "$name" >"$work/one" <<'END'
import json, sys
one = next(r for r in json.load(open(sys.argv[1]))["replays"] if r["name"] == sys.argv[2])
for key in "name", "replay_seconds", "metadata_bytes_max":
	del one[key]
json.dump(one, sys.stdout, indent=1, sort_keys=True)
END
	replay "$@" "$work/part"
	python3 - "$work/json" >"$work/other" <<'END'
import json, sys
one, = json.load(open(sys.argv[1]))["replays"]
for key in "name", "replay_seconds", "metadata_bytes_max":
	del one[key]
json.dump(one, sys.stdout, indent=1, sort_keys=True)
END
	same "$work/one" "$work/other" "$name, alone"
}

replay --strategy eager,lazy=64,1,batch=16 --profile kvm-attrs,gmem-inplace,snp --folio 4k,2m,1g \
	"$work/part"
cp "$work/json" "$work/all.json"
alone "eager kvm-attrs 2m" --strategy eager --profile kvm-attrs
alone "lazy=64,1 snp 4k" --strategy lazy=64,1 --profile snp --folio 4k
alone "batch=16 gmem-inplace 1g" --strategy batch=16 --folio 1g
cp "$work/all.json" "$work/json"
expect "replays.eager kvm-attrs 4k.splits" 0
expect "replays.eager kvm-attrs 4k.page_transitions_to_shared" \
	"$(value "replays.eager snp 1g.page_transitions_to_shared")"
expect "replays.eager snp 1g.backing" attributes

# A batch of one is none: loan by loan, or lent and returned together.
replay --strategy eager,batch=1 "$work/part"
python3 - "$work/json" <<'END' || fail "a batch of one"
import json, sys
eager, batch = json.load(open(sys.argv[1]))["replays"]
for key in eager:
	if key in ("name", "strategy", "replay_seconds", "metadata_bytes_max", "ledger"):
		continue
	if key not in batch or eager[key] != batch[key]:
		sys.exit(f"{key}: {eager[key]}, {batch.get(key)}")
END

# What the guest loses as well costs it faults; what is in the cache is copied sooner.
replay --strategy eager,pool "$work/part"
eager=$(value cost_ns.eager) pool=$(value replays.pool.cost.copies_ns)
replay --strategy eager,pool --guest-memfd --warm "$work/part"
[ "$(value cost_ns.eager)" -gt "$eager" ] || fail "--guest-memfd"
[ "$(value replays.pool.cost.copies_ns)" -lt "$pool" ] || fail "--warm"

# Every profile can be replayed.
for profile in generic kvm-attrs gmem-inplace gmem-hugetlb no-direct-map secretmem snp tdx pkvm cca; do
	replay --strategy bounce,eager,batch --profile "$profile" "$work/part"
done

# As a file, a pipe, packed.
replay --strategy all "$work/part"
keep "$work/all"
xz -k "$work/part"
replay --strategy all "$work/part.xz"
keep "$work/packed"
same "$work/all" "$work/packed" "xz makes a difference"
# shellcheck disable=SC2002
cat "$work/part" | replay --strategy all -
keep "$work/piped"
same "$work/all" "$work/piped" "a pipe makes a difference"
replay --strategy all <"$work/part.xz"
keep "$work/piped"
same "$work/all" "$work/piped" "no name, and xz, makes a difference"

head -n 11 "$trace" >"$work/short"
echo "8769757000 1 M 1000 16 T 00:02.0 1000" >>"$work/short"

# A live trace ends with an interrupt.
python3 - "$program" "$work/short" "$work/live" <<'END' || fail "an interrupt"
import json, os, signal, subprocess, sys, time
lines = open(sys.argv[2], "rb").read()
signal.signal(signal.SIGINT, signal.default_int_handler)
child = subprocess.Popen([sys.argv[1], "--model", "none", "--json", sys.argv[3], "--realtime=0.05", "-"],
			 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
child.stdin.write(lines)
child.stdin.flush()
time.sleep(2)
# The thread that reads hears of it, and no other.
for thread in os.listdir(f"/proc/{child.pid}/task"):
	with open(f"/proc/{child.pid}/task/{thread}/status") as status:
		blocked = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk:"))
	if bool(blocked >> signal.SIGINT - 1 & 1) != (int(thread) != child.pid):
		sys.exit(f"thread {thread} of {child.pid} blocks {blocked:#x}")
child.send_signal(signal.SIGINT)
said = child.stderr.read().decode()
if child.wait(60):
	sys.exit(f"status {child.returncode}")
if "interrupted" not in said:
	sys.exit(f"it did not say so: {said!r}")
events = json.load(open(sys.argv[3]))["events"]
if events != 11:
	sys.exit(f"{events} events")
END

# 46 ms of a trace take twenty times as long.
python3 - "$program" "$work/short" <<'END' || fail "time"
import subprocess, sys, time
def seconds(how):
	start = time.monotonic()
	subprocess.run([sys.argv[1], "--model", "none", how, sys.argv[2]], check=True,
		       stdout=subprocess.DEVNULL)
	return time.monotonic() - start
if seconds("--realtime=0.05") < 0.9:
	sys.exit("a twentieth of the speed was too fast")
END
