/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_attack.c - guests of every protocol on one space, while others attack.
 *
 * Each vCPU has stripes of 16 pages of its own, side by side with those of others so that
 * all commits meet in the same folios, and knows what each page of them must be. Behind
 * them lie pages that attackers send requests for: a buffer that two vCPUs have
 * carried out at once, while threads write to all of it; registers of every protocol; plain
 * conversions and pins. Between both lie pages that nobody names, and that stay as they are.
 * Meant for ThreadSanitizer; GMS_STRESS_SECONDS sets how long.
 */
#include "crew.h"
#include "guests.h"

#define S	GMS_STATE_SHARED
#define FIRST	(GMS_STATE_DIRECT_MAP | GMS_STATE_POPULATED)
#define OWNED	(6 * FX_2M)
#define QUIET	FX_2M
#define COMMON	(4 * FX_2M)
#define PAGES	(OWNED + QUIET + COMMON)
#define STRIPE	16u
#define VCPUS	(2 * GUEST_KINDS)	/* one of each by itself, one through a collector */
#define WORDS	(1 + GMS_SNP_PSC_ENTRIES_MOST)
#define ATTACKERS	4

enum { TURNS, DONE, REFUSED };

static struct crew crew;
static struct gms_collector *collector;
static struct guest vcpu[VCPUS], attacker[ATTACKERS];
static uint8_t model[OWNED];		/* each page's is its owner's */
static uint64_t hostile[WORDS];		/* everybody's */

static void setup(void)
{
	memset(&crew, 0, sizeof(crew));
	memset(model, 0, sizeof(model));
	memset(hostile, 0, sizeof(hostile));
	fx_mem_init(&crew.mem);
	crew.space = fx_plain_space(&crew.mem);
	crew.host = fx_host_new(0, PAGES);
	fx_region(crew.space, FX_RANGE(0, PAGES), GMS_ORDER_2M, FIRST, crew.host);
	ck_assert_int_eq(gms_collector_new(&collector, crew.space, NULL), 0);
	for (unsigned i = 0; i < VCPUS; i++)
		guest_init(&vcpu[i], (enum guest_kind)(i / 2), crew.space,
			   i % 2 ? collector : NULL);
	for (unsigned i = 0; i < ATTACKERS; i++)
		guest_init(&attacker[i], GUEST_SNP_PSC, crew.space, i % 2 ? collector : NULL);
}

static void teardown(void)
{
	for (unsigned i = 0; i < VCPUS; i++)
		guest_fini(&vcpu[i]);
	for (unsigned i = 0; i < ATTACKERS; i++)
		guest_fini(&attacker[i]);
	gms_collector_free(collector);
	fx_check(crew.space);
	fx_host_check(crew.host, crew.space, FX_RANGE(0, PAGES));
	fx_space_done(crew.space, &crew.mem);
	fx_host_free(crew.host);
}

/* --- who behaves --- */

/* Pages of one stripe that are all the same, to be turned. */
static struct gms_range draw(struct crew_member *me)
{
	const uint64_t stripes = OWNED / STRIPE / VCPUS;
	const gms_gfn end = STRIPE * (1 + me->number + VCPUS * fx_rand_below(&me->rand, stripes));
	const gms_gfn first = end - 1 - fx_rand_below(&me->rand, STRIPE);
	struct gms_range range = { first, 0 };

	while (first + range.npages < end && model[first + range.npages] == model[first])
		range.npages++;
	return range;
}

static void behave(struct crew_member *me)
{
	struct guest *guest = &vcpu[me->number];
	const struct gms_range range = draw(me);
	const bool share = !model[range.first];

	me->tally[TURNS]++;
	/* Nobody holds its pages: no request for them may be refused. */
	if (!guest_turn(guest, range, share, 0) || guest->wrong)
		crew_fail(&crew, "%s: 0x%" PRIx64 "+%" PRIu64, guest_name(guest->kind),
			  range.first, range.npages);
	memset(&model[range.first], share, range.npages);
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		if ((gms_state_at(crew.space, gfn) & S) != model[gfn])
			crew_fail(&crew, "page 0x%" PRIx64 " of a %s guest", gfn,
				  guest_name(guest->kind));
	}
}

/* --- who attacks: all that is named is common, a hole, or nonsense --- */

static gms_gfn bad_gfn(struct crew_member *me)
{
	if (fx_rand_odds(&me->rand, 1, 300))
		return PAGES + (fx_rand_u64(&me->rand) >> 25);
	return OWNED + QUIET + fx_rand_below(&me->rand, COMMON);
}

