/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of guest/cca.h: each answer and each place to go on from, driven as the
 * Linux realm does.
 */
#include "vcpu.h"

#define S	GMS_STATE_SHARED
#define A	GMS_STATE_ACCEPTED
#define X	GMS_STATE_DESTROYED
#define PAGES	(6 * FX_2M)		/* in two regions of three folios */
#define REGION	(PAGES / 2)
#define EMPTY	((uint64_t)GMS_CCA_RIPAS_EMPTY)
#define RAM	((uint64_t)GMS_CCA_RIPAS_RAM)
#define FORCE	GMS_CCA_CHANGE_DESTROYED
#define IPA(gfn) ((uint64_t)(gfn) << GMS_PAGE_SHIFT)
#define LIMIT	(UINT64_C(1) << 39)	/* end of the protected half, with 40 bits */

static struct gms_request_opts opts;

static void setup(void)
{
	vcpu_setup(GMS_PROFILE_CCA, GMS_MERGE_EAGER, REGION, GMS_STATE_DIRECT_MAP);
	GMS_INIT(&opts);
	opts.gpa_bits = 40;
}

static void make(void)
{
	vcpu_make(&opts);
}

static void destroy(gms_gfn first, uint64_t npages)
{
	const struct gms_change change = { FX_RANGE(first, npages), X, 0 };

	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
}

/* The Linux realm: asks until it is done, and believes no address outside of what is left. */
struct realm {
	uint64_t calls, most_calls;
	struct gms_cca_answer answer;	/* the last */
	bool	 lied_to;
};

static bool realm_set(struct realm *realm, gms_gfn first, gms_gfn end, uint64_t ripas,
		      uint64_t flags)
{
	uint64_t start = IPA(first);

	realm->calls = 0;
	while (start != IPA(end)) {
		ck_assert_int_eq(gms_cca_ripas(request, start, IPA(end), ripas, flags,
					       &realm->answer), 0);
		realm->calls++;
		if (realm->answer.x0 != GMS_CCA_SUCCESS || realm->answer.x2 != GMS_CCA_ACCEPT)
			return false;
		realm->lied_to |= realm->answer.x1 < start || realm->answer.x1 > IPA(end);
		start = realm->answer.x1;
		if (realm->lied_to || (realm->calls == realm->most_calls && start != IPA(end)))
			return false;
	}
	return true;
}

static const struct words {
	uint64_t base, top, ripas, flags;
	struct gms_cca_answer answer;
	uint64_t shared, accepted;	/* pages afterwards */
} words[] = {
	{ 0, IPA(1), RAM, 0, { 0, IPA(1), 0 }, 0, 1 },
	{ IPA(5), IPA(PAGES), RAM, FORCE, { 0, IPA(PAGES), 0 }, 0, PAGES - 5 },
	{ IPA(5), IPA(9), EMPTY, 0, { 0, IPA(9), 0 }, 4, 0 },
	{ IPA(5), IPA(9), EMPTY, FORCE, { 0, IPA(9), 0 }, 4, 0 },
	{ IPA(5), IPA(9), EMPTY, ~FORCE, { 0, IPA(9), 0 }, 4, 0 },
	{ IPA(5), IPA(9), EMPTY, UINT64_MAX, { 0, IPA(9), 0 }, 4, 0 },
	/* Unaligned. */
	{ 1, IPA(1), RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ 0, IPA(1) - 1, RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ 0x800, 0x1800, RAM, 0, { 1, 0, 0 }, 0, 0 },
	/* No size. */
	{ 0, 0, RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ IPA(3), IPA(3), RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ IPA(3), IPA(2), RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ IPA(3), 0, RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ -IPA(1), 0, RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ -IPA(1), IPA(1), RAM, 0, { 1, 0, 0 }, 0, 0 },
	/* Not protected, or not at all. */
	{ 0, LIMIT + IPA(1), RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ LIMIT, LIMIT + IPA(1), RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ LIMIT, LIMIT + IPA(1), EMPTY, 0, { 1, 0, 0 }, 0, 0 },
	{ 2 * LIMIT, 2 * LIMIT + IPA(1), RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ 0, -IPA(1), RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ IPA(1) << 40, IPA(2) << 40, RAM, 0, { 1, 0, 0 }, 0, 0 },
	/* No RIPAS to be asked for. */
	{ 0, IPA(1), GMS_CCA_RIPAS_DESTROYED, 0, { 1, 0, 0 }, 0, 0 },
	{ 0, IPA(1), 3, 0, { 1, 0, 0 }, 0, 0 },
	{ 0, IPA(1), 0x100 | RAM, 0, { 1, 0, 0 }, 0, 0 },
	{ 0, IPA(1), UINT64_MAX, FORCE, { 1, 0, 0 }, 0, 0 },
	/* Of holes: rejected where it can be said. */
	{ LIMIT - IPA(1), LIMIT, RAM, 0, { 0, LIMIT - IPA(1), 1 }, 0, 0 },
	{ LIMIT - IPA(1), LIMIT, EMPTY, 0, { 0, LIMIT - IPA(1), 0 }, 0, 0 },
	{ IPA(PAGES - 3), LIMIT, RAM, 0, { 0, IPA(PAGES), 1 }, 0, 3 },
	{ IPA(PAGES - 3), LIMIT, EMPTY, 0, { 0, IPA(PAGES), 0 }, 3, 0 },
};

