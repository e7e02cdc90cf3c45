/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dma.c - what the kernel's dma:* events say; see dma.h.
 *
 * After the device there are fields, key=value, which is all that is relied on: their
 * order and number differ between kernels, and what is not known is passed over.
 */
#include "trace/dma.h"

#include <string.h>

#include "trace/list.h"
#include "trace/scan.h"

#define LIST	"a list, as {0x1000,0x2000}"

/* What a mapping is given that failed. */
#define MAPPING_ERROR	UINT64_MAX

enum shape { ONE, SOME };

static const struct kind {
	const char *name;
	uint8_t	 bytes;		/* of the name */
	uint8_t	 op;
	uint8_t	 shape;
} kinds[] = {
#define KIND(name, op, shape)	{ name, sizeof(name) - 1, op, shape }
	KIND("dma_map_page", TRACE_MAP, ONE),
	KIND("dma_unmap_page", TRACE_UNMAP, ONE),
	KIND("dma_map_phys", TRACE_MAP, ONE),
	KIND("dma_unmap_phys", TRACE_UNMAP, ONE),
	KIND("dma_map_sg", TRACE_MAP, SOME),
	KIND("dma_unmap_sg", TRACE_UNMAP, SOME),
	KIND("dma_sync_single_for_cpu", TRACE_SYNC_CPU, ONE),
	KIND("dma_sync_single_for_device", TRACE_SYNC_DEVICE, ONE),
	KIND("dma_sync_sg_for_cpu", TRACE_SYNC_CPU, SOME),
	KIND("dma_sync_sg_for_device", TRACE_SYNC_DEVICE, SOME),
	KIND("dma_alloc", TRACE_COHERENT, ONE),
	KIND("dma_alloc_pages", TRACE_COHERENT, ONE),
	KIND("dma_alloc_sgt", TRACE_COHERENT, ONE),
	KIND("dma_free", TRACE_FREE, ONE),
	KIND("dma_free_pages", TRACE_FREE, ONE),
	KIND("dma_free_sgt", TRACE_FREE, ONE),
#undef KIND
};

/* The fields of an event, as far as they matter. */
struct fields {
	const char *text;		/* where they begin */
	struct trace_event common;	/* what all events of the line have */
	bool	 has_dma, has_phys, has_size, has_dir;
	bool	 is_nothing;	/* a failed one, or no memory */
	uint64_t segments;	/* there were, perhaps more than are listed */
	struct trace_list dma, phys, sizes;
	bool	 has_dma_list, has_phys_list, has_sizes;
};

static const struct kind *kind_of(const struct trace_head *head)
{
	const size_t bytes = (size_t)(head->name_end - head->name);
	const struct kind *kind;

	for (kind = kinds; kind < kinds + sizeof(kinds) / sizeof(kinds[0]); kind++) {
		if (kind->bytes == bytes && !memcmp(kind->name, head->name, bytes))
			return kind;
	}
	return NULL;
}

static bool is_key(const char *key, const char *end, const char *name)
{
	const size_t bytes = strlen(name);

	return (size_t)(end - key) == bytes && !memcmp(key, name, bytes);
}

/* The end of a word that has to be a number; is_hex: also without 0x. */
static const char *scan_number(const char *at, uint64_t *value, bool is_hex)
{
	const char *digits = scan_text(at, "0x");

	if (digits || is_hex)
		at = scan_hex(digits ? digits : at, value);
	else
		at = scan_decimal(at, value);
	return at && (scan_is_space(*at) || *at == '\n') ? at : NULL;
}

static uint8_t dir_of(const char *at, const char *end)
{
	/* By number where libtraceevent gives the event up. */
	if (is_key(at, end, "TO_DEVICE") || is_key(at, end, "1"))
		return TRACE_TO_DEVICE;
	if (is_key(at, end, "FROM_DEVICE") || is_key(at, end, "2"))
		return TRACE_FROM_DEVICE;
	if (is_key(at, end, "BIDIRECTIONAL") || is_key(at, end, "0"))
		return TRACE_BOTH;
	return 0;
}

/* Does one of a|b|c say that this is no memory? */
static bool is_mmio(const char *at, const char *end)
{
	const char *flag;

	for (flag = at; at <= end; at++) {
		if (at < end && *at != '|')
			continue;
		if (is_key(flag, at, "MMIO"))
			return true;
		flag = at + 1;
	}
	return false;
}

