/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_inject.c - the n-th callback fails, for every n, and so does the n-th
 * allocation; C12 and C1: nothing is left of it.
 *
 * Random worlds (world.h) get random batches. What a batch would do is first asked
 * of a dry run, which must touch nothing. Then everything that can fail fails in
 * turn, until the batch gets through; after each failure all that can be seen must
 * be as it was, but for the counters that count attempts (world_counts_attempts()),
 * and of these those that must rise are looked at one by one. In half of the worlds
 * undoing fails, too: then the views of the hosts and listeners may be wrong, and
 * the library must be as before all the same.
 *
 * GMS_INJECT_SECONDS sets how long it goes on; GMS_SEED replays, GMS_INJECT_WORLD
 * one world of it.
 */
#include "world.h"

#include <time.h>

#define INJECTED	(-EXFULL)	/* what nothing else returns */

static struct world w;
static struct {
	uint64_t worlds, batches, refused, callbacks, memory, undo, progress, discards, calls;
} cases;

static uint64_t rose(const struct world_snap *a, const struct world_snap *b, uint32_t kind)
{
	return b->acct.event[kind].count - a->acct.event[kind].count;
}

static int convert(const struct gms_convert_opts *opts, struct gms_convert_result *result)
{
	GMS_INIT(result);
	return gms_convert(w.space, w.batch.change, w.batch.n, opts, result);
}

/* Nothing was called, and nothing counted but the dry run. */
static int dry_run(struct gms_convert_result *result)
{
	struct gms_convert_opts opts = w.batch.opts;
	struct world_snap a, b;
	int err;

	w.doing = "dry run";
	opts.mode = GMS_CONVERT_ATOMIC;
	opts.flags = GMS_CONVERT_DRY_RUN;
	world_snap(&w, &a);
	fx_fuse_arm(&w.fuse, FX_FUSE_NEVER, FX_FUSE_NEVER, 0);
	err = convert(&opts, result);
	world_snap(&w, &b);
	world_same(&w, &a, &b, true);
	if (w.fuse.asked)
		world_fail(&w, "it called somebody");
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		if (rose(&a, &b, kind) != (kind == GMS_ACCT_DRY_RUNS))
			world_fail(&w, "%s rose", gms_acct_name(kind));
	}
	return err;
}

/* The first page that the batch names at or after gfn; UINT64_MAX: none. */
static gms_gfn named(gms_gfn gfn)
{
	gms_gfn page = UINT64_MAX;

	for (size_t i = 0; i < w.batch.n; i++) {
		const struct gms_range r = w.batch.change[i].range;
		const gms_gfn at = gfn > r.first ? gfn : r.first;

		if (at < r.first + r.npages && at < page)
			page = at;
	}
	return page;
}

/* Pages that were missing and are populated now: nobody asked the host for their memory. */
static void brought_in(gms_gfn next)
{
	for (int k = 0; k < WORLD_PLACES; k++) {
		const struct world_place *place = &w.place[k];

		for (uint64_t i = 0; place->host >= 0 && i < place->range.npages; i++) {
			const gms_gfn gfn = place->range.first + i;
			const gms_state now = w.now[place->index + i];
			const gms_state want = w.want[place->index + i];

			if (gfn < next && now & ~want & GMS_STATE_MISSING &&
			    want & ~now & GMS_STATE_POPULATED)
				fx_host_wrote(w.host[place->host], gfn);
		}
	}
}

/* Pages below next are as wanted, the others as they were. */
static void check_pages(gms_gfn next)
{
	for (int k = 0; k < WORLD_PLACES; k++) {
		for (uint64_t i = 0; i < w.place[k].range.npages; i++) {
			const gms_gfn gfn = w.place[k].range.first + i;
			const unsigned at = w.place[k].index + (unsigned)i;
			const gms_state is = gms_state_at(w.space, gfn);

			if (is != (gfn < next ? w.want[at] : w.now[at]))
				world_fail(&w, "page 0x%" PRIx64 " is 0x%x, was 0x%x, should become "
					   "0x%x, and next is 0x%" PRIx64, gfn, is, w.now[at],
					   w.want[at], next);
		}
	}
}

