/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/engine/claims*.c, against a plain array of pins. */
#include <pthread.h>

#include "fixture.h"

#include "engine/claims.h"

#define PINS	300
#define SPAN	(80 * FX_1G)	/* every shard has two GiB, some three */

static struct fx_mem fx;
static struct gms__mem mem;
static struct gms__claims *claims;

struct pin {
	struct gms_pin_info info;
	uint64_t age;
	bool	 live;
};

static struct pin pins[PINS];
static uint64_t age;

static void setup(void)
{
	fx_mem_init(&fx);
	gms__mem_init(&mem, &fx.ops);
	claims = aligned_alloc(GMS__CACHE_LINE, sizeof(*claims));
	ck_assert_ptr_nonnull(claims);
	ck_assert_int_eq(gms__claims_init(claims, &mem), 0);
	memset(pins, 0, sizeof(pins));
	age = 0;
}

static void teardown(void)
{
	gms__claims_fini(claims);
	free(claims);
	ck_assert_uint_eq(fx.live_blocks, 0);
	ck_assert_uint_eq(mem.bytes, 0);
}

#define sound()	sound_at(__LINE__)
static void sound_at(int line)
{
	struct gms__fault fault;

	ck_assert_msg(gms__claims_sound(claims, &fault),
		      "line %d: %s at %" PRIx64 ": %" PRIu64 ", should be %" PRIu64, line,
		      fault.what, fault.gfn, fault.seen, fault.wanted);
}

static gms_pin_id add(struct gms_range range, uint32_t flags, gms_tag tag)
{
	gms_pin_id id = 0;

	/* Not asserted if it holds: an assertion of Check is a write to a file. */
	if (gms__claims_add(claims, range, flags, tag, &id) || !id)
		ck_abort_msg("no pin of %" PRIx64 "+%" PRIx64, range.first, range.npages);
	return id;
}

static bool drop(gms_pin_id id, struct gms_range *range)
{
	return gms__claims_stripes(claims, id) && gms__claims_remove(claims, id, range, &(gms_tag){ 0 });
}

static bool meets(struct gms_range a, struct gms_range b)
{
	return a.first < b.first + b.npages && b.first < a.first + a.npages;
}

static bool is_wide(struct gms_range range)
{
	return range.first / FX_1G != (range.first + range.npages - 1) / FX_1G;
}

/* --- against a scan ------------------------------------------------------ */

static struct gms_range random_range(struct fx_rand *rand, gms_gfn span)
{
	struct gms_range range = { fx_rand_below(rand, span), 1 };

	switch (fx_rand_below(rand, 6)) {
	case 0:		/* crowds in one place, and twins */
		range.first = 7 * FX_1G + 100 + fx_rand_below(rand, 8);
		range.npages = 1 + fx_rand_below(rand, 4);
		break;
	case 1:		/* a border */
		range.first = range.first / FX_1G * FX_1G + FX_1G - 2;
		range.npages = 1 + fx_rand_below(rand, 6);
		break;
	case 2:		/* blocks */
		range.npages = 1 + fx_rand_below(rand, 5 * FX_2M);
		break;
	case 3:		/* a whole GiB */
		range = FX_RANGE(range.first / FX_1G * FX_1G, FX_1G);
		break;
	case 4:
		if (fx_rand_odds(rand, 1, 10))
			range.npages = 1 + fx_rand_below(rand, 40 * FX_1G);
		break;
	default:
		break;
	}
	return range;
}

static void toggle(struct pin *pin, struct gms_range range, struct fx_rand *rand)
{
	struct gms_range was;

	if (pin->live) {
		ck_assert(drop(pin->info.id, &was));
		ck_assert_uint_eq(was.first, pin->info.range.first);
		ck_assert_uint_eq(was.npages, pin->info.range.npages);
		ck_assert(!drop(pin->info.id, &was));
	} else {
		pin->info.range = range;
		pin->info.flags = (uint32_t)fx_rand_below(rand, 4);
		pin->info.tag = fx_rand_u64(rand);
		pin->info.id = add(range, pin->info.flags, pin->info.tag);
		pin->age = age++;
	}
	pin->live = !pin->live;
}

