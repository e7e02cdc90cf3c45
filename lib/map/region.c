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
#include "map/map.h"

#define TABLE_MIN_ROWS	8

/* In front of a word array; writers only. */
struct array {
	struct gms__node node;		/* on a free list */
	struct gms__node *all;		/* on the list of all */
	uint64_t	 class;
	char		 pad[GMS__CACHE_LINE - sizeof(struct gms__node) - sizeof(void *) -
			     sizeof(uint64_t)];
};

static size_t table_bytes(uint64_t capacity)
{
	return sizeof(struct gms__table) + capacity * sizeof(struct gms__region);
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
	gms__store(&to->word, gms__load(&from->word));
	gms__store(&to->backend, gms__load(&from->backend));
}

bool gms__region_find(const struct gms__map *map, gms_gfn gfn, struct gms__region *row,
		      uint64_t *check)
{
	const struct gms__region *at;

	do {
		at = gms__region_of(map, gfn, check);
		if (at)
			copy_row(row, at);
	} while (gms__unlikely(gms__table_changed(map, *check)));
	return at;
}

bool gms__region_nth(const struct gms__map *map, uint64_t i, struct gms__region *row,
		     uint64_t *check)
{
	for (;;) {
		const struct gms__table *table = current(map, check);
		uint64_t n = table ? gms__load(&table->n) : 0;

		if (i < n)
			copy_row(row, &table->row[i]);
		if (gms__likely(!gms__table_changed(map, *check)))
			return i < n;
	}
}

uint64_t gms__region_count(const struct gms__map *map)
{
	uint64_t check, n;

	do {
		const struct gms__table *table = current(map, &check);

		n = table ? gms__load(&table->n) : 0;
	} while (gms__table_changed(map, check));
	return n;
}

static uint64_t *array_words(struct array *array)
{
	return (uint64_t *)(array + 1);
}

static size_t array_bytes(uint64_t class)
{
	return sizeof(struct array) + (sizeof(uint64_t) << class);
}

static uint64_t gibs_of(const struct gms__region *r)
{
	return ((r->first + r->npages - 1) >> GMS_ORDER_1G) - (r->first >> GMS_ORDER_1G) + 1;
}

/*
 * What an insertion needs, had before anything changes. Tables grow in pairs,
 * so that a deletion always finds a spare that is large enough.
 */
struct needs {
	struct array	  *array;	/* the words of the GiB */
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

static void table_free(struct gms__map *map, struct gms__table *table)
{
	if (table)
		gms__mem_free(&map->mem, table, table_bytes(table->capacity));
}

static int needs_get(struct gms__map *map, uint64_t nrows, uint64_t ngibs, struct needs *needs)
{
	const struct gms__table *table = gms__word_table(gms__load(&map->table));
	uint64_t capacity = TABLE_MIN_ROWS;
	unsigned class = 0;

	memset(needs, 0, sizeof(*needs));
	if (!table || table->capacity < nrows) {
		while (capacity < nrows)
			capacity *= 2;
		needs->table[0] = table_new(map, capacity);
		needs->table[1] = table_new(map, capacity);
		if (!needs->table[0] || !needs->table[1])
			goto no_memory;
	}

	while ((UINT64_C(1) << class) < ngibs)
		class++;
	needs->array = (struct array *)map->arrays[class];
	if (needs->array) {
		map->arrays[class] = needs->array->node.next;
		return 0;
	}
	needs->array = gms__mem_alloc(&map->mem, array_bytes(class));
	if (!needs->array)
		goto no_memory;
	memset(needs->array, 0, array_bytes(class));
	needs->array->class = class;
	needs->array->all = map->all_arrays;
	map->all_arrays = &needs->array->node;
	return 0;

no_memory:
	table_free(map, needs->table[0]);
	table_free(map, needs->table[1]);
	return -ENOMEM;
}

static void retire(struct gms__map *map, struct gms__table *table)
{
	if (table) {
		table->next = map->retired;
		map->retired = table;
	}
}

/* fresh becomes current; what was current becomes the spare. */
static void publish(struct gms__map *map, struct gms__table *fresh)
{
	uint64_t old = gms__load(&map->table);

	map->spare = gms__word_table(old);
	gms__store(&map->table, gms__word_next(old, gms__word_to(fresh)));
}

int gms__region_insert(struct gms__map *map, const struct gms__region *new, gms_state state)
{
	struct gms__table *old = gms__word_table(gms__load(&map->table)), *fresh;
	const uint64_t n = old ? old->n : 0, ngibs = gibs_of(new);
	struct gms__region row = *new;
	struct needs needs;
	uint64_t at = 0;

	if (needs_get(map, n + 1, ngibs, &needs))
		return -ENOMEM;

	row.word = array_words(needs.array);
	for (uint64_t g = 0; g < ngibs; g++)
		gms__store(&row.word[g], gms__word_next(row.word[g], gms__word_uniform(state)));

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
		struct gms__chunk *chunk;

		if (gms__word_is_uniform(r->word[g]))
			continue;
		chunk = gms__word_table(r->word[g]);
		gms__store(&chunk->generation, chunk->generation + 1);
		for (unsigned b = 0; b < GMS__CHUNK_BLOCKS; b++) {
			const uint64_t word = chunk->word[b];

			if (gms__block_has_leaf(word))
				gms__stock_push(&hand.leaves[gms__block_class(word)],
						gms__block_leaf(word));
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
	struct array *array;
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
	publish(map, fresh);

	release_tables(map, &gone);
	array = (struct array *)(void *)gone.word - 1;
	array->node.next = map->arrays[array->class];
	map->arrays[array->class] = &array->node;
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
		struct array *array = (struct array *)(void *)map->all_arrays;

		map->all_arrays = array->all;
		gms__mem_free(&map->mem, array, array_bytes(array->class));
	}
}
