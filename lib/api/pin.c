/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin.c - the calls of pin.h.
 */
#include <errno.h>
#include <string.h>

#include <gmemstate/pin.h>

#include "base/sized.h"
#include "engine/plan.h"
#include "map/walk.h"

#define PIN_FLAGS	(GMS_PIN_WRITE | GMS_PIN_LONGTERM)

int gms_gup_iter_init(struct gms_gup_iter *it, const struct gms_space *space,
		      struct gms_range range, uint32_t flags)
{
	if (!it)
		return -EINVAL;
	it->space = NULL;
	it->next = 0;
	it->end = 0;
	it->flags = 0;
	it->reserved = 0;
	if (!space || !gms__range_ok(range) || (flags & ~PIN_FLAGS))
		return -EINVAL;
	it->space = space;
	it->next = range.first;
	it->end = range.first + range.npages;
	it->flags = flags;
	return 0;
}

/* One run of one state, or the hole before it. */
static void gup_piece(const struct gms_gup_iter *it, gms_gfn pos, struct gms_gup_run *piece)
{
	struct gms_cursor cursor = { 0 };
	gms_gfn next = pos;
	struct gms_run run;

	piece->first = pos;
	piece->region = 0;
	piece->reason = GMS_REASON_HOLE;
	if (!gms__map_next_run(&it->space->map, &cursor, &next, it->end,
			       gms__rule_gup_mask(it->flags), &run)) {
		piece->npages = it->end - pos;
	} else if (run.first > pos) {
		piece->npages = run.first - pos;
	} else {
		piece->npages = run.npages;
		piece->region = run.region;
		piece->reason = gms__rule_gup(run.state, it->flags);
	}
}

bool gms_gup_iter_next(struct gms_gup_iter *it, struct gms_gup_run *run)
{
	struct gms_gup_run more;
	gms_gfn pos;

	if (!it || !run || !it->space || it->next >= it->end)
		return false;
	gup_piece(it, it->next, run);
	/* States that differ may have the same answer. */
	for (pos = run->first + run->npages; pos < it->end; pos += more.npages) {
		gup_piece(it, pos, &more);
		if (more.region != run->region || more.reason != run->reason)
			break;
		run->npages += more.npages;
	}
	it->next = pos;
	return true;
}

int gms_gup_query(const struct gms_space *space, struct gms_range range, uint32_t flags,
		  struct gms_gup_answer *answer)
{
	struct gms_gup_answer ours;
	struct gms_gup_iter it;
	struct gms_gup_run run;
	int err = gms_gup_iter_init(&it, space, range, flags);

	if (!err)
		err = gms__sized_check(answer, sizeof(*answer));
	if (err)
		return err;
	GMS_INIT(&ours);
	while (gms_gup_iter_next(&it, &run)) {
		if (run.reason == GMS_REASON_NONE) {
			ours.eligible_pages += run.npages;
			continue;
		}
		if (!ours.refused_pages) {
			ours.refused_gfn = run.first;
			ours.reason = run.reason;
		}
		ours.refused_pages += run.npages;
	}
	gms__sized_out(answer, &ours, sizeof(ours));
	return 0;
}

static int refusal(uint32_t reason)
{
	switch (reason) {
	case GMS_REASON_NONE:	return 0;
	case GMS_REASON_HOLE:	return -ENOENT;
	case GMS_REASON_POISON:	return -EHWPOISON;
	default:		return -EFAULT;
	}
}

static int pin_locked(struct gms_space *space, struct gms_range range, uint32_t flags,
		      gms_tag tag, struct gms__tag *account, gms_pin_id *id, gms_gfn *error_gfn)
{
	struct gms__ledger_shard *shard = gms__space_shard(space, range.first);
	struct gms_gup_iter it;
	struct gms_gup_run run;
	int err = gms_gup_iter_init(&it, space, range, flags);

	while (!err && gms_gup_iter_next(&it, &run)) {
		err = refusal(run.reason);
		if (err && error_gfn)
			*error_gfn = run.first;
	}
	if (err) {
		gms__shard_count(shard, GMS_ACCT_PINS_REFUSED, 1);
		gms__tag_count(account, GMS_ACCT_PINS_REFUSED, 1);
		return err;
	}
	err = gms__claims_add(&space->claims, range, flags, tag, id);
	if (err)
		return err;
	gms__shard_gauge(shard, GMS__PINS, 1);
	gms__shard_gauge(shard, GMS__PINNED_PAGES, range.npages);
	gms__shard_count(shard, GMS_ACCT_PINS, 1);
	gms__tag_count(account, GMS_ACCT_PINS, 1);
	return 0;
}

int gms_pin(struct gms_space *space, struct gms_range range, uint32_t flags, gms_tag tag,
	    gms_pin_id *id, gms_gfn *error_gfn)
{
	struct gms__tag *account;
	uint64_t stripes;
	int err;

	if (!space || !id || !gms__range_ok(range) || (flags & ~PIN_FLAGS))
		return -EINVAL;
	account = gms__tag_of(&space->ledger.tags, tag, true);
	stripes = gms__map_stripes(range);
	gms__map_lock(&space->map, stripes, range.first, range.first + range.npages);
	err = pin_locked(space, range, flags, tag, account, id, error_gfn);
	gms__map_unlock(&space->map, stripes);
	return err;
}

int gms_unpin(struct gms_space *space, gms_pin_id id)
{
	struct gms__tables tables;
	struct gms_range range;
	uint64_t stripes;
	gms_tag tag;
	bool found;

	if (!space)
		return -EINVAL;
	/* The id says where to lock; under the locks it may be gone. */
	stripes = gms__claims_stripes(&space->claims, id);
	if (!stripes)
		return -ENOENT;
	memset(&tables, 0, sizeof(tables));
	gms__map_lock_stripes(&space->map, stripes);
	found = gms__claims_remove(&space->claims, id, &range, &tag);
	if (found) {
		const gms_gfn end = range.first + range.npages;
		struct gms__ledger_shard *shard =
			&space->ledger.shard[gms__stripe_of(range.first)];

		gms__shard_gauge(shard, GMS__PINS, (uint64_t)-1);
		gms__shard_gauge(shard, GMS__PINNED_PAGES, -range.npages);
		gms__shard_count(shard, GMS_ACCT_UNPINS, 1);
		gms__tag_count(gms__tag_of(&space->ledger.tags, tag, false), GMS_ACCT_UNPINS, 1);
		/* A large conversion does not wait for the pin; what it owns merges later. */
		if (gms__map_any_owned(&space->map, range.first, end)) {
			gms__map_unlock(&space->map, stripes);
			gms__map_lock(&space->map, stripes, range.first, end);
		}
		gms__map_change_begin(&space->map, stripes);
		gms__shape_merge_apart(space, range.first, end, &tables);
		gms__map_change_end(&space->map, stripes);
	}
	gms__map_unlock(&space->map, stripes);
	gms__tables_put(&space->map, &tables);
	if (!found)
		return -ENOENT;
	gms__park_wake(space, range);
	return 0;
}

int gms_pins_in(struct gms_space *space, struct gms_range range, struct gms_pin_info *buf,
		size_t nbuf, size_t *found)
{
	if (!space || !found || (nbuf && !buf) || !gms__range_ok(range))
		return -EINVAL;
	*found = gms__claims_list(&space->claims, range, buf, nbuf);
	return 0;
}
