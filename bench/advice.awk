# SPDX-License-Identifier: BSD-2-Clause
# advice.awk - what bench/advice measured, beside what was advised.
#
# The first file has a line a run, the second a line an estimate, and the advice.
function median(key, count,    a, b, t, i, v) {
	for (i = 1; i <= count; i++)
		v[i] = sample[key, i]
	return middle(v, count)
}

function middle(v, count,    a, b, t) {
	for (a = 2; a <= count; a++)
		for (b = a; b > 1 && v[b - 1] + 0 > v[b] + 0; b--) {
			t = v[b]; v[b] = v[b - 1]; v[b - 1] = t
		}
	return count % 2 ? v[(count + 1) / 2] : (v[count / 2] + v[count / 2 + 1]) / 2
}

function abs(x) { return x < 0 ? -x : x }

function size_text(bytes) {
	return bytes >= 1048576 ? bytes / 1048576 " MiB" : bytes / 1024 " KiB"
}

function short(strategy) {
	if (strategy == "convert-batch")
		return "batch"
	return strategy == "persistent" ? "keep" : strategy
}

function reuse_text(reuse) {
	return reuse == "all" ? "never" : reuse == 1 ? "next" : "after " reuse
}

# minivmm's name of a strategy, as cost.h has it
function name_of(strategy) {
	sub(/=.*/, "", strategy)
	if (strategy == "eager")
		return "convert"
	if (strategy == "batch")
		return "convert-batch"
	return strategy == "keep" ? "persistent" : strategy
}

FNR == 1 { file++ }

# memory reuse direction strategy bytes ios ns exits syscalls flushes copied
file == 1 {
	cell = $1 SUBSEP $2 SUBSEP $3 SUBSEP $5
	key = cell SUBSEP name_of($4)
	sample[key, ++n[key]] = $7 / $6
	ios[key] = $6
	exits[key] = $8; syscalls[key] = $9; flushes[key] = $10; copied[key] = $11
	next
}

$6 == "advice" {
	cell = $2 SUBSEP $3 SUBSEP $4 SUBSEP $5
	ncells[$1]++
	cells[$1, ncells[$1]] = cell
	advised[$1, cell] = $7
	next
}

# set memory reuse direction bytes strategy total exits tables.. requests exits syscalls
# flushes refaults copied
{
	cell = $2 SUBSEP $3 SUBSEP $4 SUBSEP $5
	key = cell SUBSEP $6
	may[$1, cell] = may[$1, cell] " " $6
	estimate[key] = $7
	if ($1 == "any") {
		counted[++ncounted] = key
		want_exits[key] = $15 / $14
		want_syscalls[key] = $16 / $14
		want_flushes[key] = $17 / $14
		want_copied[key] = $19 / $14
	}
}

# How many counts of the ledger are not those of the estimate. A run has one doorbell
# to say that it is done, may share a pool at its start, and begins and ends amid a
# batch.
function differences(    i, key, bad, each, bytes, part) {
	for (i = 1; i <= ncounted; i++) {
		key = counted[i]
		if (!(key in n))
			continue
		split(key, part, SUBSEP)
		bytes = part[4]
		each = ios[key]
		bad = abs(exits[key] - 1 - want_exits[key] * each) > 3
		bad += abs(syscalls[key] - want_syscalls[key] * each) > 3
		bad += abs(flushes[key] - want_flushes[key] * each) > 3
		bad += abs(copied[key] - want_copied[key] * each) > 2 * bytes
		if (bad) {
			gsub(SUBSEP, " ", key)
			print "counts differ: " key
			key = counted[i]
			printf "  exits %d, %g; system calls %d, %g; flushes %d, %g; copied %d, %g\n",
				exits[key] - 1, want_exits[key] * each, syscalls[key],
				want_syscalls[key] * each, flushes[key],
				want_flushes[key] * each, copied[key], want_copied[key] * each
			wrong++
		}
	}
	return wrong + 0
}

function judge(set,    i, k, m, cell, best, strategy, word, key, part) {
	good[set] = exact[set] = 0
	for (i = 1; i <= ncells[set]; i++) {
		cell = cells[set, i]
		best = ""
		m = split(may[set, cell], word, " ")
		for (k = 1; k <= m; k++) {
			strategy = word[k]
			key = cell SUBSEP strategy
			if (key in n && (best == "" || ns[key] < ns[cell, best]))
				best = strategy
		}
		best_of[set, cell] = best
		loss[set, cell] = ns[cell, advised[set, cell]] / ns[cell, best] - 1
		good[set] += loss[set, cell] <= 0.1
		exact[set] += advised[set, cell] == best
		if (loss[set, cell] > worst[set])
			worst[set] = loss[set, cell]
	}
}

