/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of account.h: accounts of tags, histograms, and reports. What
 * is written as OpenMetrics is read back by a parser that knows no more than its
 * specification; tests/report/formats.sh gives it to parsers of others.
 */
#include <ctype.h>
#include <pthread.h>

#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	host = fx_host_new(0, 4096);
	fx_region(space, FX_RANGE(0, 2048), 9, D, host);
	fx_region(space, FX_RANGE(8192, 1024), 9, D, NULL);
}

static void teardown(void)
{
	fx_check(space);
	fx_space_done(space, &mem);
	fx_host_free(host);
}

static int change(gms_tag tag, struct gms_range range, gms_state set, gms_state clear)
{
	const struct gms_change one = { range, set, clear };
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.tag = tag;
	return gms_convert(space, &one, 1, &opts, NULL);
}

static uint64_t of_tag(gms_tag tag, uint32_t kind)
{
	struct gms_acct_tag acct;

	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_tag(space, tag, &acct), 0);
	ck_assert_uint_eq(acct.tag, tag);
	return acct.event[kind].count;
}

/* --- tags ---------------------------------------------------------------- */

START_TEST(conversions_are_charged_to_their_tag)	/* _i: with a backend; without */
{
	const gms_gfn base = _i ? 8192 : 0;

	ck_assert_int_eq(change(7, FX_RANGE(base, 100), S, 0), 0);
	ck_assert_int_eq(change(9, FX_RANGE(base + 50, 100), S, 0), 0);
	ck_assert_int_eq(change(7, FX_RANGE(base, 150), 0, S), 0);
	ck_assert_int_eq(change(0, FX_RANGE(base, 10), S, 0), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(base, 20), NULL), 0);
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_CONVERTS), 2);
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_COMMITS), 2);
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_PAGES_TO_SHARED), 100);
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_PAGES_TO_PRIVATE), 150);
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_PAGES_CHANGED), 250);
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_SPLITS_2M), 1);
	ck_assert_uint_eq(of_tag(9, GMS_ACCT_CONVERTS), 1);
	ck_assert_uint_eq(of_tag(9, GMS_ACCT_PAGES_TO_SHARED), 50);
	ck_assert_uint_eq(of_tag(9, GMS_ACCT_PAGES_UNCHANGED), 50);
	ck_assert_uint_eq(of_tag(9, GMS_ACCT_SPLITS_2M), 0);
	/* What the backend charged went with them. */
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_SYS_MADVISE), _i ? 0 : 2);
	ck_assert_uint_eq(of_tag(9, GMS_ACCT_FLUSH_PROCESS), _i ? 0 : 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_CONVERTS), 5);
}
END_TEST

START_TEST(batches_refusals_and_pins_are_charged)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(0, 4), S, 0 }, { FX_RANGE(8, 4), S, 0 },
	};
	struct gms_convert_opts opts;
	gms_pin_id id;

	GMS_INIT(&opts);
	opts.tag = 5;
	ck_assert_int_eq(gms_convert(space, batch, 2, &opts, NULL), 0);
	ck_assert_int_eq(gms_convert(space, NULL, 0, &opts, NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(1, 2), 0, 6, &id, NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(3, 9), 0, 6, &id, NULL), -EFAULT);
	ck_assert_int_eq(change(5, FX_RANGE(0, 12), 0, S), -EAGAIN);
	ck_assert_uint_eq(of_tag(5, GMS_ACCT_CONVERTS), 3);
	ck_assert_uint_eq(of_tag(5, GMS_ACCT_COMMITS), 1);
	ck_assert_uint_eq(of_tag(5, GMS_ACCT_BLOCKED), 1);
	ck_assert_uint_eq(of_tag(5, GMS_ACCT_HOST_RUNS), 2);
	ck_assert_uint_eq(of_tag(6, GMS_ACCT_PINS), 1);
	ck_assert_uint_eq(of_tag(6, GMS_ACCT_PINS_REFUSED), 1);
	fx_host_fail_after(host, 0, -EIO);
	ck_assert_int_eq(change(5, FX_RANGE(100, 1), S, 0), -EIO);
	ck_assert_uint_eq(of_tag(5, GMS_ACCT_ROLLBACKS), 1);
}
END_TEST

