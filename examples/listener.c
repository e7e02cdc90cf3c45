/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener - a container like VFIO's, 65,535 mappings and no unmap of a part of one,
 * follows what a guest shares as a listener, and prints what that asks of it.
 *
 *   listener [TRACE]
 *
 * First the DMA of a Linux guest, replayed as loans (trace_loans.h), with the entries
 * that VMMs map today, one each 4 KiB page, and with spans: of a container that takes
 * away whole entries only, of one that can cut them, and with loans returned lazily,
 * 256 idle pages at most. Then, trace or not, one folio of 1 GiB. examples/traces has
 * two traces, to unpack with xz.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace_loans.h"

#define VFIO_ENTRIES	65535u	/* dma_entry_limit, unless an administrator changed it */
#define RAM_PAGES	TRACE_RAM_PAGES
#define FOLIO_PAGES	(UINT64_C(1) << GMS_ORDER_1G)

/* --- the container --------------------------------------------------------------- */

struct container {
	uint64_t room;		/* entries it can have; 0: any number */
	bool	 can_cut;

	uint32_t *length;	/* of the entry that begins at this page; 0: none does */
	uint32_t *gone;		/* the conversion that last unmapped this page */
	bool	 *mapped;

	uint64_t entries;
	uint64_t entries_max;
	uint64_t maps;		/* calls, as of VFIO_IOMMU_MAP_DMA */
	uint64_t unmaps;
	uint64_t refused;	/* of these, because it cannot or must not */
	uint64_t flushes;	/* conversions that unmapped: one IOTLB flush each */
	uint64_t blinks;	/* pages unmapped and mapped again in one conversion */
	uint32_t conversion;
	bool	 unmapped;	/* in this conversion */
};

static int container_make(struct container *c, uint64_t room, bool can_cut)
{
	*c = (struct container){ .room = room, .can_cut = can_cut };
	c->length = calloc(RAM_PAGES, sizeof(*c->length));
	c->gone = calloc(RAM_PAGES, sizeof(*c->gone));
	c->mapped = calloc(RAM_PAGES, sizeof(*c->mapped));
	return c->length && c->gone && c->mapped ? 0 : -ENOMEM;
}

static void container_drop(struct container *c)
{
	free(c->length);
	free(c->gone);
	free(c->mapped);
}

static int map_entry(struct container *c, uint64_t first, uint64_t npages)
{
	if (first + npages > RAM_PAGES)
		return -EINVAL;
	if (c->room && c->entries == c->room)
		return -ENOSPC;
	for (uint64_t i = first; i < first + npages; i++) {
		if (c->mapped[i])
			return -EEXIST;
	}
	for (uint64_t i = first; i < first + npages; i++) {
		c->mapped[i] = true;
		c->blinks += c->gone[i] == c->conversion;
	}
	c->length[first] = (uint32_t)npages;
	c->entries++;
	if (c->entries > c->entries_max)
		c->entries_max = c->entries;
	return 0;
}

static int unmap_entry(struct container *c, uint64_t first, uint64_t npages)
{
	uint64_t entry = first, end;

	if (first + npages > RAM_PAGES || !c->mapped[first])
		return -ENOENT;
	while (!c->length[entry])
		entry--;
	end = entry + c->length[entry];
	if (end < first + npages || (!c->can_cut && (entry != first || end != first + npages)))
		return -EINVAL;
	if (c->room && c->entries - 1 + (entry != first) + (end != first + npages) > c->room)
		return -ENOSPC;
	for (uint64_t i = first; i < first + npages; i++) {
		c->mapped[i] = false;
		c->gone[i] = c->conversion;
	}
	c->length[first] = 0;
	if (entry != first)
		c->length[entry] = (uint32_t)(first - entry);
	if (end != first + npages)
		c->length[first + npages] = (uint32_t)(end - first - npages);
	c->entries += (entry != first) + (end != first + npages);
	c->entries--;
	if (c->entries > c->entries_max)
		c->entries_max = c->entries;
	c->unmapped = true;
	return 0;
}

/* --- and what makes it a listener --------------------------------------------------- */

static void begin(void *ctx)
{
	struct container *c = ctx;

	c->conversion++;
	c->unmapped = false;
}

/* The states follow now: where the IOTLB has to forget what was unmapped, once for all. */
static void end(void *ctx)
{
	struct container *c = ctx;

	c->flushes += c->unmapped;
}

static int map_spans(void *ctx, const struct gms_host_run *span, size_t nspans, size_t *ndone,
		     struct gms_charge *charge)
{
	struct container *c = ctx;
	int err = 0;

