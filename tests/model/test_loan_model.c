/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_loan_model.c - random loans, returns, reclaims, conversions and pins on a
 * space and on an oracle, compared after each step.
 *
 * The oracle is written from lend.h: of each page whether it is shared, and whether
 * a loan made it so; a list of loans; and for idle pages when they became idle. Each
 * answer is found by looking at every page and every loan. GMS_MODEL_STEPS sets how
 * long it goes on; GMS_SEED replays.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define P	GMS_STATE_POPULATED
#define D	GMS_STATE_DIRECT_MAP
#define F	GMS_STATE_FROZEN
#define PAGE	UINT64_C(4096)

/* Pages [FIRST, FIRST + NPAGES) around the border of two GiB; a hole before the last region. */
#define FIRST	(FX_1G - 300)
#define NPAGES	900u
#define HOLE	FX_RANGE(FIRST + 500, 20)
#define LOANS	200u
#define PINS	8u
#define MANY	40u		/* loans at once, at most */

struct page {
	gms_state state;
	bool	 ours;
	uint64_t since;		/* order in which pages became idle; 0: not idle */
};

struct loan {
	gms_loan_id id;		/* 0: a free place */
	uint64_t gpa, bytes;
};

static struct {
	struct fx_mem mem;
	struct fx_host *host;
	struct fx_rand rand;
	struct gms_space *space;
	uint32_t policy;
	uint64_t most_idle;
	uint64_t wait;		/* returns before LAZY tries what could not turn */
	uint64_t now_ns, age;
	struct page page[NPAGES];
	struct loan loan[LOANS];
	struct gms_range pinned[PINS];
	gms_pin_id pin[PINS];
	uint64_t step;
	uint64_t to_shared, to_private, hits;
} m;

static struct gms_range runs[NPAGES];
static struct gms_lend_result result;
static bool before[NPAGES];	/* shared before the call */

/* A tick a look: what becomes idle later is younger. */
static uint64_t now(void *ctx)
{
	(void)ctx;
	return ++m.now_ns;
}

static uint64_t below(uint64_t bound)
{
	return fx_rand_below(&m.rand, bound);
}

static bool odds(uint64_t num, uint64_t den)
{
	return fx_rand_odds(&m.rand, num, den);
}

#define AGREE(condition, ...) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "step %" PRIu64 ", GMS_SEED=0x%" PRIx64 "\n", m.step, \
				fx_seed()); \
			ck_abort_msg(__VA_ARGS__); \
		} \
	} while (0)

static bool is_hole(unsigned p)
{
	return m.page[p].state & GMS_HOLE;
}

static bool loan_has(const struct loan *loan, unsigned p)
{
	const uint64_t lo = (FIRST + p) * PAGE;

	return loan->id && loan->gpa < lo + PAGE && loan->gpa + loan->bytes > lo;
}

static unsigned loans_of(unsigned p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LOANS; i++)
		n += loan_has(&m.loan[i], p);
	return n;
}

static bool pinned(unsigned p)
{
	for (unsigned i = 0; i < PINS; i++) {
		if (m.pin[i] && FIRST + p - m.pinned[i].first < m.pinned[i].npages)
			return true;
	}
	return false;
}

static bool may_turn_private(unsigned p)
{
	return !pinned(p) && !(m.page[p].state & F);
}

/* --- the call's answer ---------------------------------------------------- */

static struct gms_lend_result *fresh(void)
{
	GMS_INIT(&result);
	result.runs = runs;
	result.run_capacity = NPAGES;
	for (unsigned p = 0; p < NPAGES; p++)
		before[p] = !is_hole(p) && (m.page[p].state & S);
	return &result;
}

/* The runs are the pages that turned since fresh(), maximal and each page once. */
static void agree_runs(uint64_t changed)
{
	static bool told[NPAGES];
	uint64_t n = 0;

	memset(told, 0, sizeof(told));
	for (uint64_t i = 0; i < result.nruns; i++) {
		for (gms_gfn gfn = runs[i].first; gfn < runs[i].first + runs[i].npages; gfn++) {
			AGREE(gfn - FIRST < NPAGES && !told[gfn - FIRST], "run of %" PRIx64, gfn);
			told[gfn - FIRST] = true;
			n++;
		}
	}
	for (unsigned p = 0; p < NPAGES; p++) {
		const bool turned = !is_hole(p) && before[p] != !!(m.page[p].state & S);

		AGREE(told[p] == turned, "%" PRIx64 " turned: %d, told: %d",
		      (uint64_t)(FIRST + p), turned, told[p]);
	}
	AGREE(n == changed && result.changed_pages == changed,
	      "changed %" PRIu64 ", in runs %" PRIu64 ", should be %" PRIu64,
	      result.changed_pages, n, changed);
}

