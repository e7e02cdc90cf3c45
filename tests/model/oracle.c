/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle.c - what a space must be, kept the plainest way there is.
 */
#include "touch.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED
#define H	GMS_STATE_HOST_MAPPED
#define A	GMS_STATE_ACCEPTED

void oracle_init(struct oracle *o, uint32_t profile, uint32_t split, uint32_t merge,
		 uint64_t npages)
{
	memset(o, 0, sizeof(*o));
	o->known = GMS_STATE_ALL;
	o->direct_map = ORACLE_ALWAYS;
	if (profile == GMS_PROFILE_GENERIC)
		o->direct_map = ORACLE_TOLD;
	else if (profile == GMS_PROFILE_NO_DIRECT_MAP)
		o->direct_map = ORACLE_FOLLOWS;
	else if (profile == GMS_PROFILE_SECRETMEM)
		o->direct_map = ORACLE_NEVER;
	if (profile != GMS_PROFILE_GENERIC && profile != GMS_PROFILE_CCA)
		o->known &= ~GMS_STATE_DESTROYED;
	if (profile != GMS_PROFILE_GENERIC && profile != GMS_PROFILE_CCA &&
	    profile != GMS_PROFILE_SNP && profile != GMS_PROFILE_TDX)
		o->known &= ~A;
	o->split = split;
	o->merge = merge;
	o->npages = npages;
	o->state = calloc(npages, sizeof(*o->state));
	o->next = calloc(npages, sizeof(*o->next));
	o->order = calloc(npages, sizeof(*o->order));
	o->turned_at = calloc(npages, sizeof(*o->turned_at));
	o->frozen = calloc(npages, sizeof(*o->frozen));
	for (gms_gfn gfn = 0; gfn < npages; gfn++)
		o->state[gfn] = GMS_HOLE;
}

void oracle_free(struct oracle *o)
{
	free(o->state);
	free(o->next);
	free(o->order);
	free(o->turned_at);
	free(o->frozen);
}

bool oracle_meet(struct gms_range a, struct gms_range b)
{
	return a.first < b.first + b.npages && b.first < a.first + a.npages;
}

const struct oracle_region *oracle_region_of(const struct oracle *o, gms_gfn gfn)
{
	for (int i = 0; i < ORACLE_REGIONS; i++)
		if (o->region[i].id && oracle_meet(o->region[i].range, FX_RANGE(gfn, 1)))
			return &o->region[i];
	return NULL;
}

static gms_state direct(const struct oracle *o, gms_state state)
{
	switch (o->direct_map) {
	case ORACLE_ALWAYS:
		return state | D;
	case ORACLE_FOLLOWS:
		return state & S ? state | D : state & ~D;
	case ORACLE_NEVER:
		return state & ~D;
	default:
		return state;
	}
}

static void note_shared_max(struct oracle *o)
{
	uint64_t now = oracle_shared(o, FX_RANGE(0, o->npages));

	if (now > o->shared_max)
		o->shared_max = now;
}

void oracle_region_add(struct oracle *o, struct oracle_region *region, gms_state state)
{
	const struct gms_range range = region->range;

	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++)
		o->state[gfn] = direct(o, state);
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		o->order[gfn] = (uint8_t)region->base_order;
		if (o->split == GMS_SPLIT_ALL_4K && state & S)
			o->order[gfn] = 0;
		o->turned_at[gfn] = 0;
	}
	note_shared_max(o);
}

void oracle_region_remove(struct oracle *o, struct oracle_region *region)
{
	const struct gms_range range = region->range;

	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		o->state[gfn] = GMS_HOLE;
		o->frozen[gfn] = 0;
	}
	region->id = 0;
}

unsigned oracle_order(const struct oracle *o, gms_gfn gfn)
{
	return o->order[gfn];
}

uint64_t oracle_shared(const struct oracle *o, struct gms_range range)
{
	uint64_t n = 0;

	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++)
		n += o->state[gfn] & S;
	return n;
}

bool oracle_pinned(const struct oracle *o, struct gms_range range)
{
	for (int i = 0; i < ORACLE_PINS; i++)
		if (o->pin[i].id && oracle_meet(o->pin[i].range, range))
			return true;
	return false;
}

