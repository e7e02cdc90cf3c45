/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_large_model.c - conversions of more than 32 GiB at once, among single
 * pages, pins and failures, compared with lists of runs after each step.
 *
 * An array of pages is too slow for 40 GiB, but most of them are alike: here a
 * region is a sorted list of runs, rebuilt with every change. The rules that
 * test_model.c is about are kept out: a change names SHARED and attributes that
 * nothing else depends on, so only pins, holes, the host and the allocator can
 * refuse it. GMS_MODEL_STEPS sets the steps, GMS_SEED replays.
 */
#include "fixture.h"

#include <stdarg.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define MANY	(S | GMS_STATE_POPULATED | GMS_STATE_DIRTY | GMS_STATE_USER0 | GMS_STATE_USER1)

#define REGIONS	4
#define RUNS	8192
#define PINS	8
#define CHANGES	3
#define LARGE	(32 * FX_1G)	/* what is more goes another way (map/own.c) */
#define STEPS	1000

/* One behind the other, 40 GiB in all; then a hole, and one more. */
static const struct {
	gms_gfn	 first;
	uint64_t npages;
	uint32_t base_order;
	bool	 hosted;
} places[REGIONS] = {
	{ 2 * FX_1G, 37 * FX_1G, 18, false },
	{ 39 * FX_1G, FX_1G + 5 * FX_2M, 9, true },
	{ 40 * FX_1G + 5 * FX_2M, 2 * FX_1G - 77, 0, false },
	{ 44 * FX_1G, FX_1G, 18, false },
};

#define BEGIN	(2 * FX_1G)
#define END	(45 * FX_1G)

static const uint32_t policies[][2] = {
	{ GMS_SPLIT_LEVELS, GMS_MERGE_EAGER }, { GMS_SPLIT_LEVELS, GMS_MERGE_EXPLICIT },
	{ GMS_SPLIT_NONE, GMS_MERGE_EXPLICIT },
};

struct run {
	gms_gfn	  first, end;
	gms_state state;
};

struct region {
	gms_gfn	 first, end;
	uint32_t id;
	size_t	 nruns;
	struct run run[RUNS];
};

struct pin {
	gms_gfn	   gfn;
	gms_pin_id id;
};

/* One run of the model; one at a time. */
static struct {
	struct gms_space *space;
	struct fx_mem	  mem;
	struct fx_host	 *host;
	struct fx_rand	  rand;
	struct region	  region[REGIONS];
	struct region	  next;
	struct pin	  pin[PINS];
	uint64_t step, large, done, refused, out_of_memory, rolled_back;
} m;

__attribute__((__format__(__printf__, 1, 2), __noreturn__))
static void disagree(const char *form, ...)
{
	char text[400];
	va_list args;
	int n = snprintf(text, sizeof(text), "step %" PRIu64 " of GMS_SEED=0x%" PRIx64 ": ", m.step,
			 fx_seed());

	va_start(args, form);
	vsnprintf(text + n, sizeof(text) - (size_t)n, form, args);
	va_end(args);
	ck_abort_msg("%s", text);
}

#define AGREE(condition, ...) \
	do { \
		if (!(condition)) \
			disagree(__VA_ARGS__); \
	} while (0)

static uint64_t below(uint64_t bound)
{
	return fx_rand_below(&m.rand, bound);
}

static bool odds(uint64_t num, uint64_t den)
{
	return fx_rand_odds(&m.rand, num, den);
}

static gms_gfn min(gms_gfn a, gms_gfn b) { return a < b ? a : b; }
static gms_gfn max(gms_gfn a, gms_gfn b) { return a > b ? a : b; }

/* --- the lists ------------------------------------------------------------ */

static void append(struct region *r, gms_gfn first, gms_gfn end, gms_state state)
{
	if (first >= end)
		return;
	if (r->nruns && r->run[r->nruns - 1].state == state) {
		r->run[r->nruns - 1].end = end;
		return;
	}
	AGREE(r->nruns < RUNS, "more runs than the list has room for");
	r->run[r->nruns++] = (struct run){ first, end, state };
}

