/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.c - running suites, making spaces, asking them short questions.
 */
#include "fixture.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define TIMEOUT_SECONDS	300

int fx_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	if (SANITIZED && !getenv("CK_FORK"))
		srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

TCase *fx_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, TIMEOUT_SECONDS);
	suite_add_tcase(suite, tcase);
	return tcase;
}

struct gms_space *fx_space(struct fx_mem *mem, uint32_t profile, uint32_t split, uint32_t merge)
{
	struct gms_space *space = NULL;
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	opts.profile = profile;
	opts.split = split;
	opts.merge = merge;
	opts.mem = mem ? &mem->ops : NULL;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	ck_assert_ptr_nonnull(space);
	return space;
}

struct gms_space *fx_plain_space(struct fx_mem *mem)
{
	return fx_space(mem, GMS_PROFILE_GENERIC, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
}

void fx_region_opts(struct gms_region_opts *opts, struct gms_range range, uint32_t base_order,
		    gms_state state, struct fx_host *host)
{
	GMS_INIT(opts);
	opts->first = range.first;
	opts->npages = range.npages;
	opts->base_order = base_order;
	opts->state = state;
	opts->backing_id = FX_BACKING_ID;
	opts->backing_offset_bytes = range.first * GMS_PAGE_SIZE;
	opts->hva = (void *)(uintptr_t)(FX_HVA + range.first * GMS_PAGE_SIZE);
	opts->backend = host ? &host->backend : NULL;
}

uint32_t fx_region(struct gms_space *space, struct gms_range range, uint32_t base_order,
		   gms_state state, struct fx_host *host)
{
	struct gms_region_opts opts;
	uint32_t id = 0;
	int err;

	fx_region_opts(&opts, range, base_order, state, host);
	err = gms_region_add(space, &opts, &id);
	ck_assert_msg(!err, "region 0x%" PRIx64 "+%" PRIu64 " order %u: %s", range.first,
		      range.npages, base_order, gms_strerror(err));
	ck_assert_uint_ne(id, 0);
	if (host) {
		host->space = space;
		fx_host_set(host, range, state & GMS_STATE_SHARED);
	}
	return id;
}

void fx_space_done(struct gms_space *space, struct fx_mem *mem)
{
	fx_check(space);
	gms_space_free(space);
	ck_assert_uint_eq(mem->live_blocks, 0);
	ck_assert_uint_eq(mem->live_bytes, 0);
}

void fx_check_at(struct gms_space *space, const char *file, int line)
{
	char why[256] = "?";
	int err = gms_check(space, why, sizeof(why));

	ck_assert_msg(!err, "%s:%d: gms_check: %s: %s", file, line, gms_strerror(err), why);
	ck_assert_msg(!why[0], "%s:%d: gms_check succeeds but says: %s", file, line, why);
}

unsigned fx_order_at(const struct gms_space *space, gms_gfn gfn)
{
	struct gms_folio folio;

	ck_assert_int_eq(gms_folio_at(space, gfn, &folio), 0);
	ck_assert_uint_eq(folio.first, gfn >> folio.order << folio.order);
	return folio.order;
}

uint64_t fx_shared(const struct gms_space *space, struct gms_range range)
{
	uint64_t npages = 0;

	ck_assert_int_eq(gms_count(space, range, GMS_STATE_SHARED, GMS_STATE_SHARED, &npages), 0);
	return npages;
}

void fx_acct(const struct gms_space *space, struct gms_acct *acct)
{
	GMS_INIT(acct);
	ck_assert_int_eq(gms_acct_read(space, acct), 0);
}

uint64_t fx_event(const struct gms_space *space, uint32_t kind)
{
	struct gms_acct acct;

	ck_assert_uint_lt(kind, GMS_ACCT_KINDS);
	fx_acct(space, &acct);
	return acct.event[kind].count;
}

unsigned fx_slowdown(void)
{
#if defined(__SANITIZE_THREAD__)
	return 40;
#else
	return SANITIZED ? 4 : 1;
#endif
}

uint64_t fx_env_u64(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}
