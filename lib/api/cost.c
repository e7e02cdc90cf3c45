/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost.c - the calls of cost.h: unit costs, and their text.
 *
 * The text is read from front to back in one pass, a line at a time, into a model
 * of our own; the caller's is written when all of it was sound. It comes from a
 * file that anybody may have written:
 *
 *   T1  Nothing is read past the text, and nothing depends on a NUL in it.
 *   T2  Every number is in the bounds of its unit, so that who adds them up need
 *       not look for wraps.
 *   T3  Work is linear in the text, which is bounded; a name is looked up in a
 *       table of fixed length.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <gmemstate/cost.h>

#include "base/sized.h"
#include "base/text.h"
#include "api/cost_text.h"

#define MAGIC		"gmemstate-cost "
#define VERSION		1
#define PAGE_MOST	(UINT64_C(1) << 30)

/* Longest line that is written: a name, a number, two blanks. */
#define LINE_ROOM	64

static uint64_t *member(struct gms_cost_model *model, size_t name)
{
	return (uint64_t *)(void *)((char *)model + gms__cost_names[name].offset);
}

static uint64_t value_of(const struct gms_cost_model *model, size_t name)
{
	return *(const uint64_t *)(const void *)((const char *)model +
						 gms__cost_names[name].offset);
}

static bool in_bounds(enum gms__cost_unit unit, uint64_t value)
{
	switch (unit) {
	case GMS__COST_PAGE:
		return value <= PAGE_MOST && !(value & (value - 1));
	case GMS__COST_COUNT:
		return value <= GMS__COST_COUNT_MOST;
	default:
		return value <= GMS_COST_MOST_NS;
	}
}

bool gms__cost_in_bounds(const struct gms_cost_model *model)
{
	for (size_t i = 0; i < GMS__COST_NAMES; i++) {
		if (!in_bounds(gms__cost_names[i].unit, value_of(model, i)))
			return false;
	}
	return true;
}

int gms_cost_example(struct gms_cost_model *model)
{
	static const struct gms_cost_model example = {
		.host_page_bytes = 4096,
		.cpus = 2,
		.threads = 1,
		.syscall_ns = 163,
		.ioctl_ns = 330,
		.guest_exit_ns = 5600,
		.user_exit_ns = 30700,
		.flush_ns = { 400, 18800 },
		.guard_install_page_ns = 3036,
		.guard_remove_page_ns = 1022,
		.guard_install_2m_ns = 112000,
		.guard_remove_2m_ns = 11647,
		.guard_install_vector_ns = 2566,
		.guard_remove_vector_ns = 362,
		.mprotect_none_page_ns = 3837,
		.mprotect_rw_page_ns = 3206,
		.mprotect_none_2m_ns = 48320,
		.mprotect_rw_2m_ns = 39248,
		.punch_memfd_page_ns = 4499,
		.punch_memfd_2m_ns = 461000,
		.punch_gmem_page_ns = 5089,
		.punch_gmem_2m_ns = 963000,
		.dontneed_page_ns = 1984,
		.dontneed_2m_ns = 164000,
		.process_madvise_ns = 1241,
		.process_madvise_vector_ns = 785,
		.refault_page_ns = 1904,
		.refault_read_page_ns = 2210,
		.refault_read_2m_ns = 81000,
		.refault_gmem_page_ns = 2015,
		.refault_guest_page_ns = 2860,
		.populate_memfd_page_ns = 3888,
		.populate_gmem_page_ns = 3717,
		.userfault_missing_ns = 82000,
		.userfault_minor_ns = 64000,
		.copy_warm_ns = { 120, 351, 1533, 8100, 58000 },
		.copy_cold_ns = { 531, 1783, 6743, 26800, 212000 },
		.pwrite_ns = { 1022, 0, 6823, 0, 234000 },
		.pread_ns = { 801, 0, 5340, 0, 177000 },
	};
	const int err = gms__sized_check(model, sizeof(*model));

	if (!err)
		gms__sized_out(model, &example, sizeof(example));
	return err;
}

int gms_cost_item_at(const struct gms_cost_model *model, uint32_t index,
		     struct gms_cost_item *item)
{
	struct gms_cost_model ours;
	int err;

	if (!item)
		return -EINVAL;
	err = gms__sized_in(&ours, sizeof(ours), model);
	if (err)
		return err;
	if (index >= GMS__COST_NAMES)
		return -ENOENT;
	item->name = gms__cost_names[index].name;
	item->value = value_of(&ours, index);
	return 0;
}

int gms_cost_save(const struct gms_cost_model *model, gms_write_fn *write, void *ctx)
{
	struct gms_cost_model ours;
	char line[LINE_ROOM];
	struct gms__text text;
	int err;

	if (!write)
		return -EINVAL;
	err = gms__sized_in(&ours, sizeof(ours), model);
	if (err)
		return err;
	if (!gms__cost_in_bounds(&ours))
		return -EINVAL;

	gms__text_begin(&text, line, sizeof(line));
	gms__text_str(&text, MAGIC);
	gms__text_dec(&text, VERSION);
	gms__text_str(&text, "\n");
	err = write(ctx, line, text.len);
	for (size_t i = 0; !err && i < GMS__COST_NAMES; i++) {
		if (!value_of(&ours, i))
			continue;
		gms__text_begin(&text, line, sizeof(line));
		gms__text_str(&text, gms__cost_names[i].name);
		gms__text_str(&text, " ");
		gms__text_dec(&text, value_of(&ours, i));
		gms__text_str(&text, "\n");
		err = write(ctx, line, text.len);
	}
	return err ? err : write(ctx, "end\n", strlen("end\n"));
}

