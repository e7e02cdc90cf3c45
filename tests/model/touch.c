/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * touch.c - the oracle's side of access.h.
 */
#include "touch.h"

#define S	GMS_STATE_SHARED
#define M	GMS_STATE_MISSING
#define F	GMS_STATE_FROZEN
#define P	GMS_STATE_POPULATED
#define WP	GMS_STATE_WRITE_PROTECT

bool touch_forbids(const struct touch *t, gms_gfn gfn, gms_state old, gms_state new)
{
	for (int i = 0; i < TOUCH_ACCESSES; i++) {
		const struct touch_access *a = &t->access[i];

		if (!a->runs || gfn - a->range.first >= a->range.npages)
			continue;
		if (old & ~new & (S | P) || new & ~old & (F | M) ||
		    (a->flags & GMS_ACCESS_WRITE && new & ~old & WP))
			return true;
	}
	return false;
}

bool touch_any(const struct touch *t, struct gms_range range)
{
	for (int i = 0; i < TOUCH_ACCESSES; i++)
		if (t->access[i].runs && oracle_meet(t->access[i].range, range))
			return true;
	return false;
}

static gms_state bit_of(uint32_t reason)
{
	return reason == GMS_REASON_MISSING ? M : WP;
}

void touch_settle(struct touch *t, const struct oracle *o)
{
	for (size_t i = 0; i < t->nfaults;) {
		const struct touch_fault *f = &t->fault[i];
		bool over = true;

		for (uint64_t k = 0; over && k < f->range.npages; k++) {
			const gms_state state = o->state[f->range.first + k];

			over = state & GMS_HOLE || !(state & bit_of(f->reason));
		}
		if (over)
			t->fault[i] = t->fault[--t->nfaults];
		else
			i++;
	}
}

/* Somebody asks for a page. There is room to remember it. */
static void ask(struct touch *t, struct oracle *o, gms_gfn gfn, uint32_t reason, uint32_t flags,
		gms_tag tag, bool counts)
{
	const uint64_t block = oracle_region_of(o, gfn)->fault_order ? FX_2M : 1;
	const gms_gfn first = gfn & ~(block - 1);
	struct touch_fault *f = NULL;

	for (size_t i = 0; i < t->nfaults && !f; i++)
		if (t->fault[i].range.first == first && t->fault[i].reason == reason)
			f = &t->fault[i];
	o->event[f ? GMS_ACCT_FAULTS_MERGED : GMS_ACCT_FAULTS]++;
	if (!f) {
		f = &t->fault[t->nfaults++];
		*f = (struct touch_fault){ FX_RANGE(first, block), gfn, reason, 0, tag, 0,
					   ++t->age, true };
	}
	f->flags |= flags;
	f->waiters += counts;
}

static uint32_t unfit(gms_state state, uint32_t flags)
{
	if (state & GMS_HOLE)
		return GMS_REASON_HOLE;
	if (state & GMS_STATE_POISON)
		return GMS_REASON_POISON;
	if (state & F)
		return GMS_REASON_FROZEN;
	if (state & M)
		return GMS_REASON_MISSING;
	if (!(state & S))
		return GMS_REASON_PRIVATE;
	return flags & GMS_ACCESS_WRITE && state & WP ? GMS_REASON_WRITE_PROTECT : GMS_REASON_NONE;
}

static int error_of(uint32_t reason)
{
	switch (reason) {
	case GMS_REASON_NONE:		return 0;
	case GMS_REASON_HOLE:		return -ENOENT;
	case GMS_REASON_POISON:		return -EHWPOISON;
	case GMS_REASON_FROZEN:		return -EBUSY;
	case GMS_REASON_PRIVATE:	return -EFAULT;
	default:			return -EAGAIN;
	}
}

static void step_begin(struct touch *t, struct oracle *o, struct gms_space *space,
		       struct fx_rand *rand, struct gms_range range, char *line, size_t room)
{
	const uint32_t flags = fx_rand_below(rand, 2) ? GMS_ACCESS_WRITE : 0;
	struct touch_access *a = &t->access[fx_rand_below(rand, TOUCH_ACCESSES)];
	uint32_t reason = GMS_REASON_NONE;
	gms_gfn gfn = range.first;
	int err;