static bool slow_first(struct gms_range range, gms_gfn *gfn)
{
	gms_gfn lowest = UINT64_MAX;

	for (size_t i = 0; i < PINS; i++) {
		const gms_gfn first = pins[i].info.range.first;

		if (pins[i].live && meets(pins[i].info.range, range) && first < lowest)
			lowest = first;
	}
	*gfn = lowest < range.first ? range.first : lowest;
	return lowest != UINT64_MAX;
}

/* No narrow pin in the blocks, no wide one in a GiB of the stripe. */
static bool slow_none(struct gms_range range)
{
	const gms_gfn first = range.first / FX_2M * FX_2M;
	const gms_gfn end = (range.first + range.npages + FX_2M - 1) / FX_2M * FX_2M;
	const uint64_t stripe = gms__map_stripes(range);

	for (size_t i = 0; i < PINS; i++) {
		const struct gms_range other = pins[i].info.range;

		if (pins[i].live && (is_wide(other) ? (gms__map_stripes(other) & stripe) != 0 :
				     meets(other, FX_RANGE(first, end - first))))
			return false;
	}
	return true;
}

static int by_first_then_age(const void *a, const void *b)
{
	const struct pin *x = *(const struct pin *const *)a, *y = *(const struct pin *const *)b;

	if (x->info.range.first != y->info.range.first)
		return x->info.range.first < y->info.range.first ? -1 : 1;
	return x->age < y->age ? -1 : 1;
}

static size_t slow_list(struct gms_range range, const struct pin **list)
{
	size_t n = 0;

	for (size_t i = 0; i < PINS; i++) {
		if (pins[i].live && meets(pins[i].info.range, range))
			list[n++] = &pins[i];
	}
	qsort(list, n, sizeof(*list), by_first_then_age);
	return n;
}

static void compare_list(struct gms_range range, size_t room)
{
	static struct gms_pin_info got[PINS];
	static const struct pin *want[PINS];
	const size_t n = slow_list(range, want);
	size_t wrong = 0;

	memset(got, 0x11, sizeof(got));
	ck_assert_uint_eq(gms__claims_list(claims, range, got, room), n);
	for (size_t i = 0; i < n && i < room; i++)
		wrong += memcmp(&got[i], &want[i]->info, sizeof(got[i])) != 0;
	ck_assert_uint_eq(wrong, 0);
	if (n < room)
		ck_assert_uint_eq(got[n].id, UINT64_C(0x1111111111111111));
}

struct seen {
	const struct pin **want;
	size_t n;
};

static void see(struct gms__inode *node, void *ctx)
{
	struct seen *seen = ctx;

	ck_assert_uint_eq(node->first, seen->want[seen->n]->info.range.first);
	ck_assert_uint_eq(((struct gms__claim *)node)->tag, seen->want[seen->n]->info.tag);
	seen->n++;
}

static void compare_each(void)
{
	static const struct pin *want[PINS];
	struct seen seen = { want, 0 };
	const size_t n = slow_list(FX_ALL, want);

	gms__claims_each(claims, see, &seen);
	ck_assert_uint_eq(seen.n, n);
}

static void compare(struct fx_rand *rand, gms_gfn span)
{
	struct gms_range range = random_range(rand, span);
	gms_gfn want = 1, got = 1;
	bool any = slow_first(range, &want);

	ck_assert_int_eq(gms__claims_first(claims, range.first, range.first + range.npages, &got),
			 any);
	if (any)
		ck_assert_uint_eq(got, want);
	else
		ck_assert_uint_eq(got, 1);
	compare_list(range, fx_rand_below(rand, PINS));
	if (!is_wide(range))
		ck_assert_int_eq(gms__claims_none(claims, range.first,
						  range.first + range.npages),
				 slow_none(range));
}