static struct gms_range bad_range(struct crew_member *me)
{
	const gms_gfn first = bad_gfn(me);

	return FX_RANGE(first, 1 + fx_rand_below(&me->rand, fx_rand_odds(&me->rand, 1, 8) ?
						 2 * COMMON : 40));
}

static void scribble(struct crew_member *me)
{
	/* The header more often: it says where to begin. */
	const unsigned index = fx_rand_odds(&me->rand, 1, 4) ? 0 :
			       (unsigned)fx_rand_below(&me->rand, WORDS);
	uint64_t word = fx_rand_u64(&me->rand);

	if (!index) {
		word = fx_rand_below(&me->rand, 4) | fx_rand_below(&me->rand, 256) << 16;
	} else {
		const bool large = fx_rand_odds(&me->rand, 1, 4);
		const gms_gfn gfn = bad_gfn(me) & (large ? ~UINT64_C(511) : ~UINT64_C(0));

		word = (large ? GMS_SNP_PSC_2M : 0) | (1 + word % 3) << GMS_SNP_OP_SHIFT |
		       (gfn & (GMS_GFN_LIMIT - 1)) << GMS_SNP_GFN_SHIFT |
		       (fx_rand_odds(&me->rand, 1, 300) ? word % 514 : 0);
	}
	__atomic_store_n(&hostile[index], word, __ATOMIC_RELAXED);
}

static void attack_by_buffer(struct crew_member *me)
{
	uint64_t info = 0;

	if (gms_snp_psc(attacker[me->number].request, hostile, sizeof(hostile), &info))
		crew_fail(&crew, "gms_snp_psc()");
	if (info && info != GMS_SNP_PSC_GENERIC && info != GMS_SNP_PSC_INVALID_HDR &&
	    info != GMS_SNP_PSC_INVALID_ENTRY)
		crew_fail(&crew, "0x%" PRIx64, info);
	me->tally[info ? REFUSED : DONE]++;
}

static void attack_by_registers(struct crew_member *me)
{
	struct guest *guest = &attacker[2 + me->number];

	guest->kind = (enum guest_kind)fx_rand_below(&me->rand, GUEST_KINDS);
	if (guest_turn(guest, bad_range(me), fx_rand_odds(&me->rand, 1, 2), 1))
		me->tally[DONE]++;
	else
		me->tally[REFUSED]++;
	if (guest->wrong)
		crew_fail(&crew, "an answer that no %s guest should get", guest_name(guest->kind));
}

static void convert(struct crew_member *me)
{
	const struct gms_range range = bad_range(me);
	gms_pin_id pin;

	if (fx_rand_odds(&me->rand, 1, 2))
		(void)!gms_share(crew.space, range, NULL);
	else
		(void)!gms_unshare(crew.space, range, NULL);
	if (!gms_pin(crew.space, bad_range(me), GMS_PIN_LONGTERM, 1, &pin, NULL) &&
	    (scribble(me), gms_unpin(crew.space, pin)))
		crew_fail(&crew, "gms_unpin()");
}

START_TEST(nobody_loses_a_page_to_who_attacks)
{
	uint64_t shared;

	crew_add(&crew, VCPUS, behave);
	crew_add(&crew, 2, scribble);
	crew_add(&crew, 2, attack_by_buffer);
	crew_add(&crew, 2, attack_by_registers);
	crew_add(&crew, 2, convert);
	crew_run(&crew);
	for (gms_gfn gfn = 0; gfn < OWNED; gfn++) {
		if ((gms_state_at(crew.space, gfn) & S) != model[gfn])
			ck_abort_msg("page 0x%" PRIx64 " is not %u", gfn, model[gfn]);
	}
	shared = fx_shared(crew.space, FX_RANGE(OWNED, QUIET));
	ck_assert_uint_eq(shared, 0);
	ck_assert_uint_gt(crew_tally(&crew, DONE), 0);
	ck_assert_uint_gt(crew_tally(&crew, REFUSED), 0);
	printf("%" PRIu64 " turns beside %" PRIu64 " attacks, %" PRIu64 " of them refused\n",
	       crew_tally(&crew, TURNS), crew_tally(&crew, DONE) + crew_tally(&crew, REFUSED),
	       crew_tally(&crew, REFUSED));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("attack");
	TCase *attack = fx_case(s, "attack");

	tcase_add_checked_fixture(attack, setup, teardown);
	tcase_add_test(attack, nobody_loses_a_page_to_who_attacks);
	return fx_run(s);
}
