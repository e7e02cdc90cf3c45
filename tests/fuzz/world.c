/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c - a small space for fuzzing, and what it must be; see world.h.
 *
 * Locking: none. A target that has threads converts in the model after they are done.
 */
#include "world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define S	GMS_STATE_SHARED
#define KINDS	8
#define REQUESTS	64

struct place {
	struct gms_range range;
	uint32_t base_order;
	unsigned index;		/* of its first page */
	bool	 hosted;
};

static const struct place places[] = {
	{ { 0, 1024 }, 9, 0, true },
	{ { 1300, 1260 }, 0, 1024, false },
	{ { 2560, 1536 }, 9, 2284, true },
	{ { GMS_GFN_LIMIT / 2 - 512, 512 }, 9, 3820, true },
	{ { GMS_GFN_LIMIT - 512, 512 }, 9, 4332, true },
};

#define PLACES	(sizeof(places) / sizeof(places[0]))

static struct world worlds[GMS_PROFILE_COUNT];

static gms_gfn end_of(const struct place *place)
{
	return place->range.first + place->range.npages;
}

static const struct place *place_of(gms_gfn gfn)
{
	for (unsigned i = 0; i < PLACES; i++) {
		if (gfn >= places[i].range.first && gfn < end_of(&places[i]))
			return &places[i];
	}
	return NULL;
}

gms_gfn world_next(gms_gfn gfn)
{
	for (unsigned i = 0; i < PLACES; i++) {
		if (gfn < end_of(&places[i]))
			return gfn > places[i].range.first ? gfn : places[i].range.first;
	}
	return UINT64_MAX;
}

static bool has_hole(struct gms_range range)
{
	gms_gfn at = range.first;

	while (at < range.first + range.npages && world_next(at) == at)
		at++;
	return at < range.first + range.npages;
}

int world_index(gms_gfn gfn)
{
	const struct place *place = place_of(gfn);

	return place ? (int)(place->index + (gfn - place->range.first)) : -1;
}

gms_gfn world_gfn(unsigned index)
{
	unsigned i = PLACES - 1;

	while (index < places[i].index)
		i--;
	return places[i].range.first + (index - places[i].index);
}

gms_gfn world_border(unsigned number)
{
	const struct place *place = &places[number / 2 % PLACES];

	return number % 2 ? end_of(place) : place->range.first;
}

gms_state world_state(const struct world *w, gms_gfn gfn)
{
	const int index = world_index(gfn);

	return index < 0 ? GMS_HOLE : w->state[index];
}

/* --- the backends: what they were told, a flag a page --- */

static int note_runs(struct world *w, const struct gms_host_run *runs, size_t nruns, bool mapped)
{
	w->host_calls++;
	w->host_runs += nruns;
	for (size_t i = 0; i < nruns; i++) {
		const int first = world_index(runs[i].first);

		if (first < 0 || world_index(runs[i].first + runs[i].npages - 1) < 0)
			fuzz_fail("a backend was given frames 0x%" PRIx64 "+%" PRIu64,
				  runs[i].first, runs[i].npages);
		for (uint64_t k = 0; k < runs[i].npages; k++) {
			if (w->mapped[(unsigned)first + k] == mapped)
				fuzz_fail("frame 0x%" PRIx64 " was %smapped twice",
					  runs[i].first + k, mapped ? "" : "un");
			w->mapped[(unsigned)first + k] = mapped;
		}
	}
	return 0;
}

static int map(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
	       struct gms_charge *charge)
{
	(void)charge;
	*ndone = nruns;
	return note_runs(ctx, runs, nruns, true);
}

static int unmap(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		 struct gms_charge *charge)
{
	(void)charge;
	*ndone = nruns;
	return note_runs(ctx, runs, nruns, false);
}

static void flush(void *ctx, struct gms_charge *charge)
{
	struct world *w = ctx;

	w->flushes++;
	gms_charge_add(charge, GMS_ACCT_FLUSH_PROCESS, 1);
}

/* --- the model --- */

