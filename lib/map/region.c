/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.c - the region table: which region has this page.
 *
 * Rows lie in order of gfn. A table is never changed while it is current: the
 * next one is written into its spare twin and published with one store of a
 * tagged pointer, so a reader sees every region whole or not at all, and a
 * signal handler that interrupts a writer reads the old table. Tables and word
 * arrays keep their type until the map goes (see base/pool.h for the reason);
 * arrays of removed regions serve later ones of about the same size.
 *
 * Locking: writers hold all stripes.
 */
#include <errno.h>
#include <string.h>

#include "base/debug.h"
#include "map/changes.h"
#include "map/halves.h"
#include "map/turns.h"

#define TABLE_MIN_ROWS	8

/* The table of a map without regions: one empty row, so that readers need not ask. */
static const struct {
	uint64_t header[GMS__CACHE_LINE / sizeof(uint64_t)];
	struct gms__region row;
} no_regions __attribute__((aligned(GMS__CACHE_LINE)));

static size_t table_bytes(uint64_t capacity)
{
	return sizeof(struct gms__table) + capacity * sizeof(struct gms__region);
}

int gms__region_init(struct gms__map *map)
{
	_Static_assert(sizeof(no_regions) == sizeof(struct gms__table) +
					     sizeof(struct gms__region), "a table of one row");

	gms__store(&map->table, gms__word_to(&no_regions));
	return (uint64_t)(uintptr_t)&no_regions & ~GMS__WORD_PTR ? -ENOMEM : 0;
}

static struct gms__table *current(const struct gms__map *map, uint64_t *check)
{
	*check = gms__load(&map->table);
	return gms__word_table(*check);
}

static void copy_row(struct gms__region *to, const struct gms__region *from)
{
	gms__store(&to->first, gms__load(&from->first));
	gms__store(&to->npages, gms__load(&from->npages));
	gms__store(&to->id_order, gms__load(&from->id_order));
	gms__store(&to->backing_id, gms__load(&from->backing_id));
	gms__store(&to->backing_offset_bytes, gms__load(&from->backing_offset_bytes));
	gms__store(&to->hva, gms__load(&from->hva));
	gms__store(&to->words, gms__load(&from->words));
	gms__store(&to->backend, gms__load(&from->backend));
}

bool gms__region_find(const struct gms__map *map, gms_gfn gfn, struct gms__region *row,
		      uint64_t *check)
{
	bool found;

	do {
		const struct gms__table *table = current(map, check);
		const struct gms__region *at = gms__region_around(table, gfn);

		/* A row of no pages ends before every page. */
		if (gms__region_end(at) <= gfn && gms__load(&at->first) <= gfn)
			at++;
		found = at < table->row + gms__load(&table->n);
		if (found)
			copy_row(row, at);
	} while (gms__unlikely(gms__table_changed(map, *check)));
	return found;
}

uint64_t gms__region_pages(const struct gms__map *map, gms_gfn first, gms_gfn end)
{
	struct gms__region row;
	uint64_t check, n = 0;

	while (first < end && gms__region_find(map, first, &row, &check) && row.first < end) {
		first = gms__max(first, row.first);
		n += gms__min(end, row.first + row.npages) - first;
		first = row.first + row.npages;
	}
	return n;
}

bool gms__region_nth(const struct gms__map *map, uint64_t i, struct gms__region *row,
		     uint64_t *check)
{
	for (;;) {
		const struct gms__table *table = current(map, check);
		const uint64_t n = gms__load(&table->n);

		if (i < n)
			copy_row(row, &table->row[i]);
		if (gms__likely(!gms__table_changed(map, *check)))
			return i < n;
	}
}

/* The words, a bit for each of them, and when its blocks turned and changed. */
static size_t words_bytes(const struct gms__map *map, uint64_t class)
{
	const size_t n = (size_t)1 << class;

	return sizeof(struct gms__words) + (n + (n + 63) / 64) * sizeof(uint64_t) +
	       (map->keeps & GMS__KEEPS_TURNS ? gms__turns_bytes(class) : 0) +
	       (map->keeps & GMS__KEEPS_CHANGES ? gms__turns_bytes(class) : 0);
}