uint32_t oracle_gup(gms_state state, uint32_t flags)
{
	if (state & GMS_HOLE)
		return GMS_REASON_HOLE;
	if (state & GMS_STATE_POISON)
		return GMS_REASON_POISON;
	if (state & GMS_STATE_FROZEN)
		return GMS_REASON_FROZEN;
	if (state & GMS_STATE_MISSING)
		return GMS_REASON_MISSING;
	if (!(state & S))
		return GMS_REASON_PRIVATE;
	if (!(state & D))
		return GMS_REASON_NO_DIRECT_MAP;
	if (state & GMS_STATE_WRITE_PROTECT && flags & GMS_PIN_WRITE)
		return GMS_REASON_WRITE_PROTECT;
	return GMS_REASON_NONE;
}

/* --- conversions --------------------------------------------------------- */

static void refuse(struct oracle_verdict *v, gms_gfn gfn, int error, uint32_t reason)
{
	v->gfn = gfn;
	v->errors[v->nerrors] = error;
	v->reasons[v->nerrors++] = reason;
}

/* The page after the batch, all rules on; what refuses it goes to @v. */
static gms_state judge_page(struct oracle *o, gms_gfn gfn, gms_state set, gms_state clear,
			    struct oracle_verdict *v)
{
	const gms_state old = o->state[gfn];
	gms_state new = (old | set) & ~clear;

	if (old & GMS_HOLE) {
		refuse(v, gfn, -ENOENT, GMS_REASON_HOLE);
		return old;
	}
	if (clear & P && ((set | (old & P ? 0 : old)) & (A | H | GMS_STATE_DIRTY)))
		v->unclear = true;	/* discard of what was not there, or keeps its marks */
	if (old & ~new & S && (set | clear) & GMS_STATE_FROZEN)
		v->unclear = true;	/* frozen or thawed as it turns */
	if (old & clear & GMS_STATE_POISON && !(new & P) && !(clear & P))
		v->unclear = true;	/* has no memory that could be replaced */

	if (clear & P)
		new &= ~(A | H | GMS_STATE_DIRTY);
	if (old & ~new & S && !(set & H))
		new &= ~H;
	if (new & ~old & S && !(set & A))
		new &= ~A;
	if (o->direct_map != ORACLE_TOLD)
		new = direct(o, new);

	if (!(new & S) && new & H)
		refuse(v, gfn, -EPERM, GMS_REASON_PRIVATE);
	if (new & S && new & A)
		refuse(v, gfn, -EPERM, GMS_REASON_SHARED);
	if (old & ~new & GMS_STATE_POISON && new & P)
		refuse(v, gfn, -EHWPOISON, GMS_REASON_POISON);
	if (old & ~new & S && old & GMS_STATE_FROZEN)
		refuse(v, gfn, -EBUSY, GMS_REASON_FROZEN);
	if (v->nerrors < 4 && (old & ~new & (S | P | D) || new & ~old & GMS_STATE_MISSING) &&
	    oracle_pinned(o, FX_RANGE(gfn, 1)))
		refuse(v, gfn, -EAGAIN, GMS_REASON_PINNED);
	if (v->nerrors < 5 && touch_forbids(o->touch, gfn, old, new))
		refuse(v, gfn, -EAGAIN, GMS_REASON_ACCESS);
	return new;
}

static bool in_range(gms_gfn gfn, const struct gms_change *change)
{
	return gfn - change->range.first < change->range.npages;
}

/* The next page at or after @gfn that a change names, or npages. */
static gms_gfn next_named(const struct oracle *o, const struct gms_change *changes, size_t n,
			  gms_gfn gfn)
{
	gms_gfn best = o->npages;

	for (size_t i = 0; i < n; i++) {
		if (in_range(gfn, &changes[i]))
			return gfn;
		if (changes[i].range.first > gfn && changes[i].range.first < best)
			best = changes[i].range.first;
	}
	return best;
}

static bool touched(gms_state state)
{
	return (state & (S | GMS_STATE_FROZEN)) == S;
}

/* What the host is told of a page: it is mapped, unmapped, or has its attributes set alone. */
enum told { TOLD_NOTHING, TOLD_UNMAP, TOLD_MAP, TOLD_FREEZE, TOLD_THAW, TOLD_ATTRIBUTES };

static enum told told_of(gms_state old, gms_state new)
{
	if (old & ~new & S)
		return TOLD_UNMAP;
	if (new & ~old & S)
		return touched(new) ? TOLD_MAP : TOLD_ATTRIBUTES;
	if (touched(old) == touched(new))
		return TOLD_NOTHING;
	return touched(new) ? TOLD_THAW : TOLD_FREEZE;
}

