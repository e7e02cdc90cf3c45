/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/engine/loans*.c: leaves, limits, and whether the
 * recount finds what is broken.
 */
#include "fixture.h"

#include "engine/loans.h"
#include "engine/space.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define PAGE	UINT64_C(4096)

static struct fx_mem mem;
static struct gms_space *space;

static void setup_policy(uint32_t policy, uint64_t pages, uint64_t ns)
{
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	fx_mem_init(&mem);
	opts.mem = &mem.ops;
	opts.lend_policy = policy;
	opts.lend_idle_pages = pages;
	opts.lend_idle_ns = ns;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	fx_region(space, FX_RANGE(0, 40 * FX_1G), 18, D, NULL);
}

static void setup(void)		 { setup_policy(GMS_LEND_EAGER, 0, 0); }
static void setup_keeping(void)	 { setup_policy(GMS_LEND_PERSISTENT, 0, 0); }
static void teardown(void)	 { fx_space_done(space, &mem); }

static gms_loan_id lend(uint64_t gpa, uint64_t bytes)
{
	gms_loan_id id = 0;
	const int err = gms_lend(space, gpa, bytes, GMS_LEND_BOTH, 7, &id, NULL);

	if (err || !id)	/* an assertion of Check is a write to a file */
		ck_abort_msg("no loan of %" PRIx64 "+%" PRIx64 ": %s", gpa, bytes,
			     gms_strerror(err));
	return id;
}

static void give(gms_loan_id id)
{
	if (gms_return(space, id, NULL))
		ck_abort_msg("no return of %" PRIx64, id);
}

static struct gms__loan_shard *shard_of(unsigned s)
{
	return space->loans.shard[s];
}

/* --- leaves -------------------------------------------------------------- */

START_TEST(leaves_stay_for_who_comes_back)
{
	gms_loan_id id = lend(5 * PAGE + 17, 3);	/* makes the shard */
	const struct gms__loan_shard *shard = shard_of(0);
	const struct gms__leaf *leaf;

	leaf = gms__leaf_find(shard, 5);
	ck_assert_ptr_nonnull(leaf);
	ck_assert_uint_eq(leaf->nused, 1);
	ck_assert_uint_eq(leaf->cell[5], GMS__CELL_OURS | (GMS__CELL_ONE + 3));
	give(id);
	ck_assert_ptr_eq(gms__leaf_find(shard, 5), leaf);
	ck_assert_uint_eq(shard->here, 0);
	ck_assert_uint_eq(shard->nempty, 1);
	fx_check(space);
}
END_TEST

START_TEST(empty_leaves_are_given_up_when_they_are_half)
{
	uint64_t most = 0;

	/* A guest that never comes back to a page: 8,000 leaves, one at a time. */
	for (uint64_t i = 0; i < 8000; i++) {
		give(lend(i * 32 % FX_1G * PAGE, 1));
		most = shard_of(0)->nleaves > most ? shard_of(0)->nleaves : most;
	}
	ck_assert_uint_le(most, 64);
	fx_check(space);
}
END_TEST

START_TEST(leaves_of_one_loan_are_not_swept_from_under_it)
{
	/* Many empty leaves, and then a loan of pages that are shared already. */
	for (uint64_t i = 0; i < 40; i++)
		give(lend(i * 64 * PAGE, 1));
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, FX_1G), NULL), 0);
	give(lend(0, FX_1G * PAGE));
	fx_check(space);
}
END_TEST

/* --- limits -------------------------------------------------------------- */