static uint64_t gibs_of(const struct gms__region *r)
{
	return ((r->first + r->npages - 1) >> GMS_ORDER_1G) - (r->first >> GMS_ORDER_1G) + 1;
}

static unsigned class_for(uint64_t ngibs)
{
	unsigned class = 0;

	while ((UINT64_C(1) << class) < ngibs)
		class++;
	return class;
}

/*
 * What an insertion needs, had before anything changes. Tables grow in pairs,
 * so that a deletion always finds a spare that is large enough.
 */
struct needs {
	struct gms__words *words;
	struct gms__table *table[2];	/* NULL: the pair there is has room */
};

static struct gms__table *table_new(struct gms__map *map, uint64_t capacity)
{
	struct gms__table *table = gms__mem_alloc(&map->mem, table_bytes(capacity));

	if (table) {
		memset(table, 0, table_bytes(capacity));
		table->capacity = capacity;
	}
	return table;
}

/* A table for no rows is nobody's memory. */
static void table_free(struct gms__map *map, struct gms__table *table)
{
	if (table && table->capacity)
		gms__mem_free(&map->mem, table, table_bytes(table->capacity));
}

static struct gms__words *words_new(struct gms__map *map, unsigned class)
{
	struct gms__words *words = map->arrays[class];

	if (words) {
		map->arrays[class] = (struct gms__words *)words->node.next;
		return words;
	}
	words = gms__mem_alloc(&map->mem, words_bytes(map, class));
	if (words) {
		memset(words, 0, words_bytes(map, class));
		words->class = class;
		words->lit = &words->word[(size_t)1 << class];
		words->turns = (struct gms__turns *)(void *)
			       &words->lit[(((size_t)1 << class) + 63) / 64];
		words->changes = words->turns;
		if (map->keeps & GMS__KEEPS_TURNS)
			words->changes = (struct gms__turns *)(void *)
					 ((char *)words->turns + gms__turns_bytes(class));
		words->all = map->all_arrays;
		map->all_arrays = words;
	}
	return words;
}

uint64_t gms__region_bytes(const struct gms__map *map, gms_gfn first, uint64_t npages)
{
	const struct gms__region r = { .first = first, .npages = npages };

	return words_bytes(map, class_for(gibs_of(&r)));
}

static int needs_get(struct gms__map *map, uint64_t nrows, uint64_t ngibs, struct needs *needs)
{
	const struct gms__table *table = gms__word_table(gms__load(&map->table));
	uint64_t capacity = TABLE_MIN_ROWS;

	memset(needs, 0, sizeof(*needs));
	if (table->capacity < nrows) {
		while (capacity < nrows)
			capacity *= 2;
		needs->table[0] = table_new(map, capacity);
		needs->table[1] = table_new(map, capacity);
		if (!needs->table[0] || !needs->table[1])
			goto no_memory;
	}

	needs->words = words_new(map, class_for(ngibs));
	if (needs->words)
		return 0;

no_memory:
	table_free(map, needs->table[0]);
	table_free(map, needs->table[1]);
	return -ENOMEM;
}

static void retire(struct gms__map *map, struct gms__table *table)
{
	if (table && table->capacity) {
		table->next = map->retired;
		map->retired = table;
	}
}

/* fresh becomes current; what was current becomes the spare. */
static void publish(struct gms__map *map, struct gms__table *fresh)
{
	const struct gms__region *most = fresh->row;
	uint64_t old = gms__load(&map->table);

	for (uint64_t i = 1; i < fresh->n; i++) {
		if (fresh->row[i].npages > most->npages)
			most = &fresh->row[i];
	}
	map->spare = gms__word_table(old);
	/*
	 * A reader loads the table, the number of pages and then the rest. With
	 * the new table it finds no pages, or all that belongs to their number;
	 * with the old one it will find that the table has changed.
	 */
	gms__store(&map->most_npages, 0);
	gms__store(&map->table, gms__word_next(old, gms__word_to(fresh)));
	gms__store(&map->most_first, most->first);
	gms__store(&map->most_words, most->words);
	gms__store(&map->most_npages, most->npages);
}