START_TEST(random_pins_are_what_a_scan_finds)	/* _i: most pins at a time */
{
	const unsigned steps = 20000 / fx_slowdown();
	const size_t most = _i ? PINS : 12;
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	for (unsigned step = 0; step < steps; step++) {
		toggle(&pins[fx_rand_below(&rand, most)], random_range(&rand, SPAN), &rand);
		compare(&rand, SPAN);
		if (step % 100 == 0) {
			sound();
			compare_each();
		}
	}
}
END_TEST

/* All in one shard: its hash table grows, fills and closes up. */
START_TEST(gibs_of_one_stripe_come_and_go)
{
	const unsigned steps = 20000 / fx_slowdown();
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 7);
	for (unsigned step = 0; step < steps; step++) {
		const gms_gfn gib = (fx_rand_below(&rand, 400) * 32 + 5) * FX_1G;
		const struct gms_range range = { gib + fx_rand_below(&rand, FX_1G - 9), 1 };
		const struct gms_range block = { range.first / FX_2M * FX_2M, FX_2M };

		toggle(&pins[fx_rand_below(&rand, PINS)], range, &rand);
		ck_assert_int_eq(gms__claims_none(claims, gib, gib + FX_1G),
				 slow_none(FX_RANGE(gib, FX_1G)));
		ck_assert_int_eq(gms__claims_none(claims, block.first, block.first + FX_2M),
				 slow_none(block));
		if (step % 100 == 0)
			sound();
	}
	ck_assert_uint_gt(claims->shard[5].gibs.n, 50);
	ck_assert_uint_eq(claims->shard[6].here, 0);
}
END_TEST

/* --- memory -------------------------------------------------------------- */

#define MANY	5000

static struct gms_range nth_range(size_t i)
{
	const gms_gfn gib = i % 97 * FX_1G;

	return i % 5 ? FX_RANGE(gib + i * 3, 1 + i % 700) :
	       FX_RANGE(gib + FX_1G - 1 - i % 3, 4 + i % 2 * FX_1G * 3);
}

START_TEST(the_same_again_takes_no_memory)
{
	static gms_pin_id id[MANY];
	uint64_t calls = 0, wrong = 0;
	struct gms_range was;

	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < MANY; i++)
			id[i] = add(nth_range(i), 0, i);
		sound();
		if (round)
			ck_assert_uint_eq(fx.calls, calls);
		calls = fx.calls;
		for (size_t i = 0; i < MANY; i++) {	/* no common factor */
			const size_t j = (i * 1237 + round) % MANY;

			wrong += !drop(id[j], &was) || was.first != nth_range(j).first;
		}
		ck_assert_uint_eq(wrong, 0);
		sound();
		for (unsigned s = 0; s < GMS__SHARDS; s++) {
			ck_assert_uint_eq(claims->shard[s].here, 0);
			ck_assert_uint_eq(claims->shard[s].gibs.n, 0);
			ck_assert_ptr_null(claims->shard[s].root);
		}
	}
	ck_assert_uint_eq(fx.calls, calls);
}
END_TEST

START_TEST(a_pin_in_every_shard_is_little_memory)
{
	ck_assert_uint_eq(mem.bytes, 0);
	for (gms_gfn gib = 0; gib < GMS__STRIPES; gib++)
		add(FX_RANGE(gib * FX_1G, 1), 0, 1);
	add(FX_RANGE(FX_1G - 1, 2), 0, 1);
	for (unsigned s = 0; s < GMS__SHARDS; s++)
		ck_assert_uint_eq((uint32_t)claims->shard[s].here, 1);
	/* 16 claims, a table of 4 places, a table of 8 slabs, a GiB's counts. */
	ck_assert_uint_le(mem.bytes, GMS__SHARDS * (1024 + 64 + 64) +
				     GMS__STRIPES * sizeof(struct gms__counts));
}
END_TEST

