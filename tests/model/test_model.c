/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_model.c - random operations on a space and on an oracle, compared after
 * each step.
 *
 * Small guests are compared whole each time, large ones around what changed,
 * and whole every now and then. GMS_MODEL_STEPS sets how long it goes on;
 * GMS_SEED replays: each test draws from a stream of its own.
 */
#include "hear.h"
#include "mirror.h"
#include "touch.h"

#include <stdarg.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define STORY	48

struct place {
	gms_gfn	 first;
	uint64_t npages;
	uint32_t base_order;
	bool	 hosted;
};

struct guest {
	const char *name;
	uint64_t npages;
	struct place place[ORACLE_REGIONS];	/* where regions come and go */
	uint64_t steps, whole_every;
};

static const struct guest guests[] = {
	{ "small", 4096, {
		{ 512, 1024, 9, true }, { 1536, 100, 0, true }, { 1636, 12, 0, false },
		{ 2048, 1024, 9, false }, { 3072, 512, 9, true }, { 3600, 333, 0, true } },
	  800, 1 },
	{ "large", 3 * FX_1G, {
		{ 0, FX_1G, 18, true }, { FX_1G, 64 * 512, 9, true },
		{ FX_1G + 70 * 512, 7 * 512, 9, false }, { FX_1G + 100 * 512 + 3, 1000, 0, true },
		{ 2 * FX_1G, FX_1G, 18, false } },
	  400, 100 },
};

static const uint32_t policies[][2] = {
	{ GMS_SPLIT_LEVELS, GMS_MERGE_EAGER }, { GMS_SPLIT_LEVELS, GMS_MERGE_EXPLICIT },
	{ GMS_SPLIT_NONE, GMS_MERGE_EAGER },
	{ GMS_SPLIT_HALVES, GMS_MERGE_EAGER }, { GMS_SPLIT_HALVES, GMS_MERGE_DEFERRED },
	{ GMS_SPLIT_ALL_4K, GMS_MERGE_EAGER }, { GMS_SPLIT_ALL_4K, GMS_MERGE_EXPLICIT },
	{ GMS_SPLIT_LEVELS, GMS_MERGE_DEFERRED }, { GMS_SPLIT_ALL_4K, GMS_MERGE_DEFERRED },
	{ GMS_SPLIT_HALVES, GMS_MERGE_EXPLICIT },
};

/* Commits that a block must have been quiet for, under DEFERRED. */
#define MERGE_AFTER	5

static const uint32_t profiles[] = {
	GMS_PROFILE_GENERIC, GMS_PROFILE_NO_DIRECT_MAP, GMS_PROFILE_SNP, GMS_PROFILE_CCA,
	GMS_PROFILE_GMEM_INPLACE, GMS_PROFILE_SECRETMEM,
};

#define NPOLICIES	(int)(sizeof(policies) / sizeof(policies[0]))
#define NPROFILES	6

/* One run of the model; one at a time. */
static struct {
	const struct guest *guest;
	struct gms_space *space;
	struct fx_host	 *host;
	struct hear	  hear;
	struct fx_mem	  mem;
	struct fx_rand	  rand;
	struct oracle	  o;
	struct touch	  touch;
	struct mirror	  mirror;	/* kept by gms_diff(), if the space tracks changes */
	uint64_t	  removals;	/* and additions that failed, which are that too */
	struct gms_range  around;	/* what the last step was about */
	uint64_t	  step, done, refused, unclear;
	char		  story[STORY][200];
	uint64_t	  told;
} m;

void disagree(const char *form, ...)
{
	char text[400];
	va_list args;

	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	fprintf(stderr, "model: %s guest, profile mask 0x%x, split %u, merge %u, GMS_SEED=0x%"
		PRIx64 ", step %" PRIu64 "; the last operations:\n", m.guest->name, m.o.known,
		m.o.split, m.o.merge, fx_seed(), m.step);
	for (uint64_t i = m.told > STORY ? m.told - STORY : 0; i < m.told; i++)
		fprintf(stderr, "  %s\n", m.story[i % STORY]);
	fprintf(stderr, "  -> %s\n", text);
	fflush(stderr);
	ck_abort_msg("%s", text);
}