	if (a->runs || t->nfaults == TOUCH_FAULTS)
		return;
	for (; gfn < range.first + range.npages; gfn++) {
		reason = unfit(o->state[gfn], flags);
		if (reason)
			break;
	}
	err = gms_access_begin(space, range, flags, 0, &a->access);
	snprintf(line, room, "access 0x%" PRIx64 "+%" PRIu64 " flags %u = %d", range.first,
		 range.npages, flags, err);
	AGREE(err == error_of(reason), "access: %s, should be %s at 0x%" PRIx64, gms_strerror(err),
	      gms_reason_name(reason), gfn);
	AGREE(a->access.error_reason == reason && a->access.error_gfn == (reason ? gfn : 0),
	      "access: %s at 0x%" PRIx64 ", should be %s at 0x%" PRIx64,
	      gms_reason_name(a->access.error_reason), a->access.error_gfn,
	      gms_reason_name(reason), gfn);
	if (reason == GMS_REASON_MISSING || reason == GMS_REASON_WRITE_PROTECT)
		ask(t, o, gfn, reason, flags, 0, false);
	if (err)
		return;
	a->range = range;
	a->flags = flags;
	a->runs = true;
	o->event[GMS_ACCT_ACCESSES]++;
}

static void step_end(struct touch *t, struct gms_space *space, struct fx_rand *rand, char *line,
		     size_t room)
{
	struct touch_access *a = &t->access[fx_rand_below(rand, TOUCH_ACCESSES)];

	if (!a->runs)
		return;
	gms_access_end(space, &a->access);
	a->runs = false;
	snprintf(line, room, "end 0x%" PRIx64, a->range.first);
}

static void step_raise(struct touch *t, struct oracle *o, struct gms_space *space,
		       struct fx_rand *rand, gms_gfn gfn, char *line, size_t room)
{
	const uint32_t flags = fx_rand_below(rand, 2) ? GMS_ACCESS_WRITE : 0;
	const gms_state state = o->state[gfn];
	const gms_tag tag = fx_rand_below(rand, 5);
	int err, should = -EALREADY;

	if (t->nfaults == TOUCH_FAULTS)
		return;
	if (state & GMS_HOLE)
		should = -ENOENT;
	else if (state & M || (flags && state & WP))
		should = 0;
	err = gms_fault_raise(space, gfn, flags, tag);
	snprintf(line, room, "fault at 0x%" PRIx64 " flags %u = %d", gfn, flags, err);
	AGREE(err == should, "raise: %s, should be %s", gms_strerror(err), gms_strerror(should));
	if (!err)
		ask(t, o, gfn, state & M ? GMS_REASON_MISSING : GMS_REASON_WRITE_PROTECT, flags,
		    tag, true);
}

/* The one that is to come next. */
static struct touch_fault *next(struct touch *t, uint32_t order)
{
	struct touch_fault *best = NULL;

	for (size_t i = 0; i < t->nfaults; i++) {
		struct touch_fault *f = &t->fault[i];

		if (!f->queued)
			continue;
		if (!best || (order == GMS_FAULT_MOST_WAITERS && f->waiters > best->waiters) ||
		    ((order == GMS_FAULT_OLDEST || f->waiters == best->waiters) &&
		     f->age < best->age))
			best = f;
	}
	return best;
}