/* An error names a page of the batch; one that a commit met is reasoned. */
static void check_blame(const struct gms_convert_result *result, int err)
{
	if (named(result->error_gfn) != result->error_gfn)
		world_fail(&w, "%s: page 0x%" PRIx64 " is not of the batch", gms_strerror(err),
			   result->error_gfn);
	if (!result->error_reason)
		world_fail(&w, "%s without a reason", gms_strerror(err));
	if (w.batch.opts.mode == GMS_CONVERT_ATOMIC &&
	    (result->changed_pages || result->host_runs || result->splits || result->next))
		world_fail(&w, "a failure that did something");
}

static void check_success(const struct gms_convert_result *did,
			  const struct gms_convert_result *dry)
{
	check_pages(UINT64_MAX);
	brought_in(UINT64_MAX);
	if (did->changed_pages != dry->changed_pages ||
	    did->unchanged_pages != dry->unchanged_pages ||
	    did->host_runs != dry->host_runs || did->splits != dry->splits)
		world_fail(&w, "changed %" PRIu64 ", runs %" PRIu64 ", splits %" PRIu64
			   ", the dry run said %" PRIu64 ", %" PRIu64 ", %" PRIu64,
			   did->changed_pages, did->host_runs, did->splits, dry->changed_pages,
			   dry->host_runs, dry->splits);
	world_check(&w);
	if (w.step % 8 == 0)
		world_check_views(&w);
}

/* A backend that failed to discard still has the memory of that run, and no more. */
static void check_discard(const struct world_snap *a, const struct world_snap *b)
{
	struct fx_host *host = w.fuse.victim[0];

	cases.discards++;
	if (rose(a, b, GMS_ACCT_DISCARD_FAILURES) != 1)
		world_fail(&w, "something failed, and nobody says so");
	if (host != w.host[0] && host != w.host[1])
		world_fail(&w, "a listener failed, and the conversion did not");
	for (uint64_t i = 0; i < host->nlog; i++) {
		const struct fx_host_entry *e = &host->log[i];

		if (e->op == FX_DISCARD && e->failed)
			fx_host_mend(host, w.space, FX_RANGE(e->first, e->npages));
	}
	for (int k = 0; k < WORLD_PLACES; k++) {
		if (w.place[k].host >= 0)
			fx_host_check(w.host[w.place[k].host], w.space, w.place[k].range);
	}
}

static struct fx_span was[WORLD_DEVICES][WORLD_PAGES];
static size_t nwas[WORLD_DEVICES];

static void remember_spans(void)
{
	for (int i = 0; i < WORLD_DEVICES; i++) {
		nwas[i] = w.id[i] ? w.device[i]->nspans : 0;
		if (nwas[i] > WORLD_PAGES)
			world_fail(&w, "listener %u has %zu spans", w.id[i], nwas[i]);
		if (nwas[i])
			memcpy(was[i], w.device[i]->span, nwas[i] * sizeof(was[i][0]));
	}
}

/* Undoing failed once: what the library says must be as before, and it must say so. */
static void check_undo(const struct world_snap *a, uint64_t logged)
{
	struct world_snap b;

	cases.undo++;
	for (int k = 0; k < WORLD_PLACES; k++) {
		if (w.place[k].host >= 0)
			fx_host_mend(w.host[w.place[k].host], w.space, w.place[k].range);
	}
	for (int i = 0; i < WORLD_DEVICES; i++) {
		if (w.id[i])
			fx_device_mend(w.device[i], was[i], nwas[i]);
	}
	world_snap(&w, &b);	/* and so, whether the library's spans are these */
	world_same(&w, a, &b, false);
	for (int i = 0; i < WORLD_DEVICES; i++) {
		if (w.id[i] && b.undo_failures[i] - a->undo_failures[i] !=
			       (w.fuse.victim[1] == w.device[i]))
			world_fail(&w, "listener %u failed to undo %" PRIu64 " times", w.id[i],
				   b.undo_failures[i] - a->undo_failures[i]);
	}
	if (rose(a, &b, GMS_ACCT_UNDO_FAILURES) != 1 || w.logged != logged + 1)
		world_fail(&w, "%" PRIu64 " undo failures, %" PRIu64 " lines",
			   rose(a, &b, GMS_ACCT_UNDO_FAILURES), w.logged - logged);
	world_check(&w);
}