__attribute__((__format__(__printf__, 1, 2)))
static void tell(const char *form, ...)
{
	char *line = m.story[m.told++ % STORY];
	int n = snprintf(line, sizeof(m.story[0]), "%6" PRIu64 " ", m.step);
	va_list args;

	va_start(args, form);
	vsnprintf(line + n, sizeof(m.story[0]) - (size_t)n, form, args);
	va_end(args);
}

static uint64_t below(uint64_t bound)
{
	return fx_rand_below(&m.rand, bound);
}

static bool odds(uint64_t num, uint64_t den)
{
	return fx_rand_odds(&m.rand, num, den);
}

/* Mostly within one region, now and then over its end or anywhere. */
static struct gms_range draw_range(void)
{
	const struct place *place = &m.guest->place[below(ORACLE_REGIONS)];
	struct gms_range range;

	if (!place->npages || odds(1, 20))
		place = &m.guest->place[0];
	range.first = place->first + below(place->npages);
	switch (below(10)) {
	case 0: case 1: case 2: case 3: case 4:
		range.npages = 1 + below(8);
		break;
	case 5: case 6:
		range.npages = 1 + below(600);
		break;
	case 7: case 8:
		range.first &= ~(FX_2M - 1);
		range.npages = FX_2M * (1 + below(3));
		break;
	default:
		range.first = odds(1, 2) ? place->first : range.first;
		range.npages = 1 + below(place->npages);
	}
	if (range.first < place->first)
		range.first = place->first;
	if (!odds(1, 8) && range.npages > place->first + place->npages - range.first)
		range.npages = place->first + place->npages - range.first;
	if (range.npages > m.guest->npages - range.first)
		range.npages = m.guest->npages - range.first;
	return range;
}

static gms_state draw_bits(void)
{
	gms_state may = m.o.known;

	if (m.o.direct_map != ORACLE_TOLD)
		may &= ~D;
	if (odds(1, 3))
		return S;
	if (odds(1, 4))
		may &= (gms_state)fx_rand_u64(&m.rand) & (gms_state)fx_rand_u64(&m.rand);
	else
		may &= UINT32_C(1) << below(15);
	return may;
}

/* Sometimes the host or the allocator is about to fail. */
struct mishap {
	bool	 memory, backend;
	uint64_t pass;
	uint64_t live_bytes;
};

static struct mishap arm(void)
{
	struct mishap mishap = { .live_bytes = m.mem.live_bytes };

	if (odds(1, 12)) {
		mishap.memory = true;
		fx_mem_fail_after(&m.mem, below(4), odds(1, 2));
	} else if (odds(1, 8)) {
		mishap.backend = true;
		mishap.pass = below(4);
		fx_host_fail_after(m.host, mishap.pass, -EIO);
	}
	return mishap;
}

/* Calls it off again; true if memory was refused. */
static bool disarm(const struct mishap *mishap)
{
	bool refused = mishap->memory && m.mem.refused;

	fx_mem_heal(&m.mem);
	fx_host_heal(m.host);
	return refused;
}

static bool allows(const struct oracle_verdict *v, int err)
{
	for (unsigned i = 0; i < v->nerrors; i++)
		if (v->errors[i] == err)
			return true;
	return false;
}

static void agree_error(const struct oracle_verdict *v, int err, const char *what)
{
	AGREE(allows(v, err), "%s: %s, should be %s (0x%" PRIx64 ")", what, gms_strerror(err),
	      v->nerrors ? gms_strerror(v->errors[0]) : "success", v->gfn);
	m.refused++;
}

static void agree_result(const struct gms_convert_result *r, const struct oracle_did *did)
{
	AGREE(r->changed_pages == did->changed && r->unchanged_pages == did->unchanged,
	      "changed %" PRIu64 " and not %" PRIu64 ", should be %" PRIu64 " and %" PRIu64,
	      r->changed_pages, r->unchanged_pages, did->changed, did->unchanged);
	AGREE(r->host_runs == did->host_runs, "host runs %" PRIu64 ", should be %" PRIu64,
	      r->host_runs, did->host_runs);
	AGREE(r->splits == oracle_sum(did->splits) && r->merges == oracle_sum(did->merges),
	      "%" PRIu64 " splits and %" PRIu64 " merges, should be %" PRIu64 " and %" PRIu64,
	      r->splits, r->merges, oracle_sum(did->splits), oracle_sum(did->merges));
	AGREE(r->error_reason == GMS_REASON_NONE, "success with a reason");
}