static void check_all(void)
{
	uint64_t lent = 0, idle = 0, slack = 0, bytes = 0, loans = 0;
	struct gms_lend_gauges gauges;
	struct gms_acct acct;

	for (unsigned i = 0; i < LOANS; i++) {
		bytes += m.loan[i].id ? m.loan[i].bytes : 0;
		loans += m.loan[i].id != 0;
	}
	for (unsigned p = 0; p < NPAGES; p++) {
		const uint64_t lo = (FIRST + p) * PAGE;
		uint64_t of_page = 0;

		AGREE(gms_state_at(m.space, FIRST + p) == m.page[p].state,
		      "%" PRIx64 " is %x, should be %x", (uint64_t)(FIRST + p),
		      gms_state_at(m.space, FIRST + p), m.page[p].state);
		for (unsigned i = 0; i < LOANS; i++) {
			const struct loan *l = &m.loan[i];

			if (loan_has(l, p))
				of_page += (l->gpa + l->bytes < lo + PAGE ? l->gpa + l->bytes :
									    lo + PAGE) -
					   (l->gpa > lo ? l->gpa : lo);
		}
		lent += of_page != 0;
		idle += m.page[p].since != 0;
		slack += m.page[p].ours && of_page < PAGE ? PAGE - of_page : 0;
	}
	fx_acct(m.space, &acct);
	GMS_INIT(&gauges);
	AGREE(!gms_lend_read(m.space, &gauges) && gauges.loans == acct.loans &&
	      gauges.lent_bytes == acct.lent_bytes && gauges.lent_pages == acct.lent_pages &&
	      gauges.idle_pages == acct.idle_pages && gauges.slack_bytes == acct.slack_bytes &&
	      gauges.shared_pages == acct.shared_pages, "gauges");
	AGREE(acct.loans == loans && acct.lent_bytes == bytes, "loans %" PRIu64, acct.loans);
	AGREE(acct.lent_pages == lent, "lent %" PRIu64 ", should be %" PRIu64, acct.lent_pages,
	      lent);
	AGREE(acct.idle_pages == idle, "idle %" PRIu64 ", should be %" PRIu64, acct.idle_pages,
	      idle);
	AGREE(acct.slack_bytes == slack, "slack %" PRIu64 ", should be %" PRIu64,
	      acct.slack_bytes, slack);
	AGREE(acct.event[GMS_ACCT_PAGES_TO_SHARED].count == m.to_shared &&
	      acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count == m.to_private &&
	      acct.event[GMS_ACCT_LEND_HITS].count == m.hits, "events");
	if (m.step % 50 == 0)
		fx_check(m.space);
}

/* --- steps ------------------------------------------------------------------ */

static void draw_bytes(uint64_t *gpa, uint64_t *bytes)
{
	const uint64_t most = odds(1, 10) ? 300 * PAGE : odds(1, 4) ? 40 * PAGE : 2 * PAGE;

	*gpa = FIRST * PAGE + below((NPAGES - 1) * PAGE);
	*bytes = 1 + below(most);
	if (odds(1, 4)) {	/* whole pages */
		*gpa &= ~(PAGE - 1);
		*bytes = (*bytes + PAGE - 1) & ~(PAGE - 1);
	}
	if (*gpa + *bytes > (FIRST + NPAGES) * PAGE)
		*bytes = (FIRST + NPAGES) * PAGE - *gpa;
}

/* A loan is there, as if it were the only one. */
static void enter(const struct loan *drawn, uint64_t *changed, uint64_t *hits, uint64_t *kept)
{
	struct loan *loan = m.loan;

	for (unsigned p = 0; p < NPAGES; p++) {
		struct page *page = &m.page[p];

		if (!loan_has(drawn, p))
			continue;
		if (page->since || loans_of(p)) {
			++*hits;
		} else if (page->state & S) {
			++*kept;
		} else {
			page->state |= S;
			page->ours = true;
			++*changed;
		}
		page->since = 0;
	}
	while (loan->id)
		loan++;
	*loan = *drawn;
}

