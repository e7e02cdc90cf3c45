/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.c - what happened, and how things are; see ledger.h.
 */
#include "engine/ledger.h"

#include <string.h>

#include "base/atomic.h"

int gms__ledger_init(struct gms__ledger *ledger, struct gms__mem *mem,
		     uint64_t (*now_ns)(void *ctx), void *ctx)
{
	memset(ledger, 0, sizeof(*ledger));
	gms__tags_init(&ledger->tags, mem);
	ledger->now_ns = now_ns;
	ledger->ctx = ctx;
	if (now_ns)
		ledger->shared.slot[0].at_ns = now_ns(ctx);
	return gms__lock_init(&ledger->lock, GMS__RANK_LEDGER, 0);
}

void gms__ledger_fini(struct gms__ledger *ledger)
{
	gms__tags_fini(&ledger->tags);
	gms__lock_fini(&ledger->lock);
}

void gms__ledger_count(struct gms__ledger *ledger, uint32_t kind, uint64_t count)
{
	if (count)
		gms__add(&ledger->count[kind], count);
}

void gms__ledger_charge(struct gms__ledger *ledger, struct gms__ledger_shard *shard,
			struct gms__tag *tag, const struct gms_charge *charge)
{
	const uint64_t *n = charge->count;

	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		if (!n[kind])	/* most of them */
			continue;
		if (shard && gms__slot_of(kind) >= 0)
			gms__shard_count(shard, kind, n[kind]);
		else
			gms__ledger_count(ledger, kind, n[kind]);
		gms__tag_count(tag, kind, n[kind]);
	}
	if (n[GMS_ACCT_PAGES_TO_SHARED])
		gms__ledger_size(ledger, shard, GMS_HISTOGRAM_TO_SHARED,
				 n[GMS_ACCT_PAGES_TO_SHARED]);
	if (n[GMS_ACCT_PAGES_TO_PRIVATE])
		gms__ledger_size(ledger, shard, GMS_HISTOGRAM_TO_PRIVATE,
				 n[GMS_ACCT_PAGES_TO_PRIVATE]);
}

void gms__ledger_add_time(struct gms__ledger *ledger, uint64_t began_ns)
{
	const uint64_t now = ledger->now_ns(ledger->ctx);
	const uint64_t ns = now > began_ns ? now - began_ns : 0;

	gms__add(&ledger->took_ns, ns);
	gms__add(&ledger->took[gms__bucket_of(ns)], 1);
}

void gms__ledger_histogram(const struct gms__ledger *ledger, uint32_t kind,
			   struct gms_histogram *out)
{
	const bool time = kind == GMS_HISTOGRAM_CONVERT_NS;

	for (unsigned i = 0; i < GMS_HISTOGRAM_BUCKETS; i++) {
		if (time)
			out->bucket[i] = gms__load(&ledger->took[i]);
		else if (i < GMS__SIZES)
			out->bucket[i] = gms__load(&ledger->large[kind][i]);
		for (unsigned s = 0; !time && i < GMS__SMALL_SIZES && s < GMS__LEDGER_SHARDS; s++)
			out->bucket[i] += gms__load(&ledger->shard[s].size[kind][i]);
		out->count += out->bucket[i];
	}
	if (time)
		out->sum = gms__load(&ledger->took_ns);
	else
		out->sum = gms__ledger_events(ledger, kind == GMS_HISTOGRAM_TO_SHARED ?
					      GMS_ACCT_PAGES_TO_SHARED :
					      GMS_ACCT_PAGES_TO_PRIVATE);
}

uint64_t gms__ledger_events(const struct gms__ledger *ledger, uint32_t kind)
{
	uint64_t sum = gms__load(&ledger->count[kind]);

	for (unsigned i = 0; gms__slot_of(kind) >= 0 && i < GMS__LEDGER_SHARDS; i++)
		sum += gms__load(&ledger->shard[i].count[gms__slot_of(kind)]);
	return sum;
}