static void agree_refusal(const struct oracle_verdict *verdict, int err,
			  const struct gms_convert_result *result)
{
	bool reason = false;

	agree_error(verdict, err, "convert");
	AGREE(result->error_gfn == verdict->gfn, "error_gfn 0x%" PRIx64 ", should be 0x%" PRIx64,
	      result->error_gfn, verdict->gfn);
	for (unsigned i = 0; i < verdict->nerrors; i++)
		reason |= verdict->errors[i] == err &&
			  verdict->reasons[i] == result->error_reason;
	AGREE(reason, "refused as %s", gms_reason_name(result->error_reason));
}

/* It says what the oracle says, and changes nothing: that is seen by what comes next. */
static void dry_run(const struct gms_change *batch, size_t n,
		    const struct oracle_verdict *verdict, const struct oracle_did *did)
{
	const uint64_t calls = m.host->calls;
	struct gms_convert_result result;
	struct gms_convert_opts opts;
	int err;

	GMS_INIT(&result);
	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_DRY_RUN;
	err = gms_convert(m.space, batch, n, &opts, &result);
	tell("  dry run = %d", err);
	AGREE(m.host->calls == calls, "a dry run called the backend");
	m.o.event[GMS_ACCT_DRY_RUNS]++;
	if (verdict->nerrors) {
		agree_refusal(verdict, err, &result);
		return;
	}
	AGREE(!err, "dry run: %s, should succeed", gms_strerror(err));
	AGREE(result.changed_pages == did->changed && result.unchanged_pages == did->unchanged &&
	      result.host_runs == did->host_runs,
	      "the dry run says %" PRIu64 " changed, %" PRIu64 " not, %" PRIu64 " runs",
	      result.changed_pages, result.unchanged_pages, result.host_runs);
}

/* All that is in the way is found: the pages that the oracle refuses, and the lowest of them. */
static void find_blockers(const struct gms_change *batch, size_t n,
			  const struct oracle_verdict *verdict)
{
	struct gms_blocker blocker[64];
	struct gms_convert_result result;
	struct gms_convert_opts opts;
	gms_gfn lowest = UINT64_MAX;
	int err;

	GMS_INIT(&result);
	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_DRY_RUN | GMS_CONVERT_ALL_BLOCKERS;
	opts.blockers = blocker;
	opts.blockers_room = 64;
	err = gms_convert(m.space, batch, n, &opts, &result);
	tell("  blockers = %d, %" PRIu64, err, result.blockers);
	m.o.event[GMS_ACCT_DRY_RUNS]++;
	AGREE(!result.blockers == !verdict->nerrors, "%" PRIu64 " blockers", result.blockers);
	if (verdict->nerrors)
		agree_refusal(verdict, err, &result);
	for (uint64_t i = 0; i < result.blockers && i < 64; i++) {
		const struct gms_blocker *b = &blocker[i];
		bool known = b->reason != GMS_REASON_PINNED;

		for (int k = 0; k < ORACLE_PINS && !known; k++)
			known = m.o.pin[k].id == b->id && m.o.pin[k].tag == b->tag &&
				m.o.pin[k].flags == b->flags &&
				oracle_meet(m.o.pin[k].range, b->range);
		AGREE(known, "blocker %" PRIu64 " is a pin that does not exist", i);
		if (b->range.first < lowest)
			lowest = b->range.first;
	}
	if (verdict->nerrors)
		AGREE(lowest <= verdict->gfn, "the lowest is 0x%" PRIx64, lowest);
}

