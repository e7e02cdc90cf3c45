/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One workload through each protocol: the pages come to the same, and the ledger has
 * the exits that each takes for it.
 */
#include "guests.h"

#define PAGES	UINT64_C(8192)
#define STEPS	400
#define FIRST	(GMS_STATE_DIRECT_MAP | GMS_STATE_POPULATED)

/* A range all of whose pages are the other thing before. */
struct step {
	struct gms_range range;
	bool share;
};

struct exits {
	uint64_t guest, calls, user;
};

static struct step steps[STEPS];
static bool shared[PAGES];

static struct step draw(struct fx_rand *rand)
{
	const bool large = fx_rand_odds(rand, 1, 3);
	const uint64_t most = large ? FX_2M * (1 + fx_rand_below(rand, 4)) :
				      1 + fx_rand_below(rand, 90);
	struct step step;

	step.range.first = fx_rand_below(rand, PAGES);
	/* Nine in ten of the large ones are aligned. */
	if (large && fx_rand_odds(rand, 9, 10))
		step.range.first -= step.range.first % FX_2M;
	step.share = !shared[step.range.first];
	step.range.npages = 0;
	for (gms_gfn gfn = step.range.first; gfn < PAGES && step.range.npages < most &&
	     shared[gfn] != step.share; gfn++, step.range.npages++)
		shared[gfn] = step.share;
	return step;
}

static void setup(void)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 6);
	memset(shared, 0, sizeof(shared));
	for (unsigned i = 0; i < STEPS; i++)
		steps[i] = draw(&rand);
}