/* One, or many at once, which come to the same as one after the other. */
static void step_lend(void)
{
	const unsigned n = odds(1, 4) ? 1 + (unsigned)below(MANY) : 1;
	uint64_t changed = 0, hits = 0, kept = 0;
	struct gms_loan_want want[MANY];
	gms_loan_id ids[MANY] = { 0 };
	struct loan drawn[MANY];
	unsigned nfree = 0;
	int err;

	for (unsigned i = 0; i < LOANS; i++)
		nfree += !m.loan[i].id;
	if (nfree < MANY)
		return;
	for (unsigned i = 0; i < n; i++) {
		drawn[i].id = 1;
		draw_bytes(&drawn[i].gpa, &drawn[i].bytes);
		want[i] = (struct gms_loan_want){ drawn[i].gpa, drawn[i].bytes, 1 + i % 3,
						  GMS_LEND_BOTH, 0 };
	}
	err = n == 1 && odds(1, 2) ?
	      gms_lend(m.space, want[0].gpa, want[0].bytes, GMS_LEND_BOTH, 1, ids, fresh()) :
	      gms_lend_many(m.space, want, n, ids, fresh());
	for (unsigned i = 0; i < n; i++) {
		for (unsigned p = 0; p < NPAGES; p++) {
			if (!loan_has(&drawn[i], p) || !is_hole(p))
				continue;
			AGREE(err == -ENOENT && result.error_gfn == FIRST + p && !ids[0],
			      "a hole: %d", err);
			return;
		}
	}
	AGREE(!err, "lend: %s", gms_strerror(err));
	for (unsigned i = 0; i < n; i++) {
		drawn[i].id = ids[i];
		enter(&drawn[i], &changed, &hits, &kept);
	}
	m.hits += hits;
	m.to_shared += changed;
	AGREE(result.hit_pages == hits && result.kept_pages == kept, "hits %" PRIu64
	      " kept %" PRIu64, result.hit_pages, result.kept_pages);
	agree_runs(changed);
}

static void turn_private(unsigned p)
{
	m.page[p].state &= ~S;
	m.page[p].ours = false;
	m.page[p].since = 0;
	m.to_private++;
}

/* The page that has been idle longest; NPAGES: none. */
static unsigned oldest(void)
{
	unsigned best = NPAGES;

	for (unsigned p = 0; p < NPAGES; p++) {
		if (m.page[p].since && (best == NPAGES || m.page[p].since < m.page[best].since))
			best = p;
	}
	return best;
}

static uint64_t nidle(void)
{
	uint64_t n = 0;

	for (unsigned p = 0; p < NPAGES; p++)
		n += m.page[p].since != 0;
	return n;
}

/* Returns how many turned; those that may not are idle from now on. */
static uint64_t reclaim(uint64_t budget, uint64_t *blocked)
{
	static bool taken[NPAGES];
	uint64_t changed = 0;

	memset(taken, 0, sizeof(taken));
	*blocked = 0;
	for (; budget; budget--) {
		const unsigned p = oldest();

		if (p == NPAGES)
			break;
		taken[p] = true;
		m.page[p].since = 0;
	}
	for (unsigned p = 0; p < NPAGES; p++) {
		if (!taken[p])
			continue;
		if (may_turn_private(p)) {
			turn_private(p);
			changed++;
		} else {
			m.page[p].since = ++m.age;
			++*blocked;
		}
	}
	return changed;
}

/* Loans of one call, in its order; distinct. */
static unsigned draw_loans(struct loan **loan, unsigned most)
{
	unsigned n = 0;

	for (unsigned i = (unsigned)below(LOANS), k = 0; k < LOANS && n < most; k++) {
		struct loan *l = &m.loan[(i + k * 7) % LOANS];

		if (l->id)
			loan[n++] = l;
	}
	return n;
}

/*
 * Of the pages that are idle in their order those of a GiB are as old as the first of
 * them that the call came to: it asks the time once for each.
 */
static void age_idle(const unsigned *idle, unsigned n)
{
	bool aged[2] = { false, false };

	for (unsigned i = 0; i < n; i++) {
		const unsigned gib = FIRST + idle[i] >= FX_1G;

		for (unsigned k = i; !aged[gib] && k < n; k++) {
			if ((FIRST + idle[k] >= FX_1G) == gib)
				m.page[idle[k]].since = ++m.age;
		}
		aged[gib] = true;
	}
}

static int by_page(const void *a, const void *b)
{
	return *(const unsigned *)a < *(const unsigned *)b ? -1 : 1;
}