/* What comes before the page that is refused is done, the rest is not. */
static void progress(struct gms_change *batch, size_t n, const struct oracle_verdict *verdict)
{
	const uint64_t runs = m.host->runs;
	struct gms_convert_result result;
	struct oracle_verdict rest;
	struct gms_convert_opts opts;
	struct oracle_did did;
	size_t kept = 0;
	int err;

	GMS_INIT(&result);
	GMS_INIT(&opts);
	opts.mode = GMS_CONVERT_PROGRESS;
	err = gms_convert(m.space, batch, n, &opts, &result);
	tell("  progress = %d, next 0x%" PRIx64, err, result.next);
	agree_refusal(verdict, err, &result);
	AGREE(result.next == verdict->gfn, "next 0x%" PRIx64 ", should be 0x%" PRIx64, result.next,
	      verdict->gfn);
	m.o.event[GMS_ACCT_BLOCKED] += err == -EAGAIN || err == -EBUSY;
	m.o.event[GMS_ACCT_CONVERT_WAITS] += result.error_reason == GMS_REASON_ACCESS;
	for (size_t i = 0; i < n; i++) {
		struct gms_range *r = &batch[i].range;

		if (r->first >= verdict->gfn)
			continue;
		if (r->npages > verdict->gfn - r->first)
			r->npages = verdict->gfn - r->first;
		batch[kept++] = batch[i];
	}
	oracle_judge(&m.o, batch, kept, &rest, &did);
	AGREE(!rest.nerrors, "the oracle contradicts itself");
	if (kept) {
		oracle_commit(&m.o, batch, kept, &did);
		AGREE(result.changed_pages == did.changed && m.host->runs - runs == did.seen_runs,
		      "%" PRIu64 " pages changed, should be %" PRIu64, result.changed_pages,
		      did.changed);
		m.done++;
	}
}

static void step_convert(void)
{
	struct gms_change batch[ORACLE_CHANGES];
	struct gms_convert_result result;
	struct gms_convert_opts opts;
	struct oracle_verdict verdict;
	struct oracle_did did;
	struct mishap mishap;
	const uint64_t how = below(5);
	size_t n = how < 2 ? 1 : 1 + below(odds(1, 3) ? ORACLE_CHANGES : 2);
	uint64_t calls, runs = m.host->runs, flushes = m.host->flushes;
	const uint64_t revokes = hear_flushes(&m.hear);
	struct fx_device *device = NULL;
	bool refused, vetoed;
	int err;

	for (size_t i = 0; i < n; i++) {
		gms_state bits = how < 2 ? S : draw_bits(), more = how == 4 ? draw_bits() : 0;
		bool set = how == 0 || (how > 1 && odds(bits == S ? 5 : 3, 10));

		batch[i] = (struct gms_change){ draw_range(), set ? bits : 0, set ? 0 : bits };
		if (odds(1, 2))
			batch[i].set |= more & ~batch[i].clear;
		else
			batch[i].clear |= more & ~batch[i].set;
		tell("%s 0x%" PRIx64 "+%" PRIu64 " set 0x%x clear 0x%x",
		     how == 0 ? "share" : how == 1 ? "unshare" : "change", batch[i].range.first,
		     batch[i].range.npages, batch[i].set, batch[i].clear);
	}
	m.around = batch[n - 1].range;
	oracle_judge(&m.o, batch, n, &verdict, &did);
	if (verdict.unclear) {
		m.unclear++;
		return;
	}
	if (odds(1, 6))
		dry_run(batch, n, &verdict, &did);
	if (odds(1, 8))
		find_blockers(batch, n, &verdict);
	if (verdict.nerrors && odds(1, 4)) {
		progress(batch, n, &verdict);
		return;
	}
	GMS_INIT(&result);
	GMS_INIT(&opts);
	opts.flags = odds(1, 10) ? GMS_CONVERT_NO_ALLOC : 0;
	if (!verdict.nerrors && !opts.flags && odds(1, 5))
		opts.mode = GMS_CONVERT_PROGRESS;
	mishap = arm();
	if (!mishap.memory && !mishap.backend && opts.mode == GMS_CONVERT_ATOMIC && odds(1, 8))
		device = hear_arm(&m.hear, &m.rand, -EXFULL);
	else if (opts.mode == GMS_CONVERT_PROGRESS) {	/* nothing fails: it ends where ATOMIC would */
		disarm(&mishap);
		mishap = (struct mishap){ 0 };
	}
	calls = m.mem.calls;
	if (how == 0)
		err = gms_share(m.space, batch[0].range, &result);
	else if (how == 1)
		err = gms_unshare(m.space, batch[0].range, &result);
	else
		err = gms_convert(m.space, batch, n, &opts, &result);
	refused = disarm(&mishap);
	vetoed = hear_disarm(device);
	if (how > 1 && opts.flags) {
		AGREE(m.mem.calls == calls, "NO_ALLOC asked the allocator");
		refused = true;	/* may be */
	}
	tell("  = %d%s%s%s", err, refused ? " (memory)" : "", mishap.backend ? " (backend)" : "",
	     how > 1 && opts.flags ? " no-alloc" : "");

	if (err == -ENOMEM && refused) {
		m.refused++;
		return;
	}
	if (vetoed) {
		AGREE(err == -EXFULL && result.error_reason == GMS_REASON_LISTENER,
		      "a listener fails, but the answer is %d", err);
		m.o.event[GMS_ACCT_ROLLBACKS] += !device->vetoes;
		m.o.event[GMS_ACCT_LISTENER_VETOES]++;
		m.refused++;
		return;
	}
	if (mishap.backend && !verdict.nerrors && did.seen_runs > mishap.pass) {
		AGREE(err == -EIO, "backend fails, but the answer is %d", err);
		AGREE(result.error_reason == GMS_REASON_BACKEND,
		      "reason %s after the backend failed", gms_reason_name(result.error_reason));
		m.o.event[GMS_ACCT_ROLLBACKS]++;
		m.refused++;
		return;
	}
	if (verdict.nerrors) {
		agree_refusal(&verdict, err, &result);
		m.o.event[GMS_ACCT_BLOCKED] += err == -EAGAIN || err == -EBUSY;
		m.o.event[GMS_ACCT_CONVERT_WAITS] += result.error_reason == GMS_REASON_ACCESS;
		return;
	}
	AGREE(!err, "convert: %s, should succeed", gms_strerror(err));
	oracle_commit(&m.o, batch, n, &did);
	agree_result(&result, &did);
	AGREE(m.host->runs - runs == did.seen_runs, "the host saw %" PRIu64 " runs",
	      m.host->runs - runs);
	AGREE(m.host->flushes - flushes == (did.host_runs > 0) || !did.host_runs,
	      "%" PRIu64 " flushes", m.host->flushes - flushes);
	AGREE(result.flushes == m.host->flushes - flushes + hear_flushes(&m.hear) - revokes,
	      "%" PRIu64 " flushes reported", result.flushes);
	m.done++;
}

