/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot_save.c - write a space as sections; see snapshot.h.
 *
 * Locking: all stripes are held from the first section to the last, so that the file is
 * of one moment; the embedder's write is called so, as listeners are.
 */
#include <errno.h>
#include <string.h>

#include <gmemstate/snapshot.h>

#include "api/snapshot.h"
#include "base/crc32c.h"
#include "engine/frost.h"
#include "engine/shape.h"
#include "map/walk.h"

/* No record is longer: a bitmap's, of two states of three bytes and a length of two. */
#define RECORD_BYTES	(2 + 3 + 3 + GMS__SNAP_BITS / 8)

/* Runs side by side that may go into one bitmap: two states that take turns. */
struct pack {
	unsigned  n;
	unsigned  npages;
	unsigned  bytes;	/* that they take as runs */
	gms_state state[2];
	uint16_t  run[GMS__SNAP_BITS];
};

struct saver {
	struct gms_space *space;
	gms_write_fn *write;
	void	*ctx;
	int	 err;
	uint32_t sum;
	uint64_t bytes;		/* written */
	uint64_t sections;
	struct pack pack;
	unsigned type;		/* of the section that is being gathered */
	unsigned n;		/* bytes of its payload so far */
	unsigned char buf[GMS__SNAP_HEAD_BYTES + GMS__SNAP_BYTES + GMS__SNAP_SUM_BYTES];
};

static void out(struct saver *s, unsigned char *buf, unsigned bytes)
{
	s->sum = gms__crc32c(s->sum, buf, bytes);
	gms__snap_put(buf + bytes, s->sum, GMS__SNAP_SUM_BYTES);
	bytes += GMS__SNAP_SUM_BYTES;
	s->bytes += bytes;
	if (!s->err)
		s->err = s->write(s->ctx, (const char *)buf, bytes);
}

static void header(struct saver *s)
{
	memcpy(s->buf, GMS__SNAP_MAGIC, GMS__SNAP_MAGIC_BYTES);
	gms__snap_put(s->buf + 8, GMS_SNAPSHOT_MAJOR, 2);
	gms__snap_put(s->buf + 10, GMS_SNAPSHOT_MINOR, 2);
	out(s, s->buf, GMS__SNAP_HEADER_BYTES);
}

static void section_end(struct saver *s)
{
	gms__snap_put(s->buf, s->type, 2);
	gms__snap_put(s->buf + 2, 0, 2);
	gms__snap_put(s->buf + 4, s->n, 4);
	out(s, s->buf, GMS__SNAP_HEAD_BYTES + s->n);
	s->sections++;
	s->n = 0;
}

/* What is put from here on belongs to a section of this type, together. */
static void record(struct saver *s, unsigned type)
{
	if (s->n && (s->type != type || s->n + RECORD_BYTES > GMS__SNAP_BYTES))
		section_end(s);
	s->type = type;
}

static unsigned number_bytes(uint64_t number)
{
	unsigned n = 1;

	while (number >>= 7)
		n++;
	return n;
}

static void number(struct saver *s, uint64_t number)
{
	unsigned char *at = s->buf + GMS__SNAP_HEAD_BYTES;

	for (; number > 127; number >>= 7)
		at[s->n++] = (unsigned char)(number | 128);
	at[s->n++] = (unsigned char)number;
}

static void save_space(struct saver *s)
{
	const struct gms_space *space = s->space;
	uint32_t profile = 0;

	while (gms__profile_get(profile) != space->profile)
		profile++;
	record(s, GMS__SNAP_SPACE);
	number(s, profile);
	number(s, space->split);
	number(s, space->merge);
	number(s, space->merge_after_commits);
	number(s, space->loans.policy);
	number(s, space->loans.most_idle);
	number(s, space->loans.oldest_ns);
	number(s, space->access_wait_ns);
}

static void save_region(struct saver *s, const struct gms__region *row)
{
	record(s, GMS__SNAP_REGION);
	number(s, row->first);
	number(s, row->npages);
	number(s, gms__region_order(row));
	number(s, gms__region_fault_order(row));
	number(s, row->backing_id);
	number(s, row->backing_offset_bytes);
	number(s, gms__region_flags(row));
}

/* --- states ---------------------------------------------------------------- */

static void put_run(struct saver *s, uint64_t npages, gms_state state)
{
	record(s, GMS__SNAP_STATES);
	number(s, npages * 2);
	number(s, state);
}

static void put_bits(struct saver *s, const struct pack *pack)
{
	unsigned char *bits;
	unsigned at = 0;

	record(s, GMS__SNAP_STATES);
	number(s, pack->npages * 2 + 1);
	number(s, pack->state[0]);
	number(s, pack->state[1]);
	bits = s->buf + GMS__SNAP_HEAD_BYTES + s->n;
	s->n += (pack->npages + 7) / 8;
	memset(bits, 0, (pack->npages + 7) / 8);
	for (unsigned i = 0; i < pack->n; at += pack->run[i++]) {
		for (unsigned b = at; i % 2 && b < at + pack->run[i]; b++)
			bits[b / 8] |= (unsigned char)(1u << b % 8);
	}
}