gms_state world_after(gms_state old, gms_state set, gms_state clear)
{
	gms_state new = (old & ~clear) | set;

	if (clear & S)
		new &= ~(GMS_STATE_HOST_MAPPED & ~set);
	if (set & S)
		new &= ~(GMS_STATE_ACCEPTED & ~set);
	if (clear & GMS_STATE_POPULATED)
		new &= ~((GMS_STATE_ACCEPTED | GMS_STATE_HOST_MAPPED | GMS_STATE_DIRTY) & ~set);
	return new;
}

struct gms_change world_named(struct gms_change change)
{
	if (change.set & S)
		change.clear |= GMS_STATE_ACCEPTED & ~change.set;
	if (change.clear & GMS_STATE_POPULATED)
		change.clear |= (GMS_STATE_ACCEPTED | GMS_STATE_HOST_MAPPED | GMS_STATE_DIRTY) &
				~change.set;
	return change;
}

int world_refusal(gms_state old, gms_state new, uint8_t held, uint32_t *reason)
{
	const gms_state lost = old & ~new, gained = new & ~old;

	if ((lost & GMS_STATE_POISON) && (new & GMS_STATE_POPULATED)) {
		*reason = GMS_REASON_POISON;
		return -EHWPOISON;
	}
	if ((lost & S) && (old & GMS_STATE_FROZEN)) {
		*reason = GMS_REASON_FROZEN;
		return -EBUSY;
	}
	if ((new & GMS_STATE_HOST_MAPPED) && !(new & S)) {
		*reason = GMS_REASON_PRIVATE;
		return -EPERM;
	}
	if ((new & GMS_STATE_ACCEPTED) && (new & S)) {
		*reason = GMS_REASON_SHARED;
		return -EPERM;
	}
	if ((held & WORLD_PINNED) &&
	    ((lost & (S | GMS_STATE_POPULATED | GMS_STATE_DIRECT_MAP)) ||
	     (gained & GMS_STATE_MISSING))) {
		*reason = GMS_REASON_PINNED;
		return -EAGAIN;
	}
	if ((held & WORLD_LENT) && (lost & (S | GMS_STATE_POPULATED))) {
		*reason = GMS_REASON_LENT;
		return -EAGAIN;
	}
	return 0;
}

/* The first page that is refused decides; did->npages are those before it. */
static int judge(const struct world *w, struct gms_range range, gms_state set, gms_state clear,
		 unsigned flags, struct world_did *did)
{
	const gms_gfn end = range.first + range.npages;
	int err = 0;

	for (gms_gfn at = range.first; !err && at < end; at++) {
		const int index = world_index(at);

		did->npages = at - range.first;
		did->error_gfn = at;
		if (index < 0 && (flags & WORLD_SKIP_HOLES)) {
			at = world_next(at) - 1;
		} else if (index < 0) {
			did->reason = GMS_REASON_HOLE;
			err = -ENOENT;
		} else {
			const gms_state old = w->state[index];

			err = world_refusal(old, world_after(old, set, clear), w->held[index],
					    &did->reason);
		}
	}
	if (!err) {
		did->npages = range.npages;
		did->error_gfn = 0;
	}
	return err;
}

int world_convert(struct world *w, struct gms_range range, gms_state set, gms_state clear,
		  unsigned flags, struct world_did *did)
{
	struct world_did own;
	uint64_t npages = range.npages;
	int err;

	did = did ? did : &own;
	memset(did, 0, sizeof(*did));
	set &= w->known;
	clear &= w->known;
	err = judge(w, range, set, clear, flags, did);
	if (err)
		npages = flags & WORLD_AS_FAR ? did->npages : 0;
	did->npages = npages;
	for (gms_gfn at = world_next(range.first); at < range.first + npages;
	     at = world_next(at + 1)) {
		gms_state *state = &w->state[world_index(at)];
		const gms_state new = world_after(*state, set, clear);

		did->changed += *state != new;
		*state = new;
	}
	return err;
}

/* What all changes together set and clear of each page: the later of them counts. */
static void sum_up(const struct world *w, const struct gms_change *change, gms_state *set,
		   gms_state *clear)
{
	const gms_state sets = change->set & w->known, clears = change->clear & w->known;
	const gms_gfn end = change->range.first + change->range.npages;

	for (gms_gfn at = world_next(change->range.first); at < end; at = world_next(at + 1)) {
		const int index = world_index(at);

		set[index] = (set[index] & ~clears) | sets;
		clear[index] = (clear[index] & ~sets) | clears;
	}
}