int gms__region_insert(struct gms__map *map, const struct gms__region *new, gms_state state,
		       bool cut)
{
	const uint64_t word = gms__word_uniform(state) | (cut ? GMS__WORD_SPLIT : 0);
	struct gms__table *old = gms__word_table(gms__load(&map->table)), *fresh;
	const uint64_t n = old->n, ngibs = gibs_of(new);
	struct gms__region row = *new;
	struct gms__words *words;
	struct needs needs;
	uint64_t at = 0;

	if (needs_get(map, n + 1, ngibs, &needs))
		return -ENOMEM;

	words = needs.words;
	row.words = (uint64_t)(uintptr_t)words->word - gms__gib_of(new->first) * sizeof(uint64_t);
	for (uint64_t g = 0; g < ngibs; g++)
		gms__store(&words->word[g], gms__word_next(words->word[g], word));
	for (uint64_t g = 0; g < ngibs; g += 64)
		gms__store(&words->lit[g / 64], state & GMS_STATE_SHARED ? ~UINT64_C(0) : 0);
	gms__changes_note(map, &row, row.first, row.first + row.npages);

	fresh = needs.table[0] ? needs.table[0] : map->spare;
	while (at < n && old->row[at].first < row.first)
		at++;
	for (uint64_t i = 0; i < at; i++)
		copy_row(&fresh->row[i], &old->row[i]);
	copy_row(&fresh->row[at], &row);
	for (uint64_t i = at; i < n; i++)
		copy_row(&fresh->row[i + 1], &old->row[i]);
	gms__store(&fresh->n, n + 1);

	if (needs.table[1]) {
		retire(map, map->spare);
		publish(map, fresh);
		retire(map, map->spare);
		map->spare = needs.table[1];
	} else {
		publish(map, fresh);
	}
	return 0;
}

static void release_tables(struct gms__map *map, const struct gms__region *r)
{
	struct gms__tables hand;

	memset(&hand, 0, sizeof(hand));
	for (uint64_t g = 0; g < gibs_of(r); g++) {
		const uint64_t gib = gms__words_of(r)->word[g];
		struct gms__chunk *chunk;

		if (gms__word_is_uniform(gib))
			continue;
		chunk = gms__word_table(gib);
		gms__store(&chunk->generation, chunk->generation + 1);
		for (unsigned b = 0; b < GMS__CHUNK_BLOCKS; b++) {
			const uint64_t word = chunk->word[b];

			if (gms__block_has_leaf(word))
				gms__stock_push(&hand.leaves[gms__block_class(word)],
						gms__block_leaf(word));
			if (map->keeps & GMS__KEEPS_HALVES && gms__block_is_split(word))
				gms__halves_close(chunk, b, &hand);
		}
		gms__stock_push(&hand.chunks, chunk);
	}
	gms__tables_put(map, &hand);
}

void gms__region_delete(struct gms__map *map, uint32_t id)
{
	struct gms__table *old = gms__word_table(gms__load(&map->table));
	struct gms__table *fresh = map->spare;
	struct gms__region gone;
	struct gms__words *words;
	uint64_t n = 0;

	memset(&gone, 0, sizeof(gone));
	for (uint64_t i = 0; i < old->n; i++) {
		if (gms__region_id(&old->row[i]) == id)
			gone = old->row[i];
		else
			copy_row(&fresh->row[n++], &old->row[i]);
	}
	gms__assert(n + 1 == old->n);
	gms__store(&fresh->n, n);
	if (!n)
		gms__store(&fresh->row[0].npages, 0);
	publish(map, fresh);
	gms__changes_removed(map);

	for (unsigned i = 0; i < GMS__STRIPES; i++)
		memset(map->stripe[i].idle, 0, sizeof(map->stripe[i].idle));
	release_tables(map, &gone);
	words = gms__words_of(&gone);
	words->node.next = (struct gms__node *)map->arrays[words->class];
	map->arrays[words->class] = words;
}

void gms__region_fini(struct gms__map *map)
{
	struct gms__table *table;

	table_free(map, gms__word_table(map->table));
	table_free(map, map->spare);
	while ((table = map->retired)) {
		map->retired = table->next;
		table_free(map, table);
	}
	while (map->all_arrays) {
		struct gms__words *words = map->all_arrays;

		map->all_arrays = words->all;
		gms__mem_free(&map->mem, words, words_bytes(map, words->class));
	}
}