START_TEST(each_commit_of_a_batch_has_its_own_tag)
{
	const struct gms_change one = { FX_RANGE(0, 7), S, 0 };
	struct gms_convert_opts opts;
	struct gms_batch *batch = NULL;

	GMS_INIT(&opts);
	ck_assert_int_eq(gms_batch_new(&batch, space, 1), 0);
	for (opts.tag = 0; opts.tag < 3; opts.tag++) {
		ck_assert_int_eq(gms_batch_add(batch, &one), 0);
		ck_assert_int_eq(gms_batch_commit(batch, &opts, NULL), 0);
		gms_batch_clear(batch);
	}
	gms_batch_free(batch);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_COMMITS), 1);
	ck_assert_uint_eq(of_tag(1, GMS_ACCT_CONVERTS), 1);
	ck_assert_uint_eq(of_tag(2, GMS_ACCT_CONVERTS), 1);
	ck_assert_uint_eq(of_tag(2, GMS_ACCT_PAGES_UNCHANGED), 7);
}
END_TEST

START_TEST(charges_are_for_tag_and_space)
{
	struct gms_acct_tag acct;

	ck_assert_int_eq(gms_acct_charge(space, 3, GMS_ACCT_USER_EXITS, 4, 100), 0);
	ck_assert_int_eq(gms_acct_charge(space, 0, GMS_ACCT_USER_EXITS, 1, 10), 0);
	ck_assert_int_eq(gms_acct_charge(space, 3, GMS_ACCT_CONVERTS, 4, 100), -EINVAL);
	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_tag(space, 3, &acct), 0);
	ck_assert_uint_eq(acct.event[GMS_ACCT_USER_EXITS].count, 4);
	ck_assert_uint_eq(acct.event[GMS_ACCT_USER_EXITS].ns, 100);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_USER_EXITS), 5);
}
END_TEST

START_TEST(tags_are_listed_in_order)
{
	gms_tag tag = 77;

	ck_assert_int_eq(gms_acct_tag_next(space, 0, &tag), -ENOENT);
	ck_assert_uint_eq(tag, 77);
	ck_assert_int_eq(gms_acct_tag_add(space, 40), 0);
	ck_assert_int_eq(gms_acct_tag_add(space, 2), 0);
	ck_assert_int_eq(gms_acct_tag_add(space, 2), 0);
	ck_assert_int_eq(gms_acct_tag_add(space, GMS_TAG_OTHER), 0);
	ck_assert_int_eq(gms_acct_tag_next(space, 0, &tag), 0);
	ck_assert_uint_eq(tag, 2);
	ck_assert_int_eq(gms_acct_tag_next(space, 2, &tag), 0);
	ck_assert_uint_eq(tag, 40);
	ck_assert_int_eq(gms_acct_tag_next(space, 40, &tag), -ENOENT);
	ck_assert_int_eq(gms_acct_charge(space, GMS_TAG_OTHER, GMS_ACCT_REQUESTS, 1, 0), 0);
	ck_assert_int_eq(gms_acct_tag_next(space, 40, &tag), 0);
	ck_assert_uint_eq(tag, GMS_TAG_OTHER);
}
END_TEST