static void step_next(struct touch *t, struct gms_space *space, struct fx_rand *rand, char *line,
		      size_t room)
{
	const uint32_t order = (uint32_t)fx_rand_below(rand, 2);
	const size_t most = 1 + fx_rand_below(rand, 4);
	struct gms_fault fault[4];
	size_t n = 0;
	const int err = gms_fault_next(space, fault, most, order, 0, &n);

	snprintf(line, room, "next %zu by %u = %d, %zu", most, order, err, n);
	AGREE(err == (next(t, order) ? 0 : -EAGAIN), "next: %s", gms_strerror(err));
	for (size_t i = 0; i < n; i++) {
		struct touch_fault *f = next(t, order);

		AGREE(f && fault[i].gfn == f->gfn && fault[i].range.first == f->range.first &&
		      fault[i].range.npages == f->range.npages && fault[i].reason == f->reason &&
		      fault[i].flags == f->flags && fault[i].waiters == f->waiters &&
		      fault[i].tag == f->tag, "fault at 0x%" PRIx64 ", should be at 0x%" PRIx64,
		      fault[i].gfn, f ? f->gfn : 0);
		f->queued = false;
	}
	AGREE(n == most || !next(t, order), "only %zu faults", n);
}

static void step_again(struct touch *t, struct gms_space *space, struct gms_range range,
		       char *line, size_t room)
{
	const int err = gms_fault_again(space, range);
	bool any = false;

	for (size_t i = 0; i < t->nfaults; i++)
		if (!t->fault[i].queued && oracle_meet(t->fault[i].range, range))
			any = t->fault[i].queued = true;
	snprintf(line, room, "again 0x%" PRIx64 "+%" PRIu64 " = %d", range.first, range.npages, err);
	AGREE(err == (any ? 0 : -ENOENT), "again: %s", gms_strerror(err));
}

static void step_fail(struct touch *t, struct oracle *o, struct gms_space *space,
		      struct gms_range range, char *line, size_t room)
{
	const int err = gms_fault_fail(space, range, -EIO);
	bool any = false;

	for (size_t i = 0; i < t->nfaults;) {
		if (oracle_meet(t->fault[i].range, range)) {
			t->fault[i] = t->fault[--t->nfaults];
			o->event[GMS_ACCT_FAULTS_FAILED]++;
			any = true;
		} else {
			i++;
		}
	}
	snprintf(line, room, "fail 0x%" PRIx64 "+%" PRIu64 " = %d", range.first, range.npages, err);
	AGREE(err == (any ? 0 : -ENOENT), "fail: %s", gms_strerror(err));
}

/* Changes, run by run, of what a page calls for; more than there is room for: -1. */
static int changes_of(const struct oracle *o, struct gms_range range, struct gms_change *change,
		      int most, struct gms_change (*of)(const struct oracle *o, gms_gfn gfn))
{
	int n = 0;

	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		const struct gms_change one = of(o, gfn);

		if (!one.set && !one.clear)
			continue;
		if (n && change[n - 1].range.first + change[n - 1].range.npages == gfn &&
		    change[n - 1].set == one.set && change[n - 1].clear == one.clear) {
			change[n - 1].range.npages++;
			continue;
		}
		if (n == most)
			return -1;
		change[n++] = one;
	}
	return n;
}

static struct gms_change to_thaw(const struct oracle *o, gms_gfn gfn)
{
	return (struct gms_change){ FX_RANGE(gfn, 1), 0, o->frozen[gfn] == 1 ? F : 0 };
}

static struct gms_change to_resolve(const struct oracle *o, gms_gfn gfn)
{
	const bool missing = o->state[gfn] & M;

	return (struct gms_change){ FX_RANGE(gfn, 1), missing ? P : 0, missing ? M : 0 };
}

static struct gms_change to_free(const struct oracle *o, gms_gfn gfn)
{
	const bool missing = o->state[gfn] & M;

	return (struct gms_change){ FX_RANGE(gfn, 1), missing ? P : 0,
				    missing ? M | WP : o->state[gfn] & WP };
}

enum { FREEZE, THAW, MISS, RESOLVE, FREE };

