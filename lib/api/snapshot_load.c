/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot_load.c - read sections, whoever wrote them; see snapshot.h.
 *
 * Nothing of a section is believed before its sum is right. What is then wrong was
 * written so, and is found by the rules of the format.
 */
#include <errno.h>
#include <string.h>

#include <gmemstate/snapshot.h>

#include "api/snapshot.h"
#include "base/crc32c.h"
#include "base/sized.h"
#include "engine/space.h"

/* --- what is wrong, and where ---------------------------------------------- */

static int wrong(struct gms__loader *l, int err, uint64_t offset, const char *expected)
{
	l->result.offset_bytes = offset;
	l->result.expected = expected;
	return err;
}

static uint64_t here(const struct gms__loader *l)
{
	return l->start + GMS__SNAP_HEAD_BYTES + l->at;
}

int gms__snap_bad(struct gms__loader *l, const char *expected)
{
	return wrong(l, -EBADMSG, here(l), expected);
}

int gms__snap_later(struct gms__loader *l, const char *expected)
{
	const bool later = l->result.format_minor > GMS_SNAPSHOT_MINOR;

	return wrong(l, later ? -EOPNOTSUPP : -EBADMSG, here(l), expected);
}

int gms__snap_fits(const struct gms__loader *l, uint64_t bytes)
{
	const uint64_t now = gms__load(&l->space->map.mem.bytes), most = l->opts.most_bytes;

	return most && (now > most || bytes > most - now) ? -EMSGSIZE : 0;
}

/* --- bytes ----------------------------------------------------------------- */

/* All of them, or an error. */
static int take(struct gms__loader *l, unsigned char *buf, unsigned bytes)
{
	while (bytes) {
		const int64_t got = l->read(l->ctx, buf, bytes);

		if (got < 0)
			return (int)got;
		if (got > bytes)
			return -EINVAL;
		if (!got)
			return wrong(l, -EBADMSG, l->offset, "more: the file ends too soon");
		l->offset += (uint64_t)got;
		buf += got;
		bytes -= (unsigned)got;
	}
	return 0;
}

static int take_summed(struct gms__loader *l, unsigned char *buf, unsigned bytes)
{
	int err = take(l, buf, bytes);

	if (!err)
		l->sum = gms__crc32c(l->sum, buf, bytes);
	return err;
}

static int check_sum(struct gms__loader *l, const char *expected)
{
	unsigned char sum[GMS__SNAP_SUM_BYTES];
	int err = take(l, sum, sizeof(sum));

	if (!err && gms__snap_get(sum, sizeof(sum)) != l->sum)
		err = wrong(l, -EBADMSG, l->start, expected);
	return err;
}

int gms__snap_number(struct gms__loader *l, uint64_t most, uint64_t *number,
		     const char *expected)
{
	const unsigned from = l->at;
	uint64_t value = 0;
	unsigned char byte;

	do {
		const unsigned shift = 7 * (l->at - from);

		/* A tenth byte has room for one bit. */
		if (l->at == l->n || shift > 63 || (shift == 63 && l->buf[l->at] > 1))
			return gms__snap_bad(l, expected);
		byte = l->buf[l->at++];
		value |= (uint64_t)(byte & 127) << shift;
	} while (byte & 128);
	if (value > most || (!byte && l->at - from > 1)) {
		l->at = from;
		return gms__snap_bad(l, expected);
	}
	*number = value;
	return 0;
}

/* --- sections -------------------------------------------------------------- */

static int load_header(struct gms__loader *l)
{
	int err = take_summed(l, l->buf, GMS__SNAP_HEADER_BYTES);

	if (err)
		return err;
	if (memcmp(l->buf, GMS__SNAP_MAGIC, GMS__SNAP_MAGIC_BYTES))
		return wrong(l, -EBADMSG, 0, "a snapshot of libgmemstate");
	err = check_sum(l, "a sound header");
	if (err)
		return err;
	l->result.format_major = (uint32_t)gms__snap_get(l->buf + 8, 2);
	l->result.format_minor = (uint32_t)gms__snap_get(l->buf + 10, 2);
	if (!l->result.format_major)
		return wrong(l, -EBADMSG, 8, "a version");
	if (l->result.format_major > GMS_SNAPSHOT_MAJOR)
		return wrong(l, -EOPNOTSUPP, 8, "a version that this library reads");
	return 0;
}

/* A number of an enum. */
static int load_enum(struct gms__loader *l, uint32_t most, uint32_t *value, const char *expected)
{
	const unsigned at = l->at;
	uint64_t number;
	int err = gms__snap_number(l, UINT64_MAX, &number, expected);

	if (!err && number > most) {
		l->at = at;
		return gms__snap_later(l, expected);
	}
	if (!err)
		*value = (uint32_t)number;
	return err;
}