START_TEST(books_refuse_no_conversion)	/* without memory, and where none may be asked for */
{
	const struct gms_change one = { FX_RANGE(8192, 512), S, 0 };
	struct gms_convert_opts opts;
	gms_pin_id id;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(8192, 1), 0, 0, &id, NULL), -EFAULT);
	ck_assert_int_eq(gms_space_reserve(space, 8), 0);
	fx_mem_fail_after(&mem, 0, true);
	ck_assert_int_eq(change(11, FX_RANGE(8192, 100), S, 0), 0);
	ck_assert_int_eq(gms_acct_charge(space, 11, GMS_ACCT_REQUESTS, 2, 0), 0);
	ck_assert_int_eq(gms_acct_tag_add(space, 11), -ENOMEM);
	fx_mem_heal(&mem);
	GMS_INIT(&opts);
	opts.tag = 11;
	opts.flags = GMS_CONVERT_NO_ALLOC;
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts, NULL), 0);
	ck_assert_uint_eq(of_tag(GMS_TAG_OTHER, GMS_ACCT_PAGES_TO_SHARED), 512);
	ck_assert_uint_eq(of_tag(GMS_TAG_OTHER, GMS_ACCT_REQUESTS), 2);
	ck_assert_int_eq(gms_acct_tag_add(space, 11), 0);
	ck_assert_int_eq(change(11, FX_RANGE(8192, 3), 0, S), 0);
	ck_assert_uint_eq(of_tag(11, GMS_ACCT_PAGES_TO_PRIVATE), 3);
}
END_TEST

START_TEST(tag_calls_refuse_bad_input)
{
	FX_LONGER(struct gms_acct_tag) longer;
	struct gms_acct_tag acct;
	gms_tag tag;

	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_tag_add(NULL, 1), -EINVAL);
	ck_assert_int_eq(gms_acct_tag_add(space, 0), -EINVAL);
	ck_assert_int_eq(gms_acct_tag(NULL, 1, &acct), -EINVAL);
	ck_assert_int_eq(gms_acct_tag(space, 0, &acct), -EINVAL);
	ck_assert_int_eq(gms_acct_tag(space, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_acct_tag(space, 1, &acct), -ENOENT);
	ck_assert_int_eq(gms_acct_tag_next(NULL, 0, &tag), -EINVAL);
	ck_assert_int_eq(gms_acct_tag_next(space, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_acct_tag_add(space, 1), 0);
	gms_init(&longer, sizeof(longer));
	ck_assert_int_eq(gms_acct_tag(space, 1, &longer.known), 0);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_acct_tag(space, 1, &longer.known), -E2BIG);
}
END_TEST

#define THREADS	4
#define ROUNDS	300

struct worker {
	pthread_t thread;
	uint64_t  index;
	int	  err;
};

/* Half of the threads share a tag; each has pages of its own, in its own GiB. */
static void *work(void *arg)
{
	struct worker *me = arg;
	const gms_gfn base = (8 + me->index) * FX_1G;
	const gms_tag tag = 1 + me->index / 2;

	for (uint64_t i = 0; i < ROUNDS && !me->err; i++) {
		const struct gms_range range = FX_RANGE(base + i, 1 + i * 7 % 900);
		const struct gms_change turn[] = { { range, S, 0 }, { range, 0, S } };
		struct gms_convert_opts opts;
		struct gms_acct_tag acct;
		gms_pin_id id;

		GMS_INIT(&opts);
		GMS_INIT(&acct);
		opts.tag = tag;
		me->err = gms_convert(space, &turn[0], 1, &opts, NULL);
		if (!me->err)
			me->err = gms_pin(space, range, 0, tag, &id, NULL);
		if (!me->err)
			me->err = gms_unpin(space, id);
		if (!me->err)
			me->err = gms_convert(space, &turn[1], 1, &opts, NULL);
		if (!me->err)
			me->err = gms_acct_charge(space, 100 + i % 5, GMS_ACCT_REQUESTS, 1, i);
		if (!me->err)
			me->err = gms_acct_tag(space, tag, &acct);
		if (!me->err && acct.event[GMS_ACCT_PINS].count < i + 1)
			me->err = -EBADMSG;
	}
	return NULL;
}

