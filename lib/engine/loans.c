/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans.c - the loans of a space: leaves, cells, idle pages, and what others
 * ask of them; see loans.h.
 */
#include "engine/loans.h"

#include <string.h>

#include "base/debug.h"
#include "engine/space.h"

/* What a shard is before it is lent from: nothing to be found, and never written to. */
static const struct gms__loan_shard none = {
	.oldest = GMS__NO_PAGE,
	.latest = GMS__NO_PAGE,
};

#define NONE	((struct gms__loan_shard *)(uintptr_t)&none)

bool gms__loans_make(struct gms__loans *loans, struct gms__mem *mem, unsigned s)
{
	struct gms__loan_shard *shard = gms__mem_alloc(mem, sizeof(*shard));

	if (!shard)
		return false;
	memcpy(shard, &none, sizeof(none));
	gms__store(&loans->shard[s], shard);
	__atomic_or_fetch(&loans->made, UINT64_C(1) << s, __ATOMIC_RELEASE);
	return true;
}

int gms__loans_init(struct gms__loans *loans, const struct gms_space_opts *opts)
{
	_Static_assert(sizeof(struct gms__leaf) % GMS__CACHE_LINE == 0, "leaves are aligned");
	_Static_assert(GMS_ACCT_RECLAIMED_PAGES - GMS_ACCT_LENDS ==
		       GMS__RECLAIMED_PAGES - GMS__LENDS, "counts are in the ledger's order");
	_Static_assert(GMS__SLOT_BITS + GMS__LEAF_ORDER <= GMS__PAGE_BITS, "a page has a number");
	memset(loans, 0, sizeof(*loans));
	loans->policy = opts->lend_policy;
	loans->most_idle = opts->lend_idle_pages;
	loans->oldest_ns = opts->lend_idle_ns;
	for (unsigned s = 0; s < GMS__LOAN_SHARDS; s++)
		loans->shard[s] = NONE;
	return gms__lock_init(&loans->wide, GMS__RANK_LOANS, 0);
}

void gms__loans_fini(struct gms__loans *loans, struct gms__mem *mem)
{
	for (unsigned s = 0; s < GMS__LOAN_SHARDS; s++) {
		struct gms__loan_shard *shard = loans->shard[s];

		gms__slots_fini(&shard->slots, mem);
		gms__slabs_fini(&shard->leaves, sizeof(struct gms__leaf), mem);
		gms__hash_fini(&shard->table, mem);
		if (shard != NONE)
			gms__mem_free(mem, shard, sizeof(*shard));
	}
	gms__lock_fini(&loans->wide);
}

/* --- leaves -------------------------------------------------------------- */

static struct gms__leaf *fresh_leaf(struct gms__loan_shard *shard, struct gms__mem *mem)
{
	struct gms__leaf *leaf;

	if (shard->nleaves == GMS__SLOTS - 1 ||
	    !gms__slabs_ready(&shard->leaves, shard->nleaves, sizeof(*leaf), mem))
		return NULL;
	leaf = gms__slabs_at(&shard->leaves, shard->nleaves, sizeof(*leaf));
	memset(leaf, 0, sizeof(*leaf));
	leaf->index = shard->nleaves++;
	leaf->next_free = shard->free;
	shard->free = leaf;
	return leaf;
}

struct gms__leaf *gms__leaf_open(struct gms__loan_shard *shard, struct gms__mem *mem,
				 gms_gfn gfn)
{
	struct gms__leaf *leaf = gms__leaf_find(shard, gfn);

	if (leaf)
		return leaf;
	if (!gms__hash_ready(&shard->table, mem) ||
	    (!shard->free && !fresh_leaf(shard, mem)))
		return NULL;
	leaf = shard->free;
	shard->free = leaf->next_free;
	leaf->number = gfn >> GMS__LEAF_ORDER;
	leaf->placed = true;
	gms__hash_put(&shard->table, leaf->number, leaf);
	shard->nempty++;
	return leaf;
}

#define FEW_LEAVES	16u

void gms__leaves_sweep(struct gms__loan_shard *shard)
{
	if (shard->free || shard->nempty < FEW_LEAVES || 2 * shard->nempty < shard->table.n)
		return;
	/* None is free, so all there are are in the table. */
	for (uint32_t i = 0; i < shard->nleaves; i++) {
		struct gms__leaf *leaf = gms__slabs_at(&shard->leaves, i, sizeof(*leaf));

		if (leaf->nused)
			continue;
		gms__assert(!leaf->loans);
		gms__hash_drop(&shard->table, leaf->number);
		leaf->placed = false;
		leaf->next_free = shard->free;
		shard->free = leaf;
	}
	shard->nempty = 0;
}