void oracle_judge(struct oracle *o, const struct gms_change *changes, size_t n,
		  struct oracle_verdict *verdict, struct oracle_did *did)
{
	const struct oracle_region *last_region = NULL, *region = NULL;
	gms_gfn last = UINT64_MAX;
	enum told last_told = TOLD_NOTHING, told;

	memset(verdict, 0, sizeof(*verdict));
	memset(did, 0, sizeof(*did));
	for (gms_gfn gfn = next_named(o, changes, n, 0); gfn < o->npages && !verdict->nerrors;
	     gfn = next_named(o, changes, n, gfn + 1)) {
		gms_state set = 0, clear = 0, old = o->state[gfn], new;

		for (size_t i = 0; i < n; i++)
			if (in_range(gfn, &changes[i])) {
				set = (set & ~changes[i].clear) | changes[i].set;
				clear = (clear & ~changes[i].set) | changes[i].clear;
			}
		new = o->next[gfn] = judge_page(o, gfn, set, clear, verdict);
		did->changed += new != old;
		did->unchanged += new == old;
		did->to_shared += !!(new & ~old & S);
		did->to_private += !!(old & ~new & S);
		told = told_of(old, new);
		if (!told || verdict->nerrors)
			continue;

		if (!region || !oracle_meet(region->range, FX_RANGE(gfn, 1)))
			region = oracle_region_of(o, gfn);
		if (region->hosted) {
			const bool fresh = gfn != last + 1 || told != last_told ||
					   region != last_region;

			did->host_runs += fresh;
			did->seen_runs += fresh && told != TOLD_ATTRIBUTES;
			last = gfn;
			last_told = told;
			last_region = region;
		}
	}
}

static bool mixed(const struct oracle *o, gms_gfn first, uint64_t npages)
{
	uint64_t n = oracle_shared(o, FX_RANGE(first, npages));

	return n && n < npages;
}

/* --- folios, by the policies ---------------------------------------------- */

/* The order of what a folio of this order is cut into. */
static unsigned parts_of(const struct oracle *o, unsigned order)
{
	if (o->split == GMS_SPLIT_HALVES)
		return order - 1;
	return o->split == GMS_SPLIT_LEVELS && order == 18 ? 9 : 0;
}

static unsigned kind_of(const struct oracle *o, unsigned order)
{
	if (o->split == GMS_SPLIT_HALVES)
		return ORACLE_OTHER;
	if (order == 9)
		return ORACLE_2M;
	return o->split == GMS_SPLIT_LEVELS ? ORACLE_1G : ORACLE_OTHER;
}

static void set_order(struct oracle *o, gms_gfn first, unsigned order, unsigned to)
{
	memset(&o->order[first], (int)to, UINT64_C(1) << order);
}

static bool may_be_folio(const struct oracle *o, gms_gfn first, unsigned order)
{
	const uint64_t npages = UINT64_C(1) << order;

	if (o->split == GMS_SPLIT_ALL_4K && order)
		return !oracle_shared(o, FX_RANGE(first, npages));
	return o->split == GMS_SPLIT_NONE || !mixed(o, first, npages);
}

/* Cut the folio that holds a page, and its parts, as far as they may not be. */
static void cut(struct oracle *o, gms_gfn gfn, struct oracle_did *did)
{
	const unsigned order = o->order[gfn], parts = parts_of(o, order);
	const gms_gfn first = gfn >> order << order;

	if (!order || may_be_folio(o, first, order))
		return;
	set_order(o, first, order, parts);
	did->splits[kind_of(o, order)]++;
	for (gms_gfn at = first; parts && at < first + (UINT64_C(1) << order);
	     at += UINT64_C(1) << parts)
		cut(o, at, did);
}

/* Is the block made of whole folios of the next smaller order? */
static bool of_parts(const struct oracle *o, gms_gfn first, unsigned order)
{
	const unsigned parts = parts_of(o, order);

	for (gms_gfn gfn = first; gfn < first + (UINT64_C(1) << order); gfn++)
		if (o->order[gfn] != parts)
			return false;
	return true;
}

/* No page of the block, or of the 2 MiB around it, turned for long enough. */
static bool old_enough(const struct oracle *o, gms_gfn first, unsigned order)
{
	const unsigned around = order < 9 ? 9 : order;
	const gms_gfn from = first >> around << around;

	if (o->merge != GMS_MERGE_DEFERRED)
		return true;
	for (gms_gfn gfn = from; gfn < from + (UINT64_C(1) << around); gfn++)
		if (o->event[GMS_ACCT_COMMITS] - o->turned_at[gfn] < o->merge_after)
			return false;
	return true;
}