START_TEST(accounts_add_up_when_threads_are_done)	/* and are sound meanwhile */
{
	struct worker workers[THREADS];
	struct gms_acct acct;

	fx_region(space, FX_RANGE(8 * FX_1G, THREADS * FX_1G), 9, D, NULL);
	for (uint64_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .index = i };
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 20; i++)
		fx_check(space);
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
		ck_assert_int_eq(workers[i].err, 0);
	}
	fx_acct(space, &acct);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		uint64_t sum = 0, ns = 0;
		gms_tag tag = 0;

		while (!gms_acct_tag_next(space, tag, &tag)) {
			struct gms_acct_tag one;

			GMS_INIT(&one);
			ck_assert_int_eq(gms_acct_tag(space, tag, &one), 0);
			sum += one.event[kind].count;
			ns += one.event[kind].ns;
		}
		/* Merges have no owner. */
		if (kind != GMS_ACCT_MERGES_2M)
			ck_assert_uint_eq(acct.event[kind].count, sum);
		ck_assert_uint_eq(acct.event[kind].ns, ns);
	}
	ck_assert_uint_eq(acct.event[GMS_ACCT_COMMITS].count, 2 * THREADS * ROUNDS);
	ck_assert_uint_eq(acct.event[GMS_ACCT_UNPINS].count, THREADS * ROUNDS);
}
END_TEST

/* --- histograms ---------------------------------------------------------- */

static void histogram(uint32_t kind, struct gms_histogram *h)
{
	uint64_t sum = 0;

	GMS_INIT(h);
	ck_assert_int_eq(gms_acct_histogram(space, kind, h), 0);
	for (unsigned i = 0; i < GMS_HISTOGRAM_BUCKETS; i++)
		sum += h->bucket[i];
	ck_assert_uint_eq(h->count, sum);
}

START_TEST(sizes_fall_into_their_buckets)	/* _i: with a backend; without */
{
	static const uint64_t sizes[] = { 1, 2, 3, 4, 5, 256, 257, 512, 513, 1024 };
	static const unsigned buckets[] = { 0, 1, 2, 2, 3, 8, 9, 9, 10, 10 };
	uint64_t wanted[GMS_HISTOGRAM_BUCKETS] = { 0 }, pages = 0;
	struct gms_histogram h;

	for (unsigned i = 0; i < 10; i++) {
		const struct gms_range range = FX_RANGE(_i ? 8192 : 0, sizes[i]);

		ck_assert_int_eq(gms_share(space, range, NULL), 0);
		ck_assert_int_eq(gms_share(space, range, NULL), 0);	/* no commit */
		ck_assert_int_eq(gms_unshare(space, range, NULL), 0);
		ck_assert_int_eq(change(0, range, GMS_STATE_DIRTY, 0), 0);	/* nothing turns */
		wanted[buckets[i]]++;
		pages += sizes[i];
	}
	for (uint32_t kind = GMS_HISTOGRAM_TO_SHARED; kind <= GMS_HISTOGRAM_TO_PRIVATE; kind++) {
		histogram(kind, &h);
		ck_assert_uint_eq(h.count, 10);
		ck_assert_uint_eq(h.sum, pages);
		ck_assert_mem_eq(h.bucket, wanted, sizeof(wanted));
	}
	histogram(GMS_HISTOGRAM_CONVERT_NS, &h);
	ck_assert_uint_eq(h.count, 0);
	ck_assert_uint_eq(h.sum, 0);
}
END_TEST

START_TEST(one_commit_counts_once_in_each_direction)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(0, 4), S, 0 }, { FX_RANGE(8, 3), S, 0 }, { FX_RANGE(1024, 5), 0, S },
	};
	struct gms_histogram h;

	ck_assert_int_eq(gms_share(space, FX_RANGE(1024, 8), NULL), 0);
	ck_assert_int_eq(gms_convert(space, batch, 3, NULL, NULL), 0);
	histogram(GMS_HISTOGRAM_TO_SHARED, &h);
	ck_assert_uint_eq(h.count, 2);
	ck_assert_uint_eq(h.bucket[3], 2);	/* 8, and 7 */
	histogram(GMS_HISTOGRAM_TO_PRIVATE, &h);
	ck_assert_uint_eq(h.count, 1);
	ck_assert_uint_eq(h.bucket[3], 1);
}
END_TEST

