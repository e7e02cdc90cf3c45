/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * targets.c - the targets, and who met them.
 *
 * Of the whole public call (gmemstate), or of the bare map (gmemstate-map)
 * where the map's own work is what is meant. "Constant" is said of rows whose
 * cost must not grow with the guest: a hundredth of what a bitmap of 64 GiB
 * takes, or twice the figure of a uniform guest. A figure in ns was set where
 * flat took 1.4 ns, so that row has the ratio as well.
 */
#include "targets.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define OURS	"gmemstate"
#define MAP	"gmemstate-map"

/* id, states, impl, at most limit times flat */
#define FLAT(id, states, impl, limit, text) \
	{ id, states, impl, TARGET_IMPL, "flat", limit, text " flat" }

const struct target targets[] = {
	FLAT("lookup-throughput", NULL, OURS, 2, "2.0"),
	{ "lookup-throughput", NULL, OURS, TARGET_IMPL, "bytes", 0.5, "0.5 bytes" },
	{ "lookup-throughput", NULL, OURS, TARGET_IMPL, "flat4", 0.5, "0.5 flat4" },
	FLAT("lookup-latency", NULL, OURS, 1.5, "1.5"),
	{ "lookup-latency", NULL, OURS, TARGET_IMPL, "bytes", 0.5, "0.5 bytes" },
	{ "lookup-latency", NULL, OURS, TARGET_IMPL, "flat4", 0.5, "0.5 flat4" },
	FLAT("W4a", NULL, MAP, 0.8, "0.8"),
	FLAT("W4b", NULL, MAP, 0.01, "0.01"),
	FLAT("W4c", NULL, MAP, 0.5, "0.5"),
	{ "W5", NULL, OURS, TARGET_BEST, NULL, 1, "1.0 best" },
	{ "W5-lend", NULL, OURS, TARGET_ROW, "W5", 2, "2.0 W5" },
	FLAT("W6-2M", NULL, OURS, 1, "1.0"),
	{ "W6-1G", "W2,W3,D,M", OURS, TARGET_STATE, "W6-1G", 2, "2.0 of W1" },
	FLAT("W7", "W1", OURS, 0.01, "0.01"),
	FLAT("W7", "W2,W3,D", OURS, 1, "1.0"),
	{ "W8", NULL, OURS, TARGET_IMPL, "croaring", 1, "1.0 croaring" },
	{ "W9-1T", NULL, OURS, TARGET_MOST, NULL, 32768, "32 KiB" },
	FLAT("W9", "D", OURS, 0.2, "0.2"),
	FLAT("W9", "W2,W3", OURS, 1.15, "1.15"),
	FLAT("W9-alternate-2", NULL, OURS, 1.15, "1.15"),
	{ "W9-alternate-16", NULL, OURS, TARGET_IMPL, "bytes", 1.2, "1.2 bytes" },
	{ "W9-alternate-2-back", NULL, OURS, TARGET_STATE, "W9", 2, "2.0 of W1" },
	{ "W9-alternate-16-back", NULL, OURS, TARGET_STATE, "W9", 2, "2.0 of W1" },
	{ "W10", NULL, OURS, TARGET_MOST, NULL, 5000, "5000 ns" },
	{ "W11-reader", NULL, OURS, TARGET_ROW, "W11-reader-quiet", 1.3, "1.3 quiet" },
	{ "W11-writer", NULL, OURS, TARGET_ROW, "W11-writer-quiet", 1.3, "1.3 quiet" },
	{ "W11-writers2", NULL, OURS, TARGET_LEAST, NULL, 1.8, "1.8 at least" },
	{ "W11-writers2-listener", NULL, OURS, TARGET_LEAST, NULL, 1.8, "1.8 at least" },
	FLAT("W12", "W1", OURS, 0.01, "0.01"),
	FLAT("W12", "W2,W3,D", OURS, 1, "1.0"),
	FLAT("W13", NULL, OURS, 1.5, "1.5"),
	FLAT("W14", "W1,W2", MAP, 7.1, "7.1"),
	{ "W14", "W1,W2", MAP, TARGET_MOST, NULL, 10, "10 ns" },
	{ "W14-batch-both", NULL, OURS, TARGET_ROW, "W14-single-both", 0.2, "0.2 singly" },
	{ NULL, NULL, NULL, TARGET_MOST, NULL, 0, NULL }
};

/* The row that a target compares with; guests of any size, so that W9 serves all. */
static const struct row *other_row(const struct report *report, const struct target *t,
				   const struct row *row)
{
	const bool own = t->kind == TARGET_ROW || t->kind == TARGET_STATE;
	const char *state = t->kind == TARGET_STATE ? state_name[STATE_W1] : row->state;

	return report_find(report, own ? t->other : row->id, state, own ? row->impl : t->other);
}

static bool judge(const struct report *report, const struct target *t, const struct row *row,
		  struct verdict *v)
{
	const struct row *other;

	*v = (struct verdict){ t, row, row->value, false };
	switch (t->kind) {
	case TARGET_LEAST:
		v->met = row->value >= t->limit;
		return true;
	case TARGET_MOST:
		break;
	case TARGET_BEST:
		v->got = row->ratio_best;
		if (row->ratio_best <= 0)
			return false;
		break;
	default:
		other = other_row(report, t, row);
		if (!other || other->value <= 0)
			return false;
		v->got = row->value / other->value;
	}
	v->met = v->got <= t->limit;
	return true;
}

void targets_judge(struct report *report)
{
	for (const struct target *t = targets; t->id; t++) {
		for (size_t i = 0; i < report->n; i++) {
			const struct row *row = &report->row[i];
			struct verdict v;

			if (strcmp(row->id, t->id) || strcmp(row->impl, t->impl) ||
			    !listed(t->states, row->state) || !judge(report, t, row, &v))
				continue;
			report->verdict = need(realloc(report->verdict,
						       (report->nverdicts + 1) * sizeof(v)));
			report->verdict[report->nverdicts++] = v;
		}
	}
}

const struct verdict *targets_of(const struct report *report, const struct row *like)
{
	const struct verdict *first = NULL;

	for (size_t i = 0; i < report->nverdicts; i++) {
		const struct verdict *v = &report->verdict[i];

		if (!report_comparable(v->row, like))
			continue;
		if (!v->met)
			return v;
		if (!first)
			first = v;
	}
	return first;
}