	for (*ndone = 0; !err && *ndone < nspans; *ndone += !err) {
		c->maps++;
		err = map_entry(c, span[*ndone].first, span[*ndone].npages);
	}
	c->refused += err != 0;
	gms_charge_add(charge, GMS_ACCT_SYS_IOCTL, *ndone);
	return err;
}

static int unmap_spans(void *ctx, const struct gms_host_run *span, size_t nspans, size_t *ndone,
		       struct gms_charge *charge)
{
	struct container *c = ctx;
	int err = 0;

	for (*ndone = 0; !err && *ndone < nspans; *ndone += !err) {
		c->unmaps++;
		err = unmap_entry(c, span[*ndone].first, span[*ndone].npages);
	}
	c->refused += err != 0;
	gms_charge_add(charge, GMS_ACCT_SYS_IOCTL, *ndone);
	return err;
}

static int attach(struct gms_space *space, struct container *c, uint64_t max_span_pages)
{
	struct gms_listener listener;
	uint32_t id;

	GMS_INIT(&listener);
	listener.ctx = c;
	listener.mask = GMS_STATE_SHARED;
	listener.value = GMS_STATE_SHARED;
	/* One that can cut has no need to lose a page that stays, not for a moment. */
	listener.flags = c->can_cut ? GMS_LISTEN_CAN_CUT | GMS_LISTEN_NO_JOIN : 0;
	listener.max_spans = c->room;
	listener.max_span_pages = max_span_pages;
	listener.begin = begin;
	listener.end = end;
	listener.revoke = unmap_spans;
	listener.commit = map_spans;
	return gms_listener_add(space, &listener, &id);
}

/* The device must see every page that is shared, and no other. */
static int compare(struct gms_space *space, const struct container *c)
{
	char why[256];

	if (gms_check(space, why, sizeof(why))) {
		fprintf(stderr, "listener: %s\n", why);
		return -EBADMSG;
	}
	for (uint64_t i = 0; i < RAM_PAGES; i++) {
		const gms_state state = gms_state_at(space, i);
		const bool shared = state != GMS_HOLE && state & GMS_STATE_SHARED;

		if (shared != c->mapped[i]) {
			fprintf(stderr, "listener: frame %#" PRIx64 " is %s\n", i,
				shared ? "shared and not mapped" : "mapped and not shared");
			return -EBADMSG;
		}
	}
	return 0;
}

/* --- a trace ------------------------------------------------------------------------ */

struct replay {
	const char *name;
	uint64_t max_span_pages;
	bool	 can_cut;
	uint32_t policy;

	struct container container;
	struct trace_loans loans;
	uint64_t nevents;
	uint64_t entries_sum;	/* over events */
};

static int make_guest(struct gms_space **space, uint64_t npages, uint32_t order, uint32_t policy)
{
	struct gms_space_opts opts;
	struct gms_region_opts ram;
	int err;

	GMS_INIT(&opts);
	GMS_INIT(&ram);
	opts.lend_policy = policy;
	opts.lend_idle_pages = 256;
	ram.npages = npages;
	ram.base_order = order;
	ram.state = GMS_STATE_DIRECT_MAP;	/* all of it private */
	err = gms_space_new(space, &opts);
	if (!err)
		err = gms_region_add(*space, &ram, NULL);
	return err;
}

static int replay_trace(struct replay *replay, struct trace *trace)
{
	struct container *c = &replay->container;
	struct gms_space *space = NULL;
	struct trace_line line;
	int more, err = container_make(c, VFIO_ENTRIES, replay->can_cut);

	trace_rewind(trace);
	if (!err)
		err = make_guest(&space, RAM_PAGES, GMS_ORDER_2M, replay->policy);
	if (!err)
		err = attach(space, c, replay->max_span_pages);
	while (!err && (more = trace_next(trace, &line)) != 0) {
		err = more < 0 ? more : trace_loan(&replay->loans, space, &line, line.gpa);
		replay->entries_sum += c->entries;
		replay->nevents++;
	}
	if (!err)
		err = compare(space, c);
	trace_loans_forget(&replay->loans);
	gms_space_free(space);
	container_drop(c);
	return err;
}

enum { REPLAYS = 4 };

#define ROW(label, format, value) do { \
		printf("%-34s", label); \
		for (int i_ = 0; i_ < REPLAYS; i_++) { \
			const struct replay *r = &replay[i_]; \
			printf(" %11" format, value); \
		} \
		printf("\n"); \
	} while (0)