int world_convert_all(struct world *w, const struct gms_change *changes, size_t nchanges,
		      unsigned flags, gms_gfn *refused)
{
	static gms_state set[WORLD_PAGES], clear[WORLD_PAGES];
	uint32_t reason;
	int err = 0;

	memset(set, 0, sizeof(set));
	memset(clear, 0, sizeof(clear));
	for (size_t i = 0; i < nchanges; i++) {
		sum_up(w, &changes[i], set, clear);
		if (!(flags & WORLD_SKIP_HOLES) && has_hole(changes[i].range))
			return -ENOENT;
	}
	for (unsigned i = 0; !err && i < WORLD_PAGES; i++) {
		err = world_refusal(w->state[i], world_after(w->state[i], set[i], clear[i]),
				    w->held[i], &reason);
		if (err && refused)
			*refused = world_gfn(i);
	}
	for (unsigned i = 0; !err && i < WORLD_PAGES; i++)
		w->state[i] = world_after(w->state[i], set[i], clear[i]);
	return err;
}

int world_convert_both(struct world *w, struct gms_range range, gms_state set, gms_state clear)
{
	const struct gms_change change = { range, set & w->known, clear & w->known };
	struct gms_convert_result result;
	struct world_did did;
	const int err = world_convert(w, range, set, clear, 0, &did);

	GMS_INIT(&result);
	fuzz_same("gms_convert()", gms_convert(w->space, &change, 1, NULL, &result), err);
	fuzz_same("changed pages", result.changed_pages, did.changed);
	fuzz_same("refused page", result.error_gfn, did.error_gfn);
	fuzz_same("reason", result.error_reason, did.reason);
	return err;
}

/* Do all pages of a range have these bits, and none of those? */
static bool all_have(const struct world *w, gms_gfn first, uint64_t npages, gms_state with,
		     gms_state without)
{
	for (uint64_t i = 0; i < npages; i++) {
		const gms_state state = world_state(w, first + i);

		if ((state & with) != with || (state & (without | GMS_HOLE)))
			return false;
	}
	return true;
}

static void hold(struct world *w, gms_gfn first, uint64_t npages, uint8_t how)
{
	for (uint64_t i = 0; i < npages; i++)
		w->held[world_index(first + i)] |= how;
}

bool world_pin(struct world *w, gms_gfn first, uint64_t npages)
{
	const bool may = all_have(w, first, npages, S | GMS_STATE_DIRECT_MAP,
				  GMS_STATE_POISON | GMS_STATE_FROZEN | GMS_STATE_MISSING);
	int err;

	if (w->npins == WORLD_HOLDS)
		return false;
	err = gms_pin(w->space, (struct gms_range){ first, npages }, GMS_PIN_LONGTERM, 0,
		      &w->pin[w->npins], NULL);
	if (err ? may : !may)
		fuzz_fail("gms_pin(0x%" PRIx64 ", %" PRIu64 "): %d", first, npages, err);
	if (err)
		return false;
	w->npins++;
	hold(w, first, npages, WORLD_PINNED);
	return true;
}

/* What a loan shares turns private with it (EAGER): so these pages are as any shared one. */
bool world_lend(struct world *w, gms_gfn first, uint64_t npages)
{
	if (w->nloans == WORLD_HOLDS || !all_have(w, first, npages, 0, 0))
		return false;
	fuzz_same("gms_lend()", gms_lend(w->space, first * GMS_PAGE_SIZE, npages * GMS_PAGE_SIZE,
					 GMS_LEND_BOTH, 0, &w->loan[w->nloans++], NULL), 0);
	world_convert(w, (struct gms_range){ first, npages }, S, 0, 0, NULL);
	hold(w, first, npages, WORLD_LENT);
	return true;
}

bool world_freeze(struct world *w, gms_gfn first, uint64_t npages)
{
	if (!all_have(w, first, npages, 0, 0))
		return false;
	fuzz_same("gms_freeze()", gms_freeze(w->space, (struct gms_range){ first, npages }, 0,
					     NULL), 0);
	for (uint64_t i = 0; i < npages; i++)
		w->state[world_index(first + i)] |= GMS_STATE_FROZEN;
	return true;
}

