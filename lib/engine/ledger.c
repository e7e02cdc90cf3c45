/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.c - what happened, and how things are; see ledger.h.
 */
#include "engine/ledger.h"

#include <string.h>

#include "base/atomic.h"

int gms__ledger_init(struct gms__ledger *ledger, uint64_t (*now_ns)(void *ctx), void *ctx)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->now_ns = now_ns;
	ledger->ctx = ctx;
	if (now_ns)
		ledger->shared.slot[0].at_ns = now_ns(ctx);
	return gms__lock_init(&ledger->lock, GMS__RANK_LEDGER, 0);
}

void gms__ledger_fini(struct gms__ledger *ledger)
{
	gms__lock_fini(&ledger->lock);
}

void gms__ledger_count(struct gms__ledger *ledger, uint32_t kind, uint64_t count)
{
	if (count)
		gms__add(&ledger->event[kind].count, count);
}

void gms__ledger_charge(struct gms__ledger *ledger, struct gms__ledger_shard *shard,
			const struct gms_charge *charge)
{
	for (uint32_t kind = 0; kind < GMS__SHARD_KINDS; kind++) {
		if (charge->count[kind])
			gms__shard_count(shard, kind, charge->count[kind]);
	}
	for (uint32_t kind = GMS__SHARD_KINDS; kind < GMS_ACCT_KINDS; kind++)
		gms__ledger_count(ledger, kind, charge->count[kind]);
}

uint64_t gms__ledger_events(const struct gms__ledger *ledger, uint32_t kind)
{
	uint64_t sum = gms__load(&ledger->event[kind].count);

	for (unsigned i = 0; kind < GMS__SHARD_KINDS && i < GMS__LEDGER_SHARDS; i++)
		sum += gms__load(&ledger->shard[i].count[kind]);
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

void gms_charge_add(struct gms_charge *charge, uint32_t kind, uint64_t count)
{
	if (charge && gms__ledger_may_charge(kind))
		charge->count[kind] += count;
}

const char *gms_acct_name(uint32_t kind)
{
	static const char *const name[GMS_ACCT_KINDS] = {
		[GMS_ACCT_CONVERTS] = "converts",
		[GMS_ACCT_COMMITS] = "commits",
		[GMS_ACCT_BLOCKED] = "blocked",
		[GMS_ACCT_ROLLBACKS] = "rollbacks",
		[GMS_ACCT_UNDO_FAILURES] = "undo_failures",
		[GMS_ACCT_PAGES_TO_SHARED] = "pages_to_shared",
		[GMS_ACCT_PAGES_TO_PRIVATE] = "pages_to_private",
		[GMS_ACCT_PAGES_CHANGED] = "pages_changed",
		[GMS_ACCT_PAGES_UNCHANGED] = "pages_unchanged",
		[GMS_ACCT_HOST_RUNS] = "host_runs",
		[GMS_ACCT_BACKEND_CALLS] = "backend_calls",
		[GMS_ACCT_BACKEND_FLUSHES] = "backend_flushes",
		[GMS_ACCT_SPLITS_1G] = "splits_1g",
		[GMS_ACCT_SPLITS_2M] = "splits_2m",
		[GMS_ACCT_MERGES_2M] = "merges_2m",
		[GMS_ACCT_MERGES_1G] = "merges_1g",
		[GMS_ACCT_PINS] = "pins",
		[GMS_ACCT_UNPINS] = "unpins",
		[GMS_ACCT_PINS_REFUSED] = "pins_refused",
		[GMS_ACCT_DRY_RUNS] = "dry_runs",
		[GMS_ACCT_DISCARD_FAILURES] = "discard_failures",
		[GMS_ACCT_PARKED] = "parked",
		[GMS_ACCT_LISTENER_CALLS] = "listener_calls",
		[GMS_ACCT_LISTENER_VETOES] = "listener_vetoes",
		[GMS_ACCT_SPANS_MAPPED] = "spans_mapped",
		[GMS_ACCT_SPANS_UNMAPPED] = "spans_unmapped",
		[GMS_ACCT_SPLITS_OTHER] = "splits_other",
		[GMS_ACCT_MERGES_OTHER] = "merges_other",
		[GMS_ACCT_LENDS] = "lends",
		[GMS_ACCT_RETURNS] = "returns",
		[GMS_ACCT_LEND_HITS] = "lend_hits",
		[GMS_ACCT_RECLAIMS] = "reclaims",
		[GMS_ACCT_RECLAIMED_PAGES] = "reclaimed_pages",
		[GMS_ACCT_GUEST_EXITS] = "guest_exits",
		[GMS_ACCT_HYPERCALLS] = "hypercalls",
		[GMS_ACCT_USER_EXITS] = "user_exits",
		[GMS_ACCT_SYS_MADVISE] = "sys_madvise",
		[GMS_ACCT_SYS_PROCESS_MADVISE] = "sys_process_madvise",
		[GMS_ACCT_SYS_MPROTECT] = "sys_mprotect",
		[GMS_ACCT_SYS_FALLOCATE] = "sys_fallocate",
		[GMS_ACCT_SYS_IOCTL] = "sys_ioctl",
		[GMS_ACCT_SYS_READ] = "sys_read",
		[GMS_ACCT_SYS_WRITE] = "sys_write",
		[GMS_ACCT_SYS_OTHER] = "sys_other",
		[GMS_ACCT_FLUSH_STAGE2] = "flush_stage2",
		[GMS_ACCT_FLUSH_PROCESS] = "flush_process",
		[GMS_ACCT_FLUSH_KERNEL] = "flush_kernel",
		[GMS_ACCT_FLUSH_IOTLB] = "flush_iotlb",
		[GMS_ACCT_PTES_4K] = "ptes_4k",
		[GMS_ACCT_PTES_2M] = "ptes_2m",
		[GMS_ACCT_PTES_1G] = "ptes_1g",
		[GMS_ACCT_PAGES_ZEROED] = "pages_zeroed",
		[GMS_ACCT_BYTES_COPIED] = "bytes_copied",
		[GMS_ACCT_BYTES_DIRECT] = "bytes_direct",
		[GMS_ACCT_REFAULTS] = "refaults",
		[GMS_ACCT_REQUESTS] = "requests",
	};

	return kind < GMS_ACCT_KINDS ? name[kind] : NULL;
}
