/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - the format of a snapshot, for who writes it and who reads it.
 *
 * A number is in seven bits a byte, the lowest first, the top bit set on all bytes but
 * the last: in as few bytes as it takes. Payloads hold nothing but numbers and the
 * bits of a bitmap:
 *
 *   SPACE	profile, split, merge, merge_after_commits, lend_policy,
 *		lend_idle_pages, lend_idle_ns, access_wait_ns
 *   REGION	first, npages, base_order, fault_order, backing_id,
 *		backing_offset_bytes, flags (GMS_REGION_*)
 *   STATES	of the region above, records side by side from where the section before
 *		ended:	npages * 2, state
 *			npages * 2 + 1, state of a bit that is 0, of one that is 1,
 *			a bit a page, the lowest of a byte first; at most 512 pages
 *   FOLIOS	of a region whose states are all there, if a folio of it is cut, records
 *		side by side:	folios * 32 + order
 *		A record of less than the base order stays in a GiB, and under
 *		HALVES one of less than 2M in 2 MiB.
 *   FROZEN	of such a region, records: pages since the end of the last one, npages, how
 *		often they are frozen beyond once; each in a GiB
 *   END	sections before this one, bytes before it
 *
 * A section of these holds at most GMS__SNAP_BYTES, and what does not fit goes into
 * another one of its type.
 */
#ifndef GMS_API_SNAPSHOT_H
#define GMS_API_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/snapshot.h>

#include "map/map.h"

enum gms__snap_type {
	GMS__SNAP_SPACE = 1,
	GMS__SNAP_REGION,
	GMS__SNAP_STATES,
	GMS__SNAP_FOLIOS,
	GMS__SNAP_FROZEN,
	GMS__SNAP_END = 0xffff
};

#define GMS__SNAP_MAGIC		"\x89GMS\r\n\x1a\n"
#define GMS__SNAP_MAGIC_BYTES	8u
#define GMS__SNAP_HEADER_BYTES	12u	/* without its sum */
#define GMS__SNAP_HEAD_BYTES	8u	/* of a section */
#define GMS__SNAP_SUM_BYTES	4u
#define GMS__SNAP_BYTES		4096u
#define GMS__SNAP_BITS		512u
#define GMS__SNAP_ORDER_BITS	5u
#define GMS__VARINT_BYTES	10u

static inline void gms__snap_put(unsigned char *at, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (unsigned char)(number >> (8 * i));
}

static inline uint64_t gms__snap_get(const unsigned char *at, unsigned bytes)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < bytes; i++)
		number |= (uint64_t)at[i] << (8 * i);
	return number;
}

/* A space that is being loaded; nobody else knows it. */
struct gms__loader {
	struct gms_space *space;
	struct gms_load_opts opts;
	struct gms_load_result result;
	gms_read_fn *read;
	void	*ctx;
	uint64_t offset;	/* bytes read */
	uint32_t sum;		/* of all so far */
	uint64_t sections;	/* before this one */
	uint64_t start;		/* where this one is */
	unsigned type;
	unsigned n;		/* bytes of its payload */
	unsigned at;		/* those that are used */

	struct gms__region row;	/* the one that sections speak of; no pages: none yet */
	gms_gfn	 state_end;	/* pages before it have their states */
	gms_gfn	 folio_end;	/* and their folios, if anything is cut */
	gms_gfn	 frozen_end;	/* and their freeze counts */
	uint64_t frozen_last;	/* the count of the run that ended there; 0: none did */
	unsigned char buf[GMS__SNAP_BYTES];
};

/* snapshot_load.c: something else was expected here, or in a later version; the error */
int gms__snap_bad(struct gms__loader *l, const char *expected);
int gms__snap_later(struct gms__loader *l, const char *expected);
/* The next number of the section, at most this large. */
int gms__snap_number(struct gms__loader *l, uint64_t most, uint64_t *number,
		     const char *expected);
/* May the space take so much more? 0 or -EMSGSIZE. */
int gms__snap_fits(const struct gms__loader *l, uint64_t bytes);

/* snapshot_region.c: one section each, and the end of a region */
int gms__snap_region(struct gms__loader *l);
int gms__snap_states(struct gms__loader *l);
int gms__snap_folios(struct gms__loader *l);
int gms__snap_frozen(struct gms__loader *l);
int gms__snap_region_end(struct gms__loader *l);

#endif