static int print_replays(const char *path)
{
	struct replay replay[REPLAYS] = {
		{ .name = "4K", .max_span_pages = 1 },
		{ .name = "spans", .max_span_pages = 0 },
		{ .name = "spans, cut", .can_cut = true },
		{ .name = "spans, LAZY", .policy = GMS_LEND_LAZY },
	};
	struct trace trace;
	int err = trace_open(&trace, path);

	for (int i = 0; !err && i < REPLAYS; i++)
		err = replay_trace(&replay[i], &trace);
	if (err) {
		fprintf(stderr, "listener: %s: line %" PRIu64 ": %s\n", path,
			trace.file ? trace.nlines : 0,
			trace.file ? gms_strerror(err) : strerror(-err));
	} else {
		ROW("", "s", r->name);
		ROW("most entries at once", PRIu64, r->container.entries_max);
		ROW("entries, mean over events", ".1f",
		    (double)r->entries_sum / (double)r->nevents);
		ROW("map calls", PRIu64, r->container.maps);
		ROW("unmap calls", PRIu64, r->container.unmaps);
		ROW("calls that were refused", PRIu64, r->container.refused);
		ROW("IOTLB flushes", PRIu64, r->container.flushes);
		ROW("pages unmapped for a moment", PRIu64, r->container.blinks);
		printf("\n");
	}
	trace_close(&trace);
	return err;
}

/* --- one folio of 1 GiB --------------------------------------------------------------- */

static int make_folio(struct gms_space **space, struct container *c, uint64_t room,
		      uint64_t max_span_pages)
{
	int err = container_make(c, room, false);

	if (!err)
		err = make_guest(space, FOLIO_PAGES, GMS_ORDER_1G, GMS_LEND_EAGER);
	return err ? err : attach(*space, c, max_span_pages);
}

static void drop_folio(struct gms_space **space, struct container *c)
{
	gms_space_free(*space);
	*space = NULL;
	container_drop(c);
}

static int share(struct gms_space *space, uint64_t first, uint64_t npages)
{
	return gms_share(space, (struct gms_range){ first, npages }, NULL);
}

static void say(const char *what, const struct container *c)
{
	printf("%-54s %8" PRIu64 "\n", what, c->entries);
}

/* What it takes to be refused: not a call, not a page. */
static int refuse(struct gms_space *space, const struct container *c, uint64_t first,
		  uint64_t npages, const char *what)
{
	const struct container before = *c;
	const int err = share(space, first, npages);

	if (err != -ENOSPC || c->maps != before.maps || c->unmaps != before.unmaps)
		return err ? err : -EBADMSG;
	printf("%-54s  refused: %s\n", what, gms_strerror(err));
	return compare(space, c);
}

static int share_as_4k(void)
{
	struct gms_space *space = NULL;
	struct container c;
	int err = make_folio(&space, &c, 0, 1);

	if (!err)
		err = share(space, 0, FOLIO_PAGES);
	if (!err)
		say("shared whole, in entries of 4K, if there were as many", &c);
	drop_folio(&space, &c);
	if (!err)
		err = make_folio(&space, &c, VFIO_ENTRIES, 1);
	if (!err)
		err = refuse(space, &c, 0, FOLIO_PAGES, "  and as there are 65,535");
	drop_folio(&space, &c);
	return err;
}

static int share_as_spans(void)
{
	const struct gms_range middle = { FOLIO_PAGES / 2 + 1, 1 };
	struct gms_space *space = NULL;
	struct container c;
	int err = make_folio(&space, &c, VFIO_ENTRIES, 0);

	if (!err)
		err = share(space, 0, FOLIO_PAGES);
	if (!err)
		say("shared whole, in spans", &c);
	if (!err)
		err = gms_unshare(space, middle, NULL);
	if (!err)
		say("  without one page in its middle", &c);
	if (!err)
		err = share(space, middle.first, 1);
	if (!err)
		say("  with that page again", &c);
	if (!err)
		err = compare(space, &c);
	drop_folio(&space, &c);
	return err;
}

static int share_every_other(void)
{
	struct gms_space *space = NULL;
	struct container c;
	int err = make_folio(&space, &c, VFIO_ENTRIES, 0);
	uint64_t page = 0;

	for (; !err && c.entries < VFIO_ENTRIES; page += 2)
		err = share(space, page, 1);
	if (!err)
		say("every other page shared, as far as it goes", &c);
	if (!err)
		err = refuse(space, &c, page, 1, "  and one page more");
	drop_folio(&space, &c);
	return err;
}

int main(int argc, char **argv)
{
	int err = 0;

	if (argc > 2) {
		fprintf(stderr, "usage: listener [TRACE]\n");
		return 2;
	}
	if (argc == 2 && print_replays(argv[1]))
		return 1;
	printf("%-54s %8s\n", "A folio of 1 GiB", "entries");
	err = share_as_4k();
	if (!err)
		err = share_as_spans();
	if (!err)
		err = share_every_other();
	if (err)
		fprintf(stderr, "listener: %s\n", gms_strerror(err));
	return err ? 1 : 0;
}