START_TEST(words_are_answered)	/* _i: which */
{
	const struct words *w = &words[_i];
	struct gms_cca_answer answer = { 7, 7, 7 };

	make();
	ck_assert_int_eq(gms_cca_ripas(request, w->base, w->top, w->ripas, w->flags, &answer), 0);
	ck_assert_uint_eq(answer.x0, w->answer.x0);
	ck_assert_uint_eq(answer.x1, w->answer.x1);
	ck_assert_uint_eq(answer.x2, w->answer.x2);
	ck_assert_uint_eq(count(S, S), w->shared);
	ck_assert_uint_eq(count(A, A), w->accepted);
}
END_TEST

START_TEST(a_page_goes_from_ram_to_empty_and_back)
{
	struct realm realm = { .most_calls = 1 };

	make();
	ck_assert(realm_set(&realm, 0, PAGES, RAM, 0));
	ck_assert_uint_eq(count(S | A, A), PAGES);
	ck_assert(realm_set(&realm, 100, 2000, EMPTY, FORCE));
	ck_assert_uint_eq(count(S | A, S), 1900);
	ck_assert_uint_eq(gms_cca_ripas_of(gms_state_at(space, 99)), GMS_CCA_RIPAS_RAM);
	ck_assert_uint_eq(gms_cca_ripas_of(gms_state_at(space, 100)), GMS_CCA_RIPAS_EMPTY);
	ck_assert(realm_set(&realm, 50, 150, RAM, 0));
	ck_assert_uint_eq(count(S | A, S), 1850);
	ck_assert_uint_eq(count(S | A, A), PAGES - 1850);
	/* What is so already costs a call and nothing else. */
	ck_assert(realm_set(&realm, 50, 150, RAM, 0));
	ck_assert_uint_eq(result_of().changed_pages, 0);
}
END_TEST

START_TEST(destroyed_pages_end_it)	/* _i: EMPTY, RAM */
{
	const uint64_t ripas = (uint64_t)_i;
	struct realm realm = { .most_calls = 3 };

	make();
	destroy(700, 2);
	ck_assert_uint_eq(gms_cca_ripas_of(gms_state_at(space, 700)), GMS_CCA_RIPAS_DESTROYED);
	ck_assert(!realm_set(&realm, 600, 800, ripas, 0));
	ck_assert(!realm.lied_to);
	ck_assert_uint_eq(realm.answer.x0, GMS_CCA_SUCCESS);
	ck_assert_uint_eq(realm.answer.x1, IPA(700));
	ck_assert_uint_eq(realm.answer.x2, _i ? GMS_CCA_REJECT : GMS_CCA_ACCEPT);
	ck_assert_uint_eq(result_of().error_gfn, 700);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_DESTROYED);
	ck_assert_uint_eq(realm.calls, _i ? 1 : 3);
	ck_assert_uint_eq(count(S | A, _i ? A : S), 100);
	ck_assert_uint_eq(count(X, X), 2);
	/* The first page of what is asked for. */
	ck_assert(!realm_set(&realm, 700, 800, ripas, 0));
	ck_assert_uint_eq(realm.answer.x1, IPA(700));
	ck_assert_uint_eq(realm.answer.x2, _i ? GMS_CCA_REJECT : GMS_CCA_ACCEPT);
	ck_assert_uint_eq(count(S | A, _i ? A : S), 100);
	/* The realm knows of it. */
	ck_assert(realm_set(&realm, 600, 800, ripas, FORCE));
	ck_assert_uint_eq(realm.calls, 1);
	ck_assert_uint_eq(count(X, X), 0);
	ck_assert_uint_eq(count(S | A, _i ? A : S), 200);
}
END_TEST

static uint64_t stop_at;	/* of the times that it is asked */

static bool stop(void *ctx)
{
	return ++*(uint64_t *)ctx == stop_at;
}