/* The n-th callback fails, for every n. */
static void inject_callbacks(const struct gms_convert_result *dry, bool undo)
{
	struct gms_convert_result did;
	struct world_snap a, b;

	w.doing = undo ? "callbacks and undoing" : "callbacks";
	world_snap(&w, &a);
	remember_spans();
	for (uint64_t n = 0; ; n++) {
		const uint64_t again = undo ? world_below(&w, 6) : FX_FUSE_NEVER;
		const uint64_t logged = w.logged;
		int err;

		fx_fuse_arm(&w.fuse, n, again, INJECTED);
		err = convert(&w.batch.opts, &did);
		cases.callbacks++;
		if (!err)
			break;
		if (err != INJECTED || !w.fuse.blown)
			world_fail(&w, "%s, and nobody failed", gms_strerror(err));
		check_blame(&did, err);
		if (w.fuse.blown > 1) {
			check_undo(&a, logged);
			world_snap(&w, &a);
			continue;
		}
		world_snap(&w, &b);
		world_same(&w, &a, &b, true);
		if (rose(&a, &b, GMS_ACCT_CONVERTS) != 1 ||
		    rose(&a, &b, GMS_ACCT_ROLLBACKS) != !w.fuse.vetoed ||
		    rose(&a, &b, GMS_ACCT_UNDO_FAILURES) || rose(&a, &b, GMS_ACCT_BLOCKED) ||
		    rose(&a, &b, GMS_ACCT_LISTENER_VETOES) !=
			    (w.fuse.victim[0] != w.host[0] && w.fuse.victim[0] != w.host[1]))
			world_fail(&w, "an attempt that is miscounted");
		world_check(&w);
		a = b;
	}
	if (w.fuse.blown) {
		struct fx_fuse fuse = w.fuse;

		for (int i = 0; i < 2; i++) {
			if (w.host[i] && fuse.blown > 1)	/* two discards */
				fx_host_mend(w.host[i], w.space, FX_RANGE(0, 2 * FX_1G + 2048));
		}
		fx_acct(w.space, &b.acct);
		if (fuse.blown == 1)
			check_discard(&a, &b);
	}
	check_success(&did, dry);
}

/* The n-th allocation fails, or all from there on; 0 if it got through. */
static int starve(uint64_t n, bool sticky, struct gms_convert_result *did)
{
	int err;

	fx_fuse_arm(&w.fuse, FX_FUSE_NEVER, FX_FUSE_NEVER, 0);
	fx_mem_fail_after(&w.mem, n, sticky);
	err = convert(&w.batch.opts, did);
	fx_mem_heal(&w.mem);
	cases.memory++;
	if (err && err != -ENOSPC && (err != -ENOMEM || !w.mem.refused))
		world_fail(&w, "%s where memory was scarce", gms_strerror(err));
	if (err)
		check_blame(did, err);
	return err;
}

static void inject_memory(const struct gms_convert_result *dry)
{
	const bool sticky = world_odds(&w, 1, 2);
	struct gms_convert_result did;
	struct world_snap a, b;

	w.doing = sticky ? "no memory from the n-th on" : "no memory for the n-th";
	world_snap(&w, &a);
	for (uint64_t n = 0; starve(n, sticky, &did) == -ENOMEM; n++) {
		if (w.fuse.asked)
			world_fail(&w, "it called somebody before it had all memory");
		world_snap(&w, &b);
		world_same(&w, &a, &b, true);
		if (a.acct.metadata_used_bytes != b.acct.metadata_used_bytes)
			world_fail(&w, "%" PRIu64 " bytes were in use, now %" PRIu64,
				   a.acct.metadata_used_bytes, b.acct.metadata_used_bytes);
		world_check(&w);
	}
	check_success(&did, dry);
}

/* What is done stays done, and the same again goes on from there. */
/* What succeeded all the same failed to discard. */
static void mend_discards(void)
{
	for (int i = 0; i < 2 && w.fuse.blown; i++) {
		if (w.host[i])
			fx_host_mend(w.host[i], w.space, FX_RANGE(0, 2 * FX_1G + 2048));
	}
}