/* By another name than the loan's, so that what was lent stays shared when it is returned. */
static void share_lent(struct world *w)
{
	unsigned i = 0, n;

	while (i < WORLD_PAGES) {
		for (n = 0; i + n < WORLD_PAGES && (w->held[i + n] & WORLD_LENT) &&
			    world_gfn(i + n) == world_gfn(i) + n; n++)
			continue;
		if (n)
			(void)world_convert_both(w, (struct gms_range){ world_gfn(i), n }, S, 0);
		i += n ? n : 1;
	}
}

void world_release(struct world *w)
{
	for (; w->npins; w->npins--)
		fuzz_same("gms_unpin()", gms_unpin(w->space, w->pin[w->npins - 1]), 0);
	share_lent(w);
	for (; w->nloans; w->nloans--)
		fuzz_same("gms_return()", gms_return(w->space, w->loan[w->nloans - 1], NULL), 0);
	memset(w->held, 0, sizeof(w->held));
}

static void change_all(struct world *w, gms_state set, gms_state clear)
{
	struct gms_change change[PLACES];

	for (unsigned i = 0; i < PLACES; i++)
		change[i] = (struct gms_change){ places[i].range, set, clear };
	fuzz_same("all pages", gms_convert(w->space, change, PLACES, NULL, NULL), 0);
}

void world_thaw(struct world *w)
{
	change_all(w, 0, GMS_STATE_FROZEN);
	for (unsigned i = 0; i < WORLD_PAGES; i++)
		w->state[i] &= ~GMS_STATE_FROZEN;
}

/* --- made, and made as new --- */

static void add_region(struct world *w, const struct place *place)
{
	struct gms_region_opts region;
	struct gms_backend host;
	uint32_t id;

	GMS_INIT(&host);
	host.ctx = w;
	host.map_host = map;
	host.unmap_host = unmap;
	host.flush = flush;
	GMS_INIT(&region);
	region.first = place->range.first;
	region.npages = place->range.npages;
	region.backing_id = 7;
	region.backing_offset_bytes = place->range.first * GMS_PAGE_SIZE;
	region.backend = place->hosted ? &host : NULL;
	region.base_order = place->base_order;
	region.state = w->first;
	fuzz_same("gms_region_add()", gms_region_add(w->space, &region, &id), 0);
}

static void make(struct world *w, uint32_t profile)
{
	struct gms_profile_info info;
	struct gms_space_opts opts;

	GMS_INIT(&info);
	fuzz_same("gms_profile_info()", gms_profile_info(profile, &info), 0);
	w->profile = profile;
	w->known = info.settable;
	w->first = GMS_STATE_DIRECT_MAP;
	GMS_INIT(&opts);
	opts.profile = profile;
	fuzz_same("gms_space_new()", gms_space_new(&w->space, &opts), 0);
	for (unsigned i = 0; i < PLACES; i++)
		add_region(w, &places[i]);
	fuzz_same("gms_space_reserve()", gms_space_reserve(w->space, 16), 0);
}

static struct {
	const struct world *w;
	struct gms_request_opts opts;
	struct gms_request *request;
} requests[REQUESTS];

struct gms_request *world_request(struct world *w, const struct gms_request_opts *opts)
{
	unsigned i = 0;

	while (i < REQUESTS && requests[i].request &&
	       (requests[i].w != w || memcmp(&requests[i].opts, opts, sizeof(*opts))))
		i++;
	if (i == REQUESTS) {
		i = (unsigned)(opts->most_pages + opts->gpa_bits + opts->flags) % REQUESTS;
		gms_request_free(requests[i].request);
		requests[i].request = NULL;
	}
	if (!requests[i].request) {
		requests[i].w = w;
		requests[i].opts = *opts;
		fuzz_same("gms_request_new()",
			  gms_request_new(&requests[i].request, w->space, opts), 0);
	}
	return requests[i].request;
}

/* So that what is still there at the end is a leak. */
static void free_all(void)
{
	for (unsigned i = 0; i < REQUESTS; i++)
		gms_request_free(requests[i].request);
	for (unsigned i = 0; i < GMS_PROFILE_COUNT; i++)
		gms_space_free(worlds[i].space);
}