START_TEST(stopped_after_any_chunk_it_comes_to_the_same)	/* _i: after which; 0: never */
{
	struct realm realm = { .most_calls = 3 };
	uint64_t asked = 0;

	stop_at = (uint64_t)_i;
	opts.stop = stop;
	opts.ctx = &asked;
	opts.chunk_pages = FX_2M;
	make();
	ck_assert(realm_set(&realm, 100, 100 + 5 * FX_2M, RAM, 0));
	ck_assert_uint_eq(realm.calls, _i > 0 && _i < 5 ? 2 : 1);
	ck_assert_uint_eq(asked, 4);
	ck_assert_uint_eq(count(S | A, A), 5 * FX_2M);
	ck_assert_uint_eq(gms_state_at(space, 99) & A, 0);
	ck_assert_uint_eq(gms_state_at(space, 100 + 5 * FX_2M) & A, 0);
}
END_TEST

START_TEST(a_call_does_no_more_than_it_may)	/* _i: pages, from a sample */
{
	static const uint64_t sample[] = { 1, 7, 511, 512, 513, 700, 1024, 2559, 2560, 9999 };
	const uint64_t most = sample[_i], npages = most < 16 ? 40 : 5 * FX_2M;
	struct realm realm = { .most_calls = 0 };

	opts.most_pages = most;
	make();
	ck_assert(realm_set(&realm, 100, 100 + npages, EMPTY, FORCE));
	ck_assert_uint_eq(realm.calls, (npages + most - 1) / most);
	ck_assert_uint_eq(count(S | A, S), npages);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(100, npages)), npages);
}
END_TEST