/* Enough to outgrow a table of slabs in one shard, and tables of GiB in another. */
static struct gms_range greedy_range(size_t i)
{
	if (i < 2100)
		return FX_RANGE(3 * FX_1G + i, 2);
	if (i < 2120)
		return FX_RANGE((i - 2100) * 32 * FX_1G, 1);
	return FX_RANGE((i - 2120) * FX_1G + FX_1G - 1, 2);
}

START_TEST(every_failing_allocation_changes_nothing)
{
	for (uint64_t n = 0;; n++) {
		uint64_t refused = 0;

		fx_mem_fail_after(&fx, n, false);
		for (size_t i = 0; i < 2160; i++) {
			const struct gms_range range = greedy_range(i);
			gms_pin_id id = 4711;
			int err = gms__claims_add(claims, range, 1, i, &id);

			if (!err)
				continue;
			ck_assert_int_eq(err, -ENOMEM);
			ck_assert_uint_eq(id, 4711);
			refused++;
			sound();
			ck_assert_uint_eq(gms__claims_list(claims, FX_ALL, NULL, 0), i);
			add(range, 1, i);
		}
		ck_assert_uint_eq(fx.refused, refused);
		fx_mem_heal(&fx);
		sound();
		if (!refused)
			break;
		ck_assert_uint_eq(refused, 1);
		teardown();
		setup();
	}
	ck_assert_uint_gt(claims->shard[3].slots.slabs.capacity, 8);
	ck_assert_uint_gt(claims->shard[0].gibs.bits, 4);
	ck_assert_uint_gt(claims->shard[GMS__WIDE_SHARD].slots.slabs.n, 1);
}
END_TEST

/* --- ids ----------------------------------------------------------------- */

START_TEST(an_id_is_never_used_again)	/* _i: narrow, or wide */
{
	const struct gms_range range = { 9 * FX_1G - 1, _i ? 2 : 1 };
	struct gms_range was;
	gms_pin_id old[100], id;

	for (size_t i = 0; i < 100; i++) {
		old[i] = add(range, 0, i);
		ck_assert(drop(old[i], &was));
	}
	id = add(range, 0, 1);
	for (size_t i = 0; i < 100; i++) {
		ck_assert_uint_ne(old[i], id);
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_ne(old[i], old[j]);
		ck_assert(!drop(old[i], &was));
	}
	ck_assert(drop(id, &was));
	sound();
}
END_TEST

START_TEST(an_id_that_never_was_finds_nothing)
{
	const gms_pin_id id = add(FX_RANGE(3 * FX_1G, 1), 0, 1);
	const gms_pin_id wide = add(FX_RANGE(0, 2 * FX_1G), 0, 1);
	struct gms_range was;

	ck_assert(!drop(0, &was));
	ck_assert(!drop(UINT64_MAX, &was));
	for (unsigned bit = 0; bit < 64; bit++) {
		ck_assert(!drop(id ^ UINT64_C(1) << bit, &was));
		ck_assert(!drop(wide ^ UINT64_C(1) << bit, &was));
	}
	for (uint64_t s = GMS__SHARDS; s < 64; s++)
		ck_assert_uint_eq(gms__claims_stripes(claims, UINT64_C(1) << 32 |
							      s << GMS__SLOT_BITS), 0);
	ck_assert_uint_eq(gms__claims_stripes(claims, id), 8);
	ck_assert_uint_eq(gms__claims_stripes(claims, wide), 3);
	ck_assert(drop(id, &was));
	ck_assert(drop(wide, &was));
	ck_assert_uint_eq(was.npages, 2 * FX_1G);
}
END_TEST

START_TEST(a_slot_wears_out)
{
	struct gms_range was;
	gms_pin_id id = add(FX_RANGE(0, 1), 0, 1);

	ck_assert(drop(id, &was));
	gms__slot_at(&claims->shard[0].slots, 0)->generation = GMS__WORN_OUT - 2;
	id = add(FX_RANGE(0, 1), 0, 1);
	ck_assert_uint_eq(id >> 32, GMS__WORN_OUT - 1);
	ck_assert(drop(id, &was));
	sound();
	ck_assert_uint_eq((uint32_t)add(FX_RANGE(0, 1), 0, 1), 1);	/* the next slot */
	sound();
}
END_TEST

