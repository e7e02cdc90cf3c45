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
		ours.event[kind].ns = gms__load(&ledger->event[kind].ns);
	}
	gms__loans_acct(space, &ours);
	gms__sized_out(acct, &ours, sizeof(ours));
	return 0;
}

int gms_acct_charge(struct gms_space *space, gms_tag tag, uint32_t kind, uint64_t count,
		    uint64_t ns)
{
	(void)tag;	/* totals of a space only, so far */
	if (!space || !gms__ledger_may_charge(kind))
		return -EINVAL;
	gms__add(&space->ledger.event[kind].count, count);
	gms__add(&space->ledger.event[kind].ns, ns);
	return 0;
}
