/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * simple.c - edits of a block by what its word says, without taking it apart.
 *
 * Runs in the word are joined and cut, bits of a plane change in place, entries
 * of a list are copied into another leaf with the change worked in. What these
 * do not cover, edit.c does run by run.
 */
#include "base/bits.h"
#include "base/debug.h"
#include "map/edit.h"

#define PAGES		((unsigned)GMS__BLOCK_PAGES)
#define PLANE_WORDS	(PAGES / 64)
#define PLACES(word)	((word) & GMS__BLOCK_PLACES)

static bool places(struct gms__edit *e, gms_state base, gms_state other, uint64_t *both)
{
	const int b = gms__palette_place(&e->map->palette, base);
	const int o = gms__palette_place(&e->map->palette, other);

	if (b < 0 || o < 0)
		return false;
	*both = gms__block_places((unsigned)b, (unsigned)o);
	return true;
}

/* A uniform block, changed whole or in one stretch. */
static void look_uniform(struct gms__edit *e)
{
	const gms_state old = gms__block_state(&e->map->palette, *e->at);
	const gms_state new = gms__changed(old, e->set, e->clear);
	uint64_t both;

	e->how = GMS__NOTHING;
	if (old == new)
		return;
	e->how = GMS__NEW_WORD;
	if (gms__edit_whole(e))
		e->word = gms__block_uniform(&e->map->palette, new);
	else if (places(e, old, new, &both))
		e->word = gms__block_runs(both, e->first, e->end, PAGES, PAGES);
	else
		e->how = GMS__APART;
	gms__edit_turns(e, old, new, e->end - e->first);
}

static inline struct gms__two_states two_states(const struct gms__edit *e)
{
	return gms__block_two_states(&e->map->palette, *e->at, e->set, e->clear);
}

/* The runs of one state in a block; three at most are ever here. */
struct few {
	unsigned n;
	unsigned npages;
	unsigned border[6];
};

static void few_add(struct few *few, unsigned first, unsigned end)
{
	if (first < end) {
		few->border[2 * few->n] = first;
		few->border[2 * few->n + 1] = end;
		few->n++;
		few->npages += end - first;
	}
}

/* With [first, end) added; runs that it meets or touches become one. */
static struct few few_join(const struct gms__two_runs *r, unsigned first, unsigned end)
{
	const bool one = r->e1 >= first && r->s1 <= end;
	const bool two = r->s2 < PAGES && r->e2 >= first && r->s2 <= end;
	struct few few = { 0 };

	if (one) {
		first = r->s1 < first ? r->s1 : first;
		end = r->e1 > end ? r->e1 : end;
	}
	if (two) {
		first = r->s2 < first ? r->s2 : first;
		end = r->e2 > end ? r->e2 : end;
	}
	if (!one && r->e1 < first)
		few_add(&few, r->s1, r->e1);
	if (!two && r->e2 < first)
		few_add(&few, r->s2, r->e2);
	few_add(&few, first, end);
	if (!one && r->s1 > end)
		few_add(&few, r->s1, r->e1);
	if (!two && r->s2 > end)
		few_add(&few, r->s2, r->e2);
	return few;
}

static void few_keep(struct few *few, unsigned s, unsigned e, unsigned first, unsigned end)
{
	few_add(few, s, e < first ? e : first);
	few_add(few, s > end ? s : end, e);
}

/* With [first, end) taken out. */
static struct few few_cut(const struct gms__two_runs *r, unsigned first, unsigned end)
{
	struct few few = { 0 };

	few_keep(&few, r->s1, r->e1, first, end);
	few_keep(&few, r->s2, r->e2, first, end);
	return few;
}

