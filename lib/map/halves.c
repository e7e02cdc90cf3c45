/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * halves.c - which blocks are cut in half; see halves.h.
 */
#include "map/halves.h"

#include "base/debug.h"

/* The node of a tree whose root is of the given order. */
static unsigned node_of(gms_gfn gfn, unsigned root, unsigned order)
{
	const uint64_t inside = gfn & ((UINT64_C(1) << root) - 1);

	return (1u << (root - order)) + (unsigned)(inside >> order);
}

static bool bit(const uint64_t *tree, unsigned node)
{
	return gms__load(&tree[node / 64]) >> node % 64 & 1;
}

/* The tree that has an order's bits; a block's is looked for in the chunk. */
static uint64_t *tree_of(struct gms__chunk *chunk, gms_gfn gfn, unsigned order)
{
	struct gms__halves *halves = gms__halves_of(chunk);

	if (order > GMS_ORDER_2M)
		return halves->top;
	return (uint64_t *)(uintptr_t)gms__load(&halves->tree[gms__block_index(gfn)]);
}

static unsigned root_of(unsigned order)
{
	return order > GMS_ORDER_2M ? GMS_ORDER_1G : GMS_ORDER_2M;
}

bool gms__halves_is_cut(struct gms__chunk *chunk, gms_gfn gfn, unsigned order)
{
	if (order < GMS_ORDER_2M && !gms__block_is_split(chunk->word[gms__block_index(gfn)]))
		return false;
	return bit(tree_of(chunk, gfn, order), node_of(gfn, root_of(order), order));
}

void gms__halves_cut(struct gms__chunk *chunk, gms_gfn gfn, unsigned order, bool cut)
{
	const unsigned node = node_of(gfn, root_of(order), order);
	uint64_t *word = &tree_of(chunk, gfn, order)[node / 64];

	gms__assert(order > GMS_ORDER_2M ||
		    gms__block_is_split(chunk->word[gms__block_index(gfn)]));
	if ((*word >> node % 64 & 1) == cut)
		return;
	gms__store(word, *word ^ UINT64_C(1) << node % 64);
	if (order > GMS_ORDER_2M)
		chunk->nsplit = (uint16_t)(chunk->nsplit + (cut ? 1 : -1));	/* H2 */
}

void gms__halves_clear(struct gms__chunk *chunk)
{
	struct gms__halves *halves = gms__halves_of(chunk);

	for (unsigned i = 0; i < GMS__TREE_WORDS; i++)
		gms__store(&halves->top[i], 0);
}

void gms__halves_open(struct gms__chunk *chunk, unsigned block, struct gms__tables *tables)
{
	uint64_t *tree = gms__stock_pop(&tables->leaves[GMS__LEAF64]);

	gms__assert(tree);
	for (unsigned i = 0; i < GMS__TREE_WORDS; i++)
		gms__store(&tree[i], 0);
	gms__store(&gms__halves_of(chunk)->tree[block], (uint64_t)(uintptr_t)tree);
}

void gms__halves_close(struct gms__chunk *chunk, unsigned block, struct gms__tables *tables)
{
	gms__stock_push(&tables->leaves[GMS__LEAF64],
			(void *)(uintptr_t)gms__halves_of(chunk)->tree[block]);
}

/* From the tree's root, which is cut, down to the block around gfn that is not. */
static unsigned descend(const uint64_t *tree, gms_gfn gfn, unsigned root, unsigned least)
{
	unsigned order = root - 1;

	while (order > least && bit(tree, node_of(gfn, root, order)))
		order--;
	return order;
}

static unsigned order_in_chunk(struct gms__chunk *chunk, gms_gfn gfn, unsigned base)
{
	const unsigned b = gms__block_index(gfn);
	unsigned order = GMS_ORDER_2M;

	if (base == GMS_ORDER_1G)
		order = descend(gms__halves_of(chunk)->top, gfn, GMS_ORDER_1G, GMS_ORDER_2M);
	if (order == GMS_ORDER_2M && gms__block_is_split(gms__load(&chunk->word[b])))
		order = descend(tree_of(chunk, gfn, GMS_ORDER_4K), gfn, GMS_ORDER_2M,
				GMS_ORDER_4K);
	return order;
}

bool gms__halves_folio(const struct gms__map *map, gms_gfn gfn, struct gms__region *row,
		       unsigned *order)
{
	uint64_t check, gib, generation;
	const uint64_t *gib_at;
	bool good;

	do {
		unsigned base;

		if (!gms__region_find(map, gfn, row, &check) || row->first > gfn)
			return false;
		base = gms__region_order(row);
		gib_at = gms__gib_at(row, gfn);
		gib = gms__load(gib_at);
		good = true;
		*order = base;
		if (base == GMS_ORDER_1G && gms__word_is_split(gib))
			(*order)--;
		if (*order && *order != GMS_ORDER_1G && !gms__word_is_uniform(gib)) {
			struct gms__chunk *chunk = gms__word_table(gib);

			generation = gms__load(&chunk->generation);
			*order = order_in_chunk(chunk, gfn, base);
			good = gms__load_relaxed(&chunk->generation) == generation;
		}
		good = good && gms__load_relaxed(gib_at) == gib;
	} while (gms__unlikely(!good || gms__table_changed(map, check)));
	return true;
}
