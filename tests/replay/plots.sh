#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# plots.sh - a real trace as pictures and as OpenMetrics: they are what they should be to
# the readers of others, and say what the JSON says.
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/lib.sh"
need gnuplot gnuplot-nox
unpack A-virtio-blk
head -n 40000 "$trace" >"$work/it's <a> \"trace\""

for python in python3 /usr/bin/python3 ''; do
	[ -z "$python" ] ||
		"$python" -c 'import prometheus_client.openmetrics.parser' 2>/dev/null && break
done
[ -n "$python" ] || need prometheus-client python3-prometheus-client

replay --strategy bounce,eager,batch=8,batch=64,lazy,keep,pread --folio 4k,2m \
	--svg "$work/it's pictures" --openmetrics "$work/metrics" "$work/it's <a> \"trace\""
"$python" - "$work" <<'END' || fail "what was written"
import base64, json, re, sys, xml.etree.ElementTree
from prometheus_client.openmetrics.parser import text_string_to_metric_families

work = sys.argv[1]
run = json.load(open(work + "/json"))
names = [r["name"] for r in run["replays"]]

page = open(work + "/it's pictures/index.html").read()
images = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', page)
plots = "conversions exposure cost lengths lifetimes break-even".split()
if len(images) != len(plots):
    sys.exit("%d pictures" % len(images))
for name, image in zip(plots, images):
    svg = open(work + "/it's pictures/%s.svg" % name, "rb").read()
    if base64.b64decode(image) != svg:
        sys.exit(name + " in the page is another")
    root = xml.etree.ElementTree.fromstring(svg)
    texts = ["".join(t.itertext()).strip() for t in root.iter() if t.tag.endswith("}text")]
    if name in ("conversions", "exposure", "cost", "break-even"):
        for replay in names:
            if replay not in texts:
                sys.exit("%s does not name %s" % (name, replay))
if "<a>" in page:
    sys.exit("the trace's name is not escaped")

families = {f.name: f for f in text_string_to_metric_families(open(work + "/metrics").read())}
checked = 0
def same(what, seen, wanted):
    global checked
    checked += 1
    if abs(seen - wanted) > 1e-6 * abs(wanted):
        sys.exit("%s: %s in OpenMetrics, %s in JSON" % (what, seen, wanted))
for family, key in (("to_shared_pages", "page_transitions_to_shared"),
                    ("to_private_pages", "page_transitions_to_private"), ("commits", "commits"),
                    ("flushes", "flushes"), ("copied_bytes", "bytes_copied"),
                    ("splits", "splits"), ("merges", "merges"),
                    ("pages_exposed_max", "pages_exposed_max"),
                    ("exposed_page_seconds", "page_seconds_exposed"),
                    ("listener_entries_max", "listener_entries_max")):
    samples = {s.labels["setup"]: s for s in families["gmemstate_replay_" + family].samples}
    if sorted(samples) != sorted(names):
        sys.exit(family + " is of " + ", ".join(samples))
    for replay in run["replays"]:
        sample = samples[replay["name"]]
        same(family + " of " + replay["name"], sample.value, replay[key])
        if sample.labels["strategy"] not in ("bounce", "convert", "convert-batch", "lazy",
                                             "persistent", "pread"):
            sys.exit("strategy " + sample.labels["strategy"])
cost = {}
for s in families["gmemstate_replay_cost_seconds"].samples:
    cost[s.labels["setup"]] = cost.get(s.labels["setup"], 0) + s.value
for replay in run["replays"]:
    same("cost of " + replay["name"], cost[replay["name"]], replay["estimated_cost_ns"] / 1e9)
ops = {s.labels["op"]: s.value for s in families["gmemstate_replay_events"].samples}
same("maps", ops["map"], run["maps"])
same("unmaps", ops["unmap"], run["unmaps"])
print("%d families, %d comparisons" % (len(families), checked))
END

# Without gnuplot: what to install, and all else is there.
rc=0
GNUPLOT=$work/none "$program" --model example --no-table --json "$work/json" \
	--svg "$work/none-drawn" "$work/it's <a> \"trace\"" >"$work/out" 2>"$work/err" || rc=$?
[ "$rc" -eq 1 ] || fail "without gnuplot: $rc"
grep -q "gnuplot-nox" "$work/err" || fail "nobody says what to install"
[ -s "$work/none-drawn/plots.gnuplot" ] && [ -s "$work/json" ] || fail "the rest is missing"