static void step_pin(void)
{
	const uint32_t flags = (uint32_t)below(4);
	struct gms_range range = draw_range();
	struct oracle_verdict verdict;
	struct mishap mishap;
	gms_pin_id id = 0;
	gms_gfn gfn = UINT64_MAX;
	size_t live = 0;
	bool refused;
	int err;

	for (int i = 0; i < ORACLE_PINS; i++)
		live += m.o.pin[i].id != 0;
	if (live == ORACLE_PINS)
		return;
	if (odds(2, 3)) {	/* where it can succeed */
		gms_gfn at;

		if (!gms_find(m.space, range, S | D | GMS_STATE_POISON | GMS_STATE_FROZEN,
			      S | D, &at)) {
			range.npages = 1 + below(range.first + range.npages - at);
			range.first = at;
			if (odds(3, 4) && range.npages > 4)
				range.npages = 4;
		}
	}
	m.around = range;
	oracle_judge_pin(&m.o, range, flags, &verdict);
	mishap = arm();
	err = gms_pin(m.space, range, flags, m.step, &id, &gfn);
	refused = disarm(&mishap);
	tell("pin 0x%" PRIx64 "+%" PRIu64 " flags %u = %d%s", range.first, range.npages, flags, err,
	     refused ? " (memory)" : "");
	if (err == -ENOMEM && refused)
		return;
	if (verdict.nerrors) {
		agree_error(&verdict, err, "pin");
		AGREE(gfn == verdict.gfn, "pin names 0x%" PRIx64 ", should be 0x%" PRIx64, gfn,
		      verdict.gfn);
		if (err == -ENOENT)	/* whether a hole counts as a state is left open */
			m.o.event[GMS_ACCT_PINS_REFUSED] =
				fx_event(m.space, GMS_ACCT_PINS_REFUSED);
		else
			m.o.event[GMS_ACCT_PINS_REFUSED]++;
		return;
	}
	AGREE(!err && id, "pin: %s, should succeed", gms_strerror(err));
	for (int i = 0; i < ORACLE_PINS; i++)
		AGREE(m.o.pin[i].id != id, "pin id %" PRIu64 " is taken", id);
	oracle_pin(&m.o, range, flags, m.step, id);
	m.done++;
}