START_TEST(histogram_refuses_bad_input)
{
	FX_LONGER(struct gms_histogram) longer;
	struct gms_histogram h;

	GMS_INIT(&h);
	ck_assert_int_eq(gms_acct_histogram(NULL, 0, &h), -EINVAL);
	ck_assert_int_eq(gms_acct_histogram(space, GMS_HISTOGRAM_COUNT, &h), -EINVAL);
	ck_assert_int_eq(gms_acct_histogram(space, 0, NULL), -EINVAL);
	gms_init(&longer, sizeof(longer));
	longer.tail[3] = 1;
	ck_assert_int_eq(gms_acct_histogram(space, 0, &longer.known), -E2BIG);
}
END_TEST

/* 100 ns pass between one look at it and the next. */
static uint64_t step_ns(void *ctx)
{
	return *(uint64_t *)ctx += 100;
}

static struct gms_space *timed_space(uint64_t *now)
{
	struct gms_space *timed = NULL;
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	opts.now_ns = step_ns;
	opts.ctx = now;
	ck_assert_int_eq(gms_space_new(&timed, &opts), 0);
	fx_region(timed, FX_RANGE(0, 1024), 9, D, NULL);
	return timed;
}

START_TEST(every_conversion_call_is_timed)
{
	const uint64_t all = UINT64_MAX;
	const struct gms_change none = { FX_RANGE(0, 1), S, 0 };
	struct gms_space *timed;
	struct gms_histogram h;
	uint64_t now = 0;

	timed = timed_space(&now);
	ck_assert_int_eq(gms_share(timed, FX_RANGE(0, 64), NULL), 0);	/* 2 steps */
	ck_assert_int_eq(gms_share(timed, FX_RANGE(0, 64), NULL), 0);	/* 1: nothing changes */
	ck_assert_int_eq(gms_share(timed, FX_RANGE(5000, 1), NULL), -ENOENT);
	ck_assert_int_eq(gms_convert(timed, &none, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_convert(timed, NULL, 0, NULL, NULL), 0);
	ck_assert_int_eq(gms_bitmap_import(timed, FX_RANGE(0, 64), S, 0, 0, &all, GMS_BITMAP_SET,
					   NULL), 0);			/* 2 */
	GMS_INIT(&h);
	ck_assert_int_eq(gms_acct_histogram(timed, GMS_HISTOGRAM_CONVERT_NS, &h), 0);
	ck_assert_uint_eq(h.count, fx_event(timed, GMS_ACCT_CONVERTS));
	ck_assert_uint_eq(h.count, 6);
	ck_assert_uint_eq(h.sum, 800);
	ck_assert_uint_eq(h.bucket[7], 4);	/* 65 to 128 */
	ck_assert_uint_eq(h.bucket[8], 2);
	fx_check(timed);
	gms_space_free(timed);
}
END_TEST

/* --- reports ------------------------------------------------------------- */

struct text {
	char   buf[1 << 17];
	size_t len;
	size_t calls;
	size_t most;	/* calls that are let through */
};

static int take(void *ctx, const char *text, size_t bytes)
{
	struct text *t = ctx;

	ck_assert_uint_lt(t->len + bytes, sizeof(t->buf));
	memcpy(t->buf + t->len, text, bytes);
	t->len += bytes;
	t->buf[t->len] = '\0';
	if (!bytes || text[bytes - 1] != '\n' || memchr(text, '\n', bytes - 1))
		ck_abort_msg("not a line: %.*s", (int)bytes, text);
	return ++t->calls > t->most ? -EPIPE : 0;
}

static void report(uint32_t format, struct text *t)
{
	t->len = 0;
	t->calls = 0;
	t->most = SIZE_MAX;
	ck_assert_int_eq(gms_acct_write(space, format, take, t), 0);
}

static void busy(void)
{
	ck_assert_int_eq(change(7, FX_RANGE(0, 100), S, 0), 0);
	ck_assert_int_eq(change(9, FX_RANGE(8192, 700), S, 0), 0);
	ck_assert_int_eq(change(9, FX_RANGE(8192, 3), 0, S), 0);
	ck_assert_int_eq(gms_acct_charge(space, 7, GMS_ACCT_SYS_IOCTL, 3, 4000000007u), 0);
	ck_assert_int_eq(gms_acct_charge(space, GMS_TAG_OTHER, GMS_ACCT_BYTES_COPIED, 5, 0), 0);
}

/* What a family may have samples of. */
struct family {
	char name[128];
	char type[16];
	double last;		/* of the buckets */
	double last_le;
	double inf;
};

static bool name_ok(const char *name, size_t n)
{
	bool ok = n && (isalpha((unsigned char)name[0]) || name[0] == '_');

	for (size_t i = 0; i < n; i++)
		ok = ok && (isalnum((unsigned char)name[i]) || name[i] == '_');
	return ok;
}

static const char *sample_fits(struct family *f, const char *line)
{
	const size_t n = strcspn(line, "{ "), base = strlen(f->name);
	const char *suffix = line + base, *p = line + n;
	char label[64] = "";
	double value;
	char *end;

	if (!name_ok(line, n) || n < base || strncmp(line, f->name, base))
		return "a sample outside its family";
	if (*p == '{') {
		if (sscanf(p, "{tag=\"%63[^\"]\"}", label) != 1 &&
		    sscanf(p, "{le=\"%63[^\"]\"}", label) != 1)
			return "a label that is none";
		p = strchr(p, '}') + 1;
	}
	value = strtod(p + 1, &end);
	if (*p != ' ' || end == p + 1 || *end || value < 0)
		return "no value";
	if (!strcmp(f->type, "gauge"))
		return n == base ? NULL : "a gauge with a suffix";
	if (!strcmp(f->type, "counter"))
		return !strncmp(suffix, "_total", n - base) && n == base + 6 ? NULL : "no _total";
	if (!strncmp(suffix, "_bucket", 7)) {
		const double le = strtod(label, NULL);	/* knows +Inf */

		if (!label[0] || le <= f->last_le || value < f->last)
			return "buckets that do not grow";
		f->last_le = le;
		f->last = value;
		return NULL;
	}
	if (!strncmp(suffix, "_count", 6))
		return f->last_le > 1e300 && f->last == value ? NULL : "count is not +Inf's bucket";
	return strncmp(suffix, "_sum", 4) ? "a suffix histograms do not have" : NULL;
}

/* The first that is wrong with an exposition, or NULL. */
static const char *openmetrics(char *text, char *where, size_t room)
{
	static char families[512][128];
	struct family f = { .name = "" };
	unsigned nfamilies = 0;
	const char *wrong = NULL;
	bool eof = false;

	for (char *line = text, *next; *line && !wrong; line = next) {
		char name[128], word[128];

		next = line + strcspn(line, "\n");
		*next++ = '\0';	/* take() saw that there is one */
		*where = '\0';
		strncat(where, line, room - 1);
		if (eof)
			return "something after EOF";
		if (!strcmp(line, "# EOF")) {
			eof = true;
		} else if (sscanf(line, "# TYPE %127s %15s", name, f.type) == 2) {
			snprintf(f.name, sizeof(f.name), "%s", name);
			f.last = 0;
			f.last_le = -1;
			for (unsigned i = 0; i < nfamilies; i++) {
				if (!strcmp(families[i], name))
					wrong = "a family twice";
			}
			snprintf(families[nfamilies++ % 512], 128, "%s", name);
			if (strncmp(name, "gmemstate_", 10) || !name_ok(name, strlen(name)))
				wrong = "a name that is none";
		} else if (sscanf(line, "# UNIT %127s %127s", name, word) == 2) {
			const size_t n = strlen(name), u = strlen(word);

			if (strcmp(name, f.name) || n < u + 1 || name[n - u - 1] != '_' ||
			    strcmp(name + n - u, word))
				wrong = "a unit that does not end the name";
		} else if (sscanf(line, "# HELP %127s %127s", name, word) == 2) {
			if (strcmp(name, f.name) || strpbrk(line, "\"\\"))
				wrong = "help for another, or to be escaped";
		} else {
			wrong = sample_fits(&f, line);
		}
	}
	return wrong ? wrong : eof && nfamilies < 512 ? NULL : "no EOF";
}

START_TEST(metrics_are_openmetrics)
{
	static struct text t;
	const char *wrong;
	char where[256];

	busy();
	report(GMS_ACCT_OPENMETRICS, &t);
	ck_assert_ptr_nonnull(strstr(t.buf, "\ngmemstate_shared_pages 797\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\ngmemstate_to_shared_pages_total 800\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\ngmemstate_tag_to_shared_pages_total{tag=\"7\"} 100\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\ngmemstate_tag_copied_bytes_total{tag=\"other\"} 5\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\ngmemstate_sys_ioctl_time_seconds_total 4.000000007\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\ngmemstate_commit_to_shared_pages_bucket"
					    "{le=\"128.0\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\ngmemstate_commit_to_shared_pages_bucket"
					    "{le=\"+Inf\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\n# UNIT gmemstate_metadata_bytes bytes\n"));
	wrong = openmetrics(t.buf, where, sizeof(where));
	ck_assert_msg(!wrong, "%s: %s", wrong, where);
}
END_TEST

START_TEST(checker_sees_what_is_wrong)
{
	static const char *const bad[] = {
		"# TYPE gmemstate_a gauge\ngmemstate_a 1\n",
		"# TYPE gmemstate_a gauge\ngmemstate_a_total 1\n# EOF\n",
		"# TYPE gmemstate_a counter\ngmemstate_a 1\n# EOF\n",
		"# TYPE gmemstate_a counter\n# UNIT gmemstate_a pages\n# EOF\n",
		"# TYPE gmemstate_a gauge\n# TYPE gmemstate_a gauge\n# EOF\n",
		"# TYPE gmemstate_a gauge\ngmemstate_a x\n# EOF\n",
		"# TYPE gmemstate_a histogram\ngmemstate_a_bucket{le=\"1\"} 2\n"
		"gmemstate_a_bucket{le=\"2\"} 1\n# EOF\n",
		"# TYPE gmemstate_a histogram\ngmemstate_a_bucket{le=\"+Inf\"} 2\n"
		"gmemstate_a_count 1\n# EOF\n",
		"# EOF\ngmemstate_a 1\n",
	};
	char text[256], where[256];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s", bad[i]);
		ck_assert_msg(openmetrics(text, where, sizeof(where)) != NULL, "%s", bad[i]);
	}
}
END_TEST

