/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/replay/match.c. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "fixture.h"
#include "rand.h"
#include "replay/match.h"

static struct trace_event event(enum trace_op op, uint64_t gpa, uint64_t dma, uint64_t bytes)
{
	return (struct trace_event){
		.op = op, .gpa = gpa, .dma = dma, .bytes = bytes, .device = 1,
		.dir = TRACE_TO_DEVICE,
	};
}

static int64_t begin(struct match *match, enum trace_op op, uint64_t gpa, uint64_t dma,
		     uint64_t bytes)
{
	const struct trace_event map = event(op, gpa, dma, bytes);

	return match_begin(match, &map, gpa);
}

static int64_t end(struct match *match, enum trace_op op, uint64_t gpa, uint64_t dma,
		   uint64_t bytes)
{
	const struct trace_event unmap = event(op, gpa, dma, bytes);
	struct match_mapping was;

	return match_end(match, &unmap, &was);
}

START_TEST(what_the_text_says_must_be_the_same)
{
	struct match match;

	match_init(&match, 100);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x1000, 0x9000, 16), -ENOENT);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0x1000, 0x9000, 16), 0);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0x1000, 0x9000, 32), 1);
	ck_assert_int_eq(begin(&match, TRACE_COHERENT, 0x2000, 0x9000, 16), 2);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x1000, 0x9000, 8), -ENOENT);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x1008, 0x9000, 16), -ENOENT);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x1000, 0x9008, 16), -ENOENT);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x2000, 0x9000, 16), -ENOENT);
	ck_assert_int_eq(end(&match, TRACE_FREE, 0x1000, 0x9000, 16), -ENOENT);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x1000, 0x9000, 16), 0);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x1000, 0x9000, 16), -ENOENT);
	ck_assert_int_eq(end(&match, TRACE_FREE, 0x2000, 0x9000, 16), 2);
	ck_assert_uint_eq(match.n, 1);
	ck_assert_uint_eq(match.n_max, 3);
	match_drop(&match);
}
END_TEST

START_TEST(what_it_does_not_say_need_not)
{
	struct match match;

	match_init(&match, 100);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0x1000, 0x9000, 16), 0);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0x2000, 0xa000, 32), 1);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0x3000, 0xb000, 48), 2);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, TRACE_NO_ADDRESS, TRACE_NO_ADDRESS, 0), -ENOENT);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, TRACE_NO_ADDRESS, 0xa000, 32), 1);
	/* As ftrace has it of a scatter list, and mapped after there is the second index. */
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x3000, TRACE_NO_ADDRESS, 0), 2);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0x4000, 0xc000, 64), 2);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x4000, TRACE_NO_ADDRESS, 0), 2);
	ck_assert_int_eq(end(&match, TRACE_UNMAP, 0x1000, TRACE_NO_ADDRESS, 0), 0);
	ck_assert_uint_eq(match.n, 0);
	match_drop(&match);
}
END_TEST

START_TEST(no_more_than_allowed)
{
	struct match match;

	match_init(&match, 2);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0, 0, 1), 0);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0, 0, 1), 1);
	ck_assert_int_eq(begin(&match, TRACE_MAP, 0, 0, 1), -ENOSPC);
	ck_assert_int_ge(end(&match, TRACE_UNMAP, 0, 0, 1), 0);
	ck_assert_int_ge(begin(&match, TRACE_MAP, 0, 0, 1), 0);
	match_drop(&match);
}
END_TEST

/* A search through all of them each time would take hours. */
START_TEST(many_of_one_address)	/* _i: what differs: lengths, both addresses, their owners */
{
	enum { N = 200000 };
	struct match match;
	uint64_t wrong = 0;

	match_init(&match, N);
	for (uint64_t i = 0; i < N; i++)
		wrong += begin(&match, _i == 2 && i % 2 ? TRACE_COHERENT : TRACE_MAP,
			       _i == 1 ? i << 12 : 0x1000, 0x9000, _i == 0 ? i + 1 : 16) < 0;
	ck_assert_uint_eq(wrong, 0);
	/* In the order of their maps. */
	for (uint64_t i = 0; i < N; i++)
		wrong += end(&match, TRACE_UNMAP, _i == 1 ? i << 12 : 0x1000, 0x9000,
			     _i == 0 ? i + 1 : 16) < 0;
	/* What is not found is told: the text is none of a guest. */
	ck_assert_uint_eq(match.n, wrong);
	ck_assert(_i != 0 || !wrong);
	match_drop(&match);
}
END_TEST

/* As above, in the index that is made for texts without the device's address. */
START_TEST(many_of_one_buffer)
{
	enum { N = 200000 };
	struct match match;
	bool right = true;

	match_init(&match, N);
	for (uint64_t i = 0; i < N; i++)
		right &= begin(&match, TRACE_MAP, 0x1000, i << 12, 16) >= 0;
	right &= end(&match, TRACE_UNMAP, 0x1000, TRACE_NO_ADDRESS, 0) == N - 1;
	for (uint64_t i = 0; i < N - 1; i++)
		right &= end(&match, TRACE_UNMAP, 0x1000, i << 12, 16) == (int64_t)i;
	ck_assert(right);
	ck_assert_uint_eq(match.n, 0);
	match_drop(&match);
}
END_TEST

/* Slots are used again: there are never more than were outstanding at once. */
START_TEST(slots_are_those_outstanding)
{
	enum { KEYS = 5000 };
	static int64_t slot[KEYS];
	const unsigned steps = 200000 / fx_slowdown();
	struct fx_rand rand;
	struct match match;
	uint64_t n = 0;
	bool right = true;

	fx_rand_init(&rand, fx_seed(), 1);
	match_init(&match, KEYS);
	for (unsigned i = 0; i < KEYS; i++)
		slot[i] = -1;
	for (unsigned i = 0; right && i < steps; i++) {
		const uint64_t key = fx_rand_below(&rand, KEYS);
		const uint64_t gpa = key << 12, dma = (key / 3) << 20;
		const bool by_gpa = i > steps / 2 && fx_rand_odds(&rand, 1, 4);

		if (slot[key] < 0) {
			slot[key] = begin(&match, TRACE_MAP, gpa, dma, 64);
			right = slot[key] >= 0;
			n++;
			continue;
		}
		right = slot[key] == end(&match, TRACE_UNMAP, gpa,
					 by_gpa ? TRACE_NO_ADDRESS : dma, by_gpa ? 0 : 64);
		slot[key] = -1;
		n--;
	}
	ck_assert(right);
	ck_assert_uint_eq(match.n, n);
	ck_assert_uint_eq(match.nslots, match.n_max);
	match_drop(&match);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("replay/match");
	TCase *match = tcase_create("match");

	tcase_add_test(match, what_the_text_says_must_be_the_same);
	tcase_add_test(match, what_it_does_not_say_need_not);
	tcase_add_test(match, no_more_than_allowed);
	tcase_add_loop_test(match, many_of_one_address, 0, 3);
	tcase_add_test(match, many_of_one_buffer);
	tcase_add_test(match, slots_are_those_outstanding);
	suite_add_tcase(s, match);
	return fx_run(s);
}