static gms_state changed(gms_state state, const struct gms_change *c)
{
	return (state & ~c->clear) | c->set;
}

/* Carry a change out, adding up the pages that change. */
static uint64_t apply(const struct gms_change *c)
{
	const gms_gfn first = c->range.first, end = first + c->range.npages;
	uint64_t n = 0;

	for (struct region *r = m.region; r < m.region + REGIONS; r++) {
		if (end <= r->first || first >= r->end)
			continue;
		m.next.nruns = 0;
		for (const struct run *run = r->run; run < r->run + r->nruns; run++) {
			const gms_gfn from = min(max(first, run->first), run->end);
			const gms_gfn to = max(min(end, run->end), from);
			const gms_state new = changed(run->state, c);

			append(&m.next, run->first, from, run->state);
			append(&m.next, from, to, new);
			append(&m.next, to, run->end, run->state);
			n += new != run->state ? to - from : 0;
		}
		memcpy(r->run, m.next.run, m.next.nruns * sizeof(r->run[0]));
		r->nruns = m.next.nruns;
	}
	return n;
}

/* The first page of [first, end) that no region has. */
static gms_gfn first_hole(gms_gfn first, gms_gfn end)
{
	for (const struct region *r = m.region; r < m.region + REGIONS; r++) {
		if (first >= r->first && first < r->end)
			first = r->end;
	}
	return min(first, end);
}

static gms_state state_at(gms_gfn gfn)
{
	for (const struct region *r = m.region; r < m.region + REGIONS; r++) {
		for (const struct run *run = r->run; run < r->run + r->nruns; run++) {
			if (gfn >= run->first && gfn < run->end)
				return run->state;
		}
	}
	return GMS_HOLE;
}

/* The first page of a change that its pin forbids. */
static gms_gfn first_pinned(const struct gms_change *c)
{
	gms_gfn found = UINT64_MAX;

	for (const struct pin *pin = m.pin; pin < m.pin + PINS; pin++) {
		if (pin->id && pin->gfn - c->range.first < c->range.npages &&
		    state_at(pin->gfn) & c->clear & (S | GMS_STATE_POPULATED))
			found = min(found, pin->gfn);
	}
	return found;
}

/* --- comparing ------------------------------------------------------------ */

/* Runs of a range that are of a value under a mask; all: of any value. */
static void verify_runs(gms_gfn first, gms_gfn end, gms_state mask, gms_state value, bool all)
{
	uint64_t count = 0, is_count;
	gms_gfn found = UINT64_MAX, is_found = UINT64_MAX;
	struct gms_iter it;
	struct gms_run is;
	int err = all ? gms_iter_init(&it, m.space, FX_RANGE(first, end - first), mask)
		      : gms_iter_init_match(&it, m.space, FX_RANGE(first, end - first), mask,
					    value);

	AGREE(!err, "iter: %d", err);
	for (const struct region *r = m.region; r < m.region + REGIONS; r++) {
		for (size_t i = 0; i < r->nruns;) {
			const gms_state state = r->run[i].state & mask;
			const gms_gfn from = max(r->run[i].first, first);
			gms_gfn to;

			for (to = from; i < r->nruns && (r->run[i].state & mask) == state; i++)
				to = min(r->run[i].end, end);
			if (from >= to || (!all && state != value))
				continue;
			AGREE(gms_iter_next(&it, &is) && is.first == from &&
			      is.npages == to - from && is.state == state && is.region == r->id,
			      "run 0x%" PRIx64 "+%" PRIu64 " state 0x%x, should be 0x%" PRIx64
			      "+%" PRIu64 " state 0x%x under 0x%x", is.first, is.npages, is.state,
			      from, to - from, state, mask);
			count += to - from;
			found = min(found, from);
		}
	}
	AGREE(!gms_iter_next(&it, &is), "a run too many: 0x%" PRIx64, is.first);
	if (all)
		return;
	err = gms_count(m.space, FX_RANGE(first, end - first), mask, value, &is_count);
	AGREE(!err && is_count == count, "count of 0x%x under 0x%x: %" PRIu64 ", should be %" PRIu64,
	      value, mask, is_count, count);
	err = gms_find(m.space, FX_RANGE(first, end - first), mask, value, &is_found);
	AGREE(err == (count ? 0 : -ENOENT) && is_found == found, "find of 0x%x under 0x%x: 0x%"
	      PRIx64 ", should be 0x%" PRIx64, value, mask, is_found, found);
}