START_TEST(a_page_can_be_lent_so_often_and_no_more)
{
	const gms_loan_id first = lend(100 * PAGE, 2 * PAGE);
	struct gms__leaf *leaf = gms__leaf_find(shard_of(0), 101);
	struct gms_lend_result result;
	struct gms_loan_want want[3];
	gms_loan_id id = 99, ids[3];
	const uint64_t cell = leaf->cell[101 % 32];

	leaf->cell[101 % 32] = GMS__CELL_OURS | GMS__CELL_COUNT | GMS__CELL_BYTES;
	GMS_INIT(&result);
	ck_assert_int_eq(gms_lend(space, 99 * PAGE, 3 * PAGE, GMS_LEND_BOTH, 0, &id, &result),
			 -ENOSPC);
	ck_assert_uint_eq(result.error_gfn, 101);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_LENT);
	ck_assert_uint_eq(id, 99);
	/* Room for two more is none for three, of whatever pages they are. */
	for (size_t i = 0; i < 3; i++)
		want[i] = (struct gms_loan_want){ (99 + i) * PAGE, 1, 0, GMS_LEND_BOTH, 0 };
	leaf->cell[101 % 32] -= 2 * GMS__CELL_ONE;
	GMS_INIT(&result);
	ck_assert_int_eq(gms_lend_many(space, want, 3, ids, &result), -ENOSPC);
	ck_assert_uint_eq(result.error_gfn, 101);
	ck_assert_uint_eq(gms_state_at(space, 99), D);
	leaf->cell[101 % 32] = cell;
	ck_assert_uint_eq(gms_state_at(space, 99), D);	/* nothing changed */
	fx_check(space);
	give(first);
	fx_check(space);
}
END_TEST

START_TEST(a_slot_wears_out)
{
	gms_loan_id id = lend(0, 1);

	give(id);
	gms__slot_at(&shard_of(0)->slots, 0)->generation = GMS__WORN_OUT - 2;
	id = lend(0, 1);
	ck_assert_uint_eq(id >> 32, GMS__WORN_OUT - 1);
	give(id);
	ck_assert_int_eq(gms_return(space, id, NULL), -ENOENT);
	id = lend(0, 1);
	ck_assert_uint_eq((uint32_t)id, 1);	/* the next slot */
	give(id);
	fx_check(space);
}
END_TEST

START_TEST(loans_are_where_they_belong)
{
	const gms_loan_id short_one = lend(PAGE, 32 * PAGE);
	const gms_loan_id long_one = lend(PAGE, 33 * PAGE);
	const gms_loan_id wide = lend(FX_1G * PAGE - 1, 2);

	ck_assert_ptr_nonnull(gms__leaf_find(shard_of(0), 1)->loans);
	ck_assert_ptr_nonnull(shard_of(0)->root);
	ck_assert_ptr_nonnull(shard_of(GMS__WIDE_LOANS)->root);
	ck_assert_uint_eq(shard_of(GMS__WIDE_LOANS)->here, 0);
	ck_assert_uint_eq(shard_of(1)->here, 1);
	fx_check(space);
	give(short_one);
	give(wide);
	give(long_one);
	ck_assert_uint_eq(shard_of(0)->here, 0);
	fx_check(space);
}
END_TEST

/* --- the recount finds it ------------------------------------------------- */

static gms_loan_id held;

static struct gms__leaf *leaf0(void) { return gms__leaf_find(shard_of(0), 0); }

static void break_count(void)	{ leaf0()->cell[0] += GMS__CELL_ONE; }
static void mend_count(void)	{ leaf0()->cell[0] -= GMS__CELL_ONE; }
static void break_bytes(void)	{ leaf0()->cell[0]++; }
static void mend_bytes(void)	{ leaf0()->cell[0]--; }
static void break_ours(void)	{ leaf0()->cell[1] ^= GMS__CELL_OURS; }
static void break_here(void)	{ shard_of(0)->here++; }
static void mend_here(void)	{ shard_of(0)->here--; }
static void break_nused(void)	{ leaf0()->nused++; }
static void mend_nused(void)	{ leaf0()->nused--; }
static void break_nempty(void)	{ shard_of(0)->nempty++; }
static void mend_nempty(void)	{ shard_of(0)->nempty--; }
static void break_nidle(void)	{ shard_of(0)->nidle++; }
static void mend_nidle(void)	{ shard_of(0)->nidle--; }
static void break_since(void)	{ gms__leaf_find(shard_of(0), 40)->since[8] = UINT64_MAX; }
static void mend_since(void)	{ gms__leaf_find(shard_of(0), 40)->since[8] = 1; }
static void break_number(void)	{ leaf0()->number ^= 1; }
static void break_slot(void)	{ gms__slot_at(&shard_of(0)->slots, 0)->slot ^= 1; }
static void break_live(void)	{ gms__slot_at(&shard_of(0)->slots, 1)->generation++; }
static void mend_live(void)	{ gms__slot_at(&shard_of(0)->slots, 1)->generation--; }
static void break_policy(void)	{ space->loans.nidle++; }
static void mend_policy(void)	{ space->loans.nidle--; }