static void step_return(void)
{
	const unsigned most = odds(1, 4) ? 1 + (unsigned)below(MANY) : 1;
	uint64_t changed = 0, idle = 0, blocked = 0, more;
	static unsigned left[NPAGES];
	struct loan *loan[MANY];
	gms_loan_id ids[MANY + 1];
	const unsigned n = draw_loans(loan, most);
	int err;

	if (!n)
		return;
	for (unsigned i = 0; i < n; i++)
		ids[i] = loan[i]->id;
	ids[n] = ids[below(n)];
	AGREE(gms_return_many(m.space, ids, n + 1, NULL) == -ENOENT, "returned doubly");
	err = n == 1 && odds(1, 2) ? gms_return(m.space, ids[0], fresh()) :
				     gms_return_many(m.space, ids, n, fresh());
	AGREE(!err, "return: %s", gms_strerror(err));
	AGREE(gms_return(m.space, ids[n], NULL) == -ENOENT, "returned twice");
	for (unsigned i = 0; i < n; i++) {
		const struct loan was = *loan[i];

		loan[i]->id = 0;
		for (unsigned p = 0; p < NPAGES; p++) {
			if (!loan_has(&was, p) || loans_of(p) || !m.page[p].ours)
				continue;
			if (m.policy == GMS_LEND_EAGER && may_turn_private(p)) {
				turn_private(p);
				changed++;
				continue;
			}
			left[idle++] = p;
			blocked += m.policy == GMS_LEND_EAGER;
		}
	}
	if (m.policy == GMS_LEND_EAGER)	/* they were tried in this order */
		qsort(left, idle, sizeof(left[0]), by_page);
	age_idle(left, (unsigned)idle);
	AGREE(result.idle_pages == idle, "idle %" PRIu64 ", should be %" PRIu64,
	      result.idle_pages, idle);
	if (m.policy == GMS_LEND_LAZY && idle && m.wait) {
		m.wait -= m.wait < n ? m.wait : n;
	} else if (m.policy == GMS_LEND_LAZY && idle && nidle() > m.most_idle) {
		changed += reclaim(nidle() - m.most_idle / 2, &more);
		blocked += more;
		m.wait = more;
	}
	AGREE(result.blocked_pages == blocked, "blocked %" PRIu64 ", should be %" PRIu64,
	      result.blocked_pages, blocked);
	agree_runs(changed);
}

static void step_reclaim(void)
{
	const uint64_t budget = odds(1, 8) ? UINT64_MAX : below(20);
	uint64_t changed, blocked;

	AGREE(!gms_reclaim(m.space, budget, UINT64_MAX, fresh()), "reclaim");
	changed = reclaim(budget, &blocked);
	AGREE(result.blocked_pages == blocked && result.idle_pages == nidle(),
	      "blocked %" PRIu64 ", should be %" PRIu64, result.blocked_pages, blocked);
	agree_runs(changed);
}

static struct gms_range draw_range(void)
{
	const uint64_t first = below(NPAGES), most = odds(1, 4) ? 200 : 6;
	uint64_t npages = 1 + below(most);

	return FX_RANGE(FIRST + first, npages < NPAGES - first ? npages : NPAGES - first);
}

/* What stands in the way of the lowest page, as the headers have it. */
static int judge(struct gms_range range, gms_state set, gms_state clear, gms_gfn *gfn)
{
	for (unsigned p = (unsigned)(range.first - FIRST); p < range.first - FIRST + range.npages;
	     p++) {
		const gms_state old = m.page[p].state, new = (old & ~clear) | set;

		*gfn = FIRST + p;
		if (is_hole(p))
			return -ENOENT;
		if ((old & ~new & S) && (old & F))
			return -EBUSY;
		if ((old & ~new & (S | P)) && (pinned(p) || loans_of(p)))
			return -EAGAIN;
	}
	return 0;
}

static void step_convert(void)
{
	static const struct {
		gms_state set, clear;
	} kinds[] = { { S, 0 }, { 0, S }, { 0, S }, { P, 0 }, { 0, P }, { F, 0 }, { 0, F } };
	const unsigned kind = (unsigned)below(sizeof(kinds) / sizeof(kinds[0]));
	struct gms_range range = draw_range();
	struct gms_change change;
	struct gms_convert_result did;
	gms_gfn gfn;
	int err, want;

	if (kinds[kind].set == F)	/* few, or nothing moves any more */
		range.npages = 1;
	change = (struct gms_change){ range, kinds[kind].set, kinds[kind].clear };
	want = judge(range, change.set, change.clear, &gfn);
	GMS_INIT(&did);
	err = gms_convert(m.space, &change, 1, NULL, &did);
	AGREE(err == want, "convert: %s, should be %s", gms_strerror(err), gms_strerror(want));
	if (err) {
		AGREE(did.error_gfn == gfn, "error_gfn");
		return;
	}
	for (unsigned p = (unsigned)(range.first - FIRST); p < range.first - FIRST + range.npages;
	     p++) {
		const gms_state old = m.page[p].state;

		m.page[p].state = (old & ~change.clear) | change.set;
		m.to_shared += (m.page[p].state & ~old & S) != 0;
		m.to_private += (old & ~m.page[p].state & S) != 0;
		if ((change.set | change.clear) & S) {
			m.page[p].ours = false;
			m.page[p].since = 0;
		}
	}
}