/* A stretch of the text. */
struct span {
	const char *at;
	size_t	    bytes;
};

struct reader {
	struct span rest;
	struct gms_cost_model model;
	struct gms_cost_load_result seen;
	uint64_t had;		/* bit n: name n was there */
};

static bool span_is(struct span span, const char *word)
{
	return span.bytes == strlen(word) && !memcmp(span.at, word, span.bytes);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(struct span span)
{
	if (!span.bytes || span.at[0] < 'a' || span.at[0] > 'z')
		return false;
	for (size_t i = 1; i < span.bytes; i++) {
		const char c = span.at[i];

		if (!((c >= 'a' && c <= 'z') || is_digit(c) || c == '_'))
			return false;
	}
	return true;
}

/* A later version's value may be anything that can be printed. */
static bool is_printable(struct span span)
{
	for (size_t i = 0; i < span.bytes; i++) {
		if (span.at[i] < ' ' || span.at[i] > '~')
			return false;
	}
	return span.bytes > 0;
}

static bool number(struct span span, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < span.bytes; i++) {
		const uint64_t digit = (uint64_t)(span.at[i] - '0');

		if (!is_digit(span.at[i]) || *value > (UINT64_MAX - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	return span.bytes > 0;
}

/* The next line without its end; false: there is none that is whole. */
static bool next_line(struct reader *reader, struct span *line)
{
	const char *end = reader->rest.bytes ? memchr(reader->rest.at, '\n', reader->rest.bytes)
					     : NULL;

	reader->seen.line++;
	if (!end)
		return false;
	line->at = reader->rest.at;
	line->bytes = (size_t)(end - line->at);
	reader->rest.at = end + 1;
	reader->rest.bytes -= line->bytes + 1;
	return true;
}

static int damaged(struct reader *reader, const char *expected)
{
	reader->seen.expected = expected;
	return -EBADMSG;
}

static int read_head(struct reader *reader)
{
	const size_t magic = strlen(MAGIC);
	struct span line;
	uint64_t version;

	if (!next_line(reader, &line) || line.bytes < magic || memcmp(line.at, MAGIC, magic))
		return damaged(reader, "the first line \"gmemstate-cost 1\"");
	line.at += magic;
	line.bytes -= magic;
	if (!number(line, &version) || !version)
		return damaged(reader, "a version number");
	if (version != VERSION) {
		reader->seen.expected = "version 1";
		return -EOPNOTSUPP;
	}
	return 0;
}

static int read_value(struct reader *reader, size_t name, struct span text)
{
	static const char *const expected[] = {
		[GMS__COST_NS] = "nanoseconds, 10^12 at most",
		[GMS__COST_PAGE] = "a power of two, 2^30 at most",
		[GMS__COST_COUNT] = "a count, 2^20 at most",
	};
	const enum gms__cost_unit unit = gms__cost_names[name].unit;
	uint64_t value;

	if (!number(text, &value) || !in_bounds(unit, value))
		return damaged(reader, expected[unit]);
	if (reader->had >> name & 1)
		return damaged(reader, "each name once");
	reader->had |= UINT64_C(1) << name;
	reader->seen.known_keys++;
	*member(&reader->model, name) = value;
	return 0;
}

static int read_line(struct reader *reader, struct span line)
{
	const char *blank = memchr(line.at, ' ', line.bytes);
	struct span key = line, value = { line.at + line.bytes, 0 };

	if (blank) {
		key.bytes = (size_t)(blank - line.at);
		value.at = blank + 1;
		value.bytes = line.bytes - key.bytes - 1;
	}
	if (!is_name(key) || !is_printable(value))
		return damaged(reader, "a name, a blank, a value");
	for (size_t i = 0; i < GMS__COST_NAMES; i++) {
		if (span_is(key, gms__cost_names[i].name))
			return read_value(reader, i, value);
	}
	reader->seen.unknown_keys++;
	return 0;
}

static int read_all(struct reader *reader)
{
	struct span line;
	int err = read_head(reader);

	while (!err) {
		if (!next_line(reader, &line))
			return damaged(reader, "a line \"end\"");
		if (span_is(line, "end"))
			break;
		if (line.bytes && line.at[0] != '#')
			err = read_line(reader, line);
	}
	if (!err && reader->rest.bytes) {
		reader->seen.line++;
		err = damaged(reader, "nothing behind \"end\"");
	}
	return err;
}

int gms_cost_load(struct gms_cost_model *model, const char *text, size_t bytes,
		  struct gms_cost_load_result *result)
{
	struct reader reader = { .rest = { text, bytes } };
	int err = gms__sized_check(model, sizeof(*model));

	if (!err && result)
		err = gms__sized_check(result, sizeof(*result));
	if (err)
		return err;
	if (!text)
		return -EINVAL;

	if (bytes > GMS_COST_TEXT_BYTES) {
		reader.seen.line = 1;
		err = damaged(&reader, "a text of 65536 bytes at most");
	} else {
		err = read_all(&reader);
	}
	if (!err) {
		reader.seen.line = 0;
		gms__sized_out(model, &reader.model, sizeof(reader.model));
	}
	if (result)
		gms__sized_out(result, &reader.seen, sizeof(reader.seen));
	return err;
}