void gms__leaves_begin(struct gms__leaves *it, const struct gms__loan_shard *shard,
		       gms_gfn first, gms_gfn end)
{
	it->shard = shard;
	it->first = first >> GMS__LEAF_ORDER;
	it->last = (end - 1) >> GMS__LEAF_ORDER;
	it->ascending = it->last - it->first < gms__hash_places(&shard->table);
	it->at = it->ascending ? it->first : 0;
}

struct gms__leaf *gms__leaves_next(struct gms__leaves *it)
{
	const struct gms__hash *table = &it->shard->table;
	struct gms__leaf *leaf;

	if (it->ascending) {
		while (it->at <= it->last) {
			leaf = gms__hash_find(table, it->at++);
			if (leaf && leaf->nused)
				return leaf;
		}
		return NULL;
	}
	while (it->at < gms__hash_places(table)) {
		leaf = table->place[it->at++].value;
		if (leaf && leaf->nused && leaf->number >= it->first && leaf->number <= it->last)
			return leaf;
	}
	return NULL;
}

/* --- idle pages ---------------------------------------------------------- */

static uint64_t idle_cell(uint32_t before, uint32_t after)
{
	return GMS__CELL_OURS | GMS__CELL_IDLE | (uint64_t)before << GMS__PAGE_BITS | after;
}

static uint32_t before(uint64_t cell)
{
	return cell >> GMS__PAGE_BITS & GMS__NO_PAGE;
}

static uint32_t after(uint64_t cell)
{
	return cell & GMS__NO_PAGE;
}

static uint64_t *cell_at(struct gms__loan_shard *shard, uint32_t page)
{
	return &gms__page_leaf(shard, page)->cell[page % GMS__LEAF_PAGES];
}

void gms__idle_push(struct gms__loan_shard *shard, struct gms__leaf *leaf, unsigned i,
		    uint64_t since, struct gms__cell_sums *sums)
{
	const uint32_t page = leaf->index << GMS__LEAF_ORDER | i, last = shard->latest;

	if (last == GMS__NO_PAGE) {
		shard->oldest = page;
	} else {
		uint64_t *cell = cell_at(shard, last);

		*cell = idle_cell(before(*cell), page);
		/* A clock that went back makes nobody younger than who came later. */
		since = gms__max(since, gms__page_leaf(shard, last)->since[last % GMS__LEAF_PAGES]);
	}
	shard->latest = page;
	leaf->since[i] = since;
	gms__cell_set(shard, leaf, i, idle_cell(last, GMS__NO_PAGE), sums);
	gms__store(&shard->nidle, shard->nidle + 1);
	sums->idle_pages++;
}

void gms__idle_pull(struct gms__loan_shard *shard, struct gms__leaf *leaf, unsigned i,
		    uint64_t cell, struct gms__cell_sums *sums)
{
	const uint32_t prev = before(leaf->cell[i]), next = after(leaf->cell[i]);

	if (prev == GMS__NO_PAGE)
		shard->oldest = next;
	else
		*cell_at(shard, prev) = idle_cell(before(*cell_at(shard, prev)), next);
	if (next == GMS__NO_PAGE)
		shard->latest = prev;
	else
		*cell_at(shard, next) = idle_cell(prev, after(*cell_at(shard, next)));
	gms__cell_set(shard, leaf, i, cell, sums);
	gms__store(&shard->nidle, shard->nidle - 1);
	sums->idle_pages--;
}

uint64_t gms__loans_now(struct gms_space *space)
{
	const struct gms__ledger *ledger = &space->ledger;

	return ledger->now_ns ? ledger->now_ns(ledger->ctx) : gms__add(&space->loans.tick, 1);
}

