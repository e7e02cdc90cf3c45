# SPDX-License-Identifier: BSD-2-Clause
# flat.awk - minivmm's JSON as lines "path value", for the shell to look up:
#
#	mode kvm
#	run.eager.4096.bytes_copied 0
#	totals.sys_process_madvise 2081
#
# Relies on one key a line and on the order of keys that json.c writes.

function value(s)
{
	sub(/^[^:]*: */, "", s)
	sub(/,$/, "", s)
	gsub(/^"|"$/, "", s)
	return s
}

/^  "[a-z_]*": [[{]$/ {
	section = $1
	gsub(/[":]/, "", section)
	prefix = section == "runs" ? "" : section "."
	next
}
/^  []}],?$/ {
	prefix = section = ""
	next
}
section == "runs" && /^      "strategy": / {
	strategy = value($0)
	next
}
section == "runs" && /^      "size_bytes": / {
	prefix = "run." strategy "." value($0) "."
	print "runs " strategy "." value($0)
	next
}
/^ *"[a-z0-9_]*": / && !/{$/ {
	key = $1
	gsub(/[":]/, "", key)
	print prefix key " " value($0)
}