static void step_unpin(void)
{
	struct oracle_pin *pin = &m.o.pin[below(ORACLE_PINS)];
	struct mishap mishap;
	int err;

	for (int i = 0; i < ORACLE_PINS && !pin->id; i++)
		pin = &m.o.pin[i];
	if (!pin->id)
		return;
	m.around = pin->range;
	mishap = arm();		/* it takes no memory, so it cannot fail */
	err = gms_unpin(m.space, pin->id);
	disarm(&mishap);
	tell("unpin 0x%" PRIx64 "+%" PRIu64 " = %d", pin->range.first, pin->range.npages, err);
	AGREE(!err, "unpin: %s", gms_strerror(err));
	oracle_unpin(&m.o, pin);
	m.done++;
}

static void try_merge(gms_gfn gfn, unsigned order)
{
	struct oracle_verdict verdict;
	int err;

	oracle_judge_merge(&m.o, gfn, order, &verdict);
	err = gms_folio_merge(m.space, gfn, order);
	tell("merge 0x%" PRIx64 " order %u = %d", gfn, order, err);
	if (!err && verdict.also_fine)
		return;
	if (verdict.nerrors) {
		agree_error(&verdict, err, "merge");
		return;
	}
	AGREE(!err, "merge: %s, should succeed", gms_strerror(err));
	oracle_merge(&m.o, gfn, order);
	m.done++;
}

static void step_folio(void)
{
	const unsigned order = m.o.split == GMS_SPLIT_HALVES ? (unsigned)below(GMS_ORDERS) :
			       9 * (unsigned)below(3);
	const gms_gfn gfn = draw_range().first;
	const bool there = !(m.o.state[gfn] & GMS_HOLE);
	const unsigned was = there ? oracle_order(&m.o, gfn) : 0;
	struct oracle_verdict verdict;
	struct mishap mishap;
	bool refused;
	int err;

	m.around = FX_RANGE(gfn & ~(FX_2M - 1), 2 * FX_2M);
	if (odds(1, 2)) {
		try_merge(gfn, order);
		return;
	}
	/*
	 * Under EAGER it is left open when a folio that was cut by hand grows
	 * again; so it is grown by hand at once, which a pin would prevent.
	 */
	if (m.o.merge == GMS_MERGE_EAGER && there &&
	    oracle_pinned(&m.o, FX_RANGE(gfn >> was << was, UINT64_C(1) << was)))
		return;
	oracle_judge_split(&m.o, gfn, order, &verdict);
	mishap = arm();
	err = gms_folio_split(m.space, gfn, order);
	refused = disarm(&mishap);
	tell("split 0x%" PRIx64 " order %u = %d%s", gfn, order, err, refused ? " (memory)" : "");
	if ((err == -ENOMEM && refused) || (!err && verdict.also_fine))
		return;
	if (verdict.nerrors) {
		agree_error(&verdict, err, "split");
		return;
	}
	AGREE(!err, "split: %s, should succeed", gms_strerror(err));
	oracle_split(&m.o, gfn, order);
	m.done++;
	if (m.o.merge == GMS_MERGE_EAGER) {
		verify(&m.o, m.space, m.host, &m.mem, &m.rand, m.around, false);
		try_merge(gfn, was);
	}
}

/* Two passes, in steps: one may begin in the middle. */
static void step_scan(void)
{
	struct gms_merge_result result;
	uint64_t merged = 0, budget;
	struct oracle_did did;
	int passes = 0;

	m.around = draw_range();
	oracle_scan(&m.o, &did);
	while (passes < 2) {
		struct mishap mishap = arm();	/* it takes no memory, and cannot fail */
		int err;

		budget = odds(1, 2) ? 1 + below(8) : 1 + below(3000);
		GMS_INIT(&result);
		err = gms_merge_scan(m.space, budget, &result);
		disarm(&mishap);
		AGREE(!err && result.looked_blocks <= budget, "scan: %d, %" PRIu64 " looked at of %"
		      PRIu64, err, result.looked_blocks, budget);
		for (unsigned order = 0; order < GMS_ORDERS; order++)
			merged += result.folios[order];
		passes += !result.more;
	}
	tell("scan merged %" PRIu64, merged);
	AGREE(merged == oracle_sum(did.merges), "scan merged %" PRIu64 ", should be %" PRIu64,
	      merged, oracle_sum(did.merges));
	m.done += merged > 0;
}

