/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c - compare an implementation with an array of a byte a page.
 */
#include "verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "random.h"

#define SMALL_PAGES	(2 * PAGES_1G)
#define OPERATIONS	1500u
#define WINDOW		4096u

struct text {
	char  *why;
	size_t bytes;
};

#define differ(text, ...)	(snprintf((text)->why, (text)->bytes, __VA_ARGS__), false)

unsigned peer_value(const struct peer *peer, void *map, uint64_t page)
{
	const unsigned got = peer->get(map, page);

	return (peer->value ? peer->value(got) : got) & peer->attrs;
}

struct painter {
	uint64_t  first;
	uint64_t *bits;
};

static void paint(void *arg, uint64_t first, uint64_t end)
{
	const struct painter *p = arg;

	bits_set(p->bits, first - p->first, end - p->first);
}

void peer_bitmap(const struct peer *peer, void *map, uint64_t first, uint64_t end, uint64_t *bits)
{
	struct painter painter = { first, bits };

	if (peer->bitmap) {
		peer->bitmap(map, first, end, bits);
		return;
	}
	bits_clear(bits, 0, end - first);
	peer->runs(map, first, end, paint, &painter);
}

/* The first page of [first, end) whose shared bit is so, else end. */
static uint64_t find(const uint8_t *value, uint64_t first, uint64_t end, unsigned shared)
{
	while (first < end && (value[first] & 1u) != shared)
		first++;
	return first;
}

struct follower {
	const uint8_t *value;
	uint64_t pos;
	uint64_t end;
	uint64_t wrong;		/* the first run that was not as expected, + 1 */
};

static void follow(void *arg, uint64_t first, uint64_t end)
{
	struct follower *f = arg;

	if (f->wrong)
		return;
	if (find(f->value, f->pos, f->end, 1) != first || find(f->value, first, f->end, 0) != end ||
	    first == end)
		f->wrong = first + 1;
	f->pos = end;
}

static bool check_runs(const struct peer *peer, void *map, const uint8_t *value, uint64_t first,
		       uint64_t end, struct text *text)
{
	struct follower f = { value, first, end, 0 };

	peer->runs(map, first, end, follow, &f);
	if (f.wrong)
		return differ(text, "runs: the one at page %" PRIu64 " is wrong", f.wrong - 1);
	if (find(value, f.pos, end, 1) != end)
		return differ(text, "runs: none after page %" PRIu64, f.pos);
	return true;
}

static bool check_page(const struct peer *peer, void *map, const uint8_t *value, uint64_t page,
		       struct text *text)
{
	const unsigned got = peer_value(peer, map, page), want = value[page] & peer->attrs;

	return got == want || differ(text, "page %" PRIu64 " is %u, not %u", page, got, want);
}

static int uniform(const uint8_t *value, uint64_t first, uint64_t end)
{
	const unsigned shared = value[first] & 1;

	return find(value, first, end, !shared) == end ? (int)shared : -1;
}

static uint64_t count(const uint8_t *value, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	while (first < end)
		n += value[first++] & 1;
	return n;
}

/* Every query about one range. */
static bool check_range(const struct peer *peer, void *map, const uint8_t *value, uint64_t first,
			uint64_t end, struct text *text)
{
	const uint64_t found = peer->next(map, first, end), want = find(value, first, end, 1);
	const uint64_t n = peer->count(map, first, end), right = count(value, first, end);
	const int same = peer->uniform(map, first, end), really = uniform(value, first, end);

	if (found != want)
		return differ(text, "next in [%" PRIu64 ", %" PRIu64 ") is %" PRIu64
			      ", not %" PRIu64, first, end, found, want);
	if (n != right)
		return differ(text, "count in [%" PRIu64 ", %" PRIu64 ") is %" PRIu64
			      ", not %" PRIu64, first, end, n, right);
	if (same != really)
		return differ(text, "uniform of [%" PRIu64 ", %" PRIu64 ") is %d, not %d",
			      first, end, same, really);
	return true;
}

static bool check_window(const struct peer *peer, void *map, const uint8_t *value,
			 uint64_t first, struct text *text)
{
	uint64_t bits[WINDOW / 64];

	peer_bitmap(peer, map, first, first + WINDOW, bits);
	for (uint64_t i = 0; i < WINDOW; i++) {
		if (bits_test(bits, i) != (value[first + i] & 1u))
			return differ(text, "bitmap: page %" PRIu64 " is wrong", first + i);
	}
	return check_runs(peer, map, value, first + 1, first + WINDOW - 1, text);
}

static struct span random_range(struct rng *rng, uint64_t npages)
{
	const uint64_t n = (uint64_t)exp2(rng_unit(rng) * 15);
	const uint64_t first = rng_below(rng, npages - n + 1);