static enum trace_line parse_list(struct trace_parse *parse, struct trace_list *list,
				  const char **at, unsigned int width)
{
	const char *broken, *end = trace_list_scan(list, *at, width, &broken);

	if (!end || (!scan_is_space(*end) && end != parse->end))
		return trace_bad(parse, end ? end : broken, LIST);
	if (list->n > TRACE_SEGMENTS)
		return trace_bad(parse, *at, "a list of 4096 segments at most");
	*at = end;
	return TRACE_LINE_EVENTS;
}

/* The value of the field at @key; *at: its first byte, and then what is behind it. */
static enum trace_line parse_value(struct trace_parse *parse, struct fields *fields,
				   const char *key, const char **at, bool is_raw)
{
	const char *const key_end = *at - 1, *end = scan_word(*at);
	struct trace_event *common = &fields->common;
	uint64_t number;

	if (is_key(key, key_end, "dma_addrs")) {
		fields->has_dma_list = true;
		return parse_list(parse, &fields->dma, at, 8);
	}
	if (is_key(key, key_end, "phys_addrs") || is_key(key, key_end, "addrs")) {
		fields->has_phys_list = true;
		return parse_list(parse, &fields->phys, at, 8);
	}
	if (is_key(key, key_end, "sizes") || is_key(key, key_end, "lengths")) {
		fields->has_sizes = true;
		return parse_list(parse, &fields->sizes, at, 4);
	}
	if (is_key(key, key_end, "dir")) {
		fields->has_dir = true;
		common->dir = dir_of(*at, end);
		if (!common->dir)
			return trace_bad(parse, *at,
					 "TO_DEVICE, FROM_DEVICE or BIDIRECTIONAL");
	} else if (is_key(key, key_end, "dma_addr") || is_key(key, key_end, "addr")) {
		fields->has_dma = true;
		if (!scan_number(*at, &common->dma, !is_raw))
			return trace_bad(parse, *at, "an address in hexadecimal");
	} else if (is_key(key, key_end, "phys_addr")) {
		fields->has_phys = true;
		if (!scan_number(*at, &common->gpa, !is_raw))
			return trace_bad(parse, *at, "an address in hexadecimal");
	} else if (is_key(key, key_end, "size")) {
		fields->has_size = true;
		if (!scan_number(*at, &common->bytes, false))
			return trace_bad(parse, *at, "a length in bytes");
	} else if (is_key(key, key_end, "virt_addr")) {
		/* "(nil)" or zeros: there was no memory. */
		if (**at == '(' || (scan_number(*at, &number, true) && !number))
			fields->is_nothing = true;
	} else if (is_key(key, key_end, "attrs")) {
		if (is_mmio(*at, end))
			fields->is_nothing = true;
	} else if (is_key(key, key_end, "full_ents")) {
		if (!scan_decimal(*at, &fields->segments))
			return trace_bad(parse, *at, "a number of segments");
	} else if (is_key(key, key_end, "ents")) {
		/* Those listed, and those there were: 128/200. */
		const char *of = memchr(*at, '/', (size_t)(end - *at));

		if (!of || !scan_decimal(of + 1, &fields->segments))
			return trace_bad(parse, *at, "a number of segments, as 2/2");
	}
	*at = end;
	return TRACE_LINE_EVENTS;
}

/* "DEVICE key=value key=value ..", or all of it as fields with a remark before them. */
static enum trace_line parse_fields(struct trace_parse *parse, struct fields *fields,
				    const char *at)
{
	const char *raw = scan_text(at, "[FAILED TO PARSE] device="), *key, *end;
	enum trace_line is;

	if (raw)
		at = raw;
	end = scan_word(at);
	is = trace_parse_device(parse, at, end, &fields->common);
	for (at = scan_spaces(end); is == TRACE_LINE_EVENTS && at != parse->end;
	     at = scan_spaces(at)) {
		key = at;
		while ((*at >= 'a' && *at <= 'z') || *at == '_')
			at++;
		if (at > key && *at == '=') {
			at++;
			is = parse_value(parse, fields, key, &at, raw != NULL);
		} else if (*key == '[') {
			at = scan_word(key);	/* [TRUNCATED] */
		} else {
			return trace_bad(parse, key, "a field, as size=4096");
		}
	}
	return is;
}