void gms__cells_account(struct gms_space *space, unsigned s, struct gms__cell_sums *sums)
{
	struct gms__loan_shard *shard = space->loans.shard[s];
	const uint64_t idle = sums->idle_pages;

	if (sums->lent_pages)
		gms__loan_count(shard, GMS__LENT_PAGES, sums->lent_pages);
	if (sums->slack_bytes)
		gms__loan_count(shard, GMS__SLACK_BYTES, sums->slack_bytes);
	if (!idle)
		return;
	gms__loan_count(shard, GMS__IDLE_PAGES, idle);
	gms__add(&space->loans.nidle, idle);
	if (!space->ledger.now_ns)
		return;
	if (!sums->now)
		sums->now = gms__loans_now(space);
	gms__exposed_step(&shard->idle, sums->now, idle, 0);
}

uint64_t gms__loans_sum(const struct gms_space *space, unsigned which)
{
	uint64_t sum = 0;

	for (unsigned s = 0; s < GMS__STRIPES; s++)
		sum += gms__load(&gms__load(&space->loans.shard[s])->count[which]);
	return sum;
}

void gms__loans_read(const struct gms_space *space, struct gms_lend_gauges *gauges)
{
	const struct gms__loans *loans = &space->loans;

	for (uint64_t set = gms__load(&loans->made) & GMS__ALL_STRIPES; set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);
		const struct gms__loan_shard *shard = gms__load(&loans->shard[s]);

		gauges->loans += gms__load(&shard->count[GMS__LOANS]);
		gauges->lent_bytes += gms__load(&shard->count[GMS__LENT_BYTES]);
		gauges->lent_pages += gms__load(&shard->count[GMS__LENT_PAGES]);
		gauges->idle_pages += gms__load(&shard->count[GMS__IDLE_PAGES]);
		gauges->slack_bytes += gms__load(&shard->count[GMS__SLACK_BYTES]);
	}
}

uint64_t gms__loans_events(const struct gms_space *space, uint32_t kind)
{
	uint64_t sum = gms__ledger_events(&space->ledger, kind);

	if (kind >= GMS_ACCT_LENDS && kind <= GMS_ACCT_RECLAIMED_PAGES)
		sum += gms__loans_sum(space, GMS__LENDS + (kind - GMS_ACCT_LENDS));
	return sum;
}

static unsigned __int128 idle_time(const struct gms_space *space)
{
	const struct gms__ledger *ledger = &space->ledger;
	const uint64_t now = ledger->now_ns ? ledger->now_ns(ledger->ctx) : 0;
	unsigned __int128 sum = 0;

	for (unsigned s = 0; ledger->now_ns && s < GMS__STRIPES; s++)
		sum += gms__exposed_read(&gms__load(&space->loans.shard[s])->idle, now);
	return sum;
}

void gms__loans_acct(const struct gms_space *space, struct gms_acct *acct)
{
	const unsigned __int128 time = idle_time(space);

	acct->loans = gms__loans_sum(space, GMS__LOANS);
	acct->lent_bytes = gms__loans_sum(space, GMS__LENT_BYTES);
	acct->lent_pages = gms__loans_sum(space, GMS__LENT_PAGES);
	acct->idle_pages = gms__loans_sum(space, GMS__IDLE_PAGES);
	acct->slack_bytes = gms__loans_sum(space, GMS__SLACK_BYTES);
	acct->idle_page_ns = (uint64_t)time;
	acct->idle_page_ns_high = (uint64_t)(time >> 64);
	for (uint32_t kind = GMS_ACCT_LENDS; kind <= GMS_ACCT_RECLAIMED_PAGES; kind++)
		acct->event[kind].count = gms__loans_events(space, kind);
}

/* --- what others ask ----------------------------------------------------- */

static void first_in(const struct gms__loan_shard *shard, gms_gfn first, gms_gfn end, gms_gfn *gfn)
{
	struct gms__leaves it;
	struct gms__leaf *leaf;
	unsigned lo, hi;

	gms__leaves_begin(&it, shard, first, end);
	while ((leaf = gms__leaves_next(&it))) {
		for (gms__leaf_clip(leaf, first, gms__min(end, *gfn), &lo, &hi); lo < hi; lo++) {
			if (!gms__cell_is_lent(leaf->cell[lo]))
				continue;
			*gfn = gms__page_gfn(leaf, lo);
			if (it.ascending)
				return;
			break;
		}
	}
}