/* Runs that grow, shrink, come and go, between the two states that there are. */
static void look_runs(struct gms__edit *e)
{
	const struct gms__two_states s = two_states(e);
	const uint64_t word = *e->at;
	const struct gms__two_runs r = gms__block_two_runs(word);
	const unsigned before = r.e1 - r.s1 + r.e2 - r.s2;
	struct few new;

	e->how = GMS__NOTHING;
	if (gms__two_stay(&s))
		return;
	e->how = GMS__APART;
	if (!gms__two_join(&s))
		return;
	new = s.new_base == s.base ? few_cut(&r, e->first, e->end) :
				     few_join(&r, e->first, e->end);

	e->how = new.npages == before ? GMS__NOTHING :
		 new.n < 3 ? GMS__NEW_WORD : GMS__NEW_PLANE;
	if (new.npages > before)
		gms__edit_turns(e, s.base, s.other, new.npages - before);
	else if (new.npages < before)
		gms__edit_turns(e, s.other, s.base, before - new.npages);
	if (!new.npages) {
		e->word = gms__block_uniform(&e->map->palette, s.base);
	} else if (new.npages == e->hi - e->lo) {
		e->word = gms__block_uniform(&e->map->palette, s.other);
	} else if (new.n < 3) {
		e->word = gms__block_runs(PLACES(word), new.border[0], new.border[1],
					  new.n > 1 ? new.border[2] : PAGES,
					  new.n > 1 ? new.border[3] : PAGES);
	} else if (new.border[0] == e->lo && new.border[5] == e->hi) {
		/* Three runs from edge to edge leave two between them. */
		e->how = GMS__NEW_WORD;
		e->word = gms__block_runs(gms__block_places(gms__block_other(word),
							    gms__block_base(word)),
					  new.border[1], new.border[2], new.border[3],
					  new.border[4]);
	} else {
		e->word = PLACES(word);
		for (unsigned i = 0; i < 6; i++)
			e->border[i] = new.border[i];
	}
}

/* Bits [first, end) of word w of a plane; not none of them. */
static uint64_t bits_of(unsigned w, unsigned first, unsigned end)
{
	const unsigned from = first > w * 64 ? first : w * 64;
	const unsigned to = end < w * 64 + 64 ? end : w * 64 + 64;

	return ~UINT64_C(0) >> (64 - (to - from)) << from % 64;
}

/* Bits of a plane, in place. */
static void look_plane(struct gms__edit *e)
{
	const struct gms__two_states s = two_states(e);
	const uint64_t *plane = gms__block_leaf(*e->at);
	unsigned turned = 0;
	uint64_t ones;

	e->how = GMS__NOTHING;
	if (gms__two_stay(&s))
		return;
	e->how = GMS__APART;
	if (!gms__two_join(&s))
		return;
	ones = s.new_base == s.other ? ~UINT64_C(0) : 0;
	for (unsigned w = e->first / 64; w <= (e->end - 1) / 64; w++) {
		const uint64_t turns = (plane[w] ^ ones) & bits_of(w, e->first, e->end);

		turned += turns & (turns - 1) ? gms__bits(turns) : turns != 0;
	}
	e->how = turned ? GMS__BITS : GMS__NOTHING;
	e->word = ones;
	if (turned)
		gms__edit_turns(e, ones ? s.base : s.other, ones ? s.other : s.base, turned);
}

/* A block of two states, changed whole: other places, the same bits or runs. */
static void look_places(struct gms__edit *e)
{
	const struct gms__two_states s = two_states(e);
	const uint64_t word = *e->at;
	uint64_t both = 0;
	unsigned n;

	e->how = GMS__NOTHING;
	if (gms__two_stay(&s))
		return;
	e->how = GMS__APART;
	if (s.new_base != s.new_other && !places(e, s.new_base, s.new_other, &both))
		return;
	e->how = GMS__NEW_WORD;
	n = gms__block_others(word, e->map->bulk, e->lo, e->hi);
	if (s.new_base != s.base)
		gms__edit_turns(e, s.base, s.new_base, e->hi - e->lo - n);
	if (s.new_other != s.other)
		gms__edit_turns(e, s.other, s.new_other, n);
	e->word = s.new_base == s.new_other ? gms__block_uniform(&e->map->palette, s.new_base) :
					      (word & ~GMS__BLOCK_PLACES) | both;
}

void gms__edit_look(struct gms__edit *e)
{
	switch (gms__block_kind(*e->at)) {
	case GMS__UNIFORM:
	case GMS__PLAIN:
		look_uniform(e);
		break;
	case GMS__RUNS:
		if (gms__edit_whole(e))
			look_places(e);
		else
			look_runs(e);
		break;
	case GMS__PLANE:
		if (gms__edit_whole(e))
			look_places(e);
		else
			look_plane(e);
		break;
	case GMS__LIST16:
	case GMS__LIST32:
		gms__edit_look_list(e);
		break;
	case GMS__BYTES:
		gms__edit_look_bytes(e);
		break;
	default:
		e->how = GMS__APART;
	}
}