static int load_space(struct gms__loader *l)
{
	struct gms_space_opts opts;
	int err;

	if (l->space)
		return gms__snap_bad(l, "one section of a space");
	GMS_INIT(&opts);
	opts.flags = l->opts.flags;
	opts.mem = l->opts.mem;
	opts.now_ns = l->opts.now_ns;
	opts.log = l->opts.log;
	opts.ctx = l->opts.ctx;
	err = load_enum(l, GMS_PROFILE_COUNT - 1, &opts.profile, "a profile");
	if (!err)
		err = load_enum(l, GMS_SPLIT_NONE, &opts.split, "a split policy");
	if (!err)
		err = load_enum(l, GMS_MERGE_EXPLICIT, &opts.merge, "a merge policy");
	if (!err)
		err = gms__snap_number(l, opts.merge == GMS_MERGE_DEFERRED ? UINT64_C(1) << 31 : 0,
				       &opts.merge_after_commits, "a number of commits");
	if (!err)
		err = load_enum(l, GMS_LEND_PERSISTENT, &opts.lend_policy, "a lend policy");
	if (!err)
		err = gms__snap_number(l, UINT64_MAX, &opts.lend_idle_pages, "a number of pages");
	if (!err)
		err = gms__snap_number(l, UINT64_MAX, &opts.lend_idle_ns, "a time");
	if (!err)
		err = gms__snap_number(l, UINT64_MAX, &opts.access_wait_ns, "a time");
	if (!err)
		err = gms_space_new(&l->space, &opts);
	return err ? err : gms__snap_fits(l, 0);
}

static int load_end(struct gms__loader *l)
{
	uint64_t sections, bytes;
	int err = gms__snap_region_end(l);

	if (!err)
		err = gms__snap_number(l, UINT64_MAX, &sections, "the number of sections");
	if (!err)
		err = gms__snap_number(l, UINT64_MAX, &bytes, "the number of bytes");
	if (!err && (sections != l->sections || bytes != l->start))
		err = gms__snap_bad(l, "as many sections and bytes as there were");
	return err;
}

/* The payload is in hand and sound. */
static int load_known(struct gms__loader *l)
{
	int err;

	if (l->type != GMS__SNAP_SPACE && !l->space)
		return gms__snap_bad(l, "the section of the space first");
	switch (l->type) {
	case GMS__SNAP_SPACE:
		err = load_space(l);
		break;
	case GMS__SNAP_REGION:
		err = gms__snap_region(l);
		break;
	case GMS__SNAP_STATES:
		err = gms__snap_states(l);
		break;
	case GMS__SNAP_FOLIOS:
		err = gms__snap_folios(l);
		break;
	case GMS__SNAP_FROZEN:
		err = gms__snap_frozen(l);
		break;
	default:
		err = load_end(l);
		break;
	}
	if (!err && l->at != l->n)
		err = gms__snap_bad(l, "the end of the section");
	return err;
}

static bool is_known(unsigned type)
{
	return (type >= GMS__SNAP_SPACE && type <= GMS__SNAP_FROZEN) || type == GMS__SNAP_END;
}

static int load_section(struct gms__loader *l)
{
	unsigned char head[GMS__SNAP_HEAD_BYTES];
	uint32_t left, flags;
	int err;

	l->start = l->offset;
	l->at = 0;
	err = take_summed(l, head, sizeof(head));
	if (err)
		return err;
	l->type = (unsigned)gms__snap_get(head, 2);
	flags = (uint32_t)gms__snap_get(head + 2, 2);
	left = (uint32_t)gms__snap_get(head + 4, 4);
	/* What is too long to be known is passed over piece by piece. */
	do {
		l->n = left < sizeof(l->buf) ? left : sizeof(l->buf);
		err = take_summed(l, l->buf, l->n);
		left -= l->n;
	} while (!err && left);
	if (!err)
		err = check_sum(l, "a section whose sum is right");
	if (err)
		return err;
	if (flags & ~GMS_SNAPSHOT_SKIP)
		return wrong(l, -EOPNOTSUPP, l->start, "flags that this library knows");
	if (is_known(l->type)) {
		if (gms__snap_get(head + 4, 4) > sizeof(l->buf))
			return wrong(l, -EBADMSG, l->start, "a section of at most 4096 bytes");
		err = load_known(l);
	} else if (flags & GMS_SNAPSHOT_SKIP) {
		l->result.skipped_sections++;
	} else {
		err = wrong(l, -EOPNOTSUPP, l->start, "a section that this library knows");
	}
	l->sections++;
	return err;
}

int gms_load(struct gms_space **out, const struct gms_load_opts *opts, gms_read_fn *read, void *ctx,
	     struct gms_load_result *result)
{
	struct gms__loader l;
	int err = 0;

	if (!out || !read)
		return -EINVAL;
	memset(&l, 0, sizeof(l));
	GMS_INIT(&l.opts);
	GMS_INIT(&l.result);
	if (opts)
		err = gms__sized_in(&l.opts, sizeof(l.opts), opts);
	if (!err && result)
		err = gms__sized_check(result, sizeof(*result));
	if (!err && (l.opts.reserved || (l.opts.flags & ~GMS__SPACE_FLAGS)))
		err = -EINVAL;
	if (err)
		return err;
	l.read = read;
	l.ctx = ctx;
	err = load_header(&l);
	while (!err && l.type != GMS__SNAP_END)
		err = load_section(&l);
	if (!l.result.expected)
		l.result.offset_bytes = l.offset;
	if (err)
		gms_space_free(l.space);
	else
		*out = l.space;
	if (result)
		gms__sized_out(result, &l.result, sizeof(l.result));
	return err;
}