static void forget_in(struct gms_space *space, unsigned s, gms_gfn first, gms_gfn end)
{
	struct gms__loan_shard *shard = space->loans.shard[s];
	struct gms__cell_sums sums = { 0 };
	struct gms__leaves it;
	struct gms__leaf *leaf;
	unsigned i, hi;

	gms__leaves_begin(&it, shard, first, end);
	while ((leaf = gms__leaves_next(&it))) {
		for (gms__leaf_clip(leaf, first, end, &i, &hi); i < hi; i++) {
			const uint64_t cell = leaf->cell[i];

			if (cell & GMS__CELL_IDLE)
				gms__idle_pull(shard, leaf, i, 0, &sums);
			else if (cell & GMS__CELL_COUNT)
				gms__cell_set(shard, leaf, i, cell & ~GMS__CELL_OURS, &sums);
		}
	}
	gms__cells_account(space, s, &sums);
}

/*
 * Where a stripe has no loans that is all there is to know; an owner looks
 * before it waits for the stripe, for nobody lends in his GiB.
 */
static bool enter(struct gms_space *space, unsigned s, bool owns)
{
	const struct gms__loan_shard *shard = gms__load(&space->loans.shard[s]);

	if (!gms__load(&shard->here))
		return false;
	if (owns)
		gms__lock(&space->map.stripe[s].lock);
	return true;
}

static void leave(struct gms_space *space, unsigned s, bool owns)
{
	if (owns)
		gms__unlock(&space->map.stripe[s].lock);
}

bool gms__loans_first(struct gms_space *space, gms_gfn first, gms_gfn end, bool owns,
		      gms_gfn *gfn)
{
	const struct gms_range range = { first, end - first };
	gms_gfn lowest = end;

	for (uint64_t set = gms__map_stripes(range); set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);

		if (!enter(space, s, owns))
			continue;
		first_in(space->loans.shard[s], first, lowest, &lowest);
		leave(space, s, owns);
		if (lowest == first)
			break;
	}
	if (lowest < end)
		*gfn = lowest;
	return lowest < end;
}

void gms__loans_forget(struct gms_space *space, gms_gfn first, gms_gfn end, bool owns)
{
	const struct gms_range range = { first, end - first };

	for (uint64_t set = gms__map_stripes(range); set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);

		if (!enter(space, s, owns))
			continue;
		forget_in(space, s, first, end);
		leave(space, s, owns);
	}
}

/* --- who holds what ------------------------------------------------------ */

struct listing {
	struct gms_loan_info *buf;
	size_t	nbuf;
	size_t	found;
	unsigned s;
};

static void list_one(struct gms__inode *node, void *ctx)
{
	const struct gms__claim *loan = (const struct gms__claim *)node;
	struct listing *list = ctx;
	struct gms_loan_info *info;

	if (list->found++ >= list->nbuf)
		return;
	info = &list->buf[list->found - 1];
	info->gpa = gms__loan_gpa(loan);
	info->bytes = gms__loan_bytes(loan);
	info->id = gms__slot_id(loan, list->s);
	info->tag = loan->tag;
	info->dir = loan->flags;
	info->reserved = 0;
}

static void list_short(struct listing *list, const struct gms__loan_shard *shard, gms_gfn first,
		       gms_gfn end)
{
	const gms_gfn reach = GMS__LEAF_PAGES - 1;	/* a short loan ends so far behind */
	struct gms__leaves it;
	struct gms__leaf *leaf;

	gms__leaves_begin(&it, shard, first > reach ? first - reach : 0, end);
	while ((leaf = gms__leaves_next(&it))) {
		for (struct gms__inode *node = leaf->loans; node; node = node->right) {
			if (node->first < end && first < node->end)
				list_one(node, list);
		}
	}
}

size_t gms__loans_list(struct gms_space *space, struct gms_range range,
		       struct gms_loan_info *buf, size_t nbuf)
{
	const uint64_t stripes = gms__map_stripes(range);
	const gms_gfn first = range.first, end = first + range.npages;
	struct gms__loans *loans = &space->loans;
	struct listing list = { .buf = buf, .nbuf = nbuf };

	gms__map_lock_stripes(&space->map, stripes);
	for (uint64_t set = stripes; set; set &= set - 1) {
		list.s = (unsigned)__builtin_ctzll(set);
		list_short(&list, loans->shard[list.s], first, end);
		gms__itree_visit(loans->shard[list.s]->root, first, end, list_one, &list);
	}
	list.s = GMS__WIDE_LOANS;
	gms__lock(&loans->wide);
	gms__itree_visit(loans->shard[list.s]->root, first, end, list_one, &list);
	gms__unlock(&loans->wide);
	gms__map_unlock(&space->map, stripes);
	return list.found;
}