/* Blocks of 2M that a range covers whole, and pages beside them. */
static uint64_t pieces(struct gms_range range)
{
	uint64_t n = 0;

	while (range.npages) {
		const uint64_t npages = range.first % FX_2M || range.npages < FX_2M ? 1 : FX_2M;

		range.first += npages;
		range.npages -= npages;
		n++;
	}
	return n;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

/* How often a guest of the kind leaves for a range: counted by hand. */
static uint64_t requests_for(enum guest_kind kind, struct gms_range range)
{
	switch (kind) {
	case GUEST_KVM_FAULT: case GUEST_SNP_MSR: case GUEST_PKVM:
		return range.npages;
	case GUEST_SNP_PSC:
		return divide_up(pieces(range), GUEST_PSC_ENTRIES);
	case GUEST_TDX_RETRY:
		return divide_up(range.npages, GMS_TDX_CHUNK_PAGES);
	case GUEST_PKVM_RANGE:
		return divide_up(range.npages, GUEST_PKVM_MOST);
	case GUEST_CCA_PARTS:
		return divide_up(range.npages, GUEST_CCA_MOST);
	default:
		return 1;
	}
}

static struct exits counted(const struct gms_space *space)
{
	return (struct exits){
		fx_event(space, GMS_ACCT_GUEST_EXITS), fx_event(space, GMS_ACCT_HYPERCALLS),
		fx_event(space, GMS_ACCT_USER_EXITS),
	};
}

/* What the table of costs says, for each step by itself. */
static struct exits in_table(uint32_t path, bool each_page)
{
	uint64_t count[GMS_ACCT_KINDS] = { 0 };

	for (unsigned i = 0; i < STEPS; i++) {
		struct gms_range range = steps[i].range;
		const uint64_t n = each_page ? range.npages : 1;

		range.npages /= n;
		for (uint64_t k = 0; k < n; k++, range.first += range.npages)
			ck_assert_int_eq(gms_path_cost(path, steps[i].share ? GMS_COST_TO_SHARED :
						       GMS_COST_TO_PRIVATE, &range, 1, count,
						       GMS_ACCT_KINDS), 0);
	}
	return (struct exits){
		count[GMS_ACCT_GUEST_EXITS], count[GMS_ACCT_HYPERCALLS],
		count[GMS_ACCT_USER_EXITS],
	};
}

static struct gms_space *new_space(enum guest_kind kind)
{
	struct gms_space *space = fx_space(NULL, guest_profile(kind), GMS_SPLIT_LEVELS,
					   GMS_MERGE_EAGER);

	fx_region(space, FX_RANGE(0, PAGES), 9, FIRST, NULL);
	return space;
}

static void check_pages(const struct gms_space *space, const char *name, int step)
{
	bool same = true;

	for (gms_gfn gfn = 0; gfn < PAGES; gfn++)
		same &= shared[gfn] == !!(gms_state_at(space, gfn) & GMS_STATE_SHARED);
	ck_assert_msg(same, "%s: pages differ after step %d", name, step);
}

/* All steps; pages are compared after some of them. */
static void play(struct gms_space *space, struct guest *guest)
{
	const char *name = guest_name(guest->kind);

	memset(shared, 0, sizeof(shared));
	for (int i = 0; i < STEPS; i++) {
		const struct gms_range range = steps[i].range;

		ck_assert_msg(guest_turn(guest, range, steps[i].share, 0), "%s: step %d", name, i);
		memset(&shared[range.first], steps[i].share, range.npages);
		if (i % 40 == 0)
			check_pages(space, name, i);
	}
	check_pages(space, name, STEPS);
	ck_assert_uint_eq(guest->wrong, 0);
	fx_check(space);
}

/* _i: guest_kind. What the table has of a range as a whole, or of its pages one by one. */
START_TEST(the_same_pages_and_the_exits_it_takes)
{
	static const struct {
		uint32_t path;
		bool each_page, guest, calls, user;	/* what both count */
	} tables[GUEST_KINDS] = {
		[GUEST_KVM_CALL] = { GMS_PATH_KVM_ATTRS, false, true, true, true },
		[GUEST_KVM_FAULT] = { GMS_PATH_IMPLICIT, true, true, true, true },
		/* KVM leaves to the VMM for each stretch; here a buffer is one request. */
		[GUEST_SNP_PSC] = { GMS_PATH_SNP, false, true, true, false },
		[GUEST_SNP_MSR] = { GMS_PATH_SNP, true, true, true, true },
		/* KVM leaves to the VMM for each chunk; here that is a RETRY's affair. */
		[GUEST_TDX] = { GMS_PATH_TDX, false, true, true, false },
		[GUEST_TDX_RETRY] = { GMS_PATH_TDX, false, false, false, true },
		/* The hypervisor does it without the VMM. */
		[GUEST_PKVM] = { GMS_PATH_PKVM, false, true, true, false },
		[GUEST_PKVM_RANGE] = { GMS_PATH_NONE, false, false, false, false },
		[GUEST_CCA] = { GMS_PATH_CCA, false, true, true, true },
		[GUEST_CCA_PARTS] = { GMS_PATH_NONE, false, false, false, false },
	};
	const enum guest_kind kind = (enum guest_kind)_i;
	const struct exits table = in_table(tables[kind].path, tables[kind].each_page);
	struct gms_space *space = new_space(kind);
	uint64_t requests = 0, pages = 0;
	struct exits seen;
	struct guest guest;

	guest_init(&guest, kind, space, NULL);
	play(space, &guest);
	for (unsigned i = 0; i < STEPS; i++) {
		requests += requests_for(kind, steps[i].range);
		pages += steps[i].range.npages;
	}
	seen = counted(space);
	if (!_i)
		printf("%d steps, %" PRIu64 " pages turn: exits\n%-12s %8s %12s %8s\n", STEPS, pages,
		       "", "guest", "hypercalls", "to VMM");
	printf("%-12s %8" PRIu64 " %12" PRIu64 " %8" PRIu64 "\n", guest_name(kind), seen.guest,
	       seen.calls, seen.user);
	ck_assert_uint_eq(seen.guest, requests);
	ck_assert_uint_eq(seen.calls, kind == GUEST_KVM_FAULT ? 0 : requests);
	ck_assert_uint_eq(seen.user, requests);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_PAGES_CHANGED), pages);
	if (tables[kind].guest)
		ck_assert_uint_eq(seen.guest, table.guest);
	if (tables[kind].calls)
		ck_assert_uint_eq(seen.calls, table.calls);
	if (tables[kind].user)
		ck_assert_uint_eq(seen.user, table.user);
	guest_fini(&guest);
	gms_space_free(space);
}
END_TEST

/* The same through a collector, alone in it: no request, exit or page is counted twice. */
START_TEST(a_collector_counts_the_same)	/* _i: guest_kind */
{
	const enum guest_kind kind = (enum guest_kind)_i;
	struct gms_space *space = new_space(kind);
	struct gms_collector *collector;
	uint64_t requests = 0;
	struct guest guest;

	ck_assert_int_eq(gms_collector_new(&collector, space, NULL), 0);
	guest_init(&guest, kind, space, collector);
	play(space, &guest);
	for (unsigned i = 0; i < STEPS; i++)
		requests += requests_for(kind, steps[i].range);
	ck_assert_uint_eq(counted(space).guest, requests);
	ck_assert_uint_eq(counted(space).user, requests);
	guest_fini(&guest);
	gms_collector_free(collector);
	gms_space_free(space);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("same");
	TCase *same = fx_case(s, "same");

	(void)fx_seed();	/* one workload for all, drawn before tests fork */
	tcase_add_checked_fixture(same, setup, NULL);
	tcase_add_loop_test(same, the_same_pages_and_the_exits_it_takes, 0, GUEST_KINDS);
	tcase_add_loop_test(same, a_collector_counts_the_same, 0, GUEST_KINDS);
	return fx_run(s);
}