static void inject_progress(bool memory)
{
	struct gms_convert_result did;
	gms_gfn reached = 0;

	w.doing = memory ? "progress, memory" : "progress";
	for (uint64_t tries = 0; ; tries++) {
		const bool arm = tries < 12;
		struct world_snap snap;
		int err;

		if (memory) {
			err = starve(arm ? world_below(&w, 1 + tries) : FX_FUSE_NEVER, true, &did);
		} else {
			fx_fuse_arm(&w.fuse, arm ? world_below(&w, 16) : FX_FUSE_NEVER,
				    FX_FUSE_NEVER, INJECTED);
			err = convert(&w.batch.opts, &did);
			cases.progress++;
		}
		if (!err)
			break;
		if (!memory && err != -ENOSPC && (err != INJECTED || !w.fuse.blown))
			world_fail(&w, "%s, and nobody failed", gms_strerror(err));
		check_blame(&did, err);
		if (did.error_gfn != did.next)
			world_fail(&w, "error at 0x%" PRIx64 ", next is 0x%" PRIx64, did.error_gfn,
				   did.next);
		if (did.next < reached)
			world_fail(&w, "back from 0x%" PRIx64 " to 0x%" PRIx64, reached, did.next);
		check_pages(did.next);
		brought_in(did.next);
		world_snap(&w, &snap);
		world_check(&w);
		/* What was done takes spans of its own, so that the rest may not fit. */
		if (err == -ENOSPC && !arm)
			return;
		world_look(&w);
		reached = did.next;
	}
	mend_discards();
	if (named(did.next) != UINT64_MAX)
		world_fail(&w, "done, and next is 0x%" PRIx64, did.next);
	check_pages(UINT64_MAX);
	brought_in(UINT64_MAX);
	world_check(&w);
}

/* The dry run said no. */
static void refused(int err, const struct gms_convert_result *dry)
{
	struct gms_convert_result did;
	struct world_snap a, b;
	int is;

	w.doing = "refused";
	cases.refused++;
	world_snap(&w, &a);
	is = convert(&w.batch.opts, &did);
	world_snap(&w, &b);
	if (w.batch.opts.mode == GMS_CONVERT_PROGRESS) {
		/* Less of it may be in the way of somebody's budget, or need more of it. */
		if (!is || (err != -ENOSPC && is != -ENOSPC &&
			    (is != err || did.next != dry->error_gfn)))
			world_fail(&w, "%s up to 0x%" PRIx64 ", the dry run said %s at 0x%" PRIx64,
				   gms_strerror(is), did.next, gms_strerror(err), dry->error_gfn);
		if (did.error_gfn != did.next)
			world_fail(&w, "error at 0x%" PRIx64 ", next is 0x%" PRIx64, did.error_gfn,
				   did.next);
		check_pages(did.next);
		brought_in(did.next);
	} else {
		world_same(&w, &a, &b, true);
		if (is != err || did.error_gfn != dry->error_gfn ||
		    did.error_reason != dry->error_reason)
			world_fail(&w, "%s at 0x%" PRIx64 ", the dry run said %s at 0x%" PRIx64,
				   gms_strerror(is), did.error_gfn, gms_strerror(err),
				   dry->error_gfn);
	}
	check_blame(&did, is);
	world_check(&w);
}

static void one_batch(void)
{
	struct gms_convert_result dry;
	int err;

	w.step++;
	cases.batches++;
	world_repin(&w);
	world_draw(&w);
	err = dry_run(&dry);
	if (err)
		refused(err, &dry);
	else if (w.batch.opts.mode == GMS_CONVERT_PROGRESS)
		inject_progress(w.step % 3 == 0);
	else if (w.step % 3 == 0)
		inject_memory(&dry);
	else
		inject_callbacks(&dry, w.number % 2);
}

/* Something else than a conversion, on the same fuse: every callback, every allocation. */
static void inject_call(const char *doing, int (*call)(int arg), int arg)
{
	struct world_snap a, b;
	int err = 0;

	w.doing = doing;
	w.batch.n = 0;
	for (uint64_t n = 0; ; n++) {
		const bool memory = n % 2;

		world_snap(&w, &a);
		fx_fuse_arm(&w.fuse, memory ? FX_FUSE_NEVER : n / 2, FX_FUSE_NEVER, INJECTED);
		if (memory)
			fx_mem_fail_after(&w.mem, n / 2, n % 4 == 1);
		err = call(arg);
		fx_mem_heal(&w.mem);
		cases.calls++;
		/* Or it was refused, by what is there. */
		if (!err || (err != -ENOMEM && !w.fuse.blown))
			break;
		if (err != (memory ? -ENOMEM : INJECTED))
			world_fail(&w, "%s: %s", doing, gms_strerror(err));
		world_snap(&w, &b);
		world_same(&w, &a, &b, true);
		world_check(&w);
	}
	world_snap(&w, &b);
	if (err)
		world_same(&w, &a, &b, true);
	else
		mend_discards();
	world_check(&w);
}

static int add_listener(int i)
{
	return gms_listener_add(w.space, &w.device[i]->ops, &w.id[i]);
}

