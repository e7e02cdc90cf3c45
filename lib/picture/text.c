/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - the text of gms_dump(), read back.
 *
 * A line is "0x40000-0x401ff 512 2m private direct-map": the first and the last frame, pages,
 * the order of the folio at the start, "private" unless it is shared, and
 * attributes in the order of their bits. Whatever else there is is an error.
 */
#include "picture/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES	256
/* What a run may come to: itself, and a region of its own in an array that doubles. */
#define RUN_BYTES	(sizeof(struct picture_run) + 2 * sizeof(struct picture_region))

struct parser {
	struct picture_memory *memory;
	uint64_t room;		/* runs that there is memory for */
	uint64_t most_runs;
	uint64_t nlines;
	char	 line[LINE_BYTES];
	const char *at;
	char	*why;
	size_t	 why_room;
};

static int expected(struct parser *parser, const char *what)
{
	snprintf(parser->why, parser->why_room, "line %" PRIu64 ", column %td: expected %s",
		 parser->nlines, parser->at - parser->line + 1, what);
	return -EBADMSG;
}

/* A word and what ends it, a blank or the end of the line. */
static bool take_word(struct parser *parser, const char *word)
{
	const size_t bytes = strlen(word);

	if (strncmp(parser->at, word, bytes) ||
	    (parser->at[bytes] != ' ' && parser->at[bytes] != '\0'))
		return false;
	parser->at += bytes;
	return true;
}

static bool take_number(struct parser *parser, unsigned int base, uint64_t most, uint64_t *number)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = parser->at;
	uint64_t value = 0;

	for (; *at; at++) {
		const char *digit = memchr(digits, *at, base);

		if (!digit)
			break;
		value = value * base + (uint64_t)(digit - digits);
		if (value > most)
			return false;
	}
	/* Neither nothing nor zeros in front. */
	if (at == parser->at || (*parser->at == '0' && at - parser->at > 1))
		return false;
	parser->at = at;
	*number = value;
	return true;
}

static bool take_frame(struct parser *parser, uint64_t *gfn)
{
	if (strncmp(parser->at, "0x", 2))
		return false;
	parser->at += 2;
	return take_number(parser, 16, GMS_GFN_LIMIT - 1, gfn);
}

static bool take_blank(struct parser *parser)
{
	return *parser->at == ' ' && parser->at++;
}

static bool take_order(struct parser *parser, uint32_t *order)
{
	if (take_word(parser, "1g"))
		*order = GMS_ORDER_1G;
	else if (take_word(parser, "2m"))
		*order = GMS_ORDER_2M;
	else if (take_word(parser, "4k") || take_word(parser, "-"))
		*order = GMS_ORDER_4K;
	else
		return false;
	return true;
}

static int take_attributes(struct parser *parser, struct picture_run *run)
{
	bool is_private = false;

	for (gms_state bit = 1; *parser->at && bit & GMS_STATE_ALL; bit <<= 1) {
		if (!take_blank(parser))
			return expected(parser, "one blank");
		if (bit == GMS_STATE_SHARED && take_word(parser, "private"))
			is_private = true;
		else if (take_word(parser, gms_state_name(bit)))
			run->state |= bit;
		else
			parser->at--;
	}
	if (!is_private && !(run->state & GMS_STATE_SHARED)) {
		parser->at += *parser->at == ' ';
		return expected(parser, "\"private\" or \"shared\"");
	}
	if (*parser->at) {
		parser->at++;
		return expected(parser, "the next attribute in gms_dump()'s order, or the end");
	}
	return 0;
}

static int parse_line(struct parser *parser, gms_gfn from, struct picture_run *run)
{
	const char *at = parser->at;
	uint64_t last;

	*run = (struct picture_run){ 0, 0, 0, 0 };
	if (!take_frame(parser, &run->first))
		return expected(parser, "a frame such as 0x40000");
	if (run->first < from) {
		parser->at = at;
		return expected(parser, "a frame behind the line before");
	}
	if (*parser->at != '-')
		return expected(parser, "\"-\"");
	at = ++parser->at;
	if (!take_frame(parser, &last))
		return expected(parser, "the last frame, such as 0x401ff");
	if (last < run->first) {
		parser->at = at;
		return expected(parser, "a last frame that is not before the first");
	}
	if (!take_blank(parser))
		return expected(parser, "one blank");
	at = parser->at;
	if (!take_number(parser, 10, GMS_GFN_LIMIT, &run->npages) ||
	    run->npages != last - run->first + 1) {
		parser->at = at;
		return expected(parser, "as many pages as from the first to the last frame");
	}
	if (!take_blank(parser))
		return expected(parser, "one blank");
	if (!take_order(parser, &run->order))
		return expected(parser, "the order of a folio: 4k, 2m, 1g or -");
	return take_attributes(parser, run);
}

/* 1 with a line, 0 at the end. */
static int read_line(struct parser *parser, struct picture_input *in)
{
	size_t bytes = 0;
	int c;

	parser->at = parser->line;
	parser->line[0] = '\0';
	parser->nlines++;
	while ((c = picture_input_byte(in)) != EOF && c != '\n') {
		if (!c || bytes == LINE_BYTES - 1) {
			parser->at = parser->line + bytes;
			return expected(parser, c ? "a line of less than 256 bytes" : "a text");
		}
		parser->line[bytes++] = (char)c;
	}
	parser->line[bytes] = '\0';
	if (c != EOF)
		return 1;
	if (ferror(in->file))
		return -EIO;
	parser->at = parser->line + bytes;
	return bytes ? expected(parser, "the end of the line: the file ends too soon") : 0;
}

static int add_run(struct parser *parser, const struct picture_run *run)
{
	struct picture_memory *memory = parser->memory;
	struct picture_run *more;

	if (memory->nruns == parser->most_runs) {
		snprintf(parser->why, parser->why_room,
			 "line %" PRIu64 ": the text takes too much memory: see --most-bytes",
			 parser->nlines);
		return -EMSGSIZE;
	}
	if (memory->nruns == parser->room) {
		parser->room = parser->room ? 2 * parser->room : 64;
		if (parser->room > parser->most_runs)
			parser->room = parser->most_runs;
		more = realloc(memory->run, parser->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memory->run = more;
	}
	memory->run[memory->nruns++] = *run;
	return 0;
}

int picture_parse(struct picture_memory *memory, struct picture_input *in, uint64_t most_bytes,
		  char *why, size_t room)
{
	struct parser parser = {
		.memory = memory,
		.most_runs = most_bytes ? most_bytes / RUN_BYTES : UINT64_MAX,
		.why = why,
		.why_room = room,
	};
	struct picture_run run;
	gms_gfn from = 0;
	int more;

	while ((more = read_line(&parser, in)) > 0) {
		int err = parse_line(&parser, from, &run);

		if (!err)
			err = add_run(&parser, &run);
		if (err)
			return err;
		from = run.first + run.npages;
	}
	return more;
}