/* Skip one JSON value; NULL: it is none. */
static const char *json_value(const char *p, unsigned depth)
{
	char close = *p == '{' ? '}' : *p == '[' ? ']' : 0;
	bool first = true;

	if (*p >= '0' && *p <= '9')
		return p + strspn(p, "0123456789");
	if (!close || !depth)
		return NULL;
	for (p++;; first = false) {
		p += strspn(p, " \n");
		if (*p == close)
			return p + 1;
		if (!first && *p++ != ',')
			return NULL;
		p += strspn(p, " \n");
		if (close == '}') {
			if (*p++ != '"')
				return NULL;
			p += strspn(p, "abcdefghijklmnopqrstuvwxyz_0123456789");
			if (*p++ != '"' || *p++ != ':')
				return NULL;
			p += strspn(p, " \n");
		}
		p = json_value(p, depth - 1);
		if (!p)
			return NULL;
	}
}

START_TEST(json_is_json)
{
	static struct text t;
	const char *end;

	busy();
	report(GMS_ACCT_JSON, &t);
	end = json_value(t.buf, 8);
	ck_assert_msg(end && !strcmp(end, "\n"), "ends with: %s", end ? end : "nothing");
	ck_assert_ptr_nonnull(strstr(t.buf, "\"shared_pages\": 797\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\"pages_to_shared\": {\"count\": 800}\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\"sys_ioctl\": {\"count\": 3, \"ns\": 4000000007}\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\"9\": {\n \"converts\": {\"count\": 2}\n"));
	ck_assert_ptr_nonnull(strstr(t.buf, "\"to_private\": {\"count\": 1, \"sum\": 3, \"log2\": ["));
}
END_TEST