static void grow(struct oracle *o, gms_gfn first, unsigned order, struct oracle_did *did)
{
	if (o->order[first] != parts_of(o, order) || !of_parts(o, first, order) ||
	    !may_be_folio(o, first, order) || !old_enough(o, first, order) ||
	    oracle_pinned(o, FX_RANGE(first, UINT64_C(1) << order)))
		return;
	set_order(o, first, order, order);
	did->merges[kind_of(o, order)]++;
}

/* Let blocks around a range grow, the small ones first. */
static void grow_around(struct oracle *o, struct gms_range range, struct oracle_did *did)
{
	const gms_gfn last = range.first + range.npages - 1;

	for (unsigned order = 1; order <= 18; order++) {
		if (o->split != GMS_SPLIT_HALVES && order % 9)
			continue;
		for (gms_gfn b = range.first >> order; b <= last >> order; b++) {
			const struct oracle_region *r = oracle_region_of(o, b << order);

			if (!r || r->base_order < order ||
			    (o->split == GMS_SPLIT_ALL_4K && r->base_order != order))
				continue;
			grow(o, b << order, order, did);
		}
	}
}

/* Bring the folios around a range in line. */
static void settle(struct oracle *o, struct gms_range range, struct oracle_did *did)
{
	if (o->split == GMS_SPLIT_NONE)
		return;
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++)
		cut(o, gfn, did);
	if (o->merge == GMS_MERGE_EAGER)
		grow_around(o, range, did);
}

uint64_t oracle_sum(const uint64_t *by_kind)
{
	return by_kind[ORACLE_1G] + by_kind[ORACLE_2M] + by_kind[ORACLE_OTHER];
}

static void count_folios(struct oracle *o, const struct oracle_did *did)
{
	o->event[GMS_ACCT_SPLITS_1G] += did->splits[ORACLE_1G];
	o->event[GMS_ACCT_SPLITS_2M] += did->splits[ORACLE_2M];
	o->event[GMS_ACCT_SPLITS_OTHER] += did->splits[ORACLE_OTHER];
	o->event[GMS_ACCT_MERGES_1G] += did->merges[ORACLE_1G];
	o->event[GMS_ACCT_MERGES_2M] += did->merges[ORACLE_2M];
	o->event[GMS_ACCT_MERGES_OTHER] += did->merges[ORACLE_OTHER];
}

void oracle_scan(struct oracle *o, struct oracle_did *did)
{
	memset(did, 0, sizeof(*did));
	for (int i = 0; i < ORACLE_REGIONS; i++)
		if (o->region[i].id && o->split != GMS_SPLIT_NONE)
			grow_around(o, o->region[i].range, did);
	count_folios(o, did);
}

/* States and folios after a batch that oracle_judge() found nothing against. */
void oracle_commit(struct oracle *o, const struct gms_change *changes, size_t n,
		   struct oracle_did *did)
{
	gms_gfn gfn, run = UINT64_MAX, end = UINT64_MAX;
	struct gms_range turned[1024];
	size_t nturned = 0;

	for (gfn = next_named(o, changes, n, 0); gfn < o->npages;
	     gfn = next_named(o, changes, n, gfn + 1)) {
		bool turns = (o->state[gfn] ^ o->next[gfn]) & S;

		if ((o->state[gfn] ^ o->next[gfn]) & GMS_STATE_FROZEN)
			o->frozen[gfn] = !!(o->next[gfn] & GMS_STATE_FROZEN);
		o->state[gfn] = o->next[gfn];
		if (!turns)
			continue;
		o->turned_at[gfn] = o->event[GMS_ACCT_COMMITS] + 1;
		if (gfn != end) {
			if (run != UINT64_MAX && nturned < 1024)
				turned[nturned++] = FX_RANGE(run, end - run);
			run = gfn;
		}
		end = gfn + 1;
	}
	if (run != UINT64_MAX && nturned < 1024)
		turned[nturned++] = FX_RANGE(run, end - run);
	if (nturned == 1024) {	/* too ragged to remember: look at everything */
		turned[0] = FX_RANGE(0, o->npages);
		nturned = 1;
	}
	for (size_t i = 0; i < nturned; i++)
		settle(o, turned[i], did);
	note_shared_max(o);