START_TEST(what_is_held_ends_it_for_now)	/* _i: pinned, frozen */
{
	const struct gms_range held = FX_RANGE(REGION + 30, 1);
	struct realm realm = { .most_calls = 4 };
	gms_pin_id pin = 0;

	make();
	ck_assert(realm_set(&realm, 0, PAGES, EMPTY, 0));
	if (_i)
		ck_assert_int_eq(gms_freeze(space, held, 0, NULL), 0);
	else
		ck_assert_int_eq(gms_pin(space, held, GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	ck_assert(!realm_set(&realm, 10, PAGES, RAM, 0));
	ck_assert(!realm.lied_to);
	ck_assert_uint_eq(realm.calls, 4);
	ck_assert_uint_eq(realm.answer.x1, IPA(held.first));
	ck_assert_uint_eq(realm.answer.x2, GMS_CCA_ACCEPT);
	ck_assert_int_eq(result_of().error, _i ? -EBUSY : -EAGAIN);
	ck_assert_uint_eq(count(S | A, A), held.first - 10);
	if (_i)
		ck_assert_int_eq(gms_thaw(space, held, NULL), 0);
	else
		ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert(realm_set(&realm, held.first, PAGES, RAM, 0));
	ck_assert_uint_eq(count(S | A, A), PAGES - 10);
}
END_TEST

START_TEST(a_host_that_fails_rejects)
{
	struct realm realm = { .most_calls = 1 };

	make();
	fx_host_fail_after(host, 0, -EIO);
	ck_assert(!realm_set(&realm, 10, 20, EMPTY, 0));
	ck_assert_uint_eq(realm.answer.x1, IPA(10));
	ck_assert_uint_eq(realm.answer.x2, GMS_CCA_ACCEPT);
	ck_assert(realm_set(&realm, 10, 20, EMPTY, 0));
	fx_host_fail_after(host, 0, -EIO);
	ck_assert(!realm_set(&realm, 10, 20, RAM, 0));
	ck_assert_uint_eq(realm.answer.x1, IPA(10));
	ck_assert_uint_eq(realm.answer.x2, GMS_CCA_REJECT);
}
END_TEST

START_TEST(holes_are_passed_over_where_that_is_wanted)
{
	struct realm realm = { .most_calls = 1 };

	opts.flags = GMS_REQUEST_HOLES;
	make();
	ck_assert(realm_set(&realm, PAGES - 3, LIMIT >> GMS_PAGE_SHIFT, RAM, 0));
	ck_assert_uint_eq(count(S | A, A), 3);
	/* A page to blame is found behind holes too. */
	fx_region(space, FX_RANGE(2 * PAGES, FX_2M), GMS_ORDER_2M, GMS_STATE_DIRECT_MAP, NULL);
	destroy(2 * PAGES + 5, 1);
	ck_assert(!realm_set(&realm, PAGES - 5, 3 * PAGES, RAM, 0));
	ck_assert_uint_eq(realm.answer.x1, IPA(2 * PAGES + 5));
	ck_assert_uint_eq(realm.answer.x2, GMS_CCA_REJECT);
	ck_assert_uint_eq(count(S | A, A), 5);
}
END_TEST

static const struct refusal {
	int	 error;
	uint64_t top, ripas;
	struct gms_cca_answer answer;
} refusals[] = {
	{ -EPERM, IPA(9), RAM, { 0, IPA(5), GMS_CCA_REJECT } },
	{ -EAGAIN, IPA(9), RAM, { 0, IPA(5), GMS_CCA_ACCEPT } },
	{ -EBUSY, IPA(9), RAM, { 0, IPA(5), GMS_CCA_ACCEPT } },
	{ -ENOMEM, IPA(9), RAM, { 0, IPA(5), GMS_CCA_ACCEPT } },
	{ -EPERM, IPA(9), EMPTY, { 0, IPA(5), GMS_CCA_ACCEPT } },
	{ -EPERM, IPA(5), RAM, { 1, 0, 0 } },
	{ -EAGAIN, IPA(5), RAM, { 1, 0, 0 } },
};

START_TEST(the_embedder_may_refuse)	/* _i: what, with which error */
{
	const struct refusal *r = &refusals[_i];
	struct gms_cca_answer answer;

	make();
	ck_assert_int_eq(gms_cca_ripas_begin(request, IPA(5), r->top, r->ripas, 0), 0);
	ck_assert_int_eq(gms_request_refuse(request, r->error), 0);
	ck_assert_int_eq(gms_cca_ripas_end(request, &answer), 0);
	ck_assert_uint_eq(answer.x0, r->answer.x0);
	ck_assert_uint_eq(answer.x1, r->answer.x1);
	ck_assert_uint_eq(answer.x2, r->answer.x2);
	ck_assert_uint_eq(count(S | A, 0), PAGES);
}
END_TEST

START_TEST(steps_out_of_order_are_refused)
{
	struct gms_cca_answer answer;

	make();
	ck_assert_int_eq(gms_cca_ripas_begin(NULL, 0, IPA(1), RAM, 0), -EINVAL);
	ck_assert_int_eq(gms_cca_ripas(NULL, 0, IPA(1), RAM, 0, &answer), -EINVAL);
	ck_assert_int_eq(gms_cca_ripas(request, 0, IPA(1), RAM, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_cca_ripas_end(NULL, &answer), -EINVAL);
	ck_assert_int_eq(gms_cca_ripas_end(request, &answer), -EINVAL);
	ck_assert_int_eq(gms_cca_ripas_begin(request, 0, IPA(1), RAM, 0), 0);
	ck_assert_int_eq(gms_cca_ripas_end(request, &answer), -EINVAL);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_cca_ripas_end(request, NULL), -EINVAL);
	ck_assert_int_eq(gms_cca_ripas_end(request, &answer), 0);
	ck_assert_int_eq(gms_cca_ripas_end(request, &answer), -EINVAL);
}
END_TEST

START_TEST(a_state_has_one_ripas)
{
	ck_assert_uint_eq(gms_cca_ripas_of(0), GMS_CCA_RIPAS_EMPTY);
	ck_assert_uint_eq(gms_cca_ripas_of(S), GMS_CCA_RIPAS_EMPTY);
	ck_assert_uint_eq(gms_cca_ripas_of(GMS_HOLE), GMS_CCA_RIPAS_EMPTY);
	ck_assert_uint_eq(gms_cca_ripas_of(A), GMS_CCA_RIPAS_RAM);
	ck_assert_uint_eq(gms_cca_ripas_of(X), GMS_CCA_RIPAS_DESTROYED);
	ck_assert_uint_eq(gms_cca_ripas_of(X | A), GMS_CCA_RIPAS_DESTROYED);
	ck_assert_uint_eq(gms_cca_ripas_of(X | S), GMS_CCA_RIPAS_DESTROYED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cca");
	TCase *ripas = fx_case(s, "ripas");

	tcase_add_checked_fixture(ripas, setup, vcpu_teardown);
	tcase_add_loop_test(ripas, words_are_answered, 0, (int)(sizeof(words) / sizeof(words[0])));
	tcase_add_test(ripas, a_page_goes_from_ram_to_empty_and_back);
	tcase_add_loop_test(ripas, destroyed_pages_end_it, 0, 2);
	tcase_add_loop_test(ripas, stopped_after_any_chunk_it_comes_to_the_same, 0, 6);
	tcase_add_loop_test(ripas, a_call_does_no_more_than_it_may, 0, 10);
	tcase_add_loop_test(ripas, what_is_held_ends_it_for_now, 0, 2);
	tcase_add_test(ripas, a_host_that_fails_rejects);
	tcase_add_test(ripas, holes_are_passed_over_where_that_is_wanted);
	tcase_add_loop_test(ripas, the_embedder_may_refuse, 0,
			    (int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_test(ripas, steps_out_of_order_are_refused);
	tcase_add_test(ripas, a_state_has_one_ripas);
	return fx_run(s);
}
