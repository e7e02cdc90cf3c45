/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tags.c - the accounts of owners; see tags.h.
 */
#include "engine/tags.h"

#include <errno.h>
#include <string.h>

/* Tags are small numbers or addresses: multiply, and take the high bits. */
static unsigned list_of(gms_tag tag)
{
	_Static_assert((GMS__TAG_LISTS & (GMS__TAG_LISTS - 1)) == 0, "a power of two");
	return (unsigned)(tag * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (GMS__TAG_LISTS - 1);
}

static struct gms__tag *in_list(struct gms__tag *tag, gms_tag wanted)
{
	while (tag && tag->tag != wanted)
		tag = tag->next;
	return tag;
}

void gms__tags_init(struct gms__tags *tags, struct gms__mem *mem)
{
	memset(tags, 0, sizeof(*tags));
	tags->mem = mem;
	tags->other.tag = GMS_TAG_OTHER;
}

void gms__tags_fini(struct gms__tags *tags)
{
	struct gms__tag_table *table = tags->table;

	for (unsigned i = 0; table && i < GMS__TAG_LISTS; i++) {
		struct gms__tag *tag = table->head[i];

		while (tag) {
			struct gms__tag *next = tag->next;

			gms__mem_free(tags->mem, tag, sizeof(*tag));
			tag = next;
		}
	}
	gms__mem_free(tags->mem, table, sizeof(*table));
}

const struct gms__tag *gms__tags_find(const struct gms__tags *tags, gms_tag tag)
{
	struct gms__tag_table *table = gms__load(&tags->table);

	if (tag == GMS_TAG_OTHER)
		return &tags->other;
	return table ? in_list(gms__load(&table->head[list_of(tag)]), tag) : NULL;
}

static const struct gms__tag *first_from(struct gms__tag_table *table, unsigned list)
{
	for (; table && list < GMS__TAG_LISTS; list++) {
		const struct gms__tag *tag = gms__load(&table->head[list]);

		if (tag)
			return tag;
	}
	return NULL;
}

const struct gms__tag *gms__tags_each(const struct gms__tags *tags, const struct gms__tag *last)
{
	if (last && last->next)
		return last->next;
	return first_from(gms__load(&tags->table), last ? list_of(last->tag) + 1 : 0);
}

static bool used(const struct gms__tag *tag)
{
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		if (gms__load(&tag->count[kind]) || gms__tag_ns(tag, kind))
			return true;
	}
	return false;
}

const struct gms__tag *gms__tags_above(const struct gms__tags *tags, gms_tag after)
{
	const struct gms__tag *best = NULL, *tag = NULL;

	while ((tag = gms__tags_each(tags, tag))) {
		if (tag->tag > after && (!best || tag->tag < best->tag))
			best = tag;
	}
	if (!best && after < GMS_TAG_OTHER && used(&tags->other))
		best = &tags->other;
	return best;
}

/* Two threads may each bring one; the second finds that there is one and gives its own back. */
static struct gms__tag_table *table_of(struct gms__tags *tags)
{
	struct gms__tag_table *table = gms__load(&tags->table), *mine;

	if (table)
		return table;
	mine = gms__mem_alloc(tags->mem, sizeof(*mine));
	if (!mine)
		return NULL;
	memset(mine, 0, sizeof(*mine));
	if (__atomic_compare_exchange_n(&tags->table, &table, mine, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return mine;
	gms__mem_free(tags->mem, mine, sizeof(*mine));
	return table;
}

/* TG3: a place is taken before the account is made, and given back if it is not. */
static bool take_place(struct gms__tags *tags)
{
	uint64_t n = gms__load_relaxed(&tags->n);

	do {
		if (n >= GMS_ACCT_TAGS_MAX)
			return false;
	} while (!__atomic_compare_exchange_n(&tags->n, &n, n + 1, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

static struct gms__tag *publish(struct gms__tag **head, struct gms__tag *mine)
{
	struct gms__tag *first = gms__load(head);

	do {
		struct gms__tag *other = in_list(first, mine->tag);

		if (other)
			return other;
		mine->next = first;
	} while (!__atomic_compare_exchange_n(head, &first, mine, true, __ATOMIC_RELEASE,
					      __ATOMIC_ACQUIRE));
	return mine;
}

int gms__tags_add(struct gms__tags *tags, gms_tag tag)
{
	struct gms__tag_table *table;
	struct gms__tag *mine;

	if (gms__tags_find(tags, tag))
		return 0;
	table = table_of(tags);
	if (!table)
		return -ENOMEM;
	if (!take_place(tags))
		return -ENOSPC;
	mine = gms__mem_alloc(tags->mem, sizeof(*mine));
	if (!mine) {
		gms__sub(&tags->n, 1);
		return -ENOMEM;
	}
	memset(mine, 0, sizeof(*mine));
	mine->tag = tag;
	if (publish(&table->head[list_of(tag)], mine) != mine) {
		gms__mem_free(tags->mem, mine, sizeof(*mine));
		gms__sub(&tags->n, 1);
	}
	return 0;
}

struct gms__tag *gms__tags_get(struct gms__tags *tags, gms_tag tag, bool may_alloc)
{
	const struct gms__tag *found = gms__tags_find(tags, tag);

	if (!found && may_alloc && !gms__tags_add(tags, tag))
		found = gms__tags_find(tags, tag);
	/* The caller's own tags: found in what it may write to. */
	return found ? (struct gms__tag *)(uintptr_t)found : &tags->other;
}