static uint32_t guest_region;

static int add_region(int state)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(2 * FX_1G + 4096, 1024), 9,
		       (gms_state)state & (w.profile == GMS_PROFILE_GENERIC ? GMS_STATE_ALL :
					   ~GMS_STATE_DIRECT_MAP), NULL);
	return gms_region_add(w.space, &opts, &guest_region);
}

static int remove_region(int arg)
{
	(void)arg;
	return gms_region_remove(w.space, guest_region);
}

static int split_folio(int block)
{
	return gms_folio_split(w.space, w.place[0].range.first + 512 * (gms_gfn)block + 7, 0);
}

/* Across the border of two GiB; or all of a region of single pages. */
static struct gms_range touched(int which)
{
	return which ? w.place[1].range : FX_RANGE(FX_1G - 300, 600);
}

static int freeze(int which)
{
	return gms_freeze(w.space, touched(which), 0, NULL);
}

static int thaw(int which)
{
	return gms_thaw(w.space, touched(which), NULL);
}

static int miss(int which)
{
	return gms_miss(w.space, touched(which), 0, NULL);
}

/* What was missing has been brought in, says the host, once the call succeeds. */
static int resolve(int which)
{
	const struct gms_range range = touched(which);
	uint64_t missing[600 / 64 + 1] = { 0 };
	int err;

	for (uint64_t i = 0; i < range.npages; i++) {
		const gms_state state = gms_state_at(w.space, range.first + i);

		if ((state & (GMS_STATE_MISSING | GMS_STATE_POPULATED)) == GMS_STATE_MISSING)
			missing[i / 64] |= UINT64_C(1) << i % 64;
	}
	err = gms_resolve(w.space, range, w.number % 2, NULL);
	for (uint64_t i = 0; !err && i < range.npages; i++)
		if (w.place[which].host >= 0 && missing[i / 64] >> i % 64 & 1)
			fx_host_wrote(w.host[w.place[which].host], range.first + i);
	return err;
}

static int touch_and_go(int which)
{
	struct gms_access access;
	int err = gms_access_begin(w.space, touched(which), GMS_ACCESS_WRITE, 0, &access);

	if (!err)
		gms_access_end(w.space, &access);
	return err == -ENOMEM ? err : 0;	/* a fault that was queued stays so */
}

static void inject_touches(void)
{
	for (int i = 0; i < 2; i++) {
		if (w.host[i])
			w.host[i]->content = GMS_CONTENT_ANY;
	}
	for (int which = 0; which < 2; which++) {
		inject_call("an access", touch_and_go, which);
		inject_call("it freezes", freeze, which);
		inject_call("it freezes again", freeze, which);
		inject_call("it turns missing", miss, which);
		inject_call("an access asks", touch_and_go, which);
		inject_call("it thaws in part", thaw, which);
		inject_call("it comes", resolve, which);
		inject_call("it thaws", thaw, which);
	}
	world_check_views(&w);
}

#define LOANS	12

static struct gms_loan_want want[LOANS];
static gms_loan_id loan[LOANS];

/* Ragged, over one another, over a border, and in several places. */
static void draw_loans(void)
{
	for (int i = 0; i < LOANS; i++) {
		const struct world_place *place = &w.place[world_below(&w, WORLD_PLACES)];
		const uint64_t most = place->range.npages * 4096;
		const uint64_t at = world_below(&w, most), bytes = 1 + world_below(&w, 9 * 4096);

		want[i] = (struct gms_loan_want){ place->range.first * 4096 + at,
						  bytes < most - at ? bytes : most - at,
						  (gms_tag)i % 4, GMS_LEND_BOTH, 0 };
	}
	if (world_odds(&w, 1, 2))
		want[3].gpa = FX_1G * 4096 - 5 * 4096 - 77;
}

static int lend_many(int nloans)
{
	return gms_lend_many(w.space, want, (size_t)nloans, loan, NULL);
}

