/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_trace.c - lines read slowly; see oracle_trace.h.
 *
 * A line is cut into words first, and each is looked at as a whole.
 */
#include "oracle_trace.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WORDS	8

struct word {
	const char *at;
	size_t	 n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Up to WORDS words; the number there are. */
static size_t cut(const char *line, size_t bytes, struct word *words)
{
	size_t n = 0;

	for (size_t at = 0; at < bytes;) {
		size_t end = at;

		while (end < bytes && !is_blank(line[end]))
			end++;
		if (end == at) {
			at++;
			continue;
		}
		if (n < WORDS)
			words[n] = (struct word){ line + at, end - at };
		n++;
		at = end;
	}
	return n;
}

static bool number_of(struct word word, unsigned int base, uint64_t *value)
{
	static const char digits[] = "0123456789abcdef";
	unsigned __int128 sum = 0;

	for (size_t i = 0; i < word.n; i++) {
		const char c = word.at[i] >= 'A' && word.at[i] <= 'F' ?
			       (char)(word.at[i] + 32) : word.at[i];
		const char *digit = c ? memchr(digits, c, base) : NULL;

		if (!digit)
			return false;
		sum = sum * base + (unsigned int)(digit - digits);
		if (sum > UINT64_MAX)
			return false;
	}
	*value = (uint64_t)sum;
	return word.n > 0;
}

static bool letter_of(struct word word, const char *letters, uint8_t *place)
{
	const char *found = word.n == 1 && *word.at ? strchr(letters, *word.at) : NULL;

	if (found)
		*place = (uint8_t)(found - letters);
	return found != NULL;
}

static bool name_of(struct word word, char name[ORACLE_NAME_BYTES])
{
	if (word.n >= ORACLE_NAME_BYTES)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (word.at[i] <= ' ' || word.at[i] > '~')
			return false;
		name[i] = word.at[i];
	}
	name[word.n] = '\0';
	return true;
}

/* "# mark TIME NAME": the words are those after the #. */
static enum oracle_line mark_of(const char *line, size_t bytes, struct trace_event *event,
				char name[ORACLE_NAME_BYTES])
{
	struct word words[WORDS];
	const size_t n = cut(line, bytes, words);
	size_t i;

	if (n < 3 || words[0].n != 4 || memcmp(words[0].at, "mark", 4) != 0 ||
	    !number_of(words[1], 10, &event->time_ns))
		return ORACLE_NOTHING;
	while (is_blank(line[bytes - 1]))
		bytes--;
	for (i = 0; words[2].at + i < line + bytes && i < ORACLE_NAME_BYTES - 1; i++)
		name[i] = words[2].at[i] >= ' ' && words[2].at[i] <= '~' ? words[2].at[i] : '?';
	name[i] = '\0';
	event->op = TRACE_MARK;
	event->gpa = event->dma = TRACE_NO_ADDRESS;
	return ORACLE_EVENT;
}

enum oracle_line oracle_trace_line(const char *line, size_t bytes, struct trace_event *event,
				   char name[ORACLE_NAME_BYTES])
{
	static const uint8_t ops[] = { TRACE_MAP, TRACE_UNMAP, TRACE_COHERENT, TRACE_FREE };
	struct word words[WORDS];
	uint64_t cpu;
	uint8_t op, dir;
	size_t n;

	*event = (struct trace_event){ 0 };
	if (bytes && line[bytes - 1] == '\r')
		bytes--;
	n = cut(line, bytes, words);
	if (!n)
		return ORACLE_NOTHING;
	if (*words[0].at == '#')
		return mark_of(words[0].at + 1, (size_t)(line + bytes - words[0].at - 1), event,
			       name);
	if (n != WORDS || !number_of(words[0], 10, &event->time_ns) ||
	    !number_of(words[1], 10, &cpu) || cpu > 65535 || !letter_of(words[2], "MUAR", &op) ||
	    !number_of(words[3], 16, &event->gpa) || !number_of(words[4], 10, &event->bytes) ||
	    !event->bytes || !letter_of(words[5], "?TFB", &dir) || !dir ||
	    !name_of(words[6], name) || !number_of(words[7], 16, &event->dma))
		return ORACLE_BAD;
	if ((unsigned __int128)event->gpa + event->bytes > UINT64_MAX ||
	    (unsigned __int128)event->dma + event->bytes > UINT64_MAX)
		return ORACLE_BAD;
	event->cpu = (uint16_t)cpu;
	event->op = ops[op];
	event->dir = dir;
	return ORACLE_EVENT;
}