/*
 * A plane that has become simple: one state, or one short run of the second,
 * goes back into the word. Two runs stay a plane: the third would come again.
 */
static void settle(struct gms__edit *e, struct gms__tables *tables)
{
	struct gms__palette *palette = &e->map->palette;
	const uint64_t word = *e->at, *plane = gms__block_leaf(word);
	unsigned nonzero = 0, last = 0;

	for (unsigned w = 0; w < PLANE_WORDS; w++) {
		if (plane[w]) {
			nonzero++;
			last = w;
		}
	}
	e->delta = (struct gms__delta){ { 0 } };
	if (!nonzero) {
		gms__edit_publish(e, gms__block_uniform(palette,
				gms__palette_state(palette, gms__block_base(word))), tables);
	} else if (e->map->bulk->plane_count(plane) == e->hi - e->lo) {
		gms__edit_publish(e, gms__block_uniform(palette,
				gms__palette_state(palette, gms__block_other(word))), tables);
	} else if (nonzero == 1) {
		const uint64_t x = plane[last], low = x & -x;
		const unsigned first = last * 64 + (unsigned)__builtin_ctzll(x);

		if (!((x + low) & x))
			gms__edit_publish(e, gms__block_runs(PLACES(word), first,
							     first + gms__bits(x), PAGES,
							     PAGES), tables);
	}
}

static void do_bits(struct gms__edit *e, struct gms__tables *tables)
{
	const uint64_t ones = e->word;
	uint64_t *plane = gms__block_leaf(*e->at), bits;
	bool full = e->hi - e->lo < PAGES;	/* at a region's border no word need be full */

	gms__edit_counts(e, true);
	for (unsigned w = e->first / 64; w <= (e->end - 1) / 64; w++) {
		bits = bits_of(w, e->first, e->end);
		bits = (plane[w] & ~bits) | (ones & bits);
		full |= bits == ones;
		gms__store(&plane[w], bits);
	}
	gms__edit_counts(e, false);
	if (full)
		settle(e, tables);
}

static uint64_t fill_plane(const struct gms__edit *e, uint64_t *plane)
{
	for (unsigned w = 0; w < PLANE_WORDS; w++) {
		uint64_t bits = 0;

		for (unsigned i = 0; i < 6; i += 2) {
			if (e->border[i] < w * 64 + 64 && e->border[i + 1] > w * 64)
				bits |= bits_of(w, e->border[i], e->border[i + 1]);
		}
		gms__store(&plane[w], bits);
	}
	return GMS__PLANE | e->word | (uint64_t)(uintptr_t)plane;
}

static uint64_t fill_list(const struct gms__edit *e, uint16_t *leaf)
{
	const unsigned length = e->how == GMS__NEW_LIST16 ? 16 : 32;

	for (unsigned i = 0; i < length; i++)
		gms__store(&leaf[i], e->entry[i < e->nruns ? i : e->nruns - 1]);
	return (e->how == GMS__NEW_LIST16 ? GMS__LIST16 : GMS__LIST32) |
	       (uint64_t)(uintptr_t)leaf;
}

void gms__edit_do(struct gms__edit *e, struct gms__tables *tables)
{
	const int class = gms__edit_class(e);
	void *leaf = NULL;

	if (e->how == GMS__NOTHING)
		return;
	if (e->how == GMS__IN_BYTES) {
		gms__edit_do_bytes(e, tables);
		return;
	}
	e->delta = (struct gms__delta){ { 0 } };
	for (unsigned i = 0; i < e->nturned; i++) {
		const struct gms__turned *t = &e->turned[i];
		const int32_t n = (int32_t)t->npages;

		if (__builtin_expect((t->from ^ t->to) == GMS_STATE_SHARED, 1))
			e->delta.pages[GMS__COUNT_SHARED] += t->to & GMS_STATE_SHARED ? n : -n;
		else
			gms__delta_turn(&e->delta, t->from, t->to, t->npages);
	}
	if (e->how == GMS__BITS) {
		do_bits(e, tables);
		return;
	}
	if (class >= 0) {
		leaf = gms__stock_pop(&tables->leaves[class]);
		gms__assert(leaf);
		e->word = e->how == GMS__NEW_PLANE ? fill_plane(e, leaf) : fill_list(e, leaf);
	}
	gms__edit_publish(e, e->word, tables);
}
