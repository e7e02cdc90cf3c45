/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_judy.c - Judy arrays: Judy1, a bit a page; JudyL, a word a run.
 *
 * JudyL holds the runs whose value is not 0, keyed by their first page: the
 * word is end << 4 | value. Neighbours with equal values are one run.
 */
#include <stdio.h>
#include <stdlib.h>

#include <Judy.h>

#include "peer.h"

static void *array_create(uint64_t npages)
{
	Pvoid_t *array = calloc(1, sizeof(*array));

	(void)npages;
	if (!array) {
		fputs("bench: out of memory\n", stderr);
		exit(1);
	}
	return array;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- Judy1 --- */

static void judy1_destroy(void *map)
{
	Pvoid_t *array = map;

	Judy1FreeArray(array, PJE0);
	free(array);
}

static unsigned judy1_get(void *map, uint64_t page)
{
	return (unsigned)Judy1Test(*(Pvoid_t *)map, page, PJE0);
}

static void judy1_set(void *map, uint64_t first, uint64_t end, unsigned shared)
{
	Pvoid_t *array = map;

	if (shared) {
		for (; first < end; first++)
			Judy1Set(array, first, PJE0);
	} else {
		Word_t page = first;

		while (Judy1First(*array, &page, PJE0) && page < end)
			Judy1Unset(array, page, PJE0);
	}
}

static uint64_t judy1_next(void *map, uint64_t first, uint64_t end)
{
	Word_t page = first;

	return Judy1First(*(Pvoid_t *)map, &page, PJE0) ? min(page, end) : end;
}

static uint64_t judy1_next_clear(void *map, uint64_t first, uint64_t end)
{
	Word_t page = first;

	return Judy1FirstEmpty(*(Pvoid_t *)map, &page, PJE0) ? min(page, end) : end;
}

static int judy1_uniform(void *map, uint64_t first, uint64_t end)
{
	if (judy1_get(map, first))
		return judy1_next_clear(map, first, end) == end ? 1 : -1;
	return judy1_next(map, first, end) == end ? 0 : -1;
}

static void judy1_runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	while ((first = judy1_next(map, first, end)) < end) {
		const uint64_t stop = judy1_next_clear(map, first, end);

		fn(arg, first, stop);
		first = stop;
	}
}

static uint64_t judy1_count(void *map, uint64_t first, uint64_t end)
{
	return Judy1Count(*(Pvoid_t *)map, first, end - 1, PJE0);
}

const struct peer peer_judy1 = {
	.name = "judy1", .attrs = PEER_ONE_ATTR, .flags = PEER_NO_TOUCH,
	.create = array_create, .destroy = judy1_destroy, .get = judy1_get, .set = judy1_set,
	.uniform = judy1_uniform, .next = judy1_next, .runs = judy1_runs, .count = judy1_count
};

/* --- JudyL --- */

static uint64_t run_end(Word_t word)
{
	return word >> 4;
}

static unsigned run_value(Word_t word)
{
	return word & 15;
}

static void insert(Pvoid_t *array, uint64_t first, uint64_t end, unsigned value)
{
	Word_t *word = (Word_t *)JudyLIns(array, first, PJE0);

	if (word == (Word_t *)PJERR) {
		fputs("bench: out of memory\n", stderr);
		exit(1);
	}
	*word = end << 4 | value;
}

static void judyl_destroy(void *map)
{
	Pvoid_t *array = map;

	JudyLFreeArray(array, PJE0);
	free(array);
}

static unsigned judyl_get(void *map, uint64_t page)
{
	Word_t first = page;
	const Word_t *word = (Word_t *)JudyLLast(*(Pvoid_t *)map, &first, PJE0);

	return word && page < run_end(*word) ? run_value(*word) : 0;
}

static void judyl_assign(void *map, uint64_t first, uint64_t end, unsigned value)
{
	Pvoid_t *array = map;
	Word_t at = first;
	Word_t *word = (Word_t *)JudyLLast(*array, &at, PJE0);

	if (word && value && run_value(*word) == value && run_end(*word) >= first) {
		if (run_end(*word) >= end)
			return;
		first = at;
	} else if (word && run_end(*word) > first) {
		const Word_t old = *word;

		if (at < first)
			*word = first << 4 | run_value(old);
		else
			JudyLDel(array, at, PJE0);
		if (run_end(old) > end) {
			insert(array, end, run_end(old), run_value(old));
			if (value)
				insert(array, first, end, value);
			return;
		}
	}
	for (at = first + 1; (word = (Word_t *)JudyLFirst(*array, &at, PJE0)) && at <= end;) {
		const Word_t old = *word;

		if (at == end && (!value || run_value(old) != value))
			break;
		JudyLDel(array, at, PJE0);
		if (run_end(old) <= end)
			continue;
		if (value && run_value(old) == value)
			end = run_end(old);
		else
			insert(array, end, run_end(old), run_value(old));
		break;
	}
	if (value)
		insert(array, first, end, value);
}

/* The next shared run at or after *pos and before end; *pos moves behind it. */
static int next_run(void *map, uint64_t *pos, uint64_t end, uint64_t *first, uint64_t *stop)
{
	const Pvoid_t array = *(Pvoid_t *)map;
	Word_t at = *pos, *word = (Word_t *)JudyLLast(array, &at, PJE0);

	if (!word || run_end(*word) <= *pos) {
		at = *pos;
		word = (Word_t *)JudyLFirst(array, &at, PJE0);
	}
	while (word && at < end && !(run_value(*word) & 1))
		word = (Word_t *)JudyLNext(array, &at, PJE0);
	if (!word || at >= end)
		return 0;
	*first = at > *pos ? at : *pos;
	*stop = run_end(*word);
	while (*stop < end && (word = (Word_t *)JudyLGet(array, *stop, PJE0)) &&
	       run_value(*word) & 1)
		*stop = run_end(*word);
	*stop = min(*stop, end);
	*pos = *stop;
	return 1;
}

static uint64_t judyl_next(void *map, uint64_t first, uint64_t end)
{
	uint64_t lo, hi;

	return next_run(map, &first, end, &lo, &hi) ? lo : end;
}

static int judyl_uniform(void *map, uint64_t first, uint64_t end)
{
	uint64_t pos = first, lo, hi;

	if (!next_run(map, &pos, end, &lo, &hi))
		return 0;
	return lo == first && hi == end ? 1 : -1;
}

static void judyl_runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	uint64_t lo, hi;

	while (first < end && next_run(map, &first, end, &lo, &hi))
		fn(arg, lo, hi);
}

static uint64_t judyl_count(void *map, uint64_t first, uint64_t end)
{
	uint64_t lo, hi, n = 0;

	while (first < end && next_run(map, &first, end, &lo, &hi))
		n += hi - lo;
	return n;
}

const struct peer peer_judyl = {
	.name = "judyl", .attrs = PEER_FOUR_ATTRS, .flags = PEER_NO_TOUCH,
	.create = array_create, .destroy = judyl_destroy, .get = judyl_get, .set = judyl_assign,
	.uniform = judyl_uniform, .next = judyl_next, .runs = judyl_runs, .count = judyl_count
};
