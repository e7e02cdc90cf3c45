/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * account.c - the calls of account.h.
 */
#include <errno.h>

#include <gmemstate/account.h>

#include "base/sized.h"
#include "engine/space.h"

int gms_acct_read(const struct gms_space *space, struct gms_acct *acct)
{
	const struct gms__ledger *ledger;
	struct gms_acct ours;
	int err;

	if (!space)
		return -EINVAL;
	err = gms__sized_check(acct, sizeof(*acct));
	if (err)
		return err;
	ledger = &space->ledger;
	GMS_INIT(&ours);
	ours.regions = gms__load(&ledger->regions);
	ours.pages = gms__load(&ledger->pages);
	ours.shared_pages = gms__load(&ledger->shared_pages);
	ours.shared_pages_max = gms__load(&ledger->shared_pages_max);
	gms__ledger_exposure(ledger, &ours.shared_page_ns, &ours.shared_page_ns_high);
	for (unsigned order = 0; order < GMS_ORDERS; order++)
		ours.folios[order] = gms__ledger_nfolios(ledger, order);
	ours.folios_4k = ours.folios[GMS_ORDER_4K];
	ours.folios_2m = ours.folios[GMS_ORDER_2M];
	ours.folios_1g = ours.folios[GMS_ORDER_1G];
	ours.pins = gms__ledger_gauge(ledger, GMS__PINS);
	ours.pinned_pages = gms__ledger_gauge(ledger, GMS__PINNED_PAGES);
	ours.metadata_bytes = gms__load(&space->map.mem.bytes);
	ours.metadata_bytes_max = gms__load(&space->map.mem.bytes_max);
	ours.metadata_used_bytes = gms__map_used_bytes(&space->map);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		ours.event[kind].count = gms__ledger_events(ledger, kind);
		ours.event[kind].ns = gms__ledger_ns(ledger, kind);
	}
	gms__loans_acct(space, &ours);
	gms__access_acct(space, &ours);
	gms__sized_out(acct, &ours, sizeof(ours));
	return 0;
}

int gms_acct_charge(struct gms_space *space, gms_tag tag, uint32_t kind, uint64_t count,
		    uint64_t ns)
{
	struct gms__tag *account;

	if (!space || !gms__ledger_may_charge(kind))
		return -EINVAL;
	account = gms__tag_of(&space->ledger.tags, tag, true);
	gms__add(&space->ledger.count[kind], count);
	gms__add(&space->ledger.ns[kind - GMS_ACCT_GUEST_EXITS], ns);
	gms__tag_count(account, kind, count);
	gms__tag_time(account, kind, ns);
	return 0;
}

int gms_acct_tag_add(struct gms_space *space, gms_tag tag)
{
	return space && tag ? gms__tags_add(&space->ledger.tags, tag) : -EINVAL;
}

int gms_acct_tag(const struct gms_space *space, gms_tag tag, struct gms_acct_tag *acct)
{
	const struct gms__tag *account;
	struct gms_acct_tag ours;
	int err;

	if (!space || !tag)
		return -EINVAL;
	err = gms__sized_check(acct, sizeof(*acct));
	if (err)
		return err;
	account = gms__tags_find(&space->ledger.tags, tag);
	if (!account)
		return -ENOENT;
	GMS_INIT(&ours);
	ours.tag = tag;
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		ours.event[kind].count = gms__load(&account->count[kind]);
		ours.event[kind].ns = gms__tag_ns(account, kind);
	}
	gms__sized_out(acct, &ours, sizeof(ours));
	return 0;
}

int gms_acct_tag_next(const struct gms_space *space, gms_tag after, gms_tag *tag)
{
	const struct gms__tag *account;

	if (!space || !tag)
		return -EINVAL;
	account = gms__tags_above(&space->ledger.tags, after);
	if (!account)
		return -ENOENT;
	*tag = account->tag;
	return 0;
}

int gms_acct_histogram(const struct gms_space *space, uint32_t kind,
		       struct gms_histogram *histogram)
{
	struct gms_histogram ours;
	int err;

	if (!space || kind >= GMS_HISTOGRAM_COUNT)
		return -EINVAL;
	err = gms__sized_check(histogram, sizeof(*histogram));
	if (err)
		return err;
	GMS_INIT(&ours);
	gms__ledger_histogram(&space->ledger, kind, &ours);
	gms__sized_out(histogram, &ours, sizeof(ours));
	return 0;
}