static void verify_uniform(gms_gfn first, gms_gfn end, gms_state mask)
{
	gms_state some = GMS_HOLE;
	bool should = true, is;
	int err = gms_uniform(m.space, FX_RANGE(first, end - first), mask, &is);

	for (const struct region *r = m.region; r < m.region + REGIONS; r++) {
		for (const struct run *run = r->run; run < r->run + r->nruns; run++) {
			if (run->end <= first || run->first >= end)
				continue;
			should &= some == GMS_HOLE || !((some ^ run->state) & mask);
			some = run->state;
		}
	}
	if (first_hole(first, end) < end)
		AGREE(err == -ENOENT, "uniform over a hole: %d", err);
	else
		AGREE(!err && is == should, "uniform 0x%" PRIx64 "..0x%" PRIx64 " under 0x%x: %d, %d",
		      first, end, mask, err, is);
}

static void verify(void)
{
	static const gms_state alone[] = {
		S, GMS_STATE_POPULATED, GMS_STATE_MISSING, GMS_STATE_DIRTY, GMS_STATE_USER0
	};
	const gms_gfn first = BEGIN + below(END - BEGIN), end = first + 1 + below(END - first);
	const gms_state mask = (gms_state)fx_rand_u64(&m.rand) & GMS_STATE_ALL;
	const gms_state one = alone[below(5)];
	uint64_t shared = 0;
	struct gms_acct acct;
	char why[256] = "";
	int err;

	verify_runs(BEGIN, END, GMS_STATE_ALL, 0, true);
	verify_runs(first, end, mask, 0, true);
	verify_runs(first, end, one, one, false);
	verify_runs(BEGIN, END, S, odds(1, 2) ? S : 0, false);
	verify_runs(first, end, mask, (gms_state)fx_rand_u64(&m.rand) & MANY & mask, false);
	verify_uniform(first, end, mask);
	verify_uniform(first & ~(FX_1G - 1), (first & ~(FX_1G - 1)) + FX_1G, one);
	verify_uniform(first & ~(FX_2M - 1), (first & ~(FX_2M - 1)) + FX_2M, mask);
	for (const struct region *r = m.region; r < m.region + REGIONS; r++) {
		for (const struct run *run = r->run; run < r->run + r->nruns; run++)
			shared += run->state & S ? run->end - run->first : 0;
	}
	fx_acct(m.space, &acct);
	AGREE(acct.shared_pages == shared, "%" PRIu64 " pages shared, should be %" PRIu64,
	      acct.shared_pages, shared);
	AGREE(acct.metadata_bytes == m.mem.live_bytes, "metadata %" PRIu64 " bytes, should be %"
	      PRIu64, acct.metadata_bytes, m.mem.live_bytes);
	AGREE(!m.host->broken[0], "backend contract: %s", m.host->broken);
	err = gms_check(m.space, why, sizeof(why));
	AGREE(!err, "gms_check: %s", why);
}

/* --- steps ---------------------------------------------------------------- */

/* Busy are a few blocks: at both ends of regions, of some GiB, and over borders. */
static gms_gfn draw_page(void)
{
	const struct region *r = &m.region[below(REGIONS)];
	const gms_gfn busy[] = { r->first, r->end - FX_2M, (r->first & ~(FX_1G - 1)) + FX_1G,
				 (r->end & ~(FX_1G - 1)) - 100, 17 * FX_1G + 7 * FX_2M };

	return min(max(busy[below(5)] + below(FX_2M), BEGIN), END - 1);
}