static void break_state(void)
{
	struct gms__loan_shard *shard = shard_of(0);
	const uint64_t here = shard->here;

	shard->here = 0;	/* behind the loans' back */
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1, 1), NULL), 0);
	shard->here = here;
}

static void mend_state(void)
{
	struct gms__loan_shard *shard = shard_of(0);
	const uint64_t here = shard->here;

	shard->here = 0;
	ck_assert_int_eq(gms_share(space, FX_RANGE(1, 1), NULL), 0);
	shard->here = here;
}

static void break_gauge(unsigned gauge)
{
	shard_of(0)->count[gauge]++;
}

static void break_loans(void)	{ break_gauge(GMS__LOANS); }
static void break_lbytes(void)	{ break_gauge(GMS__LENT_BYTES); }
static void break_lpages(void)	{ break_gauge(GMS__LENT_PAGES); }
static void break_ipages(void)	{ break_gauge(GMS__IDLE_PAGES); }
static void break_slack(void)	{ break_gauge(GMS__SLACK_BYTES); }
static void mend_loans(void)	{ shard_of(0)->count[GMS__LOANS]--; }
static void mend_lbytes(void)	{ shard_of(0)->count[GMS__LENT_BYTES]--; }
static void mend_lpages(void)	{ shard_of(0)->count[GMS__LENT_PAGES]--; }
static void mend_ipages(void)	{ shard_of(0)->count[GMS__IDLE_PAGES]--; }
static void mend_slack(void)	{ shard_of(0)->count[GMS__SLACK_BYTES]--; }

static const struct {
	const char *label;
	void (*damage)(void);
	void (*mend)(void);
} damages[] = {
	{ "L1: a lent or idle page is not shared", break_state, mend_state },
	{ "L2: loans of a page", break_count, mend_count },
	{ "L2: loans of a page", break_bytes, mend_bytes },
	{ "I8: bytes shown beyond", break_ours, break_ours },
	{ "L3: cells of a shard", break_here, mend_here },
	{ "L3: cells of a leaf", break_nused, mend_nused },
	{ "L3: empty leaves", break_nempty, mend_nempty },
	{ "L4: idle pages", break_nidle, mend_nidle },
	{ "L4: an idle page's place", break_since, mend_since },
	{ "L6: place of a leaf", break_number, break_number },
	{ "P5: slot of a loan", break_slot, break_slot },
	{ "P5: live slot on", break_live, mend_live },
	{ "I8: idle pages of the policy", break_policy, mend_policy },
	{ "I8: loans", break_loans, mend_loans },
	{ "I8: bytes lent", break_lbytes, mend_lbytes },
	{ "I8: pages lent", break_lpages, mend_lpages },
	{ "I8: idle pages", break_ipages, mend_ipages },
	{ "I8: bytes shown beyond", break_slack, mend_slack },
};

START_TEST(the_recount_finds)
{
	char why[200];

	held = lend(0, 2 * PAGE - 100);
	give(lend(40 * PAGE, 1));
	give(lend(50 * PAGE, 1));
	fx_check(space);
	damages[_i].damage();
	ck_assert_int_eq(gms_check(space, why, sizeof(why)), -EBADMSG);
	ck_assert_msg(!strncmp(why, damages[_i].label, strlen(damages[_i].label)),
		      "'%s' is not '%s'", why, damages[_i].label);
	damages[_i].mend();
	fx_check(space);
	give(held);
	fx_check(space);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loans");
	TCase *t = fx_case(s, "leaves");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, leaves_stay_for_who_comes_back);
	tcase_add_test(t, empty_leaves_are_given_up_when_they_are_half);
	tcase_add_test(t, leaves_of_one_loan_are_not_swept_from_under_it);
	tcase_add_test(t, a_page_can_be_lent_so_often_and_no_more);
	tcase_add_test(t, a_slot_wears_out);
	tcase_add_test(t, loans_are_where_they_belong);
	t = fx_case(s, "recount");
	tcase_add_checked_fixture(t, setup_keeping, teardown);
	tcase_add_loop_test(t, the_recount_finds, 0, sizeof(damages) / sizeof(damages[0]));
	return fx_run(s);
}