/* Pages that were to turn and could not are idle; no loan is there any more. */
static void return_many(int nloans, uint64_t n, bool memory)
{
	struct gms_lend_gauges gauges;
	struct gms_lend_result did;
	int err;

	w.doing = "loans go";
	fx_fuse_arm(&w.fuse, memory ? FX_FUSE_NEVER : n, FX_FUSE_NEVER, INJECTED);
	if (memory)
		fx_mem_fail_after(&w.mem, n, true);
	GMS_INIT(&did);
	err = gms_return_many(w.space, loan, (size_t)nloans, &did);
	fx_mem_heal(&w.mem);
	mend_discards();
	cases.calls++;
	if (err)
		world_fail(&w, "%s", gms_strerror(err));
	world_check(&w);
	fx_fuse_arm(&w.fuse, FX_FUSE_NEVER, FX_FUSE_NEVER, 0);
	GMS_INIT(&gauges);
	if (gms_lend_read(w.space, &gauges) || gauges.loans || gauges.lent_pages ||
	    gauges.idle_pages < did.idle_pages || did.idle_pages != did.blocked_pages)
		world_fail(&w, "%" PRIu64 " loans of %" PRIu64 " pages, %" PRIu64 " idle",
			   gauges.loans, gauges.lent_pages, gauges.idle_pages);
	GMS_INIT(&did);
	if (gms_reclaim(w.space, UINT64_MAX, UINT64_MAX, &did))
		world_fail(&w, "reclaim");
	mend_discards();
	world_check(&w);
}

static void inject_loans(void)
{
	for (int k = 0; k < 6; k++) {
		memset(loan, 0, sizeof(loan));
		draw_loans();
		inject_call("many are lent", lend_many, LOANS);
		if (loan[0])
			return_many(LOANS, (uint64_t)k / 2, k % 2);
	}
}

static void listeners_go(void)
{
	for (int i = 0; i < WORLD_DEVICES; i++) {
		if (w.id[i] && gms_listener_remove(w.space, w.id[i]))
			world_fail(&w, "listener %u", w.id[i]);
		if (w.device[i] && w.device[i]->nspans)
			world_fail(&w, "listener %u still has spans", w.id[i]);
		w.id[i] = 0;
	}
	world_check(&w);
}

static void one_world(uint64_t number)
{
	world_begin(&w, number);
	cases.worlds++;
	for (int k = 0; k < 6; k++)
		one_batch();
	for (int i = 0; i < WORLD_DEVICES; i++) {
		if (w.device[i])
			inject_call("a listener comes", add_listener, i);
	}
	for (int k = 0; k < 16; k++)
		one_batch();
	if (w.split != GMS_SPLIT_NONE)
		inject_call("a folio is cut", split_folio, (int)world_below(&w, 4));
	inject_touches();
	inject_loans();
	guest_region = 0;
	inject_call("a region comes", add_region, GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP);
	if (guest_region)
		inject_call("a region goes", remove_region, 0);
	for (int k = 0; k < 8; k++)
		one_batch();
	fx_fuse_arm(&w.fuse, FX_FUSE_NEVER, FX_FUSE_NEVER, 0);
	listeners_go();
	world_end(&w);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(a_failure_anywhere_leaves_nothing_behind)
{
	const uint64_t seconds = fx_env_u64("GMS_INJECT_SECONDS", 0);
	const uint64_t only = fx_env_u64("GMS_INJECT_WORLD", UINT64_MAX);
	const uint64_t usual = 120 / fx_slowdown();
	const double start = now();
	double took;
	uint64_t n;

	if (only != UINT64_MAX)
		one_world(only);
	for (n = 0; only == UINT64_MAX; n++) {
		if (seconds ? now() - start >= (double)seconds : n >= usual)
			break;
		one_world(n);
	}
	took = now() - start;
	n = cases.callbacks + cases.memory + cases.progress + cases.calls + cases.refused;
	printf("%" PRIu64 " worlds, %" PRIu64 " batches, %" PRIu64 " cases: %" PRIu64
	       " callbacks (%" PRIu64 " with a failing undo, %" PRIu64 " discards), %" PRIu64
	       " progress, %" PRIu64 " memory, %" PRIu64 " other calls, %" PRIu64 " refused; %.1f s, "
	       "%.0f cases a second\n", cases.worlds, cases.batches, n, cases.callbacks, cases.undo,
	       cases.discards, cases.progress, cases.memory, cases.calls, cases.refused, took,
	       (double)n / (took > 0 ? took : 1));
	fflush(stdout);
	ck_assert_uint_gt(cases.callbacks, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inject");
	TCase *t = tcase_create("every point");

	fx_seed();
	tcase_set_timeout(t, 0);	/* a campaign takes as long as it is told to */
	tcase_add_test(t, a_failure_anywhere_leaves_nothing_behind);
	suite_add_tcase(s, t);
	return fx_run(s);
}