	return (struct span){ first, first + n, (unsigned)rng_below(rng, 16) };
}

static bool one_operation(const struct peer *peer, void *map, uint8_t *value, bool values,
			  struct rng *rng, struct text *text)
{
	struct span s = random_range(rng, SMALL_PAGES);
	uint64_t pages[64];
	const unsigned kind = (unsigned)rng_below(rng, 8);

	if (kind == 0 && peer->batch && !values) {
		for (size_t i = 0; i < 64; i++) {
			pages[i] = rng_below(rng, SMALL_PAGES);
			value[pages[i]] = s.value & 1;
		}
		peer->batch(map, pages, 64, s.value & 1);
		s = (struct span){ pages[0], pages[0] + 1, 0 };
	} else {
		if (kind == 1) {	/* whole blocks */
			s.first &= ~(PAGES_2M - 1);
			s.end = (s.end + PAGES_2M - 1) & ~(PAGES_2M - 1);
		} else if (kind == 2 && !rng_below(rng, 16)) {
			s.first &= ~(PAGES_1G - 1);
			s.end = s.first + PAGES_1G;
		}
		if (values && peer->assign)
			peer->assign(map, s.first, s.end, s.value);
		else
			peer->set(map, s.first, s.end, s.value & (values ? peer->attrs : 1));
		memset(value + s.first, (int)(values ? s.value : s.value & 1), s.end - s.first);
	}
	for (unsigned i = 0; i < 4; i++) {
		if (!check_page(peer, map, value, rng_below(rng, SMALL_PAGES), text))
			return false;
	}
	if (!check_page(peer, map, value, s.first, text) ||
	    !check_page(peer, map, value, s.end - 1, text) ||
	    (s.first && !check_page(peer, map, value, s.first - 1, text)) ||
	    (s.end < SMALL_PAGES && !check_page(peer, map, value, s.end, text)))
		return false;
	s = random_range(rng, SMALL_PAGES);
	if (!check_range(peer, map, value, s.first, s.end, text))
		return false;
	s.first = rng_below(rng, SMALL_PAGES / PAGES_2M) * PAGES_2M;
	if (!check_range(peer, map, value, s.first, s.first + PAGES_2M, text))
		return false;
	return check_window(peer, map, value,
			    rng_below(rng, (SMALL_PAGES - WINDOW) / 64) * 64, text);
}

static bool operations(const struct peer *peer, bool values, struct text *text)
{
	struct rng rng = { values ? 2 : 1 };
	uint8_t *value = need(calloc(SMALL_PAGES, 1));
	void *map = peer->create(SMALL_PAGES);
	bool good = true;

	for (unsigned i = 0; good && i < OPERATIONS; i++)
		good = one_operation(peer, map, value, values, &rng, text);
	for (uint64_t page = 0; good && page < SMALL_PAGES; page += 3)
		good = check_page(peer, map, value, page, text);
	good = good && check_runs(peer, map, value, 0, SMALL_PAGES, text) &&
	       check_range(peer, map, value, 0, SMALL_PAGES, text) &&
	       check_range(peer, map, value, PAGES_1G, SMALL_PAGES, text);
	peer->destroy(map);
	free(value);
	return good;
}

bool verify_operations(const struct peer *peer, char *why, size_t bytes)
{
	struct text text = { why, bytes };

	return operations(peer, false, &text) && operations(peer, true, &text);
}

bool verify_state(const struct state *state, const struct peer *peer, void *map, char *why,
		  size_t bytes)
{
	struct text text = { why, bytes };
	struct rng rng = { 3 };
	size_t step = state->runs.n / 20000 + 1;

	for (unsigned i = 0; i < 50000; i++) {
		if (!check_page(peer, map, state->value, rng_below(&rng, state->npages), &text))
			return false;
	}
	for (size_t i = 0; i < state->runs.n; i += step) {
		const struct span *run = &state->runs.span[i];

		if (!check_page(peer, map, state->value, run->first, &text) ||
		    !check_page(peer, map, state->value, run->end - 1, &text) ||
		    (run->first && !check_page(peer, map, state->value, run->first - 1, &text)))
			return false;
	}
	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t first = rng_below(&rng, state->npages / PAGES_2M) * PAGES_2M;

		if (!check_range(peer, map, state->value, first, first + PAGES_2M, &text))
			return false;
	}
	for (unsigned i = 0; i < 4; i++) {
		const uint64_t first = rng_below(&rng, state->npages / PAGES_1G) * PAGES_1G;

		if (!check_range(peer, map, state->value, first, first + PAGES_1G, &text) ||
		    !check_window(peer, map, state->value, first, &text))
			return false;
	}
	return check_runs(peer, map, state->value, 0, state->npages, &text);
}
