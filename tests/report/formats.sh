#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# formats.sh - what gms_acct_write() writes is read by the parsers of others, and
# says the same in both formats: Python's json, and the OpenMetrics parser of
# Prometheus' client (Debian: python3-prometheus-client).
set -eu
print=${top_builddir:-.}/tests/report/print

skip()
{
	echo "skipped: $*"
	exit 77
}

[ -x "$print" ] || skip "$print was not built"
# Debian's own python3 has Debian's modules; another one may stand before it.
for python in python3 /usr/bin/python3 ''; do
	[ -z "$python" ] ||
		"$python" -c 'import prometheus_client.openmetrics.parser' 2>/dev/null && break
done
[ -n "$python" ] || skip "no python3 with prometheus_client"

work=$(mktemp -d "${top_builddir:-.}/report-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
"$print" >"$work/metrics"
"$print" json >"$work/json"
"$python" - "$work/metrics" "$work/json" <<'EOF'
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = {f.name: f for f in text_string_to_metric_families(open(sys.argv[1]).read())}
ledger = json.load(open(sys.argv[2]))
checked = 0

def same(what, seen, wanted):
    global checked
    checked += 1
    if seen != wanted:
        sys.exit("%s: %s in OpenMetrics, %s in JSON" % (what, seen, wanted))

def metric(kind):
    for unit in "pages", "bytes":
        if kind.startswith(unit + "_"):
            return kind[len(unit) + 1:] + "_" + unit
    return kind

def samples(name):
    return {s.labels.get("tag"): s.value for s in families["gmemstate_" + name].samples}

for kind, event in ledger["events"].items():
    name = metric(kind)
    same(kind, samples(name)[None], event["count"])
    tags = {tag: a[kind]["count"] for tag, a in ledger["tags"].items()
            if a.get(kind, {}).get("count")}
    same(kind + " of tags", samples("tag_" + name), tags)
    if "ns" in event:
        same(kind + " time", round(samples(name + "_time_seconds")[None] * 1e9), event["ns"])
for name, h in (("commit_to_shared_pages", "to_shared"), ("commit_to_private_pages", "to_private"),
                ("convert_seconds", "convert_ns")):
    h = ledger["histograms"][h]
    f = families["gmemstate_" + name]
    values = {s.name + s.labels.get("le", ""): s.value for s in f.samples}
    scale = 1e9 if name.endswith("seconds") else 1
    same(name, values[f.name + "_count"], h["count"])
    same(name + " sum", round(values[f.name + "_sum"] * scale), h["sum"])
    buckets = [s.value for s in f.samples if s.name.endswith("_bucket")]
    same(name + " buckets", buckets,
         [sum(h["log2"][:i + 1]) for i in range(41)] + [h["count"]])
    if not h["count"]:
        sys.exit(name + ": nothing was counted")
same("shared pages", families["gmemstate_shared_pages"].samples[0].value,
     ledger["gauges"]["shared_pages"])
if sorted(ledger["tags"]) != ["1", "18446744073709551614", "7", "other"]:
    sys.exit("tags: %s" % sorted(ledger["tags"]))
print("%d families, %d comparisons" % (len(families), checked))
EOF