/* --- sound --------------------------------------------------------------- */

static struct gms__counts *counts_at(unsigned s, uint64_t gib)
{
	struct gms__counts *counts = gms__counts_of(&claims->shard[s], gib);

	ck_assert_ptr_nonnull(counts);
	return counts;
}

static void break_end(void)	  { claims->shard[1].root->max_end++; }
static void break_here(void)	  { claims->shard[1].here++; }
static void break_wide(void)	  { claims->shard[2].here -= GMS__ONE_WIDE; }
static void break_npins(void)	  { counts_at(1, 33)->npins++; }
static void break_block(void)	  { counts_at(1, 33)->block[511]--; }
static void break_ngibs(void)	  { claims->shard[1].gibs.n--; }
static void break_free(void)	  { claims->shard[4].slots.free = NULL; }
static void break_live(void)	  { gms__slot_at(&claims->shard[4].slots, 0)->generation++; }
static void break_generation(void) { gms__slot_at(&claims->shard[1].slots, 0)->generation++; }
static void break_slot(void)	  { gms__slot_at(&claims->shard[1].slots, 0)->slot = 1; }
static void break_idle(void)	  { claims->shard[4].idle->block[9] = 1; }

static void break_shard(void)
{
	struct gms__shard *one = &claims->shard[3], *other = &claims->shard[5], swap = *one;

	one->root = other->root, one->slots.slabs = other->slots.slabs, one->here = other->here;
	other->root = swap.root, other->slots.slabs = swap.slots.slabs, other->here = swap.here;
}

static void break_place(void)
{
	struct gms__shard *shard = &claims->shard[1];
	const uint32_t i = gms__hash_home(&shard->gibs, 1), last = (UINT32_C(1) << shard->gibs.bits) - 1;
	struct gms__place swap = shard->gibs.place[i];

	shard->gibs.place[i] = shard->gibs.place[(i + 1) & last];
	shard->gibs.place[(i + 1) & last] = swap;
}

static const struct {
	const char *label;
	void (*act)(void), (*repair)(void);
} faults[] = {
	{ "T1 to T3", break_end, NULL },
	{ "P2: shard", break_shard, break_shard },
	{ "P3: pins of a shard", break_here, NULL },
	{ "P3: wide", break_wide, NULL },
	{ "P4: pins of a GiB", break_npins, NULL },
	{ "P4: pins of a block", break_block, NULL },
	{ "P4: GiB with counts", break_ngibs, NULL },
	{ "P4: place", break_place, break_place },
	{ "P4: idle counts", break_idle, NULL },
	{ "P5: slots", break_free, NULL },
	{ "P5: live slot", break_live, NULL },
	{ "P5: generation", break_generation, NULL },
	{ "P5: slot of", break_slot, NULL },
};

START_TEST(sound_names_what_is_broken)	/* _i: of faults */
{
	struct gms__fault fault;
	struct gms_range was;

	add(FX_RANGE(FX_1G, 5), 0, 1);
	add(FX_RANGE(34 * FX_1G - 1, 1), 0, 1);
	add(FX_RANGE(3 * FX_1G, 1), 0, 1);
	add(FX_RANGE(5 * FX_1G, 1), 0, 1);
	add(FX_RANGE(FX_1G, 2 * FX_1G), 0, 1);
	ck_assert(drop(add(FX_RANGE(4 * FX_1G, 1), 0, 1), &was));
	sound();
	faults[_i].act();
	ck_assert(!gms__claims_sound(claims, &fault));
	ck_assert_msg(!strncmp(fault.what, faults[_i].label, strlen(faults[_i].label)),
		      "%s instead of %s", fault.what, faults[_i].label);
	if (faults[_i].repair)	/* what teardown cannot free as it is */
		faults[_i].repair();
}
END_TEST