uint64_t gms__ledger_gauge(const struct gms__ledger *ledger, unsigned gauge)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < GMS__LEDGER_SHARDS; i++)
		sum += gms__load(&ledger->shard[i].gauge[gauge]);
	return sum;
}

uint64_t gms__ledger_nfolios(const struct gms__ledger *ledger, unsigned order)
{
	uint64_t sum = 0;

	if (order % GMS_ORDER_2M == 0)
		return gms__ledger_gauge(ledger, GMS__FOLIOS + order / GMS_ORDER_2M);
	for (unsigned i = 0; ledger->between && i < GMS__LEDGER_SHARDS; i++)
		sum += gms__load(&ledger->between[i].folios[order]);
	return sum;
}

/* 64 bits would not do: a TiB that is shared fills them in 69 seconds. */
static unsigned __int128 exposure_at(const struct gms__exposure *slot, uint64_t now)
{
	const uint64_t since = now > slot->at_ns ? now - slot->at_ns : 0;

	return ((unsigned __int128)slot->page_ns_high << 64 | slot->page_ns) +
	       (unsigned __int128)slot->pages * since;
}

void gms__exposed_step(struct gms__exposed *exposed, uint64_t now, uint64_t more,
		       uint64_t fewer)
{
	const uint64_t latch = gms__load_relaxed(&exposed->latch);
	const struct gms__exposure *old = &exposed->slot[latch & 1];
	struct gms__exposure *new = &exposed->slot[~latch & 1];
	unsigned __int128 sum;

	if (now < old->at_ns)	/* a clock that went back adds nothing */
		now = old->at_ns;
	sum = exposure_at(old, now);
	gms__store(&new->page_ns, (uint64_t)sum);
	gms__store(&new->page_ns_high, (uint64_t)(sum >> 64));
	gms__store(&new->pages, old->pages + more - fewer);
	gms__store(&new->at_ns, now);
	gms__store(&exposed->latch, latch + 1);
}

unsigned __int128 gms__exposed_read(const struct gms__exposed *exposed, uint64_t now)
{
	struct gms__exposure at;
	uint64_t latch;

	do {
		const struct gms__exposure *slot;

		latch = gms__load(&exposed->latch);
		slot = &exposed->slot[latch & 1];
		at.page_ns = gms__load(&slot->page_ns);
		at.page_ns_high = gms__load(&slot->page_ns_high);
		at.pages = gms__load(&slot->pages);
		at.at_ns = gms__load(&slot->at_ns);
	} while (gms__load_relaxed(&exposed->latch) != latch);
	return exposure_at(&at, now);
}

void gms__ledger_expose(struct gms__ledger *ledger, uint64_t more, uint64_t fewer)
{
	gms__lock(&ledger->lock);
	gms__exposed_step(&ledger->shared, ledger->now_ns(ledger->ctx), more, fewer);
	gms__unlock(&ledger->lock);
}

void gms__ledger_exposure(const struct gms__ledger *ledger, uint64_t *page_ns, uint64_t *high)
{
	unsigned __int128 sum = 0;

	if (ledger->now_ns)
		sum = gms__exposed_read(&ledger->shared, ledger->now_ns(ledger->ctx));
	*page_ns = (uint64_t)sum;
	*high = (uint64_t)(sum >> 64);
}

bool gms__ledger_may_charge(uint32_t kind)
{
	return kind >= GMS_ACCT_GUEST_EXITS && kind < GMS_ACCT_KINDS;
}

void gms_charge_error(struct gms_charge *charge, gms_gfn gfn)
{
	if (!charge)
		return;
	charge->error_gfn = gfn;
	charge->error_named = true;
}

void gms_charge_add(struct gms_charge *charge, uint32_t kind, uint64_t count)
{
	if (charge && gms__ledger_may_charge(kind))
		charge->count[kind] += count;
}