static void add_region(int i, gms_state state)
{
	const struct place *place = &m.guest->place[i];
	struct oracle_region *region = &m.o.region[i];
	struct gms_region_opts opts;
	struct mishap mishap;
	bool refused;
	uint32_t id = 0;
	int err;

	region->range = FX_RANGE(place->first, place->npages);
	region->base_order = place->base_order;
	region->hosted = place->hosted;
	region->fault_order = i == 0 ? 9 : 0;
	fx_region_opts(&opts, region->range, place->base_order, state,
		       place->hosted ? m.host : NULL);
	opts.fault_order = region->fault_order;
	m.around = region->range;
	mishap = m.step ? arm() : (struct mishap){ 0 };
	err = gms_region_add(m.space, &opts, &id);
	refused = disarm(&mishap);
	tell("add region 0x%" PRIx64 "+%" PRIu64 " order %u state 0x%x = %d%s", place->first,
	     place->npages, place->base_order, state, err, refused ? " (memory)" : "");
	if (err == -ENOMEM && refused) {
		m.removals++;
		return;
	}
	AGREE(!err && id, "region add: %s", gms_strerror(err));
	region->id = id;
	oracle_region_add(&m.o, region, state);
	if (place->hosted)
		fx_host_set(m.host, region->range, state & S);
	m.done++;
}

static void step_region(void)
{
	const int i = (int)below(ORACLE_REGIONS);
	struct oracle_region *region = &m.o.region[i];
	gms_state state = (gms_state)fx_rand_u64(&m.rand) & m.o.known &
			  (S | GMS_STATE_POPULATED | GMS_STATE_DIRTY | GMS_STATE_USER0);
	bool held;
	int err;

	if (!m.guest->place[i].npages)
		return;
	if (m.o.direct_map == ORACLE_TOLD)
		state |= D;
	/* What went comes back soon: else most steps would only meet holes. */
	for (int j = 0; j < ORACLE_REGIONS; j++) {
		if (m.guest->place[j].npages && !m.o.region[j].id && odds(3, 4)) {
			add_region(j, state);
			return;
		}
	}
	if (!region->id) {
		add_region(i, state);
		return;
	}
	held = oracle_pinned(&m.o, region->range) || touch_any(&m.touch, region->range);
	m.around = region->range;
	err = gms_region_remove(m.space, region->id);
	tell("remove region 0x%" PRIx64 "+%" PRIu64 " = %d", region->range.first,
	     region->range.npages, err);
	AGREE(err == (held ? -EAGAIN : 0), "region remove: %s, %s", gms_strerror(err),
	      held ? "it is held" : "nobody holds it");
	if (!err) {
		oracle_region_remove(&m.o, region);
		m.removals++;
	}
}

static void step_touch(void)
{
	char line[160] = "";

	m.around = draw_range();
	touch_step(&m.touch, &m.o, m.space, &m.rand, m.around, line, sizeof(line));
	if (line[0])
		tell("%s", line);
}

static void step(void)
{
	uint64_t draw = below(100);

	if (draw < 45)
		step_convert();
	else if (draw < 56)
		step_touch();
	else if (draw < 70)
		step_pin();
	else if (draw < 84)
		step_unpin();
	else if (draw < 93)
		step_folio();
	else if (draw < 97)
		step_region();
	else if (draw < 98)
		step_scan();
	else if (odds(1, 2))
		AGREE(gms_space_reserve(m.space, below(4)) == 0, "reserve");
	else		/* what was armed without need must not come later */
		m.around = draw_range();
}

/* What was told since the last step makes the copy what the oracle is. */
static void follow(void)
{
	const uint64_t anew = m.mirror.anew;
	int err = mirror_follow(&m.mirror, m.space);

	AGREE(!err, "the mirror: %s", gms_strerror(err));
	AGREE(m.mirror.anew == anew || m.removals, "the mirror was lost for nothing");
	m.removals = 0;
	for (gms_gfn gfn = 0; gfn < m.o.npages; gfn++) {
		const gms_state state = m.mirror.state[gfn];

		AGREE(state == m.o.state[gfn], "page 0x%" PRIx64 " is 0x%x in the mirror", gfn,
		      state);
		AGREE((state & GMS_HOLE) || m.mirror.order[gfn] == m.o.order[gfn],
		      "page 0x%" PRIx64 " is of order %u in the mirror", gfn,
		      m.mirror.order[gfn]);
	}
}