/* --- threads ------------------------------------------------------------- */

#define THREADS	4

static struct gms__lock stripe[GMS__STRIPES];

static void hold(uint64_t set)
{
	for (; set; set &= set - 1)
		gms__lock(&stripe[__builtin_ctzll(set)]);
}

static void let_go(uint64_t set)
{
	for (; set; set &= set - 1)
		gms__unlock(&stripe[__builtin_ctzll(set)]);
}

static gms_pin_id add_held(struct gms_range range)
{
	const uint64_t set = gms__map_stripes(range);
	gms_pin_id id = 0;

	hold(set);
	if (gms__claims_add(claims, range, 0, 1, &id))
		id = 0;
	let_go(set);
	return id;
}

static bool drop_held(gms_pin_id id)
{
	const uint64_t set = gms__claims_stripes(claims, id);
	struct gms_range was;
	bool found;

	hold(set);
	found = set && gms__claims_remove(claims, id, &was, &(gms_tag){ 0 });
	let_go(set);
	return found;
}

/*
 * Each thread has a GiB, and shares the borders with its neighbours. Nobody
 * else pins the middle of its GiB, so it may ask about that without a stripe.
 */
static void *pin_ask_unpin(void *arg)
{
	const gms_gfn gib = (uintptr_t)arg * FX_1G, mid = gib + FX_1G / 2;
	struct gms_pin_info info[4];
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < 4000 / fx_slowdown(); i++) {
		const gms_pin_id narrow = add_held(FX_RANGE(mid + i % 64, 1));
		const gms_pin_id wide = add_held(FX_RANGE(gib + FX_1G - 1, 2));
		gms_gfn gfn = 0;

		wrong += !gms__claims_first(claims, gib + FX_2M, gib + FX_1G - FX_2M, &gfn);
		wrong += gfn != mid + i % 64;
		wrong += gms__claims_list(claims, FX_RANGE(gib + FX_1G - 1, 2), info, 4) != 1;
		wrong += info[0].id != wide;
		wrong += gms__claims_list(claims, FX_RANGE(0, SPAN), info, 4) < 2;
		wrong += !drop_held(narrow) + !drop_held(wide) + drop_held(narrow);
		wrong += gms__claims_first(claims, gib + FX_2M, gib + FX_1G - FX_2M, &gfn);
	}
	return (void *)wrong;
}

START_TEST(threads_meet_at_borders_only)
{
	pthread_t thread[THREADS];
	void *wrong;

	for (unsigned s = 0; s < GMS__STRIPES; s++)
		ck_assert_int_eq(gms__lock_init(&stripe[s], GMS__RANK_STRIPE, s), 0);
	for (uintptr_t t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_create(&thread[t], NULL, pin_ask_unpin, (void *)t), 0);
	for (size_t t = 0; t < THREADS; t++) {
		ck_assert_int_eq(pthread_join(thread[t], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
	for (unsigned s = 0; s < GMS__STRIPES; s++)
		gms__lock_fini(&stripe[s]);
	sound();
	ck_assert_uint_eq(gms__claims_list(claims, FX_ALL, NULL, 0), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("claims");
	TCase *t = fx_case(s, "scan");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, random_pins_are_what_a_scan_finds, 0, 2);
	tcase_add_test(t, gibs_of_one_stripe_come_and_go);

	t = fx_case(s, "memory");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_same_again_takes_no_memory);
	tcase_add_test(t, a_pin_in_every_shard_is_little_memory);
	tcase_add_test(t, every_failing_allocation_changes_nothing);

	t = fx_case(s, "ids");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, an_id_is_never_used_again, 0, 2);
	tcase_add_test(t, an_id_that_never_was_finds_nothing);
	tcase_add_test(t, a_slot_wears_out);

	t = fx_case(s, "sound");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, sound_names_what_is_broken, 0,
			    (int)(sizeof(faults) / sizeof(faults[0])));

	t = fx_case(s, "threads");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, threads_meet_at_borders_only);
	return fx_run(s);
}