static bool is_range(uint64_t address, uint64_t bytes)
{
	return address != TRACE_NO_ADDRESS && scan_fits(address, bytes);
}

/* One event. */
static enum trace_line make_one(struct trace_parse *parse, struct fields *fields,
				const struct kind *kind)
{
	struct trace_event *event = parse->events;

	if (!fields->has_dma)
		return trace_bad(parse, parse->end, "dma_addr=");
	if (!fields->has_size)
		return trace_bad(parse, parse->end, "size=");
	if (kind->op == TRACE_MAP && !fields->has_phys)
		return trace_bad(parse, parse->end, "phys_addr=");
	if (fields->is_nothing || !fields->common.bytes || fields->common.dma == MAPPING_ERROR)
		return TRACE_LINE_OTHER;
	*event = fields->common;
	/* A list of one has one length. */
	if (fields->has_phys_list && fields->phys.n == 1) {
		event->gpa = trace_list_next(&fields->phys);
		fields->has_phys = true;
	}
	if (!is_range(event->dma, event->bytes) ||
	    (fields->has_phys && !is_range(event->gpa, event->bytes)))
		return trace_bad(parse, fields->text, "addresses and a length that end below 2^64");
	if (!fields->has_phys)
		event->gpa = TRACE_NO_ADDRESS;
	parse->n = 1;
	return TRACE_LINE_EVENTS;
}

/* One event a segment. */
static enum trace_line make_some(struct trace_parse *parse, struct fields *fields,
				 const struct kind *kind)
{
	const bool is_unmap = kind->op == TRACE_UNMAP;
	/* Whose segments are whose is said only if there are as many. */
	const bool has_gpa = is_unmap || (fields->has_phys_list &&
					  fields->phys.n == fields->dma.n);
	const size_t n = is_unmap ? fields->phys.n : fields->dma.n;
	struct trace_event event = fields->common;

	if (is_unmap ? !fields->has_phys_list : !fields->has_dma_list)
		return trace_bad(parse, parse->end, is_unmap ? "phys_addrs=" : "dma_addrs=");
	if (!is_unmap && !fields->has_sizes)
		return trace_bad(parse, parse->end, "sizes=");
	if (!is_unmap && fields->sizes.n != n)
		return trace_bad(parse, parse->end, "as many sizes as dma_addrs");
	if (kind->op == TRACE_MAP && !fields->has_phys_list)
		return trace_bad(parse, parse->end, "phys_addrs=");
	for (size_t i = 0; i < n; i++) {
		event.gpa = has_gpa ? trace_list_next(&fields->phys) : TRACE_NO_ADDRESS;
		event.dma = is_unmap ? TRACE_NO_ADDRESS : trace_list_next(&fields->dma);
		event.bytes = is_unmap ? 0 : trace_list_next(&fields->sizes);
		if (!is_unmap && !event.bytes)
			continue;
		if ((has_gpa && !is_range(event.gpa, event.bytes)) ||
		    (!is_unmap && !is_range(event.dma, event.bytes)))
			return trace_bad(parse, fields->text,
					 "addresses and lengths that end below 2^64");
		parse->events[parse->n++] = event;
	}
	if (fields->segments > n)
		parse->lost_events += fields->segments - n;
	return TRACE_LINE_EVENTS;
}

enum trace_line trace_parse_dma(struct trace_parse *parse, const struct trace_head *head)
{
	const struct kind *kind = kind_of(head);
	struct fields fields = {
		.text = head->text,
		.common = {
			.time_ns = head->time_ns,
			.cpu = head->cpu,
			.dir = TRACE_BOTH,
		},
	};
	enum trace_line is;

	if (!kind)
		return TRACE_LINE_OTHER;
	fields.common.op = kind->op;
	is = parse_fields(parse, &fields, head->text);
	if (is != TRACE_LINE_EVENTS)
		return is;
	/* The first kernels with these events do not say it of coherent memory, which is both. */
	if (!fields.has_dir && kind->op != TRACE_COHERENT && kind->op != TRACE_FREE)
		return trace_bad(parse, parse->end, "dir=");
	return kind->shape == ONE ? make_one(parse, &fields, kind) :
				    make_some(parse, &fields, kind);
}