	o->event[GMS_ACCT_COMMITS] += did->changed > 0;
	o->event[GMS_ACCT_PAGES_CHANGED] += did->changed;
	o->event[GMS_ACCT_PAGES_UNCHANGED] += did->unchanged;
	o->event[GMS_ACCT_PAGES_TO_SHARED] += did->to_shared;
	o->event[GMS_ACCT_PAGES_TO_PRIVATE] += did->to_private;
	count_folios(o, did);
}

/* --- pins ---------------------------------------------------------------- */

void oracle_judge_pin(const struct oracle *o, struct gms_range range, uint32_t flags,
		      struct oracle_verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		uint32_t reason = oracle_gup(o->state[gfn], flags);

		if (reason == GMS_REASON_NONE)
			continue;
		refuse(verdict, gfn, reason == GMS_REASON_HOLE	 ? -ENOENT :
				     reason == GMS_REASON_POISON ? -EHWPOISON : -EFAULT, reason);
		return;
	}
}

void oracle_pin(struct oracle *o, struct gms_range range, uint32_t flags, gms_tag tag,
		gms_pin_id id)
{
	for (int i = 0; i < ORACLE_PINS; i++)
		if (!o->pin[i].id) {
			o->pin[i] = (struct oracle_pin){ range, id, tag, flags, o->age++ };
			break;
		}
	o->event[GMS_ACCT_PINS]++;
}

void oracle_unpin(struct oracle *o, struct oracle_pin *pin)
{
	struct oracle_did did = { 0 };

	pin->id = 0;
	o->event[GMS_ACCT_UNPINS]++;
	settle(o, pin->range, &did);
	count_folios(o, &did);
}

/* --- folios -------------------------------------------------------------- */

void oracle_judge_split(const struct oracle *o, gms_gfn gfn, unsigned order,
			struct oracle_verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	if (o->state[gfn] & GMS_HOLE)
		refuse(verdict, gfn, -ENOENT, GMS_REASON_HOLE);
	if (o->split == GMS_SPLIT_NONE) {
		refuse(verdict, gfn, -EOPNOTSUPP, GMS_REASON_NONE);
		verdict->also_fine = !(o->state[gfn] & GMS_HOLE) && oracle_order(o, gfn) <= order;
	}
}

void oracle_split(struct oracle *o, gms_gfn gfn, unsigned order)
{
	struct oracle_did did = { 0 };

	while (o->order[gfn] > order) {
		const unsigned was = o->order[gfn];

		set_order(o, gfn >> was << was, was, parts_of(o, was));
		did.splits[kind_of(o, was)]++;
		o->turned_at[gfn] = o->event[GMS_ACCT_COMMITS];
	}
	count_folios(o, &did);
}

void oracle_judge_merge(const struct oracle *o, gms_gfn gfn, unsigned order,
			struct oracle_verdict *verdict)
{
	const uint64_t npages = UINT64_C(1) << order;
	const gms_gfn first = gfn & ~(npages - 1);
	unsigned base;

	memset(verdict, 0, sizeof(*verdict));
	if (o->state[gfn] & GMS_HOLE) {
		refuse(verdict, gfn, -ENOENT, GMS_REASON_HOLE);
		return;
	}
	base = oracle_region_of(o, gfn)->base_order;
	if (order > base || (o->split == GMS_SPLIT_ALL_4K && order && order != base)) {
		refuse(verdict, gfn, -EINVAL, GMS_REASON_NONE);
		return;
	}
	verdict->also_fine = oracle_order(o, gfn) >= order;
	if (!may_be_folio(o, first, order))
		refuse(verdict, gfn, -EBUSY, GMS_REASON_MIXED);
	if (oracle_pinned(o, FX_RANGE(first, npages)))
		refuse(verdict, gfn, -EAGAIN, GMS_REASON_PINNED);
}

/* Make the block at first one folio, and its parts before it. */
static void merge(struct oracle *o, gms_gfn first, unsigned order, struct oracle_did *did)
{
	const unsigned parts = order ? parts_of(o, order) : 0;

	if (o->order[first] >= order)
		return;
	for (gms_gfn at = first; parts && at < first + (UINT64_C(1) << order);
	     at += UINT64_C(1) << parts)
		merge(o, at, parts, did);
	set_order(o, first, order, order);
	did->merges[kind_of(o, order)]++;
}

void oracle_merge(struct oracle *o, gms_gfn gfn, unsigned order)
{
	struct oracle_did did = { 0 };

	merge(o, gfn >> order << order, order, &did);
	count_folios(o, &did);
}