static void step_pin(void)
{
	const unsigned i = (unsigned)below(PINS);

	if (m.pin[i]) {
		AGREE(!gms_unpin(m.space, m.pin[i]), "unpin");
		m.pin[i] = 0;
		return;
	}
	m.pinned[i] = draw_range();
	if (gms_pin(m.space, m.pinned[i], 0, 1, &m.pin[i], NULL))
		m.pin[i] = 0;
}

static void step_list(void)
{
	static struct gms_loan_info info[LOANS];
	const struct gms_range range = draw_range();
	size_t found, want = 0;

	AGREE(!gms_loans_in(m.space, range, info, LOANS, &found), "list");
	for (unsigned i = 0; i < LOANS; i++) {
		const struct loan *l = &m.loan[i];
		bool listed = false;

		for (size_t k = 0; k < found; k++)
			listed |= info[k].id == l->id && info[k].gpa == l->gpa &&
				  info[k].bytes == l->bytes;
		if (l->id && l->gpa / PAGE < range.first + range.npages &&
		    (l->gpa + l->bytes - 1) / PAGE >= range.first) {
			want++;
			AGREE(listed, "loan %" PRIx64 " is not listed", l->id);
		}
	}
	AGREE(found == want, "%zu loans, should be %zu", found, want);
}

static void step(void)
{
	const uint64_t what = below(100);

	if (what < 40)
		step_lend();
	else if (what < 75)
		step_return();
	else if (what < 80)
		step_reclaim();
	else if (what < 90)
		step_convert();
	else if (what < 95)
		step_pin();
	else
		step_list();
	check_all();
}

static void add_regions(void)
{
	m.host = fx_host_new(FX_1G, 200);
	fx_region(m.space, FX_RANGE(FIRST, 300), 0, D, NULL);
	fx_region(m.space, FX_RANGE(FX_1G, 200), 0, D, m.host);
	fx_region(m.space, FX_RANGE(HOLE.first + HOLE.npages, NPAGES - 520), 0, D, NULL);
	for (unsigned p = 0; p < NPAGES; p++)
		m.page[p].state = FIRST + p - HOLE.first < HOLE.npages ? GMS_HOLE : D;
}

START_TEST(loans_are_what_the_header_says)	/* _i: policy */
{
	const uint64_t steps = fx_env_u64("GMS_MODEL_STEPS", 2500) / (fx_slowdown() > 4 ? 4 : 1);
	struct gms_lend_result did;
	struct gms_space_opts opts;

	memset(&m, 0, sizeof(m));
	fx_rand_init(&m.rand, fx_seed(), (uint64_t)_i);
	fx_mem_init(&m.mem);
	GMS_INIT(&opts);
	opts.mem = &m.mem.ops;
	opts.now_ns = now;
	opts.lend_policy = m.policy = (uint32_t)_i;
	opts.lend_idle_pages = m.most_idle = 60;
	m.wait = 0;
	m.now_ns = 1;
	ck_assert_int_eq(gms_space_new(&m.space, &opts), 0);
	add_regions();
	for (m.step = 1; m.step <= steps; m.step++)
		step();
	for (unsigned i = 0; i < PINS; i++) {
		if (m.pin[i])
			ck_assert_int_eq(gms_unpin(m.space, m.pin[i]), 0);
	}
	for (unsigned i = 0; i < LOANS; i++) {
		if (m.loan[i].id)
			ck_assert_int_eq(gms_return(m.space, m.loan[i].id, NULL), 0);
	}
	GMS_INIT(&did);
	ck_assert_int_eq(gms_reclaim(m.space, UINT64_MAX, UINT64_MAX, &did), 0);
	fx_check(m.space);
	fx_host_check(m.host, m.space, FX_RANGE(FX_1G, 200));
	ck_assert_msg(!m.host->broken[0], "%s", m.host->broken);
	fx_space_done(m.space, &m.mem);
	fx_host_free(m.host);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model of loans");
	TCase *t = fx_case(s, "model");

	tcase_add_loop_test(t, loans_are_what_the_header_says, GMS_LEND_EAGER,
			    GMS_LEND_PERSISTENT + 1);
	return fx_run(s);
}