static struct gms_range draw_range(gms_gfn from)
{
	gms_gfn first = max(draw_page(), from), end = first + 1;

	switch (below(8)) {
	case 0:
		end = first + 1 + below(300);
		break;
	case 1:
		first = max(first & ~(FX_2M - 1), from);
		end = (first & ~(FX_2M - 1)) + FX_2M * (1 + below(3));
		break;
	case 2:
		first = max(first & ~(FX_1G - 1), from);
		end = (first & ~(FX_1G - 1)) + FX_1G * (1 + below(3));
		break;
	default:
		break;
	}
	return FX_RANGE(first, min(end, END) - first);
}

/* More than LARGE: the whole, or from somewhere near the beginning. */
static struct gms_range draw_large(void)
{
	gms_gfn first = BEGIN, end = 42 * FX_1G + 5 * FX_2M - 77;

	if (odds(2, 3))
		first += below(3 * FX_1G) & (odds(1, 2) ? ~(FX_2M - 1) : ~UINT64_C(0));
	if (odds(1, 2))
		end = first + LARGE + 1 + below(4 * FX_1G);
	if (odds(1, 16))	/* over the hole */
		end = END - below(FX_1G);
	return FX_RANGE(first, end - first);
}

static void draw_bits(struct gms_change *c, bool large)
{
	const gms_state bits = odds(2, 3) ? S : (gms_state)fx_rand_u64(&m.rand) & MANY;

	if (large && odds(1, 2)) {	/* everything is one state again */
		c->set = (bits & (gms_state)fx_rand_u64(&m.rand) & MANY) | D;
		c->clear = GMS_STATE_ALL & ~c->set;
	} else {
		c->set = odds(1, 2) ? bits : 0;
		c->clear = bits & ~c->set;
	}
	/* What clearing POPULATED brings along. */
	if (c->clear & GMS_STATE_POPULATED)
		c->clear |= GMS_STATE_DIRTY & ~c->set;
}

/* What must stop a batch: 0, or the error and its page. */
static int judge(const struct gms_change *batch, size_t n, gms_gfn *gfn)
{
	for (size_t i = 0; i < n; i++) {
		const gms_gfn end = batch[i].range.first + batch[i].range.npages;
		const gms_gfn hole = first_hole(batch[i].range.first, end);
		const gms_gfn pinned = first_pinned(&batch[i]);

		*gfn = min(hole, pinned);
		if (*gfn < end)
			return *gfn == hole ? -ENOENT : -EAGAIN;
	}
	return 0;
}

