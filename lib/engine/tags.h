/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tags.h - the accounts of owners: what was counted for a tag.
 *
 *   TG1  An account, once found, stays where it is until the space goes.
 *   TG2  No tag has two accounts; 0 has none.
 *   TG3  There are at most GMS_ACCT_TAGS_MAX, beside the one for all others.
 *   TG4  What is counted for a tag was counted for the space before.
 *
 * A hash table of lists that only grow at their heads, so that looking up takes
 * no lock and adding is one compare and swap: it may be done under any lock, and
 * two threads with one new tag make one account. Nothing here fails: who gets no
 * account of his own, for want of memory or of room, counts in the one for all
 * others. A conversion that has all it needs is not refused for its bookkeeping.
 */
#ifndef GMS_ENGINE_TAGS_H
#define GMS_ENGINE_TAGS_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/account.h>

#include "base/atomic.h"
#include "base/mem.h"

#define GMS__TAG_LISTS	1024u

struct gms__tag {
	struct gms__tag *next;	/* stands still once the account is found */
	gms_tag tag;
	uint64_t count[GMS_ACCT_KINDS];
	uint64_t ns[GMS_ACCT_KINDS - GMS_ACCT_GUEST_EXITS];	/* time is charged for these */
};

struct gms__tag_table {
	struct gms__tag *head[GMS__TAG_LISTS];
};

struct gms__tags {
	struct gms__mem *mem;
	struct gms__tag_table *table;	/* NULL before the first tag */
	uint64_t n;			/* accounts in it, and those about to be */
	struct gms__tag other;
};

void gms__tags_init(struct gms__tags *tags, struct gms__mem *mem);
void gms__tags_fini(struct gms__tags *tags);

/* R: the account, or NULL. */
const struct gms__tag *gms__tags_find(const struct gms__tags *tags, gms_tag tag);
/* R: the one of the lowest tag above; NULL: none. */
const struct gms__tag *gms__tags_above(const struct gms__tags *tags, gms_tag after);
/* R: one after the other, in no order: begin with 0. The one for others is not among them. */
const struct gms__tag *gms__tags_each(const struct gms__tags *tags, const struct gms__tag *last);
/* There is one afterwards: 0, -ENOMEM or -ENOSPC. */
int gms__tags_add(struct gms__tags *tags, gms_tag tag);

struct gms__tag *gms__tags_get(struct gms__tags *tags, gms_tag tag, bool may_alloc);

/*
 * Where to count for a tag: to be asked for before the first change. NULL for
 * tag 0, which costs nothing, and which gms__tag_count() is content with.
 */
static inline struct gms__tag *gms__tag_of(struct gms__tags *tags, gms_tag tag, bool may_alloc)
{
	return gms__likely(!tag) ? NULL : gms__tags_get(tags, tag, may_alloc);
}

/* Released: who sees it sees what was counted for the space before (TG4). */
static inline void gms__tag_count(struct gms__tag *tag, uint32_t kind, uint64_t count)
{
	if (gms__unlikely(tag != NULL) && count)
		__atomic_add_fetch(&tag->count[kind], count, __ATOMIC_RELEASE);
}

static inline uint64_t gms__tag_ns(const struct gms__tag *tag, uint32_t kind)
{
	return kind < GMS_ACCT_GUEST_EXITS ? 0 :
	       gms__load(&tag->ns[kind - GMS_ACCT_GUEST_EXITS]);
}

/* Of a kind that others charge. */
static inline void gms__tag_time(struct gms__tag *tag, uint32_t kind, uint64_t ns)
{
	if (gms__unlikely(tag != NULL) && ns)
		__atomic_add_fetch(&tag->ns[kind - GMS_ACCT_GUEST_EXITS], ns, __ATOMIC_RELEASE);
}

#endif