static void pack_end(struct saver *s)
{
	struct pack *pack = &s->pack;

	if (pack->n > 1 && 1 + number_bytes(pack->npages * 2 + 1) + number_bytes(pack->state[0]) +
			   number_bytes(pack->state[1]) + pack->npages / 8 < pack->bytes) {
		put_bits(s, pack);
	} else {
		for (unsigned i = 0; i < pack->n; i++)
			put_run(s, pack->run[i], pack->state[i % 2]);
	}
	pack->n = 0;
	pack->npages = 0;
	pack->bytes = 0;
}

static void pack_run(struct saver *s, const struct gms_run *run)
{
	struct pack *pack = &s->pack;

	if (pack->npages + run->npages > GMS__SNAP_BITS ||
	    (pack->n > 1 && pack->state[pack->n % 2] != run->state))
		pack_end(s);
	if (run->npages > GMS__SNAP_BITS) {
		put_run(s, run->npages, run->state);
		return;
	}
	if (pack->n < 2)
		pack->state[pack->n] = run->state;
	pack->run[pack->n++] = (uint16_t)run->npages;
	pack->npages += (unsigned)run->npages;
	pack->bytes += number_bytes(run->npages * 2) + number_bytes(run->state);
}

static void save_states(struct saver *s, const struct gms__region *row)
{
	struct gms_cursor cursor = { 0 };
	gms_gfn pos = row->first;
	struct gms_run run;

	while (!s->err && gms__map_next_run(&s->space->map, &cursor, &pos,
					    row->first + row->npages, GMS_STATE_ALL, &run))
		pack_run(s, &run);
	pack_end(s);
}

/* --- folios and freeze counts ---------------------------------------------- */

/* May a record of folios of this order, which begins at first, go on at gfn? */
static bool same_record(const struct saver *s, const struct gms__region *row, unsigned order,
			gms_gfn first, gms_gfn gfn)
{
	if (order == gms__region_order(row))
		return true;
	if (s->space->split == GMS_SPLIT_HALVES && order < GMS_ORDER_2M)
		return first / GMS__BLOCK_PAGES == gfn / GMS__BLOCK_PAGES;
	return gms__gib_of(first) == gms__gib_of(gfn);
}

static void put_folios(struct saver *s, unsigned order, uint64_t npages)
{
	record(s, GMS__SNAP_FOLIOS);
	number(s, npages >> order << GMS__SNAP_ORDER_BITS | order);
}

static void save_folios(struct saver *s, const struct gms__region *row)
{
	const gms_gfn end = row->first + row->npages;
	unsigned order, last = gms__region_order(row);
	gms_gfn first = row->first, gfn, next;

	if (!last)
		return;
	for (gfn = first; !s->err && gfn < end; gfn = next) {
		next = gms__min(end, gfn + gms__shape_stretch(s->space, row, gfn, &order));
		if (gfn > first && (order != last || !same_record(s, row, order, first, gfn))) {
			put_folios(s, last, gfn - first);
			first = gfn;
		}
		last = order;
	}
	if (first > row->first || last < gms__region_order(row))
		put_folios(s, last, end - first);
}

static void save_frozen(struct saver *s, const struct gms__region *row)
{
	const gms_gfn end = row->first + row->npages;
	gms_gfn last = row->first;
	struct gms_range run;
	uint64_t times;

	if (!s->space->access)
		return;
	for (gms_gfn at = row->first, stop; !s->err && at < end;) {
		stop = gms__min(end, (at | (GMS__GIB_PAGES - 1)) + 1);
		if (!gms__frost_next(s->space, at, stop, &run, &times)) {
			at = stop;
			continue;
		}
		record(s, GMS__SNAP_FROZEN);
		number(s, run.first - last);
		number(s, run.npages);
		number(s, times);
		at = last = run.first + run.npages;
	}
}

int gms_save(struct gms_space *space, gms_write_fn *write, void *ctx)
{
	struct saver s;
	struct gms__region row;
	uint64_t check;

	if (!space || !write)
		return -EINVAL;
	memset(&s, 0, sizeof(s));
	s.space = space;
	s.write = write;
	s.ctx = ctx;
	gms__map_lock_all(&space->map);
	header(&s);
	save_space(&s);
	for (uint64_t i = 0; !s.err && gms__region_nth(&space->map, i, &row, &check); i++) {
		save_region(&s, &row);
		save_states(&s, &row);
		save_folios(&s, &row);
		save_frozen(&s, &row);
	}
	section_end(&s);
	s.type = GMS__SNAP_END;
	number(&s, s.sections);
	number(&s, s.bytes);
	section_end(&s);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	return s.err;
}