function print_cells(set,    i, k, m, cell, part, word, line) {
	for (i = 1; i <= ncells[set]; i++) {
		cell = cells[set, i]
		split(cell, part, SUBSEP)
		line = ""
		for (k = 1; k <= nnames; k++)
			if ((cell, names[k]) in n)
				line = line sprintf(" %8.1f", ns[cell, names[k]] / 1000)
			else
				line = line sprintf(" %8s", "-")
		printf "%-11s %-3s %-8s %-8s%s  %-13s %-13s %5.1f %%%s\n", part[1], part[3],
			size_text(part[4]), reuse_text(part[2]), line, advised[set, cell],
			best_of[set, cell], 100 * loss[set, cell],
			(loss[set, cell] > 0.1 ? "  <" : "")
	}
}

# From POOL's measured time, what another's is by the estimates: how far off.
function errors(strategy,    i, cell, key, pool, e, m, v, max, a) {
	m = 0; max = 0
	for (i = 1; i <= ncells["any"]; i++) {
		cell = cells["any", i]
		key = cell SUBSEP strategy
		pool = cell SUBSEP "pool"
		if (!(key in n) || !(key in estimate))
			continue
		e = (ns[pool] + estimate[key] - estimate[pool] - ns[key]) / ns[key]
		v[++m] = abs(e)
		a += e
		if (abs(e) > abs(max))
			max = e
	}
	error_n[strategy] = m
	if (!m)
		return
	error_median[strategy] = middle(v, m)
	error_worst[strategy] = max
	error_mean[strategy] = a / m
}

function put_json(    s, set, i, k, cell, part, sep, key) {
	printf "{\n  \"host\": {\"cpu\": \"%s\", \"virtual\": %s, \"cpus\": %d, \"kernel\": \"%s\", \"load_5min\": %s},\n",
		cpu, (virtual ? "true" : "false"), cpus, kernel, load >json
	printf "  \"rounds\": %d,\n  \"seconds\": %d,\n  \"counts_that_differ\": %d,\n",
		rounds, took, wrong >json
	printf "  \"sets\": {" >json
	for (s = 1; s <= nsets; s++) {
		set = sets[s]
		printf "%s\n    \"%s\": {\"cells\": %d, \"best\": %d, \"within_10_percent\": %d, \"worst_loss\": %.4f}",
			(s == 1 ? "" : ","), set, ncells[set], exact[set], good[set], worst[set] >json
	}
	printf "\n  },\n  \"estimate_error\": {" >json
	for (k = 1; k <= nnames; k++)
		if (error_n[names[k]])
			printf "%s\n    \"%s\": {\"median\": %.4f, \"worst\": %.4f}", (k == 1 ? "" : ","),
				names[k], error_median[names[k]], error_worst[names[k]] >json
	printf "\n  },\n  \"cells\": [" >json
	for (s = 1; s <= nsets; s++) {
		set = sets[s]
		for (i = 1; i <= ncells[set]; i++) {
			cell = cells[set, i]
			split(cell, part, SUBSEP)
			printf "%s\n    {\"set\": \"%s\", \"memory\": \"%s\", \"direction\": \"%s\", \"bytes\": %d, \"buffers\": \"%s\", \"advised\": \"%s\", \"best\": \"%s\", \"loss\": %.4f",
				sep, set, part[1], part[3], part[4], part[2], advised[set, cell],
				best_of[set, cell], loss[set, cell] >json
			for (k = 1; k <= nnames; k++) {
				key = cell SUBSEP names[k]
				if (set == "any" && key in n)
					printf ", \"%s_ns\": %.0f, \"%s_estimate_ns\": %d", names[k],
						ns[key], names[k], estimate[key] >json
			}
			printf "}" >json
			sep = ","
		}
	}
	print "\n  ]\n}" >json
}