static void run_model(const struct guest *guest, uint32_t profile, const uint32_t *policy,
		      uint64_t stream)
{
	const uint64_t steps = fx_env_u64("GMS_MODEL_STEPS", guest->steps / fx_slowdown());
	struct gms_space_opts opts;

	memset(&m, 0, sizeof(m));
	m.guest = guest;
	fx_rand_init(&m.rand, fx_seed(), stream);
	fx_mem_init(&m.mem);
	m.host = fx_host_new(0, guest->npages);
	GMS_INIT(&opts);
	opts.profile = profile;
	opts.split = policy[0];
	opts.merge = policy[1];
	opts.mem = &m.mem.ops;
	opts.flags = (stream % 2 ? GMS_SPACE_ACCESS : 0) |
		     (stream % 3 ? GMS_SPACE_TRACK_CHANGES : 0);
	opts.access_wait_ns = 1;
	opts.merge_after_commits = policy[1] == GMS_MERGE_DEFERRED ? MERGE_AFTER : 0;
	ck_assert_int_eq(gms_space_new(&m.space, &opts), 0);
	m.host->space = m.space;
	oracle_init(&m.o, profile, policy[0], policy[1], guest->npages);
	m.o.merge_after = opts.merge_after_commits;
	m.o.touch = &m.touch;
	for (int i = 0; i < ORACLE_REGIONS; i++)
		if (guest->place[i].npages)
			add_region(i, (m.o.direct_map == ORACLE_TOLD ? D : 0) |
				   (i & 1 ? GMS_STATE_USER0 | GMS_STATE_POPULATED : 0));
	mirror_init(&m.mirror, guest->npages);
	hear_begin(&m.hear, m.space);
	for (m.step = 1; m.step <= steps; m.step++) {
		step();
		touch_settle(&m.touch, &m.o);
		hear_count(&m.hear, &m.o);
		if (opts.flags & GMS_SPACE_TRACK_CHANGES &&
		    m.step % (guest->whole_every > 1 ? 4 : 1) == 0)
			follow();
		if (m.around.npages > 2048)
			m.around.npages = 2048;
		verify(&m.o, m.space, m.host, &m.mem, &m.rand, m.around,
		       m.step % guest->whole_every == 0);
		hear_verify(&m.hear, &m.o, m.step % (32 * guest->whole_every) ? m.around :
			    FX_RANGE(0, guest->npages));
	}
	verify(&m.o, m.space, m.host, &m.mem, &m.rand, m.around, true);
	hear_verify(&m.hear, &m.o, FX_RANGE(0, guest->npages));
	hear_end(&m.hear);
	AGREE(m.done > m.refused / 4, "only %" PRIu64 " of %" PRIu64 " steps did anything", m.done,
	      steps);
	mirror_free(&m.mirror);
	gms_space_free(m.space);
	AGREE(!m.mem.live_blocks, "%" PRIu64 " blocks leaked", m.mem.live_blocks);
	oracle_free(&m.o);
	fx_host_free(m.host);
}

START_TEST(small_guest_agrees_with_the_oracle)	/* _i: policy and profile */
{
	run_model(&guests[0], profiles[_i / NPOLICIES], policies[_i % NPOLICIES], (uint64_t)_i);
}
END_TEST

START_TEST(large_guest_agrees_with_the_oracle)	/* _i: policy */
{
	run_model(&guests[1], GMS_PROFILE_GENERIC, policies[_i], 100 + (uint64_t)_i);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model");
	TCase *tc = fx_case(s, "small");

	fx_seed();
	tcase_add_loop_test(tc, small_guest_agrees_with_the_oracle, 0, NPOLICIES * NPROFILES);
	tc = fx_case(s, "large");
	tcase_add_loop_test(tc, large_guest_agrees_with_the_oracle, 0, NPOLICIES);
	return fx_run(s);
}