struct world *world_get(uint32_t profile)
{
	static bool freed_at_exit;
	struct world *w = &worlds[profile];

	if (!freed_at_exit)
		freed_at_exit = !atexit(free_all);
	if (!w->space) {
		make(w, profile);
	} else {
		world_release(w);
		change_all(w, 0, GMS_STATE_FROZEN);
		change_all(w, w->first & w->known, w->known & ~w->first);
	}
	for (unsigned i = 0; i < WORLD_PAGES; i++)
		w->state[i] = w->first;
	memset(w->held, 0, sizeof(w->held));
	w->host_calls = w->host_runs = w->flushes = 0;
	return w;
}

/* Up to 32 pages, each some pages after the one before. */
static void share_stripes(struct world *w, gms_gfn first, uint64_t npages, unsigned step)
{
	for (uint64_t i = 0; i < npages && i < 32 * step; i += step)
		(void)world_convert_both(w, (struct gms_range){ first + i, 1 }, S, 0);
}

static void setup_one(struct world *w, struct fuzz_in *in)
{
	static const uint16_t lengths[] = { 1, 2, 3, 8, 64, 511, 512, 1536 };
	const uint8_t kind = fuzz_u8(in);
	const gms_gfn first = world_gfn(fuzz_below(in, WORLD_PAGES));
	const gms_gfn end = end_of(place_of(first));
	const uint8_t shape = fuzz_u8(in);
	const uint64_t length = lengths[shape % 8], most = end - first;
	const struct gms_range range = { first, length < most ? length : most };

	switch (kind % KINDS) {
	case 0:
		(void)world_convert_both(w, range, S, 0);
		break;
	case 1:
		share_stripes(w, first, most, 1 + shape % 32u);
		break;
	case 2:
		(void)world_pin(w, first, range.npages);
		break;
	case 3:
		(void)world_lend(w, first, range.npages);
		break;
	case 4:
		(void)world_freeze(w, first, range.npages);
		break;
	case 5:
		(void)world_convert_both(w, range, GMS_STATE_ACCEPTED, 0);
		break;
	case 6:
		(void)world_convert_both(w, range, GMS_STATE_DESTROYED, 0);
		break;
	default:
		(void)world_convert_both(w, range, shape & 8 ? GMS_STATE_POISON :
					 GMS_STATE_POPULATED | GMS_STATE_DIRTY, 0);
		break;
	}
}

void world_setup(struct world *w, struct fuzz_in *in)
{
	for (uint8_t n = fuzz_u8(in) % 8; n; n--)
		setup_one(w, in);
}

/* --- compared --- */

static void compare_run(const struct world *w, const struct gms_run *run)
{
	const int first = world_index(run->first);

	if (first < 0)
		fuzz_fail("a run in a hole, at 0x%" PRIx64, run->first);
	for (uint64_t i = 0; i < run->npages; i++) {
		const gms_state must = w->state[(unsigned)first + i];

		if (run->state != must)
			fuzz_fail("frame 0x%" PRIx64 " is 0x%x and not 0x%x", run->first + i,
				  run->state, must);
	}
}

static void compare_host(const struct world *w, const struct place *place)
{
	for (unsigned i = 0; i < place->range.npages; i++) {
		const gms_state state = w->state[place->index + i] & (S | GMS_STATE_FROZEN);

		if (w->mapped[place->index + i] != (state == S))
			fuzz_fail("frame 0x%" PRIx64 ": the backend has it %smapped",
				  place->range.first + i, state == S ? "un" : "");
	}
}

void world_compare(struct world *w)
{
	uint64_t pages = 0;
	struct gms_iter it;
	struct gms_run run;
	char why[200];

	fuzz_same("gms_iter_init()", gms_iter_init(&it, w->space,
						   (struct gms_range){ 0, GMS_GFN_LIMIT },
						   GMS_STATE_ALL), 0);
	for (; gms_iter_next(&it, &run); pages += run.npages)
		compare_run(w, &run);
	fuzz_same("pages", pages, WORLD_PAGES);
	for (unsigned i = 0; i < PLACES; i++) {
		if (places[i].hosted)
			compare_host(w, &places[i]);
	}
	if (gms_check(w->space, why, sizeof(why)))
		fuzz_fail("gms_check(): %s", why);
}