START_TEST(an_error_of_write_ends_the_report)	/* _i: format */
{
	static struct text t;
	size_t calls;

	busy();
	report((uint32_t)_i, &t);
	calls = t.calls;
	ck_assert_uint_gt(calls, 50);
	for (size_t most = 0; most < calls; most += 1 + most / 4) {
		t.len = t.calls = 0;
		t.most = most;
		ck_assert_int_eq(gms_acct_write(space, (uint32_t)_i, take, &t), -EPIPE);
		ck_assert_uint_eq(t.calls, most + 1);
	}
}
END_TEST

START_TEST(write_refuses_bad_input)
{
	static struct text t;

	ck_assert_int_eq(gms_acct_write(NULL, GMS_ACCT_JSON, take, &t), -EINVAL);
	ck_assert_int_eq(gms_acct_write(space, GMS_ACCT_JSON, NULL, &t), -EINVAL);
	ck_assert_int_eq(gms_acct_write(space, GMS_ACCT_JSON + 1, take, &t), -EINVAL);
	ck_assert_uint_eq(t.calls, 0);
}
END_TEST

START_TEST(reading_and_writing_take_no_memory)
{
	static struct text t;
	struct gms_histogram h;
	uint64_t calls;

	busy();
	calls = mem.calls;
	report(GMS_ACCT_JSON, &t);
	report(GMS_ACCT_OPENMETRICS, &t);
	histogram(0, &h);
	ck_assert_uint_eq(of_tag(7, GMS_ACCT_CONVERTS), 1);
	ck_assert_uint_eq(mem.calls, calls);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("report");
	TCase *tc = fx_case(s, "tags");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, conversions_are_charged_to_their_tag, 0, 2);
	tcase_add_test(tc, batches_refusals_and_pins_are_charged);
	tcase_add_test(tc, each_commit_of_a_batch_has_its_own_tag);
	tcase_add_test(tc, charges_are_for_tag_and_space);
	tcase_add_test(tc, tags_are_listed_in_order);
	tcase_add_test(tc, books_refuse_no_conversion);
	tcase_add_test(tc, tag_calls_refuse_bad_input);
	tcase_add_test(tc, accounts_add_up_when_threads_are_done);
	tc = fx_case(s, "histograms");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, sizes_fall_into_their_buckets, 0, 2);
	tcase_add_test(tc, one_commit_counts_once_in_each_direction);
	tcase_add_test(tc, histogram_refuses_bad_input);
	tcase_add_test(tc, every_conversion_call_is_timed);
	tc = fx_case(s, "reports");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, metrics_are_openmetrics);
	tcase_add_test(tc, checker_sees_what_is_wrong);
	tcase_add_test(tc, json_is_json);
	tcase_add_loop_test(tc, an_error_of_write_ends_the_report, 0, 2);
	tcase_add_test(tc, write_refuses_bad_input);
	tcase_add_test(tc, reading_and_writing_take_no_memory);
	return fx_run(s);
}