static void step_convert(void)
{
	struct gms_change batch[CHANGES];
	const bool large = odds(1, 5);
	const size_t n = odds(3, 4) ? 1 : CHANGES;
	uint64_t npages = 0, expected = 0;
	struct gms_convert_result result;
	struct gms_convert_opts opts;
	bool no_memory = false, breaks = false;
	gms_gfn from = 0, gfn = 0;
	size_t drawn;
	int err, should;

	/* In order and apart, the large one first. */
	for (drawn = 0; drawn < n; drawn++) {
		struct gms_change *c = &batch[drawn];

		if (from >= END - 1)
			break;
		c->range = large && !drawn ? draw_large() : draw_range(from);
		draw_bits(c, large && !drawn);
		from = c->range.first + c->range.npages + 1;
		npages += c->range.npages;
	}
	should = judge(batch, drawn, &gfn);
	GMS_INIT(&opts);
	GMS_INIT(&result);
	opts.flags = odds(1, 10) ? GMS_CONVERT_NO_ALLOC : 0;
	if (odds(1, 8))
		fx_mem_fail_after(&m.mem, below(3), odds(1, 2));
	else if (odds(1, large ? 2 : 6))
		fx_host_fail_after(m.host, below(2), -EIO);
	err = gms_convert(m.space, batch, drawn, &opts, &result);
	no_memory = m.mem.refused || opts.flags;
	breaks = m.host->failures > 0;
	fx_mem_heal(&m.mem);
	fx_host_heal(m.host);
	m.mem.refused = 0;
	m.host->failures = 0;
	m.large += large;
	if (err == -ENOMEM && no_memory) {
		m.out_of_memory++;
		return;
	}
	if (err == -EIO && breaks && !should) {
		m.rolled_back += large;
		return;
	}
	AGREE(err == should && !breaks, "convert: %s, should be %s", gms_strerror(err),
	      gms_strerror(should));
	if (err) {
		AGREE(result.error_gfn == gfn, "error_gfn 0x%" PRIx64 ", should be 0x%" PRIx64,
		      result.error_gfn, gfn);
		m.refused++;
		return;
	}
	for (size_t i = 0; i < drawn; i++)
		expected += apply(&batch[i]);
	AGREE(result.changed_pages == expected && result.unchanged_pages == npages - expected,
	      "changed %" PRIu64 " of %" PRIu64 ", should be %" PRIu64, result.changed_pages, npages,
	      expected);
	m.done++;
}

static void step_pin(void)
{
	struct pin *pin = &m.pin[below(PINS)];
	int err;

	if (pin->id) {
		err = gms_unpin(m.space, pin->id);
		AGREE(!err, "unpin: %s", gms_strerror(err));
		pin->id = 0;
		return;
	}
	if (gms_find(m.space, FX_RANGE(draw_page(), FX_2M), S, S, &pin->gfn))
		return;
	err = gms_pin(m.space, FX_RANGE(pin->gfn, 1), 0, m.step, &pin->id, NULL);
	AGREE(!err, "pin 0x%" PRIx64 ": %s", pin->gfn, gms_strerror(err));
}

START_TEST(large_conversions_agree_with_lists_of_runs)	/* _i: policy */
{
	const uint64_t steps = fx_env_u64("GMS_MODEL_STEPS", STEPS / fx_slowdown());

	memset(&m, 0, sizeof(m));
	fx_rand_init(&m.rand, fx_seed(), 200 + (uint64_t)_i);
	fx_mem_init(&m.mem);
	m.host = fx_host_new(places[1].first, places[1].npages);
	m.space = fx_space(&m.mem, GMS_PROFILE_GENERIC, policies[_i][0], policies[_i][1]);
	for (unsigned i = 0; i < REGIONS; i++) {
		struct region *r = &m.region[i];

		r->first = places[i].first;
		r->end = r->first + places[i].npages;
		r->id = fx_region(m.space, FX_RANGE(r->first, places[i].npages),
				  places[i].base_order, D, places[i].hosted ? m.host : NULL);
		append(r, r->first, r->end, D);
	}
	for (m.step = 1; m.step <= steps; m.step++) {
		if (odds(1, 6))
			step_pin();
		else
			step_convert();
		verify();
	}
	printf("%" PRIu64 " steps: %" PRIu64 " conversions, %" PRIu64 " of all of more than 32 GiB, %"
	       PRIu64 " refused, %" PRIu64 " out of memory, %" PRIu64 " large ones undone\n", steps,
	       m.done, m.large, m.refused, m.out_of_memory, m.rolled_back);
	AGREE(m.done > steps / 4 && m.large > steps / 16, "too few steps did anything");
	fx_host_check(m.host, m.space, FX_RANGE(places[1].first, places[1].npages));
	gms_space_free(m.space);
	AGREE(!m.mem.live_blocks, "%" PRIu64 " blocks leaked", m.mem.live_blocks);
	fx_host_free(m.host);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("large_model");

	fx_seed();
	tcase_add_loop_test(fx_case(s, "convert"), large_conversions_agree_with_lists_of_runs, 0, 3);
	return fx_run(s);
}