static void step_change(struct oracle *o, struct gms_space *space, struct gms_range range,
			int what, char *line, size_t room)
{
	static const char *const name[] = { "freeze", "thaw", "miss", "resolve", "free" };
	struct gms_change change[64] = { { range, F, 0 } };
	struct gms_convert_result result;
	struct oracle_verdict verdict = { .nerrors = 0 };
	struct oracle_did did = { 0 };
	int n = 1, err = 0;

	if (what == THAW)
		n = changes_of(o, range, change, 64, to_thaw);
	else if (what == MISS)
		change[0] = (struct gms_change){ range, M, P };
	else if (what >= RESOLVE)
		n = changes_of(o, range, change, 64, what == FREE ? to_free : to_resolve);
	if (n < 0)
		return;
	if (n)
		oracle_judge(o, change, (size_t)n, &verdict, &did);
	if (verdict.unclear)
		return;
	did.unchanged = range.npages - did.changed;
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		if (verdict.nerrors && gfn >= verdict.gfn)
			break;
		if (o->state[gfn] & GMS_HOLE || (what == THAW && !o->frozen[gfn])) {
			verdict.nerrors = 1;
			verdict.errors[0] = o->state[gfn] & GMS_HOLE ? -ENOENT : -EALREADY;
			verdict.gfn = gfn;
		}
	}
	GMS_INIT(&result);
	switch (what) {
	case FREEZE:
		err = gms_freeze(space, range, 0, &result);
		break;
	case THAW:
		err = gms_thaw(space, range, &result);
		break;
	case MISS:
		err = gms_miss(space, range, 0, &result);
		break;
	default:
		err = gms_resolve(space, range, what == FREE, &result);
	}
	snprintf(line, room, "%s 0x%" PRIx64 "+%" PRIu64 " = %d", name[what], range.first,
		 range.npages, err);
	if (verdict.nerrors) {
		bool known = false;

		for (unsigned i = 0; i < verdict.nerrors; i++)
			known |= verdict.errors[i] == err;
		AGREE(known && result.error_gfn == verdict.gfn, "%s: %s at 0x%" PRIx64
		      ", should be %s at 0x%" PRIx64, name[what], gms_strerror(err),
		      result.error_gfn, gms_strerror(verdict.errors[0]), verdict.gfn);
		o->event[GMS_ACCT_BLOCKED] += err == -EAGAIN || err == -EBUSY;
		return;
	}
	AGREE(!err, "%s: %s, should succeed", name[what], gms_strerror(err));
	AGREE(result.changed_pages == did.changed && result.unchanged_pages == did.unchanged,
	      "%s changed %" PRIu64 " and not %" PRIu64 ", should be %" PRIu64 " and %" PRIu64,
	      name[what], result.changed_pages, result.unchanged_pages, did.changed,
	      did.unchanged);
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		if (what == FREEZE && o->frozen[gfn])
			o->frozen[gfn]++;
		else if (what == THAW && o->frozen[gfn] > 1)
			o->frozen[gfn]--;
	}
	if (n)
		oracle_commit(o, change, (size_t)n, &did);
	else
		o->event[GMS_ACCT_PAGES_UNCHANGED] += did.unchanged;
	o->event[GMS_ACCT_FREEZES] += what == FREEZE;
	o->event[GMS_ACCT_THAWS] += what == THAW;
}

void touch_step(struct touch *t, struct oracle *o, struct gms_space *space, struct fx_rand *rand,
		struct gms_range range, char *line, size_t room)
{
	switch (fx_rand_below(rand, 16)) {
	case 0: case 1:
		step_begin(t, o, space, rand, FX_RANGE(range.first, range.npages % 64 + 1 <
			   range.npages ? range.npages % 64 + 1 : range.npages), line, room);
		break;
	case 2: case 3: case 4:
		step_end(t, space, rand, line, room);
		break;
	case 5:
		step_raise(t, o, space, rand, range.first, line, room);
		break;
	case 6:
		step_next(t, space, rand, line, room);
		break;
	case 7:
		step_again(t, space, range, line, room);
		break;
	case 8:
		step_fail(t, o, space, range, line, room);
		break;
	case 9: case 10:
		step_change(o, space, range, FREEZE, line, room);
		break;
	case 11: case 12:
		step_change(o, space, range, THAW, line, room);
		break;
	case 13:
		step_change(o, space, range, MISS, line, room);
		break;
	case 14:
		step_change(o, space, range, RESOLVE, line, room);
		break;
	default:
		step_change(o, space, range, FREE, line, room);
	}
	touch_settle(t, o);
}