function put_markdown(    s, set, m, i, k, cell, part, other, order, norder, memory, row, seen) {
	printf "Measured on %s on %s%s, %d CPUs, Linux %s;\nthe medians of %d rounds, in %d s; load average of 5 minutes at the end: %s, of which 1 is\nthe measurement's own.\n\n",
		day, (virtual ? "a virtual machine on " : ""), cpu, cpus, kernel, rounds, took,
		load >markdown
	print "| choose among | cells | the advice was the measured best | or within 10 % | worst loss |" >markdown
	print "|---|---|---|---|---|" >markdown
	for (s = 1; s <= nsets; s++) {
		set = sets[s]
		printf "| %s | %d | %d | %d (%.0f %%) | %.0f %% |\n", told[set], ncells[set], exact[set],
			good[set], 100 * good[set] / ncells[set], 100 * worst[set] >markdown
	}
	print "\n| estimate of | median error | worst |\n|---|---|---|" >markdown
	for (k = 1; k <= nnames; k++)
		if (error_n[names[k]] && names[k] != "pool")
			printf "| %s | %.0f %% | %+.0f %% |\n", short(names[k]),
				100 * error_median[names[k]], 100 * error_worst[names[k]] >markdown
	for (m = 1; m <= 2; m++) {
		memory = m == 1 ? "guest_memfd" : "memfd"
		norder = 0
		for (i = 1; i <= ncells["any"]; i++) {
			split(cells["any", i], part, SUBSEP)
			row = part[4] SUBSEP part[2]
			if (part[1] == memory && !((memory, row) in seen)) {
				seen[memory, row] = 1
				order[++norder] = row
			}
		}
		if (!norder)
			continue
		for (i = 2; i <= norder; i++)
			for (k = i; k > 1 && rank(order[k - 1]) > rank(order[k]); k--) {
				row = order[k]; order[k] = order[k - 1]; order[k - 1] = row
			}
		printf "\nMemory is a %s:\n\n", memory >markdown
		print "| request | used again | out: advised | best | loss | in: advised | best | loss |" >markdown
		print "|---|---|---|---|---|---|---|---|" >markdown
		for (i = 1; i <= norder; i++) {
			split(order[i], part, SUBSEP)
			cell = memory SUBSEP part[2] SUBSEP "out" SUBSEP part[1]
			other = memory SUBSEP part[2] SUBSEP "in" SUBSEP part[1]
			printf "| %s | %s | %s | %s | %.0f %% | %s | %s | %.0f %% |\n",
				size_text(part[1]), reuse_text(part[2]),
				short(advised["any", cell]), short(best_of["any", cell]),
				100 * loss["any", cell], short(advised["any", other]),
				short(best_of["any", other]), 100 * loss["any", other] >markdown
		}
	}
}

function rank(row,    part) {
	split(row, part, SUBSEP)
	return part[1] * 1000 + (part[2] == "all" ? 999 : part[2])
}

# Times divided by bounce's: measured, and by the estimate; of the first memory, out.
function put_plot(    k, r, i, cell, part, key, pool, list, m) {
	for (i = 1; i <= ncells["any"]; i++) {
		split(cells["any", i], part, SUBSEP)
		if (first == "" || part[1] == "guest_memfd")
			first = part[1]
	}
	for (i = 1; i <= ncells["any"]; i++) {
		cell = cells["any", i]
		split(cell, part, SUBSEP)
		if (part[1] != first || part[3] != "out")
			continue
		pool = cell SUBSEP "pool"
		for (k = 1; k <= nnames; k++) {
			key = cell SUBSEP names[k]
			if (key in n)
				print names[k], part[2], part[4], ns[key] / ns[cell, "bounce"],
				      (ns[pool] + estimate[key] - estimate[pool]) / \
				      ns[cell, "bounce"] | \
				      ("sort -k1,1 -k2,2 -k3,3n >" plot)
		}
	}
	close("sort -k1,1 -k2,2 -k3,3n >" plot)
}

END {
	nsets = split("any one-by-one copy-or-convert", sets, " ")
	told["any"] = "all"
	told["one-by-one"] = "all but batches"
	told["copy-or-convert"] = "bounce, pool, convert, pread"
	nnames = split("bounce pool convert convert-batch lazy persistent pread", names, " ")
	for (key in n)
		ns[key] = median(key, n[key])
	for (s = 1; s <= nsets; s++)
		judge(sets[s])
	for (k = 1; k <= nnames; k++)
		errors(names[k])

	printf "%s, %d CPUs, Linux %s; %d rounds in %d s, load %s\n\n", cpu, cpus, kernel, rounds,
		took, load
	printf "%-11s %-3s %-8s %-8s", "memory", "", "request", "again"
	for (k = 1; k <= nnames; k++)
		printf " %8s", short(names[k])
	printf "  %-13s %-13s %7s\n", "advised", "best", "loss"
	printf "%-33s us a request\n", ""
	print_cells("any")
	print ""
	for (s = 1; s <= nsets; s++)
		printf "%-30s %d of %d cells the measured best, %d (%.0f %%) within 10 %%; worst loss %.0f %%\n",
			told[sets[s]] ":", exact[sets[s]], ncells[sets[s]], good[sets[s]],
			100 * good[sets[s]] / ncells[sets[s]], 100 * worst[sets[s]]
	print "\nEstimate of a request's time, from that of pool:"
	for (k = 1; k <= nnames; k++)
		if (error_n[names[k]] && names[k] != "pool")
			printf "  %-14s median error %5.1f %%, mean %+6.1f %%, worst %+6.1f %%\n", names[k],
				100 * error_median[names[k]], 100 * error_mean[names[k]],
				100 * error_worst[names[k]]
	wrong = 0
	wrong = differences()
	printf "\nCounts of the ledger that differ from the estimate's: %d of %d runs\n", wrong, ncounted
	put_json()
	put_markdown()
	put_plot()
}
